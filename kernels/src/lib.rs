//! The numerical kernels under `chainrule`: matrix products, elementwise loops, reductions, softmax and
//! the SGD update, for `f32` and `f64`
//!
//! This crate knows slices, shapes and threads. It has never heard of a network.
//!
//! * Every kernel writes into what it is given; none allocates. (`matrixmultiply` takes a packing buffer
//!   from the allocator in each product.)
//! * Work is cut by shape, never by thread count, and every sum has a fixed order. The same input gives
//!   the same bits for any number of threads.
//! * Loops are compiled for AVX-512, AVX2 and the baseline, and chosen at run time ([`simd_level`]). They
//!   use no fused multiply-add, so all three give the same bits. Products are the exception: [`matmul`]'s
//!   tiles fuse, alike for AVX-512 and AVX2, and `matrixmultiply` fuses where the processor can.
//! * Threads are those of the current `rayon` pool. Inside [`team::scope`] they stay in step by spinning,
//!   which makes a parallel loop cost tenths of a microsecond.
//!
//! `unsafe` is fenced: `dispatch.rs` (the run-time choice), `gemm.rs` with `scalar.rs` (the call of
//! `matrixmultiply`), `matmul.rs` with `tile.rs` (our tiles), `team.rs` (work handed to other threads),
//! `softmax.rs` and `strip.rs` (parts of matrices for several threads).

mod dispatch;
mod elementwise;
mod exp;
mod gemm;
mod matmul;
mod reduce;
mod scalar;
mod sgd;
mod softmax;
mod strip;
pub mod team;
#[cfg(target_arch = "x86_64")]
mod tile;
mod view;

pub use dispatch::{SimdLevel, simd_level};
pub use elementwise::{fill_rows, relu, relu_backward, scale_rows, sigmoid, sigmoid_backward};
pub use gemm::gemm;
pub use matmul::{blocks, matmul};
pub use reduce::{all_finite, argmax_rows, sum_rows};
pub use scalar::Scalar;
pub use sgd::{sgd_momentum, sgd_plain};
pub use softmax::softmax_rows;
pub use view::{View, ViewMut};
