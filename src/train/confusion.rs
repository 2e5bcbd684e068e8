//! Counts of rows by true and predicted class, and the metrics of each class that follow from them

/// Counts of rows by true and predicted class
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// Counts that are all 0
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Number of classes
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of rows of class `label` that were predicted as class `predicted`
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        self.counts[label * self.classes + predicted]
    }

    /// Counts rows, given the label and the predicted class of each
    ///
    /// # Panics
    /// If a class is out of range.
    pub fn add_rows(&mut self, labels: &[u32], predicted: &[u32]) {
        for (&label, &predicted) in labels.iter().zip(predicted) {
            self.counts[label as usize * self.classes + predicted as usize] += 1;
        }
    }

    /// Adds the counts of other rows with the same classes
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
    }

    /// Number of rows whose true class is `class`
    pub fn support(&self, class: usize) -> u64 {
        (0..self.classes).map(|predicted| self.count(class, predicted)).sum()
    }

    /// Number of rows that were predicted as `class`
    fn taken(&self, class: usize) -> u64 {
        (0..self.classes).map(|label| self.count(label, class)).sum()
    }

    /// Of the rows predicted as `class`, the share that are of this class; `None` if no row was predicted as it
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.taken(class))
    }

    /// Of the rows of `class`, the share that were predicted as this class; `None` if the class has no rows
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.support(class))
    }

    /// `2 · precision · recall / (precision + recall)`; `None` if the class was neither true nor predicted
    pub fn f1(&self, class: usize) -> Option<f64> {
        share(2 * self.count(class, class), self.support(class) + self.taken(class))
    }
}

/// Means of the metrics of all classes
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassMeans {
    /// Mean of the precisions
    pub precision: f64,
    /// Mean of the recalls
    pub recall: f64,
    /// Mean of the F1 scores
    pub f1: f64,
}

impl Confusion {
    /// The means over all classes that are true or predicted for some row; `None` if there are no rows
    ///
    /// * `weighted`: whether each class is weighted by its number of rows; otherwise all classes count the same
    ///
    /// A metric whose denominator is 0 counts as 0, as in scikit-learn.
    pub fn means(&self, weighted: bool) -> Option<ClassMeans> {
        let classes = (0..self.classes).filter(|&class| self.support(class) + self.taken(class) > 0);
        let weights: Vec<_> =
            classes.map(|class| (class, if weighted { self.support(class) as f64 } else { 1.0 })).collect();
        let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
        let mean = |metric: fn(&Self, usize) -> Option<f64>| {
            let terms =
                weights.iter().map(|&(class, weight)| weight * metric(self, class).unwrap_or_default());
            terms.sum::<f64>() / whole
        };
        (whole > 0.0).then(|| ClassMeans {
            precision: mean(Self::precision),
            recall: mean(Self::recall),
            f1: mean(Self::f1),
        })
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_a_class_are_none_where_their_denominator_is_0() {
        let mut counts = Confusion::new(3);
        counts.add_rows(&[0, 0, 0, 1], &[0, 0, 1, 1]);
        assert_eq!(
            (counts.support(0), counts.recall(0), counts.precision(0)),
            (3, Some(2.0 / 3.0), Some(1.0))
        );
        assert_eq!(
            (counts.precision(1), counts.recall(1), counts.f1(1)),
            (Some(0.5), Some(1.0), Some(2.0 / 3.0))
        );
        assert_eq!(
            (counts.support(2), counts.precision(2), counts.recall(2), counts.f1(2)),
            (0, None, None, None)
        );
    }

    #[test]
    fn means_weigh_classes_equally_or_by_their_rows_and_leave_out_classes_that_do_not_occur() {
        let mut counts = Confusion::new(4);
        assert_eq!(counts.means(false), None);
        // Class 2 is never predicted, class 3 does not occur.
        counts.add_rows(&[0, 0, 0, 1, 2], &[0, 0, 1, 1, 0]);
        let means = counts.means(false).unwrap();
        assert!((means.precision - (2.0 / 3.0 + 0.5) / 3.0).abs() < 1e-15);
        assert!((means.recall - (2.0 / 3.0 + 1.0) / 3.0).abs() < 1e-15);
        assert!((means.f1 - (2.0 / 3.0 + 2.0 / 3.0) / 3.0).abs() < 1e-15);
        let weighted = counts.means(true).unwrap();
        assert!((weighted.recall - 0.6).abs() < 1e-15, "the weighted recall is the accuracy");
        assert!((weighted.precision - (3.0 * 2.0 / 3.0 + 0.5) / 5.0).abs() < 1e-15);
    }
}
