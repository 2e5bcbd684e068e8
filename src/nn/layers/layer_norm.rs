//! Layer normalisation of each row
//!
//! Source: Ba, Kiros, Hinton, *Layer Normalization* (2016).

use std::fmt;

use chainrule_kernels::{self as kernels, Epilogue, RowMoments, RowMomentsMut, Scalar, ScaleShift};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::{Shape, Tensor};
use crate::nn::step::LayerStep;

/// Layer normalisation, `Y = f(γ (X − μ) / √(σ² + ε) + β)`, of each row; f: the activation fused with the layer
///
/// μ and σ² are the mean and variance of the row, with the number of columns as divisor, in training and in evaluation. This
/// is PyTorch's `LayerNorm`. Its text is `layer-norm WIDTH`.
#[derive(Debug)]
pub struct LayerNorm<T> {
    /// Scale γ
    pub gamma: Vec<T>,
    /// Shift β
    pub beta: Vec<T>,
    /// ∂L/∂γ
    pub dgamma: Vec<T>,
    /// ∂L/∂β
    pub dbeta: Vec<T>,
    /// μ of the rows of the last batch in training
    mean: Vec<T>,
    /// `1 / √(σ² + ε)` of the rows of the last batch in training
    factor: Vec<T>,
}

impl<T: Scalar> LayerNorm<T> {
    /// A layer for `width` columns with γ = 1 and β = 0
    pub fn new(width: usize) -> Self {
        let [zeros, ones] = [T::ZERO, T::ONE].map(|x| vec![x; width]);
        Self {
            gamma: ones,
            beta: zeros.clone(),
            dgamma: zeros.clone(),
            dbeta: zeros,
            mean: Vec::new(),
            factor: Vec::new(),
        }
    }

    /// The number of columns
    pub fn width(&self) -> usize {
        self.gamma.len()
    }

    /// The tensors of this layer, whose index in the model is `layer`, under PyTorch's names
    pub fn tensors(&self, layer: usize) -> Vec<Tensor<&[T]>> {
        let Self { gamma, beta, dgamma, dbeta, .. } = self;
        tensors(layer, gamma.len(), [(gamma, dgamma), (beta, dbeta)])
    }

    /// The tensors of this layer, whose index in the model is `layer`, for writing
    pub fn tensors_mut(&mut self, layer: usize) -> Vec<Tensor<&mut [T]>> {
        let Self { gamma, beta, dgamma, dbeta, .. } = self;
        tensors(layer, gamma.len(), [(gamma, dgamma), (beta, dbeta)])
    }

    /// Computes Y, as in evaluation
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(&self, x: &Matrix<T>, f: kernels::Activation, y: &mut Matrix<T>) {
        let by = ScaleShift { gamma: &self.gamma, beta: &self.beta };
        kernels::layer_norm(x.data(), by, f, y.data_mut());
    }

    /// Computes Y, and keeps the mean and variance of each row for [`Self::backward`]
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward_training(&mut self, x: &Matrix<T>, f: Epilogue<T>, y: &mut Matrix<T>) {
        // Only the first batch allocates, since no batch has more rows.
        self.mean.resize(x.rows(), T::ZERO);
        self.factor.resize(x.rows(), T::ZERO);
        let by = ScaleShift { gamma: &self.gamma, beta: &self.beta };
        let moments = RowMomentsMut { mean: &mut self.mean, factor: &mut self.factor };
        kernels::layer_norm_training(x.data(), by, moments, f, y.data_mut());
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
        let moments = RowMoments { mean: &self.mean, factor: &self.factor };
        let sums = (&mut self.dgamma[..], &mut self.dbeta[..]);
        let dx = dx.map(Matrix::data_mut);
        kernels::layer_norm_backward(x.data(), dy.data(), &self.gamma, moments, dx, sums);
        if let Some(step) = step {
            step.update_vectors([(&mut self.gamma, &self.dgamma), (&mut self.beta, &self.dbeta)]);
        }
    }
}

impl<T: Scalar> fmt::Display for LayerNorm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer-norm {}", self.width())
    }
}

/// The tensors of layer `layer`, made of γ and β with their gradients
fn tensors<D>(layer: usize, width: usize, [(gamma, dgamma), (beta, dbeta)]: [(D, D); 2]) -> Vec<Tensor<D>> {
    let tensor = |kind, data, gradient| Tensor {
        layer,
        kind,
        shape: Shape::Vector(width),
        data,
        gradient: Some(gradient),
    };
    vec![tensor("weight", gamma, dgamma), tensor("bias", beta, dbeta)]
}
