//! Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when asked for quiet

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::time::{Duration, Instant};

use chainrule::config::TrainConfig;
use chainrule::data::Dataset;
use chainrule::nn::loss::LossSum;
use chainrule::train::run::{EpochFigures, Reporter};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tell;

/// Times a second that the bar is drawn: a drawing takes about 0.1 ms of a thread that computes
const DRAWS_PER_S: u8 = 10;

/// Tells of a run as it goes on
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
        let dims = config.dims(data.features(), data.classes.len());
        let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
        let threads = rayon::current_num_threads();
        let net = format!(
            "{}, {} training{} and {} test images; net {}, {}, {}",
            data.source,
            data.train.len(),
            if config.val_split > 0.0 { format!(" ({} held out)", config.val_split) } else { String::new() },
            data.test.len(),
            dims.join("-"),
            config.activation,
            if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") },
        );
        Self { quiet, epochs: config.epochs, batches: 0, net, bar: None, drawn: Instant::now() }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None if !self.quiet => tell(line),
            None => {}
        }
    }
}

impl Reporter for Progress {
    fn started(&mut self, folder: &Path, parameters: usize, batches: usize) {
        self.batches = batches;
        self.line(&format!("{}, {parameters} parameters; files in {}", self.net, folder.display()));
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !self.quiet && !dumb && stderr().is_terminal() && self.epochs > 0 {
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S);
            let bar = ProgressBar::with_draw_target(Some(u64::from(self.epochs) * batches as u64), target);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
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
            percent(accuracy as f32),
            thousands(rate)
        ));
    }

    fn epoch(&mut self, figures: &EpochFigures) {
        let EpochFigures { epoch, train, val, test, seconds } = figures;
        let width = self.epochs.to_string().len();
        let part = |sums: &LossSum| {
            let (loss, accuracy) =
                (sums.mean_loss().unwrap_or_default(), sums.accuracy().unwrap_or_default());
            format!("loss {loss:.4}, accuracy {}", percent(accuracy as f32))
        };
        self.line(&format!(
            "epoch {epoch:>width$}/{}: train {}; {}test {}; {seconds:.3} s, {} samples/s",
            self.epochs,
            part(train),
            val.as_ref().map(|val| format!("validation {}; ", part(val))).unwrap_or_default(),
            part(test),
            thousands(train.rows as f64 / seconds),
        ));
        if let Some(bar) = self.bar.as_ref().filter(|_| *epoch == self.epochs) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    /// A run that ended early leaves no half-drawn bar behind
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `0.8831` as `88.31 %`
pub fn percent(share: f32) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// `285714.3` as `285,714`
fn thousands(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (x, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(x), text);
        }
    }
}
