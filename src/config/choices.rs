//! Settings whose value is one of a few names

use chainrule_kernels::Backend;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::initial_weights::InitialWeights;
use crate::nn::layers::Activation;
use crate::nn::loss::ErrorFunction;

/// The element type of a net
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// 32 bits
    #[default]
    F32,
    /// 64 bits
    F64,
    /// Products of 16 bits that are added in 32; weights and all else have 32 bits
    Bf16,
}

impl Dtype {
    /// The name in settings and files
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bf16 => "bf16",
        }
    }

    /// The type of the tensors of a net: f32 for bf16, else the same
    pub fn of_tensors(self) -> Self {
        match self {
            Self::F32 | Self::Bf16 => Self::F32,
            Self::F64 => Self::F64,
        }
    }

    /// Bytes of an element of the tensors
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::Bf16 => 4,
            Self::F64 => 8,
        }
    }
}

/// The backend that computes the layers
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// `fused` where the processor has AVX2 and FMA, else `matrixmultiply`
    #[default]
    Auto,
    /// Our own kernels, with activation, its derivative and the optimizer's step fused into them
    Fused,
    /// The crate `matrixmultiply`, and separate passes for everything else
    Matrixmultiply,
}

impl EngineChoice {
    /// The backend that this choice selects on this processor for a net of `dtype`
    ///
    /// # Errors
    /// If the choice is `fused` and the processor lacks AVX2 or FMA, or `matrixmultiply` and the net is bf16.
    pub fn backend(self, dtype: Dtype) -> Result<Backend> {
        let kind = match (self, dtype) {
            (Self::Auto | Self::Fused, Dtype::Bf16) => Backend::Bf16,
            (Self::Matrixmultiply, Dtype::Bf16) => {
                let (expected, found) = ("auto or fused with --dtype bf16", "matrixmultiply");
                return Err(Error::Setting {
                    name: "engine",
                    expected: expected.to_owned(),
                    found: found.to_owned(),
                });
            }
            (Self::Auto, _) => Backend::auto(),
            (Self::Fused, _) => Backend::Fused,
            (Self::Matrixmultiply, _) => Backend::Matrixmultiply,
        };
        if kind.is_available() {
            return Ok(kind);
        }
        let expected = "auto or matrixmultiply on a processor without AVX2 and FMA".to_owned();
        Err(Error::Setting { name: "engine", expected, found: "fused".to_owned() })
    }
}

/// The loss that training minimises
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LossChoice {
    /// Cross-entropy for classes, `mse` for numbers to predict
    #[default]
    Auto,
    /// Mean squared error, e²
    Mse,
    /// Mean absolute error, |e|
    Mae,
    /// e²/2 for errors up to one standard deviation of the target, |e| − 1/2 for larger ones
    Huber,
}

impl LossChoice {
    /// The loss of numbers to predict
    pub fn of_numbers(self) -> ErrorFunction {
        match self {
            Self::Auto | Self::Mse => ErrorFunction::Mse,
            Self::Mae => ErrorFunction::Mae,
            Self::Huber => ErrorFunction::Huber,
        }
    }
}

/// Where initial weights and biases are drawn from
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum InitialWeightsChoice {
    /// `activation` for pixels, `inputs` for columns of numbers and categories
    #[default]
    Auto,
    /// Limits by the activation: √(6 / (d_in + d_out)) for sigmoid and tanh, √(3 / d_in) for SELU, √(6 / d_in) for others;
    /// biases are 0
    Activation,
    /// 1 / √d_in for weights and biases, as in PyTorch
    Inputs,
}

impl InitialWeightsChoice {
    /// The ranges that this choice selects for a net
    ///
    /// * `are_pixels`: whether its inputs are pixels
    pub fn of(self, activation: Activation, are_pixels: bool) -> InitialWeights {
        let is_by_activation = match self {
            Self::Auto => are_pixels,
            Self::Activation => true,
            Self::Inputs => false,
        };
        if is_by_activation { InitialWeights::ByActivation(activation) } else { InitialWeights::ByInputs }
    }
}

/// The metric by which the epochs of a run are compared
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MonitorChoice {
    /// `accuracy` for classes, `rmse` for numbers to predict
    #[default]
    Auto,
    /// Mean loss: lower is better
    #[value(alias = "val_loss")]
    Loss,
    /// Accuracy of classes: higher is better
    #[value(alias = "val_accuracy")]
    Accuracy,
    /// Root-mean-square error of numbers: lower is better
    #[value(alias = "val_rmse")]
    Rmse,
}

/// The epoch whose weights `model.safetensors` has
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The last
    #[default]
    Last,
    /// The best, as --monitor says
    Best,
    /// The last; model-best.safetensors has the best
    Both,
}

/// How CSV files are written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CsvDialect {
    /// Comma, decimal point, LF
    #[default]
    Standard,
    /// Semicolon, decimal comma, byte-order mark, CRLF: for Excel where the comma is decimal
    ExcelEu,
}
