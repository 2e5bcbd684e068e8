//! Sums and searches over rows and columns, in a fixed order

use super::CHUNK;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::parallel::for_each_chunk;

/// Columns in a task of [`sum_rows`]: four cache lines of f32 (docs/engine.md, row "columns of a sum")
const COLUMNS: usize = 64;

/// `out[j] ← Σᵢ x[i, j]`: the sum of all rows of a row-major matrix of `out.len()` columns
///
/// One thread sums each column from the first row to the last, so the result does not depend on the number of threads.
/// Without rows, the sums are 0.
///
/// # Panics
/// If `out.len()` does not divide `x.len()`.
#[track_caller]
pub fn sum_rows<T: Number>(x: &[T], out: &mut [T]) {
    let cols = out.len();
    assert!(
        x.is_empty() || (cols > 0 && x.len().is_multiple_of(cols)),
        "sum_rows: {} elements in rows of {cols}",
        x.len()
    );
    let width = if x.len() <= CHUNK { cols.max(1) } else { COLUMNS };
    for_each_chunk(out, width, |i, out| {
        out.fill(T::ZERO);
        for row in x.chunks_exact(cols) {
            add(out, &row[i * width..][..out.len()]);
        }
    });
}
multiversion! {
    fn add<T>(sum: &mut [T], x: &[T]) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += x;
        }
    }
}

/// Partial sums of a row in [`row_sums`]: those of a vector of f64
const PARTIAL_SUMS: usize = 8;

/// `out[i] ← Σⱼ x[i, j]` in f64: the sum of each row of a row-major matrix of `cols` columns
///
/// Column j belongs to the partial sum j mod 8; these are added last, in their order. Without columns, the sums are 0.
///
/// # Panics
/// If `x` does not hold `out.len()` rows of `cols` elements.
#[track_caller]
pub fn row_sums<T: Number>(x: &[T], cols: usize, out: &mut [f64]) {
    assert!(x.len() == cols * out.len(), "row_sums: {} elements in {} rows of {cols}", x.len(), out.len());
    if cols == 0 {
        out.fill(0.0);
        return;
    }
    sum_each_row(x, cols, out);
}
multiversion! {
    fn sum_each_row<T>(x: &[T], cols: usize, out: &mut [f64]) {
        for (row, out) in x.chunks_exact(cols).zip(out) {
            let mut sums = [0.0; PARTIAL_SUMS];
            let (whole, rest) = row.as_chunks::<PARTIAL_SUMS>();
            for x in whole {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x.to_f64());
            }
            sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum += x.to_f64());
            *out = sums.iter().fold(0.0, |sum, x| sum + x);
        }
    }
}

/// `out[i] ←` the column of the largest element of row i, the first one if several are equal; NaN is never larger
///
/// # Panics
/// If `x` does not hold `out.len()` rows of `cols ≥ 1` elements.
#[track_caller]
pub fn argmax_rows<T: Number>(x: &[T], cols: usize, out: &mut [u32]) {
    assert!(
        cols > 0 && x.len() == cols * out.len(),
        "argmax_rows: {} elements in {} rows of {cols}",
        x.len(),
        out.len()
    );
    for (row, out) in x.chunks_exact(cols).zip(out) {
        let mut best = 0;
        for (j, &value) in row.iter().enumerate() {
            if value > row[best] {
                best = j;
            }
        }
        *out = best as u32;
    }
}

/// Whether no element is infinite or NaN
pub fn all_finite<T: Number>(x: &[T]) -> bool {
    x.iter().all(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    #[test]
    fn sum_rows_adds_each_column_from_the_first_row_to_the_last() {
        for (rows, cols) in [(0, 3), (1, 1), (5, 7), (64, 128), (300, 130), (3, 20_000)] {
            let x = numbers(rows * cols, 1, |x| x as f32);
            let mut out = vec![f32::NAN; cols];
            sum_rows(&x, &mut out);
            for j in 0..cols {
                let want = (0..rows).fold(0.0, |sum, i| sum + x[i * cols + j]);
                assert_eq!(out[j], want, "column {j} of {rows}×{cols}");
            }
        }
    }

    #[test]
    fn row_sums_adds_each_row_in_eight_partial_sums() {
        for (rows, cols) in [(3, 0), (0, 3), (1, 1), (2, 7), (3, 8), (4, 10), (5, 1003)] {
            let x = numbers(rows * cols, 1, |x| x as f32);
            let mut out = vec![f64::NAN; rows];
            row_sums(&x, cols, &mut out);
            for (i, out) in out.into_iter().enumerate() {
                let row = &x[i * cols..][..cols];
                let part = |k: usize| row.iter().skip(k).step_by(8).fold(0.0, |sum, &x| sum + f64::from(x));
                assert_eq!(out, (0..8).fold(0.0, |sum, k| sum + part(k)), "row {i} of {rows}×{cols}");
            }
        }
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        let mut out = [9; 3];
        argmax_rows(&[1.0, 3.0, 3.0, -1.0, -2.0, -1.0, 0.0, f64::NAN, 1.0], 3, &mut out);
        assert_eq!(out, [1, 0, 2]);
    }

    #[test]
    fn one_element_that_is_not_finite_is_found() {
        assert!(all_finite::<f32>(&[]) && all_finite(&[1.0f32, -2.0]));
        assert!(!all_finite(&[1.0, f64::NAN]) && !all_finite(&[f32::INFINITY]));
    }
}
