//! `chainrule train`: one training run and its files

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use chainrule::config::Settings;
use chainrule::data::Dataset;
use chainrule::run::{self, Outcome, Status};
use chainrule::threads::{cores, worth};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::progress::{Progress, percent};
use super::{Exit, pool, tell};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,

    /// A run of a few seconds, to see that all works: 3 epochs
    #[arg(long)]
    quick: bool,

    /// TOML file with settings, such as a run's config.toml; the command line wins over it; `-` is standard input
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Name of the run and its folder [default: made from the time]
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    run_id: Option<String>,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// A name that is one folder, and that no spreadsheet takes for a number or a date
fn run_id(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() && !"eE".contains(c));
    if starts && name.chars().all(fits) {
        return Ok(name.to_owned());
    }
    Err("expected letters, digits, `.`, `_` and `-`, starting with a letter other than e".to_owned())
}

pub fn run(args: Args) -> Result<Exit> {
    let quick = if args.quick { Settings::quick() } else { Settings::default() };
    let file = args.config.as_deref().map_or(Ok(Settings::default()), Settings::from_toml)?;
    let mut config = args.settings.or(quick).or(file).resolve()?;
    let signals = Signals::register()?;
    // How many threads the net is worth is known when the data are: more may load them than train on them.
    let loaders = pool(config.threads.unwrap_or_else(cores))?;
    let data = loaders.install(|| Dataset::load(config.data.as_deref()))?;
    let dims = config.dims(data.features(), data.classes.len());
    let threads =
        config.threads.unwrap_or_else(|| worth(&dims, config.batch_size.min(data.train.len()), cores()));
    let trainers = if threads == loaders.current_num_threads() { loaders } else { pool(threads)? };
    (config.data, config.threads) = (Some(data.source.clone()), Some(threads));
    let outcome = trainers.install(|| {
        let mut progress = Progress::new(&config, &data, args.quiet);
        run::train(&config, &data, args.run_id.as_deref(), &mut progress, &signals.stop)
    })?;
    if !args.quiet {
        summarise(&outcome);
    }
    Ok(match outcome.status {
        Status::Ok => Exit::Done,
        Status::Interrupted => Exit::Interrupted(signals.which()),
        Status::Diverged { epoch, batch } => {
            let place =
                batch.map_or("in the evaluation after it".to_owned(), |batch| format!("at batch {batch}"));
            tell(&format!(
                "error: diverged: the loss is not finite in epoch {epoch}, {place}, learning rate {}; \
                 model.safetensors holds the last good weights; try a smaller --learning-rate",
                config.learning_rate
            ));
            Exit::Diverged
        }
    })
}

/// Ctrl-C and SIGTERM: the first asks the run to stop after its batch, the second ends the process at once
struct Signals {
    stop: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    fn register() -> Result<Self> {
        let (stop, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds `stop` set, the first does not.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
            flag::register_usize(signal, Arc::clone(&number), signal as usize)?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop, number })
    }

    fn which(&self) -> u8 {
        u8::try_from(self.number.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

fn summarise(outcome: &Outcome) {
    let summary = &outcome.summary;
    let figures = match (summary.test_accuracy, summary.best_accuracy, summary.best_epoch) {
        (Some(last), Some(best), Some(epoch)) => {
            format!("test accuracy {} (best {} in epoch {epoch}), ", percent(last), percent(best))
        }
        (Some(last), ..) => format!("test accuracy {}, ", percent(last)),
        _ => String::new(),
    };
    tell(&format!("{}: {figures}{:.1} s of training", summary.status, summary.train_s));
    // A run that diverged at once has neither curves nor a confusion matrix.
    let names = [
        "epochs.csv",
        "summary.csv",
        "confusion.csv",
        "classes.csv",
        "model.safetensors",
        "config.toml",
        "curves.png",
        "curves.svg",
        "confusion.png",
        "confusion.svg",
    ];
    let there: Vec<&str> = names.into_iter().filter(|name| outcome.folder.join(name).is_file()).collect();
    tell(&format!("files in {}: {}", outcome.folder.display(), there.join(", ")));
}
