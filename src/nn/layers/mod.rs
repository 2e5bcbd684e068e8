//! The layers of a model, each with its forward and backward pass
//!
//! Layers own parameters and gradients. A workspace owns the inputs and outputs, and lends them to the layers in both
//! passes. `dz` always means ∂L/∂z and has the shape of `z`.
//!
//! To add a layer, add a file here and a variant of [`Layer`]; for an activation, also a variant of [`Activation`].
//! The trainer, the optimizer, the model file and the gradient check know no particular layer.

mod gelu;
mod leaky_relu;
mod linear;
mod relu;
mod selu;
mod sigmoid;
mod silu;
mod tanh;
mod weight_limit;

pub use linear::Linear;

use std::fmt;

use chainrule_kernels::{self as kernels, DenseKernels, Scalar};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::Tensor;
use crate::nn::sgd::Step;

/// One layer of a model
///
/// Its text, such as `linear 784 128` or `relu`, is its entry in the list of layers in a model file: [`Layer::parse`]
/// makes a layer from it, whose parameters are then read from the file.
#[derive(Debug)]
pub enum Layer<T> {
    /// `Y = X W + 1 bᵀ`
    Linear(Linear<T>),
    /// `y = max(x, 0)`
    Relu,
    /// `y = 1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `y = tanh x`
    Tanh,
    /// `y = max(x, 0.01 x)`
    LeakyRelu,
    /// `y = x Φ(x)`
    Gelu,
    /// `y = x / (1 + e⁻ˣ)`
    Silu,
    /// `y = λ x` where x > 0, else `λ α (eˣ − 1)`
    Selu,
}

/// The place of a training step in its run: a layer that draws random numbers draws them from a stream of this place
///
/// A pass then depends only on the seed and the place, not on what was drawn before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The run's seed
    pub seed: u64,
    /// Number of the epoch, counted from 1
    pub epoch: u32,
    /// Number of the batch in its epoch, counted from 1
    pub batch: usize,
}

/// The activation after each linear layer except the last
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`
    #[default]
    Relu,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
    /// `tanh x`
    Tanh,
    /// `max(x, 0.01 x)`
    LeakyRelu,
    /// `x Φ(x)`, where Φ is the distribution function of the normal distribution: the exact GELU, with erf
    Gelu,
    /// `x / (1 + e⁻ˣ)`, also called swish
    Silu,
    /// `1.0507 x` where x > 0, else `1.7581 (eˣ − 1)`
    Selu,
}

impl Activation {
    /// The layer that computes this activation
    pub fn layer<T>(self) -> Layer<T> {
        match self {
            Self::Relu => Layer::Relu,
            Self::Sigmoid => Layer::Sigmoid,
            Self::Tanh => Layer::Tanh,
            Self::LeakyRelu => Layer::LeakyRelu,
            Self::Gelu => Layer::Gelu,
            Self::Silu => Layer::Silu,
            Self::Selu => Layer::Selu,
        }
    }

    /// Largest magnitude of the initial weights of a d_in × d_out layer in a net with this activation
    pub fn weight_limit(self, d_in: usize, d_out: usize) -> f64 {
        match self {
            Self::Relu | Self::LeakyRelu | Self::Gelu | Self::Silu => weight_limit::he(d_in),
            Self::Sigmoid | Self::Tanh => weight_limit::xavier(d_in, d_out),
            Self::Selu => weight_limit::lecun(d_in),
        }
    }

    /// Whether the derivative is computed from the input, as it has several values for some outputs
    ///
    /// Such an activation is a step of its own, which keeps its input: it is not fused with the linear layer before it.
    pub fn needs_input(self) -> bool {
        matches!(self, Self::Gelu | Self::Silu)
    }

    /// All names, for messages: `relu or sigmoid or …`
    pub fn names() -> String {
        Self::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

/// The backward pass of an activation, from its output or its input and ∂L/∂Y to ∂L/∂X
type Elementwise<T> = fn(&Matrix<T>, &Matrix<T>, &mut Matrix<T>);

impl<T: Scalar> Layer<T> {
    /// The layer that `text` describes, with parameters that are 0
    ///
    /// * `most`: the largest number of parameters that it may have
    ///
    /// # Errors
    /// If `text` is not the text of a layer, or the layer has more parameters.
    pub fn parse(text: &str, most: usize) -> Result<Self, String> {
        let mut words = text.split(' ');
        let layer = match words.next() {
            Some("linear") => Some(Self::Linear(Linear::parse(words, most)?)),
            Some(name) => Activation::from_str(name, false).ok().map(Activation::layer),
            None => None,
        };
        // A second text of the same layer, such as one with `04` for `4`, is refused.
        layer.filter(|layer| layer.to_string() == text).ok_or_else(|| format!("`{text}` is not a layer"))
    }

    /// Number of columns of the output for an input with `input_cols` columns; `None` if the input does not fit
    pub fn output_cols(&self, input_cols: usize) -> Option<usize> {
        match self {
            Self::Linear(linear) => (linear.w.rows() == input_cols).then(|| linear.w.cols()),
            Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::LeakyRelu
            | Self::Gelu
            | Self::Silu
            | Self::Selu => Some(input_cols),
        }
    }

    /// The activation that this layer computes; `None` for other layers
    pub fn activation(&self) -> Option<Activation> {
        match self {
            Self::Linear(_) => None,
            Self::Relu => Some(Activation::Relu),
            Self::Sigmoid => Some(Activation::Sigmoid),
            Self::Tanh => Some(Activation::Tanh),
            Self::LeakyRelu => Some(Activation::LeakyRelu),
            Self::Gelu => Some(Activation::Gelu),
            Self::Silu => Some(Activation::Silu),
            Self::Selu => Some(Activation::Selu),
        }
    }

    /// The activation kernel by which this layer also computes the layer `next`; `None` if the two can't be fused
    pub fn fuse(&self, next: &Self) -> Option<kernels::Activation> {
        match (self, next) {
            (Self::Linear(_), Self::Relu) => Some(relu::FUSED),
            (Self::Linear(_), Self::Sigmoid) => Some(sigmoid::FUSED),
            (Self::Linear(_), Self::Tanh) => Some(tanh::FUSED),
            (Self::Linear(_), Self::LeakyRelu) => Some(leaky_relu::FUSED),
            (Self::Linear(_), Self::Selu) => Some(selu::FUSED),
            _ => None,
        }
    }

    /// Whether the derivative is discontinuous at input 0
    pub fn has_kink(&self) -> bool {
        matches!(self, Self::Relu | Self::LeakyRelu | Self::Selu)
    }

    /// The tensors of this layer, whose index in the model is `at`
    pub fn tensors(&self, at: usize) -> Vec<Tensor<&[T]>> {
        match self {
            Self::Linear(linear) => linear.tensors(at),
            Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::LeakyRelu
            | Self::Gelu
            | Self::Silu
            | Self::Selu => Vec::new(),
        }
    }

    /// The tensors of this layer, whose index in the model is `at`, with their gradients, for writing
    pub fn tensors_mut(&mut self, at: usize) -> Vec<Tensor<&mut [T]>> {
        match self {
            Self::Linear(linear) => linear.tensors_mut(at),
            Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::LeakyRelu
            | Self::Gelu
            | Self::Silu
            | Self::Selu => Vec::new(),
        }
    }

    /// Computes Y from X, as in evaluation; a linear layer also applies `f`, the activation fused with it
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Matrix<T>,
        f: kernels::Activation,
        y: &mut Matrix<T>,
        backend: &mut DenseKernels<T>,
    ) {
        match self {
            Self::Linear(linear) => linear.forward(x, f, y, backend),
            Self::Relu => relu::forward(x, y),
            Self::Sigmoid => sigmoid::forward(x, y),
            Self::Tanh => tanh::forward(x, y),
            Self::LeakyRelu => leaky_relu::forward(x, y),
            Self::Gelu => gelu::forward(x, y),
            Self::Silu => silu::forward(x, y),
            Self::Selu => selu::forward(x, y),
        }
    }

    /// Computes Y from X, as in training, for the step at `place`; [`Self::backward`] then differentiates this pass
    ///
    /// The layers that there are compute the same as in evaluation, and none draws random numbers.
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward_training(
        &mut self,
        x: &Matrix<T>,
        f: kernels::Activation,
        y: &mut Matrix<T>,
        _place: Place,
        backend: &mut DenseKernels<T>,
    ) {
        match self {
            Self::Linear(_)
            | Self::Relu
            | Self::Sigmoid
            | Self::Tanh
            | Self::LeakyRelu
            | Self::Gelu
            | Self::Silu
            | Self::Selu => self.forward(x, f, y, backend),
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
        backend: &mut DenseKernels<T>,
    ) {
        // Each derivative is computed from the layer's output or from its input.
        let (from, elementwise): (_, Elementwise<T>) = match self {
            Self::Linear(linear) => return linear.backward(x, dy, dx, step, backend),
            Self::Relu => (y, relu::backward),
            Self::Sigmoid => (y, sigmoid::backward),
            Self::Tanh => (y, tanh::backward),
            Self::LeakyRelu => (y, leaky_relu::backward),
            Self::Gelu => (x, gelu::backward),
            Self::Silu => (x, silu::backward),
            Self::Selu => (y, selu::backward),
        };
        if let Some((dx, f)) = dx {
            elementwise(from, dy, dx);
            f.backward(dx.data_mut(), x.data());
        }
    }
}

impl<T: Scalar> fmt::Display for Layer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear(linear) => linear.fmt(f),
            Self::Relu => Activation::Relu.fmt(f),
            Self::Sigmoid => Activation::Sigmoid.fmt(f),
            Self::Tanh => Activation::Tanh.fmt(f),
            Self::LeakyRelu => Activation::LeakyRelu.fmt(f),
            Self::Gelu => Activation::Gelu.fmt(f),
            Self::Silu => Activation::Silu.fmt(f),
            Self::Selu => Activation::Selu.fmt(f),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every variant has a possible value, since none is `#[value(skip)]`.
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_is_fused_unless_its_derivative_needs_its_input() {
        let linear = Layer::Linear(Linear::new(Matrix::<f32>::zeros(1, 1)));
        for &activation in Activation::value_variants() {
            let layer = activation.layer();
            assert_eq!(linear.fuse(&layer).is_none(), activation.needs_input(), "{activation}");
            assert_eq!(layer.activation(), Some(activation));
        }
    }

    #[test]
    fn the_text_of_each_activation_is_the_name_of_its_setting() {
        let texts = ["relu", "sigmoid", "tanh", "leaky-relu", "gelu", "silu", "selu"];
        for (activation, text) in Activation::value_variants().iter().zip(texts) {
            let layer = Layer::<f32>::parse(text, 0).unwrap();
            assert_eq!((layer.activation(), layer.to_string()), (Some(*activation), text.to_owned()));
            let toml = toml::Value::try_from(activation).unwrap();
            assert_eq!(toml.as_str(), Some(text));
        }
        assert!(Layer::<f32>::parse("leaky_relu", 0).is_err());
    }
}
