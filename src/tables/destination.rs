//! Where the bytes for a path go: symbolic links followed, devices recognized, other kinds of files refused

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, kind_name};

/// Greatest number of symbolic links that are followed, as on Linux
const LINKS: usize = 40;

/// Where the bytes for a path go
pub(super) enum Destination {
    /// To a regular file that exists or not: the path with its symbolic links followed
    File(PathBuf),
    /// To a character device or an open descriptor
    Stream(io::BufWriter<File>),
}

/// Finds where the bytes for `path` go, and checks that they can be written there
///
/// # Errors
/// If `path` is a FIFO, a socket, a disk or a directory, or can't be written to.
pub(super) fn destination(path: &Path) -> Result<Destination> {
    let (target, is_descriptor) = follow(path).map_err(Error::writing(path))?;
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Destination::File(target)),
        Err(e) => return Err(Error::writing(path)(e)),
    };
    let is_stream = is_descriptor || is_character_device(kind);
    if !is_stream && !kind.is_file() {
        return Err(Error::content(path, format!("is a {}, expected a file", kind_name(kind))));
    }
    // A rename would replace a file that is read-only, too: opening it finds that out.
    let file = OpenOptions::new().append(true).open(path).map_err(Error::writing(path))?;
    Ok(if is_stream { Destination::Stream(io::BufWriter::new(file)) } else { Destination::File(target) })
}

/// The path with its symbolic links followed, and whether they lead to an open descriptor of a process
fn follow(path: &Path) -> io::Result<(PathBuf, bool)> {
    let mut target = path.to_owned();
    for _ in 0..LINKS {
        let folder = folder_of(&target);
        if folder == Path::new("/dev/fd") || folder.starts_with("/proc") && folder.ends_with("fd") {
            return Ok((target, true));
        }
        match fs::read_link(&target) {
            Ok(link) => target = folder.join(link),
            Err(_) => return Ok((target, false)),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

#[cfg(unix)]
fn is_character_device(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&kind)
}

#[cfg(not(unix))]
fn is_character_device(_: FileType) -> bool {
    false
}

/// The folder that a file is in
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn links_are_followed_devices_written_to_and_other_kinds_refused() {
        use std::os::unix::fs::{FileTypeExt, symlink};

        use crate::tables::atomic_file::{check_writable, write_atomically};

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("inner")).unwrap();
        symlink("inner/file", at("link")).unwrap();
        symlink(at("link"), at("link-of-link")).unwrap();
        // The first write finds a dangling link.
        for content in ["first", "second"] {
            write_atomically(&at("link-of-link"), content.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(at("inner/file")).unwrap(), content);
        }
        assert!(at("link").is_symlink() && at("link-of-link").is_symlink());
        symlink("circle", at("circle")).unwrap();
        assert!(write_atomically(&at("circle"), b"x").is_err());

        symlink("/dev/null", at("null")).unwrap();
        symlink("/dev/full", at("full")).unwrap();
        write_atomically(&at("null"), b"x").unwrap();
        assert!(write_atomically(&at("full"), b"x").is_err());
        for device in ["/dev/null", "/dev/full"] {
            assert!(std::fs::metadata(device).unwrap().file_type().is_char_device(), "{device}");
        }
        assert!(at("null").is_symlink() && at("full").is_symlink());

        crate::error::fifo::make(&at("fifo"));
        for (path, kind) in [("fifo", "FIFO"), ("inner", "directory")] {
            for error in [write_atomically(&at(path), b"x"), check_writable(&at(path))] {
                let error = error.unwrap_err().to_string();
                assert!(error.ends_with(&format!("is a {kind}, expected a file")), "{error}");
            }
        }
        assert!(std::fs::metadata(at("fifo")).unwrap().file_type().is_fifo());
        assert!(check_writable(&at("missing/file")).is_err());
        check_writable(&at("new")).unwrap();
        assert!(!at("new").exists());
    }
}
