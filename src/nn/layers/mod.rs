//! The layers of a model, each with its forward and backward pass
//!
//! Layers own parameters and gradients. A workspace owns the inputs and outputs, and lends them to the layers in both
//! passes. `dz` always means ∂L/∂z and has the shape of `z`.
//!
//! To add a layer, add a file here and a variant of [`Layer`]; to add an activation, a variant of [`Activation`].
//! The trainer, the optimizer, the model file and the gradient check know no particular layer.

mod activation;
mod batch_norm;
mod dropout;
mod layer_norm;
mod linear;
mod norm;
mod weight_limit;

pub use activation::Activation;
pub use batch_norm::BatchNorm;
pub use dropout::Dropout;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use norm::Norm;

use std::fmt;

use chainrule_kernels::{self as kernels, DenseKernels, Epilogue, Scalar};
use clap::ValueEnum;

use crate::nn::matrix::Matrix;
use crate::nn::parameter::Tensor;
use crate::nn::step::LayerStep;

/// One layer of a model
///
/// Its text, such as `linear 784 128`, `relu`, `batch-norm 128` or `dropout 0.5`, is its entry in the list of layers in a model file: [`Layer::parse`]
/// makes a layer from it, whose parameters are then read from the file.
#[derive(Debug)]
pub enum Layer<T> {
    /// `Y = X W + 1 bᵀ`
    Linear(Linear<T>),
    /// `y = f(x)`, element by element
    Activation(Activation),
    /// Normalises each column of the batch
    BatchNorm(BatchNorm<T>),
    /// Normalises each row
    LayerNorm(LayerNorm<T>),
    /// In training, sets a random share of the elements to 0
    Dropout(Dropout<T>),
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
            Some("batch-norm") => Some(Self::BatchNorm(BatchNorm::new(width(words, most / 4)?))),
            Some("layer-norm") => Some(Self::LayerNorm(LayerNorm::new(width(words, most / 2)?))),
            Some("dropout") => Some(Self::Dropout(Dropout::parse(words)?)),
            Some(name) => Activation::from_str(name, false).ok().map(Self::Activation),
            None => None,
        };
        // A second text of the same layer, such as one with `04` for `4`, is refused.
        layer.filter(|layer| layer.to_string() == text).ok_or_else(|| format!("`{text}` is not a layer"))
    }

    /// Number of columns of the output for an input with `input_cols` columns; `None` if the input does not fit
    pub fn output_cols(&self, input_cols: usize) -> Option<usize> {
        match self {
            Self::Linear(linear) => (linear.w.rows() == input_cols).then(|| linear.w.cols()),
            Self::BatchNorm(norm) => (norm.width() == input_cols).then_some(input_cols),
            Self::LayerNorm(norm) => (norm.width() == input_cols).then_some(input_cols),
            Self::Activation(_) | Self::Dropout(_) => Some(input_cols),
        }
    }

    /// The activation that this layer computes; `None` for other layers
    pub fn activation(&self) -> Option<Activation> {
        match self {
            Self::Activation(activation) => Some(*activation),
            Self::Linear(_) | Self::BatchNorm(_) | Self::LayerNorm(_) | Self::Dropout(_) => None,
        }
    }

    /// The activation kernel by which this layer also computes the layer `next`; `None` if the two can't be fused
    pub fn fuse(&self, next: &Self) -> Option<kernels::Activation> {
        match (self, next) {
            (Self::Linear(_) | Self::BatchNorm(_) | Self::LayerNorm(_), Self::Activation(f)) => f.fused(),
            _ => None,
        }
    }

    /// Whether the derivative is discontinuous at input 0
    pub fn has_kink(&self) -> bool {
        self.activation().is_some_and(Activation::has_kink)
    }

    /// The tensors of this layer, whose index in the model is `at`
    pub fn tensors(&self, at: usize) -> Vec<Tensor<&[T]>> {
        match self {
            Self::Linear(linear) => linear.tensors(at),
            Self::BatchNorm(norm) => norm.tensors(at),
            Self::LayerNorm(norm) => norm.tensors(at),
            Self::Activation(_) | Self::Dropout(_) => Vec::new(),
        }
    }

    /// The tensors of this layer, whose index in the model is `at`, with their gradients, for writing
    pub fn tensors_mut(&mut self, at: usize) -> Vec<Tensor<&mut [T]>> {
        match self {
            Self::Linear(linear) => linear.tensors_mut(at),
            Self::BatchNorm(norm) => norm.tensors_mut(at),
            Self::LayerNorm(norm) => norm.tensors_mut(at),
            Self::Activation(_) | Self::Dropout(_) => Vec::new(),
        }
    }

    /// What this layer normalises
    pub fn norm(&self) -> Norm {
        match self {
            Self::BatchNorm(_) => Norm::Batch,
            Self::LayerNorm(_) => Norm::Layer,
            _ => Norm::None,
        }
    }

    /// Whether this layer is dropout
    pub fn is_dropout(&self) -> bool {
        matches!(self, Self::Dropout(_))
    }

    /// Draws what is random in the training step at `place`; `at` is the index of this layer in the model
    pub fn start_step(&mut self, place: Place, at: usize) {
        if let Self::Dropout(dropout) = self {
            dropout.draw(place, at);
        }
    }

    /// Computes Y from X, as in evaluation; a linear layer or a norm also applies `f`, the activation fused with it
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
            Self::BatchNorm(norm) => norm.forward(x, f, y),
            Self::LayerNorm(norm) => norm.forward(x, f, y),
            Self::Activation(f) => f.forward(x, y),
            Self::Dropout(_) => y.data_mut().copy_from_slice(x.data()),
        }
    }

    /// Computes Y from X, as in training; [`Self::backward`] then differentiates this pass
    ///
    /// * `f`: the activation and dropout fused with a linear layer or a norm
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward_training(
        &mut self,
        x: &Matrix<T>,
        f: Epilogue<T>,
        y: &mut Matrix<T>,
        backend: &mut DenseKernels<T>,
    ) {
        match self {
            Self::Linear(linear) => linear.forward(x, f, y, backend),
            Self::BatchNorm(norm) => norm.forward_training(x, f, y),
            Self::LayerNorm(norm) => norm.forward_training(x, f, y),
            Self::Dropout(dropout) => dropout.apply(x, y),
            Self::Activation(_) => self.forward(x, f.f, y, backend),
        }
    }

    /// Computes from ∂L/∂Y the gradients of the parameters and, if `dx` is given, of the input
    ///
    /// * `y`: the output of [`Self::forward_training`] for `x`; a linear layer and a norm do not read it
    /// * `dx`: set to `∂L/∂X ∘ f'(X)`, where f is what is fused with the layer before
    /// * `step`: if given, the layer updates its parameters in the same pass instead of storing gradients
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn backward(
        &mut self,
        (x, y): (&Matrix<T>, &Matrix<T>),
        dy: &Matrix<T>,
        mut dx: Option<(&mut Matrix<T>, Epilogue<T>)>,
        step: Option<LayerStep<'_, T>>,
        backend: &mut DenseKernels<T>,
    ) {
        let to = dx.as_mut().map(|(dx, _)| &mut **dx);
        match (self, to) {
            (Self::Linear(linear), _) => return linear.backward(x, dy, dx, step, backend),
            (Self::BatchNorm(norm), dx) => norm.backward(x, dy, dx, step),
            (Self::LayerNorm(norm), dx) => norm.backward(x, dy, dx, step),
            (Self::Dropout(dropout), Some(dx)) => dropout.apply(dy, dx),
            (Self::Activation(f), Some(dx)) => f.backward((x, y), dy, dx),
            (_, None) => {}
        }
        if let Some((dx, f)) = dx {
            f.backward(dx.data_mut(), x.data());
        }
    }
}

/// The width in the text of a norm, from its words after the name
///
/// # Errors
/// If the words are not one width, or it is larger than `most`.
fn width<'a>(words: impl Iterator<Item = &'a str>, most: usize) -> Result<usize, String> {
    let widths: Vec<usize> = words.map_while(|word| word.parse().ok().filter(|&n| n > 0)).collect();
    match widths[..] {
        [width] if width <= most => Ok(width),
        [width] => Err(format!("a norm of {width} columns has more parameters than can be there")),
        _ => Err("a norm needs a width of 1 or more".to_owned()),
    }
}

impl<T: Scalar> fmt::Display for Layer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear(linear) => linear.fmt(f),
            Self::BatchNorm(norm) => norm.fmt(f),
            Self::LayerNorm(norm) => norm.fmt(f),
            Self::Dropout(dropout) => dropout.fmt(f),
            Self::Activation(activation) => activation.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_is_fused_unless_its_derivative_needs_its_input() {
        let linear = Layer::Linear(Linear::new(Matrix::<f32>::zeros(1, 1)));
        for &activation in Activation::value_variants() {
            let layer = Layer::Activation(activation);
            let needs_input = matches!(activation, Activation::Gelu | Activation::Silu);
            assert_eq!(linear.fuse(&layer).is_none(), needs_input, "{activation}");
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
