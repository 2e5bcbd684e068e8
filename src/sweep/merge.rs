//! The merge of a sweep's shards

use std::path::Path;

use super::folder::{Files, lock, plans};
use super::plan::{Draft, Plan};
use super::runner::Ended;
use super::shard::Shard;
use super::trial_rows::SweepTables;
use crate::error::{Error, Result};
use crate::plot::folder_pictures;
use crate::report::analysis::Analysis;
use crate::tables::Status;
use crate::tables::atomic_file::write_atomically;

/// Maximum number of names in an error
const NAMED: usize = 10;

/// Merges the shards in a folder: writes `plan.toml`, `runs.csv`, `epochs.csv`, pictures and report, in the order of the plan
///
/// # Errors
/// If there is no shard, the shards are of different plans or counts, a shard is missing or still running, or a trial
/// has not ended.
pub fn merge(sweep: &Path) -> Result<Ended> {
    let problem = |problem: String| Error::Text { path: sweep.to_owned(), problem };
    let found = plans(sweep)?;
    let mut shards: Vec<(Shard, Plan, std::fs::File)> = Vec::new();
    for (shard, path) in found {
        let plan = Draft::from_toml(&path)?.resolve()?;
        let Some(shard) = shard else { continue };
        if let Some((other, first, _)) = shards.first() {
            if other.count != shard.count {
                return Err(problem(format!(
                    "shards {other} and {shard}: expected one number of shards; move the files of the others away"
                )));
            }
            if first.hash != plan.hash {
                return Err(problem(format!(
                    "shard {other} is of plan {}, shard {shard} of plan {}: expected one plan; move the others away",
                    first.hash, plan.hash
                )));
            }
        }
        shards.push((shard, plan, lock(&path)?));
    }
    let Some((Shard { count, .. }, plan, _)) = shards.first() else {
        return Err(problem(
            "contains no shard-I-of-N.plan.toml, expected one for each shard; run them with --shard I/N"
                .to_owned(),
        ));
    };
    let missing = |index: &usize| !shards.iter().any(|(shard, ..)| shard.index == *index);
    none_missing("shards", (0..*count).filter(missing).map(|index| format!("{index}/{count}")))
        .map_err(problem)?;
    let tables = SweepTables::new(plan);
    let mut unfinished = Vec::new();
    for trial in &plan.trials {
        let rows = tables.read(trial, sweep)?;
        if rows.is_none_or(|rows| rows.status == Status::Interrupted) {
            unfinished.push(trial.id.clone());
        }
    }
    none_missing("trials", unfinished.into_iter()).map_err(problem)?;
    let files = Files::new(sweep, None);
    if files.plan.exists() {
        let there = Draft::from_toml(&files.plan)?.resolve()?;
        if there.hash != plan.hash {
            return Err(problem(format!(
                "plan.toml is of plan {}, the shards of {}: expected one plan; move plan.toml away",
                there.hash, plan.hash
            )));
        }
    } else {
        write_atomically(&files.plan, plan.file(&files.plan).as_bytes())?;
    }
    let _lock = lock(&files.plan)?;
    tables.rebuild(&files, sweep, plan.trials.iter())?;
    let analysis = Analysis::read(&files.runs)?;
    Ok(Ended { analysis, left: 0, drawn: folder_pictures::redraw(sweep)? })
}

/// Returns an error that names what is missing, if anything is
fn none_missing(what: &str, missing: impl Iterator<Item = String>) -> std::result::Result<(), String> {
    let missing: Vec<String> = missing.collect();
    let named = missing[..missing.len().min(NAMED)].join(", ");
    match missing.len() {
        0 => Ok(()),
        n if n > NAMED => {
            Err(format!("{n} {what} have not ended: {named} … and {} more; run them first", n - NAMED))
        }
        _ => Err(format!("{what} that have not ended: {named}; run them first")),
    }
}
