//! Labels as a source has them: whole numbers, texts, or numbers to predict

use std::collections::{BTreeSet, HashSet};

use super::csv::NO_CODE;
use crate::config::TaskChoice;

/// Most different labels that are taken for classes if they are numbers and the task is not given
pub const NUMBER_CLASSES: usize = 100;

/// Most different labels that are taken for classes if most of them are numbers to predict, some are texts, and the task is
/// not given
pub const MIXED_CLASSES: usize = 20;

/// The labels of rows
#[derive(Debug)]
pub enum RawLabels {
    /// Whole numbers that are classes
    Integers(Vec<i64>),
    /// Texts, or numbers as texts: the distinct ones in order, and the index of each row's own
    Texts {
        /// The distinct texts
        values: Vec<String>,
        /// The index of each row's text; [`NO_CODE`] where it is missing
        codes: Vec<u32>,
    },
    /// Numbers to predict, rows × targets; NaN where one is missing
    Numbers {
        /// The names of the targets
        names: Vec<String>,
        /// The numbers, row by row
        values: Vec<f64>,
    },
}

impl RawLabels {
    /// Number of rows
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(labels) => labels.len(),
            Self::Texts { codes, .. } => codes.len(),
            Self::Numbers { names, values } => values.len() / names.len(),
        }
    }

    /// The task that these labels are for
    pub fn task(&self) -> TaskChoice {
        match self {
            Self::Integers(_) | Self::Texts { .. } => TaskChoice::Classify,
            Self::Numbers { .. } => TaskChoice::Regress,
        }
    }

    /// The distinct labels as texts; `None` for numbers to predict
    pub fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Texts { values, .. } => Some(values.clone()),
            Self::Integers(labels) => {
                let distinct: BTreeSet<i64> = labels.iter().copied().collect();
                Some(distinct.iter().map(ToString::to_string).collect())
            }
            Self::Numbers { .. } => None,
        }
    }

    /// Whether the label of a row, or one of several, is missing
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Integers(_) => false,
            Self::Texts { codes, .. } => codes[row] == NO_CODE,
            Self::Numbers { names, values } => {
                values[row * names.len()..][..names.len()].iter().any(|x| x.is_nan())
            }
        }
    }

    /// The labels of some of the rows, in the given order; texts that none of them has are left out
    #[must_use]
    pub fn rows(self, rows: &[u32]) -> Self {
        match self {
            Self::Integers(labels) => Self::Integers(rows.iter().map(|&row| labels[row as usize]).collect()),
            Self::Texts { values, codes } => {
                let codes: Vec<u32> = rows.iter().map(|&row| codes[row as usize]).collect();
                let (values, codes) = used(values, codes);
                Self::Texts { values, codes }
            }
            Self::Numbers { names, values } => {
                let of_row = |&row: &u32| &values[row as usize * names.len()..][..names.len()];
                let values = rows.iter().flat_map(of_row).copied().collect();
                Self::Numbers { names, values }
            }
        }
    }
}

/// Why labels are numbers to predict rather than classes, in words; `None` if they are few whole numbers
pub fn reason(values: &[f64]) -> Option<&'static str> {
    if values.iter().any(|x| x.fract() != 0.0 && !x.is_nan()) {
        return Some("has numbers with a fractional part");
    }
    let mut distinct = HashSet::new();
    // Adding 0 turns −0 into 0.
    let mut is_new =
        |x: &&f64| !x.is_nan() && distinct.insert((**x + 0.0).to_bits()) && distinct.len() > NUMBER_CLASSES;
    values.iter().find(|x| is_new(x)).map(|_| "has more than 100 different numbers")
}

/// The labels that rows have, in their order, and the index of each row's own
fn used(values: Vec<String>, codes: Vec<u32>) -> (Vec<String>, Vec<u32>) {
    let mut places = vec![None; values.len()];
    codes.iter().for_each(|&code| places[code as usize] = Some(0));
    for (place, index) in places.iter_mut().flatten().zip(0..) {
        *place = index;
    }
    let is_used = |at: &usize| places[*at].is_some();
    let kept = (0..values.len()).filter(is_used).map(|at| values[at].clone()).collect();
    (kept, codes.iter().filter_map(|&code| places[code as usize]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_many_numbers_are_to_be_predicted() {
        let whole: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
        assert_eq!(reason(&whole), None);
        assert_eq!(reason(&[whole, vec![100.0]].concat()), Some("has more than 100 different numbers"));
        assert_eq!(reason(&[1.0, f64::NAN, 2.5]), Some("has numbers with a fractional part"));
        assert_eq!(reason(&[0.0, -0.0, f64::NAN]), None);
    }

    #[test]
    fn rows_keep_their_labels_and_texts_without_rows_are_left_out() {
        let texts = RawLabels::Texts {
            values: ["a", "b", "c"].map(str::to_owned).to_vec(),
            codes: vec![2, 0, NO_CODE, 1],
        };
        assert!(texts.is_missing(2) && !texts.is_missing(3));
        let RawLabels::Texts { values, codes } = texts.rows(&[0, 1]) else { panic!() };
        assert_eq!((values, codes), (["a", "c"].map(str::to_owned).to_vec(), vec![1, 0]));
        let numbers = RawLabels::Numbers {
            names: ["a", "b"].map(str::to_owned).to_vec(),
            values: vec![1.0, 2.0, 3.0, f64::NAN],
        };
        assert!(numbers.is_missing(1) && !numbers.is_missing(0) && numbers.len() == 2);
        let RawLabels::Numbers { values, .. } = numbers.rows(&[0, 0]) else { panic!() };
        assert_eq!(values, [1.0, 2.0, 1.0, 2.0]);
    }
}
