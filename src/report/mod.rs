//! What a set of runs says: the analysis of a sweep, its report.md, the command that repeats a run

pub mod analysis;
pub mod markdown;
pub mod train_command;
