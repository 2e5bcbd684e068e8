//! The losses that training minimises: cross-entropy of classes, and functions of the errors of numbers

mod labels;
mod regression;
mod softmax_cross_entropy;
mod sums;

pub use labels::{BatchLabels, MixedClasses};
pub use regression::{ErrorFunction, Regression};
pub use softmax_cross_entropy::SoftmaxCrossEntropy;
pub use sums::{ErrorSum, LossSum};

use chainrule_kernels::Scalar;

use super::matrix::Matrix;

/// A loss with its scratch and the sums of its last forward pass
#[derive(Debug)]
pub struct Loss<T> {
    kind: Kind<T>,
    sum: LossSum,
}

#[derive(Debug)]
enum Kind<T> {
    CrossEntropy(SoftmaxCrossEntropy<T>),
    Regression(Regression),
}

impl<T: Scalar> Loss<T> {
    /// The cross-entropy of classes
    pub fn of_classes() -> Self {
        Self::of_smoothed_classes(0.0)
    }

    /// The cross-entropy of classes whose labels are smoothed by ε, a share from 0 to 1
    pub fn of_smoothed_classes(smoothing: f64) -> Self {
        Self { kind: Kind::CrossEntropy(SoftmaxCrossEntropy::new(smoothing)), sum: LossSum::default() }
    }

    /// A loss of numbers; `scales` are the standard deviations of the targets in their own units
    pub fn of_numbers(function: ErrorFunction, scales: Vec<f64>) -> Self {
        Self { kind: Kind::Regression(Regression::new(function, scales)), sum: LossSum::default() }
    }

    /// Computes the sums over the rows of the outputs of a net
    ///
    /// Replaces the logits of classes by probabilities; leaves outputs of numbers as they are.
    ///
    /// # Panics
    /// If the labels are not of this loss, or don't have a row for each output.
    #[track_caller]
    pub fn forward(&mut self, outputs: &mut Matrix<T>, labels: &BatchLabels<T>) -> &LossSum {
        let sum = &mut self.sum;
        match (&mut self.kind, labels) {
            (Kind::CrossEntropy(loss), BatchLabels::Classes(labels)) => *sum = loss.forward(outputs, labels),
            (Kind::CrossEntropy(loss), BatchLabels::Mixed(labels)) => {
                *sum = loss.forward_mixed(outputs, labels);
            }
            (Kind::Regression(loss), BatchLabels::Numbers(labels)) => {
                let mut errors = std::mem::take(&mut sum.errors);
                errors.clear();
                *sum = LossSum { errors, ..LossSum::default() };
                loss.forward(outputs, labels, sum);
            }
            _ => panic!("labels of another kind than the loss"),
        }
        &self.sum
    }

    /// Replaces what [`Self::forward`] left in `outputs` by the gradient of the mean loss of the rows
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[track_caller]
    pub fn backward(&self, outputs: &mut Matrix<T>, labels: &BatchLabels<T>) {
        match (&self.kind, labels) {
            (Kind::CrossEntropy(loss), BatchLabels::Classes(labels)) => loss.backward(outputs, labels),
            (Kind::CrossEntropy(loss), BatchLabels::Mixed(labels)) => loss.backward_mixed(outputs, labels),
            (Kind::Regression(loss), BatchLabels::Numbers(labels)) => loss.backward(outputs, labels),
            _ => panic!("labels of another kind than the loss"),
        }
    }

    /// Multiplies the loss of each row by its weight, in the sums and in the gradients `dz`, which [`Self::backward`] wrote:
    /// they become those of `1/B Σᵢ w[i] ℓ[i]`
    ///
    /// The weighted sum is added in f64 in the order of the rows. In `dz`, a weight is rounded to its type first. A weight
    /// of 1 changes no bit.
    ///
    /// # Panics
    /// If there is not one weight for each row.
    #[track_caller]
    pub fn weigh(&mut self, dz: &mut Matrix<T>, weights: &[f64]) {
        let (rows, cols) = dz.shape();
        assert!(rows == weights.len(), "{rows} rows, {} weights", weights.len());
        self.sum.loss = match &self.kind {
            Kind::CrossEntropy(loss) => loss.weighted_loss(weights),
            Kind::Regression(loss) => loss.losses().iter().zip(weights).map(|(loss, w)| loss * w).sum(),
        };
        for (row, &weight) in dz.data_mut().chunks_exact_mut(cols).zip(weights) {
            let weight = T::from_f64(weight);
            row.iter_mut().for_each(|dz| *dz *= weight);
        }
    }

    /// The part that each error is on, where the loss is smooth in parts only; empty for classes
    ///
    /// # Panics
    /// If labels of numbers are not of this loss.
    pub fn parts(&self, outputs: &Matrix<T>, labels: &BatchLabels<T>) -> Vec<i8> {
        match (&self.kind, labels) {
            (Kind::CrossEntropy(_), _) => Vec::new(),
            (Kind::Regression(loss), BatchLabels::Numbers(labels)) => loss.parts(outputs, labels),
            _ => panic!("labels of another kind than the loss"),
        }
    }

    /// The sums over the rows of the last forward pass
    pub fn sum(&self) -> &LossSum {
        &self.sum
    }

    /// The most probable class of each row of the last forward pass; empty in regression
    pub fn predicted(&self) -> &[u32] {
        match &self.kind {
            Kind::CrossEntropy(loss) => loss.predicted(),
            Kind::Regression(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean loss and the gradient of each row
    fn weighted(
        loss: &mut Loss<f32>,
        outputs: &Matrix<f32>,
        labels: &BatchLabels<f32>,
        weights: Option<&[f64]>,
    ) -> (f64, Matrix<f32>) {
        let mut dz = outputs.clone();
        loss.forward(&mut dz, labels);
        loss.backward(&mut dz, labels);
        weights.into_iter().for_each(|weights| loss.weigh(&mut dz, weights));
        (loss.sum().loss, dz)
    }

    #[test]
    fn a_weight_multiplies_the_loss_and_the_gradient_of_its_row_and_1_changes_no_bit() {
        let outputs = Matrix::from_slice(&[0.3f32, -1.0, 2.0, 0.1, 0.7, -0.4], 3, 2);
        let numbers = Matrix::from_slice(&[0.1f32, 1.0, -2.0, 0.2, 0.7, 0.4], 3, 2);
        let mut losses = vec![(Loss::of_classes(), BatchLabels::Classes(vec![0, 1, 0]))];
        for function in [ErrorFunction::Mse, ErrorFunction::Mae, ErrorFunction::Huber] {
            losses.push((Loss::of_numbers(function, vec![2.0, 3.0]), BatchLabels::Numbers(numbers.clone())));
        }
        for (mut loss, labels) in losses {
            let (sum, plain) = weighted(&mut loss, &outputs, &labels, None);
            let (of_ones, same) = weighted(&mut loss, &outputs, &labels, Some(&[1.0; 3]));
            assert_eq!((of_ones.to_bits(), same.data()), (sum.to_bits(), plain.data()));
            let rows = [0, 1, 2].map(|row| {
                weighted(
                    &mut loss,
                    &outputs,
                    &labels,
                    Some(&[0, 1, 2].map(|i| f64::from(u8::from(i == row)))),
                )
                .0
            });
            let (sum, dz) = weighted(&mut loss, &outputs, &labels, Some(&[2.0, 0.0, 0.5]));
            approx::assert_relative_eq!(sum, 2.0 * rows[0] + 0.5 * rows[2], max_relative = 1e-15);
            for (row, factor) in [2.0, 0.0, 0.5].into_iter().enumerate() {
                assert_eq!(dz.row(row), [0, 1].map(|j| factor * plain.row(row)[j]), "{row}");
            }
        }
    }
}
