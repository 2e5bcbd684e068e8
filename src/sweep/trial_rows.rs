//! The rows of trials in the `runs.csv` and `epochs.csv` of a sweep, copied from the trials' folders

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::Path;

use toml::Value;

use super::folder::Files;
use super::plan::{Plan, Trial};
use crate::config::{CsvDialect, Setting, text};
use crate::error::{Error, Result};
use crate::tables::atomic_file::replace_atomically;
use crate::tables::reader::Table;
use crate::tables::{Cell, Columns, EpochRow, Row, Status, SummaryRow, append_whole};

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
    /// How the trial ended
    pub status: Status,
    runs: Vec<u8>,
    epochs: Vec<u8>,
}

impl SweepTables {
    /// The tables of `plan`
    pub fn new(plan: &Plan) -> Self {
        let names = || plan.varied.iter().map(|setting| setting.name.to_owned());
        let (runs, epochs) = (Columns::of::<SummaryRow>(), EpochRow::columns(plan.has_validation()));
        let end = runs.names().len();
        let dialect = plan.trials.first().map_or(CsvDialect::default(), |trial| trial.config.csv_dialect);
        Self {
            runs: runs.with(end, std::iter::once("trial".to_owned()).chain(names())),
            epochs: epochs.with(1, std::iter::once("trial".to_owned()).chain(names())),
            varied: plan.varied.clone(),
            dialect,
        }
    }

    /// The lines of a trial, from its files; `None` if it has no summary yet
    ///
    /// # Errors
    /// If the files can't be read or understood.
    pub fn read(&self, trial: &Trial, sweep: &Path) -> Result<Option<TrialRows>> {
        let path = sweep.join(&trial.id).join("summary.csv");
        if !path.exists() {
            return Ok(None);
        }
        let summary = Table::read(&path)?;
        let Some(run) = summary.rows().next() else {
            let problem = "line 2: expected one row, found none".to_owned();
            return Err(Error::Text { path, problem });
        };
        let status = run.status(summary.need("status")?)?;
        let cell = |name: &str| Some(verbatim(run.verbatim(summary.column(name)?)));
        self.lines(trial, sweep, status, cell).map(Some)
    }

    /// The lines of a trial that has just ended, from its summary and its `epochs.csv`
    ///
    /// # Errors
    /// If `epochs.csv` can't be read or understood.
    pub fn rows(&self, trial: &Trial, sweep: &Path, summary: &SummaryRow) -> Result<TrialRows> {
        let cells: HashMap<String, Cell> = SummaryRow::header().into_iter().zip(summary.cells()).collect();
        self.lines(trial, sweep, summary.result.status, |name| cells.get(name).cloned())
    }

    /// * `summary`: returns the cell in a column of the trial's `summary.csv`, if it has that column
    fn lines(
        &self,
        trial: &Trial,
        sweep: &Path,
        status: Status,
        summary: impl Fn(&str) -> Option<Cell>,
    ) -> Result<TrialRows> {
        let epochs = Table::read(&sweep.join(&trial.id).join("epochs.csv"))?;
        let varied = |name: &str| self.varied.iter().copied().find(|setting| setting.name == name);
        // The plan fills the columns that the run's own files lack.
        let own = |name: &str| match varied(name) {
            _ if name == "trial" => Cell::Text(trial.id.clone()),
            Some(setting) => trial.value(setting).map_or(Cell::Empty, cell),
            None => Cell::Empty,
        };
        let in_summary = |name: &str| summary(name).unwrap_or_else(|| own(name));
        let in_epochs = |name: &str| match epochs.column(name) {
            Some(column) => Err(column),
            None if varied(name).is_some() => Ok(in_summary(name)),
            None => Ok(own(name)),
        };
        // A cell that is the same in all lines, or the column that it is copied from
        let cells: Vec<std::result::Result<Cell, usize>> =
            self.epochs.names().iter().map(|name| in_epochs(name)).collect();
        let epoch_lines = epochs.rows().flat_map(|row| {
            let copied = |&column: &usize| verbatim(row.verbatim(column));
            self.dialect.line(cells.iter().map(|cell| cell.as_ref().map_or_else(copied, Cell::clone)))
        });
        Ok(TrialRows {
            status,
            runs: self.dialect.line(self.runs.line(in_summary)),
            epochs: epoch_lines.collect(),
        })
    }

    /// Writes both tables again, with all trials that have ended, in the order given
    ///
    /// # Errors
    /// If a trial's files can't be understood, or a file can't be written.
    pub fn rebuild<'t>(
        &self,
        files: &Files,
        sweep: &Path,
        trials: impl Iterator<Item = &'t Trial>,
    ) -> Result<()> {
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

/// Appends the lines of trials to both tables while other trials are running
#[derive(Debug)]
pub struct TableAppender {
    files: Files,
    runs: File,
    epochs: File,
}

impl TableAppender {
    /// Opens both tables, which must exist
    ///
    /// # Errors
    /// If a table can't be opened.
    pub fn open(files: &Files) -> Result<Self> {
        let open = |path: &Path| OpenOptions::new().append(true).open(path).map_err(Error::writing(path));
        Ok(Self { runs: open(&files.runs)?, epochs: open(&files.epochs)?, files: files.clone() })
    }

    /// Appends the lines of a trial, with a single write a table
    ///
    /// # Errors
    /// If a table can't be written; a part that was written is removed.
    pub fn push(&mut self, rows: &TrialRows) -> Result<()> {
        append_whole(&mut self.epochs, &self.files.epochs, &rows.epochs)?;
        append_whole(&mut self.runs, &self.files.runs, &rows.runs)
    }
}

fn verbatim(text: &str) -> Cell {
    Cell::Verbatim(text.to_owned())
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Integer(_) | Value::Float(_) => Cell::Number(text(value)),
        value => Cell::Text(text(value)),
    }
}
