//! A line of a table: its cells as text, numbers, statuses and values of settings

use csv::StringRecord;
use toml::Value;

use super::header::{Header, shortened};
use super::schemas::is_text;
use super::{Cell, FORMULA, Record, Status};
use crate::config::{CsvDialect, Kind, Setting};
use crate::error::{Error, Result};

/// The words of a column with the status of runs, for messages
pub(super) const STATUS: &str = "ok, halted, diverged, failed, interrupted or time_limit";

/// A line of a CSV file below its header
#[derive(Clone, Copy, Debug)]
pub struct TableRow<'a> {
    pub(super) header: &'a Header,
    pub(super) record: &'a StringRecord,
}

impl<'a> TableRow<'a> {
    /// The text in `column`, without the apostrophe that the writer put before a formula
    pub fn text(&self, column: usize) -> &'a str {
        let cell = &self.record[column];
        match cell.strip_prefix('\'') {
            Some(defused) if defused.starts_with(FORMULA) => defused,
            _ => cell,
        }
    }

    /// The cell in `column` exactly as it is in the file
    pub fn verbatim(&self, column: usize) -> &'a str {
        &self.record[column]
    }

    /// All cells with the names of their columns, as they are written in `dialect`
    pub fn record(&self, dialect: CsvDialect) -> Record {
        let named = self.header.names.iter().enumerate().filter(|(_, name)| !name.trim().is_empty());
        let cell = |column, name: &str| match self.as_number(column) {
            _ if dialect == self.header.layout.dialect => Cell::Verbatim(self.verbatim(column).to_owned()),
            Some(_) if !is_text(name) => Cell::Number(self.verbatim(column).trim().replace(',', ".")),
            _ => Cell::Text(self.text(column).to_owned()),
        };
        Record(named.map(|(column, name)| (name.to_owned(), cell(column, name))).collect())
    }

    /// The status in `column`; upper and lower case mean the same
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
            (Kind::Number, Some((_, words))) if words.starts_with("a ") => (*words).to_owned(),
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
        let number = match self.header.layout.dialect {
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
        let name = shortened(&self.header.names[column]);
        let found = shortened(&self.record[column]);
        let problem = format!("line {line}, column {name}: expected {expected}, found `{found}`");
        Error::content(&self.header.path, problem)
    }
}

/// Words for true and false: a spreadsheet writes them in its own language
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
    use std::path::Path;

    use super::*;
    use crate::tables::reader::Table;

    fn table(text: &str) -> Result<Table> {
        Table::parse(Path::new("a.csv"), text.as_bytes())
    }

    #[test]
    fn text_that_the_writer_defused_is_read_as_it_was() {
        let table = table("name\n'=1+1\n'-a\n'quoted'\n=1\n").unwrap();
        let cells: Vec<_> = table.rows().map(|row| row.text(0)).collect();
        assert_eq!(cells, ["=1+1", "-a", "'quoted'", "=1"]);
    }

    #[test]
    fn errors_of_cells_name_file_line_column_and_what_was_found() {
        let read = table("a,b\n1,NaN\nx,1e999\n").unwrap();
        let rows: Vec<_> = read.rows().collect();
        let number = |row: usize, column| rows[row].number(column).unwrap_err().to_string();
        assert_eq!(number(0, 1), "a.csv: line 2, column b: expected a number, found `NaN`");
        assert_eq!(number(1, 0), "a.csv: line 3, column a: expected a number, found `x`");
        assert_eq!(number(1, 1), "a.csv: line 3, column b: expected a number, found `1e999`");
        let share = rows[0].within(0, 0.0..=0.5, "a share").unwrap_err().to_string();
        assert_eq!(share, "a.csv: line 2, column a: expected a share, found `1`");
        assert!(rows[1].whole::<u32>(0).is_err());
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
}
