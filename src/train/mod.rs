//! Training: the loop over epochs, a run with its files, thread counts and measurements

pub mod bench;
pub mod run;
pub mod thread_count;
pub mod trainer;
