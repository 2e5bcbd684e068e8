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

mod cut;
mod dispatch;
mod elementwise;
mod engine;
mod exp;
mod fused;
mod gemm;
mod operands;
mod parallel;
pub mod peak;
mod reduce;
mod scalar;
mod scratch;
mod sgd;
mod softmax;
#[cfg(target_arch = "x86_64")]
mod sparse;
mod strip;
pub mod team;
#[cfg(target_arch = "x86_64")]
mod tile;
#[cfg(target_arch = "x86_64")]
mod transpose;
#[cfg(target_arch = "x86_64")]
mod vector;
mod view;

pub use dispatch::{SimdLevel, simd_level};
pub use elementwise::{Map, fill_rows, scale_rows};
pub use engine::{Engine, EngineKind, Gradient};
pub use gemm::gemm;
pub use reduce::{all_finite, argmax_rows, sum_rows};
pub use scalar::Scalar;
pub use sgd::{SgdRule, sgd};
pub use softmax::softmax_rows;
pub use view::{View, ViewMut};
