//! The metrics of an epoch, and the rows of `epochs.csv` and `summary.csv` made from them

use crate::config::Dtype;
use crate::nn::loss::LossSum;
use crate::tables::{self, EpochRow, Metric, RunResult, Status};

/// How an epoch ended
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochEnd {
    /// After all batches
    Done,
    /// The loss had diverged ([`LossSum::has_diverged`])
    Diverged {
        /// The batch, counted from 1, whose step was not made; `None` for the evaluation after the epoch
        batch: Option<usize>,
    },
    /// It was told to stop, and stopped between two batches
    Interrupted,
}

impl EpochEnd {
    /// Its value in the column `status`
    pub fn status(self) -> Status {
        match self {
            Self::Done => Status::Ok,
            Self::Diverged { .. } => Status::Diverged,
            Self::Interrupted => Status::Interrupted,
        }
    }
}

/// The metrics of one epoch, whole or ended early
#[derive(Clone, Copy, Debug)]
pub struct EpochMetrics {
    /// Number of the epoch, from 1
    pub epoch: u32,
    /// Learning rate that its steps used
    pub learning_rate: f64,
    /// Sums over its batches, each computed with the weights before the batch's step
    pub train: LossSum,
    /// Sums over the validation rows after the epoch; `None` without a validation split, or if it did not end
    pub val: Option<LossSum>,
    /// Sums over the test set after the epoch; `None` without one, or if it did not end
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
        let (train_loss, train_accuracy) = loss_and_accuracy(train, dtype);
        let (val_loss, val_accuracy) = loss_and_accuracy(self.val.as_ref(), dtype);
        let (test_loss, test_accuracy) = loss_and_accuracy(self.test.as_ref(), dtype);
        EpochRow {
            run_id: run_id.to_owned(),
            epoch: self.epoch,
            learning_rate: self.learning_rate,
            train_loss,
            train_accuracy,
            val_loss,
            val_accuracy,
            test_loss,
            test_accuracy,
            epoch_s: train.map(|_| tables::seconds(self.seconds)),
            samples_per_s: train.and_then(|train| tables::rate(train.rows, self.seconds)),
            status: self.end.status(),
        }
    }

    /// Enters a whole epoch into the result of its run: as the last, and if its accuracy is the best, as the best
    ///
    /// The validation accuracy decides; without a validation split, the test accuracy does; without a test set, there is no
    /// best epoch.
    pub fn summarise(&self, result: &mut RunResult, dtype: Dtype) {
        (result.train_loss, result.train_accuracy) = loss_and_accuracy(Some(&self.train), dtype);
        (result.val_loss, result.val_accuracy) = loss_and_accuracy(self.val.as_ref(), dtype);
        (result.test_loss, result.test_accuracy) = loss_and_accuracy(self.test.as_ref(), dtype);
        let decides = if self.val.is_some() { result.val_accuracy } else { result.test_accuracy };
        if decides > result.best_accuracy {
            (result.best_epoch, result.best_accuracy) = (Some(self.epoch), decides);
        }
        result.best_of = match (self.val, self.test) {
            (Some(_), _) => Some("val"),
            (None, Some(_)) => Some("test"),
            (None, None) => None,
        };
        result.epochs_done = self.epoch;
    }

    /// Why and where training diverged, in words without a comma; `None` if it did not
    pub fn divergence(&self) -> Option<String> {
        let place = match self.end {
            EpochEnd::Diverged { batch: Some(batch) } => format!("in epoch {} at batch {batch}", self.epoch),
            EpochEnd::Diverged { batch: None } => format!("in the evaluation after epoch {}", self.epoch),
            _ => return None,
        };
        Some(format!("the loss is not finite or above 100000 nats {place}"))
    }
}

/// A metric of a run in `dtype`, which is written with the digits of that type
fn metric(value: f64, dtype: Dtype) -> Metric {
    match dtype {
        Dtype::F32 => Metric::Single(value),
        Dtype::F64 => Metric::Double(value),
    }
}

/// The mean loss and the accuracy as metrics; `None` where there are no sums
///
/// An accuracy is a ratio of two counts, which has the digits of an f64 whatever the run's dtype.
pub fn loss_and_accuracy(sum: Option<&LossSum>, dtype: Dtype) -> (Option<Metric>, Option<Metric>) {
    let loss = sum.and_then(LossSum::mean_loss).map(|loss| metric(loss, dtype));
    (loss, sum.and_then(LossSum::accuracy).map(Metric::Double))
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
        let accuracy = epoch(EpochEnd::Done).row("a", Dtype::F32).test_accuracy.to_cell();
        assert_eq!(accuracy, Cell::Number("0.3333333333333333".to_owned()));
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
