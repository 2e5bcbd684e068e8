//! How the sides of matrices are cut into pieces: never by the number of threads
//!
//! The bits rest on the [`blocks`] of an inner dimension, which are by shape alone. Other cuts may depend on what the
//! numbers are, since no sum crosses them.

use std::ops::Range;

/// Multiply-adds a piece has at least: about a microsecond, several times what handing out a piece costs
const PIECE_MIN_WORK: usize = 1 << 16;
/// Pieces a loop has at most: enough for the cores of a desk, and each still a stretch of memory of its own
pub(crate) const PIECES_MAX: usize = 16;
/// Boundaries in the inner dimension, in columns of X and in rows of W are multiples of this: a cache line of f32
pub(crate) const UNIT: usize = 16;

/// A side cut into pieces that differ by one unit at most
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    len: usize,
    unit: usize,
    count: usize,
}

impl Cut {
    /// Into `count` pieces, or as many as there are units
    pub(crate) fn into(count: usize, len: usize, unit: usize) -> Self {
        Self { len, unit, count: count.clamp(1, len.div_ceil(unit).max(1)) }
    }

    /// Into pieces worth a thread's while, each index of the side being `work` multiply-adds; a power of two,
    /// up to `max`
    ///
    /// A power of two, so that 2, 4, 8 or 16 threads get equal shares.
    pub(crate) fn worth(len: usize, unit: usize, work: usize, max: usize) -> Self {
        let worth = (len.saturating_mul(work) / PIECE_MIN_WORK).min(len.div_ceil(unit)).clamp(1, max);
        Self::into(1 << worth.ilog2(), len, unit)
    }

    /// How many pieces
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Length of the longest piece
    pub(crate) fn longest(&self) -> usize {
        (self.len.div_ceil(self.unit).div_ceil(self.count) * self.unit).min(self.len)
    }

    /// Piece `i`
    pub(crate) fn piece(&self, i: usize) -> Range<usize> {
        let units = self.len.div_ceil(self.unit);
        let bound = |i: usize| (units * i / self.count * self.unit).min(self.len);
        bound(i)..bound(i + 1)
    }
}

/// The blocks that a long inner dimension (d_in of a weight matrix, columns of its input) is cut into, by its
/// length alone
///
/// Two blocks where a net's input is that of Fashion-MNIST: on two cores an epoch of small takes 0.97 of the time that it
/// takes with four, since half as many partial sums go from core to core.
///
/// Partial sums over the blocks are added in their order, so the blocks are part of what a product's bits
/// depend on.
pub(crate) fn blocks(len: usize) -> Cut {
    let count = match len {
        0..256 => 1,
        256..1024 => 2,
        1024..2048 => 4,
        _ => 8,
    };
    Cut::into(count, len, UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_side_in_order() {
        for len in [0, 1, 15, 16, 17, 255, 784, 2047, 5000] {
            for work in [0, 1, 100, 10_000, usize::MAX] {
                for cut in
                    [Cut::worth(len, UNIT, work, PIECES_MAX), Cut::worth(len, 24, work, 3), blocks(len)]
                {
                    let mut next = 0;
                    for i in 0..cut.count() {
                        assert_eq!(cut.piece(i).start, next, "{cut:?}");
                        assert!(cut.piece(i).len() <= cut.longest(), "{cut:?}");
                        next = cut.piece(i).end;
                    }
                    assert_eq!(next, len, "{cut:?}");
                }
            }
        }
    }

    #[test]
    fn small_sides_stay_whole_and_long_ones_are_cut_evenly() {
        assert_eq!(Cut::worth(10, UNIT, 1000, PIECES_MAX).count(), 1);
        let cut = Cut::worth(784, UNIT, 64 * 128, PIECES_MAX);
        assert_eq!(cut.count(), 16);
        assert_eq!(cut.piece(8).start, 384, "half of 49 units of 16, and a thread's share of two");
    }
}
