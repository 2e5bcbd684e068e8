//! The numerical kernels of `chainrule`: matrix products, elementwise loops, normalisation, reductions, softmax, and the
//! updates of SGD and AdamW, for `f32` and `f64`
//!
//! The crate computes on slices with shapes, on several threads. It has one dense layer, but no network.
//!
//! * Every kernel writes into slices of its caller. None allocates, except that [`DenseKernels`] grows its scratch and
//!   `matrixmultiply` allocates a packing buffer in each product.
//! * Work is divided by the shape, never by the number of threads, and every sum has a fixed order. The same input gives
//!   the same bits for any number of threads.
//! * Loops are compiled for AVX-512, AVX2 and the baseline, and selected at run time ([`simd_level`]). They use no fused
//!   multiply-add, so all three give the same bits. Products do: the fused backend uses them with both AVX-512 and AVX2,
//!   and `matrixmultiply` where the processor has them.
//! * Threads are those of the current `rayon` pool. Inside [`team::scope`] they spin while they wait, so that a parallel
//!   loop starts without waking them (docs/engine.md, row "starting a loop").
//!
//! Folders import only from those to their right; tests/library/imports.rs reads the order from this line:
//! `dense` → `gemm` → `elementwise` → `threads` → `aligned`, `view`, `cpu` → `number`
//!
//! The contract of all unsafe code that computes products is stated on `Gemm` (`gemm/mod.rs`). The other unsafe code
//! gives parts of slices to threads (`threads/`, `fused.rs`, `batch_norm.rs`, `gather.rs`, `layer_norm.rs`, `mix.rs`,
//! `pairs.rs`, `softmax.rs`), calls `matrixmultiply` (`unfused.rs`), or selects instructions of the processor (`cpu/`,
//! `gather.rs`, `pairs.rs`).

mod aligned;
mod cpu;
mod dense;
mod elementwise;
mod gemm;
mod number;
mod threads;
mod view;

#[cfg(test)]
#[path = "../../tests/support/left_out.rs"]
mod left_out;
#[cfg(test)]
#[path = "../../tests/support/numbers.rs"]
mod numbers;

pub use aligned::AlignedVec;
pub use cpu::peak;
pub use cpu::simd_level::{SimdLevel, has_bf16, simd_level};
pub use dense::scalar::Scalar;
pub use dense::unfused::gemm;
pub use dense::{Backend, DenseKernels, Gradient};
pub use elementwise::activation::{Activation, fill_rows};
pub use elementwise::adamw::{AdamWRule, AdamWStep, LayerAdamW, adamw};
pub use elementwise::average::average;
pub use elementwise::batch_norm::{
    ColumnMoments, ColumnMomentsMut, NORM_EPSILON, ScaleShift, batch_norm, batch_norm_backward,
    normalize_columns,
};
pub use elementwise::distort::Pixel;
pub use elementwise::dropout::Dropout;
pub use elementwise::epilogue::Epilogue;
pub use elementwise::gather::scale_rows;
pub use elementwise::image_moves::{Distortion, ImageShape, Move, Part};
pub use elementwise::images::{move_images, move_images_scratch};
pub use elementwise::layer_norm::{
    RowMoments, RowMomentsMut, layer_norm, layer_norm_backward, layer_norm_training,
};
pub use elementwise::mix::mix_rows;
pub use elementwise::non_monotonic::NonMonotonic;
pub use elementwise::reduce::{all_finite, argmax_rows, row_sums, sum_rows};
pub use elementwise::sgd::{SgdRule, SgdStep, sgd};
pub use elementwise::softmax::softmax_rows;
pub use elementwise::standardize::{CLIP_MAX, ColumnScales, clip, standardize_rows};
pub use number::Number;
pub use threads::team;
pub use view::{View, ViewMut};
