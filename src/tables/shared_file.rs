//! A file that several processes append to: its lock, and appending whole lines

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::Locked;
use crate::error::{Error, Result, kind_name};

/// Opens a file for reading and appending, which is created if there is none, and locks it where the file system can
///
/// # Errors
/// If it can't be opened or locked, or is no regular file.
pub fn lock(path: &Path) -> Result<Locked> {
    loop {
        if let Some(kind) = path.metadata().ok().map(|metadata| metadata.file_type())
            && !kind.is_file()
        {
            return Err(Error::content(path, format!("is a {}, expected a file", kind_name(kind))));
        }
        let open = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = open.map_err(Error::writing(path))?;
        match file.lock() {
            Err(e) if e.kind() != ErrorKind::Unsupported => return Err(Error::writing(path)(e)),
            _ => {}
        }
        let file = Locked::of_locked(file);
        // Another process may have replaced the file before it was locked.
        let (mine, there) = (file.metadata().map_err(Error::reading(path))?, path.metadata());
        if there.is_ok_and(|there| is_same(&mine, &there)) {
            return Ok(file);
        }
    }
}

/// Whether both are the metadata of one file
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (a.dev(), a.ino()) == (b.dev(), b.ino())
    }
    #[cfg(not(unix))]
    {
        a.len() == b.len() && a.created().ok() == b.created().ok() && a.modified().ok() == b.modified().ok()
    }
}

/// Appends bytes with a single write; if a full disk cuts them, the part that was written is removed
pub(crate) fn append_whole(file: &mut File, path: &Path, bytes: &[u8]) -> Result<()> {
    let end = file.metadata().map_err(Error::reading(path))?.len();
    file.write_all(bytes).map_err(|e| {
        // The error of the write is reported, not one of the clean-up.
        let _ = file.set_len(end);
        Error::writing(path)(e)
    })
}
