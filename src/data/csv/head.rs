//! The head of a table: its separator and the names of its columns

use std::path::PathBuf;

use super::cell::{is_decimal_comma, is_missing, number};
use crate::error::{Error, Result, first_ten, printable};

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
    /// The first rows of data, at most 100, as far as they were read with the head
    pub first_rows: Vec<Vec<String>>,
}

impl Head {
    /// Whether a cell is neither a number nor missing
    pub fn is_text(&self, cell: &str) -> bool {
        !is_missing(cell.as_bytes()) && number::<f64>(cell.as_bytes(), self.decimal).is_none()
    }

    /// Whether a cell is missing
    pub fn is_missing(&self, cell: &str) -> bool {
        is_missing(cell.trim_ascii().as_bytes())
    }

    /// The finite number that a cell is; `None` if it is a text
    pub fn number(&self, cell: &str) -> Option<f64> {
        number(cell.trim().as_bytes(), self.decimal)
    }

    /// Whether a cell is a number with one comma as its decimal character
    pub fn is_decimal_comma(&self, cell: &str) -> bool {
        is_decimal_comma(cell.trim().as_bytes())
    }

    /// The index of the column with this name; `option` is what names it, such as `--target`
    ///
    /// # Errors
    /// If no column has the name or several have it; the message lists the columns.
    pub fn column(&self, name: &str, option: &str) -> Result<usize> {
        self.column_beside(&[], name, option)
    }

    /// The index of the column with this name that is not among `ignored`, if others with the name are
    ///
    /// # Errors
    /// As [`Self::column`].
    pub fn column_beside(&self, ignored: &[usize], name: &str, option: &str) -> Result<usize> {
        let mut found: Vec<_> = (0..self.names.len()).filter(|&column| self.names[column] == name).collect();
        if found.len() > 1 {
            found.retain(|column| !ignored.contains(column));
        }
        if let [column] = found[..] {
            return Ok(column);
        }
        let problem = if found.is_empty() {
            "has no such column".to_owned()
        } else {
            let places = found.iter().map(|column| format!("{}", column + 1));
            format!("has several columns with that name ({}); rename all but one", first_ten(places, ", "))
        };
        let columns = first_ten(self.names.iter().map(|name| format!("`{}`", printable(name))), ", ");
        let hint = if self.has_header { "" } else { " (the file has no header)" };
        let message = format!("{option} `{name}`: the table {problem}; its columns are {columns}{hint}");
        Err(Error::content(&self.path, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_absent_or_ambiguous_lists_the_columns() {
        let names = ["x", "y", "x"].map(str::to_owned).to_vec();
        let path = PathBuf::from("t.csv");
        let head = Head { path, names, has_header: true, separator: b',', decimal: b'.', first_rows: vec![] };
        assert_eq!(head.column("y", "--target").unwrap(), 1);
        let message = |name| head.column(name, "--target").unwrap_err().to_string();
        assert_eq!(
            message("z"),
            "t.csv: --target `z`: the table has no such column; its columns are `x`, `y`, `x`"
        );
        assert_eq!(
            message("x"),
            "t.csv: --target `x`: the table has several columns with that name (1, 3); rename all but one; \
             its columns are `x`, `y`, `x`"
        );
    }
}
