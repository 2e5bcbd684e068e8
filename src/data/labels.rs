//! The labels of rows: classes, or numbers to predict

use std::borrow::Cow;

/// The labels of rows
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The class of each row
    Classes(Vec<u32>),
    /// The targets of each row in their own units, row by row
    Numbers {
        /// The numbers, rows × targets
        values: Vec<f64>,
        /// Numbers in a row
        targets: usize,
    },
}

impl Labels {
    /// Number of rows
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(labels) => labels.len(),
            Self::Numbers { values, targets } => values.len() / targets,
        }
    }

    /// Whether there are no rows
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of some of the rows, in the given order
    #[must_use]
    pub fn rows(&self, rows: &[u32]) -> Self {
        match self {
            Self::Classes(labels) => Self::Classes(rows.iter().map(|&row| labels[row as usize]).collect()),
            Self::Numbers { values, targets } => {
                let of_row = |&row: &u32| &values[row as usize * targets..(row as usize + 1) * targets];
                Self::Numbers { values: rows.iter().flat_map(of_row).copied().collect(), targets: *targets }
            }
        }
    }

    /// The class of each row; empty if labels are numbers
    pub fn classes(&self) -> &[u32] {
        match self {
            Self::Classes(labels) => labels,
            Self::Numbers { .. } => &[],
        }
    }

    /// The group of each row that a split divides by the same share: its class; numbers form one group
    pub fn groups(&self) -> Cow<'_, [u32]> {
        match self {
            Self::Classes(labels) => labels.into(),
            Self::Numbers { .. } => vec![0; self.len()].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_several_targets_stay_together() {
        let labels = Labels::Numbers { values: vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0], targets: 2 };
        assert_eq!(labels.len(), 3);
        assert_eq!(labels.rows(&[2, 0]), Labels::Numbers { values: vec![3.0, 30.0, 1.0, 10.0], targets: 2 });
        assert_eq!((labels.groups().into_owned(), labels.classes()), (vec![0; 3], &[][..]));
    }
}
