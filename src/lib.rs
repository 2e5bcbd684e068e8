//! `chainrule`: dense neural networks, trained on CPUs
//!
//! The library under the command-line tool. A folder imports only those below it: cli, sweep and predict, plot, report, train
//! and export, tables and data, config, nn, and the kernels at the bottom.
//!
//! See `docs/design.md` for the layers and why they are so, `docs/maths.md` for the derivations.

#![forbid(unsafe_code)]

pub mod config;
pub mod data;
pub mod error;
pub mod export;
pub mod nn;
pub mod plot;
pub mod predict;
pub mod random;
pub mod report;
pub mod sweep;
pub mod tables;
pub mod train;

pub use error::{Error, Result};
