//! Sums over rows, from which the metrics of epochs and evaluations are computed

use serde::{Deserialize, Serialize};

/// Sums over the rows of one or more batches
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSum {
    /// Sum of the rows' losses; in training with weights, each times its row's weight
    pub loss: f64,
    /// Number of rows whose predicted class is their label; 0 in regression
    pub correct: usize,
    /// Number of rows
    pub rows: usize,
    /// The sum of the losses that outputs of 0 would have: the mean of each target; 0 for classes
    pub baseline: f64,
    /// The errors of each target; empty for classes
    pub errors: Vec<ErrorSum>,
}

/// Sums over rows of the errors of one target, in its own unit
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSum {
    /// Sum of (ŷ − y)²
    pub squared: f64,
    /// Sum of |ŷ − y|
    pub absolute: f64,
    /// Sum of (y − ȳ)², where ȳ is the mean of y over the rows; 0 in training, which does not compute it
    pub variation: f64,
}

/// Mean loss per row above which training counts as diverged; in regression it is a multiple of 1 + the baseline
///
/// At this loss in nats, labels have a probability of e⁻¹⁰⁰⁰⁰⁰, far below what any data and initial weights give. A
/// diverged loss can be finite: if all units of a layer are dead, only biases change, and a learning rate of 1e6 gives
/// about 2e6 nats. In regression, an outlier has a large loss whatever the net predicts, so the limit grows with it.
const DIVERGED: f64 = 1e5;

impl LossSum {
    /// Whether the loss is not finite, or exceeds 100,000 for each row, or in regression 100,000 · (1 + what the row's
    /// loss would be if the mean of the target was predicted)
    pub fn has_diverged(&self) -> bool {
        let within = self.loss.is_finite() && self.loss <= DIVERGED * (self.rows as f64 + self.baseline);
        !within
    }

    /// Mean loss per row; `None` if there are no rows
    pub fn mean_loss(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.loss / self.rows as f64)
    }

    /// Share of the rows that are correct, 0 to 1; `None` if there are no rows, or in regression
    pub fn accuracy(&self) -> Option<f64> {
        (self.rows > 0 && self.errors.is_empty()).then(|| self.correct as f64 / self.rows as f64)
    }

    /// The mean over the targets of the root-mean-square error of each, `√(1/n Σ (ŷ − y)²)`; `None` for classes, or without
    /// rows
    pub fn rmse(&self) -> Option<f64> {
        self.mean(|errors| Some(errors.rmse(self.rows)))
    }

    /// The mean over the targets of the mean absolute error of each, `1/n Σ |ŷ − y|`; `None` for classes, or without rows
    pub fn mae(&self) -> Option<f64> {
        self.mean(|errors| Some(errors.mae(self.rows)))
    }

    /// The mean over the targets of R² of each, `1 − Σ (ŷ − y)² / Σ (y − ȳ)²`; `None` for classes, or if a target has one value
    /// in all rows
    pub fn r2(&self) -> Option<f64> {
        self.mean(ErrorSum::r2)
    }

    /// The mean of a metric over the targets
    fn mean(&self, metric: impl Fn(&ErrorSum) -> Option<f64>) -> Option<f64> {
        let of_targets: Option<Vec<f64>> = self.errors.iter().map(metric).collect();
        let of_targets = of_targets.filter(|metrics| self.rows > 0 && !metrics.is_empty())?;
        Some(of_targets.iter().sum::<f64>() / of_targets.len() as f64)
    }

    /// Adds the sums of another batch
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.rows += other.rows;
        self.baseline += other.baseline;
        if self.errors.len() < other.errors.len() {
            self.errors.resize(other.errors.len(), ErrorSum::default());
        }
        for (sum, other) in self.errors.iter_mut().zip(&other.errors) {
            sum.squared += other.squared;
            sum.absolute += other.absolute;
            sum.variation += other.variation;
        }
    }
}

impl ErrorSum {
    /// The root-mean-square error over `rows` rows, in the unit of the target
    pub fn rmse(&self, rows: usize) -> f64 {
        (self.squared / rows as f64).sqrt()
    }

    /// The mean absolute error over `rows` rows, in the unit of the target
    pub fn mae(&self, rows: usize) -> f64 {
        self.absolute / rows as f64
    }

    /// R², the coefficient of determination: 1 for exact predictions, 0 for those of the mean, below 0 for worse ones; `None`
    /// if all true values are equal
    pub fn r2(&self) -> Option<f64> {
        (self.variation > 0.0).then(|| 1.0 - self.squared / self.variation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_loss_beyond_the_limit_has_diverged_and_a_large_one_has_not() {
        let sum = |loss| LossSum { loss, rows: 10, ..LossSum::default() };
        assert!([0.0, 23.0, 9e5].into_iter().all(|loss| !sum(loss).has_diverged()));
        assert!([2e6, f64::INFINITY, f64::NAN].into_iter().all(|loss| sum(loss).has_diverged()));
        assert!(!LossSum::default().has_diverged());
        // An outlier that lies 1e6 standard deviations away
        assert!(!LossSum { baseline: 1e12, ..sum(2e12) }.has_diverged());
        assert!(LossSum { baseline: 1.0, ..sum(2e12) }.has_diverged());
    }

    #[test]
    fn metrics_of_several_targets_are_the_means_of_those_of_each() {
        // y = (0, 2), ŷ = (1, 2): RMSE √½, MAE ½, R² 1 − 1/2; y = (0, 20), ŷ = (0, 14): RMSE √18, MAE 3, R² 1 − 36/200
        let errors = vec![
            ErrorSum { squared: 1.0, absolute: 1.0, variation: 2.0 },
            ErrorSum { squared: 36.0, absolute: 6.0, variation: 200.0 },
        ];
        let mut sum = LossSum { rows: 2, errors, ..LossSum::default() };
        approx::assert_relative_eq!(sum.rmse().unwrap(), (0.5f64.sqrt() + 18f64.sqrt()) / 2.0);
        assert_eq!((sum.mae(), sum.accuracy()), (Some(1.75), None));
        approx::assert_relative_eq!(sum.r2().unwrap(), (0.5 + 0.82) / 2.0, max_relative = 1e-15);
        sum.errors[1].variation = 0.0;
        assert_eq!(sum.r2(), None);
        assert_eq!(LossSum { rows: 2, correct: 1, ..LossSum::default() }.rmse(), None);
    }

    #[test]
    fn sums_of_batches_are_added_target_by_target() {
        let one = ErrorSum { squared: 1.0, absolute: 2.0, variation: 3.0 };
        let batch = LossSum { loss: 0.5, rows: 4, baseline: 1.0, errors: vec![one; 2], ..LossSum::default() };
        let mut sum = LossSum::default();
        sum.add(&batch);
        sum.add(&batch);
        let two = ErrorSum { squared: 2.0, absolute: 4.0, variation: 6.0 };
        assert_eq!(
            sum,
            LossSum { loss: 1.0, rows: 8, baseline: 2.0, errors: vec![two; 2], ..LossSum::default() }
        );
    }
}
