//! The columns of `summary.csv`, `runs.csv` and `epochs.csv` that hold numbers, with their ranges
//!
//! Each range of a result is listed here once, and each of a setting in [`SETTINGS`](crate::config::SETTINGS).

use crate::config::{Setting, sweepable};
use crate::error::Result;
use crate::tables::reader::{Table, TableRow};

/// A column of numbers from `min` to `max`
#[derive(Debug)]
pub struct NumberColumn {
    /// The name of the column
    pub name: &'static str,
    /// The smallest number
    pub min: f64,
    /// The largest number
    pub max: f64,
    /// The range in words, for messages
    pub expected: &'static str,
    /// Whether the numbers are whole
    pub is_whole: bool,
}

/// All columns of numbers that are results of a run
pub static RESULTS: [NumberColumn; 29] = [
    share("train_accuracy"),
    share("val_accuracy"),
    above_0("val_loss", LOSS),
    share("test_accuracy"),
    above_0("test_loss", LOSS),
    above_0("train_s", "a time, 0 or above"),
    count("parameters"),
    share("best_accuracy"),
    NumberColumn { max: u32::MAX as f64, is_whole: true, ..above_0("best_epoch", "an epoch, 0 or above") },
    above_0("train_loss", LOSS),
    above_0("samples_per_s", "a rate, 0 or above"),
    above_0("wall_s", "a time, 0 or above"),
    above_0("train_rmse", RMSE),
    above_0("val_rmse", RMSE),
    above_0("test_rmse", RMSE),
    above_0("test_mae", "a mean absolute error, 0 or above"),
    NumberColumn { min: f64::MIN, max: 1.0, ..above_0("test_r2", "an R², 1 or below") },
    above_0("best_rmse", RMSE),
    above_0("average_val_loss", LOSS),
    share("average_val_accuracy"),
    above_0("average_test_loss", LOSS),
    share("average_test_accuracy"),
    above_0("average_val_rmse", RMSE),
    above_0("average_test_rmse", RMSE),
    NumberColumn { max: u32::MAX as f64, ..count("epochs_done") },
    count("train_samples"),
    count("val_samples"),
    count("test_samples"),
    count("classes"),
];

/// The only column of results that an epoch has and a run does not
static EPOCH_TIME: NumberColumn = above_0("epoch_s", "a time, 0 or above");

/// The range of a loss in words
const LOSS: &str = "a loss, 0 or above";
/// The range of an RMSE in words
pub const RMSE: &str = "an RMSE, 0 or above";

const fn share(name: &'static str) -> NumberColumn {
    NumberColumn { max: 1.0, ..above_0(name, "a share from 0 to 1") }
}

/// A column of whole numbers
const fn count(name: &'static str) -> NumberColumn {
    NumberColumn { is_whole: true, ..above_0(name, "a count, 0 or above") }
}

/// A column of numbers without a largest one
const fn above_0(name: &'static str, expected: &'static str) -> NumberColumn {
    NumberColumn { name, min: 0.0, max: f64::MAX, expected, is_whole: false }
}

impl NumberColumn {
    /// The number in `column`, which has this column's name; `None` if the cell is empty
    ///
    /// # Errors
    /// If the cell holds anything else, or a number outside the range.
    pub fn read(&self, row: TableRow<'_>, column: usize) -> Result<Option<f64>> {
        let number = row.within(column, self.min..=self.max, self.expected)?;
        if self.is_whole && number.is_some() {
            row.whole::<u64>(column)?;
        }
        Ok(number)
    }
}

/// The column of results with this name; `None` if there is none
pub fn result(name: &str) -> Option<&'static NumberColumn> {
    RESULTS.iter().find(|column| column.name == name)
}

/// The columns of an epochs.csv whose cells have a known range: results and settings
#[derive(Debug)]
pub struct EpochColumns {
    results: Vec<(&'static NumberColumn, usize)>,
    /// The learning rate of the epoch, and in a sweep the settings that are varied
    settings: Vec<(&'static Setting, usize)>,
}

impl EpochColumns {
    /// Those that the table has
    pub fn of(table: &Table) -> Self {
        let results = RESULTS.iter().chain([&EPOCH_TIME]);
        let results = results.filter_map(|range| Some((range, table.column(range.name)?)));
        let settings = sweepable().filter_map(|setting| Some((setting, table.column(setting.name)?)));
        Self { results: results.collect(), settings: settings.collect() }
    }

    /// Checks the cells of a row, each of which may be empty
    ///
    /// # Errors
    /// If a cell holds what its column can't hold.
    pub fn check(&self, row: TableRow<'_>) -> Result<()> {
        self.results.iter().try_for_each(|(range, column)| range.read(row, *column).map(drop))?;
        self.settings.iter().try_for_each(|(setting, column)| row.setting(*column, setting).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::analysis::Analysis;
    use crate::tables::reader::Table;

    #[test]
    fn a_number_that_its_column_cannot_hold_is_an_error_with_its_place() {
        for (column, cell, expected) in [
            ("best_epoch", "0.5", "a whole number"),
            ("best_epoch", "-1", "an epoch, 0 or above"),
            ("parameters", "1.5", "a whole number"),
            ("val_accuracy", "1.5", "a share from 0 to 1"),
            ("wall_s", "x", "a time, 0 or above"),
            ("epochs_done", "2.5", "a whole number"),
            ("test_samples", "-1", "a count, 0 or above"),
            ("average_test_accuracy", "1.5", "a share from 0 to 1"),
            ("average_val_loss", "-1", "a loss, 0 or above"),
            ("classes", "x", "a count, 0 or above"),
        ] {
            let csv = format!("run_id,status,test_accuracy,{column}\na,ok,0.5,{cell}\n");
            let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
            let error = Analysis::from_table(&table).unwrap_err().to_string();
            let message = format!("runs.csv: line 2, column {column}: expected {expected}, found `{cell}`");
            assert_eq!(error, message);
        }
    }

    #[test]
    fn metrics_of_regression_have_their_ranges() {
        let read = |column: &str, cell: &str| {
            let csv = format!("run_id,status,test_accuracy,{column}\na,ok,,{cell}\n");
            let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
            Analysis::from_table(&table).map(|_| ()).map_err(|error| error.to_string())
        };
        for (column, wrong, expected) in [
            ("train_rmse", "-1", "an RMSE, 0 or above"),
            ("val_rmse", "inf", "an RMSE, 0 or above"),
            ("test_rmse", "x", "an RMSE, 0 or above"),
            ("best_rmse", "-0.5", "an RMSE, 0 or above"),
            ("test_mae", "-1e-9", "a mean absolute error, 0 or above"),
            ("test_r2", "1.5", "an R², 1 or below"),
        ] {
            let message = format!("runs.csv: line 2, column {column}: expected {expected}, found `{wrong}`");
            assert_eq!(read(column, wrong), Err(message));
            assert_eq!(read(column, "0.5"), Ok(()));
        }
        assert_eq!((read("test_r2", "-1e9"), read("test_r2", "1")), (Ok(()), Ok(())));
    }
}
