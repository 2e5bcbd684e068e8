//! Atomic writing: after a crash, a file is the old one or the new one, never a part of it

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

pub(crate) use super::destination::folder_of;
use super::destination::{Destination, destination};
use super::locked::Locked;
use crate::error::{Error, Result};

/// Prefix of the names of temporary files; a killed process leaves its file behind
pub const UNFINISHED: &str = ".writing-";

/// Replaces the file at `path` and keeps its permissions; see [`replace_atomically`]
///
/// # Errors
/// If any step fails; then `path` is unchanged and the temporary file is removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_atomically(path, |file| file.write_all(bytes).map_err(Error::writing(path)))
}

/// Replaces the file at `path` by what `fill` writes, and keeps its permissions
///
/// Writes a temporary file in its folder, syncs and renames it, and syncs the folder. A symbolic link stays and the
/// file that it leads to is replaced. Character devices and open descriptors, such as `/dev/stdout`, are written to.
///
/// # Errors
/// If `fill` or any other step fails, or `path` is a FIFO, a socket, a disk, a directory or a file that is read-only
/// for this user; then `path` is unchanged and the temporary file is removed.
pub fn replace_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let target = match destination(path)? {
        Destination::Stream(mut stream) => {
            fill(&mut stream)?;
            return stream.flush().map_err(Error::writing(path));
        }
        Destination::File(target) => target,
    };
    let beside = beside(&target).map_err(Error::writing(path))?;
    // The crate tempfile would name the temporary file in errors of its own writer.
    let mut buffered = io::BufWriter::new(beside.as_file());
    fill(&mut buffered)?;
    let written = buffered.flush();
    drop(buffered);
    let replace = || -> io::Result<()> {
        written?;
        beside.as_file().sync_all()?;
        persist(beside, &target)?;
        sync_folder(folder_of(&target))
    };
    replace().map_err(Error::writing(path))
}

/// Creates a file, as [`write_atomically`] does; returns false and changes nothing if the file exists
///
/// # Errors
/// If it can't be written.
pub fn create_atomically(path: &Path, bytes: &[u8]) -> Result<bool> {
    create(path, bytes).map_err(Error::writing(path))
}

/// Creates a file, as [`create_atomically`] does, for a caller that names another path in its error
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let beside = beside(path)?;
    beside.as_file().write_all(bytes)?;
    beside.as_file().sync_all()?;
    match beside.persist_noclobber(path).map(Locked::of_locked).map(drop) {
        Ok(()) => sync_folder(folder_of(path)).map(|()| true),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e.error),
    }
}

/// Checks that [`write_atomically`] can write to `path`, without changing it
///
/// # Errors
/// If it can't be written to.
pub fn check_writable(path: &Path) -> Result<()> {
    match destination(path)? {
        Destination::Stream(_) => Ok(()),
        Destination::File(target) => beside(&target).map(drop).map_err(Error::writing(path)),
    }
}

/// Removes the temporary files in `folder` of processes that have ended; those of living processes are locked
///
/// A file that can't be locked or removed stays.
pub fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        if is_temporary
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = OpenOptions::new().append(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            let _locked = Locked::of_locked(file);
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Creates a temporary file in the folder of `path`, which is removed unless it is renamed
///
/// It has the permissions of an existing file at `path`; otherwise those that the umask leaves of 0o666. It is locked
/// until it is dropped or renamed, so that [`remove_leftovers`] can distinguish it from the file of a process that was killed.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    remove_leftovers(folder);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let permissions = path.metadata().ok().map(|metadata| metadata.permissions());
    #[cfg(unix)]
    if let Some(permissions) = &permissions {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(permissions.mode());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    loop {
        let file = builder.make_in(folder, |path| options.open(path))?;
        if let Some(permissions) = &permissions {
            // What the umask took; where the file system has no permissions, this fails and changes nothing.
            let _ = file.as_file().set_permissions(permissions.clone());
        }
        // On a file system without locks, no leftovers are removed. Elsewhere, another process may have removed the file
        // before it was locked.
        if file.as_file().lock().is_err() || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Renames a temporary file to `target`, which it replaces; if that fails, the temporary file is removed
fn persist(file: NamedTempFile, target: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return file.persist(target).map(Locked::of_locked).map(drop).map_err(Into::into);
    }
    // The crate tempfile calls the kernel itself. The function of the C library does the same, and a test can make it fail.
    let (file, mut temporary) = file.into_parts();
    let _locked = Locked::of_locked(file);
    fs::rename(&temporary, target)?;
    temporary.disable_cleanup(true);
    Ok(())
}

/// Syncs a folder, so that a rename in it is on disk; does nothing on systems other than Unix
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for content in ["first", "second, longer", ""] {
            write_atomically(&path, content.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn an_existing_mode_is_kept_and_a_new_file_follows_the_umask() {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, plain) = (folder.path().join("a"), folder.path().join("b"));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        std::fs::write(&plain, "").unwrap();
        write_atomically(&path, b"1").unwrap();
        assert_eq!(mode(&path), mode(&plain));
        for kept in [0o640, 0o666] {
            std::fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            write_atomically(&path, b"2").unwrap();
            assert_eq!(mode(&path), kept);
        }
    }

    #[test]
    fn an_existing_file_is_not_created_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(create_atomically(&path, b"first").unwrap());
        assert!(!create_atomically(&path, b"second").unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_dead_processes_are_removed_and_those_of_living_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [dead, living] = [".writing-dead", ".writing-living"].map(|name| folder.path().join(name));
        std::fs::write(&dead, "half").unwrap();
        let file = File::create(&living).unwrap();
        file.lock().unwrap();
        let locked = Locked::of_locked(file);
        write_atomically(&folder.path().join("a"), b"1").unwrap();
        assert!(!dead.exists() && living.exists());
        drop(locked);
        remove_leftovers(folder.path());
        assert!(!living.exists());
    }

    #[test]
    fn an_error_names_the_folder_that_does_not_exist() {
        let error = write_atomically(Path::new("/no/such/folder/file"), b"x").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/file"), "{error}");
    }
}
