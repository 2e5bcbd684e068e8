//! The element types of the operands of products

use std::fmt::Debug;

use crate::number::Number;
use crate::number::pair::Pair;

/// An element of the operands A and B of a product: `f32`, `f64`, or a [`Pair`] of bf16
pub trait Factor: Copy + Send + Sync + Default + Debug + 'static {
    /// The type of sums and of C; has the size and alignment of a factor, so that both can be in the same scratch
    type Sum: Number;
    /// Numbers in a factor
    const NUMBERS: usize;
}

impl Factor for f32 {
    type Sum = Self;
    const NUMBERS: usize = 1;
}

impl Factor for f64 {
    type Sum = Self;
    const NUMBERS: usize = 1;
}

impl Factor for Pair {
    type Sum = f32;
    const NUMBERS: usize = 2;
}
