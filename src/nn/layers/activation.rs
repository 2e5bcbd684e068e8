//! The activations: layers that compute each element by itself

use std::fmt;

use chainrule_kernels as kernels;
use chainrule_kernels::Scalar;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::nn::matrix::Matrix;

/// The kind of layer that follows each linear layer but the last
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`
    ///
    /// Source: Nair and Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines* (2010).
    #[default]
    Relu,
    /// `1 / (1 + e⁻ˣ)`
    ///
    /// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 3.10.
    Sigmoid,
}

impl Activation {
    /// The kernel, with which a linear layer computes the activation after it, too
    pub fn kernel(self) -> kernels::Activation {
        match self {
            Self::Relu => kernels::Activation::Relu,
            Self::Sigmoid => kernels::Activation::Sigmoid,
        }
    }

    /// `Y ← max(X, 0)` or `Y ← 1 / (1 + e⁻ˣ)`
    pub fn forward<T: Scalar>(self, x: &Matrix<T>, y: &mut Matrix<T>) {
        y.data_mut().copy_from_slice(x.data());
        self.kernel().forward(y.data_mut());
    }

    /// `dX ← dY ∘ [Y > 0]`, since y > 0 exactly where x > 0, or `dX ← dY ∘ Y ∘ (1 − Y)`
    pub fn backward<T: Scalar>(self, y: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
        dx.data_mut().copy_from_slice(dy.data());
        self.kernel().backward(dx.data_mut(), y.data());
    }

    /// Largest magnitude of the initial weights of a layer d_in × d_out in a net with this activation
    ///
    /// * ReLU: `√(6 / d_in)` (He, Zhang, Ren, Sun, *Delving Deep into Rectifiers*, 2015)
    /// * sigmoid: `√(6 / (d_in + d_out))` (Glorot and Bengio, *Understanding the difficulty of training deep
    ///   feedforward neural networks*, 2010)
    pub fn weight_limit(self, d_in: usize, d_out: usize) -> f64 {
        let widths = match self {
            Self::Relu => d_in,
            Self::Sigmoid => d_in + d_out,
        };
        (6.0 / widths as f64).sqrt()
    }

    /// All names, for messages: `relu or sigmoid`
    pub fn names() -> String {
        Self::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
        })
    }
}
