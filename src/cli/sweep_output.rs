//! What `chainrule sweep` prints: the trials of a dry run, how a sweep ended, its winner, and the trials that failed

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use chainrule::config::TrainConfig;
use chainrule::error::{first_ten, printable, shell_quoted, shown};
use chainrule::report;
use chainrule::report::analysis::{Analysis, Undecided, VariedSetting};
use chainrule::report::score::NO_SAMPLES;
use chainrule::sweep::{self, Ended, Estimate, Halving, Plan, Rung, Shard, Trial};
use chainrule::tables::Status;
use chainrule::train::warnings::OF_SETTINGS;

use super::format::{count, rough_duration, several};
use super::{DONE, note, print};

/// The line that names the trials that failed or diverged; `None` if there are none
pub fn failed(analysis: &Analysis, plan: &Plan, how_to_resume: &str) -> Option<String> {
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

/// The warnings about settings of trials, each with the first trial that has it and the number of the others
///
/// Of the warnings of one kind with different texts, such as values, the first and their number are enough.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let of_kind = |warning: fn(&TrainConfig) -> Option<String>| {
        let found = plan.trials.iter().filter_map(|trial| Some((&trial.id, warning(&trial.config)?)));
        let found: Vec<_> = found.collect();
        let (first, text) = found.first()?;
        let alike = found.iter().filter(|(_, other)| other == text).count();
        let others = match found.len() - alike {
            0 => String::new(),
            n => format!(
                " (and {} a warning like it)",
                several(n, "other trial") + if n == 1 { " has" } else { " have" }
            ),
        };
        Some(match alike {
            n if n == plan.trials.len() => format!("warning: {text}"),
            1 => format!("warning: {first}: {text}{others}"),
            n => format!("warning: {first} and {}: {text}{others}", several(n - 1, "other trial")),
        })
    };
    OF_SETTINGS.into_iter().filter_map(of_kind).collect()
}

/// Prints the table of trials to stdout, and their number and an estimate of the time to stderr
pub fn dry_run(plan: &Plan, mine: &[&Trial], jobs: usize, folder: &Path, quiet: bool) -> Result<u8> {
    if !quiet {
        let (n, all) = (mine.len(), plan.trials.len());
        let of = if n == all { String::new() } else { format!("{} of ", count(n)) };
        note(&format!("{of}{}, {jobs} at once; files would be in {}", several(all, "trial"), shown(folder)));
    }
    print(&table(plan, mine))?;
    if let Some(halving) = plan.halving.as_ref().filter(|_| !quiet) {
        note(&planned(halving));
    }
    if !quiet && let Some(estimate) = sweep::estimate(mine, jobs)? {
        let Estimate { trial, epoch_s, total_s } = estimate;
        let total = rough_duration(total_s * plan.halving.as_ref().map_or(1.0, Halving::share));
        note(&format!("about {total}: an epoch of {trial} takes {epoch_s:.2} s with its evaluation"));
    }
    Ok(DONE)
}

/// The line that says which rungs a halving will have
fn planned(halving: &Halving) -> String {
    let rung = |rung: &Rung| format!("{} to {}", count(rung.combinations), count(rung.epochs));
    let rungs = halving.rungs.iter().map(rung).collect::<Vec<_>>().join(", ");
    let rungs = rungs.replacen(" to ", " combinations to epoch ", 1);
    format!("rungs: {rungs}; {:.0} % of the epochs of all trials", 100.0 * halving.share())
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

/// Prints how the trials ended, the winner and the files to stderr
pub fn summarise(ended: &Ended, folder: &Path, shard: Option<Shard>) {
    let analysis = &ended.analysis;
    let counts = Status::ALL.map(|status| (analysis.count(status), status.name()));
    let counts = counts.into_iter().chain([(ended.left, "not begun")]);
    let counts = counts.filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(n)));
    note(&format!("trials: {}", counts.collect::<Vec<_>>().join(", ")));
    if let Some(halving) = report::halving::Halving::of(analysis) {
        note(&format!("rungs: {}", halving.text()));
    }
    best(analysis).iter().for_each(|line| note(line));
    if let Some(undecided) = analysis.undecided() {
        note(no_best(undecided));
    } else if analysis.has_no_samples() {
        note(&format!("no best: {NO_SAMPLES}"));
    }
    let prefix = shard.map_or_else(String::new, Shard::file_prefix);
    let tables = ["runs.csv", "epochs.csv", "plan.toml"].map(|name| format!("{prefix}{name}"));
    let drawn = ended.drawn.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let files: Vec<String> = tables.into_iter().chain(drawn).collect();
    note(&format!("files in {}: {}", shown(folder), files.join(", ")));
    if shard.is_some() && ended.waits.is_none() {
        note(&format!("when all shards have ended: chainrule sweep merge {}", shell_quoted(folder)));
    }
}

/// The line in place of the winner where scores can't be compared
pub fn no_best(undecided: Undecided) -> &'static str {
    match undecided {
        Undecided::Tasks => {
            "no best: some trials are of classification and others of regression, which can't be compared"
        }
        Undecided::Targets => {
            "no best: trials predict different targets, and RMSEs in their units can't be compared"
        }
    }
}

/// The end of the line that names the winner where test metrics chose it
const PICKED: &str = ", which also picked it: no --val-split";

/// The line that names the winner of `report.md`; `None` if no trial has a score, or none decides
pub fn best(analysis: &Analysis) -> Option<String> {
    let winner = analysis.winner()?;
    let scored = analysis.scored(winner)?;
    let of_axis = |(axis, &place): (&VariedSetting, &usize)| format!("{}={}", axis.name, axis.values[place]);
    let combination = analysis.axes.iter().zip(&winner.place).map(of_axis).collect::<Vec<_>>().join(" ");
    let combination = if combination.is_empty() { combination } else { format!(" ({combination})") };
    let mean = if scored.n > 1 { format!("mean of {} seeds, ", scored.n) } else { String::new() };
    let (score, kind) = (analysis.score, analysis.score.kind);
    let mut metrics = format!("{mean}{} {}", score.name(), kind.text_with_unit(scored.mean));
    let [_, _, test] = kind.columns();
    match analysis.spread(winner, test) {
        Some(test) if score.is_validated => {
            metrics += &format!(", test {} {}", kind.name(), kind.text_with_unit(test.mean));
        }
        _ if !score.is_validated => metrics += PICKED,
        _ => {}
    }
    // A single combination is not called the best.
    if analysis.groups.len() == 1 {
        return Some(metrics.trim_end_matches(PICKED).to_owned());
    }
    let first = winner.trials.iter().map(|&i| &analysis.trials[i]).find(|run| run.status == Status::Ok)?;
    Some(format!("best: {}{combination}, {metrics}", first.id))
}
