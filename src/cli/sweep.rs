//! `chainrule sweep`: runs the trials of a plan, or merges its shards

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Result;
use chainrule::config::text;
use chainrule::error::{shell_quoted, shown};
use chainrule::sweep::{self, Axis, Draft, Ended, Options, Plots, Sampling, Shard, Taken, WIDTH_AND_DEPTH};
use chainrule::tables::Status;
use chainrule::train::thread_count::{cores, machine_cores, warning};

use super::shard_choice::{ShardChoice, shard};
use super::signals::Signals;
use super::standard::{self, StandardParser};
pub use super::sweep_output::best;
use super::sweep_output::{dry_run, failed, summarise, warnings};
use super::sweep_progress::SweepProgress;
use super::train::{Common, deadline, run_id};
use super::{DONE, SIGNALLED, SOME_FAILED, note, with_origin};

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

    /// Run N trials drawn from the axes in place of all combinations; --seed decides which. An axis may then be a range, as
    /// learning_rate=log:1e-4..1e-1 or momentum=0..0.95
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,

    /// How --sample draws: each trial at random, or along a quasi-random sequence, which covers the axes evenly
    /// [default: random]
    #[arg(long, value_name = "HOW", value_enum)]
    sampling: Option<Sampling>,

    /// Successive halving: all trials train a part of the epochs, the best 1 in ETA by validation score go on from their
    /// checkpoints for ETA times as long, and so on to the last epoch; needs --val-split
    #[arg(long, value_name = "ETA", value_parser = clap::value_parser!(u32).range(2..))]
    halving: Option<u32>,

    /// TOML file with settings, `seeds`, `sample`, `halving`, a table [grid] and trials listed as [[trial]]; `-` is standard
    /// input
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

    /// With --resume, run trials again that failed or diverged; those that failed go on from their checkpoints
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

pub fn run(args: &Args) -> Result<u8> {
    let begun = Instant::now();
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
    let (shard, taken) = shard(args.shard, args.shards)?;
    if let Some(Taken { from, .. }) = taken.as_ref().filter(|_| !args.common.quiet) {
        let what =
            shard.map_or("no job array, so the whole sweep".to_owned(), |shard| format!("shard {shard}"));
        note(&format!("{what}, taken from {from}"));
    }
    let draft = draft(args)?;
    let swept = sweep(args, begun, draft.clone(), shard, taken.as_ref());
    swept.map_err(|error| with_origin(error, |path| draft.origin(path)))
}

/// Runs the trials of a sweep
///
/// * `begun`: when the program started
/// * `taken`: the scheduler that `shard` was taken from; `None`: the command line decides
fn sweep(
    args: &Args,
    begun: Instant,
    draft: Draft,
    shard: Option<Shard>,
    taken: Option<&Taken>,
) -> Result<u8> {
    let threads_given = draft.base.get("threads").map(text);
    let plan = draft.resolve()?;
    args.common.flags.check_used(plan.trials.iter().map(|trial| &trial.config))?;
    let config = &plan.trials[0].config;
    let out = &config.out;
    let sweep_id = args.sweep_id.clone().unwrap_or_else(|| plan.default_id());
    let folder = out.join(&sweep_id);
    if let Some(taken) = taken
        && let Some(problem) = sweep::submitted_again(taken, &folder)?
    {
        return Err(usage(problem));
    }
    let threads = plan.trials.iter().filter_map(|trial| trial.config.threads).max().unwrap_or(1);
    let mine = plan.trials_of(shard);
    let fitting = (cores() / threads).max(1);
    let jobs = args.jobs.map_or(fitting, usize::from).min(mine.len().max(1));
    if let Some(warning) = warning(jobs * threads, machine_cores()).filter(|_| !args.common.quiet) {
        note(&warning);
    }
    if !args.common.quiet {
        warnings(&plan).iter().for_each(|warning| note(warning));
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
        deadline: deadline(config, begun)?,
        how_to_resume: how_to_resume(args, &folder, &sweep_id, out, shard, threads_given.as_deref()),
    };
    let progress = SweepProgress::new(&folder, jobs, args.common.quiet, &signals);
    let ended = sweep::run(&plan, &folder, &options, &progress, &signals.stop)?;
    drop(progress);
    // Errors are shown with --quiet, too.
    if let Some(line) = failed(&ended.analysis, &plan, &options.how_to_resume) {
        note(&line);
    }
    if !args.common.quiet {
        summarise(&ended, &folder, shard);
        if let Some(rung) = ended.waits {
            note(&format!(
                "this shard has ended rung {rung}, and others have not; when they have, go on with: {}",
                options.how_to_resume
            ));
        } else if ended.left > 0 || ended.analysis.stopped() > 0 {
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
    draft.sample = args.sample.or(draft.sample);
    draft.sampling = args.sampling.or(draft.sampling);
    draft.halving = args.halving.or(draft.halving);
    if draft.grid.is_empty() && draft.listed.is_empty() && draft.seeds.is_none() {
        return Err(usage(match &draft.file {
            Some(path) => format!(
                "{}: the plan ends at line {} and has no axis; add a table [grid], as\n    [grid]\n    learning_rate = [0.01, 0.1]\n\
                 or tables [[trial]], or a line `seeds = 3` at its start",
                shown(path),
                draft.file_text.lines().count()
            ),
            None => format!(
                "expected what to sweep: {}, or --grid NAME=VALUES, --seeds N or --plan FILE; for example, type: \
                 chainrule sweep learning_rate",
                standard::names()
            ),
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

/// An error about the command line
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
    // Only the whole path has the names of `.` and `..`.
    let whole = folder.file_name().is_none().then(|| folder.canonicalize().ok()).flatten();
    let folder = whole.as_deref().unwrap_or(folder);
    let sweep_id = folder.file_name().unwrap_or_default().to_string_lossy();
    let out = folder.parent().filter(|out| !out.as_os_str().is_empty()).unwrap_or(Path::new("."));
    how_to_resume(args, folder, &sweep_id, out, None, None)
}

fn exit_code(ended: &Ended, signal: u8) -> u8 {
    match (signal, ended.analysis.count(Status::Failed) + ended.analysis.count(Status::Diverged)) {
        (0, 0) => DONE,
        (0, _) => SOME_FAILED,
        (signal, _) => SIGNALLED + signal,
    }
}
