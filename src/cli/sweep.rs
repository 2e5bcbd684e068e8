//! `chainrule sweep`: many runs of one plan, and what joins the shards of one

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Result;
use chainrule::config::{Settings, text};
use chainrule::report::analysis::{Analysis, MetricColumn, VariedSetting};
use chainrule::report::train_command::quoted;
use chainrule::sweep::{self, Axis, Draft, Ended, Options, Plan, Plots, Shard, Trial};
use chainrule::tables::Status;
use chainrule::train::thread_count::cores;

use super::format::{percent, rough_duration};
use super::signals::Signals;
use super::sweep_progress::SweepProgress;
use super::train::run_id;
use super::{Exit, print, tell};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    /// A standard sweep: hidden_dim 32 to 512, num_layers 1 to 4, learning_rate 0.001 to 0.1
    #[arg(value_enum)]
    standard: Option<Standard>,

    /// An axis, as learning_rate=0.01,0.1 or epochs=1..4 or weight_decay=log:1e-6..1e-2:5; each flag's name can
    /// be one, and hidden_dim and num_layers; several make a cross product, the first varying slowest
    #[arg(long, value_name = "NAME=VALUES", value_parser = Axis::parse)]
    grid: Vec<Axis>,

    /// Repeat every trial with so many seeds, from --seed up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,

    /// TOML file with settings, `seeds`, a table [grid] and trials listed as [[trial]]; `-` is standard input
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Name of the sweep and its folder [default: made from the plan]
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    sweep_id: Option<String>,

    /// Trials at once; the results do not depend on it [default: as many as fit the cores by --threads each]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,

    /// Only tell what would be run, and about how long it would take
    #[arg(long)]
    dry_run: bool,

    /// Go on with a sweep: trials that have ended are kept
    #[arg(long)]
    resume: bool,

    /// With --resume, also run again what failed or diverged
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
    settings: Settings,

    /// 3 epochs a trial, to see that all works
    #[arg(long)]
    quick: bool,

    /// TOML file with settings that all trials share, such as a run's config.toml; flags and the plan win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Join the shards in a sweep's folder: runs.csv, epochs.csv, pictures and report, in the order of the plan
    Merge {
        /// The sweep's folder
        dir: PathBuf,
        /// Say nothing but errors
        #[arg(long, short)]
        quiet: bool,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Standard {
    /// One hidden layer of 32, 64, 128, 256 and 512
    #[value(name = "hidden_dim", alias = "hidden-dim")]
    HiddenDim,
    /// 1 to 4 hidden layers of 128
    #[value(name = "num_layers", alias = "num-layers")]
    NumLayers,
    /// 0.001, 0.005, 0.01, 0.05 and 0.1
    #[value(name = "learning_rate", alias = "learning-rate")]
    LearningRate,
}

impl Standard {
    fn axis(self) -> Result<Axis, String> {
        Axis::parse(match self {
            Self::HiddenDim => "hidden_dim=32,64,128,256,512",
            Self::NumLayers => "num_layers=1..4",
            Self::LearningRate => "learning_rate=0.001,0.005,0.01,0.05,0.1",
        })
    }
}

pub fn run(args: Args) -> Result<Exit> {
    if let Some(Action::Merge { dir, quiet }) = args.action {
        let ended = sweep::merge(&dir)?;
        if !quiet {
            summarise(&ended, &dir, None);
        }
        return Ok(exit(&ended, 0));
    }
    let shard = match args.shard {
        Some(shard) => Some(shard),
        None => Shard::from_slurm(|name| std::env::var(name).ok())?,
    };
    let plan = draft(&args)?.resolve()?;
    let out = &plan.trials[0].config.out;
    let sweep_id = args.sweep_id.clone().unwrap_or_else(|| plan.default_id());
    let folder = out.join(&sweep_id);
    let threads = plan.trials.iter().filter_map(|trial| trial.config.threads).max().unwrap_or(1);
    let mine = plan.trials.iter().filter(|trial| shard.is_none_or(|shard| shard.holds(trial.number)));
    let mine: Vec<&Trial> = mine.collect();
    let fitting = (cores() / threads).max(1);
    let jobs = args.jobs.map_or(fitting, usize::from).min(mine.len().max(1));
    if args.dry_run {
        return dry_run(&plan, &mine, jobs, &folder, args.quiet);
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
    let progress = SweepProgress::new(&folder, jobs, args.quiet);
    let ended = sweep::run(&plan, &folder, &options, &progress, &signals.stop)?;
    drop(progress);
    if !args.quiet {
        summarise(&ended, &folder, shard);
        if ended.left > 0 || ended.analysis.count(Status::Interrupted) > 0 {
            tell(&format!("go on with: {}", options.how_to_resume));
        }
    }
    // A sweep that stopped itself at the first failure has set `stop`, too, but no signal came.
    let signal = if signals.stop.load(Ordering::Relaxed) { signals.which() } else { 0 };
    Ok(exit(&ended, signal))
}

/// What is asked for: flags over --quick over the plan over --config
fn draft(args: &Args) -> Result<Draft> {
    let file = args.config.as_deref().map_or(Ok(Settings::default()), Settings::from_toml)?;
    let mut draft = args.plan.as_deref().map_or(Ok(Draft::default()), Draft::from_toml)?;
    let quick = if args.quick { Settings::quick() } else { Settings::default() };
    if let Some(standard) = args.standard {
        draft.grid.push(standard.axis().map_err(anyhow::Error::msg)?);
    }
    draft.grid.extend(args.grid.iter().cloned());
    draft.seeds = args.seeds.or(draft.seeds);
    if draft.grid.is_empty() && draft.listed.is_empty() && draft.seeds.is_none() {
        return Err(usage(
            "at least one of hidden_dim, num_layers, learning_rate, --grid, --seeds, --plan",
            "none",
        ));
    }
    for axis in &draft.grid {
        if args.settings.get(axis.decides()).is_some() {
            let both = format!("both a flag and an axis {}", axis.setting.name);
            return Err(usage("each setting to have one value for all trials, or to be varied", &both));
        }
    }
    draft.base = args.settings.clone().or(quick).or(draft.base).or(file);
    Ok(draft)
}

fn usage(expected: &str, found: &str) -> anyhow::Error {
    let (expected, found) = (expected.to_owned(), found.to_owned());
    chainrule::Error::Setting { name: "what to sweep", expected, found }.into()
}

fn how_to_resume(folder: &Path, sweep_id: &str, out: &Path, shard: Option<Shard>, plots: Plots) -> String {
    let (plan, part) = match shard {
        Some(Shard { index, count }) => {
            (format!("shard-{index}-of-{count}.plan.toml"), format!(" --shard {index}/{count}"))
        }
        None => ("plan.toml".to_owned(), String::new()),
    };
    let plots = if plots == Plots::Each { " --plots each" } else { "" };
    format!(
        "chainrule sweep --plan {} --out {} --sweep-id {sweep_id}{part}{plots} --resume",
        quoted(&folder.join(plan).to_string_lossy()),
        quoted(&out.to_string_lossy())
    )
}

/// The table of trials on stdout; how many, and how long it takes, on stderr
fn dry_run(plan: &Plan, mine: &[&Trial], jobs: usize, folder: &Path, quiet: bool) -> Result<Exit> {
    if !quiet {
        let (n, all) = (mine.len(), plan.trials.len());
        let of = if n == all { String::new() } else { format!(" of {all}") };
        tell(&format!("{n}{of} trials, {jobs} at once; files would be in {}", folder.display()));
    }
    print(&table(plan, mine))?;
    if !quiet && let Some(estimate) = sweep::estimate(mine, jobs)? {
        tell(&format!(
            "about {}, by an epoch of {} ({:.2} s with its evaluation)",
            rough_duration(estimate.total_s),
            estimate.trial,
            estimate.epoch_s
        ));
    }
    Ok(Exit::Done)
}

/// A line a trial, in columns
fn table(plan: &Plan, mine: &[&Trial]) -> String {
    let cell = |trial: &Trial, setting| trial.value(setting).map_or("-".to_owned(), text);
    let names = plan.varied.iter().map(|setting| setting.name.to_owned());
    let header = std::iter::once("trial".to_owned()).chain(names);
    let mut lines: Vec<Vec<String>> = vec![header.collect()];
    for trial in mine {
        let cells = plan.varied.iter().map(|setting| cell(trial, setting));
        lines.push(std::iter::once(trial.id.clone()).chain(cells).collect());
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let pad = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(pad).collect()
}

fn summarise(ended: &Ended, folder: &Path, shard: Option<Shard>) {
    let analysis = &ended.analysis;
    let counts = Status::ALL.map(|status| (analysis.count(status), status.name()));
    let counts = counts.into_iter().chain([(ended.left, "not begun")]);
    let counts = counts.filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    tell(&format!("trials: {}", counts.collect::<Vec<_>>().join(", ")));
    if let Some(line) = best(analysis) {
        tell(&line);
    }
    let prefix = shard.map_or(String::new(), |Shard { index, count }| format!("shard-{index}-of-{count}."));
    let drawn = ended.drawn.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
    let files = [format!("{prefix}runs.csv"), format!("{prefix}epochs.csv"), format!("{prefix}plan.toml")];
    let files: Vec<String> = files.into_iter().chain(drawn.map(|name| name.into_owned())).collect();
    tell(&format!("files in {}: {}", folder.display(), files.join(", ")));
    if shard.is_some() {
        tell(&format!("when all shards have ended: chainrule sweep merge {}", folder.display()));
    }
}

/// The winner, as in `report.md`; `None` if no trial has an accuracy
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

fn exit(ended: &Ended, signal: u8) -> Exit {
    match (signal, ended.analysis.count(Status::Failed) + ended.analysis.count(Status::Diverged)) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::SomeFailed,
        (signal, _) => Exit::Interrupted(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_sweeps_can_be_resolved() {
        for (standard, trials) in
            [(Standard::HiddenDim, 5), (Standard::NumLayers, 4), (Standard::LearningRate, 5)]
        {
            assert_eq!(standard.axis().unwrap().values.len(), trials);
        }
    }
}
