//! Metrics, which are written with the digits of their run's dtype

use super::{Cell, ToCell};

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
