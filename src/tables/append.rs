//! Appending to a `runs.csv` that several processes share

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::atomic_file::replace_atomically;
use super::layout::Layout;
use super::reader::{Table, TableRow};
use super::shared_file::{append_whole, lock};
use super::{Cell, Locked, Record};
use crate::config::CsvDialect;
use crate::error::{Error, Result};

/// Checks that rows can be appended to the `runs.csv` at `path`: it does not exist, or [`SharedTable::open`] opens it
///
/// # Errors
/// As [`SharedTable::open`].
pub fn check_appendable(path: &Path, dialect: Option<CsvDialect>) -> Result<()> {
    match path.symlink_metadata() {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        _ => SharedTable::open(path, dialect).map(drop),
    }
}

/// A `runs.csv` that other processes may append to as well, locked until it is dropped
#[derive(Debug)]
pub struct SharedTable {
    path: PathBuf,
    file: Locked,
    /// `None` for an empty file
    table: Option<Table>,
    ends_with_line: bool,
    /// Length of the whole lines, if a last line follows them of which a killed process wrote only a part
    whole: Option<u64>,
    dialect: CsvDialect,
}

impl SharedTable {
    /// Opens and locks the file, which is created if there is none, and reads it
    ///
    /// A last line that has no line end and does not fit the others is left out, and is removed when rows are appended: its
    /// process was killed while it wrote it.
    ///
    /// * `dialect`: the dialect that the file must have; `None`: that of the file, or the standard one for a new file
    ///
    /// # Errors
    /// If it can't be opened for reading and writing, is no table of runs or the table of a sweep, or has another dialect.
    pub fn open(path: &Path, dialect: Option<CsvDialect>) -> Result<Self> {
        let mut file = lock(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::reading(path))?;
        let (path, ends_with_line) =
            (path.to_owned(), bytes.last().is_some_and(|byte| b"\r\n".contains(byte)));
        if bytes.is_empty() {
            return Ok(Self {
                path,
                file,
                table: None,
                ends_with_line,
                whole: None,
                dialect: dialect.unwrap_or_default(),
            });
        }
        let (table, whole) = match Table::parse(&path, &bytes) {
            Err(error) if !ends_with_line => {
                let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                (Table::parse(&path, &bytes[..whole]).map_err(|_| error)?, Some(whole as u64))
            }
            table => (table?, None),
        };
        table.need("run_id")?;
        table.need("status")?;
        if table.column("trial").is_some() {
            let problem =
                "is the table of a sweep, which only holds its trials; name another folder with --out";
            return Err(Error::content(&path, problem));
        }
        let found = table.dialect();
        if let Some(expected) = dialect.filter(|expected| *expected != found) {
            let [found, expected] = [found, expected].map(describe);
            let problem = format!(
                "has the dialect {found}, but this run has {expected}; leave out --csv-dialect to append rows in the \
                 dialect of the file, or name another folder with --out"
            );
            return Err(Error::content(&path, problem));
        }
        Ok(Self { path, file, table: Some(table), ends_with_line, whole, dialect: found })
    }

    /// The rows that it holds; `None` for an empty file
    pub fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    /// The dialect in which rows are appended
    pub fn dialect(&self) -> CsvDialect {
        self.dialect
    }

    /// Appends rows, in the layout of the file and under its columns, with a single write
    ///
    /// If the file lacks columns of the rows, because an older version wrote it or no run had such a tag, it is replaced by one
    /// that has them at the end. If another program has left a last line without a line end, the line is ended first.
    ///
    /// # Errors
    /// If the file can't be written; a row that a full disk has cut is removed.
    pub fn append(self, rows: &[Record]) -> Result<()> {
        self.put(rows, |_| None)
    }

    /// Appends rows as [`Self::append`] does, and replaces rows of the file by others in their places
    ///
    /// * `replaced`: the row that takes the place of a row of the file; `None` if that stays
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn put(mut self, rows: &[Record], replaced: impl Fn(TableRow<'_>) -> Option<Record>) -> Result<()> {
        let layout = self.table.as_ref().map_or(Layout::of(self.dialect), Table::layout);
        let mut names: Vec<&str> = self.table.iter().flat_map(Table::names).collect();
        let old = names.len();
        let others: Vec<Option<Record>> = self.table.iter().flat_map(Table::rows).map(&replaced).collect();
        let is_changed = others.iter().any(Option::is_some);
        for name in rows.iter().chain(others.iter().flatten()).flat_map(Record::names) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let lines = rows.iter().flat_map(|row| layout.line(names.iter().map(|name| row.cell(name))));
        match &self.table {
            Some(table) if names.len() > old || is_changed => replace_atomically(&self.path, |file| {
                let mut write = |bytes: &[u8]| file.write_all(bytes).map_err(Error::writing(&self.path));
                write(&layout.header(names.iter().copied()))?;
                for (row, other) in table.rows().zip(&others) {
                    if let Some(other) = other {
                        write(&layout.line(names.iter().map(|name| other.cell(name))))?;
                        continue;
                    }
                    let cells = (0..old).map(|column| Cell::Verbatim(row.verbatim(column).to_owned()));
                    write(&layout.line(cells.chain((old..names.len()).map(|_| Cell::Empty))))?;
                }
                write(&lines.collect::<Vec<_>>())
            }),
            Some(_) => {
                if let Some(whole) = self.whole {
                    self.file.set_len(whole).map_err(Error::writing(&self.path))?;
                }
                let end = if self.ends_with_line || self.whole.is_some() { "" } else { layout.line_end() };
                append_whole(&mut self.file, &self.path, &end.bytes().chain(lines).collect::<Vec<_>>())
            }
            None => {
                let header = layout.header(names.iter().copied());
                append_whole(&mut self.file, &self.path, &header.into_iter().chain(lines).collect::<Vec<_>>())
            }
        }
    }
}

/// A dialect in words
fn describe(dialect: CsvDialect) -> &'static str {
    match dialect {
        CsvDialect::Standard => "standard (separator `,`, decimal point)",
        CsvDialect::ExcelEu => "excel-eu (separator `;`, decimal comma)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{read_to_string, write};

    fn record(cells: &[(&str, &str)]) -> Record {
        let cell = |text: &str| match text.parse::<f64>() {
            Ok(_) => Cell::Number(text.to_owned()),
            Err(_) => Cell::Text(text.to_owned()),
        };
        Record(cells.iter().map(|(name, text)| ((*name).to_owned(), cell(text))).collect())
    }

    fn append(path: &Path, cells: &[(&str, &str)]) -> Result<()> {
        SharedTable::open(path, None)?.append(&[record(cells)])
    }

    fn row(name: &str) -> [(&str, &str); 3] {
        [("run_id", name), ("status", "ok"), ("x", "-1.5")]
    }

    #[test]
    fn appending_writes_one_header_and_refuses_another_dialect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        check_appendable(&path, None).unwrap();
        assert!(!path.exists());
        for name in ["a", "b"] {
            append(&path, &row(name)).unwrap();
        }
        assert_eq!(read_to_string(&path).unwrap(), "run_id,status,x\na,ok,-1.5\nb,ok,-1.5\n");
        let error = check_appendable(&path, Some(CsvDialect::ExcelEu)).unwrap_err().to_string();
        assert!(
            error.contains("dialect standard (separator `,`") && error.contains("has excel-eu"),
            "{error}"
        );
        // An editor may have removed the last line's end.
        write(&path, "run_id,status,x\na,ok,1").unwrap();
        append(&path, &row("d")).unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "run_id,status,x\na,ok,1\nd,ok,-1.5\n");
        for (other, message) in [
            ("true,predicted,count\n", "expected a column run_id"),
            ("run_id,status,trial\n", "is the table of a sweep"),
            ("run_id,status\na,okk,1\n", "line 2: expected 2 cells, found 3"),
        ] {
            write(&path, other).unwrap();
            let error = check_appendable(&path, None).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
            assert_eq!(read_to_string(&path).unwrap(), other);
        }
    }

    #[test]
    fn a_last_line_of_which_a_part_was_written_gives_way_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        for (before, cells, after) in [
            ("run_id,status,x\na,ok,1\nb,o", &row("d")[..], "run_id,status,x\na,ok,1\nd,ok,-1.5\n"),
            ("run_id,status,x\na,ok,1\n\"b", &row("d"), "run_id,status,x\na,ok,1\nd,ok,-1.5\n"),
            ("run_id,status\na", &row("d"), "run_id,status,x\nd,ok,-1.5\n"),
        ] {
            write(&path, before).unwrap();
            check_appendable(&path, None).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), before);
            append(&path, cells).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_file_keeps_its_line_ends_its_mark_its_dialect_and_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        for (before, after) in [
            ("run_id,status,x\r\na,OK,1\r\n", "d,ok,-1.5\r\n"),
            ("\u{feff}run_id,status,x\na,ok,1\n", "d,ok,-1.5\n"),
            ("\u{feff}run_id;status;x\r\na;ok;1,5\r\n", "d;ok;-1,5\r\n"),
            ("run_id;status;x\na;ok;1,5\n", "d;ok;-1,5\n"),
            ("x,mine,status,run_id\n1,\"a, b\",ok,a\n", "-1.5,,ok,d\n"),
            ("\"run_id\",\"status\",\"x\"\n\"a\",\"ok\",1\n,,\n", "d,ok,-1.5\n"),
            ("run_id,status,x,,\r\na,ok,1,,\r\n", "d,ok,-1.5\r\n"),
        ] {
            write(&path, before).unwrap();
            append(&path, &row("d")).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), format!("{before}{after}"));
            assert_eq!(Table::read(&path).unwrap().rows().len(), 2);
        }
    }

    #[test]
    fn a_file_of_an_older_version_gets_the_columns_that_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        for (before, after) in [
            (
                "run_id,status\na,ok\n\"b, \"\"c\"\"\",ok\n",
                "run_id,status,x\na,ok,\n\"b, \"\"c\"\"\",ok,\nd,ok,-1.5\n",
            ),
            (
                "\u{feff}status;run_id\r\nok;'=a\r\n;;\r\n",
                "\u{feff}status;run_id;x\r\nok;'=a;\r\nok;d;-1,5\r\n",
            ),
        ] {
            write(&path, before).unwrap();
            append(&path, &row("d")).unwrap();
            assert_eq!(read_to_string(&path).unwrap(), after);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_threads_append_whole_lines_while_columns_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        std::thread::scope(|scope| {
            for i in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for j in 0..30 {
                        let (name, own) = (format!("w{i}-{j}"), format!("own{i}"));
                        append(path, &[("run_id", &name), ("status", "ok"), (&own, "1")]).unwrap();
                    }
                });
            }
        });
        let table = Table::read(&path).unwrap();
        assert_eq!((table.rows().len(), table.names().count()), (240, 10));
    }
}
