//! The backend of bf16: the products of `fused.rs` on pairs of bf16, whose sums are `f32`
//!
//! An instruction multiplies two pairs of elements along the inner dimension and adds both products to a sum. So each
//! product needs both operands in pairs along its own inner dimension:
//!
//! * forward, `Y = X W`: columns of X, and rows of W
//! * `dX = dY Wᵀ`: columns of dY, and columns of W, which are transposed panel by panel as in `f32`
//! * `∂L/∂W = Xᵀ dY`: rows of X, and rows of dY
//!
//! One loop makes these pairs before the loop of the product. Only the pairs of columns of W are made by the task that
//! has these rows of W, just before it changes them. Weights, velocities, biases and all sums stay `f32`.

use std::ops::Range;
use std::slice;

use crate::aligned::AlignedVec;
use crate::dense::fused::{self, Operands};
use crate::dense::gradient::Gradient;
use crate::elementwise::activation::Activation;
use crate::elementwise::pairs::{Pairing, pair_columns, pair_up};
use crate::gemm::kernel::Kernel;
use crate::number::pair::Pair;
use crate::threads::parallel::SendPtr;
use crate::view::View;

/// `Y ← f(X W + 1 bᵀ)`; the caller checks the shapes
pub(crate) fn forward(
    x: View<'_, f32>,
    w: View<'_, f32>,
    b: &[f32],
    f: Activation,
    y: &mut [f32],
    scratch: &mut AlignedVec<f32>,
    pairs: &mut AlignedVec<Pair>,
) {
    let (x_shape, w_shape) = (Pairing::Columns.shape(x.shape()), Pairing::Rows.shape(w.shape()));
    let (x_len, w_len) = (x_shape.0 * x_shape.1, w_shape.0 * w_shape.1);
    pairs.set_len(x_len + w_len);
    let (x_pairs, w_pairs) = pairs.split_at_mut(x_len);
    pair_up([(x, Pairing::Columns, &mut *x_pairs), (w, Pairing::Rows, &mut *w_pairs)]);
    let x = View::new(x_pairs, x_shape.0, x_shape.1);
    let w = View::new(w_pairs, w_shape.0, w_shape.1);
    fused::forward(x, w, b, f, y, scratch);
}

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b; the caller checks the shapes
pub(crate) fn backward(
    x: View<'_, f32>,
    dy: View<'_, f32>,
    w: &mut [f32],
    dx: Option<(&mut [f32], Activation)>,
    gradient: Gradient<'_, f32>,
    scratch: &mut AlignedVec<f32>,
    pairs: &mut AlignedVec<Pair>,
) {
    let ((m, k), n) = (x.shape(), dy.shape().1);
    let (half_m, half_n) = (m.div_ceil(2), n.div_ceil(2));
    // Without dX, its product has no operands.
    let (to_x_rows, w_rows) = if dx.is_some() { (m, k) } else { (0, 0) };
    let lens = [half_m * k, half_m * n, to_x_rows * half_n, w_rows * half_n];
    pairs.set_len(lens.iter().sum());
    let (x_rows, rest) = pairs.split_at_mut(lens[0]);
    let (dy_rows, rest) = rest.split_at_mut(lens[1]);
    let (dy_columns, w_columns) = rest.split_at_mut(lens[2]);
    pair_up([
        (x, Pairing::Rows, &mut *x_rows),
        (dy, Pairing::Rows, &mut *dy_rows),
        (View::new(&dy.data()[..to_x_rows * n], to_x_rows, n), Pairing::Columns, &mut *dy_columns),
    ]);
    let w_columns = SendPtr(w_columns.as_mut_ptr());
    let operands = Operands {
        x: View::new(x_rows, half_m, k),
        dy: View::new(dy_rows, half_m, n),
        dy_to_x: View::new(dy_columns, to_x_rows, half_n),
        w: Some(w_columns.get()),
        prepare: |rows: Range<usize>, w: *const f32| {
            // SAFETY: only the task of these rows of W, k × n, calls this, before it changes them, and only it reads
            // their pairs. Both are borrowed until the loop ends.
            unsafe {
                let from = slice::from_raw_parts(w.add(rows.start * n), rows.len() * n);
                let to = w_columns.get().add(rows.start * half_n);
                pair_columns(from, n, slice::from_raw_parts_mut(to, rows.len() * half_n));
            }
        },
    };
    fused::backward(x, dy, operands, w, dx, gradient, scratch);
}

/// The share of pairs of columns of A that are skipped in a product with a matrix of n columns
pub(crate) fn zeros(a: View<'_, f32>, n: usize) -> f64 {
    let (rows, cols) = Pairing::Columns.shape(a.shape());
    let mut pairs = vec![Pair::default(); rows * cols];
    pair_up([(a, Pairing::Columns, &mut pairs)]);
    Kernel::skipped(View::new(&pairs, rows, cols), n)
}
