//! Activations: functions of one element, after the linear layers and norms of hidden layers
//!
//! The loops, with each derivative and its source, are in `kernels/src/elementwise/`.

use std::fmt;

use chainrule_kernels::{self as kernels, NonMonotonic, Scalar};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::weight_limit;
use crate::nn::matrix::Matrix;

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

/// The kernel of an activation, by what its derivative is computed from
enum Kernel {
    /// The value. The activation can work in place, so it can be fused with the layer before.
    OfValue(kernels::Activation),
    /// The input, since two inputs can have the same value. The activation is a step of its own, which keeps its input.
    OfInput(NonMonotonic),
}

impl Activation {
    fn kernel(self) -> Kernel {
        match self {
            Self::Relu => Kernel::OfValue(kernels::Activation::Relu),
            Self::Sigmoid => Kernel::OfValue(kernels::Activation::Sigmoid),
            Self::Tanh => Kernel::OfValue(kernels::Activation::Tanh),
            Self::LeakyRelu => Kernel::OfValue(kernels::Activation::LeakyRelu),
            Self::Gelu => Kernel::OfInput(NonMonotonic::Gelu),
            Self::Silu => Kernel::OfInput(NonMonotonic::Silu),
            Self::Selu => Kernel::OfValue(kernels::Activation::Selu),
        }
    }

    /// The kernel that the layer before can apply to its output; `None` if the derivative needs the input
    pub fn fused(self) -> Option<kernels::Activation> {
        match self.kernel() {
            Kernel::OfValue(kernel) => Some(kernel),
            Kernel::OfInput(_) => None,
        }
    }

    /// `Y ← f(X)`
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn forward<T: Scalar>(self, x: &Matrix<T>, y: &mut Matrix<T>) {
        match self.kernel() {
            Kernel::OfValue(kernel) => {
                y.data_mut().copy_from_slice(x.data());
                kernel.forward(y.data_mut());
            }
            Kernel::OfInput(kernel) => kernel.forward(x.data(), y.data_mut()),
        }
    }

    /// `dX ← dY ∘ f'(X)`, where Y = f(X)
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn backward<T: Scalar>(self, (x, y): (&Matrix<T>, &Matrix<T>), dy: &Matrix<T>, dx: &mut Matrix<T>) {
        match self.kernel() {
            Kernel::OfValue(kernel) => {
                dx.data_mut().copy_from_slice(dy.data());
                kernel.backward(dx.data_mut(), y.data());
            }
            Kernel::OfInput(kernel) => kernel.backward(x.data(), dy.data(), dx.data_mut()),
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

    /// Whether the derivative is discontinuous at input 0
    pub fn has_kink(self) -> bool {
        matches!(self, Self::Relu | Self::LeakyRelu | Self::Selu)
    }

    /// All names, for messages: `relu or sigmoid or …`
    pub fn names() -> String {
        Self::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
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
    use chainrule_kernels::Backend;

    use super::*;
    use crate::nn::mlp::Mlp;
    use crate::random::{Purpose, Random};

    #[test]
    fn with_selu_outputs_of_mean_0_and_variance_1_stay_so_through_the_layers_of_a_new_net() {
        let (rows, width) = (100, 300);
        let model = Mlp::<f64>::new(width, &[width; 6], 2, Activation::Selu, 1);
        let mut ws = model.layer_by_layer(rows, Backend::auto());
        let mut random = Random::new(1, Purpose::GradientCheck);
        // The variance of uniform numbers in [−a, a) is a²/3.
        ws.input_mut().data_mut().iter_mut().for_each(|x| *x = random.symmetric(3f64.sqrt()));
        model.forward(&mut ws);
        for (layer, y) in ws.hidden().filter(|(layer, _)| model.layers()[*layer].activation().is_some()) {
            let count = (rows * width) as f64;
            let mean = y.data().iter().sum::<f64>() / count;
            let variance = y.data().iter().map(|y| (y - mean).powi(2)).sum::<f64>() / count;
            assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.15, "layer {layer}: {mean} {variance}");
        }
    }
}
