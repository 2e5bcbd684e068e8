//! Reports on a set of runs and on one run: the analysis, the report.md of each, the command that repeats a run,
//! and the advice for one that diverged

pub mod analysis;
mod comparison;
pub mod divergence;
pub mod halving;
pub mod markdown;
mod markdown_table;
mod markdown_text;
mod metric_column;
pub mod number_columns;
mod observed_run;
pub mod row_rules;
mod run_metrics;
pub mod run_report;
pub mod rung_ends;
pub mod sampled;
pub mod score;
mod short_number;
mod spread;
pub mod train_command;
mod varied_setting;
