//! The reader of all CSV files: either dialect, columns found by name, errors with file, line and column

use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, StringRecord};

use super::Status;
use crate::error::{Error, Result, open_regular};

/// The number of columns that an error lists by name
const NAMED: usize = 10;

/// A whole CSV file in memory
///
/// * separator `,` and decimal point, or separator `;` and decimal comma, as the header line shows; with or without a
///   byte-order mark; any line ends
/// * columns are found by name and may be in any order
/// * the apostrophe that the writer puts before text that starts with `=`, `+`, `-`, `@`, TAB or CR is removed
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    header: StringRecord,
    records: Vec<StringRecord>,
    decimal_comma: bool,
}

/// A line of a [`Table`]
#[derive(Clone, Copy, Debug)]
pub struct TableRow<'a> {
    table: &'a Table,
    record: &'a StringRecord,
}

impl Table {
    /// Reads the file at `path`
    ///
    /// # Errors
    /// If it can't be read, is no regular file, is not UTF-8, has no header, has a column twice, or has a line with too few or too many cells.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        open_regular(path)?.read_to_end(&mut bytes).map_err(Error::reading(path))?;
        Self::parse(path, &bytes)
    }

    /// Parses the bytes of a file; `path` is for messages
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let problem = |problem: String| Error::content(path, problem);
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let line = 1 + bytes[..e.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            problem(format!("line {line}: expected UTF-8, found byte {:#04x}", bytes[e.valid_up_to()]))
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let decimal_comma = text.lines().next().is_some_and(|header| header.contains(';'));
        let delimiter = if decimal_comma { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| problem(describe(&e)))?.clone();
        if header.is_empty() {
            return Err(problem(
                "line 1: expected a header with the names of columns, found none".to_owned(),
            ));
        }
        let twice = |(i, name): &(usize, &str)| header.iter().take(*i).any(|other| other == *name);
        if let Some((_, name)) = header.iter().enumerate().find(twice) {
            return Err(problem(format!("line 1: expected each column once, found {name} twice")));
        }
        let records = reader.records().collect::<std::result::Result<_, _>>();
        let records = records.map_err(|e| problem(describe(&e)))?;
        Ok(Self { path: path.to_owned(), header, records, decimal_comma })
    }

    /// The path of the file
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The index of the column `name`; `None` if there is none
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The index of the column `name`
    ///
    /// # Errors
    /// If no column has this name.
    pub fn need(&self, name: &str) -> Result<usize> {
        self.column(name).ok_or_else(|| {
            let mut found = self.header.iter().take(NAMED).collect::<Vec<_>>().join(", ");
            if self.header.len() > NAMED {
                found += &format!(" … and {} more", self.header.len() - NAMED);
            }
            Error::content(&self.path, format!("line 1: expected a column {name}, found {found}"))
        })
    }

    /// The lines below the header
    pub fn rows(&self) -> impl ExactSizeIterator<Item = TableRow<'_>> {
        self.records.iter().map(|record| TableRow { table: self, record })
    }
}

impl<'a> TableRow<'a> {
    /// The text in `column`, without the apostrophe that the writer put before a formula
    pub fn text(&self, column: usize) -> &'a str {
        let cell = &self.record[column];
        match cell.strip_prefix('\'') {
            Some(defused) if defused.starts_with(crate::tables::FORMULA) => defused,
            _ => cell,
        }
    }

    /// The cell in `column` exactly as it is in the file
    pub fn verbatim(&self, column: usize) -> &'a str {
        &self.record[column]
    }

    /// The status in `column`
    ///
    /// # Errors
    /// If the cell holds anything else.
    pub fn status(&self, column: usize) -> Result<Status> {
        let found = Status::ALL.into_iter().find(|status| status.name() == self.record[column].trim());
        found.ok_or_else(|| self.problem(column, "ok, diverged, failed or interrupted"))
    }

    /// The finite number in `column`; `None` if the cell is empty
    ///
    /// # Errors
    /// If the cell holds anything else.
    pub fn number(&self, column: usize) -> Result<Option<f64>> {
        self.within(column, f64::MIN..=f64::MAX, "a number")
    }

    /// The number in `column`, which must be within `range`; `None` if the cell is empty
    ///
    /// * `expected`: the range in words, for the message
    ///
    /// # Errors
    /// If the cell holds anything else.
    pub fn within(
        &self,
        column: usize,
        range: std::ops::RangeInclusive<f64>,
        expected: &str,
    ) -> Result<Option<f64>> {
        if self.record[column].trim().is_empty() {
            return Ok(None);
        }
        match self.as_number(column) {
            Some(x) if range.contains(&x) => Ok(Some(x)),
            _ => Err(self.problem(column, expected)),
        }
    }

    /// The finite number in `column`; `None` if the cell holds anything else
    pub fn as_number(&self, column: usize) -> Option<f64> {
        let cell = self.record[column].trim();
        let number = if self.table.decimal_comma { cell.replace(',', ".").parse() } else { cell.parse() };
        number.ok().filter(|x: &f64| x.is_finite())
    }

    /// The whole number in `column`
    ///
    /// # Errors
    /// If the cell is empty or holds anything else.
    pub fn whole<T: std::str::FromStr>(&self, column: usize) -> Result<T> {
        self.record[column].trim().parse().map_err(|_| self.problem(column, "a whole number"))
    }

    /// The error for a cell in `column` that is not as `expected`
    pub fn problem(&self, column: usize, expected: &str) -> Error {
        let line = self.record.position().map_or(0, csv::Position::line);
        let (name, found) = (&self.table.header[column], &self.record[column]);
        let problem = format!("line {line}, column {name}: expected {expected}, found `{found}`");
        Error::content(&self.table.path, problem)
    }
}

fn describe(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line}: expected {expected_len} cells, found {len}")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table> {
        Table::parse(Path::new("a.csv"), text.as_bytes())
    }

    fn message(text: &str) -> String {
        table(text).unwrap_err().to_string()
    }

    #[test]
    fn both_dialects_read_the_same() {
        for text in ["name,x,n\n\"a,b\",0.5,3\n,,\n", "\u{feff}name;x;n\r\na,b;0,5;3\r\n;;\r\n"] {
            let table = table(text).unwrap();
            assert_eq!(table.header.iter().collect::<Vec<_>>(), ["name", "x", "n"]);
            let rows: Vec<_> = table.rows().collect();
            assert_eq!((rows[0].text(0), rows[0].number(1).unwrap()), ("a,b", Some(0.5)));
            assert_eq!((rows[0].whole::<u32>(2).unwrap(), rows[1].number(1).unwrap()), (3, None));
        }
    }

    #[test]
    fn text_that_the_writer_defused_is_read_as_it_was() {
        let table = table("name\n'=1+1\n'-a\n'quoted'\n=1\n").unwrap();
        let cells: Vec<_> = table.rows().map(|row| row.text(0)).collect();
        assert_eq!(cells, ["=1+1", "-a", "'quoted'", "=1"]);
    }

    #[test]
    fn errors_name_file_line_column_and_what_was_found() {
        let read = table("a,b\n1,NaN\nx,1e999\n").unwrap();
        let rows: Vec<_> = read.rows().collect();
        let number = |row: usize, column| rows[row].number(column).unwrap_err().to_string();
        assert_eq!(number(0, 1), "a.csv: line 2, column b: expected a number, found `NaN`");
        assert_eq!(number(1, 0), "a.csv: line 3, column a: expected a number, found `x`");
        assert_eq!(number(1, 1), "a.csv: line 3, column b: expected a number, found `1e999`");
        let share = rows[0].within(0, 0.0..=0.5, "a share").unwrap_err().to_string();
        assert_eq!(share, "a.csv: line 2, column a: expected a share, found `1`");
        assert!(rows[1].whole::<u32>(0).is_err());
        assert_eq!(read.need("c").unwrap_err().to_string(), "a.csv: line 1: expected a column c, found a, b");
        assert_eq!(message("a,b\n1\n"), "a.csv: line 2: expected 2 cells, found 1");
        assert_eq!(message("a,b,a\n"), "a.csv: line 1: expected each column once, found a twice");
        assert!(message("").contains("expected a header"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        let error = Table::parse(Path::new("x"), b"run_id,epoch\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "x: line 2: expected UTF-8, found byte 0xff");
    }
}
