//! A training run with all the files it leaves behind

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use chainrule_kernels::Scalar;

use crate::config::{Dtype, TrainConfig};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::nn::loss::LossSum;
use crate::nn::model_file;
use crate::plot::folder_pictures as figures;
use crate::tables::atomic_file::write_atomically;
use crate::tables::{self as log, ClassRow, ConfusionRow, CsvWriter, EpochRow, SummaryRow};
use crate::train::trainer::{Confusion, EpochEnd, EpochResult, Trainer};

/// What the `version` column and the model file say
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a run ended
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All epochs done
    Ok,
    /// The loss was not finite, or beyond all reason
    Diverged {
        /// In this epoch, counted from 1
        epoch: u32,
        /// At this batch, counted from 1; nothing if it was in the evaluation after the epoch
        batch: Option<usize>,
    },
    /// It was asked to stop
    Interrupted,
    /// A file could not be written, or the like
    Failed,
}

impl Status {
    /// As the `status` columns have it
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Diverged { .. } => "diverged",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

/// Figures of one whole epoch
#[derive(Clone, Copy, Debug)]
pub struct EpochFigures {
    /// Counted from 1
    pub epoch: u32,
    /// Sums over the batches
    pub train: LossSum,
    /// Sums over the images that were held out, if any were, after the epoch
    pub val: Option<LossSum>,
    /// Sums over the test set, after the epoch
    pub test: LossSum,
    /// Training alone, s
    pub seconds: f64,
}

/// What a run tells while it goes on
pub trait Reporter: Send {
    /// Before the first batch: where the files will be, how many parameters, batches an epoch
    fn started(&mut self, folder: &Path, parameters: usize, batches: usize);
    /// After a batch, counted from 1, with the epoch's sums so far
    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum);
    /// After an epoch and its evaluation
    fn epoch(&mut self, figures: &EpochFigures);
}

/// What came of a run
#[derive(Debug)]
pub struct Outcome {
    /// How it ended
    pub status: Status,
    /// Where its files are
    pub folder: PathBuf,
    /// The row of `summary.csv`
    pub summary: SummaryRow,
    /// What was drawn
    pub pictures: Vec<PathBuf>,
    /// The first thing that went wrong: a run that failed has one, and one whose pictures or summary could not
    /// be written
    pub error: Option<Error>,
}

/// Trains as `config` says on `data` and writes the run's files
///
/// Files that grow are written as the epochs end, and the model is saved after each, so that a kill costs
/// no more than the epoch in hand. When the loss diverges the run ends, and the last model whose
/// figures were finite stays on disk. `summary.csv` is written when all else is there: it marks the run as ended.
///
/// * `parent`: where the run's folder is made, itself made if it is not there
/// * `run_id`: the folder's name; made from the time if there is none
/// * `stop`: looked at after each batch
///
/// # Errors
/// If there is nothing of a run yet: the run's folder is there already or can't be written, or memory does not
/// suffice. Whatever goes wrong later is in [`Outcome::error`].
pub fn train(
    config: &TrainConfig,
    data: &Dataset,
    parent: &Path,
    run_id: Option<&str>,
    reporter: &mut dyn Reporter,
    stop: &AtomicBool,
) -> Result<Outcome> {
    match config.dtype {
        Dtype::F32 => run(Trainer::<f32>::new(config, data)?, config, data, parent, run_id, reporter, stop),
        Dtype::F64 => run(Trainer::<f64>::new(config, data)?, config, data, parent, run_id, reporter, stop),
    }
}

fn run<T: Scalar>(
    mut trainer: Trainer<'_, T>,
    config: &TrainConfig,
    data: &Dataset,
    parent: &Path,
    run_id: Option<&str>,
    reporter: &mut dyn Reporter,
    stop: &AtomicBool,
) -> Result<Outcome> {
    fs::create_dir_all(parent).map_err(Error::writing(parent))?;
    let started_at = now();
    let (run_id, folder) = make_folder(parent, run_id, &started_at)?;
    let mut summary = blank_summary(config, &run_id, started_at);
    summary.data.clone_from(&data.source);
    summary.threads = rayon::current_num_threads();
    let parameters = trainer.model().parameter_count();
    summary.parameters = Some(parameters);
    summary.train_s = Some(0.0);
    let mut record = Record::create(config, folder, summary)?;
    reporter.started(&record.folder, parameters, trainer.batches());
    let trained = record.train(&mut trainer, config, data, reporter, stop);
    let status = *trained.as_ref().unwrap_or(&Status::Failed);
    record.summary.status = status.name();
    let drawn = figures::redraw(&record.folder);
    // A run that failed is still worth its row, but the first error is the one to tell.
    let summed = record.finish(config);
    let (pictures, not_drawn) = drawn.map_or_else(|e| (Vec::new(), Some(e)), |pictures| (pictures, None));
    let error = trained.err().or(not_drawn).or(summed.err());
    Ok(Outcome { status, folder: record.folder, summary: record.summary, pictures, error })
}

/// The files of a run that failed before or while it wrote its own: settings, what epochs there are, and a
/// summary that says `failed`
///
/// # Errors
/// If they can't be written.
pub fn record_failure(config: &TrainConfig, parent: &Path, run_id: &str) -> Result<()> {
    let folder = parent.join(run_id);
    fs::create_dir_all(&folder).map_err(Error::writing(&folder))?;
    write_config(config, &folder)?;
    let epochs_csv = folder.join("epochs.csv");
    if !epochs_csv.exists() {
        CsvWriter::create(&epochs_csv, EpochRow::columns(config.val_split > 0.0), config.csv_dialect)?;
    }
    let summary = SummaryRow { status: Status::Failed.name(), ..blank_summary(config, run_id, now()) };
    write_atomically(&folder.join("summary.csv"), &log::to_csv(&[summary], config.csv_dialect))
}

/// This moment, as ISO 8601 in UTC
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The summary of a run of which nothing is known but its settings
fn blank_summary(config: &TrainConfig, run_id: &str, started_at: String) -> SummaryRow {
    SummaryRow {
        run_id: run_id.to_owned(),
        status: Status::Ok.name(),
        hidden_dims: config.hidden_dims.to_string(),
        activation: config.activation.to_string(),
        epochs: config.epochs,
        batch_size: config.batch_size,
        learning_rate: config.learning_rate,
        momentum: config.momentum,
        weight_decay: config.weight_decay,
        seed: config.seed,
        parameters: None,
        train_loss: None,
        train_accuracy: None,
        test_loss: None,
        test_accuracy: None,
        best_epoch: None,
        best_accuracy: None,
        train_s: None,
        samples_per_s: None,
        threads: config.threads.unwrap_or(1),
        started_at,
        version: VERSION,
        val_split: (config.val_split > 0.0).then_some(config.val_split),
        val_loss: None,
        val_accuracy: None,
        dtype: config.dtype.to_string(),
        engine: config.engine.to_string(),
        no_shuffle: config.no_shuffle,
        data: config.data.clone().unwrap_or_default(),
    }
}

/// `config.toml`, from which the run can be repeated
fn write_config(config: &TrainConfig, folder: &Path) -> Result<()> {
    let path = folder.join("config.toml");
    let head = format!("# chainrule {VERSION}; repeat with: chainrule train --config {}\n", path.display());
    write_atomically(&path, (head + &config.to_toml()?).as_bytes())
}

/// The run's folder, the files that grow in it, and the summary as far as it is known
struct Record {
    folder: PathBuf,
    epochs: CsvWriter,
    summary: SummaryRow,
    trained_images: usize,
}

impl Record {
    fn create(config: &TrainConfig, folder: PathBuf, summary: SummaryRow) -> Result<Self> {
        write_config(config, &folder)?;
        let columns = EpochRow::columns(config.val_split > 0.0);
        let epochs = CsvWriter::create(&folder.join("epochs.csv"), columns, config.csv_dialect)?;
        Ok(Self { folder, epochs, summary, trained_images: 0 })
    }

    /// All epochs, each with its row and the model after it
    fn train<T: Scalar>(
        &mut self,
        trainer: &mut Trainer<'_, T>,
        config: &TrainConfig,
        data: &Dataset,
        reporter: &mut dyn Reporter,
        stop: &AtomicBool,
    ) -> Result<Status> {
        self.save_model(trainer, data)?;
        let mut confusion = None;
        let mut status = Status::Ok;
        if config.epochs == 0 {
            let (test, counts) = trainer.evaluate();
            let val = trainer.validate();
            (self.summary.test_loss, self.summary.test_accuracy) = (mean_loss(&test), accuracy(&test));
            (self.summary.val_loss, self.summary.val_accuracy) =
                (val.as_ref().and_then(mean_loss), val.as_ref().and_then(accuracy));
            confusion = Some(counts);
        }
        for epoch in 1..=config.epochs {
            let result =
                trainer.run_epoch(epoch, stop, &mut |batch, sums| reporter.batch(epoch, batch, sums));
            let before = self.summary.train_s.unwrap_or_default();
            self.summary.train_s = Some(log::seconds(before + result.seconds));
            self.trained_images += result.train.rows;
            match result.end {
                EpochEnd::Done => {}
                EpochEnd::Diverged { batch } => status = Status::Diverged { epoch, batch: Some(batch) },
                EpochEnd::Interrupted => status = Status::Interrupted,
            }
            // Weights behind units that have died are in no loss.
            if !matches!(status, Status::Diverged { .. }) && !trainer.model().is_finite() {
                status = Status::Diverged { epoch, batch: None };
            }
            if status == Status::Ok {
                let (test, counts) = trainer.evaluate();
                let val = trainer.validate();
                if !test.has_diverged() && val.is_none_or(|val| !val.has_diverged()) {
                    self.save_model(trainer, data)?;
                    let figures =
                        EpochFigures { epoch, train: result.train, val, test, seconds: result.seconds };
                    self.push_epoch(epoch, config, &result, Some(&figures), status)?;
                    reporter.epoch(&figures);
                    confusion = Some(counts);
                    continue;
                }
                status = Status::Diverged { epoch, batch: None };
            }
            if status == Status::Interrupted && result.train.rows == 0 {
                break; // The epoch had not begun.
            }
            if status == Status::Interrupted {
                self.save_model(trainer, data)?;
            }
            self.push_epoch(epoch, config, &result, None, status)?;
            break;
        }
        if let Some(confusion) = confusion {
            self.write_confusion(&confusion, data, config)?;
        }
        Ok(status)
    }

    /// A row of `epochs.csv`; for a whole epoch, also the summary's figures
    fn push_epoch(
        &mut self,
        epoch: u32,
        config: &TrainConfig,
        result: &EpochResult,
        figures: Option<&EpochFigures>,
        status: Status,
    ) -> Result<()> {
        let (test, val) = (figures.map(|f| &f.test), figures.and_then(|f| f.val.as_ref()));
        let train = (!matches!(status, Status::Diverged { .. })).then_some(&result.train);
        let row = EpochRow {
            run_id: self.summary.run_id.clone(),
            epoch,
            learning_rate: config.learning_rate,
            train_loss: train.and_then(mean_loss),
            train_accuracy: train.and_then(accuracy),
            val_loss: val.and_then(mean_loss),
            val_accuracy: val.and_then(accuracy),
            test_loss: test.and_then(mean_loss),
            test_accuracy: test.and_then(accuracy),
            epoch_s: train.map(|_| log::seconds(result.seconds)),
            samples_per_s: train.and_then(|train| log::rate(train.rows, result.seconds)),
            status: status.name(),
        };
        self.epochs.push(&row)?;
        let summary = &mut self.summary;
        if test.is_some() {
            (summary.train_loss, summary.train_accuracy) = (row.train_loss, row.train_accuracy);
            (summary.val_loss, summary.val_accuracy) = (row.val_loss, row.val_accuracy);
            (summary.test_loss, summary.test_accuracy) = (row.test_loss, row.test_accuracy);
            // What is held out decides; without it, only the test set can.
            let decides = if val.is_some() { row.val_accuracy } else { row.test_accuracy };
            if decides > summary.best_accuracy {
                (summary.best_epoch, summary.best_accuracy) = (Some(epoch), decides);
            }
        } else if train.is_none() {
            // Figures of a diverged run are of no use: in a table of many runs they would only mislead.
            (summary.train_loss, summary.train_accuracy, summary.test_loss, summary.test_accuracy) =
                (None, None, None, None);
            (summary.val_loss, summary.val_accuracy) = (None, None);
            (summary.best_epoch, summary.best_accuracy) = (None, None);
        }
        Ok(())
    }

    fn save_model<T: Scalar>(&self, trainer: &Trainer<'_, T>, data: &Dataset) -> Result<()> {
        let path = self.folder.join("model.safetensors");
        write_atomically(&path, &model_file::to_bytes(trainer.model(), &data.classes, &path)?)
    }

    /// `confusion.csv` and `classes.csv`, of the model after the last whole epoch
    fn write_confusion(&self, confusion: &Confusion, data: &Dataset, config: &TrainConfig) -> Result<()> {
        let (names, k) = (&data.classes, confusion.classes());
        let pairs = (0..k).flat_map(|t| (0..k).map(move |p| (t, p)));
        let cells: Vec<_> = pairs
            .map(|(t, p)| ConfusionRow {
                r#true: names[t].clone(),
                predicted: names[p].clone(),
                count: confusion.count(t, p),
            })
            .collect();
        let classes: Vec<_> = (0..k).map(|class| class_row(&names[class], class, confusion)).collect();
        write_atomically(&self.folder.join("confusion.csv"), &log::to_csv(&cells, config.csv_dialect))?;
        write_atomically(&self.folder.join("classes.csv"), &log::to_csv(&classes, config.csv_dialect))
    }

    /// `summary.csv`, which says that the run has ended: only after all else is on disk
    fn finish(&mut self, config: &TrainConfig) -> Result<()> {
        self.summary.samples_per_s = log::rate(self.trained_images, self.summary.train_s.unwrap_or_default());
        let row = std::slice::from_ref(&self.summary);
        self.epochs.sync()?;
        write_atomically(&self.folder.join("summary.csv"), &log::to_csv(row, config.csv_dialect))
    }
}

/// Precision, recall and F1 of a class; nothing where the denominator is 0
fn class_row(name: &str, class: usize, confusion: &Confusion) -> ClassRow {
    let all = 0..confusion.classes();
    let hits = confusion.count(class, class);
    let support: u64 = all.clone().map(|predicted| confusion.count(class, predicted)).sum();
    let taken: u64 = all.map(|label| confusion.count(label, class)).sum();
    let share = |part: u64, whole: u64| (whole > 0).then(|| (part as f64 / whole as f64) as f32);
    ClassRow {
        class: name.to_owned(),
        support,
        precision: share(hits, taken),
        recall: share(hits, support),
        f1: share(2 * hits, support + taken),
    }
}

fn mean_loss(sum: &LossSum) -> Option<f32> {
    sum.mean_loss().map(|loss| loss as f32)
}

fn accuracy(sum: &LossSum) -> Option<f32> {
    sum.accuracy().map(|accuracy| accuracy as f32)
}

/// Makes a folder that was not there, named `run_id` or after the time, and says its name
fn make_folder(out: &Path, run_id: Option<&str>, started_at: &str) -> Result<(String, PathBuf)> {
    if let Some(run_id) = run_id {
        let folder = out.join(run_id);
        fs::create_dir(&folder).map_err(Error::writing(&folder))?;
        return Ok((run_id.to_owned(), folder));
    }
    // 2026-11-23T23:33:04Z becomes run-20261123-233304; a second run in the same second gets a number behind.
    let digits: String = started_at.replace('T', "-").chars().filter(|c| c.is_ascii_digit()).collect();
    let (date, time) = digits.split_at(digits.len().min(8));
    for attempt in 1u32.. {
        let suffix = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let run_id = format!("run-{date}-{time}{suffix}");
        let folder = out.join(&run_id);
        match fs::create_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| (run_id, folder.clone())).map_err(Error::writing(&folder)),
        }
    }
    unreachable!("a name that is free is found before numbers end")
}
