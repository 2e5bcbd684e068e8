//! Blocks of row-major matrices that one thread writes while other threads write the rest

use std::marker::PhantomData;

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
