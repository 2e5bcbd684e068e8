//! The metrics of an epoch, and the rows of `epochs.csv` and `summary.csv` made from them

use serde::{Deserialize, Serialize};

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
    /// Its time was over, and it stopped between two batches
    TimeLimit,
    /// It has paused between two batches, and goes on
    Paused,
}

impl EpochEnd {
    /// Its value in the column `status`
    pub fn status(self) -> Status {
        match self {
            Self::Done => Status::Ok,
            Self::Diverged { .. } => Status::Diverged,
            Self::Interrupted | Self::Paused => Status::Interrupted,
            Self::TimeLimit => Status::TimeLimit,
        }
    }

    /// Whether it was stopped between two batches
    pub fn is_stopped(self) -> bool {
        matches!(self, Self::Interrupted | Self::TimeLimit)
    }
}

/// The sums of a whole epoch
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochSums {
    /// Its number, from 1
    pub epoch: u32,
    /// Over its batches, each computed with the weights before the batch's step
    pub train: LossSum,
    /// Over the validation rows after the epoch; `None` without a validation split
    pub val: Option<LossSum>,
    /// Over the test set after the epoch; `None` without one
    pub test: Option<LossSum>,
    /// Those of the averaged weights; `None` where there is no average
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<AverageSums>,
}

/// The sums after an epoch, computed with the averaged weights
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AverageSums {
    /// Over the validation rows; `None` without a validation split
    pub val: Option<LossSum>,
    /// Over the test set; `None` without one
    pub test: Option<LossSum>,
}

/// The metrics of one epoch, whole or ended early
#[derive(Clone, Debug)]
pub struct EpochMetrics {
    /// Number of the epoch, from 1
    pub epoch: u32,
    /// Learning rate of its last step
    pub learning_rate: f64,
    /// Sums over its batches, each computed with the weights before the batch's step
    pub train: LossSum,
    /// Sums over the validation rows after the epoch; `None` without a validation split, or if it did not end
    pub val: Option<LossSum>,
    /// Sums over the test set after the epoch; `None` without one, or if it did not end
    pub test: Option<LossSum>,
    /// Sums of the averaged weights; `None` where there is no average, or if the epoch did not end
    pub average: Option<AverageSums>,
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
        let train_metrics = Metrics::of(train, dtype);
        let [val, test] = [&self.val, &self.test].map(|sums| Metrics::of(sums.as_ref(), dtype));
        let [average_val, average_test] = average_metrics(self.average.as_ref(), dtype);
        EpochRow {
            run_id: run_id.to_owned(),
            epoch: self.epoch,
            learning_rate: self.learning_rate,
            train_loss: train_metrics.loss,
            train_accuracy: train_metrics.accuracy,
            val_loss: val.loss,
            val_accuracy: val.accuracy,
            test_loss: test.loss,
            test_accuracy: test.accuracy,
            epoch_s: train.map(|_| tables::seconds(self.seconds)),
            samples_per_s: train.and_then(|train| tables::rate(train.rows, self.seconds)),
            status: self.end.status(),
            train_rmse: train_metrics.rmse,
            val_rmse: val.rmse,
            test_rmse: test.rmse,
            test_mae: test.mae,
            test_r2: test.r2,
            average_val_loss: average_val.loss,
            average_val_accuracy: average_val.accuracy,
            average_test_loss: average_test.loss,
            average_test_accuracy: average_test.accuracy,
            average_val_rmse: average_val.rmse,
            average_test_rmse: average_test.rmse,
        }
    }

    /// The sums of this epoch
    pub fn sums(&self) -> EpochSums {
        let Self { epoch, train, val, test, average, .. } = self.clone();
        EpochSums { epoch, train, val, test, average }
    }

    /// Why and where training ended, in words without a comma; `None` after all batches, or if it was told to stop
    pub fn reason(&self) -> Option<String> {
        let place = match self.end {
            EpochEnd::Diverged { batch: Some(batch) } => format!("in epoch {} at batch {batch}", self.epoch),
            EpochEnd::Diverged { batch: None } => format!("in the evaluation after epoch {}", self.epoch),
            EpochEnd::TimeLimit => return Some(format!("the time was over in epoch {}", self.epoch)),
            EpochEnd::Done | EpochEnd::Interrupted | EpochEnd::Paused => return None,
        };
        let limit = match self.train.errors[..] {
            [] => "100000 nats",
            _ => "100000 times that of the mean",
        };
        Some(format!("the loss is not finite or above {limit} {place}"))
    }
}

/// Enters the epochs of a run into its result
///
/// * `described`: the epoch whose metrics the summary has
/// * `best`: the best epoch; `None` without validation and test rows
/// * `done`: number of whole epochs
pub fn summarise(
    result: &mut RunResult,
    described: &EpochSums,
    best: Option<&EpochSums>,
    done: u32,
    dtype: Dtype,
) {
    let train = Metrics::of(Some(&described.train), dtype);
    (result.train_loss, result.train_accuracy, result.train_rmse) = (train.loss, train.accuracy, train.rmse);
    evaluated(result, described.val.as_ref(), described.test.as_ref(), dtype);
    result.best_of = match (&described.val, &described.test) {
        (Some(_), _) => Some("val"),
        (None, Some(_)) => Some("test"),
        (None, None) => None,
    };
    let score = Metrics::of(best.and_then(|best| best.val.as_ref().or(best.test.as_ref())), dtype);
    result.best_epoch = best.map(|best| best.epoch);
    (result.best_accuracy, result.best_rmse) = (score.accuracy, score.rmse);
    result.epochs_done = done;
}

/// Enters the metrics of validation and test rows into the result of a run
pub fn evaluated(result: &mut RunResult, val: Option<&LossSum>, test: Option<&LossSum>, dtype: Dtype) {
    let [val, test] = [val, test].map(|sums| Metrics::of(sums, dtype));
    (result.val_loss, result.val_accuracy, result.val_rmse) = (val.loss, val.accuracy, val.rmse);
    (result.test_loss, result.test_accuracy, result.test_rmse) = (test.loss, test.accuracy, test.rmse);
    (result.test_mae, result.test_r2) = (test.mae, test.r2);
}

/// Enters the metrics of the averaged weights into the result of a run; they are empty where there is no average
pub fn averaged(result: &mut RunResult, average: Option<&AverageSums>, dtype: Dtype) {
    let [val, test] = average_metrics(average, dtype);
    (result.average_val_loss, result.average_val_accuracy) = (val.loss, val.accuracy);
    (result.average_test_loss, result.average_test_accuracy) = (test.loss, test.accuracy);
    (result.average_val_rmse, result.average_test_rmse) = (val.rmse, test.rmse);
}

/// The metrics of the averaged weights on validation and test rows
fn average_metrics(average: Option<&AverageSums>, dtype: Dtype) -> [Metrics; 2] {
    let of = |sums: fn(&AverageSums) -> Option<&LossSum>| Metrics::of(average.and_then(sums), dtype);
    [of(|average| average.val.as_ref()), of(|average| average.test.as_ref())]
}

/// A metric of a run in `dtype`, which is written with the digits of that type
pub fn metric(value: f64, dtype: Dtype) -> Metric {
    match dtype {
        Dtype::F32 | Dtype::Bf16 => Metric::Single(value),
        Dtype::F64 => Metric::Double(value),
    }
}

/// The metrics of rows, as tables have them; `None` where the task has no such metric, or there are no rows
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics {
    /// Mean loss
    pub loss: Option<Metric>,
    /// Accuracy of classes
    pub accuracy: Option<Metric>,
    /// Root-mean-square error of targets, in their own units
    pub rmse: Option<Metric>,
    /// Mean absolute error of targets, in their own units
    pub mae: Option<Metric>,
    /// R² of targets
    pub r2: Option<Metric>,
}

impl Metrics {
    /// The metrics of these sums in a run of `dtype`
    ///
    /// An accuracy is a ratio of two counts, which has the digits of an f64 whatever the run's dtype.
    pub fn of(sum: Option<&LossSum>, dtype: Dtype) -> Self {
        let Some(sum) = sum else { return Self::default() };
        let of_dtype = |value: Option<f64>| value.map(|value| metric(value, dtype));
        Self {
            loss: of_dtype(sum.mean_loss()),
            accuracy: sum.accuracy().map(Metric::Double),
            rmse: of_dtype(sum.rmse()),
            mae: of_dtype(sum.mae()),
            r2: of_dtype(sum.r2()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::loss::ErrorSum;
    use crate::tables::{Cell, ToCell};

    fn epoch(end: EpochEnd) -> EpochMetrics {
        let train = LossSum { loss: 1.0, correct: 1, rows: 3, ..LossSum::default() };
        let test = Some(train.clone());
        EpochMetrics {
            epoch: 2,
            learning_rate: 0.1,
            train,
            val: None,
            test,
            average: None,
            seconds: 0.5,
            end,
        }
    }

    /// No sums
    fn none() -> EpochSums {
        EpochSums { epoch: 0, train: LossSum::default(), val: None, test: None, average: None }
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

    #[test]
    fn a_summary_has_the_metrics_of_one_epoch_and_the_score_of_the_best() {
        let errors = |squared| ErrorSum { squared, absolute: squared, variation: 4.0 };
        let sums = |squared| LossSum { rows: 1, errors: vec![errors(squared)], ..LossSum::default() };
        let epoch =
            |epoch, squared| EpochSums { epoch, train: sums(squared), test: Some(sums(squared)), ..none() };
        let mut result = RunResult::default();
        summarise(&mut result, &epoch(4, 4.0), Some(&epoch(2, 1.0)), 4, Dtype::F64);
        assert_eq!((result.best_epoch, result.best_of, result.epochs_done), (Some(2), Some("test"), 4));
        assert_eq!(
            (result.best_rmse, result.test_rmse),
            (Some(Metric::Double(1.0)), Some(Metric::Double(2.0)))
        );
        assert_eq!((result.test_r2, result.best_accuracy), (Some(Metric::Double(0.0)), None));
        assert_eq!(result.test_rmse, result.train_rmse);
    }

    #[test]
    fn metrics_of_an_average_have_columns_of_their_own() {
        let test = |correct| Some(LossSum { loss: 2.0, correct, rows: 4, ..LossSum::default() });
        let average = Some(AverageSums { val: test(1), test: test(3) });
        let row = EpochMetrics { average: average.clone(), ..epoch(EpochEnd::Done) }.row("a", Dtype::F64);
        assert_eq!((row.average_val_accuracy, row.average_test_accuracy), (double(0.25), double(0.75)));
        assert_eq!((row.average_test_loss, row.average_test_rmse), (double(0.5), None));
        assert_eq!((row.test_accuracy, row.test_loss), (double(1.0 / 3.0), double(1.0 / 3.0)));
        assert_eq!(epoch(EpochEnd::Done).row("a", Dtype::F64).average_test_loss, None);
        let mut result = RunResult::default();
        averaged(&mut result, average.as_ref(), Dtype::F64);
        assert_eq!((result.average_val_accuracy, result.average_test_accuracy), (double(0.25), double(0.75)));
        assert_eq!((result.average_val_loss, result.test_accuracy), (double(0.5), None));
    }

    fn double(x: f64) -> Option<Metric> {
        Some(Metric::Double(x))
    }
}
