//! Reports on a set of runs: the analysis, its report.md, and the command that repeats a run

pub mod analysis;
pub mod markdown;
pub mod train_command;
