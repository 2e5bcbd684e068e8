//! `chainrule train`: one training run and its files

use std::path::PathBuf;

use anyhow::Result;
use chainrule::config::Settings;
use chainrule::data::Dataset;
use chainrule::tables::{SummaryRow, append_shared, check_appendable};
use chainrule::train::run::{self, Outcome, Status};
use chainrule::train::thread_count::{cores, worth};

use super::run_progress::{Progress, percent};
use super::signals::Signals;
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
pub fn run_id(name: &str) -> Result<String, String> {
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
    let runs_csv = config.out.join("runs.csv");
    check_appendable::<SummaryRow>(&runs_csv, config.csv_dialect)?;
    let outcome = trainers.install(|| {
        let mut progress = Progress::new(&config, &data, args.quiet);
        run::train(&config, &data, &config.out, args.run_id.as_deref(), &mut progress, &signals.stop)
    })?;
    let appended = append_shared(&runs_csv, &outcome.summary, config.csv_dialect);
    // A run that failed is still worth its row, but the first error is the one to tell.
    if let Some(error) = outcome.error {
        return Err(error.into());
    }
    appended?;
    if !args.quiet {
        summarise(&outcome);
    }
    Ok(match outcome.status {
        Status::Ok => Exit::Done,
        Status::Failed => Exit::Failed,
        Status::Interrupted => Exit::Interrupted(signals.which()),
        Status::Diverged { epoch, batch } => {
            let place =
                batch.map_or("in the evaluation after it".to_owned(), |batch| format!("at batch {batch}"));
            tell(&format!(
                "error: diverged: the loss is not finite, or above 100,000 nats, in epoch {epoch}, {place}, learning rate {}; \
                 model.safetensors holds the last good weights; try a smaller --learning-rate",
                config.learning_rate
            ));
            Exit::Diverged
        }
    })
}

fn summarise(outcome: &Outcome) {
    let summary = &outcome.summary;
    let best = match (summary.best_accuracy, summary.best_epoch) {
        (Some(best), Some(epoch)) => format!(" (best {} in epoch {epoch})", percent(best)),
        _ => String::new(),
    };
    let test = summary.test_accuracy.map(|last| format!("test accuracy {}", percent(last)));
    let figures = match (summary.val_accuracy, test) {
        (Some(val), Some(test)) => format!("validation accuracy {}{best}, {test}, ", percent(val)),
        (None, Some(test)) => format!("{test}{best}, "),
        _ => String::new(),
    };
    tell(&format!("{}: {figures}{:.1} s of training", summary.status, summary.train_s.unwrap_or_default()));
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
