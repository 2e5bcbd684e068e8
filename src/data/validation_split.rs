//! Rows that are held out of training: the validation split, by which nets are compared, and a test split

use crate::random::{Purpose, Random};

/// The rows that are trained on and the rows that are held out, both ascending
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Rows of the training set
    pub train: Vec<u32>,
    /// Rows that are held out
    pub val: Vec<u32>,
}

/// Holds out `round(share · count)` rows of each class, chosen by `seed` and what they are for
///
/// If a class has two or more rows, at least one is held out and at least one remains for training.
///
/// # Panics
/// If there are more than 2³² rows.
pub fn hold_out(labels: &[u32], share: f64, seed: u64, purpose: Purpose) -> Parts {
    let classes = labels.iter().max().map_or(0, |&largest| largest as usize + 1);
    let mut rows_of = vec![Vec::new(); classes];
    for (row, &label) in labels.iter().enumerate() {
        rows_of[label as usize].push(u32::try_from(row).unwrap_or_else(|_| panic!("row {row}")));
    }
    let mut random = Random::new(seed, purpose);
    let mut parts = Parts { train: Vec::new(), val: Vec::new() };
    for rows in &mut rows_of {
        random.shuffle(rows);
        let count = ((share * rows.len() as f64).round() as usize).max(1).min(rows.len().saturating_sub(1));
        parts.val.extend(&rows[..count]);
        parts.train.extend(&rows[count..]);
    }
    parts.train.sort_unstable();
    parts.val.sort_unstable();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 of class 0, 31 of class 1, 2 of class 2, 1 of class 3
    fn labels() -> Vec<u32> {
        [(0, 100), (1, 31), (2, 2), (3, 1)].into_iter().flat_map(|(class, n)| vec![class; n]).collect()
    }

    #[test]
    fn every_row_is_in_one_part_and_each_class_is_divided_by_the_share() {
        let labels = labels();
        let Parts { train, val } = hold_out(&labels, 0.1, 7, Purpose::Validation);
        let mut all = [&train[..], &val].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..labels.len() as u32));
        let of = |class: u32| val.iter().filter(|&&row| labels[row as usize] == class).count();
        assert_eq!([0, 1, 2, 3].map(of), [10, 3, 1, 0]);
        assert!(train.is_sorted() && val.is_sorted());
    }

    #[test]
    fn one_row_of_each_class_stays_in_training() {
        let Parts { train, .. } = hold_out(&labels(), 0.999, 7, Purpose::Validation);
        assert_eq!(train.iter().map(|&row| labels()[row as usize]).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn the_choice_depends_on_the_seed_and_is_frozen() {
        assert_ne!(
            hold_out(&labels(), 0.1, 7, Purpose::Validation),
            hold_out(&labels(), 0.1, 8, Purpose::Validation)
        );
        // The rows that the first version of this split chose. Another choice changes all published validation results.
        assert_eq!(hold_out(&labels(), 0.05, 42, Purpose::Validation).val, FROZEN);
    }
    const FROZEN: [u32; 8] = [4, 33, 47, 79, 96, 117, 130, 132];
}
