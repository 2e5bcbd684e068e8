//! What `train --print` writes to standard output

use std::io;
use std::path::Path;

use chainrule::config::TrainConfig;
use chainrule::nn::loss::LossSum;
use chainrule::tables::{Cell, Columns, EpochRow, SummaryRow};
use chainrule::train::metrics::{EpochEnd, EpochMetrics};
use chainrule::train::run::{Outcome, Reporter};

use super::print;
use super::run_progress::Progress;

/// What to print about a run
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Print {
    /// The summary, as one JSON object in one line
    Json,
    /// The rows of epochs.csv with their header, each as its epoch ends
    Csv,
    /// The name of the run, which is also that of its folder
    RunId,
}

/// Reports the progress of a run, and prints what was asked for
pub struct Printer {
    progress: Progress,
    what: Option<Print>,
    config: TrainConfig,
    columns: Columns,
    run_id: String,
    /// The first error; after it, no more is printed
    outcome: io::Result<()>,
}

impl Printer {
    pub fn new(progress: Progress, what: Option<Print>, config: &TrainConfig) -> Self {
        let columns = EpochRow::columns(config.val_split > 0.0);
        Self { progress, what, config: config.clone(), columns, run_id: String::new(), outcome: Ok(()) }
    }

    /// Prints what is known only at the end
    ///
    /// # Errors
    /// If standard output could not be written to; a reader that closed it is no error.
    pub fn end(mut self, outcome: &Outcome) -> io::Result<()> {
        match self.what {
            Some(Print::Json) => self.write(&json(&outcome.summary)),
            // The last epoch, if it ended early: its row is in epochs.csv, too, unless it was stopped before its first batch.
            Some(Print::Csv) => {
                let early = outcome.last.as_ref().filter(|last| last.end != EpochEnd::Done);
                if let Some(last) = early.filter(|last| last.train.rows > 0 || !last.end.is_stopped()) {
                    self.row(last);
                }
            }
            Some(Print::RunId) | None => {}
        }
        self.outcome.or_else(|e| if e.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
    }

    fn row(&mut self, metrics: &EpochMetrics) {
        let row = metrics.row(&self.run_id, self.config.dtype);
        self.write_bytes(&self.config.csv_dialect.line(self.columns.cells(&row)));
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        self.write(&String::from_utf8_lossy(bytes));
    }

    fn write(&mut self, text: &str) {
        if self.outcome.is_ok() {
            self.outcome = print(text);
        }
    }
}

impl Reporter for Printer {
    fn started(&mut self, folder: &Path, parameters: usize, batches: usize) {
        self.run_id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match self.what {
            Some(Print::RunId) => self.write(&format!("{}\n", self.run_id)),
            Some(Print::Csv) => self.write_bytes(&self.config.csv_dialect.header(&self.columns)),
            Some(Print::Json) | None => {}
        }
        self.progress.started(folder, parameters, batches);
    }

    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum) {
        self.progress.batch(epoch, batch, sums);
    }

    fn epoch(&mut self, metrics: &EpochMetrics) {
        if self.what == Some(Print::Csv) {
            self.row(metrics);
        }
        self.progress.epoch(metrics);
    }
}

/// A summary as one JSON object in one line: numbers, texts, and null for empty cells
fn json(summary: &SummaryRow) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let member = |(name, cell): &(String, Cell)| {
        let value = match cell {
            Cell::Number(digits) => digits.clone(),
            Cell::Text(word) if name == "no_shuffle" => word.clone(),
            Cell::Text(text) | Cell::Verbatim(text) if text.is_empty() => "null".to_owned(),
            Cell::Text(text) | Cell::Verbatim(text) => quoted(text),
            Cell::Empty => "null".to_owned(),
        };
        format!("{}: {value}", quoted(name))
    };
    let members: Vec<_> = summary.record().0.iter().map(member).collect();
    format!("{{{}}}\n", members.join(", "))
}
