//! Finding the head of a table in its first lines

use std::collections::HashSet;
use std::path::Path;

use super::cell::{is_decimal_comma, shortened, text_cell};
use super::fault::{Fault, Problem};
use super::head::Head;
use super::header::{Guess, Kind, guess};
use super::options::Options;
use super::scan::{self, RawCell, RecordEnd};
use super::separator::{self, CANDIDATES, Found};
use crate::error::{Error, Result, memory, printable, separated};

/// Most rows that are looked at
const ROWS: usize = 100;
/// Number of cells after which no further row is looked at
const CELLS: usize = 100_000;
/// Most cells of a record; a net has no more inputs
const COLUMNS_MAX: usize = 10_000_000;
/// Number of cells of a record from which on memory is checked
const CHECKED: usize = 1 << 16;
/// Bytes that a column of one short cell takes, from its place in the first lines to the net's preprocessing
const COLUMN_BYTES: u128 = 450;
/// The byte-order mark of UTF-8, with which Excel begins a file
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The start of a table, as far as it was read
pub struct FirstLines<'a> {
    /// The file, for messages
    pub path: &'a Path,
    /// Its first bytes
    pub text: &'a [u8],
    /// Whether the file ends with them
    pub is_whole: bool,
    /// What the caller knows
    pub options: Options,
    /// Names of columns that the caller looks for: a first line with all of them is a header, even if no row follows
    pub wanted: &'a [String],
}

/// A record, and where it stands
struct Record {
    start: usize,
    cells: Vec<RawCell>,
    next: usize,
    line: u64,
    next_line: u64,
}

impl FirstLines<'_> {
    /// The head, and line and index of the first byte after it; `None` if more of the text is needed
    ///
    /// # Errors
    /// If the lines are not those of a table, or a person has to say what they are.
    pub fn head(&self) -> Result<Option<(Head, u64, usize)>> {
        let (text, options) = (self.text, self.options);
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
            return Err(self.error("is UTF-16, expected UTF-8; save the table as UTF-8"));
        }
        if !self.is_whole && text.len() < MARK.len() {
            return Ok(None);
        }
        let mark = if text.starts_with(MARK) { MARK.len() } else { 0 };
        let (at, blank) = scan::skip_blank_lines(text, mark, options.separator.unwrap_or(b'\t'));
        if at == text.len() {
            return if self.is_whole { Err(self.error("is empty, expected a table")) } else { Ok(None) };
        }
        let Some(separator) = self.separator(at)? else { return Ok(None) };
        let whole =
            if self.is_whole { text.len() } else { at + RecordEnd::default().find(&text[at..], separator) };
        let Some(first) = self.record(at, whole, 1 + blank, separator)? else { return Ok(None) };
        self.check_first(&first, separator)?;
        let (mut rows, is_all) = self.rows(&first, whole, separator)?;
        let Some(has_header) = self.has_header(&first, &rows, is_all)? else { return Ok(None) };
        let names = self.names(&first, has_header)?;
        let (line, at) = if has_header { (first.next_line, first.next) } else { (first.line, first.start) };
        if !has_header {
            rows.insert(0, first);
            rows.truncate(ROWS);
        }
        if options.decimal == b'.' && separator != b',' {
            self.check_decimal(&names, &rows)?;
        }
        let first_rows = rows.iter().map(|row| self.texts(row)).collect();
        let (path, decimal) = (self.path.to_owned(), options.decimal);
        Ok(Some((Head { path, names, has_header, separator, decimal, first_rows }, line, at)))
    }

    /// The separator that the caller gave, or that the first two records show
    fn separator(&self, at: usize) -> Result<Option<u8>> {
        if self.options.separator.is_some() {
            return Ok(self.options.separator);
        }
        match separator::find(&self.text[at..], self.is_whole, self.options.decimal) {
            Found::Separator(byte) => Ok(Some(byte)),
            Found::Single if self.options.decimal == b',' => Ok(Some(b';')),
            Found::Single => Ok(Some(b',')),
            Found::More => Ok(None),
            Found::Unclear => Err(self.error(
                "has several of `,`, `;` and TAB in its first line; say which one separates cells, such as \
                 --separator ';'",
            )),
        }
    }

    /// The record at `at`, after blank lines; `None` if none is left before `whole`
    fn record(&self, at: usize, whole: usize, line: u64, separator: u8) -> Result<Option<Record>> {
        let text = &self.text[..whole.max(at)];
        let (start, blank) = scan::skip_blank_lines(text, at, separator);
        if start == text.len() {
            return Ok(None);
        }
        let (mut next, line, mut cells) = (start, line + blank, vec![]);
        let mut checked = CHECKED;
        loop {
            if cells.len() == checked {
                checked = self.check_cells(&text[next..], cells.len(), separator, line)?;
                cells.reserve_exact(checked - cells.len());
            }
            let cell = scan::cell(text, next, separator).map_err(|problem| {
                let line = line + scan::breaks(&text[start..next]);
                self.fault(problem, line, next, Some(cells.len()))
            })?;
            (next, _) = (cell.next, cells.push(cell));
            if cell.is_last {
                let next_line = line + scan::breaks(&text[start..next]);
                return Ok(Some(Record { start, cells, next, line, next_line }));
            }
        }
    }

    /// Checks that there is memory for the columns of a record of more than `cells` cells, which goes on with `rest`; returns
    /// up to which number of cells
    ///
    /// # Errors
    /// If there is not, or they are more than a table may have.
    fn check_cells(&self, rest: &[u8], cells: usize, separator: u8, line: u64) -> Result<usize> {
        // A line break in quotes ends the count too early, so that the rest is checked later.
        let rest = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let found = cells + 1 + memchr::memchr_iter(separator, rest).count();
        // A separator in quotes is text.
        if cells >= COLUMNS_MAX || found > COLUMNS_MAX && !rest.contains(&b'"') {
            let problem = Problem::TooManyCells { most: COLUMNS_MAX };
            return Err(self.fault(problem, line, 0, None));
        }
        let columns = found.max(cells + cells / 4).min(COLUMNS_MAX);
        memory::check(columns as u128 * COLUMN_BYTES, || {
            format!("{}: line {line} with its {} cells", self.path.display(), separated(columns))
        })?;
        Ok(columns)
    }

    /// The records after the first one, and whether further ones will not be looked at
    fn rows(&self, first: &Record, whole: usize, separator: u8) -> Result<(Vec<Record>, bool)> {
        let (mut rows, mut cells) = (vec![], 0);
        let (mut at, mut line) = (first.next, first.next_line);
        while rows.len() < ROWS && (rows.is_empty() || cells < CELLS) {
            let row = match self.record(at, whole, line, separator) {
                Ok(Some(row)) => row,
                Ok(None) => return Ok((rows, self.is_whole)),
                // A wrong row is reported when it is read, with the name of its column, unless the header depends on it.
                Err(error) if rows.is_empty() && self.options.header.is_none() => return Err(error),
                Err(_) => break,
            };
            (at, line, cells) = (row.next, row.next_line, cells + row.cells.len());
            rows.push(row);
        }
        Ok((rows, true))
    }

    /// Checks the bytes of the first record, and that it doesn't look as if another byte separated its cells
    fn check_first(&self, first: &Record, separator: u8) -> Result<()> {
        for (column, &cell) in first.cells.iter().enumerate() {
            let content = &self.text[cell.start..cell.end];
            if let Some(at) = memchr::memchr(0, content) {
                return Err(self.fault(Problem::Nul, first.line, cell.start + at, None));
            }
            text_cell(self.text, cell)
                .map_err(|(problem, at)| self.fault(problem, first.line, at, Some(column)))?;
        }
        if first.cells.len() > 1 {
            return Ok(());
        }
        let counts =
            separator::counts(&self.text[first.start..first.next], true).map_or([0; 3], |(counts, _)| counts);
        let other = CANDIDATES.iter().zip(counts).find(|&(_, count)| count > 0);
        match other {
            Some((&byte, _)) if byte != self.options.decimal && byte != separator => {
                let (found, byte) = (shown(separator), shown(byte));
                let line = first.line;
                Err(self.error(&format!(
                    "line {line} is one cell with the separator {found}, but contains {byte}; try --separator {byte}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the first record is a header; `None` if more of the text is needed
    fn has_header(&self, first: &Record, rows: &[Record], is_all: bool) -> Result<Option<bool>> {
        if self.options.header.is_some() {
            return Ok(self.options.header);
        }
        let contents = self.contents(first);
        let mut distinct = HashSet::new();
        let are_names = contents.iter().all(|name| !name.trim_ascii().is_empty() && distinct.insert(name));
        let decimal = self.options.decimal;
        let kinds = |row| self.contents(row).into_iter().map(|content| Kind::of(content, decimal)).collect();
        match guess(&contents, decimal, are_names, rows.iter().map(kinds)) {
            Guess::Header => Ok(Some(true)),
            Guess::Data => Ok(Some(false)),
            Guess::Doubtful if !is_all => Ok(None),
            Guess::Doubtful if self.has_wanted_names(&contents) => Ok(Some(true)),
            Guess::Doubtful => Err(self.error(&format!(
                "line {} may be a header or a row (`{}`, …); say which with --header yes or --header no",
                first.line,
                printable(&shortened(contents[0]))
            ))),
        }
    }

    /// Whether a record has all names that the caller looks for, which are not all numbers
    fn has_wanted_names(&self, contents: &[&[u8]]) -> bool {
        let is_there = |name: &String| contents.iter().any(|content| content.trim_ascii() == name.as_bytes());
        let is_number = |name: &String| Kind::of(name.as_bytes(), self.options.decimal) == Kind::Number;
        self.wanted.iter().all(is_there) && !self.wanted.iter().all(is_number)
    }

    /// The names of the columns; the bytes of the first record have been checked
    fn names(&self, first: &Record, has_header: bool) -> Result<Vec<String>> {
        let name = |(column, text): (usize, String)| match text.trim() {
            name if has_header && !name.is_empty() => name.to_owned(),
            _ => format!("c{}", column + 1),
        };
        Ok(self.texts(first).into_iter().enumerate().map(name).collect())
    }

    /// Checks that no column has only numbers with decimal commas
    fn check_decimal(&self, names: &[String], rows: &[Record]) -> Result<()> {
        for (column, name) in names.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| Some((row.line, row.cells.get(column)?)));
            let mut contents = cells.map(|(line, cell)| (line, self.text[cell.start..cell.end].trim_ascii()));
            let mut comma = None;
            let are_numbers = contents.all(|(line, content)| {
                let is_comma = is_decimal_comma(content);
                if is_comma {
                    comma.get_or_insert((line, content));
                }
                is_comma || Kind::of(content, b'.') != Kind::Text
            });
            if let Some((line, content)) = comma.filter(|_| are_numbers) {
                let (name, content) = (printable(name), shortened(content));
                return Err(self.error(&format!(
                    "line {line}, column `{name}`: found `{content}`, and this column has only numbers; for decimal \
                     commas, use --decimal ,"
                )));
            }
        }
        Ok(())
    }

    fn contents(&self, record: &Record) -> Vec<&[u8]> {
        record.cells.iter().map(|cell| &self.text[cell.start..cell.end]).collect()
    }

    /// The texts of a record; bytes that are not UTF-8 become U+FFFD
    fn texts(&self, record: &Record) -> Vec<String> {
        let text = |&cell: &RawCell| match text_cell(self.text, cell) {
            Ok(text) => text.into_owned(),
            Err(_) => String::from_utf8_lossy(&self.text[cell.start..cell.end]).into_owned(),
        };
        record.cells.iter().map(text).collect()
    }

    fn error(&self, problem: &str) -> Error {
        Error::content(self.path, problem)
    }

    /// The error for a problem in a column that may not have a name yet
    fn fault(&self, problem: Problem, line: u64, byte: usize, column: Option<usize>) -> Error {
        let names: Vec<_> =
            (0..column.map_or(0, |column| column + 1)).map(|i| format!("c{}", i + 1)).collect();
        Fault { problem, line: 0, byte, column }.error(self.path, &names, line, 0)
    }
}

/// A separator as a person writes it in a command
fn shown(separator: u8) -> String {
    if separator == b'\t' { "TAB".to_owned() } else { format!("'{}'", char::from(separator)) }
}
