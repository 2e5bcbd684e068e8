//! Progress of a sweep on stderr: a line for each running trial on a terminal, for each ended trial elsewhere

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chainrule::nn::loss::LossSum;
use chainrule::sweep::{Observer, Trial};
use chainrule::tables::{RunResult, Status};
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::format::percent;
use super::note;
use super::run_progress::{is_terminal, style};

/// Drawings of a trial's line per second
const DRAWS_PER_S: u8 = 5;

/// Shows the progress of a sweep
pub struct SweepProgress {
    folder: PathBuf,
    jobs: usize,
    quiet: bool,
    lines: Option<MultiProgress>,
    trials: AtomicUsize,
    done: AtomicUsize,
}

impl SweepProgress {
    pub fn new(folder: &Path, jobs: usize, quiet: bool) -> Self {
        let target = || ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S);
        Self {
            folder: folder.to_owned(),
            jobs,
            quiet,
            lines: (!quiet && is_terminal()).then(|| MultiProgress::with_draw_target(target())),
            trials: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        }
    }

    fn line(&self, line: &str) {
        match &self.lines {
            // A terminal that can't be written to is ignored.
            Some(lines) => lines.println(line).unwrap_or_default(),
            None if !self.quiet => note(line),
            None => {}
        }
    }
}

impl Observer for SweepProgress {
    fn started(&self, trials: usize, kept: usize) {
        self.trials.store(trials, Ordering::Relaxed);
        self.done.store(kept, Ordering::Relaxed);
        let kept = if kept > 0 { format!(", {kept} of them ended before") } else { String::new() };
        self.line(&format!(
            "{trials} trials{kept}, {} at once; files in {}",
            self.jobs,
            self.folder.display()
        ));
    }

    fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_> {
        let bar = self.lines.as_ref().map(|lines| {
            let bar = lines.add(ProgressBar::new(1));
            bar.set_style(style("{prefix} {wide_bar} {msg}"));
            bar.set_prefix(format!("{} {}", trial.id, trial.label()).trim_end().to_owned());
            bar
        });
        Box::new(Line { bar, epochs: trial.config.epochs, batches: 0, looked: Instant::now() })
    }

    fn ended(&self, trial: &Trial, result: &RunResult, problem: Option<&str>) {
        let (done, all) =
            (1 + self.done.fetch_add(1, Ordering::Relaxed), self.trials.load(Ordering::Relaxed));
        let width = all.to_string().len();
        let name = format!("{} {}", trial.id, trial.label());
        let mut line = format!("[{done:>width$}/{all}] {}: {}", name.trim_end(), result.status);
        for (what, accuracy) in [("validation", result.val_accuracy), ("test", result.test_accuracy)] {
            if let Some(accuracy) = accuracy {
                line += &format!(", {what} accuracy {}", percent(accuracy.value()));
            }
        }
        if let Some(s) = result.train_s.filter(|&s| s > 0.0) {
            line += &format!(", {s:.2} s");
        }
        if let Some(problem) = problem {
            line += &format!(": {problem}");
        }
        // Errors are shown with --quiet, too.
        if self.quiet && result.status == Status::Failed { note(&line) } else { self.line(&line) }
    }
}

/// The line of one running trial
struct Line {
    bar: Option<ProgressBar>,
    epochs: u32,
    batches: usize,
    looked: Instant,
}

impl Reporter for Line {
    fn started(&mut self, _: &Path, _: usize, batches: usize) {
        self.batches = batches;
        if let Some(bar) = &self.bar {
            bar.set_length(u64::from(self.epochs) * batches as u64);
        }
    }

    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum) {
        let Some(bar) = &self.bar else { return };
        if self.looked.elapsed() < Duration::from_secs(1) / u32::from(DRAWS_PER_S) {
            return;
        }
        self.looked = Instant::now();
        bar.set_position(u64::from(epoch - 1) * self.batches as u64 + batch as u64);
        let loss = sums.mean_loss().unwrap_or_default();
        bar.set_message(format!("epoch {epoch}/{}, loss {loss:.4}", self.epochs));
    }

    fn epoch(&mut self, _: &EpochMetrics) {}
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
