//! The reader of all CSV files: either dialect, columns found by name, errors with file, line and column

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;

use super::header::{Header, shortened};
use super::layout::Layout;
use super::table_row::STATUS;
pub use super::table_row::TableRow;
use crate::config::CsvDialect;
use crate::error::{Error, Result, open_regular};

/// The number of columns that an error lists by name
const NAMED: usize = 10;

/// The columns that say what a row is about, and how a run ended, with what their cells hold; none may be empty
const KEYS: [(&str, &str); 3] = [("run_id", "a name"), ("trial", "a name"), ("status", STATUS)];

/// A whole CSV file in memory
///
/// * separator `,` and decimal point, or separator `;` and decimal comma, as the header line shows; with or without a
///   byte-order mark; any line ends
/// * columns are found by name and may be in any order; empty columns without a name are ignored
/// * rows of empty cells are skipped, and a row without a name or a status is an error where there is such a column
/// * the apostrophe that the writer puts before text that starts with `=`, `+`, `-`, `@`, TAB or CR is removed
#[derive(Clone, Debug)]
pub struct Table {
    header: Header,
    records: Vec<StringRecord>,
}

impl Table {
    /// Reads the file at `path`
    ///
    /// # Errors
    /// If it can't be read, is no regular file, is not UTF-8, has no header, has a column twice, or has a line with too few or
    /// too many cells or without a name or a status.
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
        let layout = Layout::detect(text);
        let text = text.trim_start_matches('\u{feff}');
        let mut builder = csv::ReaderBuilder::new();
        // The number of cells is checked below: a line may have more than the header has names.
        builder.delimiter(layout.separator()).flexible(true);
        let mut reader = builder.from_reader(text.as_bytes());
        let mut names = reader.headers().map_err(|e| problem(e.to_string()))?.clone();
        let named = (0..names.len()).rev().find(|&column| !names[column].trim().is_empty());
        names.truncate(named.map_or(0, |last| last + 1));
        if names.is_empty() {
            return Err(problem(
                "line 1: expected a header with the names of columns, found none".to_owned(),
            ));
        }
        let mut known = HashSet::new();
        if let Some(name) = names.iter().find(|name| !name.trim().is_empty() && !known.insert(*name)) {
            let name = shortened(name);
            return Err(problem(format!("line 1: expected each column once, found {name} twice")));
        }
        let mut records = vec![];
        for record in reader.records() {
            let record = record.map_err(|e| problem(e.to_string()))?;
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let line = record.position().map_or(0, csv::Position::line);
            let (found, expected) = (record.len(), names.len());
            let has_name = |column| names.get(column).is_some_and(|name: &str| !name.trim().is_empty());
            let nameless = (0..found).find(|&i| !has_name(i) && !record[i].trim().is_empty());
            match nameless {
                Some(column) if column < expected => {
                    return Err(problem(format!(
                        "line {line}: cell {} holds `{}`, but its column has no name in line 1",
                        column + 1,
                        shortened(&record[column])
                    )));
                }
                None if found >= expected => records.push(record),
                _ => return Err(problem(format!("line {line}: expected {expected} cells, found {found}"))),
            }
        }
        let table = Self { header: Header { path: path.to_owned(), names, layout }, records };
        let keys = KEYS.map(|(name, expected)| (table.column(name), expected));
        let run_id = table.column("run_id");
        let is_empty = |row: TableRow<'_>, column: usize| row.record[column].trim().is_empty();
        for (row, (column, expected)) in table.rows().flat_map(|row| keys.map(|key| (row, key))) {
            let Some(column) = column.filter(|&column| is_empty(row, column)) else { continue };
            // A table of trials may also have runs that are no trials.
            let is_named =
                table.column("trial") == Some(column) && run_id.is_some_and(|id| !is_empty(row, id));
            if !is_named {
                return Err(row.problem(column, expected));
            }
        }
        Ok(table)
    }

    /// How the file is written
    pub(super) fn layout(&self) -> Layout {
        self.header.layout
    }

    /// The dialect in which the file is written
    pub fn dialect(&self) -> CsvDialect {
        self.header.layout.dialect
    }

    /// The names of the columns; columns without a name have an empty one
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.names.iter()
    }

    /// The path of the file
    pub fn path(&self) -> &Path {
        &self.header.path
    }

    /// The index of the column `name`; `None` if there is none
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.names.iter().position(|column| column == name)
    }

    /// The index of the column `name`
    ///
    /// # Errors
    /// If no column has this name.
    pub fn need(&self, name: &str) -> Result<usize> {
        self.column(name).ok_or_else(|| {
            let mut found =
                self.header.names.iter().take(NAMED).map(shortened).collect::<Vec<_>>().join(", ");
            if self.header.names.len() > NAMED {
                found += &format!(" … and {} more", self.header.names.len() - NAMED);
            }
            Error::content(&self.header.path, format!("line 1: expected a column {name}, found {found}"))
        })
    }

    /// The name of each row's run: its trial, or its run_id where it is no trial
    ///
    /// Trials of several sweeps have the same names. Then each is named `sweep_id/trial`, as the path of its folder is.
    ///
    /// # Errors
    /// If there is neither a column trial nor a column run_id, or two rows have the same name.
    pub fn run_names(&self) -> Result<Vec<String>> {
        let columns = ["trial", "run_id"].map(|name| self.column(name));
        let id = columns[0].map_or_else(|| self.need("run_id"), Ok)?;
        let short = |row: &TableRow<'_>| -> String {
            let mut texts = columns.iter().flatten().map(|&column| row.text(column));
            texts.find(|text| !text.trim().is_empty()).unwrap_or_default().to_owned()
        };
        let repeats = |names: &[String]| {
            let mut known = HashSet::new();
            names.iter().position(|name| !known.insert(name.clone()))
        };
        let mut names: Vec<String> = self.rows().map(|row| short(&row)).collect();
        if let (Some(sweep), Some(_)) = (self.column("sweep_id"), repeats(&names)) {
            let long = |row: TableRow<'_>| match row.text(sweep).trim() {
                "" => short(&row),
                sweep => format!("{sweep}/{}", short(&row)),
            };
            names = self.rows().map(long).collect();
        }
        match repeats(&names).and_then(|second| self.rows().nth(second)) {
            Some(second) => Err(second.problem(id, "each trial once")),
            None => Ok(names),
        }
    }

    /// The lines below the header
    pub fn rows(&self) -> impl ExactSizeIterator<Item = TableRow<'_>> {
        self.records.iter().map(|record| TableRow { header: &self.header, record })
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
        for text in ["name,x,n\n\"a,b\",0.5,3\nc,,\n", "\u{feff}name;x;n\r\na,b;0,5;3\r\nc;;\r\n"] {
            let table = table(text).unwrap();
            assert_eq!(table.names().collect::<Vec<_>>(), ["name", "x", "n"]);
            let rows: Vec<_> = table.rows().collect();
            assert_eq!((rows[0].text(0), rows[0].number(1).unwrap()), ("a,b", Some(0.5)));
            assert_eq!((rows[0].whole::<u32>(2).unwrap(), rows[1].number(1).unwrap()), (3, None));
        }
    }

    #[test]
    fn empty_lines_before_the_header_do_not_hide_the_dialect() {
        for start in ["\r\n", "\u{feff}\n\n", "\r"] {
            let table = table(&format!("{start}name;x\r\na;0,5\r\n")).unwrap();
            assert_eq!(table.dialect(), CsvDialect::ExcelEu);
            assert_eq!(table.rows().next().unwrap().number(1).unwrap(), Some(0.5));
        }
    }

    #[test]
    fn errors_of_a_whole_file_name_the_line_and_what_was_found() {
        let error = table("a,b\n").unwrap().need("c").unwrap_err().to_string();
        assert_eq!(error, "a.csv: line 1: expected a column c, found a, b");
        assert_eq!(message("a,b\n1\n"), "a.csv: line 2: expected 2 cells, found 1");
        assert_eq!(message("a,b,a\n"), "a.csv: line 1: expected each column once, found a twice");
        assert!(message("").contains("expected a header"));
    }

    #[test]
    fn rows_of_separators_and_columns_without_a_name_are_skipped() {
        for text in [
            "run_id,,x,,\nr,,1,,\n,,,,\n\ns,,2,,\n , ,\t,,\n,,\n",
            "\u{feff}run_id;;x;;\r\nr;;1;;\r\n;;;;\r\n\r\ns;;2;;\r\n;;;;\r\n",
            "run_id,,x\rr,,1\rs,,2,,,,\r",
        ] {
            let table = table(text).unwrap();
            let rows: Vec<_> = table.rows().map(|row| (row.text(0), row.whole::<u32>(2).unwrap())).collect();
            assert_eq!(rows, [("r", 1), ("s", 2)], "{text:?}");
        }
        assert_eq!(message("a,\n1,2\n"), "a.csv: line 2: expected 1 cells, found 2");
        let nameless = "a.csv: line 3: cell 2 holds `2`, but its column has no name in line 1";
        assert_eq!(message("a,,c\n1,,3\n1,2,3\n"), nameless);
        assert_eq!(message("a,b\n1,2,3\n"), "a.csv: line 2: expected 2 cells, found 3");
        assert!(message(",,\n1,2,3\n").contains("expected a header"));
    }

    #[test]
    fn a_row_without_a_name_or_a_status_is_an_error() {
        assert_eq!(message("run_id,x\na,1\n,2\n"), "a.csv: line 3, column run_id: expected a name, found ``");
        let status = "a.csv: line 2, column status: expected ok, halted, diverged, failed, interrupted or time_limit, found ``";
        assert_eq!(message("run_id,status\na,\n"), status);
        assert!(message("trial,x\n,a\n").contains("line 2, column trial"));
        // Runs that are no trials, in a table with trials
        assert_eq!(table("trial,run_id\n,a\nt0000,t0000\n").unwrap().run_names().unwrap(), ["a", "t0000"]);
    }

    #[test]
    fn trials_of_several_sweeps_are_named_with_their_sweep() {
        let head = "run_id,trial,sweep_id\n";
        let names = |rows: &str| table(&format!("{head}{rows}")).unwrap().run_names();
        assert_eq!(names("t0,t0,s\nt1,t1,s\n").unwrap(), ["t0", "t1"]);
        assert_eq!(names("t0,t0,s\nt0,t0,r\nmine,,\n").unwrap(), ["s/t0", "r/t0", "mine"]);
        let error = names("t0,t0,s\nt1,t1,s\nt0,t0,s\n").unwrap_err().to_string();
        assert_eq!(error, "a.csv: line 4, column trial: expected each trial once, found `t0`");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        let error = Table::parse(Path::new("x"), b"run_id,epoch\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "x: line 2: expected UTF-8, found byte 0xff");
    }
}
