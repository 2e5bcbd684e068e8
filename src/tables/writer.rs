//! A CSV file that grows by whole lines

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use super::atomic_file::create_atomically;
use super::{Columns, Locked, Row, append_whole};
use crate::config::CsvDialect;
use crate::error::{Error, Result, open_regular};

/// The part of a file that has been written
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its length in bytes
    pub bytes: u64,
    /// Its CRC-32; `None` if a file of an older version does not say it
    pub crc32: Option<u32>,
}

impl Written {
    /// Checks that the file at `path` begins with it
    ///
    /// # Errors
    /// If the file is missing, shorter, or has other bytes there, or can't be read.
    pub fn check(&self, path: &Path) -> Result<()> {
        self.read(&open_regular(path)?, path).map(drop)
    }

    /// Its bytes, read from the start of a file, and their hasher
    fn read(&self, file: &File, path: &Path) -> Result<(Vec<u8>, Hasher)> {
        let mut start = Vec::new();
        file.take(self.bytes).read_to_end(&mut start).map_err(Error::reading(path))?;
        let (found, expected) = (start.len() as u64, self.bytes);
        if found < expected {
            let problem =
                format!("is {found} bytes long, expected {expected} or more, as the checkpoint says");
            return Err(Error::content(path, problem));
        }
        let mut hasher = Hasher::new();
        hasher.update(&start);
        if self.crc32.is_some_and(|crc32| crc32 != hasher.clone().finalize()) {
            let problem =
                "has changed since the checkpoint was saved; bring the file back as the run wrote it";
            return Err(Error::content(path, problem));
        }
        Ok((start, hasher))
    }
}

/// A CSV file that grows by one row at a time; each row is passed to the operating system at once
#[derive(Debug)]
pub struct CsvWriter {
    path: PathBuf,
    file: Locked,
    columns: Columns,
    dialect: CsvDialect,
    /// Of all that was written
    bytes: u64,
    hasher: Hasher,
}

impl CsvWriter {
    /// Creates the file with its header in one step, so that it never exists without a header
    ///
    /// # Errors
    /// If it exists or can't be written.
    pub fn create(path: &Path, columns: Columns, dialect: CsvDialect) -> Result<Self> {
        let header = dialect.header(&columns);
        if !create_atomically(path, &header)? {
            return Err(Error::writing(path)(ErrorKind::AlreadyExists.into()));
        }
        let file = locked(path)?;
        let mut hasher = Hasher::new();
        hasher.update(&header);
        Ok(Self { path: path.to_owned(), file, columns, dialect, bytes: header.len() as u64, hasher })
    }

    /// Opens a file that [`Self::create`] made, and cuts off what follows the part `kept` at its start
    ///
    /// A file of an older version keeps its columns, which are the first of `columns`.
    ///
    /// * `check`: called when no other process can write to the file, and before it is changed
    ///
    /// # Errors
    /// If another process has it open, it is missing, shorter, not as it was written, or has other columns, or it can't be
    /// written; and those of `check`.
    pub fn reopen(
        path: &Path,
        kept: Written,
        columns: Columns,
        dialect: CsvDialect,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        let file = locked(path)?;
        check()?;
        let (start, hasher) = kept.read(&file, path)?;
        let Some(columns) = columns.at_start_of(&start, dialect) else {
            let problem = "line 1: expected the columns of the run; bring the file back as the run wrote it";
            return Err(Error::content(path, problem));
        };
        file.set_len(kept.bytes).map_err(Error::writing(path))?;
        Ok(Self { path: path.to_owned(), file, columns, dialect, bytes: kept.bytes, hasher })
    }

    /// All that has been written, from the start of the file
    pub fn written(&self) -> Written {
        Written { bytes: self.bytes, crc32: Some(self.hasher.clone().finalize()) }
    }

    /// Appends a row
    ///
    /// # Errors
    /// If it can't be written; a part that was written is removed.
    pub fn push<R: Row>(&mut self, row: &R) -> Result<()> {
        let line = self.dialect.line(self.columns.cells(row));
        append_whole(&mut self.file, &self.path, &line)?;
        self.bytes += line.len() as u64;
        self.hasher.update(&line);
        Ok(())
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

/// Opens a file for appending, and locks it where the file system can
fn locked(path: &Path) -> Result<Locked> {
    let opened = OpenOptions::new().read(true).append(true).open(path);
    let file = opened.map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::content(path, "is missing, and the run goes on with it; bring it back"),
        _ => Error::writing(path)(e),
    })?;
    let problem = "another process writes to it; wait until that has ended, or stop it";
    let locked = Locked::try_new(file, File::try_lock).map_err(Error::writing(path))?;
    locked.ok_or_else(|| Error::content(path, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::samples::{Sample, sample};

    #[test]
    fn a_file_of_an_older_version_goes_on_with_its_columns() {
        let (folder, dialect) = (tempfile::tempdir().unwrap(), CsvDialect::ExcelEu);
        let path = folder.path().join("e.csv");
        let older = Columns::of::<Sample>().without(&["wide"]);
        let mut writer = CsvWriter::create(&path, older, dialect).unwrap();
        writer.push(&sample("a", Some(0.5))).unwrap();
        let kept = writer.written();
        writer.push(&sample("cut off", None)).unwrap();
        drop(writer);
        let reopen = |kept| CsvWriter::reopen(&path, kept, Columns::of::<Sample>(), dialect, || Ok(()));
        let mut writer = reopen(kept).unwrap();
        writer.push(&sample("b", Some(1.5))).unwrap();
        let text = "\u{feff}name;value\r\na;0,5\r\nb;1,5\r\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let whole = writer.written();
        assert_eq!((whole.bytes, whole.crc32), (text.len() as u64, Some(crc32fast::hash(text.as_bytes()))));
        drop(writer);
        std::fs::write(&path, "name;other\r\n").unwrap();
        let error = reopen(Written { bytes: 12, crc32: None }).unwrap_err().to_string();
        assert!(error.contains("e.csv: line 1: expected the columns of the run"), "{error}");
    }
}
