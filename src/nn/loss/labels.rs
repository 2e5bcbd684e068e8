//! The labels of a batch: classes, mixes of two classes, or numbers

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// The labels of a batch
#[derive(Debug)]
pub enum BatchLabels<T> {
    /// The class of each row
    Classes(Vec<u32>),
    /// Two classes of each row
    Mixed(MixedClasses),
    /// The standardised targets of each row, rows × targets
    Numbers(Matrix<T>),
}

/// Two classes of each row, with the share of the first
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MixedClasses {
    /// The first class of each row
    pub labels: Vec<u32>,
    /// The second class of each row
    pub others: Vec<u32>,
    /// The share of the first, 0 to 1; the second has the rest
    pub shares: Vec<f64>,
}

impl MixedClasses {
    /// The class of row `i` with the greater share; the first one if both have a half
    pub fn main(&self, i: usize) -> u32 {
        if self.shares[i] >= 0.5 { self.labels[i] } else { self.others[i] }
    }
}

impl<T: Scalar> BatchLabels<T> {
    /// Number of rows
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(labels) => labels.len(),
            Self::Mixed(mixed) => mixed.labels.len(),
            Self::Numbers(labels) => labels.rows(),
        }
    }

    /// Whether there are no rows
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These labels as ones that [`Self::mix`] can mix, with memory for `rows` rows
    #[must_use]
    pub fn into_mixed(self, rows: usize) -> Self {
        match self {
            Self::Classes(labels) => Self::Mixed(MixedClasses {
                labels,
                others: Vec::with_capacity(rows),
                shares: Vec::with_capacity(rows),
            }),
            mixed => mixed,
        }
    }

    /// Mixes the label of each row with that of the next one, and the last with the first: `y ← s y + (1 − s) y'`
    ///
    /// * `shares`: s of each row
    ///
    /// # Panics
    /// If there is not one share for each row, or the labels are classes that are not mixed.
    #[track_caller]
    pub fn mix(&mut self, shares: &[f64]) {
        assert_eq!(self.len(), shares.len(), "a share for each row");
        match self {
            Self::Classes(_) => panic!("classes that can't be mixed"),
            Self::Mixed(MixedClasses { labels, others, shares: of_labels }) => {
                others.clear();
                others.extend(labels.iter().skip(1).chain(labels.first()));
                of_labels.clear();
                of_labels.extend(shares);
            }
            Self::Numbers(labels) => {
                let targets = labels.cols();
                kernels::mix_rows(labels.data_mut(), targets, shares);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_is_mixed_with_the_next_and_the_last_with_the_first() {
        let shares = [0.75, 0.25, 0.5];
        let mut classes = BatchLabels::<f32>::Classes(vec![3, 1, 2]).into_mixed(3);
        classes.mix(&shares);
        let BatchLabels::Mixed(mixed) = classes else { panic!("not mixed") };
        assert_eq!((&mixed.labels[..], &mixed.others[..]), (&[3, 1, 2][..], &[1, 2, 3][..]));
        assert_eq!([0, 1, 2].map(|i| mixed.main(i)), [3, 2, 2]);
        let mut numbers = BatchLabels::Numbers(Matrix::from_slice(&[4.0, 0.0, 8.0], 3, 1)).into_mixed(3);
        numbers.mix(&shares);
        let BatchLabels::Numbers(numbers) = numbers else { panic!("no numbers") };
        assert_eq!(numbers.data(), [3.0, 6.0, 6.0]);
    }
}
