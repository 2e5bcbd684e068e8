//! Every setting of a training run: its default, range and meaning, once
//!
//! [`Settings`] is what a person gives, on the command line or in a TOML file: each may be left out. Merged
//! and checked they become a [`TrainConfig`], which is also what a run writes to its `config.toml`.

pub mod setting_table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chainrule_kernels::Backend;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::nn::layers::Activation;

/// Seeds stay below this, so that a spreadsheet's 15 digits hold them
const SEED_END: u64 = 1_000_000_000_000_000;
/// Widths and counts up to here: beyond it, no machine has the memory and a slip of the keyboard is likelier
const WIDTH_MAX: usize = 10_000_000;
/// Epochs of `--quick`: some seconds even on a small machine
const QUICK_EPOCHS: u32 = 3;

/// The type of the numbers that a net is trained in
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32 bits
    #[default]
    F32,
    /// 64 bits
    F64,
}

/// Who computes a net's products, and what follows them
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// `fused` where the processor has AVX2 and FMA, else `matrixmultiply`
    #[default]
    Auto,
    /// Own register tiles with activation, its derivative and the SGD step fused into them
    Fused,
    /// The crate `matrixmultiply`, and a pass over memory for everything else
    Matrixmultiply,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Fused => "fused",
            Self::Matrixmultiply => "matrixmultiply",
        })
    }
}

impl EngineChoice {
    /// The engine that it means on this processor
    ///
    /// # Errors
    /// If it was asked for by name and the processor lacks the instructions.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CsvDialect {
    /// Comma, decimal point, LF
    #[default]
    Standard,
    /// Semicolon, decimal comma, byte-order mark, CRLF: for Excel where the comma is decimal
    ExcelEu,
}

impl fmt::Display for CsvDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::ExcelEu => "excel-eu",
        })
    }
}

/// Widths of the hidden layers: `128x64` as text, `none` without any
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HiddenDims(pub Vec<usize>);

impl fmt::Display for HiddenDims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("x"))
    }
}

impl FromStr for HiddenDims {
    type Err = String;

    /// `none`, or widths apart by `x`, commas or spaces
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self(Vec::new()));
        }
        let width = |part: &str| match part.parse() {
            Ok(width @ 1..=WIDTH_MAX) => Ok(width),
            _ => Err(format!("`{part}` is no width: expected `none` or numbers from 1 to {WIDTH_MAX}")),
        };
        let parts = text.split(['x', ',', ' ']).map(str::trim);
        parts.map(width).collect::<std::result::Result<_, _>>().map(Self)
    }
}

impl HiddenDims {
    /// Several pieces of a list, as the command line gives them, in one
    ///
    /// # Errors
    /// If `none` stands beside widths.
    pub fn join(pieces: &[Self]) -> Result<Self> {
        if pieces.len() > 1 && pieces.iter().any(|piece| piece.0.is_empty()) {
            let found = pieces.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            return Err(Error::Setting {
                name: "hidden-dims",
                expected: "widths or `none`, not both".to_owned(),
                found,
            });
        }
        Ok(Self(pieces.iter().flat_map(|piece| piece.0.iter().copied()).collect()))
    }
}

impl Serialize for HiddenDims {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A list of numbers, or text as on the command line
fn dims_from_toml<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Vec<HiddenDims>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a list of widths, as [128, 64], or \"none\"")]
    enum Either {
        Numbers(Vec<u64>),
        Text(String),
    }
    let text = match Either::deserialize(from)? {
        Either::Text(text) => text,
        Either::Numbers(widths) if widths.is_empty() => "none".to_owned(),
        Either::Numbers(widths) => widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("x"),
    };
    text.parse().map(|dims| Some(vec![dims])).map_err(serde::de::Error::custom)
}

/// Settings as a person gives them; what is left out has a default
#[derive(Clone, Debug, Default, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of IDX files (plain or gzip), or `synthetic` for a built-in set [default: $CHAINRULE_DATA,
    /// data/fashion-mnist, /usr/share/datasets/fashion-mnist]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,

    /// Widths of the hidden layers, apart by spaces or commas; `none` for softmax regression
    /// [default: 128 64]
    #[arg(long, value_name = "WIDTH", num_args = 1.., value_delimiter = ',')]
    #[serde(deserialize_with = "dims_from_toml")]
    pub hidden_dims: Option<Vec<HiddenDims>>,

    /// What stands between two layers [default: relu]
    #[arg(long, value_enum)]
    pub activation: Option<Activation>,

    /// Passes over the training set; 0 only writes the start weights [default: 30]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,

    /// Images a step [default: 64]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,

    /// Step size η of gradient descent [default: 0.01]
    #[arg(long, value_name = "ETA", allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,

    /// Momentum μ, from 0 up to but not 1 [default: 0.9]
    #[arg(long, value_name = "MU", allow_negative_numbers = true)]
    pub momentum: Option<f64>,

    /// Weight decay λ, of weights and biases [default: 0]
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,

    /// Start of the random stream: of start weights and batches [default: 42]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Type of the numbers that the net is trained in [default: f32]
    #[arg(long, value_enum)]
    pub dtype: Option<Dtype>,

    /// Who computes the products; results differ by rounding [default: auto]
    #[arg(long, value_enum)]
    pub engine: Option<EngineChoice>,

    /// Share of the training images, of each class alike, that is held out and validated on after each epoch,
    /// from 0 up to but not 1 [default: 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub val_split: Option<f64>,

    /// Take the batches in the order of the file, the same in every epoch
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub no_shuffle: Option<bool>,

    /// Threads to compute with; the results do not depend on it [default: as many cores as make the net faster]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Folder that the run's folder and runs.csv are put in [default: results]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// How CSV files are written [default: standard]
    #[arg(long, value_enum)]
    pub csv_dialect: Option<CsvDialect>,
}

impl Settings {
    /// What `--quick` stands for
    pub fn quick() -> Self {
        Self { epochs: Some(QUICK_EPOCHS), ..Self::default() }
    }

    /// Reads a TOML file whose keys are the flags' names, with `_` or `-`
    ///
    /// # Errors
    /// If it can't be read, is no TOML, or has a key or value that is none of a run's.
    pub fn from_toml(path: &Path) -> Result<Self> {
        let text = match path.as_os_str() == "-" {
            true => std::io::read_to_string(std::io::stdin()),
            false => std::fs::read_to_string(path),
        };
        Self::parse(&text.map_err(Error::reading(path))?)
            .map_err(|problem| Error::Text { path: path.to_owned(), problem })
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let problem = |e: toml::de::Error| e.to_string().trim_end().to_owned();
        let table: toml::Table = toml::from_str(text).map_err(problem)?;
        if table.keys().any(|key| key.contains('-')) {
            // Places in the text are lost by renaming the keys, so only do it when it is needed.
            return Self::from_table(table);
        }
        toml::from_str(text).map_err(problem)
    }

    /// From keys that are the flags' names, with `_` or `-`
    ///
    /// # Errors
    /// If a key or value is none of a run's: what was found, and what was expected.
    pub fn from_table(table: toml::Table) -> std::result::Result<Self, String> {
        let renamed: toml::Table =
            table.into_iter().map(|(key, value)| (key.replace('-', "_"), value)).collect();
        renamed.try_into().map_err(|e: toml::de::Error| e.to_string().trim_end().to_owned())
    }

    /// These settings, and where they say nothing, those of `other`
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            data: self.data.or(other.data),
            hidden_dims: self.hidden_dims.or(other.hidden_dims),
            activation: self.activation.or(other.activation),
            epochs: self.epochs.or(other.epochs),
            batch_size: self.batch_size.or(other.batch_size),
            learning_rate: self.learning_rate.or(other.learning_rate),
            momentum: self.momentum.or(other.momentum),
            weight_decay: self.weight_decay.or(other.weight_decay),
            seed: self.seed.or(other.seed),
            dtype: self.dtype.or(other.dtype),
            engine: self.engine.or(other.engine),
            val_split: self.val_split.or(other.val_split),
            no_shuffle: self.no_shuffle.or(other.no_shuffle),
            threads: self.threads.or(other.threads),
            out: self.out.or(other.out),
            csv_dialect: self.csv_dialect.or(other.csv_dialect),
        }
    }

    /// With defaults for what was left out
    ///
    /// # Errors
    /// If a setting is outside its range.
    pub fn resolve(self) -> Result<TrainConfig> {
        let config = TrainConfig {
            data: self.data,
            hidden_dims: self
                .hidden_dims
                .map_or(Ok(HiddenDims(vec![128, 64])), |pieces| HiddenDims::join(&pieces))?,
            activation: self.activation.unwrap_or_default(),
            epochs: self.epochs.unwrap_or(30),
            batch_size: self.batch_size.unwrap_or(64),
            learning_rate: self.learning_rate.unwrap_or(0.01),
            momentum: self.momentum.unwrap_or(0.9),
            weight_decay: self.weight_decay.unwrap_or(0.0),
            seed: self.seed.unwrap_or(42),
            dtype: self.dtype.unwrap_or_default(),
            engine: self.engine.unwrap_or_default(),
            val_split: self.val_split.unwrap_or(0.0),
            no_shuffle: self.no_shuffle.unwrap_or(false),
            threads: self.threads,
            out: self.out.unwrap_or_else(|| "results".into()),
            csv_dialect: self.csv_dialect.unwrap_or_default(),
        };
        config.check()?;
        Ok(config)
    }
}

/// Every setting of a training run
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainConfig {
    /// As [`Settings::data`]; nothing stands for the usual places
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// As [`Settings::hidden_dims`]
    pub hidden_dims: HiddenDims,
    /// As [`Settings::activation`]
    pub activation: Activation,
    /// As [`Settings::epochs`]
    pub epochs: u32,
    /// As [`Settings::batch_size`]
    pub batch_size: usize,
    /// As [`Settings::learning_rate`]
    pub learning_rate: f64,
    /// As [`Settings::momentum`]
    pub momentum: f64,
    /// As [`Settings::weight_decay`]
    pub weight_decay: f64,
    /// As [`Settings::seed`]
    pub seed: u64,
    /// As [`Settings::dtype`]
    pub dtype: Dtype,
    /// As [`Settings::engine`]
    pub engine: EngineChoice,
    /// As [`Settings::val_split`]
    pub val_split: f64,
    /// As [`Settings::no_shuffle`]
    pub no_shuffle: bool,
    /// As [`Settings::threads`]; nothing stands for as many as the net is worth
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// As [`Settings::out`]
    pub out: PathBuf,
    /// As [`Settings::csv_dialect`]
    pub csv_dialect: CsvDialect,
}

impl TrainConfig {
    fn check(&self) -> Result<()> {
        let range = |name, ok: bool, found: String, expected: &str| match ok {
            true => Ok(()),
            false => Err(Error::Setting { name, expected: expected.to_owned(), found }),
        };
        let not_negative = |x: f64| x.is_finite() && x >= 0.0;
        let (eta, mu, lambda) = (self.learning_rate, self.momentum, self.weight_decay);
        range("batch-size", self.batch_size > 0, self.batch_size.to_string(), "1 or more")?;
        range("learning-rate", not_negative(eta), eta.to_string(), "a finite number, 0 or more")?;
        range("momentum", (0.0..1.0).contains(&mu), mu.to_string(), "0 or more and below 1")?;
        range("weight-decay", not_negative(lambda), lambda.to_string(), "a finite number, 0 or more")?;
        let share = self.val_split;
        range("val-split", (0.0..1.0).contains(&share), share.to_string(), "0 or more and below 1")?;
        range("seed", self.seed < SEED_END, self.seed.to_string(), "below 10^15")?;
        self.threads.map_or(Ok(()), |n| range("threads", (1..=1024).contains(&n), n.to_string(), "1 to 1024"))
    }

    /// Widths from features to classes
    pub fn dims(&self, features: usize, classes: usize) -> Vec<usize> {
        [&[features], &self.hidden_dims.0[..], &[classes]].concat()
    }

    /// As TOML that [`Settings::from_toml`] reads back to the same
    ///
    /// # Errors
    /// If a path is not UTF-8, or a seed beyond TOML's integers.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::Text { path: "config.toml".into(), problem: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_default_run() {
        let config = Settings::default().resolve().unwrap();
        assert_eq!(config.hidden_dims.to_string(), "128x64");
        assert_eq!((config.epochs, config.batch_size, config.seed), (30, 64, 42));
        assert_eq!((config.learning_rate, config.momentum, config.weight_decay), (0.01, 0.9, 0.0));
    }

    #[test]
    fn what_is_written_reads_back_to_the_same() {
        for dims in ["none", "7", "128x64"] {
            let settings = Settings {
                data: Some("some \"where\"".to_owned()),
                hidden_dims: Some(vec![dims.parse().unwrap()]),
                learning_rate: Some(0.1 + 0.2),
                dtype: Some(Dtype::F64),
                csv_dialect: Some(CsvDialect::ExcelEu),
                ..Settings::default()
            };
            let config = settings.resolve().unwrap();
            let again = Settings::parse(&config.to_toml().unwrap()).unwrap().resolve().unwrap();
            assert_eq!(again, config);
        }
    }

    #[test]
    fn toml_keys_may_be_written_like_the_flags() {
        let settings = Settings::parse("batch-size = 7\nhidden-dims = \"32x16\"").unwrap();
        assert_eq!(settings.batch_size, Some(7));
        assert_eq!(settings.hidden_dims, Some(vec![HiddenDims(vec![32, 16])]));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Settings::parse("learnign_rate = 1.0").unwrap_err();
        assert!(error.contains("learnign_rate"), "{error}");
    }

    #[test]
    fn values_outside_their_range_are_refused() {
        for bad in [
            "batch_size = 0",
            "learning_rate = -0.1",
            "learning_rate = nan",
            "learning_rate = inf",
            "momentum = 1.0",
            "momentum = -0.5",
            "weight_decay = -1.0",
            "val_split = 1.0",
            "val_split = -0.1",
            "seed = 1000000000000000",
            "threads = 0",
        ] {
            let error = Settings::parse(bad).unwrap().resolve().unwrap_err();
            assert!(matches!(error, Error::Setting { .. }), "{bad}: {error}");
        }
    }

    #[test]
    fn widths_of_nothing_or_of_words_are_refused() {
        for bad in ["0", "", "128x", "-3", "abc", "1e3", "99999999999999999999"] {
            assert!(bad.parse::<HiddenDims>().is_err(), "{bad}");
        }
        assert!(HiddenDims::join(&[HiddenDims(vec![]), HiddenDims(vec![3])]).is_err());
    }
}
