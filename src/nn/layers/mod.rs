//! The layers: forward and backward side by side
//!
//! Layers keep parameters and gradients; the model keeps what flows between them, and hands a layer's
//! input or output back to it in the backward pass. `dz` always means ∂L/∂z and has the shape of `z`.

mod linear;
mod relu;
mod sigmoid;

pub use linear::Linear;
pub use relu::ReLU;
pub use sigmoid::Sigmoid;

use std::fmt;
use std::str::FromStr;

use chainrule_kernels::{self as kernels, Scalar};
use serde::{Deserialize, Serialize};

use crate::nn::matrix::Matrix;

/// What stands between two linear layers
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`
    #[default]
    Relu,
    /// `1 / (1 + e⁻ˣ)`
    Sigmoid,
}

impl Activation {
    /// As an engine fuses it into a layer's products
    pub fn map(self) -> kernels::Activation {
        match self {
            Self::Relu => kernels::Activation::Relu,
            Self::Sigmoid => kernels::Activation::Sigmoid,
        }
    }

    /// `x ← σ(x)`, in place
    pub fn forward<T: Scalar>(self, x: &mut Matrix<T>) {
        match self {
            Self::Relu => ReLU::forward(x),
            Self::Sigmoid => Sigmoid::forward(x),
        }
    }

    /// `dy ← dx`, in place, where y is what [`Self::forward`] left
    pub fn backward<T: Scalar>(self, y: &Matrix<T>, dy: &mut Matrix<T>) {
        match self {
            Self::Relu => ReLU::backward(y, dy),
            Self::Sigmoid => Sigmoid::backward(y, dy),
        }
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

impl FromStr for Activation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "relu" => Ok(Self::Relu),
            "sigmoid" => Ok(Self::Sigmoid),
            _ => Err(format!("activation is `{name}`, expected relu or sigmoid")),
        }
    }
}
