//! Rows as a source has them, before their labels become classes

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::csv::Lines;
use super::{Cells, Inputs};

/// The rows of one file, or of a file of inputs and one of labels
#[derive(Debug)]
pub struct RawSet {
    /// What the columns are
    pub inputs: Inputs,
    /// The cells, row by row
    pub cells: Cells,
    /// The label of each row
    pub labels: RawLabels,
    /// How much each row counts in training; `None`: all the same
    pub weights: Option<Vec<f64>>,
    /// The name of a table's target column
    pub target: Option<String>,
    /// The file with the cells, for messages
    pub inputs_path: PathBuf,
    /// The file with the labels, for messages
    pub path: PathBuf,
    /// The lines of the rows; `None` for arrays, whose rows are counted from 0
    pub lines: Option<Lines>,
    /// The rows of the file that are rows of the set, ascending; `None`: all
    pub kept: Option<Vec<u32>>,
}

/// The labels of rows
#[derive(Debug)]
pub enum RawLabels {
    /// Whole numbers
    Integers(Vec<i64>),
    /// Texts, or numbers as texts: the distinct ones in order, and the index of each row's own
    Texts {
        /// The distinct texts
        values: Vec<String>,
        /// The index of each row's text
        codes: Vec<u32>,
    },
}

impl RawLabels {
    /// The distinct labels as texts
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Texts { values, .. } => values.clone(),
            Self::Integers(labels) => {
                let distinct: BTreeSet<i64> = labels.iter().copied().collect();
                distinct.iter().map(ToString::to_string).collect()
            }
        }
    }
}

impl RawSet {
    /// Where a row is in its file, for messages: `line 7`, or `row 3 (counted from 0)`
    pub fn place(&self, row: usize) -> String {
        let row = self.kept.as_ref().map_or(row, |kept| kept[row] as usize);
        match &self.lines {
            Some(lines) => format!("line {}", lines.line(row)),
            None => format!("row {row} (counted from 0)"),
        }
    }
}

/// A training set, and the test set that the same source has
#[derive(Debug)]
pub struct RawSets {
    /// The training set, or the only set
    pub train: RawSet,
    /// The test set, if the source has one
    pub test: Option<RawSet>,
}
