//! The losses of regression: a function of the errors of standardised targets

use std::fmt;

use chainrule_kernels::Scalar;
use serde::{Deserialize, Serialize};

use super::sums::{ErrorSum, LossSum};
use crate::nn::matrix::Matrix;

/// The loss ℓ(e) of an error e = ŷ − y
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorFunction {
    /// Mean squared error, ℓ = e²
    #[default]
    Mse,
    /// Mean absolute error, ℓ = |e|
    Mae,
    /// Huber's loss, ℓ = e²/2 for |e| ≤ 1, else |e| − 1/2
    ///
    /// Source: Huber, *Robust Estimation of a Location Parameter* (1964).
    Huber,
}

impl ErrorFunction {
    /// ℓ(e)
    pub fn loss(self, e: f64) -> f64 {
        match self {
            Self::Mse => e * e,
            Self::Mae => e.abs(),
            Self::Huber if e.abs() <= 1.0 => e * e / 2.0,
            Self::Huber => e.abs() - 0.5,
        }
    }

    /// The part of the line on which ℓ is smooth that e is on: −1, 0 or 1
    ///
    /// Differences of ℓ are no derivatives if they cross from one part to another.
    pub fn part(self, e: f64) -> i8 {
        let part = |bound: f64| i8::from(e > bound) - i8::from(e < -bound);
        match self {
            Self::Mse => 0,
            Self::Mae => part(0.0),
            Self::Huber => part(1.0),
        }
    }

    /// ∂ℓ/∂e; 0 for [`Self::Mae`] at e = 0, where it has no derivative
    pub fn derivative<T: Scalar>(self, e: T) -> T {
        let sign = |e: T| match () {
            () if e > T::ZERO => T::ONE,
            () if e < T::ZERO => T::ZERO - T::ONE,
            // 0 stays 0, and a number that is none stays none.
            () => e,
        };
        match self {
            Self::Mse => e + e,
            Self::Mae => sign(e),
            Self::Huber if e.to_f64().abs() <= 1.0 => e,
            Self::Huber => sign(e),
        }
    }
}

impl fmt::Display for ErrorFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mse => "mse",
            Self::Mae => "mae",
            Self::Huber => "huber",
        })
    }
}

/// The loss of regression, `L = 1/B Σᵢ ℓᵢ` with `ℓᵢ = 1/k Σⱼ ℓ(ŷ[i,j] − y[i,j])`: the mean over B rows and k targets
///
/// Outputs ŷ and labels y are standardised: the error 1 is one standard deviation of the target.
#[derive(Clone, Debug)]
pub struct Regression {
    function: ErrorFunction,
    /// The size of an error of 1 in the unit of each target
    scales: Vec<f64>,
    /// The loss of each row of the last forward pass
    losses: Vec<f64>,
}

impl Regression {
    /// A loss of as many targets as there are `scales`: their standard deviations, in their own units
    pub fn new(function: ErrorFunction, scales: Vec<f64>) -> Self {
        Self { function, scales, losses: Vec::new() }
    }

    /// Adds the sums over the rows to `sum`; errors are computed from the first row to the last in f64
    ///
    /// If an output is not finite, neither is the sum.
    ///
    /// # Panics
    /// If outputs and labels are not both rows × targets.
    #[track_caller]
    pub fn forward<T: Scalar>(&mut self, outputs: &Matrix<T>, labels: &Matrix<T>, sum: &mut LossSum) {
        let Self { function, scales, losses } = self;
        let targets = scales.len();
        assert_eq!(outputs.shape(), labels.shape(), "an output for each label");
        assert_eq!(outputs.cols(), targets, "a scale for each target");
        losses.clear();
        sum.rows += outputs.rows();
        sum.errors.resize(targets, ErrorSum::default());
        for (outputs, labels) in outputs.data().chunks_exact(targets).zip(labels.data().chunks_exact(targets))
        {
            let (mut loss, mut baseline) = (0.0, 0.0);
            for (((output, label), scale), errors) in
                outputs.iter().zip(labels).zip(&*scales).zip(&mut sum.errors)
            {
                let (output, label) = (output.to_f64(), label.to_f64());
                let error = output - label;
                loss += function.loss(error);
                baseline += function.loss(label);
                errors.squared += (scale * error) * (scale * error);
                errors.absolute += (scale * error).abs();
            }
            losses.push(loss / targets as f64);
            sum.loss += loss / targets as f64;
            sum.baseline += baseline / targets as f64;
        }
    }

    /// Replaces the outputs ŷ by `dŷ = ℓ'(ŷ − y) / (B k)`
    ///
    /// # Panics
    /// As [`Self::forward`].
    #[track_caller]
    pub fn backward<T: Scalar>(&self, outputs: &mut Matrix<T>, labels: &Matrix<T>) {
        assert_eq!(outputs.shape(), labels.shape(), "an output for each label");
        let count = T::from_f64((outputs.rows() * self.scales.len()) as f64);
        for (output, label) in outputs.data_mut().iter_mut().zip(labels.data()) {
            *output = self.function.derivative(*output - *label) / count;
        }
    }

    /// The part of the line that each error is on, as [`ErrorFunction::part`] numbers them
    pub fn parts<T: Scalar>(&self, outputs: &Matrix<T>, labels: &Matrix<T>) -> Vec<i8> {
        let errors = outputs.data().iter().zip(labels.data()).map(|(y, label)| y.to_f64() - label.to_f64());
        errors.map(|e| self.function.part(e)).collect()
    }

    /// The loss of each row of the last forward pass
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ErrorFunction; 3] = [ErrorFunction::Mse, ErrorFunction::Mae, ErrorFunction::Huber];

    #[test]
    fn losses_and_derivatives_are_those_of_pytorch() {
        // torch.nn.MSELoss, L1Loss and HuberLoss of errors −3, −0.5, 0, 0.5 and 3, and their gradients
        let errors = [-3.0, -0.5, 0.0, 0.5, 3.0];
        for (function, losses, derivatives) in [
            (ErrorFunction::Mse, [9.0, 0.25, 0.0, 0.25, 9.0], [-6.0, -1.0, 0.0, 1.0, 6.0]),
            (ErrorFunction::Mae, [3.0, 0.5, 0.0, 0.5, 3.0], [-1.0, -1.0, 0.0, 1.0, 1.0]),
            (ErrorFunction::Huber, [2.5, 0.125, 0.0, 0.125, 2.5], [-1.0, -0.5, 0.0, 0.5, 1.0]),
        ] {
            assert_eq!(errors.map(|e| function.loss(e)), losses, "{function}");
            assert_eq!(errors.map(|e| function.derivative(e)), derivatives, "{function}");
            assert_eq!(errors.map(|e| function.derivative(e as f32)), derivatives.map(|d| d as f32));
        }
    }

    #[test]
    fn metrics_are_in_the_unit_of_each_target() {
        let mut sum = LossSum::default();
        let outputs = Matrix::from_slice(&[1.0f32, 0.5, -1.0, 0.0], 2, 2);
        let labels = Matrix::from_slice(&[0.0f32, 0.5, 1.0, 1.0], 2, 2);
        Regression::new(ErrorFunction::Mse, vec![10.0, 2.0]).forward(&outputs, &labels, &mut sum);
        // Errors 1, 0; −2, −1
        assert_eq!((sum.loss, sum.rows, sum.baseline), (0.5 + 2.5, 2, 0.125 + 1.0));
        assert_eq!((sum.errors[0].squared, sum.errors[0].absolute), (500.0, 30.0));
        assert_eq!((sum.errors[1].squared, sum.errors[1].absolute), (4.0, 2.0));
    }

    #[test]
    fn an_output_that_is_not_finite_has_a_loss_and_a_gradient_that_are_not() {
        for function in ALL {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut sum = LossSum::default();
                let mut loss = Regression::new(function, vec![1.0]);
                let outputs = Matrix::from_slice(&[bad], 1, 1);
                loss.forward(&outputs, &Matrix::from_slice(&[0.0], 1, 1), &mut sum);
                assert!(sum.has_diverged() && !sum.loss.is_finite(), "{function} {bad}");
            }
            assert!(function.derivative(f64::NAN).is_nan(), "{function}");
        }
    }
}
