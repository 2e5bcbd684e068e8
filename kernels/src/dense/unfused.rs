//! The backend over the crate `matrixmultiply`: a product, then a pass over memory for everything else

use crate::aligned::AlignedVec;
use crate::dense::gradient::Gradient;
use crate::elementwise::activation::{Activation, fill_rows};
use crate::elementwise::reduce::sum_rows;
use crate::elementwise::sgd::{SgdStep, sgd};
use crate::gemm::dispatch::Scalar;
use crate::threads::parallel::{SendPtr, parallel_for};
use crate::view::{View, ViewMut};

/// Multiply-adds of a strip at least
const STRIP_MIN_WORK: usize = 1 << 20;
/// Strips have a multiple of this number of rows or columns: whole register tiles of `matrixmultiply`
const STRIP_UNIT: usize = 32;
/// Strips at most: more of them only pack the shared operand more often
const STRIPS_MAX: usize = 8;

/// `Y ← f(X W + 1 bᵀ)`; the caller checks the shapes
pub(super) fn forward<T: Scalar>(
    x: View<'_, T>,
    w: View<'_, T>,
    b: &[T],
    f: Activation,
    mut y: ViewMut<'_, T>,
) {
    let (m, n) = y.shape();
    fill_rows(y.data_mut(), b);
    gemm(T::ONE, x, w, T::ONE, ViewMut::new(y.data_mut(), m, n));
    f.forward(y.data_mut());
}

/// `dX ← (dY Wᵀ) ∘ f'(X)`, then the gradients of W and b; the caller checks the shapes
pub(super) fn backward<T: Scalar>(
    x: View<'_, T>,
    dy: View<'_, T>,
    w: &mut [T],
    dx: Option<(&mut [T], Activation)>,
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
    match gradient {
        Gradient::Store { dw, db } => store(dw, db),
        Gradient::Step { b, step: SgdStep { rule, vw, vb } } => {
            scratch.set_len((k + 1) * n);
            let (dw, db) = scratch.split_at_mut(k * n);
            store(dw, db);
            sgd(rule, w, vw, dw);
            sgd(rule, b, vb, db);
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
    let ((rsa, csa), (rsb, csb), (rsc, csc)) = (signed(a.strides()), signed(b.strides()), (n as isize, 1));
    let (pa, pb, pc) = (
        SendPtr::new(a.as_ptr().cast_mut()),
        SendPtr::new(b.as_ptr().cast_mut()),
        SendPtr::new(c.as_mut_ptr()),
    );
    // Every strip of rows packs B again, and every strip of columns A: divide the longer side.
    let by_rows = m >= n;
    let strip = strip_len(if by_rows { m } else { n }, m * n * k);
    let strips = m.max(n).div_ceil(strip);
    parallel_for(strips, |i| {
        let from = i * strip;
        let (row, col, rows, cols) =
            if by_rows { (from, 0, strip.min(m - from), n) } else { (0, from, m, strip.min(n - from)) };
        // SAFETY: a `View` covers exactly rows·cols elements and `t` only swaps strides, so element (row, 0)
        // of A, (0, col) of B and (row, col) of C and all that the product forms from there, at most
        // (m, k), (k, n) and (m, n), lie inside their slices. When the strips are empty nothing is formed.
        // `c` is a unique borrow with strides (n, 1), so it overlaps neither input, no two of its elements
        // share an address, and strips of different i touch different elements. All three borrows outlive
        // `parallel_for`, which returns when the last strip is done.
        unsafe {
            T::gemm_raw(
                rows,
                k,
                cols,
                alpha,
                pa.get().offset(row as isize * rsa),
                (rsa, csa),
                pb.get().offset(col as isize * csb),
                (rsb, csb),
                beta,
                pc.get().add(row * n + col),
                (rsc, csc),
            );
        }
    });
}

/// The length of a strip of a side of `len`, at least 1, where the whole product takes `work` multiply-adds
fn strip_len(len: usize, work: usize) -> usize {
    let strips = (work / STRIP_MIN_WORK).clamp(1, STRIPS_MAX);
    len.div_ceil(strips).next_multiple_of(STRIP_UNIT).max(1)
}
