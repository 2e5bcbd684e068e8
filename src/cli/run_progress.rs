//! Progress of a run on stderr: a bar on a terminal, plain lines elsewhere, nothing with --quiet

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::time::{Duration, Instant};

use chainrule::config::TrainConfig;
use chainrule::data::Dataset;
use chainrule::nn::loss::LossSum;
use chainrule::train::dims::Dims;
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::format::{percent, thousands};
use super::note;

/// Drawings of the bar per second; few, since a thread that trains draws them
const DRAWS_PER_S: u8 = 10;

/// Whether stderr is a terminal that can draw bars
pub fn is_terminal() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The style of a progress bar
pub fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// Writes the progress of a run to stderr
pub struct Progress {
    quiet: bool,
    epochs: u32,
    batches: usize,
    net: String,
    bar: Option<ProgressBar>,
    drawn: Instant,
}

impl Progress {
    pub fn new(config: &TrainConfig, data: &Dataset, quiet: bool) -> Self {
        let dims = Dims(config.dims(data.features(), data.classes.len()));
        let threads = rayon::current_num_threads();
        let net = format!(
            "{}, {} training{} and {} test images; net {dims}, {}, {}",
            data.source,
            data.train.len(),
            if config.val_split > 0.0 { format!(" ({} held out)", config.val_split) } else { String::new() },
            data.test.len(),
            config.activation,
            if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") },
        );
        Self { quiet, epochs: config.epochs, batches: 0, net, bar: None, drawn: Instant::now() }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None if !self.quiet => note(line),
            None => {}
        }
    }
}

impl Reporter for Progress {
    fn started(&mut self, folder: &Path, parameters: usize, batches: usize) {
        self.batches = batches;
        self.line(&format!("{}, {parameters} parameters; files in {}", self.net, folder.display()));
        if !self.quiet && is_terminal() && self.epochs > 0 {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S);
            let bar = ProgressBar::with_draw_target(Some(u64::from(self.epochs) * batches as u64), target);
            bar.set_style(style("{msg} {wide_bar} {percent:>3} %, {eta} left"));
            self.bar = Some(bar);
        }
    }

    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum) {
        let Some(bar) = &self.bar else { return };
        if self.drawn.elapsed() < Duration::from_secs(1) / u32::from(DRAWS_PER_S) {
            return;
        }
        self.drawn = Instant::now();
        bar.set_position(u64::from(epoch - 1) * self.batches as u64 + batch as u64);
        let (Some(loss), Some(accuracy)) = (sums.mean_loss(), sums.accuracy()) else { return };
        let images_per_batch = sums.rows as f64 / batch as f64;
        let rate = bar.per_sec() * images_per_batch;
        bar.set_message(format!(
            "epoch {epoch}/{}, loss {loss:.4}, accuracy {}, {} samples/s",
            self.epochs,
            percent(accuracy),
            thousands(rate)
        ));
    }

    fn epoch(&mut self, metrics: &EpochMetrics) {
        let EpochMetrics { epoch, train, val, test, seconds, .. } = metrics;
        let width = self.epochs.to_string().len();
        let part = |(name, sums): (&str, &LossSum)| {
            let (loss, accuracy) =
                (sums.mean_loss().unwrap_or_default(), sums.accuracy().unwrap_or_default());
            format!("{name} loss {loss:.4}, accuracy {}; ", percent(accuracy))
        };
        let parts = [("train", Some(train)), ("validation", val.as_ref()), ("test", test.as_ref())];
        let parts = parts.into_iter().filter_map(|(name, sums)| Some(part((name, sums?))));
        self.line(&format!(
            "epoch {epoch:>width$}/{}: {}{seconds:.3} s, {} samples/s",
            self.epochs,
            parts.collect::<String>(),
            thousands(train.rows as f64 / seconds),
        ));
        if let Some(bar) = self.bar.as_ref().filter(|_| *epoch == self.epochs) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    /// Removes the bar of a run that ended early
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
