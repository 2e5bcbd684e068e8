//! The runner: trains the trials of a plan side by side

use std::any::Any;
use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::dataset_cache::DatasetCache;
use super::folder::{self, Folder};
use super::plan::{Plan, Trial};
use super::shard::Shard;
use super::trial_rows::{SweepTables, TableAppender};
use crate::error::{Error, Result};
use crate::plot::folder_pictures;
use crate::report::analysis::Analysis;
use crate::tables::{RunResult, Status, SummaryRow};
use crate::train::run::{self, Reporter, Request};
use crate::train::run_files::record_failure;
use crate::train::thread_count::pool;

/// Which pictures a sweep draws
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Plots {
    /// The sweep's own, once it has ended
    #[default]
    Sweep,
    /// Also those of each trial, in its folder
    Each,
}

/// How to run a plan
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of trials that run at once
    pub jobs: usize,
    /// Whether to resume in a folder that exists
    pub resume: bool,
    /// Whether to run trials again that failed or diverged
    pub retry_failed: bool,
    /// Whether to stop at the first trial that fails or diverges
    pub fail_fast: bool,
    /// The shard whose trials are run; `None`: all trials
    pub shard: Option<Shard>,
    /// Which pictures to draw
    pub plots: Plots,
    /// The command that resumes this sweep, for messages
    pub how_to_resume: String,
}

/// Receives the progress of a sweep, from several threads at once
pub trait Observer: Sync {
    /// Called before the first trial with the number of trials, and of those that ended in an earlier process
    fn started(&self, trials: usize, kept: usize);
    /// Called before a trial; returns what receives the progress of its run
    fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_>;
    /// Called after a trial with its result, and with the error if there was one
    fn ended(&self, trial: &Trial, result: &RunResult, problem: Option<&str>);
}

/// The result of a sweep
#[derive(Debug)]
pub struct Ended {
    /// The analysis of all trials that have ended, now or before: the same that `report.md` is written from
    pub analysis: Analysis,
    /// Number of trials that were not begun
    pub left: usize,
    /// Paths of the pictures and the report
    pub drawn: Vec<PathBuf>,
}

/// Runs the trials of a plan that have not ended, in the folder `sweep`
///
/// A trial that fails gets a row with its status, and the sweep continues.
///
/// * `stop`: read after each batch and before each trial; the sweep sets it after a failure with `fail_fast`
///
/// # Errors
/// If the folder can't be used (see [`Options::resume`]), the only data set can't be loaded, or a row can't be
/// written. Trials that ended before the error are kept.
pub fn run(
    plan: &Plan,
    sweep: &Path,
    options: &Options,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Ended> {
    let mine = |trial: &&Trial| options.shard.is_none_or(|shard| shard.holds(trial.number));
    let mine: Vec<&Trial> = plan.trials.iter().filter(mine).collect();
    let cache = DatasetCache::new(&mine);
    // If all trials use the same data, a problem with the data ends the sweep.
    if let (1, Some(first)) = (cache.len(), mine.first()) {
        cache.get(first)?;
    }
    let folder = Folder::open(sweep, plan, options.shard, options.resume, &options.how_to_resume)?;
    let tables = SweepTables::new(plan);
    let todo = todo(&tables, &mine, sweep, options)?;
    tables.rebuild(&folder.files, sweep, mine.iter().copied())?;
    observer.started(mine.len(), mine.len() - todo.len());
    let sweeper = Sweeper {
        sweep,
        tables: &tables,
        cache,
        appender: Mutex::new(TableAppender::open(&folder.files)?),
        fail_fast: options.fail_fast,
        plots: options.plots,
        observer,
        stop,
    };
    let begun = sweeper.work(&todo, options.jobs)?;
    drop(sweeper);
    tables.rebuild(&folder.files, sweep, mine.iter().copied())?;
    let analysis = Analysis::read(&folder.files.runs)?;
    // A sweep that was stopped is drawn, too: otherwise old pictures would remain beside new tables.
    let drawn = if options.shard.is_none() { folder_pictures::redraw(sweep)? } else { Vec::new() };
    Ok(Ended { analysis, left: todo.len() - begun, drawn })
}

/// Returns the trials to run, in order, and removes their unfinished folders
fn todo<'t>(
    tables: &SweepTables,
    mine: &[&'t Trial],
    sweep: &Path,
    options: &Options,
) -> Result<Vec<&'t Trial>> {
    if options.resume && options.shard.is_none() {
        folder::remove_unfinished(sweep)?;
    }
    let mut todo = Vec::new();
    for trial in mine {
        let kept = match tables.read(trial, sweep)? {
            Some(rows) => match rows.status {
                Status::Ok => true,
                Status::Diverged | Status::Failed => !options.retry_failed,
                Status::Interrupted => false,
            },
            None => false,
        };
        if !kept {
            folder::clear(sweep, trial)?;
            todo.push(*trial);
        }
    }
    Ok(todo)
}

struct Sweeper<'a> {
    sweep: &'a Path,
    tables: &'a SweepTables,
    cache: DatasetCache,
    appender: Mutex<TableAppender>,
    fail_fast: bool,
    plots: Plots,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
}

impl Sweeper<'_> {
    /// Runs the trials on `jobs` threads; returns how many were begun
    fn work(&self, todo: &[&Trial], jobs: usize) -> Result<usize> {
        let next = AtomicUsize::new(0);
        let worker = || -> Result<()> {
            while !self.stop.load(Ordering::Relaxed) {
                let Some(trial) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let ended = self.trial(trial);
                if ended.is_err() {
                    // A row could not be written: the next could not be written either.
                    self.stop.store(true, Ordering::Relaxed);
                }
                ended?;
            }
            Ok(())
        };
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..jobs.clamp(1, todo.len().max(1))).map(|_| scope.spawn(worker)).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        results.into_iter().collect::<Result<()>>()?;
        Ok(next.into_inner().min(todo.len()))
    }

    /// Runs one trial and writes its rows
    fn trial(&self, trial: &Trial) -> Result<()> {
        let mut summary = None;
        let mut problem = catch_unwind(AssertUnwindSafe(|| self.train(trial, &mut summary)))
            .unwrap_or_else(|panic| Some(format!("panicked: {}", message(&*panic))));
        self.cache.release(trial);
        let written = self.sweep.join(&trial.id).join("summary.csv").exists();
        let summary = match summary {
            Some(summary) if written => summary,
            _ => record_failure(&trial.config, self.sweep, &trial.id)?,
        };
        let rows = self.tables.rows(trial, self.sweep, &summary)?;
        self.appender.lock().unwrap_or_else(PoisonError::into_inner).push(&rows)?;
        if self.fail_fast && matches!(rows.status, Status::Failed | Status::Diverged) {
            self.stop.store(true, Ordering::Relaxed);
        }
        if rows.status == Status::Diverged && problem.is_none() {
            problem = Some("the loss is not finite, or above 100,000 nats".to_owned());
        }
        self.observer.ended(trial, &summary.result, problem.as_deref());
        Ok(())
    }

    /// Trains a trial and stores its summary; returns the error as text, if there was one
    fn train(&self, trial: &Trial, summary: &mut Option<SummaryRow>) -> Option<String> {
        let mut train = || -> Result<Option<Error>> {
            let data = self.cache.get(trial)?;
            let mut reporter = self.observer.trial(trial);
            let (config, run_id) = (&trial.config, Some(trial.id.as_str()));
            let request = Request { config, data: &data, parent: self.sweep, run_id };
            let outcome = pool(config.threads.unwrap_or(1))?
                .install(|| run::train(&request, &mut *reporter, self.stop))?;
            *summary = Some(outcome.summary);
            let drawn = match self.plots {
                Plots::Sweep => Ok(Vec::new()),
                Plots::Each => folder_pictures::redraw(&outcome.folder),
            };
            Ok(outcome.error.or(drawn.err()))
        };
        train().unwrap_or_else(Some).map(|error| chain(&error))
    }
}

/// The text of an error and its sources
fn chain(error: &Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The message of a panic
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
