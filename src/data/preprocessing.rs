//! Preprocessing: what happens to a row between the file and the net; learnt from training rows, kept with the model

use crate::config::Scale;
use crate::error::separated;

/// How the columns of a row become the inputs of a net
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// The dimensions of a row, such as 28 × 28; the number of columns of a table
    pub dims: Vec<usize>,
    /// The names of a table's columns; empty for arrays, whose columns are known by their position
    pub names: Vec<String>,
    /// What happens to the columns
    pub encoding: Encoding,
}

/// What happens to the columns
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    /// Each column is a byte that is divided by 255
    Pixels,
    /// Each column has its own encoding
    Columns {
        /// How numbers are scaled; with [`Scale::Robust`], they are also clipped smoothly
        scale: Scale,
        /// The encoding of each column
        columns: Vec<Column>,
    },
}

/// The encoding of one column
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// A number x, which becomes `(x − center) · factor`
    Number {
        /// What is subtracted, in the unit of the column
        center: f64,
        /// What the difference is multiplied by; 0 for a constant column
        factor: f64,
        /// What replaces a missing number, in the unit of the column; `None` if none may be missing
        fill: Option<f64>,
    },
    /// A text, which becomes one input for each of these values: 1 for its own and 0 for the others
    ///
    /// Any other text, and none, make all of them 0.
    Category(Vec<String>),
}

impl Column {
    /// The number of inputs that the column becomes
    pub fn features(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Category(values) => values.len(),
        }
    }
}

impl Preprocessing {
    /// The number of columns of a row
    pub fn columns(&self) -> usize {
        self.dims.iter().product()
    }

    /// The number of inputs of a net
    pub fn features(&self) -> usize {
        match &self.encoding {
            Encoding::Pixels => self.columns(),
            Encoding::Columns { columns, .. } => columns.iter().map(Column::features).sum(),
        }
    }

    /// The name of a column in messages and tables: its own, or its position counted from 1
    pub fn column_name(&self, column: usize) -> String {
        self.names.get(column).cloned().unwrap_or_else(|| format!("column {}", separated(column + 1)))
    }
}
