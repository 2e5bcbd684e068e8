//! The rows of trials in the `runs.csv` and `epochs.csv` of a sweep, copied from the trials' folders

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use toml::Value;

use super::folder::Files;
use super::plan::{Plan, Trial};
use crate::config::{CsvDialect, EngineChoice, SETTINGS, Setting, text};
use crate::error::{Error, Result, first_ten};
use crate::tables::atomic_file::replace_atomically;
use crate::tables::reader::{Table, TableRow};
use crate::tables::{Cell, Columns, EpochRow, Status, SummaryRow, append_whole};

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

/// What the files of a trial say
#[derive(Clone, Debug)]
pub enum Checked {
    /// It has no summary yet
    Open,
    /// It has ended, and its files fit the plan
    Ended(Status),
    /// Its files are damaged or contradict the plan: the reason, which names file and line
    Doubtful(String),
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
        Self { runs: runs.with(end, names.clone()), epochs: epochs.with(1, names), varied, dialect }
    }

    /// Compares the files of a trial with the plan
    ///
    /// # Errors
    /// If they exist and can't be read.
    pub fn check(&self, trial: &Trial, sweep: &Path) -> Result<Checked> {
        match self.examine(trial, sweep) {
            // A damaged file is found by its content; any other error, such as a missing right, is not about the trial.
            Err(error @ Error::Text { .. }) => Ok(Checked::Doubtful(error.to_string())),
            Err(Error::Read { path, source }) if source.kind() == ErrorKind::NotFound => {
                Ok(Checked::Doubtful(format!("{} is missing", path.display())))
            }
            checked => checked,
        }
    }

    fn examine(&self, trial: &Trial, sweep: &Path) -> Result<Checked> {
        if self.read(trial, sweep)?.is_none() {
            return Ok(Checked::Open);
        }
        let folder = sweep.join(&trial.id);
        let (summary, epochs) =
            (Table::read(&folder.join("summary.csv"))?, Table::read(&folder.join("epochs.csv"))?);
        let mut rows = summary.rows();
        let Some(row) = rows.next() else { return Ok(Checked::Open) };
        let status = row.status(summary.need("status")?)?;
        let doubt = |table: &Table, line: usize, problem: String| {
            Ok(Checked::Doubtful(format!("{}: line {line}: {problem}", table.path().display())))
        };
        if rows.next().is_some() {
            return doubt(&summary, 3, "expected one row, found more".to_owned());
        }
        let contradiction = |(name, planned): &(&str, String)| {
            let column = summary.column(name)?;
            let found = row.text(column).trim();
            let is_same = match (planned.parse::<f64>(), row.as_number(column)) {
                (Ok(planned), Some(found)) => planned == found,
                // An empty cell is the default of older files.
                _ => found.is_empty() || found.eq_ignore_ascii_case(planned),
            };
            (!is_same).then(|| format!("{name} is {}, the plan says {planned}", found.escape_debug()))
        };
        let contradictions: Vec<String> = planned(trial)?.iter().filter_map(contradiction).collect();
        if !contradictions.is_empty() {
            return doubt(&summary, 2, first_ten(contradictions.into_iter(), ", "));
        }
        if let Some(column) = epochs.column("epoch").filter(|_| status == Status::Ok) {
            let mut expected = 0;
            for row in epochs.rows() {
                expected += 1;
                if row.as_number(column) != Some(f64::from(expected)) {
                    let found = row.verbatim(column).escape_debug().to_string();
                    let problem = format!("expected epoch {expected}, found `{found}`");
                    return doubt(&epochs, expected as usize + 1, problem);
                }
            }
            if expected != trial.config.epochs {
                let problem = format!("expected {} epochs, found {expected}", trial.config.epochs);
                return doubt(&epochs, expected as usize + 1, problem);
            }
        }
        Ok(Checked::Ended(status))
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
            return Err(Error::Text { path, problem });
        };
        // The plan fills the columns that the run's own files lack.
        let planned = |name: &str| match self.varied.iter().find(|setting| setting.name == name) {
            Some(setting) => trial.value(setting).map_or(Cell::Empty, cell),
            None if name == "trial" => Cell::Text(trial.id.clone()),
            None => Cell::Empty,
        };
        let copy = |row: TableRow<'_>, column| Cell::Verbatim(row.verbatim(column).to_owned());
        let of_run =
            |name: &str| summary.column(name).map_or_else(|| planned(name), |column| copy(run, column));
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

/// Appends the lines of a trial to both tables, which exist, with a single write a table; a part of a line that a full
/// disk has cut is removed
pub fn append(files: &Files, rows: &TrialRows) -> Result<()> {
    for (path, lines) in [(&files.epochs, &rows.epochs), (&files.runs, &rows.runs)] {
        let mut file = OpenOptions::new().append(true).open(path).map_err(Error::writing(path))?;
        append_whole(&mut file, path, lines)?;
    }
    Ok(())
}

/// What a trial's summary must say: its name, and the settings that decide its results
///
/// Not the source of the data, which may be written as another path, nor an engine that the machine chooses.
fn planned(trial: &Trial) -> Result<Vec<(&'static str, String)>> {
    let mut values = trial.config.to_values()?;
    values.insert("hidden_dims".to_owned(), trial.config.hidden_dims.to_string().into());
    let decides = |setting: &&Setting| {
        let is_open =
            setting.name == "data" || (setting.name == "engine" && trial.config.engine == EngineChoice::Auto);
        setting.affects_results && setting.sweepable && !is_open
    };
    let of_setting = |setting: &'static Setting| Some((setting.name, text(values.get(setting.name)?)));
    let settings = SETTINGS.iter().filter(decides).filter_map(of_setting);
    Ok(std::iter::once(("run_id", trial.id.clone())).chain(settings).collect())
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Integer(_) | Value::Float(_) => Cell::Number(text(value)),
        value => Cell::Text(text(value)),
    }
}
