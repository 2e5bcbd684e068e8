//! What is wrong in a table, and where, before the line of a chunk is known

use std::path::Path;

use crate::error::{Error, printable, separated};

/// What is wrong in a record
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A quote is not closed before the end of the file
    OpenQuote,
    /// A closing quote is followed by text
    TextAfterQuote,
    /// The number of cells differs from the number of columns
    Ragged {
        /// Number of cells
        found: usize,
    },
    /// A cell of a number column is something else
    NotANumber {
        /// The cell
        found: String,
        /// What a person may do about it
        hint: &'static str,
    },
    /// Bytes are not UTF-8
    NotUtf8,
    /// A byte is 0
    Nul,
    /// A carriage return stands alone
    CarriageReturn,
    /// A record is longer than a reader keeps in memory
    TooLong {
        /// Most bytes of a record
        most: usize,
    },
    /// A record has more cells than a table may have columns
    TooManyCells {
        /// Most cells of a record
        most: usize,
    },
    /// A column has more distinct texts than a reader keeps
    TooManyTexts {
        /// Most distinct texts of a column
        most: usize,
        /// The first cell that is no number, and its line in the file; `None` for a column of categories
        text: Option<(String, u64)>,
    },
}

/// A problem and its place
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong
    pub problem: Problem,
    /// The line, counted from 0 at the start of the chunk
    pub line: u64,
    /// The byte, counted from 0 at the start of the chunk
    pub byte: usize,
    /// The column
    pub column: Option<usize>,
}

impl Fault {
    /// The error for a chunk of the file at `path` that starts on `line`, counted from 1, and behind `bytes` bytes
    pub fn error(self, path: &Path, names: &[String], line: u64, bytes: u64) -> Error {
        let column = self.column.map(|column| format!("column `{}`", printable(&names[column])));
        let line = format!("line {}", line + self.line);
        let place = match &column {
            Some(column) => format!("{line}, {column}"),
            None => line.clone(),
        };
        let byte = format!("byte {} of the file", separated(bytes + self.byte as u64 + 1));
        let problem = match self.problem {
            Problem::OpenQuote => {
                format!(
                    "{place}: a quote opens a cell and is not closed, expected another quote after the cell"
                )
            }
            Problem::TextAfterQuote => format!(
                "{place}: text follows the quote that closes a cell, expected a separator (a quote inside a quoted cell \
                 is written twice)"
            ),
            Problem::Ragged { found } => {
                format!("{line} has {}, expected {}", cells(found), cells(names.len()))
            }
            Problem::NotANumber { found, hint } => {
                format!("{place}: found `{}`, expected a number{hint}", printable(&found))
            }
            Problem::NotUtf8 => format!("{place}: {byte} is not UTF-8; save the table as UTF-8"),
            Problem::Nul => format!("{line}: {byte} is 0, expected text in UTF-8"),
            Problem::CarriageReturn => {
                format!(
                    "{place}: {byte} is a carriage return without a line feed, expected lines that end with LF or CRLF"
                )
            }
            Problem::TooLong { most } => {
                format!("{line} is longer than {} bytes; is a quote not closed?", separated(most))
            }
            Problem::TooManyCells { most } => {
                format!("{line} has more than {}, expected fewer; is the separator right?", cells(most))
            }
            // The line depends on where chunks end.
            Problem::TooManyTexts { most, text } => {
                let (column, most) = (column.unwrap_or_default(), separated(most));
                let text = text.map_or_else(String::new, |(text, line)| {
                    format!("; line {line} has `{}`, which is no number", printable(&text))
                });
                format!("{column} has more than {most} distinct texts, expected fewer, or numbers{text}")
            }
        };
        Error::content(path, problem)
    }
}

/// A number of cells, for messages
fn cells(n: usize) -> String {
    if n == 1 { "1 cell".to_owned() } else { format!("{} cells", separated(n)) }
}
