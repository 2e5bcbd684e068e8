//! What the processor can do: its instruction set, chosen at run time, and its peak

pub mod peak;
pub(crate) mod simd_level;
