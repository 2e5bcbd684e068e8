//! Cells and rows of CSV files

use toml::Value;

use crate::config::text;

/// The content of a cell
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number, as digits with a decimal point
    Number(String),
    /// Text, which is defused if a spreadsheet would run it
    Text(String),
    /// A copy of a cell of a file in the same dialect
    Verbatim(String),
    /// An empty cell
    Empty,
}

/// Converts a field to a cell
pub trait ToCell {
    /// Returns the cell
    fn to_cell(&self) -> Cell;
}

macro_rules! integer_cells {
    ($($t:ty),*) => {$(
        impl ToCell for $t {
            fn to_cell(&self) -> Cell {
                Cell::Number(self.to_string())
            }
        }
    )*};
}
integer_cells!(u32, u64, usize);

macro_rules! float_cells {
    ($($t:ty),*) => {$(
        impl ToCell for $t {
            /// The number; an empty cell for infinity and NaN, which spreadsheets can't read
            ///
            /// Numbers from 10¹⁶ on have an exponent: pandas reads integers with more digits than an i64 has as text.
            fn to_cell(&self) -> Cell {
                match self {
                    x if !x.is_finite() => Cell::Empty,
                    x if x.abs() >= 1e16 => Cell::Number(format!("{x:e}")),
                    x => Cell::Number(x.to_string()),
                }
            }
        }
    )*};
}
float_cells!(f32, f64);

impl ToCell for String {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
}

impl ToCell for &'static str {
    fn to_cell(&self) -> Cell {
        Cell::Text((*self).to_owned())
    }
}

impl ToCell for Value {
    /// The cell of a setting
    fn to_cell(&self) -> Cell {
        match self {
            Self::Float(x) => x.to_cell(),
            Self::Integer(n) => Cell::Number(n.to_string()),
            value => Cell::Text(text(value)),
        }
    }
}

impl<C: ToCell> ToCell for Option<C> {
    fn to_cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Empty, C::to_cell)
    }
}

/// A loss, an accuracy or another result of a run: an `f64` that is written with the digits of the run's dtype
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Metric {
    /// Of an f32 run: written as the shortest text that reads back to the same f32
    Single(f64),
    /// Of an f64 run: written as the shortest text that reads back to the same f64
    Double(f64),
}

impl Metric {
    /// The value, unrounded
    pub fn value(self) -> f64 {
        match self {
            Self::Single(value) | Self::Double(value) => value,
        }
    }
}

impl ToCell for Metric {
    fn to_cell(&self) -> Cell {
        match *self {
            Self::Single(value) => (value as f32).to_cell(),
            Self::Double(value) => value.to_cell(),
        }
    }
}

/// A row of a CSV file, whose type fixes the columns
pub trait Row {
    /// The names of the columns
    fn header() -> Vec<String>;
    /// The cells, in the same order
    fn cells(&self) -> Vec<Cell>;
}

/// Rounds a time in seconds to microseconds
pub fn seconds(s: f64) -> f64 {
    (s * 1e6).round() / 1e6
}

/// Images per second, rounded to a whole number; `None` if there are no images or no time was measured
pub fn rate(images: usize, s: f64) -> Option<f64> {
    (s > 0.0 && images > 0).then(|| (images as f64 / s).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_an_exponent_and_others_have_none() {
        for (x, digits) in
            [(1e15, "1000000000000000"), (1e16, "1e16"), (-2.5e30, "-2.5e30"), (1e-7, "0.0000001")]
        {
            assert_eq!(x.to_cell(), Cell::Number(digits.to_owned()));
        }
    }
}
