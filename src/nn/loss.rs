//! Softmax cross-entropy, fused: on logits and integer labels

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// `L = 1/B Σᵢ (ln Σₖ exp z[i,k] − z[i, yᵢ])`, the mean over a batch of B rows
///
/// * z: B × classes, logits; any finite ones: their largest is subtracted before `exp`
/// * y: labels, below the number of classes
/// * unit: nats
///
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.2.2.3.
#[derive(Debug, Default)]
pub struct SoftmaxCrossEntropy<T> {
    max: Vec<T>,
    log_sum: Vec<T>,
    label_logit: Vec<T>,
    predicted: Vec<u32>,
}

/// Sums over the rows of one or more batches
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSum {
    /// Sum of the rows' losses, nats
    pub loss: f64,
    /// Rows whose largest logit is that of their label
    pub correct: usize,
    /// Rows
    pub rows: usize,
}

/// Mean loss a row, nats, beyond which training has diverged: far from what any data and start weights give, since
/// it means that labels get a probability of e⁻¹⁰⁰⁰⁰⁰
///
/// Not every divergence ends in infinity: where a step has left all units of a layer dead, the bias alone goes on, and
/// learning rate 1e6 stays at about 2e6 nats.
const DIVERGED_NATS: f64 = 1e5;

impl LossSum {
    /// Whether the loss is not finite, or its mean exceeds `DIVERGED_NATS`
    pub fn has_diverged(&self) -> bool {
        let within = self.loss.is_finite() && self.loss <= DIVERGED_NATS * self.rows as f64;
        !within
    }

    /// Mean loss a row, nats; `None` without rows
    pub fn mean_loss(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.loss / self.rows as f64)
    }

    /// Share of the rows that are right, 0 to 1; `None` without rows
    pub fn accuracy(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.correct as f64 / self.rows as f64)
    }

    /// Adds another batch's sums
    pub fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.rows += other.rows;
    }
}

impl<T: Scalar> SoftmaxCrossEntropy<T> {
    /// The rows' losses, summed, and how many rows are right; `z` becomes the probabilities, row by row
    ///
    /// Row sums are added in f64 from the first row to the last. Logits that are not finite give a loss
    /// that is not finite.
    ///
    /// # Panics
    /// If `rows != labels.len()`, or a label is not below the number of classes.
    #[track_caller]
    pub fn forward(&mut self, z: &mut Matrix<T>, labels: &[u32]) -> LossSum {
        let (rows, cols) = z.shape();
        assert!(rows == labels.len(), "{rows} rows of logits, {} labels", labels.len());
        self.max.resize(rows, T::ZERO);
        self.log_sum.resize(rows, T::ZERO);
        self.predicted.resize(rows, 0);
        self.label_logit.clear();
        self.label_logit.extend(labels.iter().enumerate().map(|(i, &label)| z.row(i)[label as usize]));
        kernels::argmax_rows(z.data(), cols, &mut self.predicted);
        kernels::softmax_rows(z.data_mut(), cols, &mut self.max, &mut self.log_sum);
        let mut sum = LossSum { rows, ..LossSum::default() };
        for (i, &label) in labels.iter().enumerate() {
            // In f64 the difference of two f32 is exact, so a small loss beside large logits keeps its digits.
            sum.loss += self.log_sum[i].to_f64() + (self.max[i].to_f64() - self.label_logit[i].to_f64());
            sum.correct += usize::from(self.predicted[i] == label);
        }
        sum
    }

    /// `p ← (p − onehot(y)) / B = dz`, in place, where p are the probabilities that [`Self::forward`] left
    ///
    /// # Panics
    /// If `rows != labels.len()`, or a label is not below the number of classes.
    #[track_caller]
    pub fn backward(p: &mut Matrix<T>, labels: &[u32]) {
        let (rows, cols) = p.shape();
        assert!(rows == labels.len(), "{rows} rows of probabilities, {} labels", labels.len());
        let count = T::from_f64(rows as f64);
        for (row, &label) in p.data_mut().chunks_exact_mut(cols).zip(labels) {
            row[label as usize] = row[label as usize] - T::ONE;
            row.iter_mut().for_each(|p| *p = *p / count);
        }
    }

    /// The most probable class of each row of the last [`Self::forward`]; of equals, the first
    pub fn predicted(&self) -> &[u32] {
        &self.predicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_equal_logits_is_the_logarithm_of_the_classes() {
        let mut z = Matrix::<f64>::zeros(3, 10);
        let sum = SoftmaxCrossEntropy::default().forward(&mut z, &[0, 4, 9]);
        approx::assert_relative_eq!(sum.loss, 3.0 * 10f64.ln(), max_relative = 1e-15);
        assert_eq!((sum.correct, sum.rows), (1, 3));
    }

    #[test]
    fn a_loss_beyond_all_reason_has_diverged_and_a_bad_one_has_not() {
        let sum = |loss| LossSum { loss, correct: 0, rows: 10 };
        assert!([0.0, 23.0, 9e5].into_iter().all(|loss| !sum(loss).has_diverged()));
        assert!([2e6, f64::INFINITY, f64::NAN].into_iter().all(|loss| sum(loss).has_diverged()));
        assert!(!LossSum::default().has_diverged());
    }

    #[test]
    fn huge_logits_give_a_finite_loss_and_gradient() {
        let mut z = Matrix::from_slice(&[3e38f32, -3e38, 0.0, -3e38, 3e38, 0.0], 2, 3);
        let sum = SoftmaxCrossEntropy::default().forward(&mut z, &[0, 0]);
        approx::assert_relative_eq!(sum.loss, 6e38, max_relative = 1e-6);
        SoftmaxCrossEntropy::backward(&mut z, &[0, 0]);
        assert_eq!(z.data(), [0.0, 0.0, 0.0, -0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_small_loss_beside_large_logits_keeps_its_digits() {
        let mut z = Matrix::from_slice(&[1000.0f32, 988.0], 1, 2);
        let sum = SoftmaxCrossEntropy::default().forward(&mut z, &[0]);
        // ln(1 + e⁻¹²), of which f32 rounds 1 + e⁻¹² to half a unit, 6e-8
        approx::assert_abs_diff_eq!(sum.loss, (-12f64).exp().ln_1p(), epsilon = 1e-7);
    }

    #[test]
    fn logits_that_are_not_finite_are_not_hidden() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut z = Matrix::from_slice(&[0.0, bad], 1, 2);
            assert!(!SoftmaxCrossEntropy::default().forward(&mut z, &[0]).loss.is_finite());
        }
    }
}
