//! The layers of a model: forward and backward side by side
//!
//! Layers own parameters and gradients. A workspace owns the inputs and outputs, and lends them to the layers in both
//! passes. `dz` always means ∂L/∂z and has the shape of `z`.
//!
//! To add a layer, add a file here and a variant of [`Layer`]; to add an activation, a variant of [`Activation`].

mod activation;
mod linear;

pub use activation::Activation;
pub use linear::Linear;

use chainrule_kernels::{self as kernels, DenseKernels, Scalar};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::Tensor;
use crate::nn::sgd::Step;

/// One layer of a model
#[derive(Debug)]
pub enum Layer<T> {
    /// `Y = X W + 1 bᵀ`
    Linear(Linear<T>),
    /// `Y = f(X)`, element by element
    Activation(Activation),
}

impl<T: Scalar> Layer<T> {
    /// Number of columns of the output for an input with `input_cols` columns
    pub fn output_cols(&self, input_cols: usize) -> usize {
        match self {
            Self::Linear(linear) => linear.w.cols(),
            Self::Activation(_) => input_cols,
        }
    }

    /// The kernel with which this layer also computes the layer after it; `None` if they can't be fused
    pub fn fuse(&self, next: &Self) -> Option<kernels::Activation> {
        match (self, next) {
            (Self::Linear(_), Self::Activation(activation)) => Some(activation.kernel()),
            _ => None,
        }
    }

    /// Whether the derivative jumps at input 0
    pub fn has_kink(&self) -> bool {
        matches!(self, Self::Activation(Activation::Relu))
    }

    /// The tensors of the layer, which has index `at` in its model
    pub fn tensors(&self, at: usize) -> Vec<Tensor<&[T]>> {
        match self {
            Self::Linear(linear) => linear.tensors(at),
            Self::Activation(_) => Vec::new(),
        }
    }

    /// The tensors of the layer, which has index `at` in its model, for writing
    pub fn tensors_mut(&mut self, at: usize) -> Vec<Tensor<&mut [T]>> {
        match self {
            Self::Linear(linear) => linear.tensors_mut(at),
            Self::Activation(_) => Vec::new(),
        }
    }

    /// Computes Y from X; a linear layer applies `f`, the activation that is fused with it
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Matrix<T>,
        f: kernels::Activation,
        y: &mut Matrix<T>,
        engine: &mut DenseKernels<T>,
    ) {
        match self {
            Self::Linear(linear) => linear.forward(x, f, y, engine),
            Self::Activation(activation) => activation.forward(x, y),
        }
    }

    /// From ∂L/∂Y to the gradients of the parameters and, if `dx` is given, of the input
    ///
    /// * `y`: the output of [`Self::forward`] for `x`; a linear layer does not read it
    /// * `dx`: becomes `∂L/∂X ∘ f'(X)`, where f is the activation that is fused with the layer before
    /// * `step`: if given, the layer updates its parameters at once instead of storing gradients
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn backward(
        &mut self,
        (x, y): (&Matrix<T>, &Matrix<T>),
        dy: &Matrix<T>,
        dx: Option<(&mut Matrix<T>, kernels::Activation)>,
        step: Option<Step<'_, T>>,
        engine: &mut DenseKernels<T>,
    ) {
        match (self, dx) {
            (Self::Linear(linear), dx) => linear.backward(x, dy, dx, step, engine),
            (Self::Activation(activation), Some((dx, f))) => {
                activation.backward(y, dy, dx);
                f.backward(dx.data_mut(), x.data());
            }
            (Self::Activation(_), None) => {}
        }
    }
}
