//! `chainrule sweep`: runs the trials of a plan, or merges its shards

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Result;
use chainrule::config::text;
use chainrule::report::analysis::{Analysis, MetricColumn, VariedSetting};
use chainrule::report::train_command::quoted;
use chainrule::sweep::{self, Axis, Draft, Ended, Estimate, Options, Plan, Plots, Shard, Trial};
use chainrule::tables::Status;
use chainrule::train::thread_count::cores;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::format::{percent, rough_duration};
use super::signals::Signals;
use super::sweep_progress::SweepProgress;
use super::train::{Common, run_id};
use super::{DONE, SIGNALLED, SOME_FAILED, note, print};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    /// A standard sweep: hidden_dim 32 to 512, num_layers 1 to 4, learning_rate 0.001 to 0.1
    #[arg(value_parser = standard())]
    standard: Option<Axis>,

    /// An axis, as learning_rate=0.01,0.1 or epochs=1..4 or weight_decay=log:1e-6..1e-2:5; NAME is a flag's name,
    /// hidden_dim or num_layers; several axes make a cross product, in which the first varies slowest
    #[arg(long, value_name = "NAME=VALUES", value_parser = Axis::parse)]
    grid: Vec<Axis>,

    /// Number of seeds to repeat every trial with, counted up from --seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,

    /// TOML file with settings, `seeds`, a table [grid] and trials listed as [[trial]]; `-` is standard input
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Name of the sweep and its folder [default: made from the plan]
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    sweep_id: Option<String>,

    /// Number of trials that run at once; results do not depend on it [default: cores divided by --threads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Print the trials and an estimate of the time, and run nothing
    #[arg(long)]
    dry_run: bool,

    /// Resume a sweep: trials that have ended are kept
    #[arg(long)]
    resume: bool,

    /// With --resume, run trials again that failed or diverged
    #[arg(long, requires = "resume")]
    retry_failed: bool,

    /// Stop at the first trial that fails or diverges
    #[arg(long)]
    fail_fast: bool,

    /// Only trials i, i + n, i + 2n, …, for n machines that share a disk; then `chainrule sweep merge DIR`
    /// [default: from SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT, if set]
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Which pictures to draw: the sweep's own, or also each trial's
    #[arg(long, value_enum, default_value_t)]
    plots: Plots,

    #[command(flatten)]
    common: Common,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Merge the shards in a sweep's folder: runs.csv, epochs.csv, pictures and report, in the order of the plan
    Merge {
        /// The sweep's folder
        dir: PathBuf,
        /// Print errors only
        #[arg(long, short)]
        quiet: bool,
    },
}

/// The standard sweeps: the setting that each varies, its values, and both in words
const STANDARD: [(&str, &str, &str); 3] = [
    ("hidden_dim", "32,64,128,256,512", "One hidden layer of 32, 64, 128, 256 and 512"),
    ("num_layers", "1..4", "1 to 4 hidden layers of 128"),
    ("learning_rate", "0.001,0.005,0.01,0.05,0.1", "0.001, 0.005, 0.01, 0.05 and 0.1"),
];

/// Parses the name of a standard sweep, written with `_` or `-`
fn standard() -> impl TypedValueParser<Value = Axis> {
    let name = |(name, _, help): (&'static str, _, &'static str)| {
        PossibleValue::new(name).alias(name.replace('_', "-")).help(help)
    };
    PossibleValuesParser::new(STANDARD.map(name)).try_map(|name| {
        let found = STANDARD.iter().find(|(setting, ..)| *setting == name.replace('-', "_"));
        Axis::parse(&format!("{name}={}", found.map_or("", |(_, values, _)| values)))
    })
}

pub fn run(args: &Args) -> Result<u8> {
    if let Some(Action::Merge { dir, quiet }) = &args.action {
        let ended = sweep::merge(dir)?;
        if !quiet {
            summarise(&ended, dir, None);
        }
        return Ok(exit_code(&ended, 0));
    }
    let from_slurm = || Shard::from_slurm(|name| std::env::var(name).ok());
    let shard = args.shard.map_or_else(from_slurm, |shard| Ok(Some(shard)))?;
    let plan = draft(args)?.resolve()?;
    let out = &plan.trials[0].config.out;
    let sweep_id = args.sweep_id.clone().unwrap_or_else(|| plan.default_id());
    let folder = out.join(&sweep_id);
    let threads = plan.trials.iter().filter_map(|trial| trial.config.threads).max().unwrap_or(1);
    let mine = plan.trials.iter().filter(|trial| shard.is_none_or(|shard| shard.holds(trial.number)));
    let mine: Vec<&Trial> = mine.collect();
    let fitting = (cores() / threads).max(1);
    let jobs = args.jobs.map_or(fitting, usize::from).min(mine.len().max(1));
    if args.dry_run {
        return dry_run(&plan, &mine, jobs, &folder, args.common.quiet);
    }
    let signals = Signals::register()?;
    let options = Options {
        jobs,
        resume: args.resume,
        retry_failed: args.retry_failed,
        fail_fast: args.fail_fast,
        shard,
        plots: args.plots,
        how_to_resume: how_to_resume(&folder, &sweep_id, out, shard, args.plots),
    };
    let progress = SweepProgress::new(&folder, jobs, args.common.quiet);
    let ended = sweep::run(&plan, &folder, &options, &progress, &signals.stop)?;
    drop(progress);
    if !args.common.quiet {
        summarise(&ended, &folder, shard);
        if ended.left > 0 || ended.analysis.count(Status::Interrupted) > 0 {
            note(&format!("resume with: {}", options.how_to_resume));
        }
    }
    // With --fail-fast a sweep sets `stop` itself, without a signal.
    let signal = if signals.stop.load(Ordering::Relaxed) { signals.which() } else { 0 };
    Ok(exit_code(&ended, signal))
}

/// The sweep that the command line describes: flags over --quick over the plan over --config
fn draft(args: &Args) -> Result<Draft> {
    let mut draft = args.plan.as_deref().map_or(Ok(Draft::default()), Draft::from_toml)?;
    draft.grid.extend(args.standard.iter().chain(&args.grid).cloned());
    draft.seeds = args.seeds.or(draft.seeds);
    if draft.grid.is_empty() && draft.listed.is_empty() && draft.seeds.is_none() {
        return Err(usage(
            "at least one of hidden_dim, num_layers, learning_rate, --grid, --seeds, --plan",
            "none",
        ));
    }
    for axis in &draft.grid {
        if args.common.flags.get(axis.decides()).is_some() {
            let both = format!("both a flag and an axis {}", axis.setting.name);
            return Err(usage("each setting to have one value for all trials, or to be varied", &both));
        }
    }
    draft.base = args.common.over(draft.base)?;
    Ok(draft)
}

fn usage(expected: &str, found: &str) -> anyhow::Error {
    let (expected, found) = (expected.to_owned(), found.to_owned());
    chainrule::Error::Setting { name: "what to sweep", expected, found }.into()
}

fn how_to_resume(folder: &Path, sweep_id: &str, out: &Path, shard: Option<Shard>, plots: Plots) -> String {
    let plan = shard.map_or_else(String::new, Shard::file_prefix) + "plan.toml";
    let part = shard.map_or_else(String::new, |shard| format!(" --shard {shard}"));
    let plots = if plots == Plots::Each { " --plots each" } else { "" };
    format!(
        "chainrule sweep --plan {} --out {} --sweep-id {sweep_id}{part}{plots} --resume",
        quoted(&folder.join(plan).to_string_lossy()),
        quoted(&out.to_string_lossy())
    )
}

/// Prints the table of trials to stdout, and their number and an estimate of the time to stderr
fn dry_run(plan: &Plan, mine: &[&Trial], jobs: usize, folder: &Path, quiet: bool) -> Result<u8> {
    if !quiet {
        let (n, all) = (mine.len(), plan.trials.len());
        let of = if n == all { String::new() } else { format!(" of {all}") };
        note(&format!("{n}{of} trials, {jobs} at once; files would be in {}", folder.display()));
    }
    print(&table(plan, mine))?;
    if !quiet && let Some(estimate) = sweep::estimate(mine, jobs)? {
        let Estimate { trial, epoch_s, total_s } = estimate;
        let total = rough_duration(total_s);
        note(&format!("about {total}: an epoch of {trial} takes {epoch_s:.2} s with its evaluation"));
    }
    Ok(DONE)
}

/// The table of trials, a line for each, in columns
fn table(plan: &Plan, mine: &[&Trial]) -> String {
    let ids = mine.iter().map(|trial| trial.id.clone());
    let mut columns: Vec<Vec<String>> = vec![["trial".to_owned()].into_iter().chain(ids).collect()];
    for setting in &plan.varied {
        let cells = mine.iter().map(|trial| trial.value(setting).map_or("-".to_owned(), text));
        columns.push([setting.name.to_owned()].into_iter().chain(cells).collect());
    }
    let mut lines = vec![String::new(); 1 + mine.len()];
    for column in columns {
        let width = column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        lines.iter_mut().zip(column).for_each(|(line, cell)| *line += &format!("{cell:width$}  "));
    }
    lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn summarise(ended: &Ended, folder: &Path, shard: Option<Shard>) {
    let analysis = &ended.analysis;
    let counts = Status::ALL.map(|status| (analysis.count(status), status.name()));
    let counts = counts.into_iter().chain([(ended.left, "not begun")]);
    let counts = counts.filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    note(&format!("trials: {}", counts.collect::<Vec<_>>().join(", ")));
    best(analysis).iter().for_each(|line| note(line));
    let prefix = shard.map_or_else(String::new, Shard::file_prefix);
    let tables = ["runs.csv", "epochs.csv", "plan.toml"].map(|name| format!("{prefix}{name}"));
    let drawn = ended.drawn.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let files: Vec<String> = tables.into_iter().chain(drawn).collect();
    note(&format!("files in {}: {}", folder.display(), files.join(", ")));
    if shard.is_some() {
        note(&format!(
            "when all shards have ended: chainrule sweep merge {}",
            quoted(&folder.to_string_lossy())
        ));
    }
}

/// The line that names the winner of `report.md`; `None` if no trial has an accuracy
fn best(analysis: &Analysis) -> Option<String> {
    let winner = analysis.winner()?;
    let accuracy = analysis.accuracy(winner)?;
    let of_axis = |(axis, &place): (&VariedSetting, &usize)| format!("{}={}", axis.name, axis.values[place]);
    let setting = analysis.axes.iter().zip(&winner.place).map(of_axis).collect::<Vec<_>>().join(" ");
    let setting = if setting.is_empty() { setting } else { format!(" ({setting})") };
    let mean = if accuracy.n > 1 { format!("mean of {} seeds, ", accuracy.n) } else { String::new() };
    let share = percent(accuracy.mean);
    let metrics = match (analysis.deciding, analysis.spread(winner, MetricColumn::TestAccuracy)) {
        (MetricColumn::ValAccuracy, Some(test)) => {
            format!("{mean}validation accuracy {share}, test accuracy {}", percent(test.mean))
        }
        (MetricColumn::ValAccuracy, None) => format!("{mean}validation accuracy {share}"),
        _ => format!("{mean}test accuracy {share}, which also picked it: no --val-split"),
    };
    let first = winner.trials.iter().map(|&i| &analysis.trials[i]).find(|run| run.status == Status::Ok)?;
    Some(format!("best: {}{setting}, {metrics}", first.id))
}

fn exit_code(ended: &Ended, signal: u8) -> u8 {
    match (signal, ended.analysis.count(Status::Failed) + ended.analysis.count(Status::Diverged)) {
        (0, 0) => DONE,
        (0, _) => SOME_FAILED,
        (signal, _) => SIGNALLED + signal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule::config::Settings;

    #[test]
    fn the_standard_sweeps_resolve_to_their_trials() {
        for ((name, values, _), trials) in STANDARD.into_iter().zip([5, 4, 5]) {
            let base = Settings::default().with("data", "synthetic");
            let grid = vec![Axis::parse(&format!("{name}={values}")).unwrap()];
            let plan = Draft { base, grid, ..Draft::default() }.resolve().unwrap();
            assert_eq!(plan.trials.len(), trials);
        }
    }
}
