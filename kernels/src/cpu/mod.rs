//! The processor: its instruction set, chosen at run time, and its peak speed

pub mod peak;
pub(crate) mod simd_level;
