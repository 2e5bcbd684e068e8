//! Parts of row-major matrices that one thread writes while others write the rest

use std::marker::PhantomData;
use std::ops::Range;

use crate::threads::parallel::{SendPtr, parallel_for};
use crate::threads::partition::blocks;

/// Some rows and columns of a row-major matrix, borrowed for writing
pub(crate) struct Strip<'a, T> {
    start: *mut T,
    rows: usize,
    stride: usize,
    width: usize,
    _borrow: PhantomData<&'a mut [T]>,
}

impl<'a, T> Strip<'a, T> {
    /// `rows` rows of `width` numbers, from `start` on, `stride` apart
    ///
    /// # Safety
    /// They exist and are valid for reading and writing for 'a, by whoever has this strip alone; `stride ≥ width`.
    pub(crate) unsafe fn new(start: *mut T, rows: usize, stride: usize, width: usize) -> Self {
        Self { start, rows, stride, width, _borrow: PhantomData }
    }

    /// A slice as a strip of one row
    pub(crate) fn whole(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            rows: 1,
            stride: slice.len(),
            width: slice.len(),
            _borrow: PhantomData,
        }
    }

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

/// Calls `f(columns, strip)` for the [`blocks`] of the `cols` columns of a matrix
///
/// # Panics
/// If `cols` does not divide the matrix's length, or one of the calls panics.
#[track_caller]
pub(crate) fn for_each_block<T: Send>(
    matrix: &mut [T],
    cols: usize,
    f: impl Fn(Range<usize>, Strip<'_, T>) + Sync,
) {
    let (rows, blocks) = (matrix.len() / cols.max(1), blocks(cols));
    assert!(matrix.len() == rows * cols, "{} numbers, expected {rows} rows of {cols}", matrix.len());
    let start = SendPtr::new(matrix.as_mut_ptr());
    parallel_for(blocks.count(), |i| {
        let columns = blocks.piece(i);
        // SAFETY: the block lies inside the matrix, which has rows · cols numbers and is borrowed mutably until
        // `parallel_for` returns; blocks of different i share no number, and each i is called once.
        let strip = unsafe { Strip::new(start.get().add(columns.start), rows, cols, columns.len()) };
        f(columns, strip);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_number_once_and_know_their_place() {
        for (rows, cols) in [(0, 3), (1, 1), (5, 64), (3, 256), (7, 784), (2, 2100)] {
            let mut a = vec![0; rows * cols];
            for_each_block(&mut a, cols, |columns, strip| {
                for (row, i) in strip.into_rows().zip(0..) {
                    row.iter_mut().zip(columns.clone()).for_each(|(a, j)| *a += i * cols + j + 1);
                }
            });
            assert!((0..rows * cols).all(|at| a[at] == at + 1), "{rows}×{cols}");
        }
    }
}
