//! Weight matrices cut as [`matmul`](crate::matmul) cuts what it writes, for kernels that should touch what it left in
//! a core's cache

use std::marker::PhantomData;
use std::ops::Range;

use crate::matmul::{blocks, cut};
use crate::team::{SendPtr, parallel_for};

/// Some rows and columns of a row-major matrix, borrowed for writing
pub(crate) struct Strip<'a, T> {
    start: *mut T,
    rows: usize,
    stride: usize,
    width: usize,
    _borrow: PhantomData<&'a mut [T]>,
}

impl<'a, T> Strip<'a, T> {
    /// The strip's part of each of its rows, first to last
    #[inline(always)]
    pub(crate) fn into_rows(self) -> impl Iterator<Item = &'a mut [T]> {
        (0..self.rows).map(move |i| {
            // SAFETY: whoever built the strip promises rows × width numbers, `stride ≥ width` apart, that are
            // borrowed mutably for 'a by this strip alone; each row is given out once, since the strip is
            // consumed, and rows don't overlap.
            unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.stride), self.width) }
        })
    }
}

/// Operations a number that an update counts as, beside the multiply-adds of products: it is bound by memory
const UPDATE_WORK: usize = 16;

/// Calls `f(rows, columns, [strip of each matrix])` for strips that cover N weight matrices of `cols` columns alike
///
/// # Panics
/// If the matrices have different lengths, `cols` does not divide them, or one of the calls panics.
#[track_caller]
pub(crate) fn for_each_strip<T: Send, const N: usize>(
    matrices: [&mut [T]; N],
    cols: usize,
    f: impl Fn(Range<usize>, Range<usize>, [Strip<'_, T>; N]) + Sync,
) {
    let rows = matrices.first().map_or(0, |matrix| matrix.len() / cols.max(1));
    let (pieces, piece) = cut(rows, cols, UPDATE_WORK);
    for_each_piece(matrices, rows, cols, pieces, piece, f);
}

/// Calls `f(columns, [strip of each matrix])` for the [`blocks`] of `cols` columns of N matrices
///
/// # Panics
/// As [`for_each_strip`].
#[track_caller]
pub(crate) fn for_each_block<T: Send, const N: usize>(
    matrices: [&mut [T]; N],
    cols: usize,
    f: impl Fn(Range<usize>, [Strip<'_, T>; N]) + Sync,
) {
    let rows = matrices.first().map_or(0, |matrix| matrix.len() / cols.max(1));
    let piece = |i| (0..rows, blocks(cols).nth(i).unwrap_or(0..0));
    for_each_piece(matrices, rows, cols, blocks(cols).len(), piece, |_, columns, strips| f(columns, strips));
}

/// Calls `f` with the pieces, which lie inside rows × cols and share no element
#[track_caller]
fn for_each_piece<T: Send, const N: usize>(
    matrices: [&mut [T]; N],
    rows: usize,
    cols: usize,
    pieces: usize,
    piece: impl Fn(usize) -> (Range<usize>, Range<usize>) + Sync,
    f: impl Fn(Range<usize>, Range<usize>, [Strip<'_, T>; N]) + Sync,
) {
    for matrix in &matrices {
        assert!(matrix.len() == rows * cols, "{} numbers, expected {rows} rows of {cols}", matrix.len());
    }
    let starts = matrices.map(|matrix| SendPtr::new(matrix.as_mut_ptr()));
    parallel_for(pieces, |i| {
        let (rows, columns) = piece(i);
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let strip = |start: &SendPtr<T>| Strip {
            // SAFETY: the piece lies inside the matrix, which has the rows · cols numbers checked above.
            start: unsafe { start.get().add(rows.start * cols + columns.start) },
            rows: rows.len(),
            stride: cols,
            width: columns.len(),
            _borrow: PhantomData,
        };
        // The strips keep their promise: pieces of different i share no number, each i is called once, and the
        // matrices stay borrowed until `parallel_for` returns.
        f(rows.clone(), columns.clone(), std::array::from_fn(|n| strip(&starts[n])));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_cover_every_number_once_and_know_their_place() {
        for (rows, cols) in [(0, 3), (1, 1), (5, 64), (7, 70), (3, 129), (784, 128), (300, 20)] {
            let (mut a, mut b) = (vec![0; rows * cols], vec![0; rows * cols]);
            for_each_strip([&mut a, &mut b], cols, |rows, columns, [a, b]| {
                for ((a, b), i) in a.into_rows().zip(b.into_rows()).zip(rows) {
                    a.iter_mut().zip(columns.clone()).for_each(|(a, j)| *a += i * cols + j + 1);
                    b.iter_mut().zip(columns.clone()).for_each(|(b, j)| *b += i * cols + j + 2);
                }
            });
            assert!((0..rows * cols).all(|at| a[at] == at + 1 && b[at] == at + 2), "{rows}×{cols}");
        }
    }
}
