//! Runs the trials of a plan side by side

use std::any::Any;
use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::dataset_cache::Shelf;
use super::folder::{self, Folder};
use super::plan::{Plan, Trial};
use super::shard::Shard;
use super::tally::Tally;
use super::trial_rows::{Growing, Rows, Tables};
use crate::error::{Error, Result};
use crate::plot::folder_pictures as figures;
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
    /// Trials at once
    pub jobs: usize,
    /// Go on in a folder that is there
    pub resume: bool,
    /// Also run again what failed or diverged
    pub retry_failed: bool,
    /// Stop at the first trial that fails or diverges
    pub fail_fast: bool,
    /// Only these trials
    pub shard: Option<Shard>,
    /// Which pictures to draw
    pub plots: Plots,
    /// The command that goes on with this sweep, for messages
    pub how_to_resume: String,
}

/// What a sweep tells while it goes on, from several threads at once
pub trait Observer: Sync {
    /// Before the first trial: how many there are, and how many of them had ended before
    fn started(&self, trials: usize, kept: usize);
    /// Before a trial: what is to be told of its run
    fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_>;
    /// After a trial
    fn ended(&self, trial: &Trial, end: &TrialEnd);
}

/// How a trial ended
#[derive(Clone, Debug)]
pub struct TrialEnd {
    /// `ok`, `diverged`, `failed` or `interrupted`
    pub status: String,
    /// Of the test set, after the last epoch
    pub test_accuracy: Option<f64>,
    /// Of what is held out, after the last epoch
    pub val_accuracy: Option<f64>,
    /// Training alone, s
    pub train_s: Option<f64>,
    /// What went wrong
    pub problem: Option<String>,
}

/// What came of a sweep
#[derive(Debug)]
pub struct Ended {
    /// All trials that have ended, now or before
    pub tally: Tally,
    /// Trials that were not begun
    pub left: usize,
    /// Pictures and report
    pub drawn: Vec<PathBuf>,
}

/// Runs what is left of a plan in the folder `sweep`
///
/// Trials that fail, for whatever reason, become rows that say so, and the sweep goes on.
///
/// * `stop`: looked at after each batch and before each trial; set by the sweep itself where one failure is enough
///
/// # Errors
/// If the folder is not to be had (see [`Options::resume`]), the only data set can't be loaded, or a row can't
/// be written. Trials that ended until then are kept.
pub fn run(
    plan: &Plan,
    sweep: &Path,
    options: &Options,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Ended> {
    let mine = |trial: &&Trial| options.shard.is_none_or(|shard| shard.holds(trial.number));
    let mine: Vec<&Trial> = plan.trials.iter().filter(mine).collect();
    let shelf = Shelf::new(&mine);
    // Where all trials want the same data, a problem with them is the sweep's, not a trial's.
    if let (1, Some(first)) = (shelf.len(), mine.first()) {
        shelf.get(first)?;
    }
    let folder = Folder::open(sweep, plan, options.shard, options.resume, &options.how_to_resume)?;
    let tables = Tables::new(plan);
    let todo = todo(&tables, &mine, sweep, options)?;
    tables.rebuild(&folder.files, sweep, mine.iter().copied(), |_, _| {})?;
    observer.started(mine.len(), mine.len() - todo.len());
    let sweeper = Sweeper {
        sweep,
        tables: &tables,
        shelf,
        growing: Mutex::new(Growing::open(&folder.files)?),
        fail_fast: options.fail_fast,
        plots: options.plots,
        observer,
        stop,
    };
    let begun = sweeper.work(&todo, options.jobs)?;
    drop(sweeper);
    let mut tally = Tally::default();
    tables.rebuild(&folder.files, sweep, mine.iter().copied(), |trial, rows| tally.add(trial, rows))?;
    // Also of a sweep that was stopped, or pictures of an earlier time would stand beside the tables.
    let drawn = if options.shard.is_none() { figures::redraw(sweep)? } else { Vec::new() };
    Ok(Ended { tally, left: todo.len() - begun, drawn })
}

/// The trials that have not ended, or are to be run again; nothing is left of them
fn todo<'t>(tables: &Tables, mine: &[&'t Trial], sweep: &Path, options: &Options) -> Result<Vec<&'t Trial>> {
    if options.resume && options.shard.is_none() {
        folder::sweep_out(sweep)?;
    }
    let mut todo = Vec::new();
    for trial in mine {
        let kept = match tables.rows(trial, sweep)? {
            Some(rows) => match rows.status() {
                "ok" => true,
                "diverged" | "failed" => !options.retry_failed,
                _ => false,
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
    tables: &'a Tables,
    shelf: Shelf,
    growing: Mutex<Growing>,
    fail_fast: bool,
    plots: Plots,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
}

impl Sweeper<'_> {
    /// Works through the trials with so many threads; says how many were begun
    fn work(&self, todo: &[&Trial], jobs: usize) -> Result<usize> {
        let next = AtomicUsize::new(0);
        let worker = || -> Result<()> {
            while !self.stop.load(Ordering::Relaxed) {
                let Some(trial) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let ended = self.trial(trial);
                if ended.is_err() {
                    // A row that can't be written is no trial's fault: the next could not be written either.
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

    /// One trial, from its start to its rows
    fn trial(&self, trial: &Trial) -> Result<()> {
        let mut problem = catch_unwind(AssertUnwindSafe(|| self.train(trial)))
            .unwrap_or_else(|panic| Some(format!("panicked: {}", message(&*panic))));
        self.shelf.put_back(trial);
        if !self.sweep.join(&trial.id).join("summary.csv").exists() {
            record_failure(&trial.config, self.sweep, &trial.id)?;
        }
        let Some(rows) = self.tables.rows(trial, self.sweep)? else {
            unreachable!("a trial with a summary has rows")
        };
        self.growing.lock().unwrap_or_else(PoisonError::into_inner).push(&rows)?;
        if self.fail_fast && matches!(rows.status(), "failed" | "diverged") {
            self.stop.store(true, Ordering::Relaxed);
        }
        if rows.status() == "diverged" && problem.is_none() {
            problem = Some("the loss is not finite, or above 100,000 nats".to_owned());
        }
        self.observer.ended(trial, &end(&rows, problem));
        Ok(())
    }

    /// Trains; says what went wrong, if anything did
    fn train(&self, trial: &Trial) -> Option<String> {
        let train = || -> Result<Option<Error>> {
            let data = self.shelf.get(trial)?;
            let mut reporter = self.observer.trial(trial);
            let (config, run_id) = (&trial.config, Some(trial.id.as_str()));
            let request = Request { config, data: &data, parent: self.sweep, run_id };
            let outcome = pool(config.threads.unwrap_or(1))?
                .install(|| run::train(&request, &mut *reporter, self.stop))?;
            let drawn = match self.plots {
                Plots::Sweep => Ok(Vec::new()),
                Plots::Each => figures::redraw(&outcome.folder),
            };
            Ok(outcome.error.or(drawn.err()))
        };
        train().unwrap_or_else(Some).map(|error| chain(&error))
    }
}

fn end(rows: &Rows, problem: Option<String>) -> TrialEnd {
    let number = |name: &str| rows.summary.number(name);
    TrialEnd {
        status: rows.status().to_owned(),
        test_accuracy: number("test_accuracy"),
        val_accuracy: number("val_accuracy"),
        train_s: number("train_s"),
        problem,
    }
}

/// An error and what lies under it
fn chain(error: &Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// What a panic said
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
