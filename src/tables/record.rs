//! A row that may have columns beyond those of a schema

use super::Cell;

/// Cells with the names of their columns, in order
#[derive(Clone, Debug, PartialEq)]
pub struct Record(pub Vec<(String, Cell)>);

impl Record {
    /// The cell in a column; empty if there is no such column
    pub fn cell(&self, name: &str) -> Cell {
        self.0.iter().find(|(other, _)| other == name).map_or(Cell::Empty, |(_, cell)| cell.clone())
    }

    /// The names of the columns
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}
