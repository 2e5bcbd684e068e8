//! Which data are read, and how

use crate::config::{Decimal, Dtype, Header, Missing, TaskChoice, TrainConfig, names};

/// The settings that decide what is read; two runs with equal options train on the same data
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DataOptions {
    /// Where the data are; `None` searches the default folders
    pub data: Option<String>,
    /// Where the test data are; `None` for those that `data` brings
    pub test_data: Option<String>,
    /// The test set that is taken from the training set; `None` if none is
    pub test_split: Option<TestSplit>,
    /// Element type of numbers that are not bytes
    pub dtype: Dtype,
    /// Whether labels are classes or numbers to predict
    pub task: TaskChoice,
    /// How tables are read
    pub table: TableOptions,
    /// The array of the inputs in an .npz
    pub x: Option<String>,
    /// The array of the labels in an .npz, or the file with them
    pub y: Option<String>,
}

/// How tables are read
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TableOptions {
    /// Columns to predict; empty for one with a usual name
    pub targets: Vec<String>,
    /// Whether the first line holds names
    pub header: Header,
    /// Columns to leave out
    pub ignore: Vec<String>,
    /// Columns that name a row
    pub keep_as_id: Vec<String>,
    /// Columns of categories
    pub categorical: Categorical,
    /// What is done with missing numbers
    pub missing: Missing,
    /// Column with how much each training row counts
    pub weight_column: Option<String>,
    /// Character between cells, or `tab`; `None`: found in the first lines
    pub separator: Option<String>,
    /// Decimal sign
    pub decimal: Decimal,
    /// The labels that those of the table are compared with, which say whether `1` and `1.0` are one; `None`: its own
    pub known_labels: Option<Vec<String>>,
    /// The column that held the classes in training; it is read if `targets` is empty and the table has it
    pub class_column: Option<String>,
}

/// Which columns hold categories
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Categorical {
    /// These
    Named(Vec<String>),
    /// All columns of text
    Auto,
}

impl Default for Categorical {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

/// A test set that is taken from the training set
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TestSplit {
    /// The share as the bits of an f64, so that options can be compared
    share: u64,
    /// The random seed
    pub seed: u64,
}

impl TestSplit {
    /// A share of the samples of each class, chosen by `seed`; `None` if the share is 0
    pub fn new(share: f64, seed: u64) -> Option<Self> {
        (share > 0.0).then(|| Self { share: share.to_bits(), seed })
    }

    /// The share of the samples of each class
    pub fn share(&self) -> f64 {
        f64::from_bits(self.share)
    }
}

impl DataOptions {
    /// These options without a test split: what is read from files
    #[must_use]
    pub fn undivided(self) -> Self {
        Self { test_split: None, ..self }
    }
}

impl From<&TrainConfig> for DataOptions {
    fn from(config: &TrainConfig) -> Self {
        let list = |list: &Option<String>| -> Vec<String> {
            list.iter().flat_map(|list| names::parse(list).unwrap_or_default()).collect()
        };
        let categorical = match config.categorical.as_deref() {
            Some("auto") => Categorical::Auto,
            _ => Categorical::Named(list(&config.categorical)),
        };
        let table = TableOptions {
            targets: list(&config.target),
            header: config.header,
            ignore: list(&config.ignore),
            keep_as_id: list(&config.keep_as_id),
            categorical,
            missing: config.missing,
            weight_column: config.weight_column.clone(),
            separator: config.separator.clone(),
            decimal: config.decimal,
            known_labels: None,
            class_column: None,
        };
        Self {
            data: config.data.clone(),
            test_data: config.test_data.clone(),
            test_split: TestSplit::new(config.test_split, config.seed),
            dtype: config.dtype,
            task: config.task,
            table,
            x: config.x.clone(),
            y: config.y.clone(),
        }
    }
}
