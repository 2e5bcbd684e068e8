//! The metrics of an epoch, and the rows of `epochs.csv` and `summary.csv` that are made of them

use super::trainer::EpochEnd;
use crate::config::Dtype;
use crate::nn::loss::LossSum;
use crate::tables::{self, EpochRow, Metric, SummaryRow};

/// The metrics of one epoch, whole or ended early
#[derive(Clone, Copy, Debug)]
pub struct EpochMetrics {
    /// Number of the epoch, from 1
    pub epoch: u32,
    /// Learning rate that its steps used
    pub learning_rate: f64,
    /// Sums over its batches, each with the weights of its time
    pub train: LossSum,
    /// Sums over the validation rows after the epoch; `None` without a validation split, or if it did not end
    pub val: Option<LossSum>,
    /// Sums over the test set after the epoch; `None` if it did not end
    pub test: Option<LossSum>,
    /// Time of the training alone, s
    pub seconds: f64,
    /// How it ended
    pub end: EpochEnd,
}

impl EpochMetrics {
    /// The row of `epochs.csv`; an epoch that diverged has no metrics there
    pub fn row(&self, run_id: &str, dtype: Dtype) -> EpochRow {
        let diverged = matches!(self.end, EpochEnd::Diverged { .. });
        let train = Some(&self.train).filter(|_| !diverged);
        let (val, test) = (self.val.as_ref(), self.test.as_ref());
        EpochRow {
            run_id: run_id.to_owned(),
            epoch: self.epoch,
            learning_rate: self.learning_rate,
            train_loss: mean_loss(train, dtype),
            train_accuracy: accuracy(train, dtype),
            val_loss: mean_loss(val, dtype),
            val_accuracy: accuracy(val, dtype),
            test_loss: mean_loss(test, dtype),
            test_accuracy: accuracy(test, dtype),
            epoch_s: train.map(|_| tables::seconds(self.seconds)),
            samples_per_s: train.and_then(|train| tables::rate(train.rows, self.seconds)),
            status: self.end.status(),
        }
    }

    /// Enters a whole epoch into the summary of its run: as the last, and if its accuracy is the best, as the best
    ///
    /// The validation accuracy decides; without a validation split, the test accuracy does.
    pub fn summarise(&self, summary: &mut SummaryRow, dtype: Dtype) {
        (summary.train_loss, summary.train_accuracy) =
            (mean_loss(Some(&self.train), dtype), accuracy(Some(&self.train), dtype));
        summarise_evaluation(summary, self.val.as_ref(), self.test.as_ref(), dtype);
        let decides = if self.val.is_some() { summary.val_accuracy } else { summary.test_accuracy };
        if decides > summary.best_accuracy {
            (summary.best_epoch, summary.best_accuracy) = (Some(self.epoch), decides);
        }
    }
}

/// Enters an evaluation into the summary of its run
pub(super) fn summarise_evaluation(
    summary: &mut SummaryRow,
    val: Option<&LossSum>,
    test: Option<&LossSum>,
    dtype: Dtype,
) {
    (summary.val_loss, summary.val_accuracy) = (mean_loss(val, dtype), accuracy(val, dtype));
    (summary.test_loss, summary.test_accuracy) = (mean_loss(test, dtype), accuracy(test, dtype));
}

/// Removes all metrics but the times from the summary of a run that diverged
pub(super) fn forget(summary: &mut SummaryRow) {
    (summary.train_loss, summary.train_accuracy) = (None, None);
    (summary.val_loss, summary.val_accuracy) = (None, None);
    (summary.test_loss, summary.test_accuracy) = (None, None);
    (summary.best_epoch, summary.best_accuracy) = (None, None);
}

/// A metric of a run in `dtype`, which is written with the digits of that type
pub(super) fn metric(value: f64, dtype: Dtype) -> Metric {
    match dtype {
        Dtype::F32 => Metric::Single(value),
        Dtype::F64 => Metric::Double(value),
    }
}

fn mean_loss(sum: Option<&LossSum>, dtype: Dtype) -> Option<Metric> {
    sum.and_then(LossSum::mean_loss).map(|loss| metric(loss, dtype))
}

fn accuracy(sum: Option<&LossSum>, dtype: Dtype) -> Option<Metric> {
    sum.and_then(LossSum::accuracy).map(|accuracy| metric(accuracy, dtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Cell, ToCell};

    fn epoch(end: EpochEnd) -> EpochMetrics {
        let train = LossSum { loss: 1.0, correct: 1, rows: 3 };
        EpochMetrics { epoch: 2, learning_rate: 0.1, train, val: None, test: Some(train), seconds: 0.5, end }
    }

    #[test]
    fn metrics_have_the_digits_of_the_dtype() {
        let loss = |dtype| epoch(EpochEnd::Done).row("a", dtype).train_loss.to_cell();
        assert_eq!(loss(Dtype::F32), Cell::Number("0.33333334".to_owned()));
        assert_eq!(loss(Dtype::F64), Cell::Number("0.3333333333333333".to_owned()));
    }

    #[test]
    fn an_epoch_that_diverged_has_a_status_and_no_metrics() {
        let end = EpochEnd::Diverged { batch: Some(1) };
        let row = EpochMetrics { test: None, ..epoch(end) }.row("a", Dtype::F32);
        assert_eq!(row.status, end.status());
        assert_eq!((row.train_loss, row.train_accuracy, row.test_loss), (None, None, None));
        assert_eq!((row.epoch_s, row.samples_per_s), (None, None));
    }
}
