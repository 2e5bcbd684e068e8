//! The comparison of a trial's files with the plan

use std::io::ErrorKind;
use std::path::Path;

use super::plan::Trial;
use crate::config::{EngineChoice, SETTINGS, Setting, text};
use crate::error::{Error, Result, first_ten};
use crate::report::analysis::Analysis;
use crate::report::number_columns::{EpochColumns, NumberColumn, RESULTS};
use crate::report::row_rules::ALWAYS;
use crate::tables::Status;
use crate::tables::reader::{Table, TableRow};

/// Metrics that every row that is ok has
const TEST_METRICS: [&str; 2] = ["test_loss", "test_accuracy"];
/// Metrics that a row that is ok has after an epoch
const TRAIN_METRICS: [&str; 2] = ["train_loss", "train_accuracy"];
/// Metrics that a row of regression has, in place of others
const INSTEAD: [(&str, &str); 2] = [("train_accuracy", "train_rmse"), ("test_accuracy", "test_rmse")];

/// What the files of a trial say
#[derive(Clone, Debug)]
pub enum Checked {
    /// It has no summary yet
    Open,
    /// It has ended, and its files fit the plan: how it ended, and the hash of its data if it is known
    Ended(Status, Option<String>),
    /// Its files are damaged or contradict the plan: the reason, which names file and line
    Doubtful(String),
}

/// Compares the files of a trial with the plan
///
/// # Errors
/// If they exist and can't be read.
pub fn check(trial: &Trial, sweep: &Path) -> Result<Checked> {
    let folder = sweep.join(&trial.id);
    let summary = folder.join("summary.csv");
    if !summary.exists() {
        return Ok(Checked::Open);
    }
    let tables = || Ok((Table::read(&summary)?, Table::read(&folder.join("epochs.csv"))?));
    match tables().and_then(|(summary, epochs)| check_tables(trial, &summary, &epochs)) {
        Ok((status, data_hash)) => Ok(Checked::Ended(status, data_hash)),
        // A damaged file is found by its content; any other error, such as a missing permission, is not about the trial.
        Err(error @ Error::Content { .. }) => Ok(Checked::Doubtful(error.to_string())),
        Err(Error::Read { path, source }) if source.kind() == ErrorKind::NotFound => {
            Ok(Checked::Doubtful(format!("{} is missing", crate::error::shown(path))))
        }
        Err(error) => Err(error),
    }
}

/// How the trial ended, and the hash of its data; `None` in a file of an older version, which has no hash
fn check_tables(trial: &Trial, summary: &Table, epochs: &Table) -> Result<(Status, Option<String>)> {
    let wrong = |table: &Table, line: u64, problem: String| {
        Err(Error::content(table.path(), format!("line {line}: {problem}")))
    };
    let mut rows = summary.rows();
    let Some(row) = rows.next() else { return wrong(summary, 2, "expected one row, found none".to_owned()) };
    if let Some(second) = rows.next() {
        return wrong(summary, second.line(), "expected one row, found more".to_owned());
    }
    let status = row.status(summary.need("status")?)?;
    let contradictions = contradictions(trial, summary, row)?;
    if !contradictions.is_empty() {
        return wrong(summary, row.line(), first_ten(contradictions.into_iter(), ", "));
    }
    // The rules of the table that gets this row
    Analysis::from_table(summary)?;
    let is_ok = status == Status::Ok;
    let has_metrics = is_ok || status == Status::Halted;
    // Without an epoch, there are metrics of test data alone. A trial that failed before its data were divided does not know
    // how many test samples there are, and older versions always had some.
    let test_samples = summary.column("test_samples").map(|column| row.as_number(column));
    let is_tested = test_samples.is_none_or(|number| number.map_or(is_ok, |number| number > 0.0));
    check_numbers(&number_columns(summary, trial.config.epochs > 0, is_tested)?, row, has_metrics)?;
    let (columns, all_columns) = (number_columns(epochs, true, is_tested)?, EpochColumns::of(epochs));
    let (run_id, epoch, ended) = (epochs.need("run_id")?, epochs.need("epoch")?, epochs.need("status")?);
    let mut done = 0;
    for row in epochs.rows() {
        done += 1;
        if row.text(run_id).trim() != trial.id {
            return Err(row.problem(run_id, &trial.id));
        }
        // The cell is copied: `01` and `+1` are not what the program writes.
        if row.verbatim(epoch) != done.to_string() {
            return Err(row.problem(epoch, &format!("epoch {done}")));
        }
        all_columns.check(row)?;
        check_numbers(&columns, row, row.status(ended)? == Status::Ok)?;
    }
    // A trial that stopped early, or was halted, says how many epochs it did.
    let is_short = trial.config.patience > 0 || status == Status::Halted;
    let epochs_done = summary.column("epochs_done").filter(|_| is_short);
    let expected: u32 = epochs_done.map_or(Ok(trial.config.epochs), |column| row.whole(column))?;
    if has_metrics && (done != expected || expected > trial.config.epochs) {
        let problem = format!("expected {} epochs, found {done}", expected.min(trial.config.epochs));
        return wrong(epochs, u64::from(done) + 1, problem);
    }
    let hash = summary.column("data_hash").map(|column| row.text(column).trim().to_owned());
    Ok((status, hash.filter(|hash| !hash.is_empty())))
}

/// How a summary differs from the plan, in its name and the settings that decide its results
///
/// The cells of all settings are read, but some are not compared: settings that can't change results, the source of the
/// data, since it may be written as another path, and an engine that the machine chooses.
fn contradictions(trial: &Trial, summary: &Table, row: TableRow<'_>) -> Result<Vec<String>> {
    let mut different = Vec::new();
    let mut compare = |name: &str, found: String, planned: &str| {
        if found != planned {
            different.push(format!("{name} is {}, the plan says {planned}", found.escape_debug()));
        }
    };
    compare("run_id", row.text(summary.need("run_id")?).trim().to_owned(), &trial.id);
    let mut values = trial.config.to_values()?;
    values.insert("hidden_dims".to_owned(), trial.config.hidden_dims.to_string().into());
    let is_default = |setting: &Setting, value: &str| {
        setting.default_value().is_some_and(|default| text(&default) == value)
    };
    let is_open = |setting: &Setting| {
        !setting.affects_results
            || setting.name == "data"
            || (setting.name == "engine" && trial.config.engine == EngineChoice::Auto)
    };
    for setting in SETTINGS.iter().filter(|setting| setting.sweepable) {
        let Some(planned) = values.get(setting.name).map(text) else { continue };
        let column = match summary.column(setting.name) {
            None if ALWAYS.contains(&setting.name) => summary.need(setting.name)?,
            None => continue,
            Some(column) => column,
        };
        match row.setting(column, setting)? {
            _ if is_open(setting) => {}
            Some(found) => compare(setting.name, text(&found), &planned),
            // Older versions left the cell empty if there was no split, and had no columns for later settings.
            None if (setting.added || setting.name == "val_split") && is_default(setting, &planned) => {}
            None => compare(setting.name, "empty".to_owned(), &planned),
        }
    }
    Ok(different)
}

/// A column of numbers in a table
struct Numbers {
    column: usize,
    range: &'static NumberColumn,
    /// Whether a row that is ok has a number, here or in the column `instead`
    is_needed: bool,
    instead: Option<usize>,
}

/// The columns of numbers of a table; a column of the user's own may hold anything
///
/// * `is_trained`, `is_tested`: whether a row that is ok has metrics of training data, and of test data
fn number_columns(table: &Table, is_trained: bool, is_tested: bool) -> Result<Vec<Numbers>> {
    for name in TRAIN_METRICS.iter().chain(&TEST_METRICS) {
        table.need(name)?;
    }
    let numbers = |range: &'static NumberColumn| {
        let column = table.column(range.name)?;
        let is_needed = (is_tested && TEST_METRICS.contains(&range.name))
            || (is_trained && TRAIN_METRICS.contains(&range.name));
        let instead = INSTEAD.iter().find(|(name, _)| *name == range.name);
        let instead = instead.and_then(|(_, other)| table.column(other));
        Some(Numbers { column, range, is_needed, instead })
    };
    Ok(RESULTS.iter().filter_map(numbers).collect())
}

/// Checks the numbers of a row
fn check_numbers(columns: &[Numbers], row: TableRow<'_>, is_ok: bool) -> Result<()> {
    for numbers in columns {
        let number = numbers.range.read(row, numbers.column)?;
        let is_elsewhere = numbers.instead.is_some_and(|column| row.as_number(column).is_some());
        if number.is_none() && is_ok && numbers.is_needed && !is_elsewhere {
            return Err(row.problem(numbers.column, numbers.range.expected));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_ok_has_accuracies_or_rmses() {
        let checked = |cells: &str| {
            let csv =
                format!("train_loss,train_accuracy,test_loss,test_accuracy,train_rmse,test_rmse\n{cells}\n");
            let table = Table::parse(Path::new("summary.csv"), csv.as_bytes()).unwrap();
            let columns = number_columns(&table, true, true).unwrap();
            check_numbers(&columns, table.rows().next().unwrap(), true).map_err(|error| error.to_string())
        };
        assert_eq!(checked("1,0.5,1,0.5,,"), Ok(()));
        assert_eq!(checked("1,,1,,25,30"), Ok(()));
        for (cells, column, expected) in [
            ("1,,1,,25,", "test_accuracy", "a share from 0 to 1"),
            ("1,,1,,,30", "train_accuracy", "a share from 0 to 1"),
            ("1,,,,25,30", "test_loss", "a loss, 0 or above"),
        ] {
            let message = format!("summary.csv: line 2, column {column}: expected {expected}, found ``");
            assert_eq!(checked(cells), Err(message));
        }
        assert!(checked("1,,1,,25,-1").unwrap_err().contains("column test_rmse: expected an RMSE"));
    }
}
