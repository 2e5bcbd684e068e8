//! Parsing a chunk: whole records become features, targets and texts

use std::borrow::Cow;

use super::cell::{self, Real};
use super::decimal::Decimal;
use super::dictionary::Dictionary;
use super::fault::{Fault, Problem};
use super::layout::Layout;
use super::lines::Lines;
use super::role::Role;
use super::scan::{self, RawCell};
use super::table::{Kept, Missing, NO_CODE};

/// What a chunk contains
#[derive(Debug)]
pub struct Parsed<T> {
    /// Number of rows
    pub rows: usize,
    /// Features, row by row; a category is its code in `categories`
    pub cells: Vec<T>,
    /// The missing cells of each feature
    pub missing: Vec<Missing>,
    /// The texts of each category column
    pub categories: Vec<Dictionary>,
    /// The target columns
    pub targets: Vec<ParsedTarget>,
    /// The columns whose text is kept
    pub kept: Vec<Kept>,
    /// The line of each row, counted from 0
    pub lines: Lines,
    /// Number of line breaks
    pub breaks: u64,
}

/// A target column of a chunk
#[derive(Clone, Debug, Default)]
pub struct ParsedTarget {
    /// The numbers; `None` if a cell is something else
    pub numbers: Option<Vec<f64>>,
    /// The code in `texts` of each row
    pub codes: Vec<u32>,
    /// The texts; `None` if there are too many
    pub texts: Option<Dictionary>,
    /// The first cell that is neither a number nor missing, shortened, and its line
    pub text: Option<(String, u64)>,
    /// The missing cells
    pub missing: Missing,
}

impl<T: Real> Parsed<T> {
    /// A chunk without rows
    pub fn new(layout: &Layout) -> Self {
        let target =
            ParsedTarget { numbers: Some(vec![]), texts: Some(Dictionary::default()), ..Default::default() };
        Self {
            rows: 0,
            cells: vec![],
            missing: vec![Missing::default(); layout.features],
            categories: vec![Dictionary::default(); layout.categories.len()],
            targets: vec![target; layout.targets.len()],
            kept: vec![Kept::default(); layout.kept],
            lines: Lines::default(),
            breaks: 0,
        }
    }

    /// Parses whole records; `cells` is reused memory
    ///
    /// # Errors
    /// For the first cell or record that is not as expected.
    pub fn parse(text: &[u8], layout: &Layout, mut cells: Vec<T>) -> Result<Self, Fault> {
        cells.clear();
        let parsed = Self { cells, ..Self::new(layout) };
        // The search for zeros reads the text once more, while it is in cache.
        let zero = memchr::memchr(0, text);
        let mut parser =
            Parser { text: &text[..zero.unwrap_or(text.len())], layout, parsed, at: 0, line: 0, record: 0 };
        let outcome = parser.records();
        if let Some(byte) = zero {
            // A problem on an earlier line comes first. The line with the zero was cut.
            let line = scan::breaks(&text[..byte]);
            return match outcome {
                Err(fault) if fault.line < line && fault.problem != Problem::OpenQuote => Err(fault),
                _ => Err(Fault { problem: Problem::Nul, line, byte, column: None }),
            };
        }
        outcome?;
        let mut parsed = parser.parsed;
        parsed.breaks = parser.line;
        Ok(parsed)
    }
}

/// A chunk while it is parsed
struct Parser<'a, T> {
    text: &'a [u8],
    layout: &'a Layout,
    parsed: Parsed<T>,
    /// The start of the next cell
    at: usize,
    /// Its line
    line: u64,
    /// The start of its record
    record: usize,
}

impl<T: Real> Parser<'_, T> {
    fn records(&mut self) -> Result<(), Fault> {
        let mut expected_line = u64::MAX;
        loop {
            let (at, blank) = scan::skip_blank_lines(self.text, self.at, self.layout.separator);
            (self.at, self.record, self.line) = (at, at, self.line + blank);
            if at == self.text.len() {
                return Ok(());
            }
            if self.line != expected_line {
                self.parsed.lines.note(self.parsed.rows, self.line);
            }
            expected_line = self.line + 1;
            self.record()?;
            self.parsed.rows += 1;
            // The last line of a file may have no line break; then no line follows either.
            self.line += 1;
        }
    }

    /// Reads the cells of a record
    fn record(&mut self) -> Result<(), Fault> {
        let layout = self.layout;
        let (separator, last) = (layout.separator, layout.columns.len() - 1);
        let has_points = layout.decimal == b'.';
        for (column, &(role, index)) in layout.columns.iter().enumerate() {
            let kept = layout.also_kept.get(column).copied().flatten();
            if role == Role::Number
                && has_points
                && kept.is_none()
                && let Some((number, next)) = plain_number::<T>(self.text, self.at, separator, column == last)
            {
                self.parsed.cells.push(number);
                self.at = next;
                continue;
            }
            let start = self.at;
            let cell =
                scan::cell(self.text, start, separator).map_err(|p| self.fault(p, start, Some(column)))?;
            if cell.is_last != (column == last) {
                return Err(self.ragged());
            }
            self.at = cell.next;
            self.cell(cell, column, role, index)?;
            if let Some(kept) = kept {
                self.cell(cell, column, Role::Keep, kept)?;
            }
            if cell.is_quoted {
                self.line += scan::breaks(&self.text[cell.start..cell.end]);
            }
        }
        Ok(())
    }

    /// Stores a cell
    fn cell(&mut self, cell: RawCell, column: usize, role: Role, index: usize) -> Result<(), Fault> {
        match role {
            Role::Skip => {}
            Role::Number => {
                let number = cell::number_cell::<T>(self.text, cell, self.layout.decimal)
                    .map_err(|problem| self.no_number(problem, cell, column))?;
                if number.code().is_none() {
                    self.parsed.missing[index].note(self.line);
                }
                self.parsed.cells.push(number);
            }
            Role::Category if self.is_missing(cell) => {
                self.parsed.missing[self.layout.categories[index]].note(self.line);
                self.parsed.cells.push(T::MISSING);
            }
            Role::Category => {
                let text = text(self.text, cell, self.line, column)?;
                match self.parsed.categories[index].code(&text) {
                    Some(code) => self.parsed.cells.push(T::from_code(code)),
                    None => {
                        let problem = Problem::TooManyTexts { most: Dictionary::MAX, text: None };
                        return Err(self.fault(problem, cell.start, Some(column)));
                    }
                }
            }
            Role::Target => self.target(cell, column, index)?,
            Role::Keep => {
                let text = text(self.text, cell, self.line, column)?;
                self.parsed.kept[index].push(&text);
            }
        }
        Ok(())
    }

    fn target(&mut self, cell: RawCell, column: usize, index: usize) -> Result<(), Fault> {
        let is_missing = self.is_missing(cell);
        let text = if is_missing { "".into() } else { text(self.text, cell, self.line, column)? };
        let target = &mut self.parsed.targets[index];
        if is_missing {
            target.missing.note(self.line);
        }
        if let Some(numbers) = &mut target.numbers {
            let number = cell::number(text.trim_ascii().as_bytes(), self.layout.decimal);
            match number.or(is_missing.then_some(f64::NAN)) {
                Some(number) => numbers.push(number),
                None => {
                    target.text = Some((cell::shortened(text.as_bytes()), self.line));
                    target.numbers = None;
                }
            }
        }
        if let Some(texts) = &mut target.texts {
            match if is_missing { Some(NO_CODE) } else { texts.code(&text) } {
                Some(code) => target.codes.push(code),
                // Too many texts: joining the chunks checks whether all cells were numbers.
                None => (target.texts, target.codes) = (None, vec![]),
            }
        }
        Ok(())
    }

    fn is_missing(&self, cell: RawCell) -> bool {
        cell::is_missing(cell::trimmed(self.text, cell))
    }

    #[cold]
    fn fault(&self, problem: Problem, byte: usize, column: Option<usize>) -> Fault {
        Fault { problem, line: self.line, byte, column }
    }

    /// The fault of a cell that is not a number: invalid UTF-8 if it is that, else `problem`
    #[cold]
    fn no_number(&self, problem: Problem, cell: RawCell, column: usize) -> Fault {
        match str::from_utf8(&self.text[cell.start..cell.end]) {
            Ok(_) => self.fault(problem, cell.start, Some(column)),
            Err(error) => self.fault(Problem::NotUtf8, cell.start + error.valid_up_to(), Some(column)),
        }
    }

    /// The fault of a record with a wrong number of cells
    #[cold]
    fn ragged(&self) -> Fault {
        let (mut at, mut found) = (self.record, 0);
        let line = self.line - scan::breaks(&self.text[self.record..self.at]);
        while let Ok(cell) = scan::cell(self.text, at, self.layout.separator) {
            (at, found) = (cell.next, found + 1);
            if cell.is_last {
                break;
            }
        }
        Fault { problem: Problem::Ragged { found }, line, byte: self.record, column: None }
    }
}

/// The text of a cell
fn text(text: &[u8], cell: RawCell, line: u64, column: usize) -> Result<Cow<'_, str>, Fault> {
    cell::text_cell(text, cell).map_err(|(problem, byte)| Fault { problem, line, byte, column: Some(column) })
}

/// The number at `at`, if it is finite and fills its cell without quotes or spaces, and where the next cell starts
#[inline(always)]
fn plain_number<T: Real>(text: &[u8], at: usize, separator: u8, is_last: bool) -> Option<(T, usize)> {
    let rest = &text[at..];
    let simple = Decimal::parse(rest).and_then(|(decimal, len)| Some((T::from_decimal(decimal)?, len)));
    let (number, len) = match simple {
        Some(simple) => simple,
        None => T::parse_float_partial(rest).ok()?,
    };
    let stop = at + len;
    let next = match text.get(stop) {
        Some(&byte) if byte == separator => (!is_last).then_some(stop + 1),
        Some(b'\n') => is_last.then_some(stop + 1),
        Some(b'\r') if text.get(stop + 1) == Some(&b'\n') => is_last.then_some(stop + 2),
        _ => None,
    }?;
    number.is_finite().then_some((number, next))
}
