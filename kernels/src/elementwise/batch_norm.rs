//! Batch normalisation: each column of a batch gets mean 0 and variance 1, and then a learnt scale and shift
//!
//! `x̂[i,j] = (x[i,j] − μ[j]) / √(σ²[j] + ε)` and `y[i,j] = γ[j] x̂[i,j] + β[j]`. In training, μ and σ² are the mean and the
//! variance of the batch, with the divisor m for m rows. Elsewhere they are running averages.
//!
//! A task has a block of columns and goes over all rows: for the sum, for the squares of the deviations, and for y. It adds
//! rows from first to last, so the bits do not depend on the number of threads or on the instruction set.
//!
//! Source: Ioffe and Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
//! Shift* (2015).

use std::ops::Range;

use super::epilogue::Epilogue;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::{SendPtr, parallel_for_work};
use crate::threads::partition::Partition;

/// ε, which is added to variances, as in PyTorch
pub const NORM_EPSILON: f64 = 1e-5;

/// Columns of a task: four cache lines of f32, as in sums of rows
const COLUMNS: usize = 64;
/// Rows that are normalised before the epilogue is applied to them: with the columns of a task, they fit in L1
const ROWS: usize = 64;
/// Work of an element in all passes over it, in multiply-adds of a product
const ELEMENT_WORK: usize = 16;

/// γ and β, an element for each column
#[derive(Clone, Copy, Debug)]
pub struct ScaleShift<'a, T> {
    /// Scale γ
    pub gamma: &'a [T],
    /// Shift β
    pub beta: &'a [T],
}

/// The mean and the variance of each column
#[derive(Clone, Copy, Debug)]
pub struct ColumnMoments<'a, T> {
    /// μ
    pub mean: &'a [T],
    /// σ², with the number of rows as divisor
    pub variance: &'a [T],
}

/// The mean and the variance of each column, for writing
#[derive(Debug)]
pub struct ColumnMomentsMut<'a, T> {
    /// μ
    pub mean: &'a mut [T],
    /// σ², with the number of rows as divisor
    pub variance: &'a mut [T],
}

/// `Y ← f(γ x̂ + β)` with the mean and variance of the rows of X, which are stored in `moments`
///
/// X and Y are row-major and have `gamma.len()` columns. In a matrix of one row, x̂ is 0.
///
/// # Panics
/// If the lengths don't fit each other, or there are no columns.
#[track_caller]
pub fn batch_norm<T: Number>(
    x: &[T],
    by: ScaleShift<'_, T>,
    moments: ColumnMomentsMut<'_, T>,
    f: impl Into<Epilogue<T>>,
    y: &mut [T],
) {
    let (cols, f) = (by.gamma.len(), f.into());
    let ColumnMomentsMut { mean, variance } = moments;
    check("batch_norm", cols, &[x.len(), y.len()], &[by.beta.len(), mean.len(), variance.len()]);
    let [mean, variance, y] = [mean, variance, y].map(|all| SendPtr(all.as_mut_ptr()));
    for_each_block(cols, x.len(), |columns| {
        // SAFETY: the three have an element for each column, or for each element of X (checked above), and are borrowed
        // until the loop ends. Only this task accesses these columns.
        let [mean, variance] = [&mean, &variance].map(|all| unsafe {
            std::slice::from_raw_parts_mut(all.get().add(columns.start), columns.len())
        });
        moments_block(x, cols, columns.clone(), mean, variance);
        // SAFETY: as above.
        let block = |first: usize, rows: usize| unsafe {
            BlockMut::new(y.get().add(first), rows, cols, columns.len())
        };
        normalize_rows(x, cols, columns.clone(), by, ColumnMoments { mean, variance }, f, block);
    });
}

/// `Y ← f(γ x̂ + β)` with a given mean and variance of each column
///
/// # Panics
/// If the lengths don't fit each other, or there are no columns.
#[track_caller]
pub fn normalize_columns<T: Number>(
    x: &[T],
    by: ScaleShift<'_, T>,
    moments: ColumnMoments<'_, T>,
    f: impl Into<Epilogue<T>>,
    y: &mut [T],
) {
    let (cols, f) = (by.gamma.len(), f.into());
    let ColumnMoments { mean, variance } = moments;
    check("normalize_columns", cols, &[x.len(), y.len()], &[by.beta.len(), mean.len(), variance.len()]);
    let y = SendPtr(y.as_mut_ptr());
    for_each_block(cols, x.len(), |columns| {
        // SAFETY: Y has as many elements as X (checked above) and is borrowed until the loop ends. Only this task accesses
        // these columns.
        let block = |first: usize, rows: usize| unsafe {
            BlockMut::new(y.get().add(first), rows, cols, columns.len())
        };
        let [mean, variance] = [mean, variance].map(|all| &all[columns.clone()]);
        normalize_rows(x, cols, columns.clone(), by, ColumnMoments { mean, variance }, f, block);
    });
}

/// The gradients of [`batch_norm`] from `dy = ∂L/∂(γ x̂ + β)`
///
/// * `dgamma ← Σᵢ dy[i,:] x̂[i,:]`, `dbeta ← Σᵢ dy[i,:]`
/// * `dx`, if given: set to `γ / √(σ² + ε) (dy − dbeta / m − x̂ dgamma / m)` for m rows; mean and variance depend on X, too
///
/// # Panics
/// If the lengths don't fit each other, or there are no columns.
#[track_caller]
pub fn batch_norm_backward<T: Number>(
    x: &[T],
    dy: &[T],
    gamma: &[T],
    moments: ColumnMoments<'_, T>,
    dx: Option<&mut [T]>,
    (dgamma, dbeta): (&mut [T], &mut [T]),
) {
    let (cols, ColumnMoments { mean, variance }) = (gamma.len(), moments);
    let dx_len = dx.as_ref().map_or(x.len(), |dx| dx.len());
    let of_columns = [dgamma.len(), dbeta.len(), mean.len(), variance.len()];
    check("batch_norm_backward", cols, &[x.len(), dy.len(), dx_len], &of_columns);
    let [dgamma, dbeta] = [dgamma, dbeta].map(|all| SendPtr(all.as_mut_ptr()));
    let dx = dx.map(|dx| SendPtr(dx.as_mut_ptr()));
    for_each_block(cols, x.len(), |columns| {
        // SAFETY: both have an element for each column (checked above), and are borrowed until the loop ends. Only this task
        // accesses these columns.
        let [dgamma, dbeta] = [&dgamma, &dbeta].map(|all| unsafe {
            std::slice::from_raw_parts_mut(all.get().add(columns.start), columns.len())
        });
        let [mean, variance, gamma] = [mean, variance, gamma].map(|all| &all[columns.clone()]);
        let moments = ColumnMoments { mean, variance };
        sums_block(x, dy, cols, columns.clone(), moments, dgamma, dbeta);
        if let Some(dx) = &dx {
            // SAFETY: dX has as many elements as X (checked above). As above.
            let dx = unsafe {
                let start = dx.get().add(columns.start);
                BlockMut::new(start, x.len() / cols, cols, columns.len())
            };
            dx_block(x, dy, cols, columns, moments, [gamma, dgamma, dbeta], dx);
        }
    });
}

#[track_caller]
fn check(kernel: &str, cols: usize, of_elements: &[usize], of_columns: &[usize]) {
    let len = of_elements[0];
    assert!(
        cols > 0
            && len.is_multiple_of(cols)
            && of_elements.iter().all(|&other| other == len)
            && of_columns.iter().all(|&other| other == cols),
        "{kernel}: matrices of {of_elements:?} elements, {cols} columns, vectors of {of_columns:?}"
    );
}

/// Calls `f` with each block of columns, in parallel
fn for_each_block(cols: usize, elements: usize, f: impl Fn(Range<usize>) + Sync) {
    let blocks = Partition::into_parts(cols.div_ceil(COLUMNS), cols, COLUMNS);
    parallel_for_work(blocks.count(), elements * ELEMENT_WORK, |i| f(blocks.range(i)));
}

/// Normalises columns of X some rows at a time, and applies the epilogue
///
/// * `block(first, rows)`: `rows` rows of these columns of Y, from the element with index `first` on
fn normalize_rows<'a, T: Number>(
    x: &[T],
    cols: usize,
    columns: Range<usize>,
    by: ScaleShift<'_, T>,
    moments: ColumnMoments<'_, T>,
    f: Epilogue<T>,
    block: impl Fn(usize, usize) -> BlockMut<'a, T>,
) {
    let [gamma, beta] = [by.gamma, by.beta].map(|all| &all[columns.clone()]);
    for (i, x) in x.chunks(ROWS * cols).enumerate() {
        let first = i * ROWS * cols + columns.start;
        let mut y = block(first, x.len() / cols);
        let by = ScaleShift { gamma, beta };
        normalize_block(x, cols, columns.clone(), by, moments, y.reborrow());
        f.forward_block(y, first);
    }
}

multiversion! {
    /// The mean and variance of the columns `columns` of X, which has `cols`
    fn moments_block<T>(x: &[T], cols: usize, columns: Range<usize>, mean: &mut [T], variance: &mut [T]) {
        let rows = T::from_f64((x.len() / cols) as f64);
        mean.fill(T::ZERO);
        for x in x.chunks_exact(cols) {
            for (mean, &x) in mean.iter_mut().zip(&x[columns.clone()]) {
                *mean += x;
            }
        }
        for mean in mean.iter_mut() {
            *mean = *mean / rows;
        }
        variance.fill(T::ZERO);
        for x in x.chunks_exact(cols) {
            for ((variance, &mean), &x) in variance.iter_mut().zip(&*mean).zip(&x[columns.clone()]) {
                let deviation = x - mean;
                *variance += deviation * deviation;
            }
        }
        for variance in variance.iter_mut() {
            *variance = *variance / rows;
        }
    }
}

multiversion! {
    /// `y ← γ x̂ + β` for the columns `columns` of X, which has `cols`; the vectors have an element for each of `columns`
    fn normalize_block<T>(
        x: &[T],
        cols: usize,
        columns: Range<usize>,
        by: ScaleShift<'_, T>,
        moments: ColumnMoments<'_, T>,
        y: BlockMut<'_, T>,
    ) {
        let ColumnMoments { mean, variance } = moments;
        let (mut factors, epsilon) = ([T::ZERO; COLUMNS], T::from_f64(NORM_EPSILON));
        let factors = &mut factors[..columns.len()];
        for ((factor, &gamma), &variance) in factors.iter_mut().zip(by.gamma).zip(variance) {
            *factor = gamma / (variance + epsilon).sqrt();
        }
        for (y, x) in y.into_rows().zip(x.chunks_exact(cols)) {
            let of_columns = mean.iter().zip(&*factors).zip(by.beta);
            for ((y, &x), ((&mean, &factor), &beta)) in y.iter_mut().zip(&x[columns.clone()]).zip(of_columns) {
                *y = (x - mean) * factor + beta;
            }
        }
    }
}

multiversion! {
    /// `dgamma` and `dbeta` of the columns `columns`
    fn sums_block<T>(
        x: &[T],
        dy: &[T],
        cols: usize,
        columns: Range<usize>,
        moments: ColumnMoments<'_, T>,
        dgamma: &mut [T],
        dbeta: &mut [T],
    ) {
        let (ColumnMoments { mean, variance }, epsilon) = (moments, T::from_f64(NORM_EPSILON));
        dgamma.fill(T::ZERO);
        dbeta.fill(T::ZERO);
        for (x, dy) in x.chunks_exact(cols).zip(dy.chunks_exact(cols)) {
            let sums = dgamma.iter_mut().zip(dbeta.iter_mut()).zip(mean);
            for (((dgamma, dbeta), &mean), (&x, &dy)) in
                sums.zip(x[columns.clone()].iter().zip(&dy[columns.clone()]))
            {
                *dbeta += dy;
                *dgamma += dy * (x - mean);
            }
        }
        for (dgamma, &variance) in dgamma.iter_mut().zip(variance) {
            *dgamma = *dgamma / (variance + epsilon).sqrt();
        }
    }
}

multiversion! {
    /// `dx` of the columns `columns`
    ///
    /// * `of_columns`: γ, `dgamma` and `dbeta` of these columns
    fn dx_block<T>(
        x: &[T],
        dy: &[T],
        cols: usize,
        columns: Range<usize>,
        moments: ColumnMoments<'_, T>,
        of_columns: [&[T]; 3],
        dx: BlockMut<'_, T>,
    ) {
        let (ColumnMoments { mean, variance }, [gamma, dgamma, dbeta]) = (moments, of_columns);
        let (rows, epsilon) = (T::from_f64((x.len() / cols) as f64), T::from_f64(NORM_EPSILON));
        let [mut factors, mut shifts, mut slopes] = [[T::ZERO; COLUMNS]; 3];
        for j in 0..columns.len() {
            let deviation = (variance[j] + epsilon).sqrt();
            factors[j] = gamma[j] / deviation;
            shifts[j] = dbeta[j] / rows;
            slopes[j] = dgamma[j] / rows / deviation;
        }
        let count = columns.len();
        let (factors, shifts, slopes) = (&factors[..count], &shifts[..count], &slopes[..count]);
        let rows = x.chunks_exact(cols).zip(dy.chunks_exact(cols));
        for (dx, (x, dy)) in dx.into_rows().zip(rows) {
            let elements = dx.iter_mut().zip(x[columns.clone()].iter().zip(&dy[columns.clone()]));
            let of_columns = mean.iter().zip(factors).zip(shifts.iter().zip(slopes));
            for ((dx, (&x, &dy)), ((&mean, &factor), (&shift, &slope))) in elements.zip(of_columns) {
                *dx = factor * (dy - shift - (x - mean) * slope);
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

    const SHAPES: [(usize, usize); 9] =
        [(0, 3), (1, 1), (1, 70), (2, 5), (7, 64), (64, 63), (65, 129), (130, 65), (200, 2)];

    /// Random γ and β
    fn parameters(cols: usize) -> [Vec<f64>; 2] {
        [numbers(cols, 5, |x| 1.0 + x / 2.0), numbers(cols, 6, |x| x)]
    }

    #[test]
    fn columns_are_normalised_as_the_formula_says() {
        for (rows, cols) in SHAPES {
            let x = numbers(rows * cols, 1, |x| 3.0 * x + 1.0);
            let [gamma, beta] = parameters(cols);
            let by = ScaleShift { gamma: &gamma, beta: &beta };
            let [mut mean, mut variance] = [vec![f64::NAN; cols], vec![f64::NAN; cols]];
            let (mut y, mut again) = (vec![f64::NAN; x.len()], vec![f64::NAN; x.len()]);
            let moments = ColumnMomentsMut { mean: &mut mean, variance: &mut variance };
            batch_norm(&x, by, moments, Activation::Identity, &mut y);
            let moments = ColumnMoments { mean: &mean, variance: &variance };
            normalize_columns(&x, by, moments, Activation::Identity, &mut again);
            assert!(y == again, "{rows}×{cols}");
            for j in (0..cols).filter(|_| rows > 0) {
                let column = || x.iter().skip(j).step_by(cols);
                let want: f64 = column().sum::<f64>() / rows as f64;
                assert!((mean[j] - want).abs() < 1e-13, "{rows}×{cols}");
                let square = column().map(|x| (x - want).powi(2)).sum::<f64>() / rows as f64;
                assert!((variance[j] - square).abs() < 1e-13, "{rows}×{cols}");
                for i in 0..rows {
                    let hat = (x[i * cols + j] - want) / (square + 1e-5).sqrt();
                    let want = gamma[j] * hat + beta[j];
                    assert!((y[i * cols + j] - want).abs() < 1e-11, "{rows}×{cols}: {i}, {j}");
                    assert!(rows > 1 || y[i * cols + j] == beta[j], "{rows}×{cols}");
                }
            }
        }
    }

    #[test]
    fn the_epilogue_is_applied_to_every_element_with_its_own_index() {
        for (rows, cols) in SHAPES {
            let x = numbers(rows * cols, 1, |x| x as f32);
            let [gamma, beta] = parameters(cols).map(|all| all.iter().map(|&x| x as f32).collect::<Vec<_>>());
            let by = ScaleShift { gamma: &gamma, beta: &beta };
            let run = |f: Epilogue<f32>| {
                let [mut mean, mut variance] = [vec![0.0; cols], vec![0.0; cols]];
                let mut y = vec![f32::NAN; x.len()];
                let moments = ColumnMomentsMut { mean: &mut mean, variance: &mut variance };
                batch_norm(&x, by, moments, f, &mut y);
                y
            };
            let both = Epilogue { f: Activation::Relu, dropout: Some(Dropout::new(0.4, 3)) };
            let mut want = run(Activation::Identity.into());
            both.forward(&mut want);
            assert!(run(both) == want, "{rows}×{cols}");
        }
    }

    #[test]
    fn gradients_are_those_of_the_formula() {
        // A batch without rows has no mean.
        for (rows, cols) in SHAPES.into_iter().filter(|&(rows, _)| rows > 0) {
            let [x, dy] = [1, 2].map(|seed| numbers(rows * cols, seed, |x| 3.0 * x));
            let [gamma, beta] = parameters(cols);
            let [mut mean, mut variance] = [vec![0.0; cols], vec![0.0; cols]];
            let mut y = vec![0.0; x.len()];
            let moments = ColumnMomentsMut { mean: &mut mean, variance: &mut variance };
            let by = ScaleShift { gamma: &gamma, beta: &beta };
            batch_norm(&x, by, moments, Activation::Identity, &mut y);
            let moments = ColumnMoments { mean: &mean, variance: &variance };
            let (mut dx, mut sums) = (vec![f64::NAN; x.len()], (vec![f64::NAN; cols], vec![f64::NAN; cols]));
            batch_norm_backward(&x, &dy, &gamma, moments, Some(&mut dx), (&mut sums.0, &mut sums.1));
            let mut alone = (vec![f64::NAN; cols], vec![f64::NAN; cols]);
            batch_norm_backward(&x, &dy, &gamma, moments, None, (&mut alone.0, &mut alone.1));
            assert!(sums == alone);
            for j in 0..cols {
                let deviation = (variance[j] + 1e-5).sqrt();
                let of_row = |i: usize| (dy[i * cols + j], (x[i * cols + j] - mean[j]) / deviation);
                let dbeta: f64 = (0..rows).map(|i| of_row(i).0).sum();
                let dgamma: f64 = (0..rows).map(|i| of_row(i).0 * of_row(i).1).sum();
                assert!((sums.0[j] - dgamma).abs() < 1e-10 && (sums.1[j] - dbeta).abs() < 1e-11);
                for i in 0..rows {
                    let (dy, hat) = of_row(i);
                    let want = gamma[j] / deviation * (dy - (dbeta + hat * dgamma) / rows as f64);
                    let found = dx[i * cols + j];
                    assert!(
                        (found - want).abs() <= 1e-10 * want.abs().max(1.0),
                        "{rows}×{cols}: {found}, {want}"
                    );
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "batch_norm: matrices of [6, 6] elements, 3 columns, vectors of [3, 2, 3]")]
    fn lengths_that_do_not_fit_are_refused() {
        let moments = ColumnMomentsMut { mean: &mut [0.0; 2], variance: &mut [0.0; 3] };
        let by = ScaleShift { gamma: &[1.0f32; 3], beta: &[0.0; 3] };
        batch_norm(&[0.0; 6], by, moments, Activation::Identity, &mut [0.0; 6]);
    }
}
