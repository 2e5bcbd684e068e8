//! Reports on a set of runs and on one run: the analysis, the report.md of each, and the command that repeats a run

pub mod analysis;
pub mod markdown;
pub mod run_report;
pub mod train_command;
