//! Layer normalisation: each row gets mean 0 and variance 1, and then a learnt scale and shift for each column
//!
//! `x̂[i,j] = (x[i,j] − μ[i]) / √(σ²[i] + ε)` and `y[i,j] = γ[j] x̂[i,j] + β[j]`, where μ and σ² are the mean and the variance
//! of the row, with the number of columns as divisor. It is the same in training and in evaluation.
//!
//! A sum over a row is that of [`LANES`] partial sums, whatever the width of vectors, so the bits do not depend on the
//! instruction set.
//!
//! Source: Ba, Kiros, Hinton, *Layer Normalization* (2016).

use super::CHUNK;
use super::batch_norm::{NORM_EPSILON, ScaleShift};
use super::epilogue::Epilogue;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::{SendPtr, for_each_chunk, for_each_chunk2};

/// Partial sums of a row: a vector of AVX-512 in f32
const LANES: usize = 16;
/// Columns of a task that sums the gradients of γ and β: four cache lines of f32, as in sums of rows
const COLUMNS: usize = 64;

/// μ and `1 / √(σ² + ε)`, an element for each row
#[derive(Clone, Copy, Debug)]
pub struct RowMoments<'a, T> {
    /// μ
    pub mean: &'a [T],
    /// `1 / √(σ² + ε)`
    pub factor: &'a [T],
}

/// μ and `1 / √(σ² + ε)` of each row, for writing
#[derive(Debug)]
pub struct RowMomentsMut<'a, T> {
    /// μ
    pub mean: &'a mut [T],
    /// `1 / √(σ² + ε)`
    pub factor: &'a mut [T],
}

/// `Y ← f(γ x̂ + β)` for row-major X and Y of `gamma.len()` columns
///
/// # Panics
/// If the lengths don't fit each other, or there are no columns.
#[track_caller]
pub fn layer_norm<T: Number>(x: &[T], by: ScaleShift<'_, T>, f: impl Into<Epilogue<T>>, y: &mut [T]) {
    let (cols, f) = (by.gamma.len(), f.into());
    check("layer_norm", cols, by.beta.len(), &[x.len(), y.len()]);
    let chunk = rows_of_task(cols) * cols;
    for_each_chunk(y, chunk, |i, y| {
        forward_rows(&x[i * chunk..][..y.len()], by, None, y);
        f.forward_block(BlockMut::one_row(y), i * chunk);
    });
}

/// [`layer_norm`] that also stores the mean and the factor of each row
///
/// # Panics
/// If the lengths don't fit each other, or there are no columns.
#[track_caller]
pub fn layer_norm_training<T: Number>(
    x: &[T],
    by: ScaleShift<'_, T>,
    moments: RowMomentsMut<'_, T>,
    f: Epilogue<T>,
    y: &mut [T],
) {
    let (cols, RowMomentsMut { mean, factor }) = (by.gamma.len(), moments);
    check("layer_norm_training", cols, by.beta.len(), &[x.len(), y.len(), mean.len() * cols]);
    let (rows, y) = (rows_of_task(cols), SendPtr(y.as_mut_ptr()));
    for_each_chunk2(mean, factor, rows, |i, mean, factor| {
        let (first, len) = (i * rows * cols, mean.len() * cols);
        // SAFETY: chunk i of `mean` and `factor` belongs to the rows from i · rows on, one for each element of `mean`. They
        // lie inside Y (checked above), which is borrowed mutably until all tasks are done. The rows of different i don't
        // overlap, and each i is called once.
        let y = unsafe { std::slice::from_raw_parts_mut(y.get().add(first), len) };
        forward_rows(&x[first..][..len], by, Some(RowMomentsMut { mean, factor }), y);
        f.forward_block(BlockMut::one_row(y), first);
    });
}

/// The gradients of [`layer_norm_training`] from `dy = ∂L/∂(γ x̂ + β)`
///
/// * `dgamma ← Σᵢ dy[i,:] x̂[i,:]`, `dbeta ← Σᵢ dy[i,:]`
/// * `dx`, if given: set to `(g − mean(g) − x̂ mean(g x̂)) / √(σ² + ε)` with `g = γ dy`, where the means are over the row
///
/// # Panics
/// If the lengths don't fit each other, or there are no columns.
#[track_caller]
pub fn layer_norm_backward<T: Number>(
    x: &[T],
    dy: &[T],
    gamma: &[T],
    moments: RowMoments<'_, T>,
    dx: Option<&mut [T]>,
    (dgamma, dbeta): (&mut [T], &mut [T]),
) {
    let (cols, RowMoments { mean, factor }) = (gamma.len(), moments);
    let dx_len = dx.as_ref().map_or(x.len(), |dx| dx.len());
    let lens = [x.len(), dy.len(), dx_len, mean.len() * cols, factor.len() * cols];
    check("layer_norm_backward", cols, dgamma.len(), &lens);
    if let Some(dx) = dx {
        let rows = rows_of_task(cols);
        for_each_chunk(dx, rows * cols, |i, dx| {
            let (first, of_rows) = (i * rows * cols, i * rows..i * rows + dx.len() / cols);
            let moments = RowMoments { mean: &mean[of_rows.clone()], factor: &factor[of_rows] };
            dx_rows(&x[first..][..dx.len()], &dy[first..][..dx.len()], gamma, moments, dx);
        });
    }
    for_each_chunk2(dgamma, dbeta, COLUMNS, |i, dgamma, dbeta| {
        sum_columns(x, dy, (cols, i * COLUMNS), moments, dgamma, dbeta);
    });
}

#[track_caller]
fn check(kernel: &str, cols: usize, other: usize, of_elements: &[usize]) {
    let len = of_elements[0];
    assert!(
        cols > 0
            && other == cols
            && len.is_multiple_of(cols)
            && of_elements.iter().all(|&other| other == len),
        "{kernel}: matrices of {of_elements:?} elements, {cols} and {other} columns"
    );
}

fn rows_of_task(cols: usize) -> usize {
    CHUNK.div_ceil(cols)
}

/// `Σ f(a[i], b[i], c[i])`, by partial sums; the three have the same length
#[inline(always)]
fn sum<T: Number>(a: &[T], b: &[T], c: &[T], f: impl Fn(T, T, T) -> T) -> T {
    let mut sums = [T::ZERO; LANES];
    let ((a, a_rest), (b, b_rest), (c, c_rest)) =
        (a.as_chunks::<LANES>(), b.as_chunks::<LANES>(), c.as_chunks::<LANES>());
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        for lane in 0..LANES {
            sums[lane] += f(a[lane], b[lane], c[lane]);
        }
    }
    for (sum, ((&a, &b), &c)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest).zip(c_rest)) {
        *sum += f(a, b, c);
    }
    sums.into_iter().fold(T::ZERO, |sum, part| sum + part)
}

multiversion! {
    fn forward_rows<T>(x: &[T], by: ScaleShift<'_, T>, moments: Option<RowMomentsMut<'_, T>>, y: &mut [T]) {
        let cols = by.gamma.len();
        let (count, epsilon) = (T::from_f64(cols as f64), T::from_f64(NORM_EPSILON));
        let mut moments = moments.map(|RowMomentsMut { mean, factor }| mean.iter_mut().zip(factor));
        for (x, y) in x.chunks_exact(cols).zip(y.chunks_exact_mut(cols)) {
            let mean = sum(x, x, x, |x, _, _| x) / count;
            let variance = sum(x, x, x, |x, _, _| (x - mean) * (x - mean)) / count;
            let factor = T::ONE / (variance + epsilon).sqrt();
            for ((y, &x), (&gamma, &beta)) in y.iter_mut().zip(x).zip(by.gamma.iter().zip(by.beta)) {
                *y = (x - mean) * factor * gamma + beta;
            }
            if let Some(stored) = moments.as_mut().and_then(Iterator::next) {
                (*stored.0, *stored.1) = (mean, factor);
            }
        }
    }
}

multiversion! {
    fn dx_rows<T>(x: &[T], dy: &[T], gamma: &[T], moments: RowMoments<'_, T>, dx: &mut [T]) {
        let (cols, RowMoments { mean, factor }) = (gamma.len(), moments);
        let count = T::from_f64(cols as f64);
        let rows = x.chunks_exact(cols).zip(dy.chunks_exact(cols)).zip(dx.chunks_exact_mut(cols));
        for (((x, dy), dx), (&mean, &factor)) in rows.zip(mean.iter().zip(factor)) {
            let shift = sum(gamma, dy, dy, |gamma, dy, _| gamma * dy) / count;
            let slope = sum(gamma, dy, x, |gamma, dy, x| gamma * dy * (x - mean)) * factor * factor / count;
            for ((dx, &x), (&dy, &gamma)) in dx.iter_mut().zip(x).zip(dy.iter().zip(gamma)) {
                *dx = factor * (gamma * dy - shift - (x - mean) * slope);
            }
        }
    }
}

multiversion! {
    /// `dgamma` and `dbeta` of the columns from `first` on, of matrices of `cols` columns
    fn sum_columns<T>(
        x: &[T],
        dy: &[T],
        place: (usize, usize),
        moments: RowMoments<'_, T>,
        dgamma: &mut [T],
        dbeta: &mut [T],
    ) {
        let (cols, first) = place;
        let columns = first..first + dgamma.len();
        dgamma.fill(T::ZERO);
        dbeta.fill(T::ZERO);
        let rows = x.chunks_exact(cols).zip(dy.chunks_exact(cols));
        for ((x, dy), (&mean, &factor)) in rows.zip(moments.mean.iter().zip(moments.factor)) {
            let sums = dgamma.iter_mut().zip(dbeta.iter_mut());
            for ((dgamma, dbeta), (&x, &dy)) in sums.zip(x[columns.clone()].iter().zip(&dy[columns.clone()])) {
                *dbeta += dy;
                *dgamma += dy * ((x - mean) * factor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::activation::Activation;
    use crate::elementwise::dropout::Dropout;
    use crate::numbers::numbers;

    const SHAPES: [(usize, usize); 8] =
        [(0, 3), (1, 1), (3, 2), (2, 15), (7, 64), (65, 16), (40, 1000), (3, CHUNK + 1)];

    struct Case {
        x: Vec<f64>,
        gamma: Vec<f64>,
        beta: Vec<f64>,
        mean: Vec<f64>,
        factor: Vec<f64>,
        y: Vec<f64>,
    }

    fn case(rows: usize, cols: usize, f: Epilogue<f64>) -> Case {
        let x = numbers(rows * cols, 1, |x| 3.0 * x + 1.0);
        let (gamma, beta) = (numbers(cols, 5, |x| 1.0 + x / 2.0), numbers(cols, 6, |x| x));
        let nan = |len| vec![f64::NAN; len];
        let mut case = Case { y: nan(x.len()), x, gamma, beta, mean: nan(rows), factor: nan(rows) };
        let by = ScaleShift { gamma: &case.gamma, beta: &case.beta };
        let moments = RowMomentsMut { mean: &mut case.mean, factor: &mut case.factor };
        layer_norm_training(&case.x, by, moments, f, &mut case.y);
        let mut again = nan(case.x.len());
        layer_norm(&case.x, by, f, &mut again);
        assert!(again == case.y, "{rows}×{cols}: training differs from evaluation");
        case
    }

    #[test]
    fn rows_are_normalised_as_the_formula_says() {
        for (rows, cols) in SHAPES {
            let case = case(rows, cols, Activation::Identity.into());
            for (i, (x, y)) in case.x.chunks(cols).zip(case.y.chunks(cols)).enumerate() {
                let mean = x.iter().sum::<f64>() / cols as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / cols as f64;
                let deviation = (variance + 1e-5).sqrt();
                assert!(
                    (case.mean[i] - mean).abs() < 1e-12 && (case.factor[i] * deviation - 1.0).abs() < 1e-9
                );
                for j in 0..cols {
                    let want = case.gamma[j] * (x[j] - mean) / deviation + case.beta[j];
                    assert!((y[j] - want).abs() < 1e-10, "{rows}×{cols}: {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn the_epilogue_is_applied_to_every_element_with_its_own_index() {
        for (rows, cols) in SHAPES {
            let both = Epilogue { f: Activation::Relu, dropout: Some(Dropout::new(0.4, 3)) };
            let mut want = case(rows, cols, Activation::Identity.into()).y;
            both.forward(&mut want);
            assert!(case(rows, cols, both).y == want, "{rows}×{cols}");
        }
    }

    #[test]
    fn gradients_are_those_of_the_formula() {
        for (rows, cols) in SHAPES {
            let Case { x, gamma, mean, factor, .. } = case(rows, cols, Activation::Identity.into());
            let dy = numbers(x.len(), 2, |x| x);
            let moments = RowMoments { mean: &mean, factor: &factor };
            let (mut dx, mut sums) = (vec![f64::NAN; x.len()], (vec![f64::NAN; cols], vec![f64::NAN; cols]));
            layer_norm_backward(&x, &dy, &gamma, moments, Some(&mut dx), (&mut sums.0, &mut sums.1));
            let hat = |i: usize, j: usize| (x[i * cols + j] - mean[i]) * factor[i];
            for j in 0..cols {
                let dbeta: f64 = (0..rows).map(|i| dy[i * cols + j]).sum();
                let dgamma: f64 = (0..rows).map(|i| dy[i * cols + j] * hat(i, j)).sum();
                assert!((sums.0[j] - dgamma).abs() < 1e-11 && (sums.1[j] - dbeta).abs() < 1e-11);
            }
            for i in 0..rows {
                let g = |j: usize| gamma[j] * dy[i * cols + j];
                let shift = (0..cols).map(g).sum::<f64>() / cols as f64;
                let slope = (0..cols).map(|j| g(j) * hat(i, j)).sum::<f64>() / cols as f64;
                for j in 0..cols {
                    let want = factor[i] * (g(j) - shift - hat(i, j) * slope);
                    let found = dx[i * cols + j];
                    assert!(
                        (found - want).abs() <= 1e-9 * want.abs().max(1.0),
                        "{rows}×{cols}: {found}, {want}"
                    );
                }
            }
        }
    }
}
