//! Progress of a sweep on stderr: a bar for each running trial on a terminal, a line for each ended trial

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use chainrule::error::{printable, shown};
use chainrule::nn::loss::LossSum;
use chainrule::report::score::ScoreKind;
use chainrule::sweep::{Observer, Trial};
use chainrule::tables::{Metric, RunResult, Status};
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;

use super::format::{count, several};
use super::note;
use super::run_progress::{Bar, Screen};
use super::signals::Signals;

/// Shows the progress of a sweep
pub struct SweepProgress<'a> {
    folder: PathBuf,
    jobs: usize,
    quiet: bool,
    screen: Screen,
    trials: AtomicUsize,
    done: AtomicUsize,
    /// Warnings that were shown
    warned: Mutex<HashSet<String>>,
    signals: &'a Signals,
}

impl<'a> SweepProgress<'a> {
    pub fn new(folder: &Path, jobs: usize, quiet: bool, signals: &'a Signals) -> Self {
        let (screen, trials, done) = (Screen::new(quiet), AtomicUsize::new(0), AtomicUsize::new(0));
        let warned = Mutex::default();
        Self { folder: folder.to_owned(), jobs, quiet, screen, trials, done, warned, signals }
    }
}

impl Observer for SweepProgress<'_> {
    fn warn(&self, warning: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(warning.to_owned()) {
            self.screen.line(&format!("warning: {warning}"));
        }
    }

    fn started(&self, trials: usize, kept: usize) {
        self.signals.let_save();
        self.trials.store(trials, Ordering::Relaxed);
        self.done.store(kept, Ordering::Relaxed);
        let kept = if kept > 0 { format!(", {} of them ended before", count(kept)) } else { String::new() };
        let (jobs, folder) = (self.jobs, shown(&self.folder));
        self.screen.line(&format!("{}{kept}, {jobs} at once; files in {folder}", several(trials, "trial")));
    }

    fn rung(&self, rung: usize, of: usize, trials: usize, epochs: u32) {
        self.trials.store(trials, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        let (trials, epochs) = (several(trials, "trial"), count(epochs));
        self.screen.line(&format!("rung {rung} of {of}: {trials} to epoch {epochs}"));
    }

    fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_> {
        Box::new(TrialBar { screen: &self.screen, name: name(trial), epochs: trial.config.epochs, bar: None })
    }

    fn ended(&self, trial: &Trial, result: &RunResult, problem: Option<&str>) {
        let (done, all) =
            (1 + self.done.fetch_add(1, Ordering::Relaxed), self.trials.load(Ordering::Relaxed));
        let width = all.to_string().len();
        let mut line = format!("[{done:>width$}/{all}] {}: {}", name(trial), result.status);
        line += &scores(result);
        if let Some(s) = result.train_s.filter(|&s| s > 0.0) {
            line += &format!(", {s:.2} s");
        }
        if let Some(problem) = problem {
            line += &format!(": {problem}");
        }
        // Errors are shown with --quiet, too.
        if self.quiet && result.status == Status::Failed { note(&line) } else { self.screen.line(&line) }
    }
}

/// The id of a trial and its own settings
fn name(trial: &Trial) -> String {
    format!("{} {}", trial.id, trial.label()).trim_end().to_owned()
}

/// The scores of a result, as `, validation accuracy 88.31 %, test accuracy 88.02 %`; empty without any
fn scores(result: &RunResult) -> String {
    let scores = [
        ("validation", ScoreKind::Accuracy, result.val_accuracy),
        ("validation", ScoreKind::Rmse, result.val_rmse),
        ("test", ScoreKind::Accuracy, result.test_accuracy),
        ("test", ScoreKind::Rmse, result.test_rmse),
    ];
    let text = |(samples, kind, score): (&str, ScoreKind, Option<Metric>)| {
        Some(format!(", {samples} {} {}", kind.name(), kind.text_with_unit(score?.value())))
    };
    scores.into_iter().filter_map(text).collect()
}

/// The bar of a running trial
struct TrialBar<'a> {
    screen: &'a Screen,
    name: String,
    epochs: u32,
    bar: Option<Bar>,
}

impl Reporter for TrialBar<'_> {
    fn started(&mut self, _: &Path, _: usize, batches: usize) {
        self.bar = self.screen.bar("{prefix} {wide_bar} {msg}", self.epochs, batches);
        if let Some(Bar { bar, .. }) = &self.bar {
            bar.set_prefix(printable(&self.name).into_owned());
        }
    }

    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum) {
        let Some(bar) = &mut self.bar else { return };
        let loss = sums.mean_loss().unwrap_or_default();
        bar.draw(epoch, batch, |_| format!("epoch {epoch}/{}, loss {loss:.4}", self.epochs));
    }

    fn epoch(&mut self, _: &EpochMetrics) {}
}
