//! The backend of bf16: the products of `fused.rs` on pairs of bf16, whose sums are `f32`
//!
//! An instruction multiplies two pairs of elements along the inner dimension and adds both products to a sum. So each
//! product needs both operands in pairs along its own inner dimension:
//!
//! * forward, `Y = X W`: columns of X, and rows of W
//! * `dX = dY Wᵀ`: columns of dY, and columns of W, which are transposed panel by panel as in `f32`
//! * `∂L/∂W = Xᵀ dY`: rows of X, and rows of dY
//!
//! One loop makes the pairs of X and of dY that all tasks of a product read. The tasks that read columns or rows of W, or
//! columns of X, round them while they pack them: one task each, or a few where the other side is divided, too. Weights, velocities, biases and all sums stay `f32`.

use crate::aligned::AlignedVec;
use crate::dense::fused::{self, Operands};
use crate::dense::gradient::Gradient;
use crate::elementwise::epilogue::Epilogue;
use crate::elementwise::pairs::{Pairing, pair_up};
use crate::gemm::kernel::Kernel;
use crate::number::pair::Pair;
use crate::view::View;

/// `Y ← f(X W + 1 bᵀ)`; the caller checks the shapes
pub(crate) fn forward(
    x: View<'_, f32>,
    w: View<'_, f32>,
    b: &[f32],
    f: Epilogue<f32>,
    y: &mut [f32],
    scratch: &mut AlignedVec<f32>,
    pairs: &mut AlignedVec<Pair>,
) {
    let (rows, cols) = Pairing::Columns.shape(x.shape());
    pairs.set_len(rows * cols);
    pair_up([(x, Pairing::Columns, &mut **pairs)]);
    let x = View::new(pairs, rows, cols);
    fused::forward(x, w, b, f, y, scratch);
}

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b; the caller checks the shapes
pub(crate) fn backward(
    x: View<'_, f32>,
    dy: View<'_, f32>,
    w: &mut [f32],
    dx: Option<(&mut [f32], Epilogue<f32>)>,
    gradient: Gradient<'_, f32>,
    scratch: &mut AlignedVec<f32>,
    pairs: &mut AlignedVec<Pair>,
) {
    let (m, n) = dy.shape();
    // Without dX, its product has no operands.
    let to_x_rows = if dx.is_some() { m } else { 0 };
    let (half_m, half_n) = (m.div_ceil(2), n.div_ceil(2));
    pairs.set_len(half_m * n + to_x_rows * half_n);
    let (to_w, to_x) = pairs.split_at_mut(half_m * n);
    pair_up([
        (dy, Pairing::Rows, &mut *to_w),
        (View::new(&dy.data()[..to_x_rows * n], to_x_rows, n), Pairing::Columns, &mut *to_x),
    ]);
    let operands = Operands { to_w: View::new(to_w, half_m, n), to_x: View::new(to_x, to_x_rows, half_n) };
    fused::backward(x, dy, operands, w, dx, gradient, scratch);
}

/// The share of pairs of columns of A that are skipped in a product with a matrix of n columns
pub(crate) fn zeros(a: View<'_, f32>, n: usize) -> f64 {
    let (rows, cols) = Pairing::Columns.shape(a.shape());
    let mut pairs = vec![Pair::default(); rows * cols];
    pair_up([(a, Pairing::Columns, &mut pairs)]);
    Kernel::skipped(View::new(&pairs, rows, cols), n)
}
