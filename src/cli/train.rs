//! `chainrule train`: trains one run and writes its files and pictures

use std::path::PathBuf;

use anyhow::Result;
use chainrule::config::{Settings, TrainConfig};
use chainrule::data::Dataset;
use chainrule::plot::folder_pictures;
use chainrule::tables::{Metric, Status, SummaryRow, append_shared, check_appendable};
use chainrule::train::dims::Dims;
use chainrule::train::divergence::remedy;
use chainrule::train::metrics::EpochEnd;
use chainrule::train::run::{self, Outcome, Request};
use chainrule::train::run_files::NAMES;
use chainrule::train::thread_count::{cores, pool, useful_threads};

use super::format::percent;
use super::run_progress::Progress;
use super::signals::Signals;
use super::{DIVERGED, DONE, FAILED, SIGNALLED, note};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// Name of the run and its folder [default: made from the time]
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    run_id: Option<String>,
}

/// The flags that `train` and `sweep` have in common
#[derive(clap::Args)]
pub struct Common {
    #[command(flatten)]
    pub flags: Settings,

    /// Train for 3 epochs, to check that everything works
    #[arg(long)]
    quick: bool,

    /// TOML file with settings, such as a run's config.toml; flags, and a sweep's plan, take precedence; `-` is standard input
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print errors only
    #[arg(long, short)]
    pub quiet: bool,
}

impl Common {
    /// Merges settings: flags take precedence over --quick, that over a plan, and that over --config
    pub fn over(&self, plan: Settings) -> Result<Settings> {
        let quick = if self.quick { Settings::quick() } else { Settings::default() };
        let file = self.config.as_deref().map_or(Ok(Settings::default()), Settings::from_toml)?;
        Ok(self.flags.clone().or(quick).or(plan).or(file))
    }
}

/// Checks that a name is that of one folder, and that no spreadsheet reads it as a number or a date
pub fn run_id(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() && !"eE".contains(c));
    if starts && name.chars().all(fits) {
        return Ok(name.to_owned());
    }
    Err("expected letters, digits, `.`, `_` and `-`, starting with a letter other than e".to_owned())
}

pub fn run(args: &Args) -> Result<u8> {
    let mut config = args.common.over(Settings::default())?.resolve()?;
    let signals = Signals::register()?;
    // The number of useful threads depends on the data, so the pool that loads them may be larger than the one that
    // trains.
    let loaders = pool(config.threads.unwrap_or_else(cores))?;
    let data = loaders.install(|| Dataset::load(config.data.as_deref()))?;
    let dims = Dims(config.dims(data.features(), data.classes.len()));
    let batch_size = config.batch_size.min(data.train.len());
    let threads = config.threads.unwrap_or_else(|| useful_threads(&dims, batch_size, cores()));
    let trainers = if threads == loaders.current_num_threads() { loaders } else { pool(threads)? };
    (config.data, config.threads) = (Some(data.source.clone()), Some(threads));
    let runs_csv = config.out.join("runs.csv");
    check_appendable::<SummaryRow>(&runs_csv, config.csv_dialect)?;
    let run_id = args.run_id.as_deref();
    let request = Request { config: &config, data: &data, parent: &config.out, run_id };
    let outcome = trainers.install(|| {
        let mut progress = Progress::new(&config, &data, args.common.quiet);
        run::train(&request, &mut progress, &signals.stop)
    })?;
    let drawn = folder_pictures::redraw(&outcome.folder);
    let appended = append_shared(&runs_csv, &outcome.summary, config.csv_dialect);
    // A run that failed has a row and pictures, too, but its own error is reported.
    if let Some(error) = outcome.error {
        return Err(error.into());
    }
    let pictures = drawn?;
    appended?;
    if !args.common.quiet {
        summarise(&outcome, &pictures);
    }
    Ok(match outcome.summary.result.status {
        Status::Ok => DONE,
        Status::Failed => FAILED,
        Status::Interrupted => SIGNALLED + signals.which(),
        Status::Diverged => {
            note(&format!("error: {}", diverged(&outcome, &config)));
            DIVERGED
        }
    })
}

fn diverged(outcome: &Outcome, config: &TrainConfig) -> String {
    let learning_rate = config.learning_rate;
    let place = match outcome.last.map(|last| (last.epoch, last.end)) {
        Some((epoch, EpochEnd::Diverged { batch: Some(batch) })) => {
            format!(" in epoch {epoch}, at batch {batch},")
        }
        Some((epoch, _)) => format!(" in epoch {epoch}, in the evaluation after it,"),
        None => String::new(),
    };
    format!(
        "diverged: the loss is not finite, or above 100,000 nats,{place} learning rate {learning_rate}; \
         model.safetensors holds the last good weights; {}",
        remedy(config)
    )
}

fn summarise(outcome: &Outcome, pictures: &[PathBuf]) {
    let result = &outcome.summary.result;
    let percent = |metric: Metric| percent(metric.value());
    let best = match (result.best_accuracy, result.best_epoch) {
        (Some(best), Some(epoch)) => format!(" (best {} in epoch {epoch})", percent(best)),
        _ => String::new(),
    };
    let test = result.test_accuracy.map(|last| format!("test accuracy {}", percent(last)));
    let metrics = match (result.val_accuracy, test) {
        (Some(val), Some(test)) => format!("validation accuracy {}{best}, {test}, ", percent(val)),
        (None, Some(test)) => format!("{test}{best}, "),
        _ => String::new(),
    };
    note(&format!("{}: {metrics}{:.1} s of training", result.status, result.train_s.unwrap_or_default()));
    let written = NAMES.map(|name| outcome.folder.join(name));
    let files = written.iter().filter(|file| file.is_file()).chain(pictures);
    let names: Vec<_> =
        files.filter_map(|file| file.file_name()).map(|name| name.to_string_lossy()).collect();
    note(&format!("files in {}: {}", outcome.folder.display(), names.join(", ")));
}
