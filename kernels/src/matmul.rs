//! The product of a layer, `C ← 1 bᵀ + A B`, by our own tiles where they apply, else by `matrixmultiply`
//!
//! `matrixmultiply` packs both operands in each product, which in a training step takes a third as long as
//! the arithmetic. The tiles read operands as they lie; they need B's rows in one piece, and AVX2 with FMA or
//! AVX-512.
//!
//! Which numbers a core touches matters as much: a line that another core wrote last costs ten times one
//! in the own L2. A weight matrix W, d_in × d_out, with d_in the longer side is cut into blocks of rows
//! ([`blocks`]), and each core keeps its blocks from product to product: it gathers those columns of the
//! input X, multiplies them by those rows of W (partial sums, added up in the order of the blocks), makes
//! those rows of ∂L/∂W, and updates them. Only partial sums and ∂L/∂Y go from core to core.

use std::ops::Range;

use crate::dispatch::multiversion;
use crate::team::{SendPtr, for_each_chunk, parallel_for};
use crate::{Scalar, SimdLevel, View, ViewMut, fill_rows, gemm, simd_level};

/// Columns a piece: two vectors of AVX-512 in f32, two cache lines
const PIECE_COLUMNS: usize = 32;
/// Multiply-adds a piece has at least: some microseconds, ten times what handing out a piece costs
const PIECE_MIN_WORK: usize = 1 << 17;
/// Rows a piece, where a matrix is too narrow to be cut by columns: a multiple of both tiles' heights
const PIECE_ROWS: usize = 24;
/// Boundaries of blocks are multiples of this: a cache line of f32
const BLOCK_UNIT: usize = 16;

/// How many blocks a side of this length is cut into; by the length alone
fn block_count(len: usize) -> usize {
    match len {
        0..256 => 1,
        256..512 => 2,
        512..2048 => 4,
        _ => 8,
    }
}

/// The blocks that a long side (d_in of a weight matrix, columns of its input) is cut into
pub fn blocks(len: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    let (count, units) = (block_count(len), len / BLOCK_UNIT);
    let bound = move |i: usize| if i == count { len } else { units * i / count * BLOCK_UNIT };
    (0..count).map(move |i| bound(i)..bound(i + 1))
}

/// `C[i,j] ← b[j] + Σₚ A[i,p] B[p,j]`, with b = 0 if there is no bias; A: m × k, B: k × n, C: m × n
///
/// * A and B as they lie or transposed; the old content of C is not read: it may be NaN
/// * `scratch`: room for partial sums, grown as needed
/// * each element is summed over k in an order that depends on the shape alone, so the result does not
///   depend on the number of threads. AVX2 and AVX-512 give the same bits unless B is transposed, for which
///   `matrixmultiply` decides; where neither is there, `matrixmultiply` sums in its own order, and results
///   differ by rounding: each by at most `2 k ε Σₚ |A[i,p] B[p,j]|`, to first order.
///
/// # Panics
/// If the shapes don't fit each other.
///
/// Source: Van Zee and van de Geijn, *BLIS: A Framework for Rapidly Instantiating BLAS Functionality* (2015).
#[track_caller]
pub fn matmul<T: Scalar>(
    a: View<'_, T>,
    b: View<'_, T>,
    bias: Option<&[T]>,
    mut c: ViewMut<'_, T>,
    scratch: &mut Vec<T>,
) {
    let ((m, k), (k2, n)) = (a.shape(), b.shape());
    assert!(k == k2 && c.shape() == (m, n), "matmul: {m}×{k} by {k2}×{n} into {:?}", c.shape());
    assert!(
        bias.is_none_or(|bias| bias.len() == n),
        "matmul: {n} columns, bias of {:?}",
        bias.map(<[T]>::len)
    );
    if simd_level() == SimdLevel::Portable || b.strides().1 != 1 {
        let beta = match bias {
            Some(bias) => {
                fill_rows(c.data_mut(), bias);
                T::ONE
            }
            None => T::ZERO,
        };
        return gemm(T::ONE, a, b, beta, c);
    }
    // Partial sums pay while they are fewer than the weights that stay where they are.
    if block_count(k) > 1 && 2 * m <= k && m * n > 0 {
        return sum_of_blocks(a, b, bias, c.data_mut(), scratch);
    }
    let c = SendPtr::new(c.as_mut_ptr());
    let (pieces, piece) = cut(m, n, k);
    parallel_for(pieces, |i| {
        let (rows, cols) = piece(i);
        // SAFETY: a `View` covers exactly rows·cols numbers and `t` only swaps strides; B's columns are one
        // apart and its rows therefore n; C is a unique borrow of m × n numbers. The pieces that `cut` makes
        // lie inside m × n and don't overlap, and each is computed once, so this part of C is touched by
        // nobody else. All borrows outlive `parallel_for`. `simd_level` is not `Portable`.
        unsafe { T::tiles(a, b, 0..k, bias, c.get(), rows, cols) }
    });
}

/// The product as a sum over the blocks of k, each made by one thread, added in their order
fn sum_of_blocks<T: Scalar>(
    a: View<'_, T>,
    b: View<'_, T>,
    bias: Option<&[T]>,
    c: &mut [T],
    scratch: &mut Vec<T>,
) {
    let ((m, k), n) = (a.shape(), b.shape().1);
    let count = blocks(k).len();
    if scratch.len() < count * m * n {
        scratch.resize(count * m * n, T::ZERO);
    }
    let partial = SendPtr::new(scratch.as_mut_ptr());
    parallel_for(count, |i| {
        let Some(depth) = blocks(k).nth(i) else { return };
        // The first block starts from the bias, so that adding up is all that is left to do.
        let bias = if i == 0 { bias } else { None };
        // SAFETY: as in `matmul`, with the i-th m × n numbers of `scratch`, which has `count` times as many, as C.
        unsafe { T::tiles(a, b, depth, bias, partial.get().add(i * m * n), 0..m, 0..n) }
    });
    let rows = PIECE_MIN_WORK.div_ceil(16 * count * n).next_multiple_of(PIECE_ROWS);
    for_each_chunk(c, rows * n, |i, c| {
        let at = i * rows * n;
        c.copy_from_slice(&scratch[at..][..c.len()]);
        for block in 1..count {
            add(c, &scratch[block * m * n + at..][..c.len()]);
        }
    });
}
multiversion! {
    fn add<T>(sum: &mut [T], x: &[T]) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += x;
        }
    }
}

/// How many pieces a matrix m × n whose elements cost `work` each is cut into, and which rows and columns each has
///
/// By shape alone, and alike for all that is done to a weight matrix.
pub(crate) fn cut(
    m: usize,
    n: usize,
    work: usize,
) -> (usize, impl Fn(usize) -> (Range<usize>, Range<usize>)) {
    let (by_blocks, by_columns) = (block_count(m) > 1 && m >= n, n >= 2 * PIECE_COLUMNS);
    let (unit, len, other) = if by_columns { (PIECE_COLUMNS, n, m) } else { (PIECE_ROWS, m, n) };
    let step = unit * PIECE_MIN_WORK.div_ceil((unit * other * work).max(1));
    let pieces = if by_blocks { block_count(m) } else { len.div_ceil(step) };
    let part = move |i: usize| i * step..((i + 1) * step).min(len);
    let piece = move |i| match (by_blocks, by_columns) {
        (true, _) => (blocks(m).nth(i).unwrap_or(0..0), 0..n),
        (false, true) => (0..m, part(i)),
        (false, false) => (part(i), 0..n),
    };
    (pieces, piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_product_and_don_t_overlap() {
        for (m, n, k) in [
            (0, 5, 3),
            (1, 1, 1),
            (64, 128, 784),
            (784, 10, 64),
            (97, 65, 1000),
            (5, 64, 0),
            (1000, 31, 7),
            (300, 70, 5),
        ] {
            let (pieces, piece) = cut(m, n, k);
            let mut covered = vec![0; m * n];
            for (rows, cols) in (0..pieces).map(piece) {
                for i in rows {
                    cols.clone().for_each(|j| covered[i * n + j] += 1);
                }
            }
            assert!(covered.iter().all(|&times| times == 1), "{m}×{n} over {k}");
        }
    }

    #[test]
    fn blocks_cover_a_side_in_order() {
        for len in [0, 1, 255, 256, 511, 784, 2047, 5000] {
            let mut next = 0;
            for block in blocks(len) {
                assert_eq!(block.start, next, "{len}");
                next = block.end;
            }
            assert_eq!(next, len);
        }
    }
}
