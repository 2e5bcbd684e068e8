//! The columns of a file: those of a schema, except for some, and with others inserted

use std::collections::HashMap;

use super::{Cell, Row};

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
}
