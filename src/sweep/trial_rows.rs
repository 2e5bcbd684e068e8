//! The rows of trials in the `runs.csv` and `epochs.csv` of a sweep, copied from the trials' folders

use std::fs::OpenOptions;
use std::path::Path;

use toml::Value;

use super::folder::Files;
use super::halving::RUNG;
use super::plan::{Plan, Trial};
use crate::config::{CsvDialect, Kind, Setting, find, text};
use crate::error::{Error, Result};
use crate::tables::atomic_file::replace_atomically;
use crate::tables::reader::{Table, TableRow};
use crate::tables::{Cell, Columns, EpochRow, SummaryRow, append_whole};

/// The columns of both tables, fixed by the plan
#[derive(Clone, Debug)]
pub struct SweepTables {
    runs: Columns,
    epochs: Columns,
    varied: Vec<&'static Setting>,
    dialect: CsvDialect,
}

/// The lines of a trial that has ended, for both tables
#[derive(Clone, Debug)]
pub struct TrialRows {
    runs: Vec<u8>,
    epochs: Vec<u8>,
}

impl SweepTables {
    /// The tables of `plan`
    pub fn new(plan: &Plan) -> Self {
        let varied = plan.varied.clone();
        let names: Vec<String> = ["trial"]
            .into_iter()
            .chain(varied.iter().map(|setting| setting.name))
            .map(str::to_owned)
            .collect();
        let has_validation = plan.trials.iter().any(|trial| trial.config.val_split > 0.0);
        let (runs, epochs) = (Columns::of::<SummaryRow>(), EpochRow::columns(has_validation));
        let dialect = plan.trials.first().map_or(CsvDialect::default(), |trial| trial.config.csv_dialect);
        let end = runs.names().len();
        let mut runs = runs.with(end, names.clone());
        if plan.halving.is_some() {
            let end = runs.names().len();
            runs = runs.with(end, [RUNG.to_owned()]);
        }
        Self { runs, epochs: epochs.with(1, names), varied, dialect }
    }

    /// Reads the lines of a trial from its files; `None` if it has no summary yet
    pub fn read(&self, trial: &Trial, sweep: &Path) -> Result<Option<TrialRows>> {
        let folder = sweep.join(&trial.id);
        let path = folder.join("summary.csv");
        if !path.exists() {
            return Ok(None);
        }
        let (summary, epochs) = (Table::read(&path)?, Table::read(&folder.join("epochs.csv"))?);
        let Some(run) = summary.rows().next() else {
            let problem = "line 2: expected one row, found none".to_owned();
            return Err(Error::content(&path, problem));
        };
        // The plan fills the columns that the run's own files lack.
        let planned = |name: &str| match self.varied.iter().find(|setting| setting.name == name) {
            Some(setting) => trial.value(setting).map_or(Cell::Empty, cell),
            None if name == "trial" => Cell::Text(trial.id.clone()),
            None => Cell::Empty,
        };
        let copy = |row: TableRow<'_>, column| Cell::Verbatim(row.verbatim(column).to_owned());
        // A spreadsheet writes `true` as TRUE or in its own language.
        let switch = |name: &str, column| {
            let setting = find(name).filter(|setting| matches!(setting.kind, Kind::Switch))?;
            run.setting(column, setting).ok().flatten().as_ref().map(cell)
        };
        let of_run = |name: &str| {
            let column = summary.column(name);
            column.map_or_else(|| planned(name), |i| switch(name, i).unwrap_or_else(|| copy(run, i)))
        };
        let line = |row| {
            let of_epoch = |name: &str| epochs.column(name).map_or_else(|| of_run(name), |i| copy(row, i));
            self.dialect.line(self.epochs.line(of_epoch))
        };
        Ok(Some(TrialRows {
            runs: self.dialect.line(self.runs.line(of_run)),
            epochs: epochs.rows().flat_map(line).collect(),
        }))
    }

    /// Writes both tables again, with all trials that have ended, in the order given
    pub fn rebuild(&self, files: &Files, sweep: &Path, trials: &[&Trial]) -> Result<()> {
        replace_atomically(&files.epochs, |epochs| {
            replace_atomically(&files.runs, |runs| {
                let mut write = |runs_line: &[u8], epochs_lines: &[u8]| {
                    runs.write_all(runs_line).map_err(Error::writing(&files.runs))?;
                    epochs.write_all(epochs_lines).map_err(Error::writing(&files.epochs))
                };
                write(&self.dialect.header(&self.runs), &self.dialect.header(&self.epochs))?;
                for trial in trials {
                    if let Some(rows) = self.read(trial, sweep)? {
                        write(&rows.runs, &rows.epochs)?;
                    }
                }
                Ok(())
            })
        })
    }
}

/// Appends the lines of a trial to both tables, which exist, with one write for each table
///
/// If a full disk cuts a line, its part is removed.
pub fn append(files: &Files, rows: &TrialRows) -> Result<()> {
    for (path, lines) in [(&files.epochs, &rows.epochs), (&files.runs, &rows.runs)] {
        let mut file = OpenOptions::new().append(true).open(path).map_err(Error::writing(path))?;
        append_whole(&mut file, path, lines)?;
    }
    Ok(())
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Integer(_) | Value::Float(_) => Cell::Number(text(value)),
        value => Cell::Text(text(value)),
    }
}
