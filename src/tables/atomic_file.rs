//! Atomic writing: after a crash, a file is the old one or the new one, never a part of it

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Prefix of the names of temporary files; a killed process leaves its file behind
pub const UNFINISHED: &str = ".writing-";

/// Replaces the file at `path` and keeps its permissions
///
/// Writes a temporary file in its folder, syncs and renames it, and syncs the folder.
///
/// # Errors
/// If any step fails; then `path` is unchanged and the temporary file is removed.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_atomically(path, |file| file.write_all(bytes).map_err(Error::writing(path)))
}

/// Replaces the file at `path`, as [`write_atomically`] does, by what `fill` writes
///
/// # Errors
/// If `fill` or any other step fails; then `path` is unchanged and the temporary file is removed.
pub fn replace_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let mut beside = io::BufWriter::new(beside(path).map_err(Error::writing(path))?);
    fill(&mut beside)?;
    let replace = || -> io::Result<()> {
        let file = beside.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_folder(folder_of(path))
    };
    replace().map_err(Error::writing(path))
}

/// Creates a file, as [`write_atomically`] does; returns false and changes nothing if the file exists
///
/// # Errors
/// If it can't be written.
pub fn create_atomically(path: &Path, bytes: &[u8]) -> Result<bool> {
    let create = || -> io::Result<bool> {
        let mut beside = beside(path)?;
        beside.write_all(bytes)?;
        beside.as_file().sync_all()?;
        match beside.persist_noclobber(path) {
            Ok(_) => sync_folder(folder_of(path)).map(|()| true),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e.error),
        }
    };
    create().map_err(Error::writing(path))
}

/// Creates a temporary file in the folder of `path`, which is removed unless it is renamed
///
/// It has the permissions of an existing file at `path`; otherwise those that the umask leaves of 0o666.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    if let Ok(metadata) = path.metadata() {
        builder.permissions(metadata.permissions());
    }
    builder.prefix(UNFINISHED).tempfile_in(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Syncs a folder, so that a rename in it is on disk; does nothing on systems other than Unix
fn sync_folder(folder: &Path) -> io::Result<()> {
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
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write_atomically(&path, b"2").unwrap();
        assert_eq!(mode(&path), 0o640);
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
    fn an_error_names_the_folder_that_does_not_exist() {
        let error = write_atomically(Path::new("/no/such/folder/file"), b"x").unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/file"), "{error}");
    }
}
