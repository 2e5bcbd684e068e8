//! The settings of a run with all their values, as a run uses them and as config.toml keeps them

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::every::time;
use super::setting::text;
use super::settings::SETTINGS;
use super::{
    ClassWeight, CsvDialect, Decimal, Dtype, EngineChoice, Every, Header, HiddenDims, InitialWeightsChoice,
    Keep, LossChoice, Missing, MonitorChoice, OptimizerChoice, Scale, ScheduleChoice, TaskChoice, agreement,
};
use crate::error::{Error, Result};
use crate::nn::design::Design;
use crate::nn::layers::{Activation, Norm};

/// Every setting of a training run, in the order of config.toml
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Source of the data; `None` searches the default folders
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Widths of the hidden layers
    pub hidden_dims: HiddenDims,
    /// Activation after each hidden layer
    pub activation: Activation,
    /// Model whose weights are the initial ones; `None`: random weights
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// Passes over the training set
    pub epochs: u32,
    /// Samples per training step
    pub batch_size: usize,
    /// Step size η
    pub learning_rate: f64,
    /// Momentum μ
    pub momentum: f64,
    /// Weight decay λ
    pub weight_decay: f64,
    /// Random seed
    pub seed: u64,
    /// Element type of the net
    pub dtype: Dtype,
    /// Backend that computes the layers
    pub engine: EngineChoice,
    /// Share of the training samples of each class that is held out for validation
    pub val_split: f64,
    /// Whether every epoch visits the samples in the order of the file
    pub no_shuffle: bool,
    /// Number of threads to compute with; `None` for as many as make training faster
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Test data; `None` for those that `data` brings
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_data: Option<String>,
    /// Share of the samples of each class that is held out as test data
    pub test_split: f64,
    /// Columns to predict, separated by commas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether the first line of a table holds names
    pub header: Header,
    /// Columns to leave out, separated by commas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Columns that name a row, separated by commas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_as_id: Option<String>,
    /// Columns of text that become one input for each value, separated by commas, or `auto`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categorical: Option<String>,
    /// What is done with missing numbers
    pub missing: Missing,
    /// How columns of numbers are scaled
    pub scale: Scale,
    /// How much the rows of each class count in training
    pub class_weight: ClassWeight,
    /// Column with how much each training row counts
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_column: Option<String>,
    /// Character between the cells of a table
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Decimal sign of a table
    pub decimal: Decimal,
    /// Array of the inputs
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Array of the labels
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Whether labels are classes or numbers to predict
    pub task: TaskChoice,
    /// The loss that training minimises
    pub loss: LossChoice,
    /// Where initial weights and biases are drawn from
    pub initial_weights: InitialWeightsChoice,
    /// Number of epochs without a better one after which training stops; 0: it does not
    pub patience: u32,
    /// Metric by which epochs are compared
    pub monitor: MonitorChoice,
    /// Epoch whose weights model.safetensors has
    pub keep: Keep,
    /// Time after which the program stops, as [`Self::max_time`] reads it, or `none`
    pub max_time: String,
    /// How often the state is saved within an epoch, as [`Every`] reads it; `None`: after each epoch only
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<String>,
    /// How the learning rate changes from batch to batch
    pub schedule: ScheduleChoice,
    /// Epochs in which the learning rate grows from 0
    pub warmup: f64,
    /// Whether momentum is Nesterov's
    pub nesterov: bool,
    /// Whether weight decay applies to vectors, such as biases
    pub decay_bias: bool,
    /// The optimizer
    pub optimizer: OptimizerChoice,
    /// Share of the first moment that a step of AdamW keeps
    pub beta1: f64,
    /// Share of the second moment that a step of AdamW keeps
    pub beta2: f64,
    /// What AdamW adds to the root of the second moment
    pub epsilon: f64,
    /// Decay d of an average of the weights over batches; 0: none
    pub ema: f64,
    /// First epoch of an average of the weights over epochs; 0: none
    pub swa: u32,
    /// Share ε of each label that all classes get alike in training
    pub label_smoothing: f64,
    /// Whether training images are flipped at random
    pub flip: bool,
    /// Pixels by which training images are shifted at most
    pub shift: u32,
    /// By how much an element of the matrix that distorts a training image differs from the identity at most
    pub distort: f64,
    /// Height and width at most of the rectangle that is erased from a training image, in pixels
    pub erase: u32,
    /// The α of the distribution of the shares by which training rows are mixed; 0: they are not
    pub mixup: f64,
    /// What normalises the outputs of the linear layers, before the activation
    pub norm: Norm,
    /// Share of the hidden units that are dropped in training
    pub dropout: f64,
    /// Share of the inputs that are dropped in training
    pub input_dropout: f64,
    /// Folder in which the run's folder and runs.csv are written
    pub out: PathBuf,
    /// How CSV files are written
    pub csv_dialect: CsvDialect,
}

impl Default for TrainConfig {
    /// The settings of a run for which none is given
    fn default() -> Self {
        Self::from_values(&Table::new()).unwrap_or_else(|e| unreachable!("the defaults are valid: {e}"))
    }
}

impl TrainConfig {
    /// The settings in `values`, and defaults for the others
    ///
    /// # Errors
    /// If a value is outside its range, or does not fit the others.
    pub fn from_values(values: &Table) -> Result<Self> {
        let (config, all) = Self::in_range(values)?;
        agreement::check(config.optimizer, config.schedule, &all)?;
        Ok(config)
    }

    /// As [`Self::from_values`], but the values may not fit each other: those of a sweep, whose trials change some of them
    ///
    /// # Errors
    /// If a value is outside its range.
    pub fn each_from_values(values: &Table) -> Result<Self> {
        Ok(Self::in_range(values)?.0)
    }

    /// The settings, and the values of all of them
    fn in_range(values: &Table) -> Result<(Self, Table)> {
        let mut all = values.clone();
        for setting in SETTINGS {
            let found = all.get(setting.name).cloned().or_else(|| setting.default_value());
            let Some(value) = found else { continue };
            if let Some(expected) = setting.out_of_range(&value).map(str::to_owned) {
                return Err(Error::Setting { name: setting.name, expected, found: text(&value) });
            }
            all.insert(setting.name.to_owned(), value);
        }
        let config: Self =
            all.clone().try_into().map_err(|e| Error::content("settings".as_ref(), e.to_string()))?;
        for setting in SETTINGS {
            let lost = all.get(setting.name).and_then(|value| setting.lost_in(value, config.dtype));
            if let Some((found, expected)) = lost {
                return Err(Error::Setting { name: setting.name, expected, found });
            }
        }
        config.checkpoint_every()?;
        config.max_time()?;
        config.check_norm()?;
        config.check_average()?;
        Ok((config, all))
    }

    /// Checks that the settings ask for one average of the weights at most
    fn check_average(&self) -> Result<()> {
        let Self { ema, swa, .. } = *self;
        if ema == 0.0 || swa == 0 {
            return Ok(());
        }
        let expected = format!("0 beside --ema {ema}, since a run has one average; leave one of the two out");
        Err(Error::Setting { name: "swa", expected, found: swa.to_string() })
    }

    /// Checks that batches have rows from which batch normalisation can take a variance
    fn check_norm(&self) -> Result<()> {
        if self.norm != Norm::Batch || self.batch_size > 1 || self.hidden_dims.0.is_empty() {
            return Ok(());
        }
        let expected = "2 or more with --norm batch, since a single row has no variance".to_owned();
        Err(Error::Setting { name: "batch-size", expected, found: self.batch_size.to_string() })
    }

    /// The layers of the net beside the linear ones
    pub fn design(&self) -> Design {
        let Self { activation, norm, dropout, input_dropout, .. } = *self;
        Design { activation, norm, dropout, input_dropout }
    }

    /// How often the state is saved within an epoch; `None`: after each epoch only
    ///
    /// # Errors
    /// If the setting is no time and no number of batches.
    pub fn checkpoint_every(&self) -> Result<Option<Every>> {
        let parsed = |text: &String| {
            let wrong = |expected: String| Error::Setting {
                name: "checkpoint-every",
                expected: expected.trim_start_matches("expected ").to_owned(),
                found: text.clone(),
            };
            Every::parse(text).map_err(wrong)
        };
        self.checkpoint_every.as_ref().filter(|text| *text != "none").map(parsed).transpose()
    }

    /// Time from the start of the program after which it stops; `None`: when all epochs are done
    ///
    /// # Errors
    /// If the setting is no time.
    pub fn max_time(&self) -> Result<Option<Duration>> {
        let wrong = || {
            let expected = "a time, as 30s, 30m or 1h 30m, or none".to_owned();
            Error::Setting { name: "max-time", expected, found: self.max_time.clone() }
        };
        match self.max_time.as_str() {
            "none" => Ok(None),
            text => time(text).map(Some).ok_or_else(wrong),
        }
    }

    /// The settings as TOML values, by their names
    ///
    /// # Errors
    /// If a path is not UTF-8.
    pub fn to_values(&self) -> Result<Table> {
        Table::try_from(self).map_err(|e| Error::content("config.toml".as_ref(), e.to_string()))
    }

    /// The text of config.toml, from which [`super::Settings::from_toml`] reads the same settings
    ///
    /// # Errors
    /// If a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String> {
        // A line break in a path stays an escape: each line of the file is one setting.
        let line = |(key, value): (String, Value)| match &value {
            Value::String(text) if text.contains(char::is_control) => format!("{key} = {}\n", one_line(text)),
            _ => Table::from_iter([(key, value)]).to_string(),
        };
        Ok(self.to_values()?.into_iter().map(line).collect())
    }

    /// Widths of all layers, from the features through the hidden layers to the outputs
    pub fn dims(&self, features: usize, outputs: usize) -> Vec<usize> {
        [&[features], &self.hidden_dims.0[..], &[outputs]].concat()
    }
}

/// The text as a TOML string on one line
fn one_line(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::find;

    #[test]
    fn the_defaults_are_those_of_the_default_run() {
        let config = TrainConfig::default();
        assert_eq!(config.hidden_dims.to_string(), "128x64");
        assert_eq!((config.epochs, config.batch_size, config.seed), (30, 64, 42));
        assert_eq!((config.learning_rate, config.momentum, config.weight_decay), (0.01, 0.9, 0.0));
    }

    #[test]
    fn numbers_are_in_range_in_the_type_of_the_net() {
        let config = |name: &str, x: f64, dtype: &str| {
            let values = [(name.to_owned(), x.into()), ("dtype".to_owned(), dtype.into())];
            TrainConfig::from_values(&values.into_iter().collect())
        };
        for (name, x, message) in [
            ("learning_rate", 1e-300, "learning-rate is 1e-300, which is 0 in f32"),
            ("learning_rate", 1e-46, "which is 0 in f32"),
            ("learning_rate", 1e39, "which is infinite in f32"),
            ("momentum", 0.999_999_999_99, "momentum is 0.99999999999, which is 1 in f32"),
            ("momentum", 1e-60, "which is 0 in f32"),
            ("weight_decay", 1e-60, "which is 0 in f32"),
            ("weight_decay", 1e300, "which is infinite in f32"),
        ] {
            let error = config(name, x, "f32").unwrap_err().to_string();
            assert!(error.contains(message) && error.contains("--dtype f64"), "{error}");
            assert!(config(name, x, "f64").is_ok(), "{name} {x}");
        }
        for (name, x) in [
            ("learning_rate", 0.0),
            ("learning_rate", 1e-40),
            ("momentum", 0.999_999_9),
            ("val_split", 1e-60),
        ] {
            assert!(config(name, x, "f32").is_ok(), "{name} {x}");
        }
        assert!(config("momentum", 1.0, "f64").is_err());
        assert!(
            find("learning_rate")
                .is_some_and(|rate| rate.value("1e-400").is_err() && rate.value("0e5").is_ok())
        );
    }

    #[test]
    fn a_run_has_one_average_at_most() {
        let config = |ema: f64, swa: i64| {
            let values = [("ema".to_owned(), ema.into()), ("swa".to_owned(), swa.into())];
            TrainConfig::from_values(&values.into_iter().collect())
        };
        assert!(config(0.0, 20).is_ok() && config(0.99, 0).is_ok());
        let error = config(0.99, 20).unwrap_err().to_string();
        assert!(error.contains("swa is 20, expected 0 beside --ema 0.99"), "{error}");
    }

    #[test]
    fn every_row_is_a_field_and_every_field_a_row() {
        let word = || Some("a".to_owned());
        let config = TrainConfig {
            data: word(),
            init: word(),
            test_data: word(),
            target: word(),
            ignore: word(),
            keep_as_id: word(),
            categorical: word(),
            separator: word(),
            weight_column: word(),
            x: word(),
            y: word(),
            checkpoint_every: Some("30s".to_owned()),
            threads: Some(1),
            ..TrainConfig::default()
        };
        let fields = config.to_values().unwrap();
        let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let mut keys: Vec<_> = fields.keys().map(String::as_str).collect();
        names.sort_unstable();
        keys.sort_unstable();
        assert_eq!(names, keys);
    }
}
