//! `chainrule`: dense neural networks, trained on CPUs
//!
//! The library under the command-line tool. A number travels data → matrix → kernels → layers → model →
//! trainer → run → sweep → cli; code imports the other way round, and never back.
//!
//! See `docs/design.md` for the layers and why they are so, `docs/maths.md` for the derivations.

#![forbid(unsafe_code)]

pub mod bench;
pub mod config;
pub mod data;
pub mod error;
pub mod figures;
pub mod files;
pub mod gradcheck;
pub mod init;
pub mod layers;
pub mod log;
pub mod loss;
pub mod matrix;
pub mod model;
pub mod model_file;
pub mod optim;
pub mod plot;
pub mod rng;
pub mod run;
pub mod sweep;
pub mod threads;
pub mod trainer;

pub use error::{Error, Result};
