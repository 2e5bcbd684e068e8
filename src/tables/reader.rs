//! The reader of all CSV files: either dialect, columns found by name, errors with file, line and column

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use toml::Value;

use super::layout::Layout;
use super::schemas::is_text;
use super::{Cell, Record, Status};
use crate::config::{CsvDialect, Kind, Setting};
use crate::error::{Error, Result, open_regular};

/// The number of columns that an error lists by name
const NAMED: usize = 10;

/// The number of characters of a cell that an error shows
const SHOWN: usize = 100;

/// The columns that say what a row is about, and how a run ended, with what their cells hold; none may be empty
const KEYS: [(&str, &str); 5] = [
    ("run_id", "a name"),
    ("trial", "a name"),
    ("status", STATUS),
    ("true", "a class"),
    ("predicted", "a class"),
];

const STATUS: &str = "ok, diverged, failed or interrupted";

/// A whole CSV file in memory
///
/// * separator `,` and decimal point, or separator `;` and decimal comma, as the header line shows; with or without a
///   byte-order mark; any line ends
/// * columns are found by name and may be in any order; empty columns without a name are ignored
/// * rows of empty cells are skipped, and a row without a name or a status is an error where there is such a column
/// * the apostrophe that the writer puts before text that starts with `=`, `+`, `-`, `@`, TAB or CR is removed
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    header: StringRecord,
    records: Vec<StringRecord>,
    layout: Layout,
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
        let mut header = reader.headers().map_err(|e| problem(e.to_string()))?.clone();
        let named = (0..header.len()).rev().find(|&column| !header[column].trim().is_empty());
        header.truncate(named.map_or(0, |last| last + 1));
        if header.is_empty() {
            return Err(problem(
                "line 1: expected a header with the names of columns, found none".to_owned(),
            ));
        }
        let mut names = HashSet::new();
        if let Some(name) = header.iter().find(|name| !name.trim().is_empty() && !names.insert(*name)) {
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
            let (found, expected) = (record.len(), header.len());
            let has_name = |column| header.get(column).is_some_and(|name: &str| !name.trim().is_empty());
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
        let table = Self { path: path.to_owned(), header, records, layout };
        let keys = KEYS.map(|(name, expected)| (table.column(name), expected));
        let run_id = table.column("run_id");
        let is_empty = |row: TableRow<'_>, column: usize| row.record[column].trim().is_empty();
        for (row, (column, expected)) in table.rows().flat_map(|row| keys.map(|key| (row, key))) {
            let Some(column) = column.filter(|&column| is_empty(row, column)) else { continue };
            // Among the trials of sweeps, a table may have runs that are no trials.
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
        self.layout
    }

    /// The dialect in which the file is written
    pub fn dialect(&self) -> CsvDialect {
        self.layout.dialect
    }

    /// The names of the columns; columns without a name have an empty one
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.header.iter()
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
            let mut found = self.header.iter().take(NAMED).map(shortened).collect::<Vec<_>>().join(", ");
            if self.header.len() > NAMED {
                found += &format!(" … and {} more", self.header.len() - NAMED);
            }
            Error::content(&self.path, format!("line 1: expected a column {name}, found {found}"))
        })
    }

    /// The name of each row's run: its trial, or its run_id where it is no trial
    ///
    /// Trials of several sweeps have the same names. Then each is named `sweep_id/trial`, as the path of its folder is.
    ///
    /// # Errors
    /// If there is neither a column trial nor a column run_id, or two rows have one name.
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

    /// All cells with the names of their columns, as they are written in `dialect`
    pub fn record(&self, dialect: CsvDialect) -> Record {
        let named = self.table.header.iter().enumerate().filter(|(_, name)| !name.trim().is_empty());
        let cell = |column, name: &str| match self.as_number(column) {
            _ if dialect == self.table.dialect() => Cell::Verbatim(self.verbatim(column).to_owned()),
            Some(_) if !is_text(name) => Cell::Number(self.verbatim(column).trim().replace(',', ".")),
            _ => Cell::Text(self.text(column).to_owned()),
        };
        Record(named.map(|(column, name)| (name.to_owned(), cell(column, name))).collect())
    }

    /// The status in `column`, in any case of letters
    ///
    /// # Errors
    /// If the cell holds anything else.
    pub fn status(&self, column: usize) -> Result<Status> {
        let text = self.record[column].trim();
        let found = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| self.problem(column, STATUS))
    }

    /// The value of a setting in `column`; `None` if the cell is empty
    ///
    /// It is read by the type of the setting: `TRUE`, as a spreadsheet writes it, is `true`, and `ReLU` is `relu`.
    ///
    /// # Errors
    /// If the cell holds no value of the setting's type, or one outside its range.
    pub fn setting(&self, column: usize, setting: &Setting) -> Result<Option<Value>> {
        let text = self.text(column).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let value = match setting.kind {
            Kind::Number => self.as_number(column).map(Value::Float),
            Kind::Integer => self.as_whole(column).map(Value::Integer),
            Kind::Switch => switch(text).map(Value::Boolean),
            Kind::Word | Kind::Path | Kind::Names => Some(text.into()),
            Kind::Dims | Kind::Choice(_) => setting.value(&text.to_ascii_lowercase()).ok(),
        };
        let fits = |value: &Value| setting.out_of_range(value).is_none();
        let expected = || match (setting.kind, &setting.range) {
            (Kind::Integer, Some((_, words))) => format!("a whole number, {words}"),
            (Kind::Number, Some((_, words))) => format!("a number, {words}"),
            _ => setting.expected(),
        };
        value.filter(fits).map(Some).ok_or_else(|| self.problem(column, &expected()))
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
        let number = match self.table.dialect() {
            CsvDialect::ExcelEu => cell.replace(',', ".").parse(),
            CsvDialect::Standard => cell.parse(),
        };
        number.ok().filter(|x: &f64| x.is_finite())
    }

    /// The whole number in `column`
    ///
    /// # Errors
    /// If the cell is empty or holds anything else.
    pub fn whole<T: TryFrom<i64>>(&self, column: usize) -> Result<T> {
        let number = self.as_whole(column).and_then(|n| n.try_into().ok());
        number.ok_or_else(|| self.problem(column, "a whole number"))
    }

    /// The whole number in `column`, which a spreadsheet may have written as `3.0` or `1E+15`; `None` if the cell holds
    /// anything else
    fn as_whole(&self, column: usize) -> Option<i64> {
        let whole = |x: &f64| x.fract() == 0.0 && x.abs() < 2f64.powi(53);
        let digits = self.record[column].trim().parse().ok();
        digits.or_else(|| self.as_number(column).filter(whole).map(|x| x as i64))
    }

    /// The number of its line in the file, counted from 1
    pub fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The error for a cell in `column` that is not as `expected`
    pub fn problem(&self, column: usize, expected: &str) -> Error {
        let line = self.line();
        let name = shortened(&self.table.header[column]);
        let found = shortened(&self.record[column]);
        let problem = format!("line {line}, column {name}: expected {expected}, found `{found}`");
        Error::content(&self.table.path, problem)
    }
}

/// The first characters of a text that may be long, for a message
fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).chain(text.chars().nth(SHOWN).map(|_| '…')).collect()
}

/// Words for true and false in the languages of spreadsheets, which write a cell `true` in their own
const SWITCHES: [[&str; 2]; 6] = [
    ["true", "false"],
    ["wahr", "falsch"],
    ["vrai", "faux"],
    ["vero", "falso"],
    ["verdadero", "falso"],
    ["1", "0"],
];

/// Reads true or false
fn switch(text: &str) -> Option<bool> {
    let is = |word: &&str| word.eq_ignore_ascii_case(text);
    SWITCHES.iter().find_map(|words| words.iter().position(is)).map(|place| place == 0)
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
        let status = "a.csv: line 2, column status: expected ok, diverged, failed or interrupted, found ``";
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
    fn settings_are_read_by_their_type_whatever_their_case() {
        let read = |name: &str, cell: &str| {
            let table = table(&format!("{name}\n\"{cell}\"\nx\n")).unwrap();
            let row = table.rows().next().unwrap();
            let setting = crate::config::find(name).unwrap();
            row.setting(0, setting).map(|value| value.map(|value| crate::config::text(&value)))
        };
        for (name, cell, expected) in [
            ("no_shuffle", "TRUE", "true"),
            ("no_shuffle", "False", "false"),
            ("no_shuffle", "WAHR", "true"),
            ("activation", "ReLU", "relu"),
            ("dtype", "F64", "f64"),
            ("hidden_dims", "NONE", "none"),
            ("hidden_dims", "128X64", "128x64"),
            ("seed", "1E+14", "100000000000000"),
            ("batch_size", "64.0", "64"),
            ("learning_rate", "1E-02", "0.01"),
            ("data", "My/Data", "My/Data"),
        ] {
            assert_eq!(read(name, cell).unwrap(), Some(expected.to_owned()), "{name}: {cell}");
        }
        for (name, cell) in [
            ("no_shuffle", "yes!"),
            ("no_shuffle", "=cmd"),
            ("activation", "brelu"),
            ("batch_size", "1.5"),
            ("batch_size", "?"),
            ("epochs", "-1"),
            ("seed", "inf"),
            ("threads", "1e5"),
            ("momentum", "nan"),
            ("learning_rate", "-inf"),
            ("hidden_dims", "0"),
            ("dtype", "f"),
            ("weight_decay", "=1+1"),
        ] {
            let error = read(name, cell).unwrap_err().to_string();
            let start = format!("a.csv: line 2, column {name}: expected ");
            assert!(error.starts_with(&start) && error.ends_with(&format!(", found `{cell}`")), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        let error = Table::parse(Path::new("x"), b"run_id,epoch\n\xff").unwrap_err();
        assert_eq!(error.to_string(), "x: line 2: expected UTF-8, found byte 0xff");
    }
}
