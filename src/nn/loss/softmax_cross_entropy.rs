//! The loss of classes: softmax and cross-entropy in one, computed from logits and integer labels

use chainrule_kernels::{self as kernels, Scalar};

use super::labels::MixedClasses;
use super::sums::LossSum;
use crate::nn::matrix::Matrix;

/// Softmax cross-entropy, `L = 1/B Σᵢ (ln Σₖ exp z[i,k] − Σₖ q[i,k] z[i,k])`: the mean over a batch of B rows, in nats
///
/// * z: B × K, the logits of K classes; the largest logit of a row is subtracted before `exp`, so finite logits never
///   overflow
/// * q: the target, `(1 − ε) onehot(y) + ε/K`, where ε is the smoothing; without it, the sum over q z is `z[i, yᵢ]`
/// * y: labels, below the number of classes; a mix of two has `s onehot(y) + (1 − s) onehot(y')` in place of `onehot(y)`
///
/// Sources: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 6.2.2.3; Szegedy et al., *Rethinking the
/// Inception Architecture for Computer Vision* (2016), section 7.
#[derive(Debug, Default)]
pub struct SoftmaxCrossEntropy<T> {
    smoothing: f64,
    max: Vec<T>,
    log_sum: Vec<T>,
    /// `Σₖ q[i,k] z[i,k]` of each row
    target_logit: Vec<f64>,
    /// The sum of each row of logits; not used without smoothing
    logit_sum: Vec<f64>,
    predicted: Vec<u32>,
}

impl<T: Scalar> SoftmaxCrossEntropy<T> {
    /// The loss with labels that are smoothed by ε, a share from 0 to 1
    pub fn new(smoothing: f64) -> Self {
        Self { smoothing, ..Self::default() }
    }

    /// Returns the sums over the rows of the logits `z`, and replaces the logits by the probabilities
    ///
    /// Losses are added in f64 from the first row to the last. If a logit is not finite, neither is the sum.
    ///
    /// # Panics
    /// If `rows != labels.len()`, or a label is not below the number of classes.
    #[track_caller]
    pub fn forward(&mut self, z: &mut Matrix<T>, labels: &[u32]) -> LossSum {
        assert!(z.rows() == labels.len(), "{} rows of logits, {} labels", z.rows(), labels.len());
        self.target_logit.clear();
        let logits = labels.iter().enumerate().map(|(i, &label)| z.row(i)[label as usize].to_f64());
        self.target_logit.extend(logits);
        self.finish(z, |i| labels[i])
    }

    /// The same as [`Self::forward`] for rows with two labels each; a row is correct if its label with the greater share is
    /// predicted
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[track_caller]
    pub fn forward_mixed(&mut self, z: &mut Matrix<T>, mixed: &MixedClasses) -> LossSum {
        let MixedClasses { labels, others, shares } = mixed;
        assert!(z.rows() == labels.len(), "{} rows of logits, {} labels", z.rows(), labels.len());
        self.target_logit.clear();
        self.target_logit.extend(labels.iter().zip(others).zip(shares).enumerate().map(
            |(i, ((&label, &other), share))| {
                let logit = |label: u32| z.row(i)[label as usize].to_f64();
                share * logit(label) + (1.0 - share) * logit(other)
            },
        ));
        self.finish(z, |i| mixed.main(i))
    }

    /// Smooths the logits of the targets, and computes the probabilities and the sums
    ///
    /// * `label(i)`: the label that is correct for row i
    fn finish(&mut self, z: &mut Matrix<T>, label: impl Fn(usize) -> u32) -> LossSum {
        let (rows, cols) = z.shape();
        if self.smoothing > 0.0 {
            self.logit_sum.resize(rows, 0.0);
            kernels::row_sums(z.data(), cols, &mut self.logit_sum);
            for (target, sum) in self.target_logit.iter_mut().zip(&self.logit_sum) {
                *target = (1.0 - self.smoothing) * *target + self.smoothing * (sum / cols as f64);
            }
        }
        self.max.resize(rows, T::ZERO);
        self.log_sum.resize(rows, T::ZERO);
        self.predicted.resize(rows, 0);
        kernels::argmax_rows(z.data(), cols, &mut self.predicted);
        kernels::softmax_rows(z.data_mut(), cols, &mut self.max, &mut self.log_sum);
        let mut sum = LossSum { rows, ..LossSum::default() };
        for i in 0..rows {
            sum.loss += self.row_loss(i);
            sum.correct += usize::from(self.predicted[i] == label(i));
        }
        sum
    }

    /// Replaces p, the probabilities that [`Self::forward`] wrote, by `dz = (p − q) / B`
    ///
    /// # Panics
    /// If `rows != labels.len()`, or a label is not below the number of classes.
    #[track_caller]
    pub fn backward(&self, p: &mut Matrix<T>, labels: &[u32]) {
        assert!(p.rows() == labels.len(), "{} rows of probabilities, {} labels", p.rows(), labels.len());
        let share = T::from_f64(1.0 - self.smoothing);
        self.subtract_targets(p, |i, row| {
            let p = &mut row[labels[i] as usize];
            *p = *p - share;
        });
    }

    /// The same as [`Self::backward`] after [`Self::forward_mixed`]
    ///
    /// # Panics
    /// As [`Self::backward`].
    #[track_caller]
    pub fn backward_mixed(&self, p: &mut Matrix<T>, mixed: &MixedClasses) {
        let MixedClasses { labels, others, shares } = mixed;
        assert!(p.rows() == labels.len(), "{} rows of probabilities, {} labels", p.rows(), labels.len());
        self.subtract_targets(p, |i, row| {
            for (label, share) in [(labels[i], shares[i]), (others[i], 1.0 - shares[i])] {
                let p = &mut row[label as usize];
                *p = *p - T::from_f64((1.0 - self.smoothing) * share);
            }
        });
    }

    /// `p ← (p − q) / B`
    ///
    /// * `subtract(i, row)`: subtracts from row i what q has beside ε/K
    fn subtract_targets(&self, p: &mut Matrix<T>, subtract: impl Fn(usize, &mut [T])) {
        let (rows, cols) = p.shape();
        let (count, uniform) = (T::from_f64(rows as f64), T::from_f64(self.smoothing / cols as f64));
        for (i, row) in p.data_mut().chunks_exact_mut(cols).enumerate() {
            subtract(i, row);
            row.iter_mut().for_each(|p| *p = (*p - uniform) / count);
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
        self.log_sum[i].to_f64() + (self.max[i].to_f64() - self.target_logit[i])
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
        let mut loss = SoftmaxCrossEntropy::default();
        approx::assert_relative_eq!(loss.forward(&mut z, &[0, 0]).loss, 6e38, max_relative = 1e-6);
        loss.backward(&mut z, &[0, 0]);
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

    #[test]
    fn smoothed_and_mixed_losses_and_gradients_are_those_of_pytorch() {
        // torch.nn.CrossEntropyLoss(label_smoothing=ε) in f64, PyTorch 2: its value and gradient for the labels 2 and 1, and
        // for rows of probabilities [0, 0.3, 0.7] and [0, 1, 0] as targets
        let z = [1.0, -2.0, 0.5, 0.25, 3.0, -1.5];
        let mixed = MixedClasses { labels: vec![2, 1], others: vec![1, 1], shares: vec![0.7, 0.25] };
        #[rustfmt::skip]
        let cases = [
            (0.1, false, 0.692642591470927, [0.28520778140764624, -0.001637222881879655, -0.28357055852576657, 0.01306620283736401, -0.0015663341545102405, -0.011499868682853773]),
            (0.5, false, 1.3093092581375936, [0.2185411147409796, -0.06830388954854631, -0.1502372251924332, -0.053600463829302655, 0.13176699917882306, -0.07816653534952044]),
            (0.0, true, 0.9134759248042602, [0.3018744480743129, -0.13497055621521298, -0.16690389185909987, 0.029732869504030677, -0.034899667487843566, 0.005166797983812894]),
            (0.1, true, 1.030142591470927, [0.28520778140764624, -0.13663722288187966, -0.14857055852576656, 0.01306620283736401, -0.0015663341545102405, -0.011499868682853773]),
        ];
        for (smoothing, is_mixed, mean, gradient) in cases {
            let mut loss = SoftmaxCrossEntropy::new(smoothing);
            let mut z = Matrix::from_slice(&z, 2, 3);
            let sum =
                if is_mixed { loss.forward_mixed(&mut z, &mixed) } else { loss.forward(&mut z, &[2, 1]) };
            // Row 0 predicts class 0, row 1 class 1.
            assert_eq!((sum.rows, sum.correct), (2, 1));
            approx::assert_relative_eq!(sum.loss / 2.0, mean, max_relative = 1e-15);
            if is_mixed {
                loss.backward_mixed(&mut z, &mixed)
            } else {
                loss.backward(&mut z, &[2, 1])
            }
            for (found, expected) in z.data().iter().zip(gradient) {
                approx::assert_abs_diff_eq!(*found, expected, epsilon = 1e-16);
            }
        }
    }
}
