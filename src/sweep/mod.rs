//! Sweeps: the trials of one plan, run side by side, with their rows in two tables
//!
//! Every trial is a run in its own folder, and its `summary.csv` marks it as ended. The `runs.csv` and `epochs.csv` of
//! the sweep hold copies of the trials' rows. They grow as trials end, and are written again from the folders, in the
//! order of the plan, at the start, at the end and by a merge. A sweep that was killed and resumed, or divided into
//! shards and merged, therefore ends with the same files.
//!
//! A sample ([`Sampling`]) is drawn when a draft becomes a plan, which lists its trials. A halving ([`Halving`]) runs the trials in
//! rungs: which of them go on follows from their files.

mod auto_shard;
mod axis;
mod axis_name;
mod combinations;
mod conflicts;
mod dataset_cache;
mod draft;
mod estimate;
mod folder;
mod folder_plans;
mod half_trained;
mod halving;
mod merge;
mod plan;
mod plan_file;
mod plan_lines;
mod plan_text;
mod range;
mod rebuild;
mod rungs;
mod runner;
mod sample;
mod scheduler;
mod scheduler_task;
mod shard;
mod sobol;
mod trial_check;
mod trial_rows;
mod unused;

pub use auto_shard::{Environment, Taken, auto_shard, slurm_shard, submitted_again};
pub use axis::Axis;
pub use conflicts::WIDTH_AND_DEPTH;
pub use draft::Draft;
pub use estimate::{Estimate, estimate};
pub use halving::{Halving, Rung};
pub use merge::merge;
pub use plan::{Plan, Trial, short_text};
pub use rebuild::rebuild_runs;
pub use runner::{Ended, Observer, Options, Plots, run};
pub use sample::Sampling;
pub use shard::Shard;
