//! Parallel loops: how work is divided into tasks, and the threads that run them

pub(crate) mod block_mut;
pub(crate) mod parallel;
pub(crate) mod partition;
mod protocol;
mod sync;
pub mod team;
