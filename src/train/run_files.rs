//! The folder of a run, and the files in it

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chainrule_kernels::{Backend, Scalar};

use super::checkpoint::{CHECKPOINT, Checkpoint, Saved, Tensors};
use super::confusion_files::{self, CLASS_MEANS, CLASSES, CONFUSION};
use super::evaluate::Predicted;
use super::machine;
use super::saver::Saver;
use super::state::TrainState;
use super::target_files::{self, PREDICTIONS, TARGETS};
use crate::config::{Dtype, EngineChoice, Keep, TrainConfig};
use crate::data::run_data::RunData;
use crate::error::{Error, Result, open_regular, shell_quoted, shown};
use crate::nn::loss::LossSum;
use crate::nn::mlp::Mlp;
use crate::nn::model_file::{self, BF16, PRODUCTS};
use crate::tables::atomic_file::{
    folder_of, remove_leftovers, replace_atomically, sync_folder, write_atomically,
};
use crate::tables::{CsvWriter, EpochRow, RunResult, Status, SummaryRow, create_folder};

/// Version of the program, as the `version` column and config.toml have it
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name of the table of a run's epochs in its folder
pub const EPOCHS: &str = "epochs.csv";
pub(super) const SUMMARY: &str = "summary.csv";
/// Name of the model in a run's folder
pub const MODEL: &str = "model.safetensors";
const BEST_MODEL: &str = "model-best.safetensors";
/// Name of the model of the averaged weights in a run's folder
pub const AVERAGE_MODEL: &str = "model-average.safetensors";
const CONFIG: &str = "config.toml";

/// Names of the files that a run can leave behind, pictures aside
///
/// A run of classes has confusion.csv, classes.csv and class_means.csv, one of regression targets.csv and predictions.csv;
/// a run that diverged at once, or has no test set, has neither. One that keeps both models has model-best.safetensors, and
/// one that averages weights model-average.safetensors.
pub const NAMES: [&str; 12] = [
    EPOCHS,
    SUMMARY,
    CONFUSION,
    CLASSES,
    CLASS_MEANS,
    TARGETS,
    PREDICTIONS,
    MODEL,
    BEST_MODEL,
    AVERAGE_MODEL,
    CHECKPOINT,
    CONFIG,
];

/// What a person or a sweep calls a run; results do not depend on it
#[derive(Clone, Copy, Debug, Default)]
pub struct RunNames<'a> {
    /// Name of the sweep that the run belongs to
    pub sweep_id: Option<&'a str>,
    /// Names and texts of further columns of the summary
    pub tags: &'a [(String, String)],
}

/// The files of a run in progress
pub(super) struct RunFiles<'a> {
    /// The run's folder
    pub folder: PathBuf,
    config: &'a TrainConfig,
    data: &'a RunData<'a>,
    /// Before `epochs`, so that a checkpoint that is being written is complete when the lock of `epochs` ends
    saver: Saver,
    pub epochs: CsvWriter,
}

impl<'a> RunFiles<'a> {
    /// Writes config.toml and the header of epochs.csv into the run's folder, which was made for this run
    ///
    /// # Errors
    /// If they can't be written; then the folder is removed, so that the same command can be repeated.
    pub fn create(config: &'a TrainConfig, data: &'a RunData<'a>, folder: PathBuf) -> Result<Self> {
        let begin = || -> Result<_> {
            sync_folder(folder_of(&folder)).map_err(Error::writing(&folder))?;
            write_config(config, &folder)?;
            Ok((create_epochs(config, &folder)?, Saver::start()?))
        };
        let (epochs, saver) = begin().inspect_err(|_| remove(&folder))?;
        Ok(Self { epochs, folder, config, data, saver })
    }

    /// Removes the folder of a run that was made by this process, if its first state could not be saved
    pub fn abandon(self) {
        let Self { folder, saver, epochs, .. } = self;
        drop((saver, epochs));
        remove(&folder);
    }

    /// Opens the files of a run that goes on from a checkpoint, as if what came after it had not been written
    ///
    /// * `copy_of`: the folder from which `folder` is copied first
    ///
    /// # Errors
    /// If another process trains the run, or has trained it since `saved` was read, epochs.csv is not as it was written,
    /// or the files can't be copied.
    pub fn reopen(
        config: &'a TrainConfig,
        data: &'a RunData<'a>,
        folder: PathBuf,
        saved: &Saved,
        copy_of: Option<&Path>,
    ) -> Result<Self> {
        if let Some(from) = copy_of {
            copy_run(from, &folder, saved)?;
        }
        let columns = EpochRow::columns(config.val_split > 0.0);
        let is_newest = || check_newest(&folder, &folder, saved);
        let (path, kept) = (folder.join(EPOCHS), saved.whole_epochs());
        let epochs = CsvWriter::reopen(&path, kept, columns, config.csv_dialect, is_newest)?;
        Ok(Self { epochs, folder, config, data, saver: Saver::start()? })
    }

    /// Makes a run that goes on one that has not ended, with its settings of now; called when a state is saved, so that a
    /// run that can't go on stays as it was
    ///
    /// # Errors
    /// If its files can't be changed.
    pub fn begin_again(&self) -> Result<()> {
        let summary = self.folder.join(SUMMARY);
        if summary.exists() {
            fs::remove_file(&summary).map_err(Error::writing(&summary))?;
        }
        write_config(self.config, &self.folder)
    }

    /// Replaces the models and checkpoint.safetensors by those of a state, while the training goes on
    ///
    /// The models are written first: a run that goes on from the checkpoint writes them again.
    ///
    /// * `state`: copies the state; called when an older copy that still waits has been dropped, so that there are two
    ///   copies at most
    ///
    /// # Errors
    /// If an earlier state could not be saved.
    pub fn save<T: Scalar>(
        &self,
        model: &Mlp<T>,
        state: impl FnOnce() -> TrainState<T>,
        saved: Saved,
    ) -> Result<()> {
        self.saver.drop_waiting();
        let state = state();
        let mut metadata = model_file::metadata(model, self.data.metadata());
        if self.config.dtype == Dtype::Bf16 {
            metadata.insert(PRODUCTS.to_owned(), BF16.to_owned());
        }
        let (tensors, folder, keep) = (Tensors::of(model), self.folder.clone(), self.config.keep);
        let sync_rows = self.epochs.syncer()?;
        self.saver.save(Box::new(move || {
            let write = |name: &str, elements: &[Vec<T>]| {
                let path = folder.join(name);
                replace_atomically(&path, |file| {
                    tensors.write_model(file, metadata.clone(), elements).map_err(Error::writing(&path))
                })
            };
            match (&state.best, keep) {
                (Some(best), Keep::Best) => write(MODEL, best)?,
                (Some(best), Keep::Both) => {
                    write(BEST_MODEL, best)?;
                    write(MODEL, &state.tensors)?;
                }
                (None, _) | (Some(_), Keep::Last) => write(MODEL, &state.tensors)?,
            }
            if let Some(average) = &state.average {
                write(AVERAGE_MODEL, average)?;
            }
            // After a power failure, epochs.csv must not be shorter than the checkpoint says.
            sync_rows()?;
            let path = folder.join(CHECKPOINT);
            replace_atomically(&path, |file| {
                tensors.write_checkpoint(file, &saved, &state).map_err(Error::writing(&path))
            })
        }))
    }

    /// Waits until every state is saved
    ///
    /// # Errors
    /// If one could not be.
    pub fn finish_saving(&self) -> Result<()> {
        self.saver.finish()
    }

    /// Writes what was predicted for the test set: confusion.csv, classes.csv and class_means.csv, or in regression
    /// targets.csv and predictions.csv
    pub fn write_predicted(&self, sums: &LossSum, predicted: &Predicted) -> Result<()> {
        let (outputs, config) = (&self.data.outputs, self.config);
        match predicted {
            Predicted::Classes(confusion) => {
                confusion_files::write(&self.folder, confusion, outputs.classes(), config.csv_dialect)
            }
            Predicted::Numbers(numbers) => {
                let rows = (&self.data.set.test.labels, &numbers[..]);
                let form = (config.dtype, config.csv_dialect);
                target_files::write(&self.folder, outputs.targets(), sums, rows, form)
            }
        }
    }

    /// Writes summary.csv, which marks the run as ended, after all rows of epochs.csv are on disk
    pub fn write_summary(&self, summary: &SummaryRow) -> Result<()> {
        self.epochs.sync()?;
        write_atomically(&self.folder.join(SUMMARY), &summary.to_csv(self.config.csv_dialect))
    }
}

/// Writes the files of a run that failed before or while it wrote its own: config.toml, the header of epochs.csv if
/// there is none, and a summary.csv that says `failed` and why; returns its row
///
/// # Errors
/// If they can't be written.
pub fn record_failure(
    config: &TrainConfig,
    parent: &Path,
    run_id: &str,
    names: RunNames<'_>,
    reason: Option<&str>,
) -> Result<SummaryRow> {
    let folder = parent.join(run_id);
    fs::create_dir_all(&folder).map_err(Error::writing(&folder))?;
    write_config(config, &folder)?;
    if !folder.join(EPOCHS).exists() {
        create_epochs(config, &folder)?;
    }
    let reason = reason.map(one_line);
    let result = RunResult { status: Status::Failed, reason, ..blank_result(run_id, now(), names) };
    let engine = resolved(config).unwrap_or(config.engine);
    let config = TrainConfig { threads: config.threads.or(Some(1)), engine, ..config.clone() };
    let dialect = config.csv_dialect;
    let summary = SummaryRow { config, result, tags: names.tags.to_vec() };
    write_atomically(&folder.join(SUMMARY), &summary.to_csv(dialect))?;
    Ok(summary)
}

/// The time now, as ISO 8601 in UTC
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The result of a run that has just started, with what is known about the program and the machine
pub(super) fn blank_result(run_id: &str, started_at: String, names: RunNames<'_>) -> RunResult {
    RunResult {
        run_id: run_id.to_owned(),
        started_at,
        version: VERSION,
        sweep_id: names.sweep_id.map(str::to_owned),
        simd: machine::simd(),
        cpu: machine::cpu(),
        host: machine::host(),
        commit: option_env!("CHAINRULE_COMMIT").filter(|commit| !commit.is_empty()),
        ..RunResult::default()
    }
}

/// The backend that the settings select on this processor
pub(super) fn resolved(config: &TrainConfig) -> Result<EngineChoice> {
    Ok(match config.engine.backend(config.dtype)? {
        Backend::Fused | Backend::Bf16 => EngineChoice::Fused,
        Backend::Matrixmultiply => EngineChoice::Matrixmultiply,
    })
}

/// Text as one line, for a cell: line breaks and other control characters are spaces
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Removes the files of a run and its folder; what is not of a run stays
fn remove(folder: &Path) {
    // The error before is reported, not one of the clean-up. The checkpoint goes first: without it no run goes on here.
    let _ = fs::remove_file(folder.join(CHECKPOINT));
    for name in NAMES {
        let _ = fs::remove_file(folder.join(name));
    }
    remove_leftovers(folder);
    let _ = fs::remove_dir(folder);
}

/// Copies the files of a run to a new folder, which appears whole, by one rename
///
/// # Errors
/// If there is something at `to`, a file can't be read or written, epochs.csv is not as the run wrote it, or the run was
/// trained since `saved` was read.
fn copy_run(from: &Path, to: &Path, saved: &Saved) -> Result<()> {
    let is_there = || {
        let advice = if to.join(CHECKPOINT).is_file() {
            format!("; to go on with that one, type: chainrule train --resume {}", shell_quoted(to))
        } else {
            String::new()
        };
        let problem = format!("is there already; the run would be copied from {} to it{advice}", shown(from));
        Error::content(to, problem)
    };
    if to.symlink_metadata().is_ok() {
        return Err(is_there());
    }
    // From the last name to the first: of a run that goes on, epochs.csv may be newer than the checkpoint, but not older.
    let fill = |beside: &Path| {
        for name in NAMES.iter().rev().filter(|name| from.join(name).is_file()) {
            copy_file(&from.join(name), &beside.join(name), &to.join(name))?;
        }
        check_newest(beside, from, saved)
    };
    saved.whole_epochs().check(&from.join(EPOCHS))?;
    if create_folder(to, fill)? { Ok(()) } else { Err(is_there()) }
}

/// Copies a file to a new one at `beside`, which errors name `to`
fn copy_file(from: &Path, beside: &Path, to: &Path) -> Result<()> {
    let mut original = open_regular(from)?;
    let mut file = File::create_new(beside).map_err(Error::writing(to))?;
    let mut block = vec![0; 1 << 16];
    loop {
        let len = match original.read(&mut block) {
            Ok(0) => return file.sync_all().map_err(Error::writing(to)),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(Error::reading(from))?,
        };
        file.write_all(&block[..len]).map_err(Error::writing(to))?;
    }
}

/// Checks that the checkpoint in `folder`, which an error names as that in `named`, is the one that was read
fn check_newest(folder: &Path, named: &Path, saved: &Saved) -> Result<()> {
    if Checkpoint::read(folder)?.saved == *saved {
        return Ok(());
    }
    let problem = "another process has trained the run since its checkpoint was read; resume it again";
    Err(Error::content(&named.join(CHECKPOINT), problem))
}

/// Writes config.toml, from which the run can be repeated
fn write_config(config: &TrainConfig, folder: &Path) -> Result<()> {
    let path = folder.join(CONFIG);
    let head =
        format!("# chainrule {VERSION}; repeat with: chainrule train --config {}\n", shell_quoted(&path));
    write_atomically(&path, (head + &config.to_toml()?).as_bytes())
}

fn create_epochs(config: &TrainConfig, folder: &Path) -> Result<CsvWriter> {
    let columns = EpochRow::columns(config.val_split > 0.0);
    CsvWriter::create(&folder.join(EPOCHS), columns, config.csv_dialect)
}

/// The error that a run can't be named after `folder`, which exists: says what is there, and what to do
pub fn taken(folder: &Path) -> Error {
    let has = |name: &str| folder.join(name).exists();
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let what = match () {
        () if has("plan.toml") => "a sweep",
        () if has(SUMMARY) => "a run that has ended",
        () if has(CONFIG) => "a run that has not ended, or was killed,",
        () if folder.is_dir() => "a folder that is no run",
        () => "a file",
    };
    let problem = format!(
        "{what} is there already; give the new run another name (--run-id {name}-2) or leave out --run-id; to repeat it under \
         this name, first remove or rename {}",
        shown(folder)
    );
    Error::content(folder, problem)
}

/// Makes the folder of a new run, named `run_id` or after the time, in `parent`; returns its name and path
pub(super) fn make_folder(parent: &Path, run_id: Option<&str>, start: &str) -> Result<(String, PathBuf)> {
    fs::create_dir_all(parent).map_err(Error::writing(parent))?;
    // 2026-11-23T23:33:04Z becomes run-20261123-233304; a second run in the same second gets a number at the end.
    let time = start.replace(['-', ':', 'Z'], "").replace('T', "-");
    let mut name = run_id.map_or_else(|| format!("run-{time}"), str::to_owned);
    for number in 2.. {
        let folder = parent.join(&name);
        match fs::create_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists && run_id.is_none() => {
                name = format!("run-{time}-{number}");
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(taken(&folder)),
            made => return made.map(|()| (name, folder.clone())).map_err(Error::writing(&folder)),
        }
    }
    unreachable!("a free name is found before the numbers end")
}
