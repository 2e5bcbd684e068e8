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
    /// A block of `rows` rows of `width` elements: the first starts at `start`, each further one `stride` elements later
    ///
    /// # Safety
    /// For 'a, the elements are valid for reading and writing, and are accessed only through this block; `stride ≥
    /// width`.
    pub(crate) unsafe fn new(start: *mut T, rows: usize, stride: usize, width: usize) -> Self {
        Self { start, rows, stride, width, _borrow: PhantomData }
    }

    /// A slice as a block of one row
    pub(crate) fn one_row(slice: &'a mut [T]) -> Self {
        let width = slice.len();
        Self { start: slice.as_mut_ptr(), rows: 1, stride: width, width, _borrow: PhantomData }
    }

    /// The same block, borrowed from this one
    pub(crate) fn reborrow(&mut self) -> BlockMut<'_, T> {
        BlockMut {
            start: self.start,
            rows: self.rows,
            stride: self.stride,
            width: self.width,
            _borrow: PhantomData,
        }
    }

    /// The distance from row to row, in elements
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The rows of the block, first to last
    #[inline(always)]
    pub(crate) fn into_rows(self) -> impl Iterator<Item = &'a mut [T]> {
        (0..self.rows).map(move |i| {
            // SAFETY: the rows of the block are valid for 'a, through this block alone. Each is returned once, since the
            // block is consumed, and they don't overlap, since `stride ≥ width`.
            unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.stride), self.width) }
        })
    }
}
