//! A training run with all the files that it leaves behind

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use chainrule_kernels::Scalar;

use super::average;
use super::checkpoint::{Checkpoint, Holds, Saved};
use super::evaluate::Predicted;
use super::kept_settings;
use super::metrics::{EpochEnd, EpochMetrics, EpochSums, averaged, evaluated, summarise};
use super::monitor::Monitor;
use super::optimizer;
pub use super::run_files::RunNames;
use super::run_files::{RunFiles, blank_result, make_folder, now, one_line, resolved};
use super::trainer::Trainer;
use crate::config::{Dtype, Keep, TrainConfig};
use crate::data::Dataset;
use crate::data::run_data::RunData;
use crate::error::{Error, Result};
use crate::nn::loss::LossSum;
use crate::tables::{self, RunResult, Status, SummaryRow, Written};

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
    /// Where a run goes on that was stopped or has ended; `None` for a new run
    pub resume: Option<Resume<'a>>,
    /// When training stops if it has not ended; `None`: it trains all epochs
    pub deadline: Option<Instant>,
    /// The epoch after which training halts, so that it can go on later; `None`: it trains all epochs
    pub halt_after: Option<u32>,
}

/// Where a run goes on
#[derive(Clone, Copy, Debug)]
pub struct Resume<'a> {
    /// Its checkpoint
    pub checkpoint: &'a Checkpoint,
    /// Another folder from which the run's folder is copied before it goes on; `None`: it is there already
    pub copy_of: Option<&'a Path>,
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
/// Rows are written as the epochs end, and the model and a checkpoint are saved after each, while the next epoch runs. A
/// process that is killed loses no more than what came after the checkpoint, and a resumed run ends with the same bits.
///
/// When the loss diverges the run ends, and the last model whose metrics were finite stays on disk. It also ends when there
/// was no better epoch for as many epochs as the setting `patience` says. `summary.csv` is written last: a run that has one
/// has ended. Its metrics are those of model.safetensors, and so are the predictions for the test set; averaged weights have
/// metrics of their own.
///
/// * `stop`: read before each batch
///
/// # Errors
/// If the run can't start: its folder exists already or can't be written, or there is not enough memory. A later
/// error is in [`Outcome::error`].
pub fn train(request: &Request<'_>, reporter: &mut dyn Reporter, stop: &AtomicBool) -> Result<Outcome> {
    match request.config.dtype {
        Dtype::F32 | Dtype::Bf16 => Run::<f32>::start(request)?.run(reporter, stop),
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
    monitor: Monitor,
    /// The best epoch
    best: Option<EpochSums>,
    /// The last whole epoch
    last: Option<EpochSums>,
    begun: Instant,
    /// Time before this process, s
    wall_before: f64,
    /// The epoch after which training halts
    halt_after: Option<u32>,
}

impl<'a, T: Scalar> Run<'a, T> {
    fn start(request: &Request<'a>) -> Result<Self> {
        let Request { config, data, parent, run_id, names, resume, deadline, halt_after } = *request;
        let begun = Instant::now();
        let monitor = Monitor::new(config, data)?;
        let mut trainer = match resume {
            // Its weights are in the checkpoint, also if it started from a model, which may be gone.
            Some(_) => Trainer::<T>::to_restore(config, data)?,
            None => Trainer::<T>::new(config, data)?,
        };
        trainer.pause_every(config.checkpoint_every()?);
        trainer.stop_at(deadline);
        let set = &*data.set;
        let (run_id, started_at, files) = match resume {
            None => {
                let started_at = now();
                let (run_id, folder) = make_folder(parent, run_id, &started_at)?;
                (run_id, started_at, RunFiles::create(config, data, folder)?)
            }
            Some(Resume { checkpoint, copy_of }) => {
                let saved = &checkpoint.saved;
                check_data(&saved.data_hash, set)?;
                kept_settings::check(&saved.settings, config)?;
                let best = config.keep != Keep::Last && saved.best.is_some();
                let average = average::is_there(config, saved.last.as_ref().map_or(0, |last| last.epoch));
                let holds = Holds { kept: optimizer::kept(config), best, average };
                trainer.restore(&checkpoint.state(trainer.model(), holds)?);
                let run_id = run_id.unwrap_or(&saved.run_id).to_owned();
                let files = RunFiles::reopen(config, data, parent.join(&run_id), saved, copy_of)?;
                (run_id, saved.started_at.clone(), files)
            }
        };
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
        let saved = resume.map(|resume| resume.checkpoint.saved.clone()).unwrap_or_default();
        let result = RunResult { train_s: Some(saved.train_s), ..blank.clone() };
        let (source, threads) = (Some(set.source.clone()), Some(rayon::current_num_threads()));
        let used = TrainConfig { data: source, threads, engine: resolved(config)?, ..config.clone() };
        let Saved { trained_rows, wall_s: wall_before, best, last, .. } = saved;
        let tags = names.tags;
        let mut run = Self {
            config,
            used,
            trainer,
            files,
            result,
            trained_rows,
            tags,
            blank,
            monitor,
            best,
            last,
            begun,
            wall_before,
            halt_after,
        };
        run.summarise();
        // A folder that can't be written, or a disk that is full, is an error before the first epoch.
        if let Err(error) = run.begin(resume.is_some()) {
            // A new run and a copy leave nothing, so that the same command can be repeated.
            if resume.is_none_or(|resume| resume.copy_of.is_some()) {
                run.files.abandon();
            }
            return Err(error);
        }
        Ok(run)
    }

    /// Saves the first state
    fn begin(&self, goes_on: bool) -> Result<()> {
        self.save(self.files.epochs.written())?;
        self.files.finish_saving()?;
        if goes_on { self.files.begin_again() } else { Ok(()) }
    }

    fn run(mut self, reporter: &mut dyn Reporter, stop: &AtomicBool) -> Result<Outcome> {
        let parameters = self.trainer.model().parameter_count();
        reporter.started(&self.files.folder, parameters, self.trainer.batches());
        let (last, failure) = match self.train(reporter, stop) {
            Ok(last) => (last, None),
            Err(error) => (None, Some(error)),
        };
        let ended = match last.as_ref().map_or(Status::Ok, |last| last.end.status()) {
            Status::Ok if self.last_epoch() < self.config.epochs => Status::Halted,
            ended => ended,
        };
        self.result.status = if failure.is_some() { Status::Failed } else { ended };
        self.result.samples_per_s = tables::rate(self.trained_rows, self.result.train_s.unwrap_or_default());
        self.result.reason = match &failure {
            Some(error) => Some(one_line(&error.chain())),
            None if self.result.status == Status::Halted => {
                Some(format!("halted after epoch {}", self.result.epochs_done))
            }
            None => last.as_ref().and_then(EpochMetrics::reason).or_else(|| self.stalled()),
        };
        self.result.wall_s = Some(tables::seconds(self.wall_s()));
        let summary = SummaryRow { config: self.used, result: self.result, tags: self.tags.to_vec() };
        let written = self.files.write_summary(&summary);
        Ok(Outcome { last, folder: self.files.folder, summary, error: failure.or(written.err()) })
    }

    /// The last epoch that is trained in this process
    fn last_epoch(&self) -> u32 {
        self.halt_after.map_or(self.config.epochs, |epoch| epoch.min(self.config.epochs))
    }

    /// Why the run ended before its last epoch, if no better one came; `None` if it did not
    fn stalled(&self) -> Option<String> {
        let (last, best) = (self.last.as_ref()?, self.best.as_ref()?);
        let is_early = self.result.status == Status::Ok
            && last.epoch < self.config.epochs
            && self.monitor.has_stalled(Some(last), Some(best));
        is_early.then(|| self.monitor.reason(best))
    }

    /// Enters the epochs so far into the result
    fn summarise(&mut self) {
        let Self { config, result, best, last: Some(last), .. } = self else { return };
        let described = best.as_ref().filter(|_| config.keep == Keep::Best).unwrap_or(last);
        summarise(result, described, best.as_ref(), last.epoch, config.dtype);
        averaged(result, last.average.as_ref(), config.dtype);
    }

    /// Trains all epochs, each with its row and the model after it, until no better one comes; returns the last, which may
    /// have ended early
    fn train(&mut self, reporter: &mut dyn Reporter, stop: &AtomicBool) -> Result<Option<EpochMetrics>> {
        let progress = self.trainer.progress();
        let is_within = progress.batches > 0 && progress.batches < self.trainer.batches();
        let first = if is_within { progress.epoch } else { progress.epoch + 1 };
        let (mut last, mut results) = (None, None);
        if !is_within && (self.last.is_some() || self.config.epochs == 0) {
            // A run that goes on may have been killed after this checkpoint, before it wrote what it predicted, and no
            // other epoch may come.
            results = self.trainer.evaluate();
        }
        if self.config.epochs == 0 {
            let val = self.trainer.validate();
            let test = results.as_ref().map(|(sums, _)| sums);
            evaluated(&mut self.result, val.as_ref(), test, self.config.dtype);
            averaged(&mut self.result, self.trainer.evaluate_average().as_ref(), self.config.dtype);
        }
        for epoch in first..=self.last_epoch() {
            let goes_on = is_within && epoch == first;
            if !goes_on && self.monitor.has_stalled(self.last.as_ref(), self.best.as_ref()) {
                break;
            }
            let (metrics, predicted) = self.epoch(epoch, reporter, stop)?;
            if metrics.train.rows > 0 || !metrics.end.is_stopped() {
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
        let is_trained = results.is_some();
        let is_other = |best: &EpochSums| self.last.as_ref().is_some_and(|last| last.epoch > best.epoch);
        if self.config.keep == Keep::Best && is_trained && self.best.as_ref().is_some_and(is_other) {
            results = self.trainer.evaluate_best();
        }
        results.map_or(Ok(()), |(sums, predicted)| self.files.write_predicted(&sums, &predicted))?;
        self.files.finish_saving()?;
        Ok(last)
    }

    /// Time since the start, without times in which the run was stopped, s
    fn wall_s(&self) -> f64 {
        self.wall_before + self.begun.elapsed().as_secs_f64()
    }

    /// Hands the state of the training to the thread that saves it
    ///
    /// * `whole_epochs`: the part of epochs.csv that belongs to whole epochs
    fn save(&self, whole_epochs: Written) -> Result<()> {
        let Self { result, trainer, .. } = self;
        let saved = Saved {
            run_id: result.run_id.clone(),
            started_at: result.started_at.clone(),
            data_hash: result.data_hash.clone().unwrap_or_default(),
            settings: kept_settings::of(self.config)?,
            tags: self.tags.to_vec(),
            epochs_csv: whole_epochs.bytes,
            epochs_csv_crc32: whole_epochs.crc32,
            trained_rows: self.trained_rows,
            train_s: result.train_s.unwrap_or_default(),
            wall_s: self.wall_s(),
            best: self.best.clone(),
            last: self.last.clone(),
            ..Saved::default()
        };
        self.files.save(trainer.model(), || trainer.state(), saved)
    }

    /// Trains an epoch and evaluates the model after it
    fn epoch(
        &mut self,
        epoch: u32,
        reporter: &mut dyn Reporter,
        stop: &AtomicBool,
    ) -> Result<(EpochMetrics, Option<Predicted>)> {
        let mut metrics = loop {
            let Self { trainer, .. } = self;
            let metrics =
                trainer.run_epoch(epoch, stop, &mut |batch, sums| reporter.batch(epoch, batch, sums));
            if metrics.end != EpochEnd::Paused {
                break metrics;
            }
            if self.trainer.is_finite() {
                self.save(self.files.epochs.written())?;
            }
        };
        let Self { trainer, .. } = self;
        // Weights behind dead units are in no loss.
        if !matches!(metrics.end, EpochEnd::Diverged { .. }) && !trainer.is_finite() {
            metrics.end = EpochEnd::Diverged { batch: None };
        }
        if metrics.end != EpochEnd::Done {
            return Ok((metrics, None));
        }
        let (test, predicted) = trainer.evaluate().unzip();
        let val = trainer.validate();
        if [&test, &val].into_iter().flatten().any(LossSum::has_diverged) {
            metrics.end = EpochEnd::Diverged { batch: None };
        } else {
            (metrics.val, metrics.test) = (val, test);
            metrics.average = trainer.evaluate_average();
        }
        Ok((metrics, predicted))
    }

    /// Writes the epoch's row, enters it into the summary, and saves the state, unless it diverged
    fn record(&mut self, metrics: &EpochMetrics) -> Result<()> {
        let whole_epochs = self.files.epochs.written();
        let Self { config, files, result, trained_rows, blank, monitor, .. } = self;
        let before = (result.train_s, *trained_rows);
        result.train_s = Some(tables::seconds(result.train_s.unwrap_or_default() + metrics.seconds));
        *trained_rows += metrics.train.rows;
        files.epochs.push(&metrics.row(&result.run_id, config.dtype))?;
        match metrics.end {
            EpochEnd::Done => {
                let sums = metrics.sums();
                if monitor.is_better(&sums, self.best.as_ref()) {
                    self.best = Some(sums.clone());
                    if config.keep != Keep::Last {
                        self.trainer.keep_best();
                    }
                }
                self.last = Some(sums);
                self.summarise();
                self.save(self.files.epochs.written())
            }
            EpochEnd::Diverged { .. } => {
                let RunResult { train_s, epochs_done, .. } = *result;
                *result = RunResult { train_s, epochs_done, ..blank.clone() };
                Ok(())
            }
            EpochEnd::Interrupted | EpochEnd::TimeLimit | EpochEnd::Paused => {
                // A resumed run repeats the row of this epoch, with all its batches.
                let after = (result.train_s, *trained_rows);
                (self.result.train_s, self.trained_rows) = before;
                let saved = self.save(whole_epochs);
                (self.result.train_s, self.trained_rows) = after;
                saved
            }
        }
    }
}

/// Checks that data are those of the run that goes on
fn check_data(before: &str, set: &Dataset) -> Result<()> {
    let now = set.hash();
    if before == now {
        return Ok(());
    }
    let problem = format!(
        "the data have changed since the run began: their hash was {before}, and is {now}; bring the old data back, or \
         start another run"
    );
    Err(Error::content(set.source.as_ref(), problem))
}
