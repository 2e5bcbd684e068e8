//! Making a folder that appears with its files in one step

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::atomic_file::{UNFINISHED, folder_of, sync_folder};
use crate::error::{Error, Result};

/// Creates the folder `path` with the files that `fill` writes into the folder that it is given, which is renamed at the
/// end; returns false if `path` exists and is not empty, or can't be replaced
///
/// # Errors
/// If it can't be created; and those of `fill`. Then nothing is left.
pub fn create_folder(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<bool> {
    let writing = |e| Error::writing(path)(e);
    let is_empty = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    let is_no_folder = fs::symlink_metadata(path).is_ok_and(|there| !there.is_dir());
    if is_no_folder || (path.exists() && !is_empty(path)) {
        fs::create_dir_all(path).map_err(writing)?;
        return Ok(false);
    }
    let parent = folder_of(path);
    fs::create_dir_all(parent).map_err(Error::writing(parent))?;
    remove_abandoned(parent);
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix(UNFINISHED).make_in(parent, |path| fs::create_dir(path)).map_err(writing)?;
    let (_, beside) = made.keep().map_err(|e| writing(e.error))?;
    let renamed = fill(&beside).and_then(|()| match fs::rename(&beside, path) {
        Ok(()) => Ok(true),
        // Another process was faster, or the folder can't be replaced, such as the root of a disk.
        Err(_) if path.is_dir() => Ok(false),
        Err(e) => Err(writing(e)),
    });
    if !matches!(renamed, Ok(true)) {
        let _ = fs::remove_dir_all(&beside);
    }
    if renamed? {
        sync_folder(parent).map_err(writing)?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes folders that a killed process left in `parent` before it renamed them
///
/// A process fills its folder without pauses, so one to which nothing was written for long is abandoned.
fn remove_abandoned(parent: &Path) {
    const ABANDONED: Duration = Duration::from_secs(600);
    let is_unchanged = |entry: &fs::DirEntry| {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
        age.is_ok_and(|age| age.is_ok_and(|age| age > ABANDONED))
    };
    // While a file grows, the time of its folder does not change.
    let is_old = |entry: &fs::DirEntry| {
        entry.file_type().is_ok_and(|kind| kind.is_dir())
            && is_unchanged(entry)
            && fs::read_dir(entry.path()).is_ok_and(|inner| inner.flatten().all(|file| is_unchanged(&file)))
    };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        if is_old(&entry) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_folder_in_which_nothing_was_written_for_long_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(format!("{UNFINISHED}{name}"));
        for name in ["old", "growing", "empty"] {
            fs::create_dir(at(name)).unwrap();
        }
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        let make_old = |path: &Path| File::open(path).unwrap().set_modified(long_ago).unwrap();
        for name in ["old", "growing"] {
            fs::write(at(name).join("file"), "x").unwrap();
        }
        make_old(&at("old").join("file"));
        ["old", "growing", "empty"].iter().for_each(|name| make_old(&at(name)));
        assert!(create_folder(&folder.path().join("new"), |_| Ok(())).unwrap());
        let is_there = ["old", "growing", "empty"].map(|name| at(name).exists());
        assert_eq!(is_there, [false, true, false]);
    }
}
