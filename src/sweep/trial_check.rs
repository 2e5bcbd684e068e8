//! The comparison of a trial's files with the plan

use std::io::ErrorKind;
use std::path::Path;

use super::plan::Trial;
use crate::config::{EngineChoice, SETTINGS, Setting, find, text};
use crate::error::{Error, Result, first_ten};
use crate::tables::reader::{Table, TableRow};
use crate::tables::{EpochRow, Row, Status, SummaryRow};

/// Settings whose columns older versions did not write
const ADDED: [&str; 4] = ["val_split", "dtype", "engine", "no_shuffle"];

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
        // A damaged file is found by its content; any other error, such as a missing right, is not about the trial.
        Err(error @ Error::Content { .. }) => Ok(Checked::Doubtful(error.to_string())),
        Err(Error::Read { path, source }) if source.kind() == ErrorKind::NotFound => {
            Ok(Checked::Doubtful(format!("{} is missing", crate::error::shown(path))))
        }
        Err(error) => Err(error),
    }
}

/// How the trial ended, and the hash of its data; older versions did not write it
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
    if let (Some(column), Some(setting)) = (summary.column("threads"), find("threads")) {
        row.setting(column, setting)?;
    }
    let is_ok = status == Status::Ok;
    // Without an epoch, there are metrics of test data alone.
    check_numbers(&number_columns(summary, trial.config.epochs > 0)?, row, is_ok)?;
    let columns = number_columns(epochs, true)?;
    let (run_id, epoch, ended) = (epochs.need("run_id")?, epochs.need("epoch")?, epochs.need("status")?);
    let mut done = 0;
    for row in epochs.rows() {
        done += 1;
        if row.text(run_id).trim() != trial.id {
            return Err(row.problem(run_id, &trial.id));
        }
        if row.as_number(epoch) != Some(f64::from(done)) {
            return Err(row.problem(epoch, &format!("epoch {done}")));
        }
        check_numbers(&columns, row, row.status(ended)? == Status::Ok)?;
    }
    if is_ok && done != trial.config.epochs {
        let problem = format!("expected {} epochs, found {done}", trial.config.epochs);
        return wrong(epochs, u64::from(done) + 1, problem);
    }
    let hash = summary.column("data_hash").map(|column| row.text(column).trim().to_owned());
    Ok((status, hash.filter(|hash| !hash.is_empty())))
}

/// How a summary differs from the plan, in its name and the settings that decide its results
///
/// The source of the data is not compared, since it may be written as another path, nor an engine that the machine
/// chooses.
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
    let is_open = |setting: &Setting| {
        setting.name == "data" || (setting.name == "engine" && trial.config.engine == EngineChoice::Auto)
    };
    for setting in SETTINGS.iter().filter(|setting| setting.affects_results && setting.sweepable) {
        let Some(planned) = values.get(setting.name).map(text) else { continue };
        let column = match summary.column(setting.name) {
            None if setting.added || ADDED.contains(&setting.name) => continue,
            None => summary.need(setting.name)?,
            Some(column) => column,
        };
        match row.setting(column, setting)? {
            _ if is_open(setting) => {}
            Some(found) => compare(setting.name, text(&found), &planned),
            // An older version left the cell empty without a split.
            None if setting.name == "val_split" && planned == "0" => {}
            None => compare(setting.name, "empty".to_owned(), &planned),
        }
    }
    Ok(different)
}

/// A column of numbers
struct Numbers {
    column: usize,
    max: f64,
    is_whole: bool,
    expected: &'static str,
    /// Whether a row that is ok has a number
    is_needed: bool,
}

/// The columns of numbers of a table; a column of the user's own may hold anything
///
/// * `is_trained`: whether a row that is ok has metrics of training data
fn number_columns(table: &Table, is_trained: bool) -> Result<Vec<Numbers>> {
    for name in ["train_loss", "train_accuracy", "test_loss", "test_accuracy"] {
        table.need(name)?;
    }
    let known = [SummaryRow::header(), EpochRow::columns(true).names().to_vec()].concat();
    let numbers = |(column, name): (usize, &str)| {
        let (is_share, is_loss) = (name.ends_with("_accuracy"), name.ends_with("_loss"));
        let is_other =
            ["parameters", "best_epoch", "threads", "learning_rate"].contains(&name) || name.ends_with("_s");
        let is_number = (is_share || is_loss || is_other) && known.iter().any(|known| known == name);
        let is_whole = ["parameters", "best_epoch", "threads"].contains(&name);
        let (max, expected) = match (is_share, is_whole) {
            (true, _) => (1.0, "a share from 0 to 1"),
            (_, true) => (f64::MAX, "a whole number, 0 or more"),
            _ => (f64::MAX, "a number, 0 or more"),
        };
        let is_needed = (is_share || is_loss)
            && (name.starts_with("test_") || (name.starts_with("train_") && is_trained));
        is_number.then_some(Numbers { column, max, is_whole, expected, is_needed })
    };
    Ok(table.names().enumerate().filter_map(numbers).collect())
}

/// Checks the numbers of a row
fn check_numbers(columns: &[Numbers], row: TableRow<'_>, is_ok: bool) -> Result<()> {
    for numbers in columns {
        let number = row.within(numbers.column, 0.0..=numbers.max, numbers.expected)?;
        if number.is_none() && is_ok && numbers.is_needed {
            return Err(row.problem(numbers.column, numbers.expected));
        }
        if number.is_some() && numbers.is_whole {
            row.whole::<u64>(numbers.column)?;
        }
    }
    Ok(())
}
