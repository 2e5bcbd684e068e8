//! Progress of a run on stderr: a bar on a terminal, plain lines elsewhere, nothing with --quiet

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::time::{Duration, Instant};

use chainrule::config::TrainConfig;
use chainrule::data::run_data::RunData;
use chainrule::error::{printable, printable_lines, shown};
use chainrule::nn::loss::LossSum;
use chainrule::train::dims::Dims;
use chainrule::train::metrics::{AverageSums, EpochMetrics};
use chainrule::train::run::Reporter;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::format::{count, percent, several, significant, thousands};
use super::note;

/// Number of times that a bar is drawn per second; small, since a thread that trains draws it
const DRAWS_PER_S: u8 = 5;

/// Shows lines on stderr and, if it is a terminal, bars below them; shows nothing with --quiet
pub struct Screen {
    quiet: bool,
    bars: Option<MultiProgress>,
}

impl Screen {
    pub fn new(quiet: bool) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let draws = !quiet && !is_dumb && stderr().is_terminal();
        let target = || ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S);
        Self { quiet, bars: draws.then(|| MultiProgress::with_draw_target(target())) }
    }

    pub fn line(&self, line: &str) {
        match &self.bars {
            // A terminal that can't be written to is ignored.
            Some(bars) => bars.println(printable_lines(line)).unwrap_or_default(),
            None if !self.quiet => note(line),
            None => {}
        }
    }

    /// Adds the bar of a run, in the style of an indicatif `template`; `None` if no bars are shown
    pub fn bar(&self, template: &str, epochs: u32, batches: usize) -> Option<Bar> {
        let bar = ProgressBar::new(u64::from(epochs) * batches as u64);
        let bar = self.bars.as_ref().filter(|_| epochs > 0)?.add(bar);
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        Some(Bar { bar, batches, drawn: Instant::now() })
    }
}

/// The progress bar of a run, which is removed when it is dropped
pub struct Bar {
    pub bar: ProgressBar,
    batches: usize,
    drawn: Instant,
}

impl Bar {
    /// Draws the bar after a batch, counted from 1, with a message, unless the last drawing is too recent
    pub fn draw(&mut self, epoch: u32, batch: usize, message: impl FnOnce(&ProgressBar) -> String) {
        if self.drawn.elapsed() >= Duration::from_secs(1) / u32::from(DRAWS_PER_S) {
            self.drawn = Instant::now();
            self.bar.set_position(u64::from(epoch - 1) * self.batches as u64 + batch as u64);
            self.bar.set_message(printable(&message(&self.bar)).into_owned());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Writes the progress of a run to stderr
pub struct Progress {
    screen: Screen,
    epochs: u32,
    net: String,
    bar: Option<Bar>,
}

impl Progress {
    pub fn new(config: &TrainConfig, data: &RunData<'_>, quiet: bool) -> Self {
        let net = format!(
            "{}, {} samples; net {}, {}",
            printable(&data.set.source),
            samples(data),
            net(config, data),
            several(rayon::current_num_threads(), "thread"),
        );
        Self { screen: Screen::new(quiet), epochs: config.epochs, net, bar: None }
    }
}

/// The mean loss with the accuracy, or in regression the root-mean-square error; `None` without rows
fn loss_and_score(sums: &LossSum) -> Option<String> {
    let (loss, score) = (sums.mean_loss()?, score(sums)?);
    // An outlier can have a loss of many digits.
    let loss = if loss < 1e5 { format!("{loss:.4}") } else { significant(loss) };
    Some(format!("loss {loss}, {score}"))
}

/// The accuracy, or in regression the root-mean-square error; `None` without rows
fn score(sums: &LossSum) -> Option<String> {
    let accuracy = || sums.accuracy().map(|accuracy| format!("accuracy {}", percent(accuracy)));
    sums.rmse().map(|rmse| format!("RMSE {}", significant(rmse))).or_else(accuracy)
}

/// The scores of the averaged weights, as a part of the line of an epoch; empty without any
fn of_average(AverageSums { val, test }: &AverageSums) -> String {
    let scores = [("validation", val), ("test", test)].into_iter();
    let scores = scores.filter_map(|(name, sums)| Some(format!("{name} {}", score(sums.as_ref()?)?)));
    let scores = scores.collect::<Vec<_>>().join(", ");
    if scores.is_empty() { scores } else { format!("average: {scores}; ") }
}

/// How many samples are trained on, validated on and tested on
fn samples(data: &RunData<'_>) -> String {
    let (train, test) = (count(data.train_rows.len()), count(data.set.test.len()));
    match &data.val_rows {
        None => format!("{train} training and {test} test"),
        Some(rows) => format!("{train} training, {} validation and {test} test", count(rows.len())),
    }
}

/// The widths of the net, with what is between its linear layers if there are hidden layers
fn net(config: &TrainConfig, data: &RunData<'_>) -> String {
    let dims = Dims(data.dims(config));
    if config.hidden_dims.0.is_empty() { dims.to_string() } else { format!("{dims}, {}", config.design()) }
}

impl Reporter for Progress {
    fn started(&mut self, folder: &Path, parameters: usize, batches: usize) {
        let line = format!("{}, {}; files in {}", self.net, several(parameters, "parameter"), shown(folder));
        self.screen.line(&line);
        self.bar = self.screen.bar("{msg} {wide_bar} {percent:>3} %, {eta} left", self.epochs, batches);
    }

    fn batch(&mut self, epoch: u32, batch: usize, sums: &LossSum) {
        let Some(bar) = &mut self.bar else { return };
        bar.draw(epoch, batch, |bar| {
            let samples_per_batch = sums.rows as f64 / batch as f64;
            format!(
                "epoch {epoch}/{}, {}, {} samples/s",
                self.epochs,
                loss_and_score(sums).unwrap_or_default(),
                thousands(bar.per_sec() * samples_per_batch)
            )
        });
    }

    fn epoch(&mut self, metrics: &EpochMetrics) {
        let EpochMetrics { epoch, train, val, test, average, seconds, .. } = metrics;
        let width = self.epochs.to_string().len();
        let mut line = format!("epoch {epoch:>width$}/{}: ", self.epochs);
        for (name, sums) in [("train", Some(train)), ("validation", val.as_ref()), ("test", test.as_ref())] {
            let Some(metrics) = sums.and_then(loss_and_score) else { continue };
            line += &format!("{name} {metrics}; ");
        }
        line += &average.as_ref().map_or_else(String::new, of_average);
        line += &format!("{seconds:.3} s, {} samples/s", thousands(train.rows as f64 / seconds));
        self.screen.line(&line);
    }
}
