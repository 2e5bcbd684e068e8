//! The columns of `runs.csv` that hold the metrics by which runs are compared

/// A column of `runs.csv` that holds a metric
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricColumn {
    /// Accuracy on the training samples, a running mean over the last epoch
    TrainAccuracy,
    /// Accuracy on the validation samples after the last epoch
    ValAccuracy,
    /// Loss on the validation samples, in nats, or of standardised targets
    ValLoss,
    /// Accuracy on the test samples after the last epoch
    TestAccuracy,
    /// Loss on the test samples, in nats, or of standardised targets
    TestLoss,
    /// RMSE on the training samples, over the batches of the last epoch, in the unit of the target
    TrainRmse,
    /// RMSE on the validation samples after the last epoch
    ValRmse,
    /// RMSE on the test samples after the last epoch
    TestRmse,
    /// Mean absolute error on the test samples, in the unit of the target
    TestMae,
    /// R² on the test samples: the share of the target's variance that the predictions explain
    TestR2,
    /// Time of training, without evaluation, s
    TrainS,
    /// Number of trained parameters
    Parameters,
}

impl MetricColumn {
    /// All columns, in the order of their numbers
    pub const ALL: [Self; 12] = [
        Self::TrainAccuracy,
        Self::ValAccuracy,
        Self::ValLoss,
        Self::TestAccuracy,
        Self::TestLoss,
        Self::TrainRmse,
        Self::ValRmse,
        Self::TestRmse,
        Self::TestMae,
        Self::TestR2,
        Self::TrainS,
        Self::Parameters,
    ];

    /// The name of the column
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainAccuracy => "train_accuracy",
            Self::ValAccuracy => "val_accuracy",
            Self::ValLoss => "val_loss",
            Self::TestAccuracy => "test_accuracy",
            Self::TestLoss => "test_loss",
            Self::TrainRmse => "train_rmse",
            Self::ValRmse => "val_rmse",
            Self::TestRmse => "test_rmse",
            Self::TestMae => "test_mae",
            Self::TestR2 => "test_r2",
            Self::TrainS => "train_s",
            Self::Parameters => "parameters",
        }
    }

    /// The column with this name; `None` if it holds no metric
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_in_the_order_of_their_numbers_and_found_by_name() {
        for (i, column) in MetricColumn::ALL.into_iter().enumerate() {
            assert_eq!((column as usize, MetricColumn::of(column.name())), (i, Some(column)));
        }
        assert_eq!(MetricColumn::of("wall_s"), None);
    }
}
