//! The columns of `summary.csv` and `runs.csv` that hold numbers, with their ranges

use crate::error::Result;
use crate::tables::reader::TableRow;

/// A column of numbers from 0 to `max`
#[derive(Debug)]
pub struct NumberColumn {
    /// The name of the column
    pub name: &'static str,
    /// The largest number
    pub max: f64,
    /// The range in words, for messages
    pub expected: &'static str,
}

/// All columns of numbers that are results of a run
pub static RESULTS: [NumberColumn; 12] = [
    share("train_accuracy"),
    share("val_accuracy"),
    above_0("val_loss", "a loss, 0 or above"),
    share("test_accuracy"),
    above_0("test_loss", "a loss, 0 or above"),
    above_0("train_s", "a time, 0 or above"),
    above_0("parameters", "a count, 0 or above"),
    share("best_accuracy"),
    NumberColumn { name: "best_epoch", max: u32::MAX as f64, expected: "an epoch, 0 or above" },
    above_0("train_loss", "a loss, 0 or above"),
    above_0("samples_per_s", "a rate, 0 or above"),
    above_0("wall_s", "a time, 0 or above"),
];

const fn share(name: &'static str) -> NumberColumn {
    NumberColumn { name, max: 1.0, expected: "a share from 0 to 1" }
}

/// A column of numbers without a largest one
pub const fn above_0(name: &'static str, expected: &'static str) -> NumberColumn {
    NumberColumn { name, max: f64::MAX, expected }
}

impl NumberColumn {
    /// The number in `column`, which has this column's name; `None` if the cell is empty
    ///
    /// # Errors
    /// If the cell holds anything else, or a number outside the range.
    pub fn read(&self, row: TableRow<'_>, column: usize) -> Result<Option<f64>> {
        row.within(column, 0.0..=self.max, self.expected)
    }
}
