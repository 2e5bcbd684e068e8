//! The inputs of a net one by one: the column that each comes from, and what happens to it

use crate::config::Scale;
use crate::data::preprocessing::{Column, Encoding, Preprocessing};

/// What happens to a row of columns, as arrays with an element for each input of the net
///
/// With x the cell of column `source[j]`, input j of a number is `(x − center[j]) · factor[j]`, where a NaN is replaced
/// by `fill[j]`, and clipped if `is_clipped`. Input j of a category is 1 if x is `code[j]`, else 0.
#[derive(Debug)]
pub struct Features {
    /// The column of each input
    pub source: Vec<usize>,
    /// The index of the value in the column's list of categories; `None` for a number
    pub code: Vec<Option<usize>>,
    /// What is subtracted; 0 for a category
    pub center: Vec<f64>,
    /// What the difference is multiplied by; 0 for a category
    pub factor: Vec<f64>,
    /// What replaces a missing number; NaN for a category, and where no number may be missing
    pub fill: Vec<f64>,
    /// Whether numbers are clipped smoothly: `z / √(1 + z² / 9)`
    pub is_clipped: bool,
}

impl Features {
    /// The inputs that a preprocessing makes
    ///
    /// Pixels are numbers with factor 1/255.
    pub fn of(preprocessing: &Preprocessing) -> Self {
        let none = || (vec![], vec![], vec![], vec![], vec![]);
        let (source, code, center, factor, fill) = none();
        let mut features = Self { source, code, center, factor, fill, is_clipped: false };
        match &preprocessing.encoding {
            Encoding::Pixels => {
                (0..preprocessing.columns()).for_each(|at| features.push(at, None, 0.0, 1.0 / 255.0, None));
            }
            Encoding::Columns { scale, columns } => {
                features.is_clipped = *scale == Scale::Robust;
                for (at, column) in columns.iter().enumerate() {
                    match column {
                        Column::Number { center, factor, fill } => {
                            features.push(at, None, *center, *factor, *fill);
                        }
                        Column::Category(values) => {
                            (0..values.len()).for_each(|code| features.push(at, Some(code), 0.0, 0.0, None))
                        }
                    }
                }
            }
        }
        features
    }

    fn push(&mut self, source: usize, code: Option<usize>, center: f64, factor: f64, fill: Option<f64>) {
        self.source.push(source);
        self.code.push(code);
        self.center.push(center);
        self.factor.push(factor);
        self.fill.push(fill.unwrap_or(f64::NAN));
    }

    /// Number of inputs
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Whether a column has categories
    pub fn has_categories(&self) -> bool {
        self.code.iter().any(Option::is_some)
    }

    /// Whether a missing number is replaced
    pub fn has_fill(&self) -> bool {
        self.fill.iter().any(|fill| !fill.is_nan())
    }
}
