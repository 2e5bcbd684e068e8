//! How work is cut into pieces, and the threads that run them

pub(crate) mod block_mut;
pub(crate) mod parallel;
pub(crate) mod partition;
pub mod team;
