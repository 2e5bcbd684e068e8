//! The merge of a sweep's shards

use std::collections::HashMap;
use std::path::Path;

use super::folder::{Files, lock, remove_unfinished};
use super::folder_plans::{plans, saved_plan};
use super::plan::Plan;
use super::rungs::{self, Next};
use super::runner::Ended;
use super::shard::Shard;
use super::trial_check::{Checked, check};
use super::trial_rows::SweepTables;
use crate::data::DataOptions;
use crate::error::{Error, Result, first_ten};
use crate::plot::folder_pictures;
use crate::report::analysis::Analysis;
use crate::tables::Locked;
use crate::tables::atomic_file::write_atomically;
use crate::tables::reader::Table;

/// Merges the shards in a folder: writes `plan.toml`, `runs.csv`, `epochs.csv`, pictures and report, in the order of the
/// plan, and returns that plan
///
/// # Errors
/// If there is no shard, the plans in the folder differ or have different numbers of shards, a shard is missing or still
/// running, or a trial has not ended.
pub fn merge(sweep: &Path) -> Result<(Plan, Ended)> {
    let problem = |problem: String| Error::content(sweep, problem);
    let mut first: Option<(String, Plan)> = None;
    let mut shards: Vec<(Shard, Locked)> = Vec::new();
    for (shard, path) in plans(sweep)? {
        let plan = saved_plan(&path)?;
        let name = shard.map_or("plan.toml".to_owned(), |shard| format!("shard {shard}"));
        let (other, expected) = first.get_or_insert_with(|| (name.clone(), plan.clone()));
        if expected.hash != plan.hash {
            return Err(problem(format!(
                "{other} is of plan {}, {name} of plan {}: expected one plan; move the others away",
                expected.hash, plan.hash
            )));
        }
        let Some(shard) = shard else { continue };
        if let Some((other, _)) = shards.first().filter(|(other, _)| other.count != shard.count) {
            return Err(problem(format!(
                "shards {other} and {shard}: expected one number of shards; move the others away"
            )));
        }
        shards.push((shard, lock(&path)?));
    }
    let (Some((_, plan)), Some((Shard { count, .. }, _))) = (first, shards.first()) else {
        return Err(problem(
            "contains no shard-I-of-N.plan.toml, expected one for each shard; run them with --shard I/N"
                .to_owned(),
        ));
    };
    let missing = (0..*count).filter(|index| !shards.iter().any(|(shard, _)| shard.index == *index));
    none_missing("shards", missing.map(|index| format!("{index}/{count}"))).map_err(problem)?;
    let tables = SweepTables::new(&plan);
    let (mut unfinished, mut doubts) = (Vec::new(), Vec::new());
    // The shards may have run on machines whose data differ.
    let mut known: HashMap<DataOptions, (&str, String)> = HashMap::new();
    for trial in &plan.trials {
        match check(trial, sweep)? {
            Checked::Ended(status, hash) if !status.can_go_on() => {
                let Some(hash) = hash else { continue };
                let options = DataOptions::from(&trial.config).undivided();
                let (first, expected) = known.entry(options).or_insert_with(|| (&trial.id, hash.clone()));
                if *expected != hash {
                    let id = &trial.id;
                    doubts.push(format!("{id} (data_hash is {hash}, that of {first} is {expected})"));
                }
            }
            Checked::Doubtful(doubt) => doubts.push(doubt),
            _ => unfinished.push(trial.id.clone()),
        }
    }
    if !doubts.is_empty() {
        let remedy = "run their shards again with --resume --retry-failed";
        return Err(problem(format!(
            "trials do not fit the plan: {}; {remedy}",
            first_ten(doubts.into_iter(), "; ")
        )));
    }
    none_missing("trials", unfinished.into_iter()).map_err(problem)?;
    if let Some(halving) = &plan.halving
        && let Next::Train(rung, due) = rungs::next(&plan, halving, sweep, None)?
    {
        let (rung, of, n) = (rung + 1, halving.rungs.len(), due.len());
        return Err(problem(format!(
            "rung {rung} of {of} has not ended: {n} trials go on; run the shards again with --resume until they say that all rungs \
             have ended"
        )));
    }
    let files = Files::new(sweep, None);
    if !files.plan.exists() {
        write_atomically(&files.plan, plan.file(&files.plan).as_bytes())?;
    }
    let _lock = lock(&files.plan)?;
    remove_unfinished(sweep, &plan.trials);
    tables.rebuild(&files, sweep, &plan.trials_of(None))?;
    let mut analysis = Analysis::from_table(&Table::read(&files.runs)?)?;
    analysis.rung_ends = plan.rung_ends();
    Ok((plan, Ended { analysis, left: 0, waits: None, drawn: folder_pictures::redraw(sweep)? }))
}

/// Returns an error that names what is missing, if anything is
fn none_missing(what: &str, missing: impl Iterator<Item = String>) -> std::result::Result<(), String> {
    let missing = first_ten(missing, ", ");
    let problem = || format!("{what} that have not ended: {missing}; run them first");
    if missing.is_empty() { Ok(()) } else { Err(problem()) }
}
