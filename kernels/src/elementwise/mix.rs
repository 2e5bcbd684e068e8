//! Rows that are mixed with their neighbours

use super::same_len;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::{SendPtr, parallel_for_work};

/// Columns in a task: four cache lines of f32, as in [`sum_rows`](crate::sum_rows)
const COLUMNS: usize = 64;

/// `x[i, :] ← s[i] x[i, :] + (1 − s[i]) x[i + 1, :]` in place, where the row after the last is the first
///
/// * `x`: row-major with `cols` columns
/// * `shares`: s, rounded to the type of x
/// * every row is mixed with the old value of the next one
/// * a task mixes some of the columns, from the first row to the last
///
/// # Panics
/// If `x` is not a row of `cols` numbers for each share.
#[track_caller]
pub fn mix_rows<T: Number>(x: &mut [T], cols: usize, shares: &[f64]) {
    let rows = shares.len();
    same_len("mix_rows", x.len(), rows * cols);
    let (work, x) = (x.len(), SendPtr(x.as_mut_ptr()));
    parallel_for_work(cols.div_ceil(COLUMNS), work, |i| {
        let from = i * COLUMNS;
        // SAFETY: the block lies inside `x`, which has `rows` rows of `cols` elements (checked above), and is borrowed
        // mutably until the loop ends. Blocks of different i have other columns, and each i is called once.
        let block = unsafe { BlockMut::new(x.get().add(from), rows, cols, COLUMNS.min(cols - from)) };
        mix_block(block, shares);
    });
}

multiversion! {
    fn mix_block<T>(block: BlockMut<'_, T>, shares: &[f64]) {
        let mut rows = block.into_rows();
        let Some(mut row) = rows.next() else { return };
        let mut copy = [T::ZERO; COLUMNS];
        let first = &mut copy[..row.len()];
        first.copy_from_slice(row);
        let mut shares = shares.iter();
        for (next, &share) in rows.zip(&mut shares) {
            mix(row, next, share);
            row = next;
        }
        shares.for_each(|&share| mix(row, first, share));
    }
}

/// `x ← share · x + (1 − share) · other`
#[inline(always)]
fn mix<T: Number>(x: &mut [T], other: &[T], share: f64) {
    let share = T::from_f64(share);
    let rest = T::ONE - share;
    for (x, &other) in x.iter_mut().zip(other) {
        *x = share * *x + rest * other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    #[test]
    fn each_row_is_mixed_with_the_old_next_one_and_the_last_with_the_first() {
        for (rows, cols) in [(0, 3), (1, 5), (2, 1), (5, 63), (7, 64), (3, 65), (64, 784)] {
            let old = numbers(rows * cols, 1, |x| x);
            let shares = numbers(rows, 2, |x| x.abs().fract());
            let mut x = old.clone();
            mix_rows(&mut x, cols, &shares);
            for (at, &x) in x.iter().enumerate() {
                let (i, j) = (at / cols, at % cols);
                let want = shares[i] * old[at] + (1.0 - shares[i]) * old[(i + 1) % rows * cols + j];
                assert_eq!(x, want, "{rows}×{cols} at {at}");
            }
        }
    }

    #[test]
    fn zeros_of_both_rows_stay_zeros_and_a_share_of_1_changes_no_bit() {
        let mut x = [0.0f32, 0.3, 0.0, 0.7];
        mix_rows(&mut x, 2, &[0.3, 1.0]);
        assert_eq!(x, [0.0, 0.3f32 * 0.3 + 0.7 * (1.0 - 0.3f32), 0.0, 0.7]);
    }
}
