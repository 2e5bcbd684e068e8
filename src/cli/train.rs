//! `chainrule train`: trains one run and writes its files and pictures

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use chainrule::config::{PRESETS, Preset, Settings, TrainConfig};
use chainrule::data::init_model::InitNets;
use chainrule::data::run_data::RunData;
use chainrule::data::{DataOptions, Dataset};
use chainrule::error::{first_ten, printable, shell_quoted, shown};
use chainrule::plot::folder_pictures;
use chainrule::report::analysis::short_number;
use chainrule::report::divergence::remedy;
use chainrule::tables::{Metric, Status, check_appendable};
use chainrule::train::dims::Dims;
use chainrule::train::metrics::EpochEnd;
use chainrule::train::monitor;
use chainrule::train::run::{self, Outcome, Request, RunNames};
use chainrule::train::run_files::{self, NAMES};
use chainrule::train::run_id;
use chainrule::train::run_table::{RUNS, append_run};
use chainrule::train::thread_count::{cores, machine_cores, pool, useful_threads, warning};
use chainrule::train::warnings::OF_SETTINGS;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::format::{count, duration, percent, significant};
use super::resume::Resumed;
use super::run_output::{Print, Printer};
use super::run_progress::Progress;
use super::signals::Signals;
use super::tags::{columns, note_text, tag};
use super::{DIVERGED, DONE, FAILED, SIGNALLED, note, print, with_origin};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// Go on with the run in this folder, from its checkpoint, to the same bits as a run that was never stopped; only
    /// epochs (with a constant schedule), threads, patience, max-time, out, checkpoint-every and the place of the same data
    /// may be others
    #[arg(long, value_name = "RUN", conflicts_with_all = ["run_id", "tag", "note", "config", "preset", "quick"])]
    resume: Option<PathBuf>,

    /// Print all settings, as the config.toml of the run would have them, and train nothing; --config reads them again
    #[arg(long, conflicts_with_all = ["resume", "print"])]
    dry_run: bool,

    /// Name of the run and its folder [default: made from the time]
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    run_id: Option<String>,

    /// Print on standard output: the summary as JSON, the rows of epochs.csv as the epochs end, or the run's name
    #[arg(long, value_name = "WHAT")]
    print: Option<Print>,

    /// A column of your own in summary.csv and runs.csv, such as machine=laptop; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag)]
    tag: Vec<(String, String)>,

    /// A remark about the run, in the column `note` of summary.csv and runs.csv
    #[arg(long, value_name = "TEXT", value_parser = note_text)]
    note: Option<String>,
}

/// The number of runs that a message lists by name
const NAMED: usize = 10;

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

    /// Settings under a name, over which flags, a sweep's plan and --config take precedence; to see them, type
    /// chainrule train --preset NAME --dry-run
    #[arg(long, value_name = "NAME", value_parser = preset_names())]
    preset: Option<String>,

    /// Print errors only
    #[arg(long, short)]
    pub quiet: bool,
}

impl Common {
    /// Merges settings: flags take precedence over --quick, that over a plan, that over --config, and that over --preset
    pub fn over(&self, plan: Settings) -> Result<Settings> {
        let quick = if self.quick { Settings::quick() } else { Settings::default() };
        let file = self.config.as_deref().map_or(Ok(Settings::default()), Settings::from_toml)?;
        let given = self.flags.clone().or(quick).or(plan).above(file);
        match &self.preset {
            Some(name) => Ok(over_preset(given, Preset::find(name)?.settings()?)),
            None => Ok(given),
        }
    }
}

/// The given settings, and those of a preset that are not given
fn over_preset(given: Settings, mut preset: Settings) -> Settings {
    // A model that the run starts from has widths, an activation and a norm of its own.
    if given.get("init").is_some() {
        preset = preset.without("hidden_dims").without("activation").without("norm");
    }
    given.above(preset)
}

/// The parser of names of presets, with what each is for
fn preset_names() -> PossibleValuesParser {
    let name = |preset: &Preset| PossibleValue::new(preset.name).help(preset.about());
    PossibleValuesParser::new(PRESETS.iter().map(name))
}

/// Checks the name of a run, as [`run_id::check`] does
pub fn run_id(name: &str) -> Result<String, String> {
    run_id::check(name)
}

pub fn run(args: &Args) -> Result<u8> {
    let begun = Instant::now();
    let given = args.common.over(Settings::default())?;
    if args.dry_run {
        return dry_run(args, given.clone()).map_err(|error| placed(error, &given));
    }
    let resumed = args.resume.as_ref().map(|folder| Resumed::read(folder, &given)).transpose()?;
    let settings = resumed.as_ref().map_or(given, |resumed| resumed.settings.clone());
    let trained = train(args, begun, resumed, settings.clone());
    trained.map_err(|error| with_origin(placed(error, &settings), |path| settings.origin(path)))
}

/// Prints all settings of a run, after the checks and warnings that need no data
fn dry_run(args: &Args, given: Settings) -> Result<u8> {
    let config = InitNets::default().complete(given)?.resolve()?;
    args.common.flags.check_used(std::iter::once(&config))?;
    for warning in warnings_of(&config).filter(|_| !args.common.quiet) {
        note(&format!("warning: {warning}"));
    }
    print(&config.to_toml()?)?;
    Ok(DONE)
}

/// The warnings about the settings of a run
fn warnings_of(config: &TrainConfig) -> impl Iterator<Item = String> {
    OF_SETTINGS.iter().filter_map(|warning| warning(config))
}

/// An error about a setting that does not fit the data, with the file and line that its value comes from; an error must have
/// no context yet, which would be lost
fn placed(error: anyhow::Error, settings: &Settings) -> anyhow::Error {
    match error.downcast() {
        Ok(error) => settings.placed_error(error).into(),
        Err(error) => error,
    }
}

/// Trains a run with these settings
///
/// * `begun`: when the program started
/// * `resumed`: the run that goes on; `None`: a new one
fn train(args: &Args, begun: Instant, resumed: Option<Resumed>, settings: Settings) -> Result<u8> {
    // If no dialect is given, an existing table keeps its own.
    let table_dialect = settings.get("csv_dialect").is_some();
    let mut nets = InitNets::default();
    // The settings of a run that goes on are complete, and the model that it started from is not needed any more.
    let settings = if resumed.is_some() { settings } else { nets.complete(settings)? };
    let mut config = settings.resolve()?;
    args.common.flags.check_used(std::iter::once(&config))?;
    let table_dialect = table_dialect.then_some(config.csv_dialect);
    if let Some(resumed) = &resumed {
        resumed.check_epochs(config.epochs)?;
        config.out = resumed.parent.clone();
    }
    let tags = resumed.as_ref().map_or_else(
        || columns(&args.tag, args.note.as_ref()),
        |run| Ok(run.checkpoint.saved.tags.clone()),
    )?;
    // Check that the files can be written before loading the data.
    if let Some(folder) = args.run_id.as_ref().map(|id| config.out.join(id))
        && folder.symlink_metadata().is_ok()
    {
        return Err(run_files::taken(&folder).into());
    }
    check_appendable(&config.out.join(RUNS), table_dialect)?;
    let signals = Signals::register()?;
    // The number of useful threads depends on the data, so the pool that loads them may be larger than the one that
    // trains.
    let loaders = pool(config.threads.unwrap_or_else(cores))?;
    let set = loaders.install(|| Dataset::load(&DataOptions::from(&config)))?;
    let data = loaders.install(|| match &resumed {
        Some(run) => RunData::of_run(&config, &set, &run.model()),
        None => RunData::new(&config, &set),
    })?;
    let dims = Dims(data.dims(&config));
    let batch_size = config.batch_size.min(data.train_rows.len());
    let threads = config.threads.unwrap_or_else(|| useful_threads(&dims, batch_size, cores()));
    let chosen_on_test = monitor::warning(&config, &data);
    let of_settings: Vec<String> = warnings_of(&config).collect();
    let of_data = set.warnings.iter().chain(&data.warnings).chain(&chosen_on_test).chain(&of_settings);
    let of_data = of_data.map(|warning| Some(format!("warning: {warning}")));
    let warnings = [warning(threads, machine_cores())].into_iter().chain(of_data);
    let assumed = nets.assumed.into_iter().map(Some);
    let of_task = [set.task_note.clone(), mapping(&set)];
    let lines = of_task.into_iter().chain(assumed).chain(warnings).flatten();
    for line in lines.filter(|_| !args.common.quiet) {
        note(&line);
    }
    let trainers = if threads == loaders.current_num_threads() { loaders } else { pool(threads)? };
    (config.data, config.threads) = (Some(set.source.clone()), Some(threads));
    let names = RunNames { sweep_id: None, tags: &tags };
    let run_id = resumed.as_ref().map(|run| run.run_id.as_str()).or(args.run_id.as_deref());
    let resume = resumed.as_ref().map(Resumed::request);
    let deadline = deadline(&config, begun)?;
    let parent = &config.out;
    let (config_of, data_of) = (&config, &data);
    let request = Request {
        config: config_of,
        data: data_of,
        parent,
        run_id,
        names,
        resume,
        deadline,
        halt_after: None,
    };
    signals.let_save();
    let (outcome, printed) = trainers.install(|| {
        let progress = Progress::new(&config, &data, args.common.quiet);
        let mut reporter = Printer::new(progress, args.print, &config);
        let outcome = run::train(&request, &mut reporter, &signals.stop)?;
        let printed = reporter.end(&outcome);
        Ok::<_, chainrule::Error>((outcome, printed))
    })?;
    let drawn = folder_pictures::redraw(&outcome.folder);
    let appended = append_run(&config.out, &outcome.summary, table_dialect);
    // A run that failed has a row and pictures, too, but its own error is reported.
    if let Some(error) = outcome.error {
        return Err(error.into());
    }
    let pictures = drawn?;
    let added = appended?;
    if !args.common.quiet {
        if !added.is_empty() {
            let n = added.len();
            let (named, more) = added.split_at(n.min(NAMED));
            let more =
                if more.is_empty() { String::new() } else { format!(" … and {} more", count(more.len())) };
            note(&format!("added to {RUNS}, where these runs were missing: {}{more}", named.join(", ")));
        }
        summarise(&outcome, &pictures);
    }
    printed.context("cannot write standard output")?;
    Ok(match outcome.summary.result.status {
        Status::Ok | Status::TimeLimit | Status::Halted => DONE,
        Status::Failed => FAILED,
        Status::Interrupted => SIGNALLED + signals.which(),
        Status::Diverged => {
            note(&format!("error: {}", diverged(&outcome, &config)));
            DIVERGED
        }
    })
}

/// When the program stops that started at `begun`; `None`: when all is done
pub fn deadline(config: &TrainConfig, begun: Instant) -> Result<Option<Instant>> {
    // A moment that the clock can't hold never comes.
    Ok(config.max_time()?.and_then(|time| begun.checked_add(time)))
}

/// The classes that the labels of a table are mapped to; `None` for images and arrays, and in regression
fn mapping(set: &Dataset) -> Option<String> {
    let classes =
        set.task.classes().iter().enumerate().map(|(class, name)| format!("{class} {}", printable(name)));
    let is_shown = !set.inputs.names.is_empty() && classes.len() > 0;
    is_shown.then(|| format!("classes: {}", first_ten(classes, ", ")))
}

fn diverged(outcome: &Outcome, config: &TrainConfig) -> String {
    let learning_rate = config.learning_rate;
    let place = match outcome.last.as_ref().map(|last| (last.epoch, last.end)) {
        Some((epoch, EpochEnd::Diverged { batch: Some(batch) })) => {
            format!(" in epoch {epoch}, at batch {batch},")
        }
        Some((epoch, _)) => format!(" in epoch {epoch}, in the evaluation after it,"),
        None => String::new(),
    };
    format!(
        "diverged: the loss is not finite, or above 100,000,{place} learning rate {}; \
         model.safetensors holds the last good weights; {}",
        short_number(learning_rate),
        remedy(config)
    )
}

fn summarise(outcome: &Outcome, pictures: &[PathBuf]) {
    let result = &outcome.summary.result;
    let percent = |metric: Metric| percent(metric.value());
    let is_tested = result.test_samples != Some(0);
    let (name, metrics, best, averages) = match result.train_rmse.or(result.val_rmse).or(result.test_rmse) {
        Some(_) => (
            "RMSE",
            [result.val_rmse, result.test_rmse],
            result.best_rmse,
            [result.average_val_rmse, result.average_test_rmse],
        ),
        None => (
            "accuracy",
            [result.val_accuracy, result.test_accuracy],
            result.best_accuracy,
            [result.average_val_accuracy, result.average_test_accuracy],
        ),
    };
    let digits = |metric: Metric| if name == "RMSE" { significant(metric.value()) } else { percent(metric) };
    let best = match (best, result.best_epoch) {
        (Some(best), Some(epoch)) => format!(" (best {} in epoch {epoch})", digits(best)),
        _ => String::new(),
    };
    let averages = ["validation", "test"]
        .into_iter()
        .zip(averages)
        .filter_map(|(part, metric)| Some(format!("{part} {name} of the average {}, ", digits(metric?))));
    let averages: String = averages.collect();
    let [val, test] = metrics.map(|metric| metric.map(digits));
    let metrics = match (val, test) {
        (Some(val), Some(test)) => format!("validation {name} {val}{best}, test {name} {test}, "),
        (None, Some(test)) => format!("test {name} {test}{best}, "),
        (Some(val), None) => format!("validation {name} {val}{best}, "),
        _ => String::new(),
    };
    // A run that diverged in its first batches has trained no epoch.
    let time = result.train_s.filter(|&s| s > 0.0).map(|s| format!("{} of training", duration(s)));
    let metrics = format!("{metrics}{averages}{}", time.as_deref().unwrap_or("no epoch ended"));
    note(&format!("{}: {metrics}", result.status));
    match &result.reason {
        Some(reason) if result.status == Status::Ok => note(&format!("stopped early: {reason}")),
        _ if result.status.can_go_on() => {
            note(&format!("go on with: chainrule train --resume {}", shell_quoted(&outcome.folder)));
        }
        _ => {}
    }
    if !is_tested {
        note("there was no test set, so test columns are empty; --test-data or --test-split gives one");
    }
    let written = NAMES.map(|name| outcome.folder.join(name));
    let files = written.iter().filter(|file| file.is_file()).chain(pictures);
    let names: Vec<_> =
        files.filter_map(|file| file.file_name()).map(|name| name.to_string_lossy()).collect();
    note(&format!("files in {}: {}", shown(&outcome.folder), names.join(", ")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_below_what_is_given_and_leaves_the_net_to_a_model() {
        let preset =
            || Settings::default().with("hidden_dims", "9x8").with("epochs", 5).with("momentum", 0.5);
        let given = Settings::default().with("epochs", 3);
        let config = over_preset(given.clone(), preset()).resolve().unwrap();
        assert_eq!(
            (config.hidden_dims.to_string().as_str(), config.epochs, config.momentum),
            ("9x8", 3, 0.5)
        );
        let merged = over_preset(given.clone().with("init", "m.safetensors"), preset());
        assert_eq!((merged.get("hidden_dims"), merged.get("momentum")), (None, Some(&0.5.into())));
        // Another optimizer does not have the preset's momentum.
        let config = over_preset(given.with("optimizer", "adamw"), preset()).resolve().unwrap();
        assert_eq!((config.epochs, config.momentum), (3, TrainConfig::default().momentum));
    }
}
