//! `chainrule sweep`: runs the trials of a plan, or merges its shards

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::Ordering;

use anyhow::Result;
use chainrule::config::text;
use chainrule::error::{first_ten, printable, shell_quoted, shown};
use chainrule::report::analysis::{Analysis, MetricColumn, VariedSetting};
use chainrule::sweep::{
    self, Axis, Draft, Ended, Environment, Estimate, Options, Plan, Plots, Shard, Taken, Trial,
    WIDTH_AND_DEPTH,
};
use chainrule::tables::Status;
use chainrule::train::thread_count::{cores, machine_cores, warning};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};

use super::format::{count, percent, rough_duration, several};
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
    #[arg(value_parser = StandardParser)]
    standard: Vec<Axis>,

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

    /// Only trials i, i + n, i + 2n, …, for n machines that share a disk; then `chainrule sweep merge DIR`; `auto`
    /// takes i and n from the scheduler that runs this task (docs/sweeps.md lists them) [default: from Slurm, if it
    /// runs a job array or several processes]
    #[arg(long, value_name = "I/N|auto")]
    shard: Option<ShardChoice>,

    /// Number of shards, for `--shard auto` where the scheduler gives only the number of the task
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,

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
#[derive(Clone)]
struct StandardParser;

impl TypedValueParser for StandardParser {
    type Value = Axis;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, text: &OsStr) -> Result<Axis, clap::Error> {
        let text = text.to_string_lossy();
        let name = text.replace('-', "_");
        let standard = STANDARD.iter().find(|(standard, ..)| *standard == name);
        let axis = standard.map_or_else(
            || Err(not_standard(&text)),
            |(name, values, _)| Axis::parse(&format!("{name}={values}")),
        );
        axis.map_err(|problem| clap::Error::raw(ErrorKind::InvalidValue, problem + "\n").with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let name = |(name, _, help): (&'static str, _, &'static str)| {
            PossibleValue::new(name).alias(name.replace('_', "-")).help(help)
        };
        Some(Box::new(STANDARD.into_iter().map(name)))
    }
}

/// What to type in place of a word that names no standard sweep
fn not_standard(text: &str) -> String {
    let shown: String = text.escape_debug().take(80).collect();
    let remedy = match Axis::parse(text) {
        Ok(_) => format!("to vary a setting, type: chainrule sweep --grid {}", shell_quoted(text)),
        Err(problem) if text.contains('=') => {
            format!("to vary a setting, type --grid NAME=VALUES; {problem}")
        }
        Err(_) if text.ends_with(".toml") => {
            format!("to run a plan, type: chainrule sweep --plan {}", shell_quoted(text))
        }
        Err(problem) if problem.contains(EXAMPLE) => {
            let axis = problem.split_once(EXAMPLE).map_or("", |(_, axis)| axis);
            format!("to vary a setting, name its values: chainrule sweep {axis}")
        }
        Err(problem) if problem.contains("did you mean") => problem,
        Err(_) => "to vary another setting, type --grid NAME=VALUES, as --grid momentum=0,0.9".to_owned(),
    };
    format!("`{shown}` is no standard sweep; expected hidden_dim, num_layers or learning_rate; {remedy}")
}

/// The end of [`Axis::parse`]'s message for a name without values; an example follows
const EXAMPLE: &str = "expected NAME=VALUES, as ";

/// The value of `--shard`
#[derive(Clone, Copy)]
enum ShardChoice {
    Auto,
    Given(Shard),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given = || text.parse().map(Self::Given).map_err(|e: String| e + ", or auto");
        if text == "auto" { Ok(Self::Auto) } else { given() }
    }
}

/// The shard to run, and what was taken from the scheduler, if it comes from one
fn shard(args: &Args) -> Result<(Option<Shard>, Option<Taken>)> {
    let environment: Environment = std::env::vars_os()
        .map(|(name, text)| (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned()))
        .collect();
    let shards = args.shards.map(|n| n as usize);
    let taken = match args.shard {
        Some(ShardChoice::Given(shard)) => {
            if let Some(n) = shards.filter(|&n| n != shard.count) {
                return Err(usage(format!("--shard {shard} and --shards {n} disagree; leave --shards out")));
            }
            return Ok((Some(shard), None));
        }
        None if shards.is_none() => sweep::slurm_shard(&environment)?,
        _ => Some(sweep::auto_shard(&environment, shards)?),
    };
    Ok((taken.as_ref().and_then(|taken| taken.shard), taken))
}

pub fn run(args: &Args) -> Result<u8> {
    if let Some(Action::Merge { dir, quiet }) = &args.action {
        let (plan, ended) = sweep::merge(dir)?;
        if let Some(line) = failed(&ended.analysis, &plan, &how_to_resume_merged(args, dir)) {
            note(&line);
        }
        if !quiet {
            summarise(&ended, dir, None);
        }
        return Ok(exit_code(&ended, 0));
    }
    let (shard, taken) = shard(args)?;
    if let Some(Taken { from, .. }) = taken.as_ref().filter(|_| !args.common.quiet) {
        let what =
            shard.map_or("no job array, so the whole sweep".to_owned(), |shard| format!("shard {shard}"));
        note(&format!("{what}, taken from {from}"));
    }
    let draft = draft(args)?;
    let threads_given = draft.base.get("threads").map(text);
    let plan = draft.resolve()?;
    let out = &plan.trials[0].config.out;
    let sweep_id = args.sweep_id.clone().unwrap_or_else(|| plan.default_id());
    let folder = out.join(&sweep_id);
    if let Some(taken) = &taken
        && let Some(problem) = sweep::submitted_again(taken, &folder)?
    {
        return Err(usage(problem));
    }
    let threads = plan.trials.iter().filter_map(|trial| trial.config.threads).max().unwrap_or(1);
    let mine = plan.trials.iter().filter(|trial| shard.is_none_or(|shard| shard.holds(trial.number)));
    let mine: Vec<&Trial> = mine.collect();
    let fitting = (cores() / threads).max(1);
    let jobs = args.jobs.map_or(fitting, usize::from).min(mine.len().max(1));
    if let Some(warning) = warning(jobs * threads, machine_cores()).filter(|_| !args.common.quiet) {
        note(&warning);
    }
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
        how_to_resume: how_to_resume(args, &folder, &sweep_id, out, shard, threads_given.as_deref()),
    };
    let progress = SweepProgress::new(&folder, jobs, args.common.quiet);
    let ended = sweep::run(&plan, &folder, &options, &progress, &signals.stop)?;
    drop(progress);
    // Errors are shown with --quiet, too.
    if let Some(line) = failed(&ended.analysis, &plan, &options.how_to_resume) {
        note(&line);
    }
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
    if let [first, second, ..] = &args.standard[..] {
        let axis = |axis: &Axis| {
            format!(
                "--grid {}={}",
                axis.setting.name,
                axis.values.iter().map(text).collect::<Vec<_>>().join(",")
            )
        };
        return Err(usage(format!(
            "{} and {} are two sweeps; run one after the other, or for all their combinations type: chainrule sweep {} {}",
            first.setting.name,
            second.setting.name,
            axis(first),
            axis(second)
        )));
    }
    draft.grid.extend(args.standard.iter().chain(&args.grid).cloned());
    draft.seeds = args.seeds.or(draft.seeds);
    if draft.grid.is_empty() && draft.listed.is_empty() && draft.seeds.is_none() {
        return Err(usage(match &draft.file {
            Some(path) => format!(
                "{}: the plan ends at line {} and has no axis; add a table [grid], as\n    [grid]\n    learning_rate = [0.01, 0.1]\n\
                 or tables [[trial]], or a line `seeds = 3` at its start",
                shown(path),
                draft.file_text.lines().count()
            ),
            None => "expected what to sweep: hidden_dim, num_layers or learning_rate, or --grid NAME=VALUES, --seeds N or \
                     --plan FILE; for example, type: chainrule sweep learning_rate"
                .to_owned(),
        }));
    }
    for axis in &draft.grid {
        let Some(value) = args.common.flags.get(axis.decides()) else { continue };
        let (flag, name) = (axis.decides().replace('_', "-"), axis.setting.name);
        let remedy = match text(value).parse::<u32>() {
            _ if axis.decides() == name => format!("leave out --{flag} {}", text(value)),
            Ok(width) if name == "num_layers" => format!(
                "for layers of width {width}, type --grid hidden_dim={width} --grid num_layers={} in their place",
                axis.values.iter().map(text).collect::<Vec<_>>().join(",")
            ),
            _ => format!("leave out --{flag}; {WIDTH_AND_DEPTH}"),
        };
        return Err(usage(format!("--{flag} {} is both a flag and an axis {name}; {remedy}", text(value))));
    }
    draft.base = args.common.over(draft.base)?;
    Ok(draft)
}

fn usage(problem: String) -> anyhow::Error {
    chainrule::Error::Usage(problem).into()
}

/// The command that resumes a sweep, with all flags of this process that a resume does not take from the plan
fn how_to_resume(
    args: &Args,
    folder: &Path,
    sweep_id: &str,
    out: &Path,
    shard: Option<Shard>,
    threads: Option<&str>,
) -> String {
    let plan = shard.map_or_else(String::new, Shard::file_prefix) + "plan.toml";
    let mut command = format!(
        "chainrule sweep --plan {} --out {} --sweep-id {}",
        shell_quoted(folder.join(plan)),
        shell_quoted(out),
        shell_quoted(sweep_id)
    );
    let flags = [
        shard.map(|shard| format!("--shard {shard}")),
        threads.map(|threads| format!("--threads {threads}")),
        args.jobs.map(|jobs| format!("--jobs {jobs}")),
        args.fail_fast.then(|| "--fail-fast".to_owned()),
        (args.plots == Plots::Each).then(|| "--plots each".to_owned()),
        Some("--resume".to_owned()),
    ];
    for flag in flags.into_iter().flatten() {
        command += &format!(" {flag}");
    }
    command
}

/// The command that resumes the merged sweep in `folder`
fn how_to_resume_merged(args: &Args, folder: &Path) -> String {
    // Of `.` and `..`, the name is only known by the whole path.
    let whole = folder.file_name().is_none().then(|| folder.canonicalize().ok()).flatten();
    let folder = whole.as_deref().unwrap_or(folder);
    let sweep_id = folder.file_name().unwrap_or_default().to_string_lossy();
    let out = folder.parent().filter(|out| !out.as_os_str().is_empty()).unwrap_or(Path::new("."));
    how_to_resume(args, folder, &sweep_id, out, None, None)
}

/// The line that names the trials that failed or diverged; `None` if there are none
fn failed(analysis: &Analysis, plan: &Plan, how_to_resume: &str) -> Option<String> {
    let is_failed = |status| matches!(status, Status::Failed | Status::Diverged);
    let failed: Vec<_> = analysis.trials.iter().filter(|trial| is_failed(trial.status)).collect();
    let labels: HashMap<&str, &Trial> = plan.trials.iter().map(|trial| (trial.id.as_str(), trial)).collect();
    let name = |id: &str, status: Status| {
        let label = labels.get(id).map_or_else(String::new, |trial| trial.label());
        let label = if label.is_empty() { label } else { format!(" ({label})") };
        format!("{id}{label} {status}")
    };
    let names = first_ten(failed.iter().map(|trial| name(&trial.id, trial.status)), ", ");
    let again = format!("to run them again: {how_to_resume} --retry-failed");
    let (n, all) = (failed.len(), analysis.trials.len());
    let (some, all) = (count(n), count(all));
    (n > 0).then(|| format!("error: {some} of {all} trials failed or diverged: {names}; {again}"))
}

/// Prints the table of trials to stdout, and their number and an estimate of the time to stderr
fn dry_run(plan: &Plan, mine: &[&Trial], jobs: usize, folder: &Path, quiet: bool) -> Result<u8> {
    if !quiet {
        let (n, all) = (mine.len(), plan.trials.len());
        let of = if n == all { String::new() } else { format!("{} of ", count(n)) };
        note(&format!("{of}{}, {jobs} at once; files would be in {}", several(all, "trial"), shown(folder)));
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
        let cells = mine.iter().map(|trial| {
            trial
                .value(setting)
                .map_or("-".to_owned(), |value| printable(&sweep::short_text(value)).into_owned())
        });
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
    let counts = counts.filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(n)));
    note(&format!("trials: {}", counts.collect::<Vec<_>>().join(", ")));
    best(analysis).iter().for_each(|line| note(line));
    let prefix = shard.map_or_else(String::new, Shard::file_prefix);
    let tables = ["runs.csv", "epochs.csv", "plan.toml"].map(|name| format!("{prefix}{name}"));
    let drawn = ended.drawn.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let files: Vec<String> = tables.into_iter().chain(drawn).collect();
    note(&format!("files in {}: {}", shown(folder), files.join(", ")));
    if shard.is_some() {
        note(&format!("when all shards have ended: chainrule sweep merge {}", shell_quoted(folder)));
    }
}

/// The end of the line that names the winner where test metrics chose it
const PICKED: &str = ", which also picked it: no --val-split";

/// The line that names the winner of `report.md`; `None` if no trial has an accuracy
pub fn best(analysis: &Analysis) -> Option<String> {
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
        _ => format!("{mean}test accuracy {share}{PICKED}"),
    };
    // Of one setting, none is the best.
    if analysis.groups.len() == 1 {
        return Some(metrics.trim_end_matches(PICKED).to_owned());
    }
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
