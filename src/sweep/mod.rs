//! Sweeps: many runs of one plan, side by side, whose rows end up in two tables
//!
//! Every trial is a run in a folder of its own, and its `summary.csv` says that it has ended. The sweep's
//! `runs.csv` and `epochs.csv` hold nothing that is not in those folders: they grow as trials end, and are
//! made anew from the folders, in the order of the plan, at the start of a resume, at the end, and by a merge.
//! So a sweep that was killed and resumed, or cut into shards and merged, ends in the same files.

mod axis;
mod cells;
mod dataset_cache;
mod estimate;
mod folder;
mod merge;
mod plan;
mod plan_file;
mod runner;
mod shard;
mod tally;
mod trial_rows;

pub use crate::config::setting_table::Parameter;
pub use axis::{Axis, text};
pub use estimate::{Estimate, estimate};
pub use merge::merge;
pub use plan::{Draft, Plan, Trial};
pub use runner::{Ended, Observer, Options, Plots, TrialEnd, run};
pub use shard::Shard;
pub use tally::{Best, Tally};
