//! The layers of a model, each with its forward and backward pass
//!
//! Layers own parameters and gradients. A workspace owns the inputs and outputs, and lends them to the layers in both
//! passes. `dz` always means ∂L/∂z and has the shape of `z`.
//!
//! To add a layer, add a file here and a variant of [`Layer`]; for an activation, also a variant of [`Activation`].

mod linear;
mod relu;
mod sigmoid;

pub use linear::Linear;

use std::fmt;

use chainrule_kernels::{self as kernels, DenseKernels, Scalar};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::Tensor;
use crate::nn::sgd::Step;

/// One layer of a model
#[derive(Debug)]
pub enum Layer<T> {
    /// `Y = X W + 1 bᵀ`
    Linear(Linear<T>),
    /// `y = max(x, 0)`
    Relu,
    /// `y = 1 / (1 + e⁻ˣ)`
    Sigmoid,
}

/// The activation after each linear layer except the last
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`
    #[default]
    Relu,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
}

impl Activation {
    /// The layer that computes this activation
    pub fn layer<T>(self) -> Layer<T> {
        match self {
            Self::Relu => Layer::Relu,
            Self::Sigmoid => Layer::Sigmoid,
        }
    }

    /// Largest magnitude of the initial weights of a d_in × d_out layer in a net with this activation
    pub fn weight_limit(self, d_in: usize, d_out: usize) -> f64 {
        match self {
            Self::Relu => relu::weight_limit(d_in),
            Self::Sigmoid => sigmoid::weight_limit(d_in, d_out),
        }
    }

    /// All names, for messages: `relu or sigmoid`
    pub fn names() -> String {
        Self::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

impl<T: Scalar> Layer<T> {
    /// Number of columns of the output for an input with `input_cols` columns
    pub fn output_cols(&self, input_cols: usize) -> usize {
        match self {
            Self::Linear(linear) => linear.w.cols(),
            Self::Relu | Self::Sigmoid => input_cols,
        }
    }

    /// The activation kernel by which this layer also computes the layer `next`; `None` if the two can't be fused
    pub fn fuse(&self, next: &Self) -> Option<kernels::Activation> {
        match (self, next) {
            (Self::Linear(_), Self::Relu) => Some(relu::FUSED),
            (Self::Linear(_), Self::Sigmoid) => Some(sigmoid::FUSED),
            _ => None,
        }
    }

    /// Whether the derivative is discontinuous at input 0
    pub fn has_kink(&self) -> bool {
        matches!(self, Self::Relu)
    }

    /// The tensors of this layer, whose index in the model is `at`
    pub fn tensors(&self, at: usize) -> Vec<Tensor<&[T]>> {
        match self {
            Self::Linear(linear) => linear.tensors(at),
            Self::Relu | Self::Sigmoid => Vec::new(),
        }
    }

    /// The tensors of this layer, whose index in the model is `at`, with their gradients, for writing
    pub fn tensors_mut(&mut self, at: usize) -> Vec<Tensor<&mut [T]>> {
        match self {
            Self::Linear(linear) => linear.tensors_mut(at),
            Self::Relu | Self::Sigmoid => Vec::new(),
        }
    }

    /// Computes Y from X; a linear layer also applies `f`, the activation fused with it
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
            Self::Relu => relu::forward(x, y),
            Self::Sigmoid => sigmoid::forward(x, y),
        }
    }

    /// Computes from ∂L/∂Y the gradients of the parameters and, if `dx` is given, of the input
    ///
    /// * `y`: the output of [`Self::forward`] for `x`; a linear layer does not read it
    /// * `dx`: set to `∂L/∂X ∘ f'(X)`, where f is the activation fused with the layer before
    /// * `step`: if given, the layer updates its parameters in the same pass instead of storing gradients
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
        let elementwise = match self {
            Self::Linear(linear) => return linear.backward(x, dy, dx, step, engine),
            Self::Relu => relu::backward,
            Self::Sigmoid => sigmoid::backward,
        };
        if let Some((dx, f)) = dx {
            elementwise(y, dy, dx);
            f.backward(dx.data_mut(), x.data());
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every variant has a possible value, since none is `#[value(skip)]`.
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}
