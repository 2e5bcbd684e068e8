//! Loops in which every number is computed by itself
//!
//! A loop of more than [`CHUNK`] numbers is cut into pieces that threads share. Since no number depends on
//! another, the cut can't be seen in the result.

use std::ops::Range;

use crate::Scalar;
use crate::cpu::simd_level::multiversion;
use crate::threads::block_mut::{Strip, for_each_block};
use crate::threads::parallel::for_each_chunk;

/// Numbers a piece: 16 Ki take some microseconds, many times what handing out a piece costs
pub(crate) const CHUNK: usize = 1 << 14;

/// An activation function, number by number; its derivative is taken at its value y, not at x
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// y = x
    Identity,
    /// `y = max(x, 0)`, NaN for NaN, so that a diverged net is seen as one; y' = 1 where y > 0, else 0, so 0 at
    /// the kink
    ///
    /// Source: Nair and Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines* (2010).
    Relu,
    /// `y = 1 / (1 + e⁻ˣ)`, y' = y (1 − y)
    ///
    /// For x far below 0 the exponential is infinite and y = 0, as it should be.
    Sigmoid,
}

impl Activation {
    /// `x ← y`, in place
    pub fn forward<T: Scalar>(self, x: &mut [T]) {
        for_each_chunk(x, CHUNK, |_, x| self.forward_strip(Strip::whole(x)));
    }

    /// `dy ← dy · y'`, in place: afterwards it holds ∂L/∂x
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    pub fn backward<T: Scalar>(self, dy: &mut [T], y: &[T]) {
        same_len("backward of an activation", dy.len(), y.len());
        for_each_chunk(dy, CHUNK, |i, dy| {
            let (y, len) = (&y[i * CHUNK..][..dy.len()], dy.len());
            self.backward_strip(Strip::whole(dy), y, len, 0..len);
        });
    }

    pub(crate) fn forward_strip<T: Scalar>(self, x: Strip<'_, T>) {
        match self {
            Self::Identity => {}
            Self::Relu => relu(x),
            Self::Sigmoid => sigmoid(x),
        }
    }

    /// `y`: all rows of `cols` columns that the strip's rows belong to, of which the strip has `columns`
    pub(crate) fn backward_strip<T: Scalar>(
        self,
        dy: Strip<'_, T>,
        y: &[T],
        cols: usize,
        columns: Range<usize>,
    ) {
        match self {
            Self::Identity => {}
            Self::Relu => relu_backward(dy, y, cols, columns),
            Self::Sigmoid => sigmoid_backward(dy, y, cols, columns),
        }
    }
}
multiversion! {
    fn relu<T>(x: Strip<'_, T>) {
        for row in x.into_rows() {
            for x in row {
                *x = if *x < T::ZERO { T::ZERO } else { *x };
            }
        }
    }
}
multiversion! {
    fn relu_backward<T>(dy: Strip<'_, T>, y: &[T], cols: usize, columns: Range<usize>) {
        for (dy, y) in dy.into_rows().zip(y.chunks_exact(cols.max(1))) {
            for (dy, &y) in dy.iter_mut().zip(&y[columns.clone()]) {
                *dy = if y > T::ZERO { *dy } else { T::ZERO };
            }
        }
    }
}
multiversion! {
    fn sigmoid<T>(x: Strip<'_, T>) {
        for row in x.into_rows() {
            for x in row {
                *x = T::ONE / (T::ONE + (-*x).exp());
            }
        }
    }
}
multiversion! {
    fn sigmoid_backward<T>(dy: Strip<'_, T>, y: &[T], cols: usize, columns: Range<usize>) {
        for (dy, y) in dy.into_rows().zip(y.chunks_exact(cols.max(1))) {
            for (dy, &y) in dy.iter_mut().zip(&y[columns.clone()]) {
                *dy *= y * (T::ONE - y);
            }
        }
    }
}

/// `y[i, j] ← b[j]`: every row of `y` becomes `b`
///
/// # Panics
/// If `b` is empty and `y` is not, or `b.len()` does not divide `y.len()`.
#[track_caller]
pub fn fill_rows<T: Scalar>(y: &mut [T], b: &[T]) {
    assert!(
        y.is_empty() || (!b.is_empty() && y.len().is_multiple_of(b.len())),
        "fill_rows: {} into {}",
        b.len(),
        y.len()
    );
    let cols = b.len().max(1);
    for_each_chunk(y, CHUNK.next_multiple_of(cols), |_, y| {
        y.chunks_exact_mut(cols).for_each(|row| row.copy_from_slice(b));
    });
}

/// `out[i, :] ← bytes[rows[i], :] / 255`, correctly rounded: pixels of chosen images become numbers in [0, 1]
///
/// `bytes` and `out` are row-major with `cols` columns. Cut by columns as the first layer's product cuts its
/// sums: who multiplies a block has gathered it.
///
/// `next`: the rows of the next call, if known, which are fetched on the way: they lie anywhere in memory, and by the
/// time they are asked for they are in the cache of the core that will ask.
///
/// # Panics
/// If `out` is not `rows.len()` rows of `cols`, or a row is beyond `bytes`.
#[track_caller]
pub fn scale_rows<T: Scalar>(bytes: &[u8], rows: &[u32], next: &[u32], out: &mut [T], cols: usize) {
    same_len("scale_rows", out.len(), rows.len() * cols);
    for_each_block(out, cols, |columns, out| scale_block(bytes, rows, next, out, columns, cols));
}
multiversion! {
    fn scale_block<T>(
        bytes: &[u8],
        rows: &[u32],
        next: &[u32],
        out: Strip<'_, T>,
        columns: Range<usize>,
        cols: usize,
    ) {
        let part = |row: u32| &bytes[row as usize * cols..][..cols][columns.clone()];
        let mut next = next.iter();
        for (out, &row) in out.into_rows().zip(rows) {
            if let Some(&row) = next.next() {
                prefetch(part(row));
            }
            let bytes = part(row);
            for (out, &byte) in out.iter_mut().zip(bytes) {
                *out = T::pixel(byte);
            }
        }
    }
}

/// Asks for the cache lines of `bytes` to be brought near, and does not wait
#[inline(always)]
fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint that touches no memory, and SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

#[track_caller]
pub(crate) fn same_len(kernel: &str, written: usize, read: usize) {
    assert!(written == read, "{kernel}: {written} numbers written, {read} read");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths around a vector, a piece and several pieces
    const LENGTHS: [usize; 8] = [0, 1, 15, 17, 1000, CHUNK - 1, CHUNK + 1, 3 * CHUNK + 5];

    fn wave(len: usize, scale: f64) -> Vec<f64> {
        (0..len).map(|i| ((i * 37 % 101) as f64 - 50.0) * scale).collect()
    }

    #[test]
    fn relu_cuts_below_zero_and_its_gradient_is_zero_there() {
        for len in LENGTHS {
            let x = wave(len, 0.1);
            let mut y = x.clone();
            Activation::Relu.forward(&mut y);
            assert!(y.iter().zip(&x).all(|(y, x)| *y == x.max(0.0)));
            let mut dy = wave(len, 0.3);
            let before = dy.clone();
            Activation::Relu.backward(&mut dy, &y);
            for i in 0..len {
                assert_eq!(dy[i], if x[i] > 0.0 { before[i] } else { 0.0 });
            }
        }
    }

    #[test]
    fn relu_lets_nan_through() {
        let mut x = [f32::NAN, -1.0];
        Activation::Relu.forward(&mut x);
        assert!(x[0].is_nan() && x[1] == 0.0);
    }

    #[test]
    fn sigmoid_and_its_gradient_follow_the_formula() {
        for len in LENGTHS {
            let x = wave(len, 0.8);
            let mut y = x.clone();
            Activation::Sigmoid.forward(&mut y);
            let mut dy = vec![1.0; len];
            Activation::Sigmoid.backward(&mut dy, &y);
            for i in 0..len {
                let s = 1.0 / (1.0 + (-x[i]).exp());
                // Three operations and an exp of 2 ulp.
                assert!((y[i] - s).abs() <= 8.0 * f64::EPSILON * s, "sigmoid({})", x[i]);
                assert_eq!(dy[i], y[i] * (1.0 - y[i]));
            }
        }
        let mut ends = [f32::NEG_INFINITY, -200.0, 200.0, f32::INFINITY];
        Activation::Sigmoid.forward(&mut ends);
        assert_eq!(ends, [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn fill_rows_repeats_the_row() {
        let b: Vec<f32> = (0..7).map(|j| j as f32).collect();
        for rows in [0, 1, 3, 5000] {
            let mut y = vec![f32::NAN; rows * 7];
            fill_rows(&mut y, &b);
            assert!(y.chunks(7).all(|row| row == b));
        }
    }

    #[test]
    fn chosen_rows_of_bytes_are_scaled() {
        for cols in [1, 15, 300, 784] {
            let bytes: Vec<u8> = (0..5 * cols).map(|at| (at * 7 % 256) as u8).collect();
            let rows = [3, 0, 3, 4];
            let mut out = vec![f32::NAN; rows.len() * cols];
            scale_rows(&bytes, &rows, &[4, 1], &mut out, cols);
            for (i, row) in rows.into_iter().enumerate() {
                let want = bytes[row as usize * cols..][..cols].iter().map(|&byte| f32::from(byte) / 255.0);
                assert!(out[i * cols..][..cols].iter().copied().eq(want));
            }
        }
    }

    #[test]
    #[should_panic(expected = "backward of an activation: 3 numbers written, 2 read")]
    fn different_lengths_panic() {
        Activation::Relu.backward(&mut [1.0f32; 3], &[1.0; 2]);
    }
}
