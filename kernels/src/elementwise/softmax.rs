//! Softmax of each row

use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::parallel::{SendPtr, for_each_chunk2};

/// Smallest number of elements of a task: fewer than `CHUNK`, since `exp` takes longer than the other loops
/// (docs/engine.md, row "size of a task")
const MIN_TASK: usize = 1 << 12;

/// `x[i,j] ← exp(x[i,j] − m[i]) / s[i]` with `m[i] = maxⱼ x[i,j]`, `s[i] = Σₖ exp(x[i,k] − m[i])`, in place
///
/// * `x`: row-major, rows of `cols` scores (no unit); afterwards each row sums to 1
/// * `max[i] ← m[i]` and `log_sum[i] ← ln s[i]`, separately, since their sum `ln Σₖ exp(x[i,k])` would be rounded
/// * subtracting `m` keeps `exp` in [0, 1] and `s` in [1, cols], so finite scores never overflow
/// * one thread computes a row from left to right, so the result does not depend on the number of threads
/// * a row with NaN or +∞ becomes NaN
///
/// # Panics
/// If `cols` is 0, or `max` and `log_sum` don't have one element for each row of `x`.
///
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 4.1.
#[track_caller]
pub fn softmax_rows<T: Number>(x: &mut [T], cols: usize, max: &mut [T], log_sum: &mut [T]) {
    let rows = log_sum.len();
    assert!(
        cols > 0 && x.len() == rows * cols && max.len() == rows,
        "softmax_rows: {} elements in {rows} rows of {cols}, {} maxima",
        x.len(),
        max.len()
    );
    let task_rows = MIN_TASK.div_ceil(cols);
    let x = SendPtr(x.as_mut_ptr());
    for_each_chunk2(max, log_sum, task_rows, |i, max, log_sum| {
        // SAFETY: chunk i of `max` and `log_sum` belongs to the rows from i · task_rows on, one for each element of
        // `max`. They lie inside `x` (checked above), which is borrowed mutably until all tasks are done. The rows of
        // different i don't overlap, and each i is called once.
        let x =
            unsafe { std::slice::from_raw_parts_mut(x.get().add(i * task_rows * cols), max.len() * cols) };
        softmax_task(x, cols, max, log_sum);
    });
}

multiversion! {
    fn softmax_task<T>(x: &mut [T], cols: usize, max: &mut [T], log_sum: &mut [T]) {
        for (row, max) in x.chunks_exact_mut(cols).zip(max) {
            *max = row.iter().fold(row[0], |max, &x| if x > max { x } else { max });
            row.iter_mut().for_each(|x| *x = *x - *max);
        }
        // Over all rows at once, since rows of ten elements would leave most of a vector empty.
        for x in x.iter_mut() {
            *x = x.exp();
        }
        for (row, log_sum) in x.chunks_exact_mut(cols).zip(log_sum) {
            let sum = row.iter().fold(T::ZERO, |sum, &x| sum + x);
            row.iter_mut().for_each(|x| *x = *x / sum);
            *log_sum = sum.ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    #[test]
    fn softmax_agrees_with_the_plain_formula() {
        for (rows, cols) in [(0, 1), (1, 1), (3, 10), (7, 33), (1000, 10)] {
            let scores = numbers(rows * cols, 1, |x| 7.0 * x);
            let (mut p, mut max, mut log_sum) = (scores.clone(), vec![f64::NAN; rows], vec![f64::NAN; rows]);
            softmax_rows(&mut p, cols, &mut max, &mut log_sum);
            for i in 0..rows {
                let row = &scores[i * cols..][..cols];
                let sum: f64 = row.iter().map(|x| x.exp()).sum();
                assert!((max[i] + log_sum[i] - sum.ln()).abs() < 1e-13);
                for j in 0..cols {
                    // exp of differences up to 14: relative error 14 ε from the subtraction, 2 ulp from exp
                    assert!((p[i * cols + j] - row[j].exp() / sum).abs() <= 20.0 * f64::EPSILON);
                }
            }
        }
    }

    #[test]
    fn huge_finite_scores_do_not_overflow() {
        let (mut p, mut max, mut log_sum) = ([3e38f32, -3e38, 0.0], [0.0], [f32::NAN]);
        softmax_rows(&mut p, 3, &mut max, &mut log_sum);
        assert_eq!(p, [1.0, 0.0, 0.0]);
        assert_eq!((max, log_sum), ([3e38], [0.0]));
    }

    #[test]
    fn scores_that_are_not_finite_give_nan() {
        for bad in [f32::NAN, f32::INFINITY] {
            let (mut p, mut max, mut log_sum) = ([0.0, bad], [0.0], [0.0]);
            softmax_rows(&mut p, 2, &mut max, &mut log_sum);
            assert!(p[1].is_nan() && log_sum[0].is_nan());
        }
    }
}
