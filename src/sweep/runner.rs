//! The runner: trains the trials of a plan side by side

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::dataset_cache::DatasetCache;
use super::folder::{self, Claim, Files};
use super::half_trained;
use super::halving::{Halving, RUNG};
use super::plan::{Plan, Trial};
use super::rungs::{self, Next};
use super::shard::Shard;
use super::trial_check::{Checked, check};
use super::trial_rows::{SweepTables, append};
use crate::data::run_data::RunData;
use crate::data::{DataOptions, Dataset};
use crate::error::{Error, Result, first_ten};
use crate::plot::folder_pictures;
use crate::report::analysis::Analysis;
use crate::report::divergence;
use crate::tables::reader::Table;
use crate::tables::{RunResult, Status, SummaryRow};
use crate::train::monitor;
use crate::train::run::{self, Reporter, Request, Resume, RunNames};
use crate::train::run_files::{MODEL, record_failure};
use crate::train::thread_count::pool;
use crate::train::trainer::check_side_by_side;

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
    /// Whether to run trials again that failed or diverged; those that failed go on from their checkpoints
    pub retry_failed: bool,
    /// Whether to stop at the first trial that fails or diverges
    pub fail_fast: bool,
    /// The shard whose trials are run; `None`: all trials
    pub shard: Option<Shard>,
    /// Which pictures to draw
    pub plots: Plots,
    /// When the sweep stops if it has not ended, as it does at a signal; `None`: it runs all trials
    pub deadline: Option<Instant>,
    /// The command that resumes this sweep, for messages
    pub how_to_resume: String,
}

impl Options {
    fn claim(&self) -> Claim<'_> {
        Claim { shard: self.shard, resume: self.resume, how_to_resume: &self.how_to_resume }
    }
}

/// Receives the progress of a sweep, from several threads at once
pub trait Observer: Sync {
    /// Called before a trial with each warning about its data; other trials may have the same
    fn warn(&self, _warning: &str) {}
    /// Called before the first trial, with the number of trials and the number of those that ended in an earlier process
    fn started(&self, trials: usize, kept: usize);
    /// Called before the trials of a rung of a halving, which have not ended it: the rung, counted from 1, of how many, the number of
    /// these trials, and the epoch after which they halt
    fn rung(&self, _rung: usize, _of: usize, _trials: usize, _epochs: u32) {}
    /// Called before a trial; returns what receives the progress of its run
    fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_>;
    /// Called after a trial with its result, and with the error if there was one
    fn ended(&self, trial: &Trial, result: &RunResult, problem: Option<&str>);
}

/// The result of a sweep
#[derive(Debug)]
pub struct Ended {
    /// The analysis of all trials that have ended, now or before, from which `report.md` is written
    pub analysis: Analysis,
    /// Number of trials that were not begun
    pub left: usize,
    /// The rung, counted from 1, that this shard has ended and others have not; they come first
    pub waits: Option<usize>,
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
/// If the folder can't be used (see [`Options::resume`]), the only data set can't be loaded, data have changed since a trial was
/// trained on them, or a row can't be written. Trials that ended before the error are kept.
pub fn run(
    plan: &Plan,
    sweep: &Path,
    options: &Options,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Ended> {
    let mine = plan.trials_of(options.shard);
    let cache = DatasetCache::new(&mine);
    cache.check_standard_input()?;
    // If all trials use the same data, a problem with the data ends the sweep.
    if let Some((first, rest)) = mine.split_first()
        && rest.iter().all(|trial| DataOptions::from(&trial.config) == DataOptions::from(&first.config))
    {
        let data = cache.get(first)?;
        check_side_by_side(mine.iter().map(|trial| &trial.config), &data, options.jobs)?;
    }
    let (files, _lock) = folder::open(sweep, plan, options.claim())?;
    let tables = SweepTables::new(plan);
    let files_lock = Mutex::new(&files);
    let known = HashMap::new();
    let mut sweeper =
        Sweeper { sweep, tables: &tables, cache, known, files: files_lock, options, observer, stop };
    let todo = sweeper.todo(&mine)?;
    tables.rebuild(&files, sweep, &mine)?;
    observer.started(mine.len(), mine.len() - todo.len());
    let (left, waits) = match &plan.halving {
        None => (todo.len() - sweeper.work(&todo, &Step::default())?, None),
        Some(halving) => sweeper.halve(plan, halving, &mine)?,
    };
    drop(sweeper);
    tables.rebuild(&files, sweep, &mine)?;
    let mut analysis = Analysis::from_table(&Table::read(&files.runs)?)?;
    analysis.rung_ends = plan.rung_ends();
    // A sweep that was stopped is drawn, too: otherwise old pictures would remain beside new tables.
    let drawn = if options.shard.is_none() { folder_pictures::redraw(sweep)? } else { Vec::new() };
    Ok(Ended { analysis, left, waits, drawn })
}

/// What all trials of a rung have in common; of a sweep without a halving, the default
#[derive(Debug, Default)]
struct Step {
    /// The epoch after which trials halt
    halt_after: Option<u32>,
    /// The column with the number of the rung
    tags: Vec<(String, String)>,
    /// Whether trials may have rows in the tables already, so that none are appended
    has_rows: bool,
}

struct Sweeper<'a> {
    sweep: &'a Path,
    tables: &'a SweepTables,
    cache: DatasetCache,
    /// For each value of `data`, the trials that were trained on it before; of those with one hash, the first
    known: HashMap<DataOptions, Vec<TrainedOn>>,
    /// Locked while a trial's rows are appended
    files: Mutex<&'a Files>,
    options: &'a Options,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
}

/// The data of a trial that was trained before
struct TrainedOn {
    hash: String,
    trial: String,
    /// `ended`, or `began` for a trial that goes on
    when: &'static str,
}

impl Sweeper<'_> {
    /// Returns the trials to run, in order, and removes the folders of those that can't go on from a checkpoint
    ///
    /// # Errors
    /// If files of trials do not fit the plan, or the data of all trials have changed since one ended or was stopped.
    fn todo<'t>(&mut self, mine: &[&'t Trial]) -> Result<Vec<&'t Trial>> {
        if self.options.resume {
            folder::remove_unfinished(self.sweep, mine.iter().copied());
        }
        let mut todo = Vec::new();
        let (mut doubts, mut go_on) = (Vec::new(), HashSet::new());
        for trial in mine {
            let mut may_go_on = false;
            let kept = match check(trial, self.sweep)? {
                Checked::Ended(Status::Ok | Status::Halted, hash) => {
                    hash.into_iter().for_each(|hash| self.trained_on(trial, hash, "ended"));
                    true
                }
                Checked::Ended(Status::Diverged, _) => !self.options.retry_failed,
                // What it failed for, such as a full disk, may be over.
                Checked::Ended(Status::Failed, _) => {
                    may_go_on = self.options.retry_failed && half_trained::is_kept(trial, self.sweep);
                    !self.options.retry_failed
                }
                Checked::Doubtful(doubt) => {
                    doubts.push(format!("{} ({doubt})", trial.id));
                    false
                }
                Checked::Ended(Status::Interrupted | Status::TimeLimit, _) | Checked::Open => {
                    may_go_on = self.options.resume;
                    false
                }
            };
            if !kept {
                todo.push(*trial);
            }
            if may_go_on && let Some(checkpoint) = half_trained::checkpoint(trial, self.sweep) {
                self.trained_on(trial, checkpoint.saved.data_hash, "began");
                go_on.insert(trial.id.as_str());
            }
        }
        if !doubts.is_empty() && !self.options.retry_failed {
            let retry = format!("{} --retry-failed", self.options.how_to_resume);
            let problem = format!(
                "trials do not fit the plan: {}; to run them again, type: {retry}",
                first_ten(doubts.into_iter(), "; ")
            );
            return Err(Error::content(self.sweep, problem));
        }
        if let Some((first, rest)) = todo.split_first()
            && rest.iter().all(|trial| files(trial) == files(first))
            && self.known.contains_key(&files(first))
        {
            self.check_data(first, &*self.cache.get(first)?)?;
        }
        for trial in todo.iter().filter(|trial| !go_on.contains(&trial.id.as_str())) {
            folder::clear(self.sweep, trial)?;
        }
        Ok(todo)
    }

    /// Keeps the hash of the data that a trial was trained on
    fn trained_on(&mut self, trial: &Trial, hash: String, when: &'static str) {
        let known = self.known.entry(files(trial)).or_default();
        if known.iter().all(|other| other.hash != hash) {
            known.push(TrainedOn { hash, trial: trial.id.clone(), when });
        }
    }

    /// Checks that the data of a trial are those that other trials, and itself, were trained on before
    fn check_data(&self, trial: &Trial, data: &Dataset) -> Result<()> {
        let now = data.hash();
        let known = self.known.get(&files(trial));
        let Some(other) = known.into_iter().flatten().find(|other| other.hash != now) else { return Ok(()) };
        let TrainedOn { hash, trial, when } = other;
        let problem = format!(
            "the data have changed since {trial} {when}: their hash was {hash}, and is {now}; bring the old data back, or start \
             another sweep with --sweep-id"
        );
        Err(Error::content(Path::new(&data.source), problem))
    }

    /// Whether no other trial is begun
    fn is_over(&self) -> bool {
        let has_passed = |deadline| Instant::now() >= deadline;
        self.stop.load(Ordering::Relaxed) || self.options.deadline.is_some_and(has_passed)
    }

    /// Runs the rungs of a halving, one after the other
    ///
    /// Returns the number of trials of the rung in which it was stopped that were not begun, and the rung that other shards have
    /// not ended.
    fn halve(&self, plan: &Plan, halving: &Halving, mine: &[&Trial]) -> Result<(usize, Option<usize>)> {
        loop {
            let (number, due) = match rungs::next(plan, halving, self.sweep, self.options.shard)? {
                Next::Train(number, due) => (number, due),
                Next::Wait(number) => return Ok((0, Some(number + 1))),
                Next::Done => return Ok((0, None)),
            };
            if self.is_over() {
                return Ok((due.len(), None));
            }
            let epochs = halving.rungs[number].epochs;
            let step = Step {
                halt_after: Some(epochs),
                tags: vec![(RUNG.to_owned(), (number + 1).to_string())],
                has_rows: number > 0,
            };
            self.observer.rung(number + 1, halving.rungs.len(), due.len(), epochs);
            let begun = self.work(&due, &step)?;
            if step.has_rows {
                let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
                self.tables.rebuild(&files, self.sweep, mine)?;
            }
            if begun < due.len() || self.is_over() {
                return Ok((due.len() - begun, None));
            }
        }
    }

    /// Runs the trials, each on one of [`Options::jobs`] threads; returns how many were begun
    fn work(&self, todo: &[&Trial], step: &Step) -> Result<usize> {
        let next = AtomicUsize::new(0);
        let worker = || -> Result<()> {
            while !self.is_over() {
                let Some(trial) = todo.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let ended = self.trial(trial, step);
                if ended.is_err() {
                    // If a row can't be written, the next can't be written either.
                    self.stop.store(true, Ordering::Relaxed);
                }
                ended?;
            }
            Ok(())
        };
        let jobs = self.options.jobs.min(todo.len());
        let failed = |e: std::io::Error| {
            // The trials that have begun are stopped, and a resume repeats them.
            self.stop.store(true, Ordering::Relaxed);
            Error::Threads { threads: jobs, problem: e.to_string() }
        };
        std::thread::scope(|scope| {
            let start = |_| std::thread::Builder::new().spawn_scoped(scope, worker).map_err(failed);
            let threads: Vec<_> = (0..jobs).map(start).collect::<Result<_>>()?;
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        Ok(next.into_inner().min(todo.len()))
    }

    /// The labels that the trials' summaries get from the sweep
    fn names<'s>(&'s self, step: &'s Step) -> RunNames<'s> {
        RunNames { sweep_id: self.sweep.file_name().and_then(|name| name.to_str()), tags: &step.tags }
    }

    /// Runs one trial and writes its rows
    ///
    /// # Errors
    /// If its data have changed since a trial was trained on them, or its rows can't be written.
    fn trial(&self, trial: &Trial, step: &Step) -> Result<()> {
        let (mut summary, mut refused) = (None, Ok(()));
        let mut problem =
            catch_unwind(AssertUnwindSafe(|| self.train(trial, step, &mut summary, &mut refused)))
                .unwrap_or_else(|panic| Some(format!("panicked: {}", message(&*panic))));
        // A trial of a halving may go on later.
        if step.halt_after.is_none() {
            self.cache.release(trial);
        }
        // A half-trained trial stays as it is.
        refused?;
        let written = self.sweep.join(&trial.id).join("summary.csv").exists();
        let summary = match summary {
            Some(summary) if written => summary,
            _ => {
                let names = self.names(step);
                record_failure(&trial.config, self.sweep, &trial.id, names, problem.as_deref())?
            }
        };
        if !step.has_rows
            && let Some(rows) = self.tables.read(trial, self.sweep)?
        {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            append(&files, &rows)?;
        }
        let status = summary.result.status;
        if self.options.fail_fast && matches!(status, Status::Failed | Status::Diverged) {
            self.stop.store(true, Ordering::Relaxed);
        }
        if status == Status::Diverged && problem.is_none() {
            problem = Some(divergence::problem(summary.result.reason.as_deref(), &trial.config));
        }
        self.observer.ended(trial, &summary.result, problem.as_deref());
        Ok(())
    }

    /// Trains a trial and stores its summary; returns the error as text, if there was one
    ///
    /// * `refused`: stores the error if its data have changed since a trial was trained on them
    fn train(
        &self,
        trial: &Trial,
        step: &Step,
        summary: &mut Option<SummaryRow>,
        refused: &mut Result<()>,
    ) -> Option<String> {
        let mut train = || -> Result<Option<Error>> {
            let data = self.cache.get(trial)?;
            *refused = self.check_data(trial, &data);
            if refused.is_err() {
                return Ok(None);
            }
            let mut reporter = self.observer.trial(trial);
            let (config, run_id) = (&trial.config, Some(trial.id.as_str()));
            let checkpoint = half_trained::checkpoint(trial, self.sweep);
            if step.has_rows && checkpoint.is_none() {
                // It trained in the rungs before. Without its checkpoint it begins anew, and comes to the same bits.
                folder::clear(self.sweep, trial)?;
            }
            let run_data = match &checkpoint {
                Some(_) => RunData::of_run(config, &data, &self.sweep.join(&trial.id).join(MODEL))?,
                None => RunData::new(config, &data)?,
            };
            let chosen_on_test = monitor::warning(config, &run_data);
            let warnings = data.warnings.iter().chain(&run_data.warnings).chain(&chosen_on_test);
            warnings.for_each(|warning| self.observer.warn(warning));
            let resume = checkpoint.as_ref().map(|checkpoint| Resume { checkpoint, copy_of: None });
            let (parent, names, deadline) = (self.sweep, self.names(step), self.options.deadline);
            let halt_after = step.halt_after;
            let data = &run_data;
            let request = Request { config, data, parent, run_id, names, resume, deadline, halt_after };
            let outcome = pool(config.threads.unwrap_or(1))?
                .install(|| run::train(&request, &mut *reporter, self.stop))?;
            // A trial whose summary.csv could not be written has failed.
            let is_written = outcome.error.is_none() || outcome.summary.result.status == Status::Failed;
            *summary = is_written.then_some(outcome.summary);
            let drawn = match self.options.plots {
                Plots::Sweep => Ok(Vec::new()),
                Plots::Each => folder_pictures::redraw(&outcome.folder),
            };
            Ok(outcome.error.or(drawn.err()))
        };
        train().unwrap_or_else(Some).map(|error| error.chain())
    }
}

/// What is read from files for a trial
fn files(trial: &Trial) -> DataOptions {
    DataOptions::from(&trial.config).undivided()
}

/// The message of a panic
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref().map(String::as_str)).unwrap_or("without a message")
}
