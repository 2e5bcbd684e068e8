//! A training run with all the files that it leaves behind

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use chainrule_kernels::Scalar;

use super::evaluate::Predicted;
use super::metrics::{EpochEnd, EpochMetrics, evaluated};
pub use super::run_files::RunNames;
use super::run_files::{RunFiles, blank_result, make_folder, now, one_line, resolved};
use super::trainer::Trainer;
use crate::config::{Dtype, TrainConfig};
use crate::data::run_data::RunData;
use crate::error::{Error, Result};
use crate::nn::loss::LossSum;
use crate::tables::{self, RunResult, Status, SummaryRow};

/// What to train, and where its files go
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// All settings
    pub config: &'a TrainConfig,
    /// The data, divided for these settings
    pub data: &'a RunData<'a>,
    /// Folder that the run's folder is made in; made if it does not exist
    pub parent: &'a Path,
    /// Name of the run and its folder; `None`: made from the time
    pub run_id: Option<&'a str>,
    /// What the summary says about the run beside its settings and its result
    pub names: RunNames<'a>,
}

/// Receives the progress of a run
pub trait Reporter: Send {
    /// Called before the first batch with the run's folder, the number of parameters, and of batches in an epoch
    fn started(&mut self, folder: &Path, parameters: usize, batches: usize);
    /// Called after a batch, counted from 1, with the epoch's sums so far
    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum);
    /// Called after an epoch and its evaluation
    fn epoch(&mut self, metrics: &EpochMetrics);
}

/// The result of a run
#[derive(Debug)]
pub struct Outcome {
    /// The last epoch, which may have ended early; `None` for a run that failed or has no epochs
    pub last: Option<EpochMetrics>,
    /// Where its files are
    pub folder: PathBuf,
    /// The row of `summary.csv`, which says how it ended
    pub summary: SummaryRow,
    /// The first error: of a run that failed, or of one whose summary could not be written
    pub error: Option<Error>,
}

/// Trains and writes the run's files; draws no picture
///
/// Rows are written as the epochs end, and the model is saved after each, so that a killed process loses at most the
/// epoch that it was in. When the loss diverges the run ends, and the last model whose metrics were finite stays on
/// disk. `summary.csv` is written last: a run that has one has ended.
///
/// * `stop`: read before each batch
///
/// # Errors
/// If the run can't start: its folder exists already or can't be written, or there is not enough memory. A later
/// error is in [`Outcome::error`].
pub fn train(request: &Request<'_>, reporter: &mut dyn Reporter, stop: &AtomicBool) -> Result<Outcome> {
    match request.config.dtype {
        Dtype::F32 => Run::<f32>::start(request)?.run(reporter, stop),
        Dtype::F64 => Run::<f64>::start(request)?.run(reporter, stop),
    }
}

/// A run in progress
struct Run<'a, T> {
    config: &'a TrainConfig,
    trainer: Trainer<'a, T>,
    files: RunFiles<'a>,
    /// The settings, with the source of the data and the number of threads
    used: TrainConfig,
    result: RunResult,
    trained_rows: usize,
    tags: &'a [(String, String)],
    /// The result before the first epoch, to which a run that diverged returns
    blank: RunResult,
    begun: Instant,
}

impl<'a, T: Scalar> Run<'a, T> {
    fn start(request: &Request<'a>) -> Result<Self> {
        let Request { config, data, parent, run_id, names } = *request;
        let begun = Instant::now();
        let trainer = Trainer::<T>::new(config, data)?;
        let started_at = now();
        let (run_id, folder) = make_folder(parent, run_id, &started_at)?;
        let set = data.set;
        let files = RunFiles::create(config, data, folder)?;
        let (train_samples, val_samples) = trainer.samples();
        let blank = RunResult {
            parameters: Some(trainer.model().parameter_count()),
            dataset: Some(set.name()),
            data_hash: Some(set.hash()),
            train_samples: Some(train_samples),
            val_samples: Some(val_samples),
            test_samples: Some(set.test.len()),
            classes: Some(data.outputs.classes().len()).filter(|&classes| classes > 0),
            ..blank_result(&run_id, started_at, names)
        };
        let result = RunResult { train_s: Some(0.0), ..blank.clone() };
        let (source, threads) = (Some(set.source.clone()), Some(rayon::current_num_threads()));
        let used = TrainConfig { data: source, threads, engine: resolved(config.engine)?, ..config.clone() };
        Ok(Self { config, used, trainer, files, result, trained_rows: 0, tags: names.tags, blank, begun })
    }

    fn run(mut self, reporter: &mut dyn Reporter, stop: &AtomicBool) -> Result<Outcome> {
        let parameters = self.trainer.model().parameter_count();
        reporter.started(&self.files.folder, parameters, self.trainer.batches());
        let (last, failure) = match self.train(reporter, stop) {
            Ok(last) => (last, None),
            Err(error) => (None, Some(error)),
        };
        let ended = last.as_ref().map_or(Status::Ok, |last| last.end.status());
        self.result.status = if failure.is_some() { Status::Failed } else { ended };
        self.result.samples_per_s = tables::rate(self.trained_rows, self.result.train_s.unwrap_or_default());
        let divergence = last.as_ref().and_then(EpochMetrics::divergence);
        self.result.reason = failure.as_ref().map(|error| one_line(&error.chain())).or(divergence);
        self.result.wall_s = Some(tables::seconds(self.begun.elapsed().as_secs_f64()));
        let summary = SummaryRow { config: self.used, result: self.result, tags: self.tags.to_vec() };
        let written = self.files.write_summary(&summary);
        Ok(Outcome { last, folder: self.files.folder, summary, error: failure.or(written.err()) })
    }

    /// Trains all epochs, each with its row and the model after it; returns the last, which may have ended early
    fn train(&mut self, reporter: &mut dyn Reporter, stop: &AtomicBool) -> Result<Option<EpochMetrics>> {
        self.files.write_model(self.trainer.model())?;
        let (mut last, mut results) = (None, None);
        if self.config.epochs == 0 {
            results = self.trainer.evaluate();
            let val = self.trainer.validate();
            let test = results.as_ref().map(|(sums, _)| sums);
            evaluated(&mut self.result, val.as_ref(), test, self.config.dtype);
        }
        for epoch in 1..=self.config.epochs {
            let (metrics, predicted) = self.epoch(epoch, reporter, stop);
            if metrics.train.rows > 0 || metrics.end != EpochEnd::Interrupted {
                self.record(&metrics)?;
            }
            let is_done = metrics.end == EpochEnd::Done;
            if is_done {
                reporter.epoch(&metrics);
                results = metrics.test.clone().zip(predicted);
            }
            last = Some(metrics);
            if !is_done {
                break;
            }
        }
        results.map_or(Ok(()), |(sums, predicted)| self.files.write_predicted(&sums, &predicted))?;
        Ok(last)
    }

    /// Trains an epoch and evaluates the model after it
    fn epoch(
        &mut self,
        epoch: u32,
        reporter: &mut dyn Reporter,
        stop: &AtomicBool,
    ) -> (EpochMetrics, Option<Predicted>) {
        let Self { trainer, .. } = self;
        let mut metrics =
            trainer.run_epoch(epoch, stop, &mut |batch, sums| reporter.batch(epoch, batch, sums));
        // Weights behind dead units are in no loss.
        if !matches!(metrics.end, EpochEnd::Diverged { .. }) && !trainer.model().is_finite() {
            metrics.end = EpochEnd::Diverged { batch: None };
        }
        if metrics.end != EpochEnd::Done {
            return (metrics, None);
        }
        let (test, predicted) = trainer.evaluate().unzip();
        let val = trainer.validate();
        if [&test, &val].into_iter().flatten().any(LossSum::has_diverged) {
            metrics.end = EpochEnd::Diverged { batch: None };
        } else {
            (metrics.val, metrics.test) = (val, test);
        }
        (metrics, predicted)
    }

    /// Saves the model, unless it diverged, then writes the epoch's row and enters it into the summary
    fn record(&mut self, metrics: &EpochMetrics) -> Result<()> {
        let Self { config, trainer, files, result, trained_rows, blank, .. } = self;
        result.train_s = Some(tables::seconds(result.train_s.unwrap_or_default() + metrics.seconds));
        *trained_rows += metrics.train.rows;
        if !matches!(metrics.end, EpochEnd::Diverged { .. }) {
            files.write_model(trainer.model())?;
        }
        files.epochs.push(&metrics.row(&result.run_id, config.dtype))?;
        match metrics.end {
            EpochEnd::Done => metrics.summarise(result, config.dtype),
            EpochEnd::Diverged { .. } => {
                let RunResult { train_s, epochs_done, .. } = *result;
                *result = RunResult { train_s, epochs_done, ..blank.clone() };
            }
            EpochEnd::Interrupted => {}
        }
        Ok(())
    }
}
