//! Which of two kernels computes a product: tiles, or rows that skip zeros

use crate::gemm::dispatch::Operand;
use crate::view::View;

/// Bytes of the rows of B in a task that skips zeros: 8 vectors of AVX-512, or 16 of AVX2
const NC_BYTES: usize = 512;
/// Largest fraction of nonzero elements of A with which zeros are skipped (docs/engine.md, row "density of A")
const MAX_DENSITY: f64 = 0.6;
/// Rows of A, and columns, from which skipping zeros pays (docs/engine.md, row "short rows")
const MIN_SKIP: usize = 16;
/// Rows of A whose nonzero elements are counted to estimate its density (docs/engine.md, row "counted rows")
const COUNTED_ROWS: usize = 8;

/// The kernel that computes a product; the bits are the same, except for the sign of a zero
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Register tiles (`microkernel.rs`)
    Dense,
    /// Row by row, skipping the zeros of A (`skip_zeros.rs`)
    SkipZeros,
}

impl Kernel {
    /// The faster kernel for A, or its transpose, times a matrix of n columns, estimated from some rows of A
    pub(crate) fn choose<O: Operand>(a: View<'_, O>, n: usize) -> Self {
        let (m, k) = a.shape();
        Self::by_rows::<O>((m, k), n, |i| O::count_nonzero(&a.data()[i * k..][..k]))
    }

    /// The faster kernel for Xᵀ, once it is rounded to factors along the columns of X, times a matrix of n columns
    pub(crate) fn choose_for_rows<O: Operand>(x: View<'_, O::Sum>, n: usize) -> Self {
        let (m, k) = x.shape();
        Self::by_rows::<O>((m.div_ceil(O::NUMBERS), k), n, |i| {
            let rows = i * O::NUMBERS..((i + 1) * O::NUMBERS).min(m);
            O::count_nonzero_rows(&x.data()[rows.start * k..rows.end * k], k)
        })
    }

    /// The faster kernel for a matrix of this shape, or its transpose, times one of n columns
    ///
    /// * `count`: the number of nonzero elements of a row
    fn by_rows<O: Operand>((m, k): (usize, usize), n: usize, count: impl Fn(usize) -> usize) -> Self {
        // A row of fewer columns has too few sums to hide the latency of a multiply-add (docs/engine.md, row "narrow
        // products").
        if n < block_columns::<O>() || k < MIN_SKIP || m < MIN_SKIP {
            return Self::Dense;
        }
        let nonzero: usize = (0..m).step_by(m / COUNTED_ROWS).take(COUNTED_ROWS).map(count).sum();
        if nonzero as f64 <= MAX_DENSITY * (COUNTED_ROWS * k) as f64 { Self::SkipZeros } else { Self::Dense }
    }

    /// The share of the elements of A that are skipped in its product with a matrix of n columns
    pub(crate) fn skipped<O: Operand>(a: View<'_, O>, n: usize) -> f64 {
        if Self::choose(a, n) == Self::Dense {
            return 0.0;
        }
        1.0 - O::count_nonzero(a.data()) as f64 / a.data().len() as f64
    }
}

/// The columns of a task that skips zeros are multiples of this: a block of B with AVX-512, or two with AVX2
pub(crate) fn block_columns<O: Operand>() -> usize {
    NC_BYTES / size_of::<O>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::sparse;

    #[test]
    fn half_zeros_are_skipped_and_few_or_narrow_ones_are_not() {
        let choice = |density: f64, n: usize| {
            let a = sparse(64 * 100, 1, density, |x| x as f32);
            Kernel::choose(View::new(&a, 64, 100), n)
        };
        assert_eq!(choice(0.5, 128), Kernel::SkipZeros);
        assert_eq!(choice(0.9, 128), Kernel::Dense);
        assert_eq!(choice(0.5, 10), Kernel::Dense);
        assert_eq!(Kernel::choose(View::new(&[0.0f64; 5 * 100], 5, 100), 128), Kernel::Dense);
        assert_eq!(Kernel::choose(View::new(&[0.0f64; 0], 0, 0), 128), Kernel::Dense);
        assert_eq!(Kernel::choose(View::new(&[0.0f64; 0], 20, 0), 128), Kernel::Dense);
    }
}
