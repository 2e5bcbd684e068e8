//! The metrics in the report of a run, and how each is printed

use crate::error::separated;
use crate::report::analysis::{four_digits, short_number};
use crate::report::score::ScoreKind;

/// How a metric is printed
#[derive(Clone, Copy)]
pub(super) enum Printed {
    Score(ScoreKind),
    Loss,
    /// A mean absolute error
    Error,
    /// R²
    Share,
    Seconds,
    /// A rate, without decimals
    Rate,
}

/// The metrics in the report: column, name, and how it is printed
pub(super) const METRICS: [(&str, &str, Printed); 19] = [
    ("test_accuracy", "test accuracy", Printed::Score(ScoreKind::Accuracy)),
    ("test_rmse", "test RMSE", Printed::Score(ScoreKind::Rmse)),
    ("test_mae", "test MAE", Printed::Error),
    ("test_r2", "test R²", Printed::Share),
    ("test_loss", "test loss", Printed::Loss),
    ("val_accuracy", "validation accuracy", Printed::Score(ScoreKind::Accuracy)),
    ("val_rmse", "validation RMSE", Printed::Score(ScoreKind::Rmse)),
    ("val_loss", "validation loss", Printed::Loss),
    ("average_test_accuracy", "test accuracy of the averaged weights", Printed::Score(ScoreKind::Accuracy)),
    ("average_test_rmse", "test RMSE of the averaged weights", Printed::Score(ScoreKind::Rmse)),
    ("average_test_loss", "test loss of the averaged weights", Printed::Loss),
    (
        "average_val_accuracy",
        "validation accuracy of the averaged weights",
        Printed::Score(ScoreKind::Accuracy),
    ),
    ("average_val_rmse", "validation RMSE of the averaged weights", Printed::Score(ScoreKind::Rmse)),
    ("average_val_loss", "validation loss of the averaged weights", Printed::Loss),
    ("train_accuracy", "training accuracy, mean over the last epoch", Printed::Score(ScoreKind::Accuracy)),
    ("train_rmse", "training RMSE over the last epoch", Printed::Score(ScoreKind::Rmse)),
    ("train_loss", "training loss, mean over the last epoch", Printed::Loss),
    ("train_s", "time of training", Printed::Seconds),
    ("samples_per_s", "samples per second", Printed::Rate),
];

impl Printed {
    /// The text of `x`, with its unit
    ///
    /// * `kind`: the score of the run, which says what unit a loss has
    pub(super) fn text(self, x: f64, kind: ScoreKind) -> String {
        let loss = |text: String| match kind {
            ScoreKind::Accuracy => format!("{text} {}", kind.loss_unit()),
            ScoreKind::Rmse => format!("{text} ({})", kind.loss_unit()),
        };
        match self {
            Self::Score(kind) => kind.text_with_unit(x),
            Self::Loss if x >= 1e4 => loss(format!("{x:.2e}")),
            Self::Loss => loss(format!("{x:.4}")),
            Self::Error => four_digits(x, None),
            Self::Share => format!("{x:.4}"),
            Self::Seconds => format!("{} s", short_number((x * 1000.0).round() / 1000.0)),
            Self::Rate => separated(x.round() as u128),
        }
    }
}
