//! The loss of classes: softmax and cross-entropy in one, computed from logits and integer labels

use chainrule_kernels::{self as kernels, Scalar};

use super::sums::LossSum;
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
