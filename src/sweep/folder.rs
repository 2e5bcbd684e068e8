//! A sweep's folder: whose it is, who works in it, and which trials in it have ended

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::plan::{Draft, Plan, Trial};
use super::shard::Shard;
use crate::error::{Error, Result};
use crate::tables::atomic_file::{UNFINISHED, create_atomically};

/// The files that a sweep, or a shard of one, has to itself
#[derive(Clone, Debug)]
pub struct Files {
    /// The plan, which the process at work holds a lock on
    pub plan: PathBuf,
    /// A row a trial
    pub runs: PathBuf,
    /// All epochs of all trials
    pub epochs: PathBuf,
}

impl Files {
    /// Those of a whole sweep, or of one shard
    pub fn new(sweep: &Path, shard: Option<Shard>) -> Self {
        let prefix =
            shard.map_or(String::new(), |Shard { index, count }| format!("shard-{index}-of-{count}."));
        let file = |name: &str| sweep.join(format!("{prefix}{name}"));
        Self { plan: file("plan.toml"), runs: file("runs.csv"), epochs: file("epochs.csv") }
    }
}

/// A folder that is ours alone as long as this lives
#[derive(Debug)]
pub struct Folder {
    /// The sweep's own files
    pub files: Files,
    _lock: File,
}

impl Folder {
    /// Makes the folder, or takes up one that is there
    ///
    /// * `resume`: nothing where only a new folder will do
    /// * `how_to_resume`: the command that would, for the message
    ///
    /// # Errors
    /// If the folder is another plan's, or is there and `resume` is not asked for, or another process is
    /// at work in it, or it can't be written.
    pub fn open(
        sweep: &Path,
        plan: &Plan,
        shard: Option<Shard>,
        resume: bool,
        how_to_resume: &str,
    ) -> Result<Self> {
        let problem = |problem: String| Error::Text { path: sweep.to_owned(), problem };
        let there = || problem(format!("holds this sweep already; go on with: {how_to_resume}"));
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
        Ok(Self { files, _lock: lock })
    }
}

/// Takes the lock that the process at work in a sweep holds
///
/// # Errors
/// If another one has it, or the file can't be opened.
pub fn lock(plan: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).append(true).open(plan).map_err(Error::writing(plan))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Text {
            path: plan.to_owned(),
            problem: "another process is at work on this sweep".to_owned(),
        }),
        Err(TryLockError::Error(e)) if e.kind() != std::io::ErrorKind::Unsupported => {
            Err(Error::writing(plan)(e))
        }
        _ => Ok(file),
    }
}

/// The plans in a folder, with the shards that they are of
///
/// # Errors
/// If the folder can't be read.
pub fn plans(sweep: &Path) -> Result<Vec<(Option<Shard>, PathBuf)>> {
    let mut plans = Vec::new();
    for name in names(sweep)? {
        let shard = || {
            let (index, count) =
                name.strip_prefix("shard-")?.strip_suffix(".plan.toml")?.split_once("-of-")?;
            format!("{index}/{count}").parse::<Shard>().ok()
        };
        if name == "plan.toml" {
            plans.push((None, sweep.join(name)));
        } else if let Some(shard) = shard() {
            plans.push((Some(shard), sweep.join(name)));
        }
    }
    plans.sort_by_key(|(shard, _)| shard.map(|shard| (shard.count, shard.index)));
    Ok(plans)
}

/// A new sweep wants an empty folder; a new shard may have others of the same plan and cut beside it
fn check_neighbours(sweep: &Path, plan: &Plan, shard: Option<Shard>) -> Result<()> {
    let problem = |problem: String| Error::Text { path: sweep.to_owned(), problem };
    let found = names(sweep)?;
    // A plan is the first thing in a folder: if others are making it at this moment, a second look finds it.
    let plans = plans(sweep)?;
    if plans.is_empty() {
        return match found.iter().find(|name| !name.starts_with(UNFINISHED)) {
            Some(name) => Err(problem(format!("is no sweep's folder, but is not empty (`{name}`)"))),
            None => Ok(()),
        };
    }
    for (other, path) in plans {
        check_plan(&path, plan)?;
        let mine = shard.map_or("the whole sweep".to_owned(), |shard| format!("shard {shard}"));
        match (other, shard) {
            (Some(other), Some(shard)) if other.count == shard.count => {}
            (Some(other), _) => {
                return Err(problem(format!(
                    "holds shard {other} of this sweep, so {mine} can't be run in it"
                )));
            }
            (None, _) => return Err(problem(format!("holds the whole sweep, so {mine} can't be run in it"))),
        }
    }
    Ok(())
}

/// Whether the plan in a file is this one
fn check_plan(path: &Path, plan: &Plan) -> Result<()> {
    let there = Draft::from_toml(path)?.resolve()?;
    if there.hash == plan.hash {
        return Ok(());
    }
    let problem = format!(
        "is plan {}, expected {}: {}; name another folder with --sweep-id or --out",
        there.hash,
        plan.hash,
        differences(&there.text, &plan.text)
    );
    Err(Error::Text { path: path.to_owned(), problem })
}

/// Every setting in which two plans differ
fn differences(there: &str, here: &str) -> String {
    let [there, here] = [there, here].map(|text| text.parse::<toml::Table>().unwrap_or_default());
    let only_here = here.keys().filter(|key| !there.contains_key(*key));
    let keys = there.keys().chain(only_here).filter(|key| there.get(*key) != here.get(*key));
    let value = |plan: &toml::Table, key: &str| plan.get(key).map_or("nothing".to_owned(), one_line);
    let differ = |key: &String| format!("{key} is {} there, {} here", value(&there, key), value(&here, key));
    keys.map(differ).collect::<Vec<_>>().join("; ")
}

/// A value as TOML writes it inside a line
fn one_line(value: &toml::Value) -> String {
    match value {
        toml::Value::Table(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key} = {}", one_line(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        toml::Value::Array(values) => {
            format!("[{}]", values.iter().map(one_line).collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(Error::reading(folder))?;
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(Error::reading(folder))
    };
    entries.map(name).collect()
}

/// Removes what a process that was killed left of a trial, if anything
///
/// # Errors
/// If it can't be removed.
pub fn clear(sweep: &Path, trial: &Trial) -> Result<()> {
    let folder = sweep.join(&trial.id);
    let gone = |removed: std::io::Result<()>| match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::writing(&folder)(e)),
        _ => Ok(()),
    };
    // First what says that it has ended: half a folder must not be taken for a whole one.
    gone(fs::remove_file(folder.join("summary.csv")))?;
    gone(fs::remove_dir_all(&folder))
}

/// Removes files that a process which was killed was writing
///
/// # Errors
/// If the folder can't be read; a file that can't be removed stays.
pub fn sweep_out(sweep: &Path) -> Result<()> {
    for name in names(sweep)?.iter().filter(|name| name.starts_with(UNFINISHED)) {
        let _ = fs::remove_file(sweep.join(name));
    }
    Ok(())
}
