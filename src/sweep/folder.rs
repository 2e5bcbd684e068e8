//! The folder of a sweep: its files, its lock, and the checks before a process uses it

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::folder_plans::{check_neighbours, check_plan};
use super::plan::{Plan, Trial};
use super::shard::Shard;
use crate::error::{Error, Result};
use crate::tables::atomic_file::{create, create_atomically, remove_leftovers};
use crate::tables::{Locked, create_folder};

/// The paths of the files of a sweep or of one shard
#[derive(Clone, Debug)]
pub struct Files {
    /// The plan; the process that runs the sweep locks this file
    pub plan: PathBuf,
    /// The table with a row for each trial
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

/// The locks of a process that runs in a sweep's folder, which end when they are dropped
#[derive(Debug)]
pub struct Locks {
    _own: Locked,
    /// For a shard: the lock on the whole sweep's plan, shared with the other shards
    _whole: Option<Locked>,
}

/// What a process wants in a sweep's folder
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The shard that it runs; `None`: all trials
    pub shard: Option<Shard>,
    /// Whether the folder may hold this sweep already
    pub resume: bool,
    /// The command that resumes the sweep, for the message
    pub how_to_resume: &'a str,
}

/// Creates the folder of a sweep, or opens one that exists; returns its files, and the locks that keep other processes
/// out
///
/// A new folder appears with its plan in it, by one rename. If two processes start at once, the second sees the plan of the
/// first, which is that of the whole sweep, or of a shard.
///
/// # Errors
/// If the folder belongs to another plan, or holds this sweep already and `resume` is false, or another process runs in
/// it, or it can't be written.
pub fn open(sweep: &Path, plan: &Plan, claim: Claim<'_>) -> Result<(Files, Locks)> {
    let Claim { shard, resume, how_to_resume } = claim;
    let files = Files::new(sweep, shard);
    let fill = |beside: &Path| {
        let inside = beside.join(files.plan.file_name().unwrap_or_default());
        // The error names the path that the plan gets, since the folder beside it is removed.
        let written = create(&inside, plan.file(&files.plan).as_bytes());
        written.map(drop).map_err(Error::writing(&files.plan))
    };
    if !create_folder(sweep, fill)? {
        if !files.plan.exists() {
            check_neighbours(sweep, plan, shard)?;
        }
        // Shards of one count do not disturb each other, and may create their plans at once.
        let is_new =
            !files.plan.exists() && create_atomically(&files.plan, plan.file(&files.plan).as_bytes())?;
        if !is_new && !resume {
            check_plan(&files.plan, plan)?;
            drop(lock(&files.plan)?);
            let problem = format!("already contains this sweep; resume with: {how_to_resume}");
            return Err(Error::content(sweep, problem));
        }
    }
    let own = lock(&files.plan)?;
    let whole = Files::new(sweep, None).plan;
    let whole =
        if shard.is_some() && whole.exists() { Some(lock_as(&whole, File::try_lock_shared)?) } else { None };
    check_plan(&files.plan, plan)?;
    Ok((files, Locks { _own: own, _whole: whole }))
}

/// Locks a plan file, as the process that runs the sweep does; fails if another process holds the lock
pub fn lock(plan: &Path) -> Result<Locked> {
    lock_as(plan, File::try_lock)
}

fn lock_as(
    plan: &Path,
    try_lock: impl FnOnce(&File) -> std::result::Result<(), TryLockError>,
) -> Result<Locked> {
    let file = OpenOptions::new().read(true).append(true).open(plan).map_err(Error::writing(plan))?;
    let problem = "another process is running this sweep; wait until it has ended";
    let locked = Locked::try_new(file, try_lock).map_err(Error::writing(plan))?;
    locked.ok_or_else(|| Error::content(plan, problem))
}

/// Removes the folder of a trial, if it exists
pub fn clear(sweep: &Path, trial: &Trial) -> Result<()> {
    let folder = sweep.join(&trial.id);
    let gone = |removed: std::io::Result<()>, path: &Path| match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::writing(path)(e)),
        _ => Ok(()),
    };
    // summary.csv goes first: it marks the trial as ended, and the rest may be removed only in part.
    let summary = folder.join("summary.csv");
    gone(fs::remove_file(&summary), &summary)?;
    gone(fs::remove_dir_all(&folder), &folder)
}

/// Removes the temporary files of processes that were killed, from a sweep's folder and from those of these trials
pub fn remove_unfinished<'a>(sweep: &Path, trials: impl IntoIterator<Item = &'a Trial>) {
    remove_leftovers(sweep);
    trials.into_iter().for_each(|trial| remove_leftovers(&sweep.join(&trial.id)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::sweep::folder_plans::names;
    use crate::sweep::{Axis, Draft};

    fn plan() -> Plan {
        let grid = vec![Axis::parse("epochs=1,2").unwrap()];
        let base = Settings::default().with("data", "synthetic");
        Draft { base, grid, ..Draft::default() }.resolve().unwrap()
    }

    fn claim(shard: Option<&str>, resume: bool) -> Claim<'static> {
        Claim { shard: shard.map(|shard| shard.parse().unwrap()), resume, how_to_resume: "" }
    }

    #[test]
    fn of_processes_that_start_at_once_those_that_do_not_fit_the_first_are_refused() {
        let plan = plan();
        for round in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let sweep = folder.path().join("out/s");
            if round % 2 == 0 {
                fs::create_dir_all(&sweep).unwrap();
            }
            let claims = [None, Some("0/2"), Some("1/2"), None, Some("0/3")];
            let barrier = std::sync::Barrier::new(claims.len());
            let opened: Vec<_> = std::thread::scope(|scope| {
                let start = |shard: Option<&'static str>| {
                    let (barrier, sweep, plan) = (&barrier, &sweep, &plan);
                    scope.spawn(move || {
                        barrier.wait();
                        open(sweep, plan, claim(shard, round % 3 == 0))
                    })
                };
                let threads = claims.map(start);
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let ok: Vec<_> = claims
                .iter()
                .zip(&opened)
                .filter(|(_, opened)| opened.is_ok())
                .map(|(claim, _)| *claim)
                .collect();
            let fits = [&[None][..], &[Some("0/2"), Some("1/2")], &[Some("0/3")]];
            assert!(fits.contains(&&ok[..]), "{ok:?}: {opened:?}");
            assert_eq!(names(sweep.parent().unwrap()).unwrap(), ["s"]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_plan_that_is_no_file_is_an_error_and_not_waited_for() {
        let (folder, plan) = (tempfile::tempdir().unwrap(), plan());
        let path = folder.path().join("plan.toml");
        crate::error::fifo::make(&path);
        for shard in [None, Some("0/2")] {
            let error = open(folder.path(), &plan, claim(shard, true)).unwrap_err().to_string();
            assert!(error.contains("plan.toml") && error.contains("FIFO"), "{error}");
        }
    }

    #[test]
    fn a_plan_that_was_cut_is_an_error_that_names_it() {
        let (folder, plan) = (tempfile::tempdir().unwrap(), plan());
        let path = folder.path().join("plan.toml");
        for text in ["", "epochs = 3\n", "# chainrule\n\n"] {
            fs::write(&path, text).unwrap();
            let error = open(folder.path(), &plan, claim(None, true)).unwrap_err().to_string();
            assert!(error.contains("plan.toml: expected a plan as the sweep wrote it"), "{error}");
        }
    }

    #[test]
    fn two_resumes_at_once_are_refused_also_of_a_shard_and_the_whole() {
        let (folder, plan) = (tempfile::tempdir().unwrap(), plan());
        let sweep = folder.path().join("s");
        let open = |shard, resume| open(&sweep, &plan, claim(shard, resume));
        drop(open(Some("0/2"), false).unwrap());
        drop(open(Some("1/2"), false).unwrap());
        // As a merge leaves it
        let whole = Files::new(&sweep, None).plan;
        fs::write(&whole, plan.file(&whole)).unwrap();
        let first = open(None, true).unwrap();
        for shard in [None, Some("0/2")] {
            let error = open(shard, true).unwrap_err().to_string();
            assert!(error.contains("another process is running"), "{error}");
        }
        drop(first);
        let _shards = (open(Some("0/2"), true).unwrap(), open(Some("1/2"), true).unwrap());
        for shard in [None, Some("0/2")] {
            assert!(open(shard, true).unwrap_err().to_string().contains("another process is running"));
        }
    }
}
