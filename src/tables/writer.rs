//! A CSV file that grows by whole lines

use std::fs::{File, OpenOptions};
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
        let file = OpenOptions::new().append(true).open(path).map_err(Error::writing(path))?;
        Ok(Self { path: path.to_owned(), file, columns, dialect })
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
}
