//! Memory that starts at the beginning of a cache line

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line
const LINE: usize = 64;

/// A growing buffer whose first element is at the beginning of a cache line
///
/// Rows whose length is a multiple of a cache line then share no line, so threads that write columns side by side do not
/// take lines from each other's caches (docs/engine.md, row "sums across cache lines").
#[derive(Debug, Default)]
pub struct AlignedVec<T> {
    /// Padding up to the cache line, then the elements
    buffer: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> AlignedVec<T> {
    /// A buffer of `len` zeros
    pub fn zeros(len: usize) -> Self {
        let mut zeros = Self::default();
        zeros.set_len(len);
        zeros
    }

    /// Sets the number of elements, whose values are then unspecified; allocates only for more elements than ever before
    pub fn set_len(&mut self, len: usize) {
        let padding = LINE / size_of::<T>() - 1;
        if self.start + len > self.buffer.len() {
            self.buffer = vec![T::default(); len + padding];
            // `align_offset` may return `usize::MAX`: then the elements start unaligned.
            self.start = self.buffer.as_ptr().align_offset(LINE).min(padding);
        }
        self.len = len;
    }
}

impl<T> Deref for AlignedVec<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.buffer[self.start..][..self.len]
    }
}

impl<T> DerefMut for AlignedVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..][..self.len]
    }
}

impl<T: Copy + Default> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: PartialEq> PartialEq for AlignedVec<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// `len` rounded up to whole cache lines
pub(crate) fn whole_lines<T>(len: usize) -> usize {
    len.next_multiple_of(LINE / size_of::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_start_on_a_cache_line_and_stay_where_they_are_for_fewer() {
        let mut elements = AlignedVec::<f32>::zeros(1000);
        let at = elements.as_ptr();
        assert_eq!(at.align_offset(LINE), 0);
        elements.set_len(10);
        assert_eq!((elements.len(), elements.as_ptr()), (10, at));
        elements.set_len(1000);
        assert_eq!((elements.len(), elements.as_ptr()), (1000, at));
    }

    #[test]
    fn a_copy_starts_on_a_cache_line_too() {
        for len in [1, 7, 700] {
            let copy = AlignedVec::<f64>::zeros(len).clone();
            assert_eq!((copy.as_ptr().align_offset(LINE), copy.len()), (0, len));
        }
    }

    #[test]
    fn whole_lines_hold_sixteen_f32_or_eight_f64() {
        assert_eq!((whole_lines::<f32>(17), whole_lines::<f64>(16), whole_lines::<f64>(0)), (32, 16, 0));
    }
}
