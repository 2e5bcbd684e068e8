//! The loss: softmax and cross-entropy in one, computed from logits and integer labels

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// Softmax cross-entropy, `L = 1/B Σᵢ (ln Σₖ exp z[i,k] − z[i, yᵢ])`: the mean over a batch of B rows, in nats
///
/// * z: B × classes, logits; the largest logit of a row is subtracted before `exp`, so finite logits never overflow
/// * y: labels, below the number of classes
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
    /// Sum of the rows' losses, in nats; in training with weights, each times its row's weight
    pub loss: f64,
    /// Number of rows whose predicted class is their label
    pub correct: usize,
    /// Number of rows
    pub rows: usize,
}

/// Mean loss per row, in nats, above which training counts as diverged
///
/// At this loss, labels have a probability of e⁻¹⁰⁰⁰⁰⁰, far below what any data and initial weights give. A diverged
/// loss can be finite: if all units of a layer are dead, only biases change, and a learning rate of 1e6 gives about
/// 2e6 nats.
const DIVERGED_NATS: f64 = 1e5;

impl LossSum {
    /// Whether the loss is not finite, or its mean exceeds 100,000 nats
    pub fn has_diverged(&self) -> bool {
        let within = self.loss.is_finite() && self.loss <= DIVERGED_NATS * self.rows as f64;
        !within
    }

    /// Mean loss per row in nats; `None` if there are no rows
    pub fn mean_loss(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.loss / self.rows as f64)
    }

    /// Share of the rows that are correct, 0 to 1; `None` if there are no rows
    pub fn accuracy(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.correct as f64 / self.rows as f64)
    }

    /// Adds the sums of another batch
    pub fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.rows += other.rows;
    }
}

impl<T: Scalar> SoftmaxCrossEntropy<T> {
    /// Returns the sums over the rows of the logits `z`, and replaces the logits by the probabilities
    ///
    /// Losses are added in f64 from the first row to the last. If a logit is not finite, neither is the sum.
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
            sum.loss += self.row_loss(i);
            sum.correct += usize::from(self.predicted[i] == label);
        }
        sum
    }

    /// Replaces p, the probabilities that [`Self::forward`] wrote, by `dz = (p − onehot(y)) / B`
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

    /// `Σᵢ w[i] ℓ[i]`, the weighted sum of the rows' losses of the last [`Self::forward`], added in f64 in their order
    ///
    /// # Panics
    /// If there is not one weight for each row.
    #[track_caller]
    pub fn weighted_loss(&self, weights: &[f64]) -> f64 {
        let rows = self.predicted.len();
        assert!(rows == weights.len(), "{rows} rows, {} weights", weights.len());
        (0..rows).map(|i| weights[i] * self.row_loss(i)).sum()
    }

    /// Multiplies the rows of `dz` by their weights, which makes `dz[i, :]` the gradient of `1/B Σᵢ w[i] ℓ[i]`
    ///
    /// A weight is rounded to the type of `dz` first. A weight of 1 changes no bit.
    ///
    /// # Panics
    /// If there is not one weight for each row.
    #[track_caller]
    pub fn weight_rows(dz: &mut Matrix<T>, weights: &[f64]) {
        let (rows, cols) = dz.shape();
        assert!(rows == weights.len(), "{rows} rows of gradients, {} weights", weights.len());
        for (row, &weight) in dz.data_mut().chunks_exact_mut(cols).zip(weights) {
            let weight = T::from_f64(weight);
            row.iter_mut().for_each(|dz| *dz *= weight);
        }
    }

    /// The loss of row `i` of the last [`Self::forward`], in nats
    fn row_loss(&self, i: usize) -> f64 {
        // The difference of two f32 is exact in f64, so a small loss keeps its digits when logits are large.
        self.log_sum[i].to_f64() + (self.max[i].to_f64() - self.label_logit[i].to_f64())
    }

    /// The most probable class of each row of the last [`Self::forward`]; the first of equally probable ones
    pub fn predicted(&self) -> &[u32] {
        &self.predicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_equal_logits_is_the_logarithm_of_the_number_of_classes() {
        let mut z = Matrix::<f64>::zeros(3, 10);
        let sum = SoftmaxCrossEntropy::default().forward(&mut z, &[0, 4, 9]);
        approx::assert_relative_eq!(sum.loss, 3.0 * 10f64.ln(), max_relative = 1e-15);
        assert_eq!((sum.correct, sum.rows), (1, 3));
    }

    #[test]
    fn a_mean_loss_beyond_the_limit_has_diverged_and_a_large_one_has_not() {
        let sum = |loss| LossSum { loss, correct: 0, rows: 10 };
        assert!([0.0, 23.0, 9e5].into_iter().all(|loss| !sum(loss).has_diverged()));
        assert!([2e6, f64::INFINITY, f64::NAN].into_iter().all(|loss| sum(loss).has_diverged()));
        assert!(!LossSum::default().has_diverged());
    }

    #[test]
    fn a_weight_multiplies_the_loss_and_the_gradient_of_its_row_and_1_changes_no_bit() {
        let logits = Matrix::from_slice(&[0.3f32, -1.0, 2.0, 0.1, 0.7, -0.4], 3, 2);
        let (labels, mut plain, mut loss) = ([0, 1, 0], logits.clone(), SoftmaxCrossEntropy::default());
        let sum = loss.forward(&mut plain, &labels).loss;
        assert_eq!(loss.weighted_loss(&[1.0; 3]), sum);
        let rows = [0, 1, 2].map(|row| loss.weighted_loss(&[0, 1, 2].map(|i| f64::from(u8::from(i == row)))));
        let expected = 2.0 * rows[0] + 0.5 * rows[2];
        approx::assert_relative_eq!(loss.weighted_loss(&[2.0, 0.0, 0.5]), expected, max_relative = 1e-15);
        SoftmaxCrossEntropy::backward(&mut plain, &labels);
        let mut weighted = plain.clone();
        SoftmaxCrossEntropy::weight_rows(&mut weighted, &[1.0; 3]);
        assert_eq!(weighted.data(), plain.data());
        SoftmaxCrossEntropy::weight_rows(&mut weighted, &[2.0, 0.0, 0.5]);
        for (row, factor) in [2.0, 0.0, 0.5].into_iter().enumerate() {
            assert_eq!(weighted.row(row), [0, 1].map(|j| factor * plain.row(row)[j]), "{row}");
        }
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
    fn a_small_loss_keeps_its_digits_when_logits_are_large() {
        let mut z = Matrix::from_slice(&[1000.0f32, 988.0], 1, 2);
        let sum = SoftmaxCrossEntropy::default().forward(&mut z, &[0]);
        // The loss is ln(1 + e⁻¹²). In f32, the rounding error of 1 + e⁻¹² is at most 6e-8.
        approx::assert_abs_diff_eq!(sum.loss, (-12f64).exp().ln_1p(), epsilon = 1e-7);
    }

    #[test]
    fn logits_that_are_not_finite_give_a_loss_that_is_not_finite() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut z = Matrix::from_slice(&[0.0, bad], 1, 2);
            assert!(!SoftmaxCrossEntropy::default().forward(&mut z, &[0]).loss.is_finite());
        }
    }
}
