//! Training: the loop over epochs, evaluation, a run with its files, thread counts and measurements

pub mod average;
pub mod bench;
pub mod checkpoint;
pub mod confusion;
pub mod confusion_files;
pub mod default_pool;
pub mod dims;
pub mod evaluate;
pub mod kept_settings;
mod machine;
pub mod metrics;
pub mod monitor;
pub mod optimizer;
pub mod progress;
pub mod run;
pub mod run_files;
pub mod run_id;
pub mod run_table;
mod saver;
pub mod schedule;
pub mod state;
pub mod target_files;
pub mod thread_count;
pub mod trainer;
pub mod warnings;
