//! Settings of the data whose value is one of a few names

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How columns of numbers are scaled
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// `standard`, but bytes are pixels, which are divided by 255
    #[default]
    Auto,
    /// (x − mean) / standard deviation
    Standard,
    /// (x − minimum) / (maximum − minimum)
    Minmax,
    /// (x − median) / (third − first quartile), then clipped smoothly to −3 … 3
    Robust,
    /// As it is
    None,
}

/// What is done with rows that lack a number
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// A missing number is an error
    #[default]
    Error,
    /// The mean of the column's training rows replaces it
    Mean,
    /// The median of the column's training rows replaces it
    Median,
    /// 0 replaces it, in the unit of the column, as if the file had a 0 there
    Zero,
    /// Its row is left out
    Drop,
}

/// Whether labels are classes or numbers to predict
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TaskChoice {
    /// `regress` for several targets, and for numbers that have a fractional part or more than 100 different values
    #[default]
    Auto,
    /// Each different label is a class
    Classify,
    /// Labels are numbers to predict
    Regress,
}

/// How much the rows of each class count in training
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeight {
    /// All rows count the same
    #[default]
    None,
    /// All classes count the same: a row counts n / (k n_c), where n_c of the n rows are of its class, one of k
    Balanced,
}

/// Whether the first line of a table holds the names of the columns
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// If its cells are texts above numbers
    #[default]
    Auto,
    /// It holds names
    Yes,
    /// It holds data
    No,
}

/// The decimal sign of a table's numbers
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
pub enum Decimal {
    /// 1.5
    #[default]
    #[serde(rename = ".")]
    #[value(name = ".")]
    Point,
    /// 1,5
    #[serde(rename = ",")]
    #[value(name = ",")]
    Comma,
}
