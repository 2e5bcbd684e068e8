//! Opening a regular file for reading

use std::fs::{self, File, FileType};
use std::path::Path;

use super::{Error, Result};

/// Opens a regular file for reading; a symbolic link is followed
///
/// # Errors
/// If it can't be opened, or is a FIFO, a socket, a device or a directory: opening a FIFO waits for its writer, and
/// opening a device may start it.
pub fn open_regular(path: &Path) -> Result<File> {
    let kind = fs::metadata(path).map_err(Error::reading(path))?.file_type();
    if !kind.is_file() {
        return Err(Error::content(path, format!("is a {}, expected a file", kind_name(kind))));
    }
    File::open(path).map_err(Error::reading(path))
}

/// The name, for messages, of a file type that is not a regular file
pub fn kind_name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "FIFO";
        } else if kind.is_socket() {
            return "socket";
        } else if kind.is_block_device() || kind.is_char_device() {
            return "device";
        }
    }
    if kind.is_dir() { "directory" } else { "special file" }
}

/// FIFOs for tests
#[cfg(all(test, unix))]
pub mod fifo {
    use std::path::Path;
    use std::process::Command;

    /// Makes a FIFO
    pub fn make(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().is_ok_and(|status| status.success()));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn fifos_devices_and_folders_are_refused_without_opening_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        fifo::make(&path);
        let message = |path: &Path| open_regular(path).unwrap_err().to_string();
        assert!(message(&path).ends_with("/fifo: is a FIFO, expected a file"), "{}", message(&path));
        assert_eq!(message(Path::new("/dev/null")), "/dev/null: is a device, expected a file");
        assert!(message(folder.path()).ends_with("is a directory, expected a file"));
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(open_regular(&link).is_ok());
    }
}
