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
//!   use no fused multiply-add, so all three give the same bits. Products are the exception: the
//!   fused engine's kernels fuse, alike for AVX-512 and AVX2, and `matrixmultiply` fuses where the processor can.
//! * Threads are those of the current `rayon` pool. Inside [`team::scope`] they stay in step by spinning,
//!   which makes a parallel loop cost tenths of a microsecond.
//!
//! `unsafe` is fenced: `dispatch.rs` (the run-time choice), `gemm.rs` with `scalar.rs` (the call of
//! `matrixmultiply`), `fused.rs`, `operands.rs`, `tile.rs`, `sparse.rs`, `transpose.rs` and `vector.rs` (our
//! products), `parallel.rs` and `team.rs` (work handed to other threads), `softmax.rs` and `strip.rs` (parts of
//! matrices for several threads), `elementwise.rs` (a prefetch), `peak.rs` (the yardstick).

mod aligned;
mod cpu;
mod dense;
mod elementwise;
mod gemm;
mod number;
mod threads;
mod view;

pub use cpu::peak;
pub use cpu::simd_level::{SimdLevel, simd_level};
pub use dense::unfused::gemm;
pub use dense::{Backend, DenseKernels, Gradient};
pub use elementwise::activation::{Activation, fill_rows, scale_rows};
pub use elementwise::reduce::{all_finite, argmax_rows, sum_rows};
pub use elementwise::sgd::{SgdRule, SgdStep, sgd};
pub use elementwise::softmax::softmax_rows;
pub use number::Scalar;
pub use threads::team;
pub use view::{View, ViewMut};
