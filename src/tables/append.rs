//! Appending to a `runs.csv` that several processes share

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
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
        Ok(mut file) => check_header::<R>(path, &mut file, dialect),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::reading(path)(e)),
    }
}

fn check_header<R: Row>(path: &Path, file: &mut File, dialect: CsvDialect) -> Result<()> {
    let expected = dialect.header(&Columns::of::<R>());
    let mut found = vec![0; expected.len()];
    let len = read_up_to(file, &mut found).map_err(Error::reading(path))?;
    if len == 0 || found[..len] == expected[..] {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    Err(Error::CsvHeader { path: path.to_owned(), expected: text(&expected), found: text(&found[..len]) })
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match file.read(&mut buffer[len..])? {
            0 => break,
            n => len += n,
        }
    }
    Ok(len)
}

/// Appends one row to a file to which other processes may append at the same time
///
/// The file is locked while its header is checked, and header and row are appended in a single write, so that
/// lines never mix, even on a file system without locks. If another program has left a last line without a line
/// end, the line is ended first.
///
/// # Errors
/// If the file has another header or can't be written; a row that a full disk has cut is removed.
pub fn append_shared<R: Row>(path: &Path, row: &R, dialect: CsvDialect) -> Result<()> {
    let open = OpenOptions::new().read(true).append(true).create(true).open(path);
    let mut file = open.map_err(Error::writing(path))?;
    match file.lock() {
        Err(e) if e.kind() != std::io::ErrorKind::Unsupported => return Err(Error::writing(path)(e)),
        _ => {}
    }
    check_header::<R>(path, &mut file, dialect)?;
    let end = file.seek(SeekFrom::End(0)).map_err(Error::reading(path))?;
    let mut bytes = Vec::new();
    if end == 0 {
        bytes = dialect.header(&Columns::of::<R>());
    } else {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))
            .and_then(|_| file.read_exact(&mut last))
            .map_err(Error::reading(path))?;
        if last != *b"\n" {
            bytes.push(b'\n');
        }
    }
    bytes.extend(dialect.line(row.cells()));
    append_whole(&mut file, path, &bytes)
}

/// Appends bytes with a single write; what a full disk has cut is removed
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
    use crate::tables::{Cell, EpochRow, ToCell, schema};

    schema! {
        /// For tests
        Sample {
            /// Text
            name: String,
            /// Number
            value: Option<f32>,
            /// Number
            wide: f64,
        }
    }

    fn sample(name: &str, value: Option<f32>) -> Sample {
        Sample { name: name.to_owned(), value, wide: -1.5 }
    }

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
