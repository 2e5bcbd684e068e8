//! `chainrule`: dense neural networks, trained on CPUs
//!
//! The library under the command-line tool. A number travels data → matrix → kernels → layers → model →
//! trainer → run → sweep → cli; code imports the other way round, and never back.
//!
//! See `docs/design.md` for the layers and why they are so, `docs/maths.md` for the derivations.

#![forbid(unsafe_code)]

pub mod config;
pub mod data;
pub mod error;
pub mod nn;
pub mod plot;
pub mod random;
pub mod report;
pub mod sweep;
pub mod tables;
pub mod train;

pub use error::{Error, Result};
