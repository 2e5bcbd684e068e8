//! The rows of a batch, gathered from columns of numbers that have a scale each

use std::ops::Range;

use super::gather::{for_each_block, prefetch};
use super::same_len;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;

/// The scale of each column: what [`standardize_rows`] does with its numbers
#[derive(Clone, Copy, Debug)]
pub struct ColumnScales<'a, T> {
    /// What is subtracted, in the unit of the column
    pub center: &'a [T],
    /// What the difference is multiplied by, in 1 / unit of the column
    pub factor: &'a [T],
    /// What replaces NaN, in the unit of the column
    pub fill: &'a [T],
    /// Whether the result z is clipped smoothly, `z / √(1 + (z/3)²)`, which lies between −3 and 3
    pub is_clipped: bool,
}

/// Numbers beyond ± this are clipped to it before they are squared, since f32 can't hold the square of 2·10¹⁹
///
/// The results are those for larger numbers, too: 3 up to rounding.
pub const CLIP_MAX: f64 = 1e18;

/// `z / √(1 + (z/3)²)`, which lies between −3 and 3; `ninth` is 1/9 and `most` [`CLIP_MAX`]
///
/// NaN stays NaN.
#[inline(always)]
fn clipped<T: Number>(z: T, ninth: T, most: T) -> T {
    let z = if z > most { most } else { z };
    let z = if z < -most { -most } else { z };
    z / (T::ONE + z * z * ninth).sqrt()
}

/// A number clipped smoothly, `z / √(1 + (z/3)²)`, as [`standardize_rows`] does
pub fn clip<T: Number>(z: T) -> T {
    clipped(z, T::from_f64(1.0 / 9.0), T::from_f64(CLIP_MAX))
}

/// `out[i, j] ← (x − center[j]) · factor[j]`, where x is `numbers[rows[i], j]`, or `fill[j]` if that is NaN
///
/// * `numbers` and `out` are row-major with as many columns as there are scales
/// * with `is_clipped`, the result is then clipped smoothly
/// * tasks divide the columns or the rows, and `next` is prefetched, as in [`scale_rows`](crate::scale_rows)
///
/// # Panics
/// If the scales differ in length, `out` is not `rows.len()` rows, or a row is beyond `numbers`.
///
/// Source of the clipping: Holzmüller, Grinsztajn, Steinwart, *Better by Default: Strong Pre-Tuned MLPs and Boosted Trees
/// on Tabular Data* (2024).
#[track_caller]
pub fn standardize_rows<T: Number>(
    numbers: &[T],
    rows: &[u32],
    next: &[u32],
    scales: ColumnScales<'_, T>,
    out: &mut [T],
) {
    let cols = scales.center.len();
    same_len("standardize_rows", scales.factor.len(), cols);
    same_len("standardize_rows", scales.fill.len(), cols);
    same_len("standardize_rows", out.len(), rows.len() * cols);
    for_each_block(rows, next, out, cols, |rows, next, out, columns| {
        standardize_block(numbers, rows, next, scales, out, columns);
    });
}
multiversion! {
    fn standardize_block<T>(
        numbers: &[T],
        rows: &[u32],
        next: &[u32],
        scales: ColumnScales<'_, T>,
        out: BlockMut<'_, T>,
        columns: Range<usize>,
    ) {
        let cols = scales.center.len();
        let part = |row: u32| &numbers[row as usize * cols..][..cols][columns.clone()];
        let (ninth, most) = (T::from_f64(1.0 / 9.0), T::from_f64(CLIP_MAX));
        let [center, factor, fill] =
            [scales.center, scales.factor, scales.fill].map(|all| &all[columns.clone()]);
        let mut next = next.iter();
        for (out, &row) in out.into_rows().zip(rows) {
            if let Some(&row) = next.next() {
                prefetch(part(row));
            }
            let columns = center.iter().zip(factor).zip(fill);
            for ((out, &x), ((&center, &factor), &fill)) in out.iter_mut().zip(part(row)).zip(columns) {
                let x = if x.is_nan() { fill } else { x };
                *out = (x - center) * factor;
            }
            if scales.is_clipped {
                for out in out.iter_mut() {
                    *out = clipped(*out, ninth, most);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_its_own_scale_and_nan_is_filled() {
        for (cols, is_clipped) in
            [(1, false), (3, true), (28, false), (300, true), (784, false), (2100, true)]
        {
            let numbers: Vec<f64> = (0..5 * cols)
                .map(|at| if at % 11 == 3 { f64::NAN } else { (at * 37 % 101) as f64 - 50.0 })
                .collect();
            let column = |of: fn(usize) -> f64| (0..cols).map(of).collect::<Vec<f64>>();
            let center = column(|j| j as f64 - 7.0);
            let factor = column(|j| [0.0, 0.125, 3.0][j % 3]);
            let fill = column(|j| 0.5 * j as f64);
            let (rows, mut out) = ([3, 0, 3, 4], vec![f64::NAN; 4 * cols]);
            let scales = ColumnScales { center: &center, factor: &factor, fill: &fill, is_clipped };
            standardize_rows(&numbers, &rows, &[1], scales, &mut out);
            for (i, &row) in rows.iter().enumerate() {
                for j in 0..cols {
                    let x = numbers[row as usize * cols + j];
                    let z = (if x.is_nan() { fill[j] } else { x } - center[j]) * factor[j];
                    let want = if is_clipped { z / (1.0 + (z / 3.0).powi(2)).sqrt() } else { z };
                    approx::assert_relative_eq!(out[i * cols + j], want, max_relative = 1e-15);
                    assert!(!is_clipped || want.abs() < 3.0);
                }
            }
        }
    }

    #[test]
    fn numbers_whose_square_overflows_are_clipped_to_3() {
        for z in [1e4_f32, 1e18, 1.8e19, 1e20, f32::MAX, f32::INFINITY] {
            for z in [z, -z] {
                let numbers = [z; 9];
                let (center, factor, mut out) = ([0.0; 9], [1.0; 9], [0.0; 9]);
                let scales =
                    ColumnScales { center: &center, factor: &factor, fill: &center, is_clipped: true };
                standardize_rows(&numbers, &[0], &[], scales, &mut out);
                let want = 3.0_f32.copysign(z);
                assert!(out.iter().all(|x| (x - want).abs() < 1e-6), "{z}: {out:?}");
                assert!(out.iter().all(|&x| x == clip(z)));
                assert!((clip(f64::from(z) * 1e200) - f64::from(want)).abs() < 1e-15);
            }
        }
        assert!(clip(f32::NAN).is_nan());
    }

    #[test]
    fn the_bound_of_the_square_changes_no_bit_of_smaller_numbers() {
        for bits in (0..0x5d5e_0000_u32).step_by(997) {
            let (z, wide) = (f32::from_bits(bits), f64::from(f32::from_bits(bits)) * 0.9);
            assert!(z < 1e18);
            let plain = z / (1.0 + z * z * (1.0 / 9.0)).sqrt();
            assert_eq!((clip(z).to_bits(), clip(-z).to_bits()), (plain.to_bits(), (-plain).to_bits()), "{z}");
            let plain = wide / (1.0 + wide * wide * (1.0 / 9.0)).sqrt();
            assert_eq!(clip(wide).to_bits(), plain.to_bits(), "{wide}");
        }
    }

    #[test]
    #[should_panic(expected = "standardize_rows")]
    fn scales_of_different_lengths_are_refused() {
        let scales =
            ColumnScales { center: &[0.0; 2], factor: &[1.0; 3], fill: &[0.0; 2], is_clipped: false };
        standardize_rows(&[0.0_f32; 2], &[0], &[], scales, &mut [0.0; 2]);
    }
}
