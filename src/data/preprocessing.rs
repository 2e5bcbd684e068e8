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

/// Half the distance of neighbouring numbers of f32 from 1 to 2, by which rounding changes a number at most
const HALF_STEP: f64 = 1.0 / (1 << 24) as f64;

/// Largest change of a scaled number by rounding the cell that is not reported
const COARSE: f64 = 1e-3;

/// Whether rounding a number near `center` to f32 can change `(x − center) · factor` by more than 0.001
pub fn is_coarse_in_f32(center: f64, factor: f64) -> bool {
    (center * factor).abs() * HALF_STEP > COARSE
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

    /// The names of the columns whose numbers f32 rounds coarsely, compared with their differences
    pub fn coarse_in_f32(&self) -> Vec<String> {
        let Encoding::Columns { columns, .. } = &self.encoding else { return Vec::new() };
        let is_coarse = |column: &Column| match *column {
            Column::Number { center, factor, .. } => is_coarse_in_f32(center, factor),
            Column::Category(_) => false,
        };
        (0..columns.len()).filter(|&at| is_coarse(&columns[at])).map(|at| self.column_name(at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_far_from_0_compared_with_their_differences_are_coarse_in_f32() {
        let number = |center, width| Column::Number { center, factor: 1.0 / width, fill: None };
        let columns = vec![
            number(1.6e9, 3e4),
            number(-1000.0, 1e-3),
            number(1.6e9, 1e6),
            number(15.0, 4.0),
            Column::Number { center: 1e9, factor: 0.0, fill: None },
            Column::Category(vec!["x".to_owned()]),
        ];
        let names = ["time", "length", "year", "height", "same", "kind"].map(str::to_owned).to_vec();
        let encoding = Encoding::Columns { scale: Scale::Standard, columns };
        let preprocessing = Preprocessing { dims: vec![6], names, encoding };
        assert_eq!(preprocessing.coarse_in_f32(), ["time", "length"]);
    }
}
