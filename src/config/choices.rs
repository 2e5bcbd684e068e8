//! Settings whose value is one of a few names

use chainrule_kernels::Backend;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The element type of a net
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// 32 bits
    #[default]
    F32,
    /// 64 bits
    F64,
}

impl Dtype {
    /// Bytes of an element
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
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
    /// Our own kernels, with activation, its derivative and the SGD step fused into them
    Fused,
    /// The crate `matrixmultiply`, and separate passes for everything else
    Matrixmultiply,
}

impl EngineChoice {
    /// The backend that this choice selects on this processor
    ///
    /// # Errors
    /// If the choice is `fused` and the processor lacks AVX2 or FMA.
    pub fn kind(self) -> Result<Backend> {
        let kind = match self {
            Self::Auto => Backend::auto(),
            Self::Fused => Backend::Fused,
            Self::Matrixmultiply => Backend::Matrixmultiply,
        };
        if kind.is_available() {
            return Ok(kind);
        }
        let expected = "auto or matrixmultiply on a processor without AVX2 and FMA".to_owned();
        Err(Error::Setting { name: "engine", expected, found: "fused".to_owned() })
    }
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
