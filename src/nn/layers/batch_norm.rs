//! Batch normalisation of each unit
//!
//! Source: Ioffe and Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
//! Shift* (2015).

use std::fmt;

use chainrule_kernels::{
    self as kernels, ColumnMoments, ColumnMomentsMut, Epilogue, NORM_EPSILON, Scalar, ScaleShift,
    normalize_columns,
};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::{Shape, Tensor};
use crate::nn::step::LayerStep;

/// How far a batch moves the running averages, as in PyTorch
const MOMENTUM: f64 = 0.1;

/// Batch normalisation, `Y = f(γ (X − μ) / √(σ² + ε) + β)`, of each column; f: the activation fused with the layer
///
/// In training, μ and σ² are the mean and variance of the batch, with the number of rows as divisor. In evaluation they are
/// running averages, into which each batch goes with the weight 0.1, its variance with the number of rows less 1 as divisor.
/// A batch of one row, whose variance says nothing, leaves the running averages as they are. This is PyTorch's
/// `BatchNorm1d`, which refuses a batch of one row.
///
/// Its text is `batch-norm WIDTH`.
#[derive(Debug)]
pub struct BatchNorm<T> {
    /// Scale γ
    pub gamma: Vec<T>,
    /// Shift β
    pub beta: Vec<T>,
    /// ∂L/∂γ
    pub dgamma: Vec<T>,
    /// ∂L/∂β
    pub dbeta: Vec<T>,
    /// Running average of μ
    pub running_mean: Vec<T>,
    /// Running average of σ²
    pub running_variance: Vec<T>,
    /// μ of the last batch in training
    mean: Vec<T>,
    /// σ² of the last batch in training
    variance: Vec<T>,
}

impl<T: Scalar> BatchNorm<T> {
    /// A layer for `width` columns with γ = 1 and β = 0, and running averages 0 and 1
    pub fn new(width: usize) -> Self {
        let [zeros, ones] = [T::ZERO, T::ONE].map(|x| vec![x; width]);
        Self {
            gamma: ones.clone(),
            beta: zeros.clone(),
            dgamma: zeros.clone(),
            dbeta: zeros.clone(),
            running_mean: zeros.clone(),
            running_variance: ones.clone(),
            mean: zeros,
            variance: ones,
        }
    }

    /// The number of columns
    pub fn width(&self) -> usize {
        self.gamma.len()
    }

    /// The tensors of this layer, whose index in the model is `layer`, under PyTorch's names
    pub fn tensors(&self, layer: usize) -> Vec<Tensor<&[T]>> {
        let Self { gamma, beta, dgamma, dbeta, running_mean, running_variance, .. } = self;
        tensors(layer, gamma.len(), [(gamma, dgamma), (beta, dbeta)], [running_mean, running_variance])
    }

    /// The tensors of this layer, whose index in the model is `layer`, for writing
    pub fn tensors_mut(&mut self, layer: usize) -> Vec<Tensor<&mut [T]>> {
        let Self { gamma, beta, dgamma, dbeta, running_mean, running_variance, .. } = self;
        tensors(layer, gamma.len(), [(gamma, dgamma), (beta, dbeta)], [running_mean, running_variance])
    }

    /// The line `y = scale · x + shift` that this layer is for each column in evaluation
    pub fn evaluation_line(&self) -> (Vec<T>, Vec<T>) {
        let epsilon = T::from_f64(NORM_EPSILON);
        let scale = |(&gamma, &variance): (&T, &T)| gamma / (variance + epsilon).sqrt();
        let scales: Vec<T> = self.gamma.iter().zip(&self.running_variance).map(scale).collect();
        let shift = |(j, &scale): (usize, &T)| self.beta[j] - self.running_mean[j] * scale;
        let shifts = scales.iter().enumerate().map(shift).collect();
        (scales, shifts)
    }

    fn scale_shift(&self) -> ScaleShift<'_, T> {
        ScaleShift { gamma: &self.gamma, beta: &self.beta }
    }

    /// Computes Y with the running averages
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(&self, x: &Matrix<T>, f: kernels::Activation, y: &mut Matrix<T>) {
        let moments = ColumnMoments { mean: &self.running_mean, variance: &self.running_variance };
        normalize_columns(x.data(), self.scale_shift(), moments, f, y.data_mut());
    }

    /// Computes Y with the mean and variance of the batch, which go into the running averages
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward_training(&mut self, x: &Matrix<T>, f: Epilogue<T>, y: &mut Matrix<T>) {
        let by = ScaleShift { gamma: &self.gamma, beta: &self.beta };
        let moments = ColumnMomentsMut { mean: &mut self.mean, variance: &mut self.variance };
        kernels::batch_norm(x.data(), by, moments, f, y.data_mut());
        let rows = x.rows() as f64;
        if rows > 1.0 {
            running_average(&mut self.running_mean, &self.mean, T::ONE);
            running_average(&mut self.running_variance, &self.variance, T::from_f64(rows / (rows - 1.0)));
        }
    }

    /// Computes from `dy = ∂L/∂(γ x̂ + β)` the gradients of γ and β and, if `dx` is given, of the input
    ///
    /// * `step`: if given, γ and β are then updated
    ///
    /// # Panics
    /// If the shapes don't fit, or are not those of the last [`Self::forward_training`].
    #[track_caller]
    pub fn backward(
        &mut self,
        x: &Matrix<T>,
        dy: &Matrix<T>,
        dx: Option<&mut Matrix<T>>,
        step: Option<LayerStep<'_, T>>,
    ) {
        let moments = ColumnMoments { mean: &self.mean, variance: &self.variance };
        let sums = (&mut self.dgamma[..], &mut self.dbeta[..]);
        let dx = dx.map(Matrix::data_mut);
        kernels::batch_norm_backward(x.data(), dy.data(), &self.gamma, moments, dx, sums);
        if let Some(step) = step {
            step.update_vectors([(&mut self.gamma, &self.dgamma), (&mut self.beta, &self.dbeta)]);
        }
    }
}

/// `average ← 0.9 average + 0.1 factor · new`
fn running_average<T: Scalar>(average: &mut [T], new: &[T], factor: T) {
    let [old_weight, weight] = [1.0 - MOMENTUM, MOMENTUM].map(T::from_f64);
    for (average, &new) in average.iter_mut().zip(new) {
        *average = old_weight * *average + weight * (factor * new);
    }
}

impl<T: Scalar> fmt::Display for BatchNorm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch-norm {}", self.width())
    }
}

/// The tensors of layer `layer`, made of γ and β with their gradients, and of the running mean and variance
fn tensors<D>(
    layer: usize,
    width: usize,
    [(gamma, dgamma), (beta, dbeta)]: [(D, D); 2],
    [mean, variance]: [D; 2],
) -> Vec<Tensor<D>> {
    let tensor = |kind, data, gradient| Tensor { layer, kind, shape: Shape::Vector(width), data, gradient };
    vec![
        tensor("weight", gamma, Some(dgamma)),
        tensor("bias", beta, Some(dbeta)),
        tensor("running_mean", mean, None),
        tensor("running_var", variance, None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_averages_follow_the_batches_and_a_single_row_leaves_them() {
        let (mut layer, mut y) = (BatchNorm::<f64>::new(1), Matrix::zeros(3, 1));
        let identity = Epilogue::from(kernels::Activation::Identity);
        layer.forward_training(&Matrix::from_slice(&[1.0, 2.0, 6.0], 3, 1), identity, &mut y);
        // The mean is 3, and the sum of squares of the deviations 14.
        assert!((layer.running_mean[0] - 0.3).abs() < 1e-15);
        assert!((layer.running_variance[0] - (0.9 + 0.1 * 7.0)).abs() < 1e-15);
        let before = (layer.running_mean.clone(), layer.running_variance.clone());
        y.set_rows(1);
        layer.forward_training(&Matrix::from_slice(&[5.0], 1, 1), identity, &mut y);
        assert_eq!(y.data(), [0.0]);
        assert_eq!((layer.running_mean.clone(), layer.running_variance.clone()), before);
        layer.gamma[0] = 2.0;
        layer.forward(&Matrix::from_slice(&[5.0], 1, 1), kernels::Activation::Identity, &mut y);
        assert!((y.data()[0] - 2.0 * 4.7 / 1.60001f64.sqrt()).abs() < 1e-12);
    }
}
