//! The table of settings: the default, range and meaning of every setting of a run, each stated once
//!
//! To add a setting, add a row to [`SETTINGS`] and a field to [`TrainConfig`](super::TrainConfig). The row determines its
//! flag, its key in TOML files, its range check, its axis in a sweep, its column, and its part of the command that
//! repeats a run.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::setting::{Kind, Setting};
use super::{
    ClassWeight, CsvDialect, Decimal, Dtype, EngineChoice, Header, InitialWeightsChoice, Keep, LossChoice,
    Missing, MonitorChoice, OptimizerChoice, Scale, ScheduleChoice, TaskChoice,
};
use crate::nn::layers::{Activation, Norm};

const NOT_NEGATIVE: (RangeInclusive<f64>, &str) = (0.0..=f64::MAX, "a finite number, 0 or more");
const SHARE: (RangeInclusive<f64>, &str) = (0.0..=1.0_f64.next_down(), "0 or more and below 1");

// The headings of the help
const NET: &str = "Net";
const TRAINING: &str = "Training";
const COMPUTATION: &str = "Computation";
const DATA_AND_FILES: &str = "Data and files";
const TABLES: &str = "Tables and arrays";

/// A setting that allows every value of its type, affects results, and can be varied by a sweep
const fn row(name: &'static str, kind: Kind, default: &'static str, value_name: &'static str) -> Setting {
    Setting {
        name,
        kind,
        default,
        range: None,
        value_name,
        help: "",
        heading: None,
        affects_results: true,
        is_computed_with: false,
        sweepable: true,
        added: false,
    }
}

impl Setting {
    const fn under(self, heading: &'static str) -> Self {
        Self { heading: Some(heading), ..self }
    }

    const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    const fn added(self) -> Self {
        Self { added: true, ..self }
    }

    const fn computed_with(self) -> Self {
        Self { is_computed_with: true, ..self }
    }

    const fn within(self, range: (RangeInclusive<f64>, &'static str)) -> Self {
        Self { range: Some(range), ..self }
    }
}

/// All settings, in the order in which the help, tables and pictures show them
pub static SETTINGS: &[Setting] = &[
    row("hidden_dims", Kind::Dims, "128x64", "WIDTH")
        .under(NET)
        .help("Widths of the hidden layers, separated by spaces or commas; `none` for softmax regression"),
    row("activation", Kind::Choice(names::<Activation>), "relu", "NAME")
        .under(NET)
        .help("Activation after each hidden layer"),
    row("learning_rate", Kind::Number, "0.01", "ETA")
        .under(TRAINING)
        .help("Step size η of gradient descent")
        .within(NOT_NEGATIVE)
        .computed_with(),
    row("momentum", Kind::Number, "0.9", "MU")
        .under(TRAINING)
        .help("Momentum μ, 0 or more and below 1")
        .within(SHARE)
        .computed_with(),
    row("weight_decay", Kind::Number, "0", "LAMBDA")
        .under(TRAINING)
        .help("Weight decay λ of weights and, with --decay-bias true, of biases and the scales and shifts of norms")
        .within(NOT_NEGATIVE)
        .computed_with(),
    row("batch_size", Kind::Integer, "64", "N")
        .under(TRAINING)
        .help("Samples per training step")
        .within((1.0..=f64::MAX, "1 or more")),
    row("epochs", Kind::Integer, "30", "N")
        .under(TRAINING)
        .help("Passes over the training set; 0 only writes the initial weights")
        .within((0.0..=u32::MAX as f64, "0 to 4,294,967,295")),
    row("no_shuffle", Kind::Switch, "false", "BOOL")
        .under(TRAINING)
        .help("Take the batches in the order of the file, the same in every epoch"),
    row("val_split", Kind::Number, "0", "SHARE")
        .under(TRAINING)
        .help(
            "Share of the training samples of each class that is held out and validated on after each epoch, \
             0 or more and below 1",
        )
        .within(SHARE),
    row("dtype", Kind::Choice(names::<Dtype>), "f32", "TYPE")
        .under(COMPUTATION)
        .help(
            "Element type of the net; bf16: its products take bf16 and add in f32, and weights and all else are f32, \
             with the same results on every processor",
        ),
    row("engine", Kind::Choice(names::<EngineChoice>), "auto", "NAME")
        .under(COMPUTATION)
        .help("Backend that computes the layers; results of the backends differ by rounding"),
    // Spreadsheets keep only 15 digits of a number.
    row("seed", Kind::Integer, "42", "N")
        .under(TRAINING)
        .help("Random seed for initial weights and batch order")
        .within((0.0..=1e15 - 1.0, "below 10^15")),
    Setting {
        affects_results: false,
        ..row("threads", Kind::Integer, "", "N")
            .under(COMPUTATION)
            .help(
                "Threads to compute with; the results do not depend on it \
                 [default: as many cores as make the net faster]",
            )
            .within((1.0..=1024.0, "1 to 1,024"))
    },
    row("data", Kind::Path, "", "PATH").under(DATA_AND_FILES).help(
        "Training data: a table (CSV, TSV, plain or gzip, `-` for standard input), an .npz, two .npy separated by a comma, \
         a folder of IDX files, or `synthetic` for a built-in set [default: $CHAINRULE_DATA, data/fashion-mnist, \
         /usr/share/datasets/fashion-mnist]",
    ),
    row("test_data", Kind::Path, "", "PATH")
        .under(DATA_AND_FILES)
        .help("Test data, of the same kinds as --data [default: those that --data brings]")
        .added(),
    row("test_split", Kind::Number, "0", "SHARE")
        .under(DATA_AND_FILES)
        .help("Share of the samples of each class that is held out as test data, chosen by --seed, 0 or more and below 1")
        .within(SHARE)
        .added(),
    row("target", Kind::Names, "", "COLUMNS")
        .under(TABLES)
        .help(
            "Column to predict, by name or by position from 1, or several columns of numbers \
             [default: label, target, class or y]",
        )
        .added(),
    Setting {
        sweepable: false,
        ..row("header", Kind::Choice(names::<Header>), "auto", "WHETHER")
            .under(TABLES)
            .help("Whether the first line holds the names of the columns")
            .added()
    },
    row("ignore", Kind::Names, "", "COLUMNS").under(TABLES).help("Columns to leave out").added(),
    Setting {
        sweepable: false,
        ..row("keep_as_id", Kind::Names, "", "COLUMNS")
            .under(TABLES)
            .help("Columns that name a row, which are no inputs; `predict --keep` copies them")
            .added()
    },
    row("categorical", Kind::Names, "", "COLUMNS")
        .under(TABLES)
        .help("Columns of text of which each value becomes an input; `auto`: all with up to 50 values")
        .added(),
    row("missing", Kind::Choice(names::<Missing>), "error", "WHAT")
        .under(TABLES)
        .help("What is done with missing numbers")
        .added(),
    row("scale", Kind::Choice(names::<Scale>), "auto", "HOW")
        .under(TABLES)
        .help("How columns of numbers are scaled; learnt from the rows that are trained on")
        .added(),
    row("class_weight", Kind::Choice(names::<ClassWeight>), "none", "HOW")
        .under(TABLES)
        .help(
            "How much the rows of each class count in training, for data of any kind; accuracies, and losses of \
             validation and test, count all rows the same",
        )
        .added(),
    row("weight_column", Kind::Word, "", "COLUMN")
        .under(TABLES)
        .help(
            "Column with how much each training row counts, 0 or more, by name or by position from 1; it is no input, and \
             a test table needs none [default: all rows count the same]",
        )
        .added(),
    Setting {
        sweepable: false,
        ..row("separator", Kind::Word, "", "CHAR")
            .under(TABLES)
            .help("Character between the cells of a table, such as `;`, or `tab` [default: found in the first lines]")
            .added()
    },
    Setting {
        sweepable: false,
        ..row("decimal", Kind::Choice(names::<Decimal>), ".", "SIGN")
            .under(TABLES)
            .help("Decimal sign of a table's numbers")
            .added()
    },
    Setting {
        sweepable: false,
        ..row("x", Kind::Word, "", "NAME")
            .under(TABLES)
            .help("Array of the inputs in an .npz [default: x_train, X_train, x or X; x_test or X_test]")
            .added()
    },
    Setting {
        sweepable: false,
        ..row("y", Kind::Word, "", "NAME")
            .under(TABLES)
            .help("Array of the labels in an .npz, or the .npy with them [default: y_train, y; y_test]")
            .added()
    },
    row("task", Kind::Choice(names::<TaskChoice>), "auto", "WHAT")
        .under(DATA_AND_FILES)
        .help("Whether labels are classes or numbers to predict")
        .added(),
    row("loss", Kind::Choice(names::<LossChoice>), "auto", "NAME")
        .under(TRAINING)
        .help("Loss that training minimises; the choice is for numbers to predict, whose errors e it counts in standard deviations")
        .added(),
    row("init", Kind::Path, "", "MODEL")
        .under(NET)
        .help(
            "Model whose weights are the initial ones: a model.safetensors, whose widths, activation and scales the run \
             takes, or a state dict of PyTorch [default: random weights]",
        )
        .added(),
    row("initial_weights", Kind::Choice(names::<InitialWeightsChoice>), "auto", "HOW")
        .under(NET)
        .help("Limits of the random initial weights and biases of a layer with d_in inputs and d_out outputs")
        .added(),
    row("patience", Kind::Integer, "0", "N")
        .under(TRAINING)
        .help("Stop after N epochs without a better one, as --monitor says; 0 trains all epochs")
        .within((0.0..=u32::MAX as f64, "0 to 4,294,967,295"))
        .added(),
    row("monitor", Kind::Choice(names::<MonitorChoice>), "auto", "METRIC")
        .under(TRAINING)
        .help(
            "Metric by which epochs are compared, on the validation samples, or without --val-split on the test set",
        )
        .added(),
    row("keep", Kind::Choice(names::<Keep>), "last", "EPOCH")
        .under(DATA_AND_FILES)
        .help("Epoch whose weights model.safetensors has; metrics in summary.csv are of the same epoch")
        .added(),
    row("label_smoothing", Kind::Number, "0", "EPS")
        .under(TRAINING)
        .help(
            "Share ε of each label that all classes get alike, 0 or more and below 1, in the training loss only: losses of \
             validation and test are those of the labels",
        )
        .within(SHARE)
        .computed_with()
        .added(),
    row("flip", Kind::Switch, "false", "BOOL")
        .under(TRAINING)
        .help("Exchange left and right of each training image with probability 1/2, drawn anew in each epoch")
        .added(),
    row("shift", Kind::Integer, "0", "PIXELS")
        .under(TRAINING)
        .help(
            "Shift each training image by up to PIXELS pixels up or down, and to the left or right, drawn anew in each epoch; the \
             edges become 0",
        )
        .within((0.0..=u16::MAX as f64, "0 to 65,535"))
        .added(),
    row("mixup", Kind::Number, "0", "ALPHA")
        .under(TRAINING)
        .help(
            "Mix each training row, and its label, with the next row of its batch, by a share from the distribution \
             Beta(α, α); 0 mixes none",
        )
        .within(NOT_NEGATIVE)
        .added(),
    row("norm", Kind::Choice(names::<Norm>), "none", "NAME")
        .under(NET)
        .help("Normalisation between each hidden layer's linear part and its activation")
        .added(),
    row("dropout", Kind::Number, "0", "SHARE")
        .under(NET)
        .help("Share of the hidden units that are set to 0 in each training step, 0 or more and below 1")
        .within(SHARE)
        .added(),
    row("input_dropout", Kind::Number, "0", "SHARE")
        .under(NET)
        .help("Share of the inputs that are set to 0 in each training step, 0 or more and below 1")
        .within(SHARE)
        .added(),
    Setting {
        affects_results: false,
        sweepable: false,
        ..row("max_time", Kind::Word, "none", "TIME")
            .under(TRAINING)
            .help(
                "Stop after the batch in which this time has passed since the program started, as 30m or 1h 30m; \
                 --resume goes on",
            )
            .added()
    },
    Setting {
        affects_results: false,
        sweepable: false,
        ..row("checkpoint_every", Kind::Word, "", "TIME|N")
            .under(DATA_AND_FILES)
            .help("Also save the state within an epoch, every 30s, 5m, 1h or 50batches; none: after each epoch only [default: none]")
            .added()
    },
    row("schedule", Kind::Choice(names::<ScheduleChoice>), "constant", "NAME")
        .under(TRAINING)
        .help("How the learning rate changes from batch to batch, over all epochs; --learning-rate is its maximum")
        .added(),
    row("warmup", Kind::Number, "0", "EPOCHS")
        .under(TRAINING)
        .help("Epochs, or a fraction of one, in which the learning rate grows from 0 to --learning-rate")
        .within(NOT_NEGATIVE)
        .added(),
    row("nesterov", Kind::Switch, "false", "BOOL")
        .under(TRAINING)
        .help("Use Nesterov's momentum, which looks one step ahead")
        .added(),
    row("decay_bias", Kind::Switch, "true", "BOOL")
        .under(TRAINING)
        .help("Whether weight decay applies to biases, and to the scales and shifts of norms; false: to weights only")
        .added(),
    row("optimizer", Kind::Choice(names::<OptimizerChoice>), "sgd", "NAME")
        .under(TRAINING)
        .help("How steps are made from gradients")
        .added(),
    row("beta1", Kind::Number, "0.9", "BETA")
        .under(TRAINING)
        .help("Share β₁ of the first moment that a step of adamw keeps, 0 or more and below 1")
        .within(SHARE)
        .computed_with()
        .added(),
    row("beta2", Kind::Number, "0.999", "BETA")
        .under(TRAINING)
        .help("Share β₂ of the second moment that a step of adamw keeps, 0 or more and below 1")
        .within(SHARE)
        .computed_with()
        .added(),
    row("epsilon", Kind::Number, "1e-8", "EPSILON")
        .under(TRAINING)
        .help("Summand ε of adamw's divisors, above 0")
        .within((f64::MIN_POSITIVE..=f64::MAX, "above 0"))
        .computed_with()
        .added(),
    row("ema", Kind::Number, "0", "DECAY")
        .under(TRAINING)
        .help(
            "Also average the weights over batches, each average d times the one before plus 1 − d times the new weights, as \
             d = 0.999; model-average.safetensors has the average; 0: no average",
        )
        .within(SHARE)
        .added(),
    row("swa", Kind::Integer, "0", "EPOCH")
        .under(TRAINING)
        .help(
            "Also average the weights after this epoch and after each that follows; model-average.safetensors has the mean; \
             0: no average",
        )
        .within((0.0..=u32::MAX as f64, "0 to 4,294,967,295"))
        .added(),
    row("distort", Kind::Number, "0", "SHARE")
        .under(TRAINING)
        .help(
            "Turn, stretch and skew each training image about its centre, drawn anew in each epoch, by a matrix whose elements \
             differ from the identity by up to SHARE, 0 to 0.5; 0.1 is much",
        )
        .within((0.0..=0.5, "0 to 0.5"))
        .added(),
    row("erase", Kind::Integer, "0", "PIXELS")
        .under(TRAINING)
        .help(
            "Set a rectangle of each training image to 0, drawn anew in each epoch: its height and its width are up to PIXELS",
        )
        .within((0.0..=u16::MAX as f64, "0 to 65,535"))
        .added(),
    Setting {
        affects_results: false,
        sweepable: false,
        ..row("out", Kind::Path, "results", "DIR")
            .under(DATA_AND_FILES)
            .help("Folder for the run's folder and runs.csv")
    },
    Setting {
        sweepable: false,
        ..row("csv_dialect", Kind::Choice(names::<CsvDialect>), "standard", "NAME")
            .under(DATA_AND_FILES)
            .help("How CSV files are written")
    },
];

/// Settings that only sweeps know: short forms of `hidden_dims`
pub static SHORT_FORMS: [Setting; 2] = [
    row("hidden_dim", Kind::Integer, "", "N")
        .help("Width of the hidden layers: one layer, unless num_layers says otherwise")
        .within((1.0..=10_000_000.0, "1 to 10,000,000")),
    row("num_layers", Kind::Integer, "", "N")
        .help("Number of hidden layers, each 128 wide unless hidden_dim says otherwise")
        .within((0.0..=1000.0, "0 to 1,000")),
];

/// Finds a setting of a run by its name, with `_` or `-`
pub fn find(name: &str) -> Option<&'static Setting> {
    let name = name.trim().replace('-', "_");
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The settings that a sweep can vary, with the short forms after `hidden_dims`
pub fn sweepable() -> impl Iterator<Item = &'static Setting> {
    let (first, rest) = SETTINGS.split_at(1);
    first.iter().chain(&SHORT_FORMS).chain(rest).filter(|setting| setting.sweepable)
}

fn names<C: ValueEnum>() -> Vec<PossibleValue> {
    C::value_variants().iter().filter_map(C::to_possible_value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_help_and_a_default_within_its_range() {
        for setting in SETTINGS.iter().chain(&SHORT_FORMS) {
            assert!(setting.help.len() > 10, "{}", setting.name);
            let has_flag = find(setting.name).is_some();
            assert_eq!(setting.heading.is_some(), has_flag, "{}", setting.name);
            let default = setting.default_value();
            assert!(default.is_none_or(|value| setting.out_of_range(&value).is_none()), "{}", setting.name);
        }
    }

    #[test]
    fn every_row_is_a_flag_with_its_default_and_the_choices_have_help() {
        use clap::Args;
        let command = crate::config::Settings::augment_args(clap::Command::new("train"));
        for setting in SETTINGS {
            let flag = command.get_arguments().find(|arg| arg.get_long() == Some(&setting.flag()));
            let flag = flag.unwrap_or_else(|| panic!("no --{}", setting.flag()));
            let (help, switch) = (flag.get_help().unwrap().to_string(), matches!(setting.kind, Kind::Switch));
            let is_optional = matches!(setting.kind, Kind::Names);
            assert!(switch || is_optional || help.contains("[default: "), "{}: {help}", setting.name);
            if let Kind::Choice(names) = setting.kind {
                assert!(names().iter().all(|name| name.get_help().is_some()), "{}", setting.name);
            }
        }
    }
}
