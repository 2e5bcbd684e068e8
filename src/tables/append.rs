//! Appending to a `runs.csv` that several processes share

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::{Columns, Row};
use crate::config::CsvDialect;
use crate::error::{Error, Result};

/// Checks that rows of `R` can be appended to `path`: the file does not exist, or has the same header byte for byte
///
/// # Errors
/// If the file exists and can't be read or has another header.
pub fn check_appendable<R: Row>(path: &Path, dialect: CsvDialect) -> Result<()> {
    match File::open(path) {
        Ok(file) => check_header(path, &file, &dialect.header(&Columns::of::<R>())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::reading(path)(e)),
    }
}

/// Checks that a file is empty or begins with `header`
fn check_header(path: &Path, file: &File, header: &[u8]) -> Result<()> {
    let mut start = Vec::new();
    file.take(header.len() as u64).read_to_end(&mut start).map_err(Error::reading(path))?;
    if start.is_empty() || start == header {
        return Ok(());
    }
    let [found, expected] = [&start, header].map(|line| String::from_utf8_lossy(line));
    let (found, expected) = (found.lines().next().unwrap_or_default(), expected.trim_end());
    let problem = format!("its header is `{found}`, expected `{expected}`; move it away to start a new one");
    Err(Error::content(path, problem))
}

/// Appends one row to a file to which other processes may append at the same time
///
/// The file is locked while its header is checked and the row is appended. A new file's header and first row are a
/// single write, so lines never mix, even on a file system without locks. If another program has left a last line
/// without a line end, the line is ended first.
///
/// # Errors
/// If the file has another header or can't be written; a row that a full disk has cut is removed.
pub fn append_shared<R: Row>(path: &Path, row: &R, dialect: CsvDialect) -> Result<()> {
    let open = OpenOptions::new().read(true).append(true).create(true).open(path);
    let mut file = open.map_err(Error::writing(path))?;
    if let Err(e) = file.lock()
        && e.kind() != ErrorKind::Unsupported
    {
        return Err(Error::writing(path)(e));
    }
    let mut bytes = dialect.header(&Columns::of::<R>());
    check_header(path, &file, &bytes)?;
    if file.metadata().map_err(Error::reading(path))?.len() > 0 {
        bytes.clear();
        let mut last = [0];
        let end = file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last));
        end.map_err(Error::reading(path))?;
        if last != *b"\n" {
            bytes.push(b'\n');
        }
    }
    bytes.extend(dialect.line(row.cells()));
    append_whole(&mut file, path, &bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::EpochRow;
    use crate::tables::samples::{Sample, sample};

    #[test]
    fn appending_writes_one_header_and_refuses_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        check_appendable::<Sample>(&path, CsvDialect::Standard).unwrap();
        for name in ["a", "b"] {
            append_shared(&path, &sample(name, None), CsvDialect::Standard).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,value,wide\na,,-1.5\nb,,-1.5\n");
        let error = append_shared(&path, &sample("c", None), CsvDialect::ExcelEu).unwrap_err();
        assert!(error.to_string().contains("its header is `name,value,wide`"), "{error}");
        assert!(check_appendable::<EpochRow>(&path, CsvDialect::Standard).is_err());
        // An editor may have cut the last line's end.
        std::fs::write(&path, "name,value,wide\na,,1").unwrap();
        append_shared(&path, &sample("d", None), CsvDialect::Standard).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,value,wide\na,,1\nd,,-1.5\n");
    }

    #[test]
    fn many_threads_append_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        std::thread::scope(|scope| {
            for i in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..50 {
                        append_shared(path, &sample(&format!("w{i}"), Some(i as f32)), CsvDialect::Standard)
                            .unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 401);
        assert!(text.lines().skip(1).all(|line| line.starts_with('w') && line.ends_with(",-1.5")));
    }
}
