//! The matrix product, over `matrixmultiply`, cut into strips that threads share

use crate::threads::parallel::{SendPtr, parallel_for};
use crate::{Scalar, View, ViewMut};

/// A strip does at least this many multiply-adds
const STRIP_MIN_WORK: usize = 1 << 20;
/// Strips are at least this many rows or columns, and a multiple of it: whole register tiles of `matrixmultiply`
const STRIP_UNIT: usize = 32;
/// More strips than this only pack the shared operand more often
const STRIPS_MAX: usize = 8;

/// `C ← α A B + β C` for A: m × k, B: k × n, C: m × n, each of A and B as it lies or transposed
///
/// * with β = 0 the old content of C is not read: it may be NaN
/// * each element is summed over k in an order that depends on the shape alone, so the result does not
///   depend on the number of threads
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
    // Cutting the rows packs B again in every strip, cutting the columns A: cut the longer side.
    let by_rows = m >= n;
    let strip = strip_len(if by_rows { m } else { n }, m * n * k);
    let strips = m.max(n).div_ceil(strip);
    parallel_for(strips, |i| {
        let from = i * strip;
        let (row, col, rows, cols) =
            if by_rows { (from, 0, strip.min(m - from), n) } else { (0, from, m, strip.min(n - from)) };
        // SAFETY: a `View` covers exactly rows·cols numbers and `t` only swaps strides, so element (row, 0)
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

/// How long a strip of a side of `len` is, when the whole product takes `work` multiply-adds; at least 1
fn strip_len(len: usize, work: usize) -> usize {
    let strips = (work / STRIP_MIN_WORK).clamp(1, STRIPS_MAX);
    len.div_ceil(strips).next_multiple_of(STRIP_UNIT).max(1)
}
