//! Which epoch of a run is the best, and when the run stops since no better one came

use super::metrics::EpochSums;
use crate::config::{Keep, MonitorChoice, TrainConfig};
use crate::data::Task;
use crate::data::run_data::RunData;
use crate::error::{Error, Result, separated};

/// The comparison of epochs: by one metric, on the validation rows, or without a validation split on the test set
#[derive(Clone, Copy, Debug)]
pub struct Monitor {
    metric: Metric,
    /// Number of epochs without a better one after which training stops; 0: it does not
    patience: u32,
    is_validated: bool,
}

#[derive(Clone, Copy, Debug)]
enum Metric {
    Loss,
    Accuracy,
    Rmse,
}

impl Monitor {
    /// The comparison that the settings of a run ask for
    ///
    /// # Errors
    /// If the task has no such metric, or epochs must be compared and there are neither validation nor test rows.
    pub fn new(config: &TrainConfig, data: &RunData<'_>) -> Result<Self> {
        let is_classes = matches!(data.set.task, Task::Classify(_));
        let wrong = |expected: &str, found: &str| Error::Setting {
            name: "monitor",
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        let metric = match (config.monitor, is_classes) {
            (MonitorChoice::Loss, _) => Metric::Loss,
            (MonitorChoice::Auto | MonitorChoice::Accuracy, true) => Metric::Accuracy,
            (MonitorChoice::Auto | MonitorChoice::Rmse, false) => Metric::Rmse,
            (MonitorChoice::Accuracy, false) => {
                return Err(wrong("loss or rmse, since the targets are numbers", "accuracy"));
            }
            (MonitorChoice::Rmse, true) => {
                return Err(wrong("loss or accuracy, since the labels are classes", "rmse"));
            }
        };
        let is_validated = data.val_rows.is_some();
        if let Some((name, found)) = compares(config).filter(|_| !is_validated && data.set.test.is_empty()) {
            let expected = "samples to compare epochs on, which --val-split 0.1 holds out".to_owned();
            return Err(Error::Setting { name, expected, found });
        }
        Ok(Self { metric, patience: config.patience, is_validated })
    }

    /// Whether an epoch is better than the best before it; of equal ones, the first is the best
    ///
    /// Without validation and test rows, no epoch is.
    pub fn is_better(&self, epoch: &EpochSums, best: Option<&EpochSums>) -> bool {
        let rank = |epoch: &EpochSums| self.rank(epoch);
        rank(epoch).is_some_and(|new| best.and_then(rank).is_none_or(|old| new > old))
    }

    /// A number that is greater the better an epoch is
    fn rank(&self, epoch: &EpochSums) -> Option<f64> {
        let sums = epoch.val.as_ref().or(epoch.test.as_ref())?;
        match self.metric {
            Metric::Loss => sums.mean_loss().map(|loss| -loss),
            Metric::Accuracy => sums.accuracy(),
            Metric::Rmse => sums.rmse().map(|rmse| -rmse),
        }
    }

    /// Whether training stops after the epoch `last`
    pub fn has_stalled(&self, last: Option<&EpochSums>, best: Option<&EpochSums>) -> bool {
        let since = last.zip(best).map_or(0, |(last, best)| last.epoch.saturating_sub(best.epoch));
        self.patience > 0 && since >= self.patience
    }

    /// Why training stopped after the best epoch, in words without a comma
    pub fn reason(&self, best: &EpochSums) -> String {
        let samples = if self.is_validated { "validation" } else { "test" };
        let better = match self.metric {
            Metric::Loss => "lower",
            Metric::Accuracy => "higher",
            Metric::Rmse => "lower",
        };
        let metric = match self.metric {
            Metric::Loss => "loss",
            Metric::Accuracy => "accuracy",
            Metric::Rmse => "RMSE",
        };
        let epochs = if self.patience == 1 { "epoch" } else { "epochs" };
        let (n, best) = (separated(self.patience).replace(',', ""), best.epoch);
        format!("no {better} {samples} {metric} in {n} {epochs} after epoch {best}")
    }
}

/// The setting that makes a run compare its epochs, with its value; `None` if none does
fn compares(config: &TrainConfig) -> Option<(&'static str, String)> {
    let keep = match config.keep {
        Keep::Last => None,
        Keep::Best => Some("best"),
        Keep::Both => Some("both"),
    };
    let patience = (config.patience > 0).then(|| ("patience", config.patience.to_string()));
    patience.or_else(|| keep.map(|keep| ("keep", keep.to_owned())))
}

/// A warning where the test set chooses the epoch; `None` where it does not, also since there is none
pub fn warning(config: &TrainConfig, data: &RunData<'_>) -> Option<String> {
    let (name, value) = compares(config)?;
    let text = format!(
        "--{name} {value} compares epochs on the test set, so the test metrics are better than those of new samples would be; \
         --val-split 0.1 holds out training samples for it"
    );
    (data.val_rows.is_none() && !data.set.test.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::loss::{ErrorSum, LossSum};

    fn epoch(epoch: u32, loss: f64, correct: usize) -> EpochSums {
        let val = LossSum { loss, correct, rows: 10, ..LossSum::default() };
        let test = Some(LossSum::default());
        EpochSums { epoch, train: LossSum::default(), val: Some(val), test, average: None }
    }

    fn monitor(metric: Metric, patience: u32) -> Monitor {
        Monitor { metric, patience, is_validated: true }
    }

    #[test]
    fn the_first_epoch_with_the_best_metric_is_the_best() {
        let epochs = [epoch(1, 3.0, 5), epoch(2, 2.0, 4), epoch(3, 4.0, 6), epoch(4, 2.0, 6)];
        let best = |metric| {
            let monitor = monitor(metric, 0);
            let better = |best: Option<EpochSums>, epoch: &EpochSums| {
                if monitor.is_better(epoch, best.as_ref()) { Some(epoch.clone()) } else { best }
            };
            epochs.iter().fold(None, better).map(|best: EpochSums| best.epoch)
        };
        assert_eq!((best(Metric::Loss), best(Metric::Accuracy)), (Some(2), Some(3)));
        let errors = |squared| {
            let errors = vec![ErrorSum { squared, ..ErrorSum::default() }];
            let test = Some(LossSum { rows: 1, errors, ..LossSum::default() });
            EpochSums { test, val: None, ..epoch(1, 0.0, 0) }
        };
        let rmse = monitor(Metric::Rmse, 0);
        assert!(rmse.is_better(&errors(1.0), Some(&errors(4.0))));
        assert!(!rmse.is_better(&errors(4.0), Some(&errors(4.0))));
        let none = EpochSums { val: None, test: None, ..epoch(1, 0.0, 0) };
        assert!(!rmse.is_better(&none, None));
    }

    #[test]
    fn training_stops_after_so_many_epochs_without_a_better_one() {
        let has_stalled = |patience, last, best| {
            let (last, best) = (epoch(last, 1.0, 1), epoch(best, 1.0, 1));
            monitor(Metric::Loss, patience).has_stalled(Some(&last), Some(&best))
        };
        assert!(!has_stalled(0, 100, 1) && !has_stalled(3, 9, 7) && !has_stalled(1, 7, 7));
        assert!(has_stalled(3, 10, 7) && has_stalled(3, 11, 7) && has_stalled(1, 2, 1));
        assert!(!monitor(Metric::Loss, 1).has_stalled(None, None));
        let reason = monitor(Metric::Rmse, 1).reason(&epoch(7, 1.0, 1));
        assert_eq!(reason, "no lower validation RMSE in 1 epoch after epoch 7");
    }
}
