//! How the sides of matrices are divided: by the shape, never by the number of threads
//!
//! The bits of a result depend on the [`inner_blocks`] of a product, which the shape alone decides. Other partitions may
//! also depend on the values in a matrix, since no sum crosses their bounds.

use std::ops::Range;

/// Smallest number of multiply-adds of a task: they take several times as long as claiming it (docs/engine.md, rows
/// "size of a task" and "larger tasks")
const MIN_TASK_WORK: usize = 1 << 16;
/// Largest number of tasks of a loop: enough for the cores of a desktop, with a contiguous part of memory for each task
pub(crate) const MAX_TASKS: usize = 16;
/// Bounds in an inner dimension, in columns of X and in rows of W are multiples of this number: a cache line of f32
pub(crate) const UNIT: usize = 16;

/// A side of a matrix, divided into ranges whose lengths differ by at most one unit
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    len: usize,
    unit: usize,
    count: usize,
}

impl Partition {
    /// Divides `len` into `count` ranges, or into one for each unit if there are fewer units
    pub(crate) fn into_parts(count: usize, len: usize, unit: usize) -> Self {
        Self { len, unit, count: count.clamp(1, len.div_ceil(unit).max(1)) }
    }

    /// Divides `len` into tasks of at least [`MIN_TASK_WORK`] multiply-adds, `work` of them for each index of the side
    ///
    /// The count is a power of two of at most `max`, so that 2, 4, 8 or 16 threads get equal shares.
    pub(crate) fn by_work(len: usize, unit: usize, work: usize, max: usize) -> Self {
        let tasks = (len.saturating_mul(work) / MIN_TASK_WORK).min(len.div_ceil(unit)).clamp(1, max);
        Self::into_parts(1 << tasks.ilog2(), len, unit)
    }

    /// The number of ranges
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The length of the longest range
    pub(crate) fn longest(&self) -> usize {
        (self.len.div_ceil(self.unit).div_ceil(self.count) * self.unit).min(self.len)
    }

    /// Range `i`
    pub(crate) fn range(&self, i: usize) -> Range<usize> {
        let units = self.len.div_ceil(self.unit);
        let bound = |i: usize| (units * i / self.count * self.unit).min(self.len);
        bound(i)..bound(i + 1)
    }
}

/// The blocks of a long inner dimension, which is d_in of a weight matrix and the number of columns of its input
///
/// The partial sums over the blocks are added in their order, so the blocks decide the bits of a product. They depend on
/// the length alone. An input of 784 has two (docs/engine.md, row "two blocks").
pub(crate) fn inner_blocks(len: usize) -> Partition {
    let count = match len {
        0..256 => 1,
        256..1024 => 2,
        1024..2048 => 4,
        _ => 8,
    };
    Partition::into_parts(count, len, UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_a_side_in_order() {
        for len in [0, 1, 15, 16, 17, 255, 784, 2047, 5000] {
            for work in [0, 1, 100, 10_000, usize::MAX] {
                for partition in [
                    Partition::by_work(len, UNIT, work, MAX_TASKS),
                    Partition::by_work(len, 24, work, 3),
                    inner_blocks(len),
                ] {
                    let mut next = 0;
                    for i in 0..partition.count() {
                        assert_eq!(partition.range(i).start, next, "{partition:?}");
                        assert!(partition.range(i).len() <= partition.longest(), "{partition:?}");
                        next = partition.range(i).end;
                    }
                    assert_eq!(next, len, "{partition:?}");
                }
            }
        }
    }

    #[test]
    fn small_sides_stay_whole_and_long_ones_are_divided_evenly() {
        assert_eq!(Partition::by_work(10, UNIT, 1000, MAX_TASKS).count(), 1);
        let partition = Partition::by_work(784, UNIT, 64 * 128, MAX_TASKS);
        assert_eq!(partition.count(), 16);
        assert_eq!(partition.range(8).start, 384, "half of 49 units of 16, and a thread's share of two");
    }
}
