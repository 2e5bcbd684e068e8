//! The plan files in a sweep's folder, and whether another plan fits them

use std::fs;
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::plan::Plan;
use super::shard::Shard;
use crate::error::{Error, Result, first_ten, open_regular, shell_quoted};
use crate::tables::atomic_file::UNFINISHED;

/// What to do when a folder can't be used
const ELSEWHERE: &str = "name another folder with --sweep-id or --out";

/// The plan files in a folder, each with its shard; the whole sweep's plan comes first
pub fn plans(sweep: &Path) -> Result<Vec<(Option<Shard>, PathBuf)>> {
    let mut plans = Vec::new();
    for name in names(sweep)? {
        let Some(prefix) = name.strip_suffix("plan.toml") else { continue };
        let numbers = prefix.strip_prefix("shard-").and_then(|rest| rest.strip_suffix('.'));
        let shard = numbers.and_then(|numbers| numbers.replace("-of-", "/").parse::<Shard>().ok());
        if prefix.is_empty() || shard.is_some() {
            plans.push((shard, sweep.join(&name)));
        }
    }
    plans.sort_by_key(|(shard, _)| shard.map(|shard| (shard.count, shard.index)));
    Ok(plans)
}

/// Checks that a new sweep's folder is empty, or holds other shards of the same plan and count
pub fn check_neighbours(sweep: &Path, plan: &Plan, shard: Option<Shard>) -> Result<()> {
    let problem = |problem: String| Err(Error::content(sweep, problem));
    let found = names(sweep)?;
    // The plan is the first file of a folder: if another process has just created it, this second read finds it.
    let plans = plans(sweep)?;
    if plans.is_empty()
        && let Some(name) = found.iter().find(|name| !name.starts_with(UNFINISHED))
    {
        return problem(format!(
            "is not a sweep's folder and is not empty: it contains `{name}`; {ELSEWHERE}"
        ));
    }
    for (other, path) in plans {
        check_plan(&path, plan)?;
        let (held, remedy) = match (other, shard) {
            (Some(other), Some(shard)) if other.count == shard.count => continue,
            (Some(other), None) => {
                let merge = format!("chainrule sweep merge {}", shell_quoted(sweep));
                let remedy = format!(
                    "run shards 0/{n} to {}/{n}, then type: {merge}",
                    other.count - 1,
                    n = other.count
                );
                (format!("shard {other} of this sweep"), remedy)
            }
            (Some(other), Some(shard)) => {
                let (i, n) = (shard.index.min(other.count - 1), other.count);
                (
                    format!("shard {other} of this sweep"),
                    format!("type --shard {i}/{n} or another shard of {n}"),
                )
            }
            (None, _) => ("the whole sweep".to_owned(), "leave out --shard to resume it".to_owned()),
        };
        let mine = shard.map_or("the whole sweep".to_owned(), |shard| format!("shard {shard}"));
        return problem(format!("holds {held}, so {mine} can't be run in it; {remedy}, or {ELSEWHERE}"));
    }
    Ok(())
}

/// Reads the plan file of a sweep's folder
pub fn saved_plan(path: &Path) -> Result<Plan> {
    drop(open_regular(path)?);
    let draft = Draft::from_toml(path)?;
    // Every plan that this program wrote has `seeds` and `data`.
    if draft.seeds.is_none() {
        let problem =
            "expected a plan as the sweep wrote it, found no line `seeds`; the file was cut or changed";
        return Err(Error::content(path, problem));
    }
    draft.resolve().map_err(|error| match error {
        Error::NoData { .. } => Error::content(path, format!("has no line `data`, and there is {error}")),
        error => error,
    })
}

/// Checks that the plan in a file equals `plan`
pub fn check_plan(path: &Path, plan: &Plan) -> Result<()> {
    let there = saved_plan(path)?;
    if there.hash == plan.hash {
        return Ok(());
    }
    let n = there.trials.len();
    let trials = if n == 1 { "1 trial".to_owned() } else { format!("{n} trials") };
    let problem = format!(
        "holds another sweep, {trials}: {}; to run this one beside it, {ELSEWHERE}",
        differences(&there.text, &plan.text)
    );
    Err(Error::content(path, problem))
}

/// Lists the settings in which two plans differ
fn differences(there: &str, here: &str) -> String {
    let [there, here] = [there, here].map(|text| text.parse::<toml::Table>().unwrap_or_default());
    let only_here = here.keys().filter(|key| !there.contains_key(*key));
    let keys = there.keys().chain(only_here).filter(|key| there.get(*key) != here.get(*key));
    let value = |plan: &toml::Table, key: &str| plan.get(key).map_or("not set".to_owned(), shown);
    let differ = |key: &String| format!("{key} is {} there, {} here", value(&there, key), value(&here, key));
    first_ten(keys.map(differ), "; ")
}

/// A value of a plan, with ten elements of a list at most
fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::Array(values) => format!("[{}]", first_ten(values.iter().map(shown), ", ")),
        toml::Value::Table(table) => {
            let pair = |(key, value): (&String, &toml::Value)| format!("{key} = {}", shown(value));
            format!("{{ {} }}", first_ten(table.iter().map(pair), ", "))
        }
        value => value.to_string(),
    }
}

/// The names of the files in a folder
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(Error::reading(folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(Error::reading(folder))
}
