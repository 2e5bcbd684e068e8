//! The backend that uses the crate `matrixmultiply`: a product, then a pass over memory for each further step

use crate::aligned::AlignedVec;
use crate::dense::gradient::Gradient;
use crate::dense::scalar::Scalar;
use crate::elementwise::activation::fill_rows;
use crate::elementwise::adamw::{LayerAdamW, adamw};
use crate::elementwise::epilogue::Epilogue;
use crate::elementwise::reduce::sum_rows;
use crate::elementwise::sgd::{SgdStep, sgd};
use crate::threads::parallel::{SendPtr, parallel_for};
use crate::threads::partition::Partition;
use crate::view::{View, ViewMut};

/// Smallest number of multiply-adds of a block
const MIN_BLOCK_WORK: usize = 1 << 20;
/// The bounds of blocks are multiples of this: whole register tiles of `matrixmultiply`
const BLOCK_UNIT: usize = 32;
/// Largest number of blocks of a product: more of them would only pack the shared operand more often
const MAX_BLOCKS: usize = 8;

/// `Y ← f(X W + 1 bᵀ)`; the caller checks the shapes
pub(super) fn forward<T: Scalar>(x: View<'_, T>, w: View<'_, T>, b: &[T], f: Epilogue<T>, y: &mut [T]) {
    fill_rows(y, b);
    gemm(T::ONE, x, w, T::ONE, ViewMut::new(y, x.shape().0, b.len()));
    f.forward(y);
}

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b; the caller checks the shapes
pub(super) fn backward<T: Scalar>(
    x: View<'_, T>,
    dy: View<'_, T>,
    w: &mut [T],
    dx: Option<(&mut [T], Epilogue<T>)>,
    gradient: Gradient<'_, T>,
    scratch: &mut AlignedVec<T>,
) {
    let ((m, k), n) = (x.shape(), dy.shape().1);
    if let Some((dx, f)) = dx {
        gemm(T::ONE, dy, View::new(w, k, n).t(), T::ZERO, ViewMut::new(dx, m, k));
        f.backward(dx, x.data());
    }
    let store = |dw: &mut [T], db: &mut [T]| {
        gemm(T::ONE, x.t(), dy, T::ZERO, ViewMut::new(dw, k, n));
        sum_rows(dy.data(), db);
    };
    let (weights, biases) = if matches!(gradient, Gradient::Store { .. }) { (0, 0) } else { (k * n, n) };
    scratch.set_len(weights + biases);
    let (dw_scratch, db_scratch) = scratch.split_at_mut(weights);
    match gradient {
        Gradient::Store { dw, db } => store(dw, db),
        Gradient::Sgd { b, step: SgdStep { rule, bias_rule, vw, vb } } => {
            store(dw_scratch, db_scratch);
            sgd(rule, w, vw, dw_scratch);
            sgd(bias_rule, b, vb, db_scratch);
        }
        Gradient::AdamW { b, step: LayerAdamW { constants, bias_constants, moments, bias_moments } } => {
            store(dw_scratch, db_scratch);
            let ([m, v], [bias_m, bias_v]) = (moments, bias_moments);
            adamw(constants, w, m, v, dw_scratch);
            adamw(bias_constants, b, bias_m, bias_v, db_scratch);
        }
    }
}

/// `C ← α A B + β C` for A: m × k, B: k × n, C: m × n, where A and B may be transposed
///
/// * with β = 0 the old content of C is not read: it may be NaN
/// * the order in which an element is summed depends on the shape alone, so the result does not depend on the number of
///   threads
///
/// # Panics
/// If the shapes don't fit each other.
///
/// Source: Goto and van de Geijn, *Anatomy of High-Performance Matrix Multiplication* (2008), as the crate
/// `matrixmultiply` builds it.
#[track_caller]
pub fn gemm<T: Scalar>(alpha: T, a: View<'_, T>, b: View<'_, T>, beta: T, mut c: ViewMut<'_, T>) {
    let ((m, k), (k2, n)) = (a.shape(), b.shape());
    assert!(k == k2 && c.shape() == (m, n), "gemm: {m}×{k} by {k2}×{n} into {:?}", c.shape());
    let signed = |(rows, cols): (usize, usize)| (rows as isize, cols as isize);
    let ((rsa, csa), (rsb, csb)) = (signed(a.strides()), signed(b.strides()));
    let (pa, pb) = (SendPtr(a.data().as_ptr().cast_mut()), SendPtr(b.data().as_ptr().cast_mut()));
    let pc = SendPtr(c.data_mut().as_mut_ptr());
    // Every block of rows packs all of B again, and every block of columns all of A, so the longer side is divided.
    let by_rows = m >= n;
    let count = (m * n * k / MIN_BLOCK_WORK).min(MAX_BLOCKS);
    let blocks = Partition::into_parts(count, m.max(n), BLOCK_UNIT);
    parallel_for(blocks.count(), |i| {
        let (rows, cols) = if by_rows { (blocks.range(i), 0..n) } else { (0..m, blocks.range(i)) };
        // SAFETY: a `View` covers exactly rows · cols elements and `t` only swaps strides, so the rows `rows` of A, the
        // columns `cols` of B and this block of C lie inside their slices. `c` is a unique borrow with strides (n, 1),
        // so it overlaps neither input, no two of its elements share an address, and blocks of different i share no
        // element. All three borrows outlive `parallel_for`, which returns when the last block is done.
        unsafe {
            let a = pa.get().wrapping_offset(rows.start as isize * rsa);
            let b = pb.get().wrapping_offset(cols.start as isize * csb);
            let c = pc.get().wrapping_add(rows.start * n + cols.start);
            T::GEMM(rows.len(), k, cols.len(), alpha, a, rsa, csa, b, rsb, csb, beta, c, n as isize, 1);
        }
    });
}
