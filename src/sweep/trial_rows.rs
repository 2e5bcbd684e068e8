//! `runs.csv` and `epochs.csv` of a sweep, made of what the trials' folders hold

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use toml::Value;

use super::axis::text;
use super::cells::Cells;
use super::folder::Files;
use super::plan::{Plan, Trial};
use crate::config::CsvDialect;
use crate::config::setting_table::Parameter;
use crate::error::{Error, Result};
use crate::tables::atomic_file::replace_atomically;
use crate::tables::{Cell, Columns, EpochRow, SummaryRow};

/// The columns of both files, fixed by the plan
#[derive(Clone, Debug)]
pub struct Tables {
    runs: Columns,
    epochs: Columns,
    varied: Vec<Parameter>,
    dialect: CsvDialect,
}

/// A trial that has ended: its lines for both files
#[derive(Clone, Debug)]
pub struct Rows {
    /// The cells of its `summary.csv`
    pub summary: Cells,
    runs: Vec<u8>,
    epochs: Vec<u8>,
}

impl Rows {
    /// How the trial ended
    pub fn status(&self) -> &str {
        self.summary.text("status")
    }
}

impl Tables {
    /// Those of a plan
    pub fn new(plan: &Plan) -> Self {
        let names = || plan.varied.iter().map(|parameter| parameter.name().to_owned());
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

    /// The lines of a trial; nothing if it has not ended
    ///
    /// # Errors
    /// If its files can't be read or understood.
    pub fn rows(&self, trial: &Trial, sweep: &Path) -> Result<Option<Rows>> {
        let folder = sweep.join(&trial.id);
        let path = folder.join("summary.csv");
        if !path.exists() {
            return Ok(None);
        }
        let summary = Cells::read(&path, self.dialect)?;
        let Some(line) = summary.lines.first() else {
            let problem = "has no row, expected one".to_owned();
            return Err(Error::Text { path, problem });
        };
        let epochs = Cells::read(&folder.join("epochs.csv"), self.dialect)?;
        let verbatim = |text: &str| Cell::Verbatim(text.to_owned());
        let varied = |name: &str| self.varied.iter().copied().find(|parameter| parameter.name() == name);
        // What the run does not tell about itself, the plan does.
        let own = |name: &str| match varied(name) {
            _ if name == "trial" => Cell::Text(trial.id.clone()),
            Some(parameter) => trial.value(parameter).map_or(Cell::Empty, cell),
            None => Cell::Empty,
        };
        let in_summary = |name: &str| summary.get(line, name).map_or_else(|| own(name), verbatim);
        let runs = self.dialect.line(self.runs.line(in_summary));
        let in_epoch = |line: &[String], name: &str| match epochs.get(line, name) {
            Some(text) => verbatim(text),
            None if varied(name).is_some() => in_summary(name),
            None => own(name),
        };
        let lines = epochs.lines.iter();
        let epochs = lines.flat_map(|line| self.dialect.line(self.epochs.line(|name| in_epoch(line, name))));
        let epochs = epochs.collect();
        Ok(Some(Rows { summary, runs, epochs }))
    }

    /// Writes both files anew, with all trials that have ended, in the order given; `each` sees their rows
    ///
    /// # Errors
    /// If a trial's files can't be understood, or a file can't be written.
    pub fn rebuild<'t>(
        &self,
        files: &Files,
        sweep: &Path,
        trials: impl Iterator<Item = &'t Trial>,
        mut each: impl FnMut(&'t Trial, &Rows),
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
                        each(trial, &rows);
                    }
                }
                Ok(())
            })
        })
    }
}

/// Both files while trials are running: whole lines at their ends
#[derive(Debug)]
pub struct Growing {
    files: Files,
    runs: File,
    epochs: File,
}

impl Growing {
    /// Opens both, which are there
    ///
    /// # Errors
    /// If one can't be opened.
    pub fn open(files: &Files) -> Result<Self> {
        let open = |path: &Path| OpenOptions::new().append(true).open(path).map_err(Error::writing(path));
        Ok(Self { runs: open(&files.runs)?, epochs: open(&files.epochs)?, files: files.clone() })
    }

    /// Appends the lines of a trial, each file's in one piece
    ///
    /// # Errors
    /// If one can't be written; what part of it went out is taken back.
    pub fn push(&mut self, rows: &Rows) -> Result<()> {
        append(&mut self.epochs, &self.files.epochs, &rows.epochs)?;
        append(&mut self.runs, &self.files.runs, &rows.runs)
    }
}

fn append(file: &mut File, path: &Path, bytes: &[u8]) -> Result<()> {
    let end = file.metadata().map_err(Error::reading(path))?.len();
    file.write_all(bytes).map_err(|e| {
        // The first error is the one to tell.
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
