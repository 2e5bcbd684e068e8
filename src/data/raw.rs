//! Rows as a source has them, before their labels become classes

use std::path::PathBuf;

use super::csv::Lines;
pub use super::raw_labels::RawLabels;
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
    /// The names of a table's target columns; empty for arrays
    pub targets: Vec<String>,
    /// The file with the cells, for messages
    pub inputs_path: PathBuf,
    /// The file with the labels, for messages
    pub path: PathBuf,
    /// The lines of the rows; `None` for arrays, whose rows are counted from 0
    pub lines: Option<Lines>,
    /// The rows of the file that are rows of the set, ascending; `None`: all
    pub kept: Option<Vec<u32>>,
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
