//! The folder of a sweep: its files, its lock, and the checks before a process uses it

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::plan::{Plan, Trial};
use super::shard::Shard;
use crate::error::{Error, Result};
use crate::tables::atomic_file::{UNFINISHED, create_atomically};

/// What to do when a folder can't be used
const ELSEWHERE: &str = "name another folder with --sweep-id or --out";

/// The paths of the files of a sweep or of one shard
#[derive(Clone, Debug)]
pub struct Files {
    /// The plan; the process that runs the sweep locks this file
    pub plan: PathBuf,
    /// The table with a row a trial
    pub runs: PathBuf,
    /// The table with all epochs of all trials
    pub epochs: PathBuf,
}

impl Files {
    /// The files of a whole sweep, or of one shard
    pub fn new(sweep: &Path, shard: Option<Shard>) -> Self {
        let prefix = shard.map_or_else(String::new, Shard::file_prefix);
        let file = |name: &str| sweep.join(format!("{prefix}{name}"));
        Self { plan: file("plan.toml"), runs: file("runs.csv"), epochs: file("epochs.csv") }
    }
}

/// Creates the folder of a sweep, or opens one that exists; returns its files, and the lock that keeps other processes
/// out until it is dropped
///
/// * `resume`: whether the folder may hold this sweep already
/// * `how_to_resume`: the command that resumes it, for the message
///
/// # Errors
/// If the folder belongs to another plan, or holds this sweep already and `resume` is false, or another process runs in
/// it, or it can't be written.
pub fn open(
    sweep: &Path,
    plan: &Plan,
    shard: Option<Shard>,
    resume: bool,
    how_to_resume: &str,
) -> Result<(Files, File)> {
    let problem = |problem: String| Error::Text { path: sweep.to_owned(), problem };
    let there = || problem(format!("already contains this sweep; resume with: {how_to_resume}"));
    fs::create_dir_all(sweep).map_err(Error::writing(sweep))?;
    let files = Files::new(sweep, shard);
    if !files.plan.exists() {
        check_neighbours(sweep, plan, shard)?;
        if !create_atomically(&files.plan, plan.file(&files.plan).as_bytes())? {
            return Err(there());
        }
    } else if !resume {
        check_plan(&files.plan, plan)?;
        return Err(there());
    }
    let lock = lock(&files.plan)?;
    check_plan(&files.plan, plan)?;
    Ok((files, lock))
}

/// Locks a plan file, as the process that runs the sweep does; fails if another process holds the lock
pub fn lock(plan: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).append(true).open(plan).map_err(Error::writing(plan))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Text {
            path: plan.to_owned(),
            problem: "another process is running this sweep; wait until it has ended".to_owned(),
        }),
        Err(TryLockError::Error(e)) if e.kind() != std::io::ErrorKind::Unsupported => {
            Err(Error::writing(plan)(e))
        }
        _ => Ok(file),
    }
}

/// The plan files in a folder, each with its shard; that of a whole sweep comes first
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
fn check_neighbours(sweep: &Path, plan: &Plan, shard: Option<Shard>) -> Result<()> {
    let problem = |problem: String| Err(Error::Text { path: sweep.to_owned(), problem });
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
        let held = match (other, shard) {
            (Some(other), Some(shard)) if other.count == shard.count => continue,
            (Some(other), _) => format!("shard {other} of this sweep"),
            (None, _) => "the whole sweep".to_owned(),
        };
        let mine = shard.map_or("the whole sweep".to_owned(), |shard| format!("shard {shard}"));
        return problem(format!("holds {held}, so {mine} can't be run in it; {ELSEWHERE}"));
    }
    Ok(())
}

/// Checks that the plan in a file equals `plan`
fn check_plan(path: &Path, plan: &Plan) -> Result<()> {
    let there = Draft::from_toml(path)?.resolve()?;
    if there.hash == plan.hash {
        return Ok(());
    }
    let problem = format!(
        "is plan {}, expected {}: {}; {ELSEWHERE}",
        there.hash,
        plan.hash,
        differences(&there.text, &plan.text)
    );
    Err(Error::Text { path: path.to_owned(), problem })
}

/// Lists every setting in which two plans differ
fn differences(there: &str, here: &str) -> String {
    let [there, here] = [there, here].map(|text| text.parse::<toml::Table>().unwrap_or_default());
    let only_here = here.keys().filter(|key| !there.contains_key(*key));
    let keys = there.keys().chain(only_here).filter(|key| there.get(*key) != here.get(*key));
    let value =
        |plan: &toml::Table, key: &str| plan.get(key).map_or("not set".to_owned(), toml::Value::to_string);
    let differ = |key: &String| format!("{key} is {} there, {} here", value(&there, key), value(&here, key));
    keys.map(differ).collect::<Vec<_>>().join("; ")
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(Error::reading(folder))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(Error::reading(folder))
}

/// Removes the folder of a trial, if it exists
pub fn clear(sweep: &Path, trial: &Trial) -> Result<()> {
    let folder = sweep.join(&trial.id);
    let gone = |removed: std::io::Result<()>| match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::writing(&folder)(e)),
        _ => Ok(()),
    };
    // summary.csv goes first: it marks the trial as ended, and the rest may be removed only in part.
    gone(fs::remove_file(folder.join("summary.csv")))?;
    gone(fs::remove_dir_all(&folder))
}

/// Removes unfinished files of a process that was killed; a file that can't be removed stays
pub fn remove_unfinished(sweep: &Path) -> Result<()> {
    for name in names(sweep)?.iter().filter(|name| name.starts_with(UNFINISHED)) {
        let _ = fs::remove_file(sweep.join(name));
    }
    Ok(())
}
