//! The rows of trials in the `runs.csv` and `epochs.csv` of a sweep, copied from the trials' folders

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use toml::Value;

use super::folder::Files;
use super::plan::{Plan, Trial};
use crate::config::{CsvDialect, Setting, text};
use crate::error::{Error, Result};
use crate::tables::atomic_file::replace_atomically;
use crate::tables::reader::Table;
use crate::tables::{Cell, Columns, EpochRow, Status, SummaryRow};

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
    /// Test accuracy after the last epoch
    pub test_accuracy: Option<f64>,
    /// Validation accuracy after the last epoch
    pub val_accuracy: Option<f64>,
    /// Time of training, s
    pub train_s: Option<f64>,
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

    /// The lines of a trial; `None` if it has not ended
    ///
    /// # Errors
    /// If its files can't be read or understood.
    pub fn rows(&self, trial: &Trial, sweep: &Path) -> Result<Option<TrialRows>> {
        let folder = sweep.join(&trial.id);
        let path = folder.join("summary.csv");
        if !path.exists() {
            return Ok(None);
        }
        let summary = Table::read(&path)?;
        let Some(run) = summary.rows().next() else {
            let problem = "line 2: expected one row, found none".to_owned();
            return Err(Error::Text { path, problem });
        };
        let epochs = Table::read(&folder.join("epochs.csv"))?;
        let verbatim = |text: &str| Cell::Verbatim(text.to_owned());
        let varied = |name: &str| self.varied.iter().copied().find(|setting| setting.name == name);
        // The plan fills the columns that the run's own files lack.
        let own = |name: &str| match varied(name) {
            _ if name == "trial" => Cell::Text(trial.id.clone()),
            Some(setting) => trial.value(setting).map_or(Cell::Empty, cell),
            None => Cell::Empty,
        };
        let in_summary = |name: &str| match summary.column(name) {
            Some(column) => verbatim(run.verbatim(column)),
            None => own(name),
        };
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
        let metric = |name: &str| summary.column(name).map_or(Ok(None), |column| run.number(column));
        Ok(Some(TrialRows {
            status: run.status(summary.need("status")?)?,
            test_accuracy: metric("test_accuracy")?,
            val_accuracy: metric("val_accuracy")?,
            train_s: metric("train_s")?,
            runs: self.dialect.line(self.runs.line(in_summary)),
            epochs: epoch_lines.collect(),
        }))
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
                    if let Some(rows) = self.rows(trial, sweep)? {
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
        append(&mut self.epochs, &self.files.epochs, &rows.epochs)?;
        append(&mut self.runs, &self.files.runs, &rows.runs)
    }
}

fn append(file: &mut File, path: &Path, bytes: &[u8]) -> Result<()> {
    let end = file.metadata().map_err(Error::reading(path))?.len();
    file.write_all(bytes).map_err(|e| {
        // The error of the write is reported, not one of the clean-up.
        let _ = file.set_len(end);
        Error::writing(path)(e)
    })
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Integer(_) | Value::Float(_) => Cell::Number(text(value)),
        value => Cell::Text(text(value)),
    }
}
