//! Blocks of row-major matrices that one thread writes while other threads write the rest

use std::marker::PhantomData;
use std::ops::Range;

use crate::threads::parallel::{SendPtr, parallel_for};
use crate::threads::partition::inner_blocks;

/// A block of a row-major matrix, borrowed for writing
pub(crate) struct BlockMut<'a, T> {
    start: *mut T,
    rows: usize,
    stride: usize,
    width: usize,
    _borrow: PhantomData<&'a mut [T]>,
}

impl<'a, T> BlockMut<'a, T> {
    /// `rows` rows of `width` elements from `start` on, whose starts are `stride` elements apart
    ///
    /// # Safety
    /// The elements are valid for reading and writing for 'a, only through this block; `stride ≥ width`.
    pub(crate) unsafe fn new(start: *mut T, rows: usize, stride: usize, width: usize) -> Self {
        Self { start, rows, stride, width, _borrow: PhantomData }
    }

    /// A slice as a block of one row
    pub(crate) fn one_row(slice: &'a mut [T]) -> Self {
        let width = slice.len();
        Self { start: slice.as_mut_ptr(), rows: 1, stride: width, width, _borrow: PhantomData }
    }

    /// The rows of the block, first to last
    #[inline(always)]
    pub(crate) fn into_rows(self) -> impl Iterator<Item = &'a mut [T]> {
        (0..self.rows).map(move |i| {
            // SAFETY: the block was made of rows × width elements, `stride ≥ width` apart, that are borrowed mutably for
            // 'a through this block alone. Each row is returned once, since the block is consumed, and rows
            // don't overlap.
            unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.stride), self.width) }
        })
    }
}

/// Calls `f(columns, block)` for the [`inner_blocks`] of the `cols` columns of a matrix
///
/// # Panics
/// If `cols` does not divide the matrix's length, or one of the calls panics.
#[track_caller]
pub(crate) fn for_each_block<T: Send>(
    matrix: &mut [T],
    cols: usize,
    f: impl Fn(Range<usize>, BlockMut<'_, T>) + Sync,
) {
    let (rows, blocks) = (matrix.len() / cols.max(1), inner_blocks(cols));
    assert!(matrix.len() == rows * cols, "{} elements, expected {rows} rows of {cols}", matrix.len());
    let start = SendPtr::new(matrix.as_mut_ptr());
    parallel_for(blocks.count(), |i| {
        let columns = blocks.range(i);
        // SAFETY: the block lies inside the matrix, which has rows · cols elements and is borrowed mutably until
        // `parallel_for` returns. Blocks of different i share no element, and each i is called once.
        let block = unsafe { BlockMut::new(start.get().add(columns.start), rows, cols, columns.len()) };
        f(columns, block);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_element_once_and_know_their_columns() {
        for (rows, cols) in [(0, 3), (1, 1), (5, 64), (3, 256), (7, 784), (2, 2100)] {
            let mut a = vec![0; rows * cols];
            for_each_block(&mut a, cols, |columns, block| {
                for (row, i) in block.into_rows().zip(0..) {
                    row.iter_mut().zip(columns.clone()).for_each(|(a, j)| *a += i * cols + j + 1);
                }
            });
            assert!((0..rows * cols).all(|at| a[at] == at + 1), "{rows}×{cols}");
        }
    }
}
