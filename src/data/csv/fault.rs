//! What is wrong in a table, and where, before the line of a chunk is known

use crate::data::csv::head::Head;
use crate::error::{Error, separated};

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
    TooLong,
    /// A column has more distinct texts than a reader keeps
    TooManyTexts,
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
    /// The error for a chunk that starts on the line `line`, counted from 1, and behind `bytes` bytes
    pub fn error(self, head: &Head, line: u64, bytes: u64) -> Error {
        use super::dictionary::Dictionary;
        let mut place = format!("line {}", line + self.line);
        if let Some(column) = self.column {
            place += &format!(", column `{}`", head.names[column]);
        }
        let byte = bytes + self.byte as u64 + 1;
        let columns = head.names.len();
        Error::content(
            &head.path,
            match self.problem {
                Problem::OpenQuote => {
                    format!("{place}: a quote opens a cell here and is not closed, expected another quote after the cell")
                }
                Problem::TextAfterQuote => format!(
                    "{place}: text follows the quote that closes a cell, expected a separator (a quote inside a quoted \
                     cell is written twice)"
                ),
                Problem::Ragged { found } => format!("{place} has {found} cells, expected {columns}"),
                Problem::NotANumber { found, hint } => format!("{place}: found `{found}`, expected a number{hint}"),
                Problem::NotUtf8 => {
                    format!("{place}: byte {byte} of the file is not UTF-8; save the table as UTF-8")
                }
                Problem::Nul => format!("{place}: byte {byte} of the file is 0, expected text in UTF-8"),
                Problem::CarriageReturn => format!(
                    "{place}: byte {byte} of the file is a carriage return without a line feed, expected lines that end \
                     with LF or CRLF"
                ),
                Problem::TooLong => format!(
                    "{place} starts a record of more than {} bytes; is a quote not closed?",
                    separated(super::source::MAX_RECORD)
                ),
                Problem::TooManyTexts => match self.column {
                    Some(column) => format!(
                        "column `{}` has more than {} distinct texts, expected classes, which are fewer, or numbers",
                        head.names[column],
                        separated(Dictionary::MAX)
                    ),
                    None => format!("{place}: too many distinct texts"),
                },
            },
        )
    }
}
