//! The columns of a file: those of a schema, except for some, and with others inserted

use std::collections::HashMap;

use super::{Cell, Row};
use crate::config::CsvDialect;

/// Names of columns, in their order
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<String>);

impl Columns {
    /// All columns of a schema
    pub fn of<R: Row>() -> Self {
        Self(R::header())
    }

    /// Removes the columns with these names
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name| !names.contains(&name.as_str()));
        self
    }

    /// Inserts columns after the first `place` ones; columns that already exist stay where they are
    #[must_use]
    pub fn with(mut self, place: usize, more: impl IntoIterator<Item = String>) -> Self {
        let new: Vec<String> = more.into_iter().filter(|name| !self.0.contains(name)).collect();
        self.0.splice(place..place, new);
        self
    }

    /// The columns that a file begins with: all of these, or in a file of an older version the first of them; `None` if its
    /// header is another one
    ///
    /// * `start`: the bytes at the start of the file
    pub fn at_start_of(&self, start: &[u8], dialect: CsvDialect) -> Option<Self> {
        let first = |len: usize| Self(self.0[..len].to_vec());
        (1..=self.0.len()).rev().map(first).find(|columns| start.starts_with(&dialect.header(columns)))
    }

    /// The names
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The cells of a line: `cell(name)` for each column, in order
    pub fn line(&self, cell: impl Fn(&str) -> Cell) -> Vec<Cell> {
        self.0.iter().map(|name| cell(name)).collect()
    }

    /// The cells of a row; those of columns that its schema does not have are empty
    pub fn cells<R: Row>(&self, row: &R) -> Vec<Cell> {
        let cells: HashMap<String, Cell> = R::header().into_iter().zip(row.cells()).collect();
        self.line(|name| cells.get(name).cloned().unwrap_or(Cell::Empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair;
    impl Row for Pair {
        fn header() -> Vec<String> {
            ["a", "true"].map(str::to_owned).to_vec()
        }
        fn cells(&self) -> Vec<Cell> {
            vec![Cell::Number("1".to_owned()), Cell::Number("2".to_owned())]
        }
    }

    #[test]
    fn columns_are_left_out_and_inserted_once() {
        let columns = Columns::of::<Pair>().with(1, ["b", "true"].map(str::to_owned));
        assert_eq!(columns.names(), ["a", "b", "true"]);
        assert_eq!(columns.cells(&Pair)[1..], [Cell::Empty, Cell::Number("2".to_owned())]);
        assert_eq!(columns.without(&["a", "b"]).cells(&Pair), [Cell::Number("2".to_owned())]);
    }

    #[test]
    fn a_file_of_an_older_version_has_the_first_columns() {
        let columns = Columns::of::<Pair>();
        for dialect in [CsvDialect::Standard, CsvDialect::ExcelEu] {
            for (len, older) in [(2, columns.clone()), (1, columns.clone().without(&["true"]))] {
                let file = [dialect.header(&older), b"1\n".to_vec()].concat();
                assert_eq!(columns.at_start_of(&file, dialect), Some(older), "{len}");
            }
        }
        for other in ["", "a,tru\n", "true,a\n", "a,true,b\n", "a"] {
            assert_eq!(columns.at_start_of(other.as_bytes(), CsvDialect::Standard), None, "{other}");
        }
    }
}
