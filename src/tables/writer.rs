//! A CSV file that grows by whole lines

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::atomic_file::create_atomically;
use super::{Columns, Row, append_whole};
use crate::config::CsvDialect;
use crate::error::{Error, Result};

/// A CSV file that grows by one row at a time; each row is passed to the operating system at once
#[derive(Debug)]
pub struct CsvWriter {
    path: PathBuf,
    file: File,
    columns: Columns,
    dialect: CsvDialect,
}

impl CsvWriter {
    /// Creates the file with its header in one step, so that it never exists without a header
    ///
    /// # Errors
    /// If it exists or can't be written.
    pub fn create(path: &Path, columns: Columns, dialect: CsvDialect) -> Result<Self> {
        if !create_atomically(path, &dialect.header(&columns))? {
            return Err(Error::writing(path)(ErrorKind::AlreadyExists.into()));
        }
        let file = locked(path)?;
        Ok(Self { path: path.to_owned(), file, columns, dialect })
    }

    /// Opens a file that [`Self::create`] made, and cuts off what follows its first `len` bytes
    ///
    /// * `check`: called when no other process can write to the file, and before it is changed
    ///
    /// # Errors
    /// If another process has it open, it is shorter, or it can't be written; and those of `check`.
    pub fn reopen(
        path: &Path,
        len: u64,
        columns: Columns,
        dialect: CsvDialect,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        let file = locked(path)?;
        check()?;
        let found = file.metadata().map_err(Error::reading(path))?.len();
        if found < len {
            let problem = format!("is {found} bytes long, expected {len} or more, as the checkpoint says");
            return Err(Error::content(path, problem));
        }
        file.set_len(len).map_err(Error::writing(path))?;
        Ok(Self { path: path.to_owned(), file, columns, dialect })
    }

    /// Length of the file in bytes
    ///
    /// # Errors
    /// If the system does not say it.
    pub fn bytes(&self) -> Result<u64> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(Error::reading(&self.path))
    }

    /// Appends a row
    ///
    /// # Errors
    /// If it can't be written; a part that was written is removed.
    pub fn push<R: Row>(&mut self, row: &R) -> Result<()> {
        append_whole(&mut self.file, &self.path, &self.dialect.line(self.columns.cells(row)))
    }

    /// Waits until all rows are on disk
    ///
    /// # Errors
    /// If they can't be written.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::writing(&self.path))
    }

    /// Returns a function that does what [`Self::sync`] does, for another thread
    ///
    /// # Errors
    /// If the system has no descriptor for it.
    pub fn syncer(&self) -> Result<impl FnOnce() -> Result<()> + Send + use<>> {
        let (file, path) = (self.file.try_clone().map_err(Error::writing(&self.path))?, self.path.clone());
        Ok(move || file.sync_all().map_err(Error::writing(&path)))
    }
}

/// Opens a file for appending, and locks it where the file system can, until it is closed
fn locked(path: &Path) -> Result<File> {
    let file = OpenOptions::new().append(true).open(path).map_err(Error::writing(path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let problem = "another process writes to it; wait until that has ended, or stop it";
            Err(Error::content(path, problem))
        }
        Err(TryLockError::Error(e)) if e.kind() != ErrorKind::Unsupported => Err(Error::writing(path)(e)),
        _ => Ok(file),
    }
}
