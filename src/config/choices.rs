//! Settings whose value is one of a few names

use std::fmt;
use std::str::FromStr;

use chainrule_kernels::Backend;
use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// The element type of a net
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    /// 32 bits
    #[default]
    F32,
    /// 64 bits
    F64,
}

/// The backend that computes the layers
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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
    /// The backend that it selects on this processor
    ///
    /// # Errors
    /// If it is `fused` and the processor lacks the instructions.
    pub fn kind(self) -> Result<Backend> {
        let kind = match self {
            Self::Auto => Backend::auto(),
            Self::Fused => Backend::Fused,
            Self::Matrixmultiply => Backend::Matrixmultiply,
        };
        let expected = || "auto or matrixmultiply on a processor without AVX2 and FMA".to_owned();
        let refused = || Error::Setting { name: "engine", expected: expected(), found: "fused".to_owned() };
        kind.is_available().then_some(kind).ok_or_else(refused)
    }
}

/// How CSV files are written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CsvDialect {
    /// Comma, decimal point, LF
    #[default]
    Standard,
    /// Semicolon, decimal comma, byte-order mark, CRLF: for Excel where the comma is decimal
    ExcelEu,
}

/// Reads and writes choices by the names that clap gives them, in text and in TOML
macro_rules! by_name {
    ($($choice:ty),*) => {$(
        impl fmt::Display for $choice {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
            }
        }

        impl FromStr for $choice {
            type Err = String;

            fn from_str(name: &str) -> std::result::Result<Self, String> {
                ValueEnum::from_str(name, false)
            }
        }

        impl Serialize for $choice {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $choice {
            fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
                FromStr::from_str(&String::deserialize(from)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}
by_name!(Dtype, EngineChoice, CsvDialect);
