//! The columns of `summary.csv` and `runs.csv` that hold numbers, with their ranges

use crate::error::Result;
use crate::tables::reader::TableRow;

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
pub static RESULTS: [NumberColumn; 18] = [
    share("train_accuracy"),
    share("val_accuracy"),
    above_0("val_loss", "a loss, 0 or above"),
    share("test_accuracy"),
    above_0("test_loss", "a loss, 0 or above"),
    above_0("train_s", "a time, 0 or above"),
    NumberColumn { is_whole: true, ..above_0("parameters", "a count, 0 or above") },
    share("best_accuracy"),
    NumberColumn { max: u32::MAX as f64, is_whole: true, ..above_0("best_epoch", "an epoch, 0 or above") },
    above_0("train_loss", "a loss, 0 or above"),
    above_0("samples_per_s", "a rate, 0 or above"),
    above_0("wall_s", "a time, 0 or above"),
    above_0("train_rmse", RMSE),
    above_0("val_rmse", RMSE),
    above_0("test_rmse", RMSE),
    above_0("test_mae", "a mean absolute error, 0 or above"),
    NumberColumn { min: f64::MIN, max: 1.0, ..above_0("test_r2", "an R², 1 or below") },
    above_0("best_rmse", RMSE),
];

/// The range of an RMSE in words
pub const RMSE: &str = "an RMSE, 0 or above";

const fn share(name: &'static str) -> NumberColumn {
    NumberColumn { max: 1.0, ..above_0(name, "a share from 0 to 1") }
}

/// A column of numbers without a largest one
pub const fn above_0(name: &'static str, expected: &'static str) -> NumberColumn {
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
