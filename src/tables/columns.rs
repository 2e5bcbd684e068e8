//! Which columns a file has: those of a schema, some left out, others put between

use super::{Cell, Row};

/// Names of columns, in their order
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<String>);

impl Columns {
    /// All columns of a schema
    pub fn of<R: Row>() -> Self {
        Self(R::header())
    }

    /// Without those of these names
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name| !names.contains(&name.as_str()));
        self
    }

    /// With more columns after the first `place` ones; a name that is there already stays where it is
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

    /// The cells of a line: what `cell` says for each name, in order
    pub fn line(&self, cell: impl Fn(&str) -> Cell) -> Vec<Cell> {
        self.0.iter().map(|name| cell(name)).collect()
    }

    /// The cells of a row; empty where its schema has no such column
    pub fn cells<R: Row>(&self, row: &R) -> Vec<Cell> {
        let (all, mut cells) = (Self::of::<R>(), row.cells());
        if all == *self {
            return cells;
        }
        let mut take = |name: &String| {
            let place = all.0.iter().position(|other| other == name);
            place.map_or(Cell::Empty, |place| std::mem::replace(&mut cells[place], Cell::Empty))
        };
        self.0.iter().map(&mut take).collect()
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
    fn columns_are_left_out_and_put_between_once() {
        let columns = Columns::of::<Pair>().with(1, ["b", "true"].map(str::to_owned));
        assert_eq!(columns.names(), ["a", "b", "true"]);
        assert_eq!(columns.cells(&Pair)[1..], [Cell::Empty, Cell::Number("2".to_owned())]);
        assert_eq!(columns.without(&["a", "b"]).cells(&Pair), [Cell::Number("2".to_owned())]);
    }
}
