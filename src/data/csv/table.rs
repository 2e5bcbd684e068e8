//! A table in memory, column by column for texts and row by row for features

use super::dictionary::Dictionary;
use super::lines::Lines;

/// The code of a missing cell in a target column
pub const NO_CODE: u32 = u32::MAX;

/// The rows of a table, or of a block of it
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Number of rows
    pub rows: usize,
    /// Number of feature columns: those with the role `Number` or `Category`
    pub features: usize,
    /// The feature columns in the order of the file, row by row; a missing cell is NaN, a category its code
    pub cells: Cells,
    /// The missing cells of each feature column
    pub missing: Vec<Missing>,
    /// The distinct texts of each `Category` column, sorted; code k is the text k
    pub categories: Vec<Vec<String>>,
    /// The `Target` columns in the order of the file
    pub targets: Vec<Target>,
    /// The `Keep` columns in the order of the file
    pub kept: Vec<Kept>,
    /// The line of each row
    pub lines: Lines,
}

/// Features, row by row
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// For a net in f32
    Single(Vec<f32>),
    /// For a net in f64
    Double(Vec<f64>),
}

impl Cells {
    /// Number of cells
    pub fn len(&self) -> usize {
        match self {
            Self::Single(cells) => cells.len(),
            Self::Double(cells) => cells.len(),
        }
    }

    /// Whether there are no cells
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The missing cells of a column
///
/// A cell is missing if it is empty, `?`, `NA`, `N/A`, `nan`, `NaN`, `null` or `NULL`, quoted or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Number of missing cells
    pub count: u64,
    /// The line of the first one; 0 if none is missing
    pub first_line: u64,
}

impl Missing {
    /// Counts the missing cells of the next rows, whose lines start behind `line`
    pub(super) fn append(&mut self, other: Self, line: u64) {
        if self.count == 0 && other.count > 0 {
            self.first_line = line + other.first_line;
        }
        self.count += other.count;
    }

    /// Counts a missing cell on a line
    pub(super) fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }
}

/// A target column, as numbers where it has only numbers, and as classes where it has at most [`Target::MAX_TEXTS`]
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The numbers, NaN for a missing cell; `None` if any cell is a text, or a number that is not finite
    pub numbers: Option<Vec<f64>>,
    /// The distinct texts, sorted, or the distinct numbers in ascending order (`1` and `1.0` are both `1`) if all
    /// cells are numbers; empty if there are more than `MAX_TEXTS` of them and all cells are numbers
    pub texts: Vec<String>,
    /// The index in `texts` of each row, [`NO_CODE`] for a missing cell; empty if `texts` is
    pub codes: Vec<u32>,
    /// The texts of numbers as they are written, with the index of each row's own; `None` if the column has texts, if all
    /// are written as in `texts`, or if there are too many
    pub written: Option<(Vec<String>, Vec<u32>)>,
    /// The missing cells
    pub missing: Missing,
}

impl Target {
    /// Most distinct texts of a column
    pub const MAX_TEXTS: usize = Dictionary::MAX;
}

/// A column of texts
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The texts, one after the other
    pub(super) text: String,
    /// Where each text ends
    pub(super) ends: Vec<usize>,
}

impl Kept {
    /// Number of rows
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a row
    ///
    /// # Panics
    /// If there is no such row.
    pub fn text(&self, row: usize) -> &str {
        &self.text[row.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[row]]
    }

    /// The texts of all rows
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.text(row))
    }

    /// Appends a row
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Appends the rows of another column
    pub(super) fn append(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| start + end));
    }
}
