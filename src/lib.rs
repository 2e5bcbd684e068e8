//! `chainrule`: dense neural networks, trained on CPUs
//!
//! The library under the command-line tool. A number travels data → matrix → kernels → layers → model →
//! trainer → run → cli; code imports the other way round, and never back.
//!
//! See `docs/design.md` for the layers and why they are so, `docs/maths.md` for the derivations.

#![forbid(unsafe_code)]

pub mod error;
pub mod init;
pub mod layers;
pub mod loss;
pub mod matrix;
pub mod model;
pub mod optim;
pub mod rng;

pub use error::{Error, Result};
