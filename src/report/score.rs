//! The score: the metric by which runs are compared, on which data, and how it is printed

use super::metric_column::MetricColumn;
use super::short_number::{four_digits, significant};
use super::spread::Spread;

/// Why trials can't be compared that have no score although they are `ok`, and what to give
pub const NO_SAMPLES: &str = "trials have neither validation samples nor test samples, so there is nothing to compare them by; \
                              --val-split 0.1 holds out training samples for it, or give --test-data or --test-split";

/// The metric that says how good a net is: one for each task
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoreKind {
    /// Of classification: the share of samples whose class is predicted, from 0 to 1, printed in percent
    #[default]
    Accuracy,
    /// Of regression: the root mean squared error, 0 or above, in the unit of the target
    Rmse,
}

impl ScoreKind {
    /// Both, accuracy first
    pub const ALL: [Self; 2] = [Self::Accuracy, Self::Rmse];

    /// Its name within a sentence
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Rmse => "RMSE",
        }
    }

    /// The name of several at the start of a sentence
    pub fn plural(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracies",
            Self::Rmse => "RMSEs",
        }
    }

    /// Its name as the first word of a label
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracy",
            Self::Rmse => "RMSE",
        }
    }

    /// The unit in which it is printed; empty for the unit of the target, which is not known
    pub fn unit(self) -> &'static str {
        match self {
            Self::Accuracy => "%",
            Self::Rmse => "",
        }
    }

    /// The factor from the metric to the number that is printed
    pub fn factor(self) -> f64 {
        match self {
            Self::Accuracy => 100.0,
            Self::Rmse => 1.0,
        }
    }

    /// The largest number that can be printed
    pub fn largest(self) -> f64 {
        match self {
            Self::Accuracy => 100.0,
            Self::Rmse => f64::MAX,
        }
    }

    /// Whether a lower score is better
    pub fn falls(self) -> bool {
        match self {
            Self::Accuracy => false,
            Self::Rmse => true,
        }
    }

    /// A number that is greater the better the score is; least without a score
    pub fn rank(self, score: Option<f64>) -> f64 {
        score.map_or(f64::NEG_INFINITY, |score| if self.falls() { -score } else { score })
    }

    /// What the others are, compared with the best
    pub fn worse(self) -> &'static str {
        match self {
            Self::Accuracy => "less accurate",
            Self::Rmse => "with a higher RMSE",
        }
    }

    /// What a net without hidden layers is called
    pub fn linear_model(self) -> &'static str {
        match self {
            Self::Accuracy => "softmax regression",
            Self::Rmse => "linear regression",
        }
    }

    /// The unit of the loss, as the end of a label: nats, or none, since the loss is that of standardised targets
    pub fn loss_unit(self) -> &'static str {
        match self {
            Self::Accuracy => "nats",
            Self::Rmse => "of standardised targets",
        }
    }

    /// The columns of the score on the training, the validation and the test samples
    pub fn columns(self) -> [MetricColumn; 3] {
        match self {
            Self::Accuracy => {
                [MetricColumn::TrainAccuracy, MetricColumn::ValAccuracy, MetricColumn::TestAccuracy]
            }
            Self::Rmse => [MetricColumn::TrainRmse, MetricColumn::ValRmse, MetricColumn::TestRmse],
        }
    }

    /// A score without its unit: `88.49`, `0.3512`
    pub fn text(self, score: f64) -> String {
        self.spread_text(Spread { n: 1, mean: score, sd: None })
    }

    /// A score with its unit: `88.49 %`, `0.3512`
    pub fn text_with_unit(self, score: f64) -> String {
        self.with_unit(&self.text(score))
    }

    /// `text` with the unit behind it
    pub fn with_unit(self, text: &str) -> String {
        format!("{text} {}", self.unit()).trim_end().to_owned()
    }

    /// The mean of scores with its deviation: `88.49 ± 0.21`, `0.3512 ± 0.0021`
    pub fn spread_text(self, spread: Spread) -> String {
        self.rounded(spread, 0)
    }

    /// The same with one digit less: `88.5 ± 0.2`, `0.351 ± 0.002`
    pub fn short_text(self, spread: Spread) -> String {
        self.rounded(spread, 1)
    }

    /// * `less`: number of digits that are left out
    fn rounded(self, Spread { mean, sd, .. }: Spread, less: usize) -> String {
        match self {
            Self::Accuracy => {
                let decimals = 2 - less;
                let sd = sd.map(|sd| format!(" ± {:.decimals$}", 100.0 * sd));
                format!("{:.decimals$}{}", 100.0 * mean, sd.unwrap_or_default())
            }
            Self::Rmse => significant(4 - less, mean, sd),
        }
    }

    /// The distance between two scores: `4.00 percentage points`, `0.0123`
    pub fn distance(self, a: f64, b: f64) -> String {
        let distance = (a - b).abs();
        match self {
            Self::Accuracy => format!("{:.2} percentage points", 100.0 * distance),
            Self::Rmse => four_digits(distance, None),
        }
    }
}

/// The score by which runs are compared
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// The metric
    pub kind: ScoreKind,
    /// Whether it is measured on validation samples; otherwise on test samples
    pub is_validated: bool,
}

impl Score {
    /// The samples on which it is measured: `validation` or `test`
    pub fn samples(self) -> &'static str {
        if self.is_validated { "validation" } else { "test" }
    }

    /// Its name within a sentence, as `validation accuracy`
    pub fn name(self) -> String {
        format!("{} {}", self.samples(), self.kind.name())
    }

    /// Its name at the start of a title, as `Validation accuracy`
    pub fn title(self) -> String {
        format!("{} {}", if self.is_validated { "Validation" } else { "Test" }, self.kind.name())
    }

    /// The column of `runs.csv` that holds it
    pub fn column(self) -> MetricColumn {
        let [_, validation, test] = self.kind.columns();
        if self.is_validated { validation } else { test }
    }

    /// The column with the loss on the same samples
    pub fn loss(self) -> MetricColumn {
        if self.is_validated { MetricColumn::ValLoss } else { MetricColumn::TestLoss }
    }
}

/// A name with its notes in brackets: `Test accuracy (%)`; notes that are empty are left out
pub fn labelled(name: &str, notes: &[&str]) -> String {
    let notes: Vec<_> = notes.iter().copied().filter(|note| !note.is_empty()).collect();
    if notes.is_empty() { name.to_owned() } else { format!("{name} ({})", notes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_are_percentages_and_rmses_have_four_digits_without_a_unit() {
        let of = |kind: ScoreKind, x, sd| kind.spread_text(Spread { n: 2, mean: x, sd });
        assert_eq!(of(ScoreKind::Accuracy, 0.88494, Some(0.0021)), "88.49 ± 0.21");
        assert_eq!(of(ScoreKind::Rmse, 0.351_24, Some(0.0021)), "0.3512 ± 0.0021");
        let short = |kind: ScoreKind, x| kind.short_text(Spread { n: 2, mean: x, sd: Some(0.0123) });
        assert_eq!(short(ScoreKind::Accuracy, 0.88494), "88.5 ± 1.2");
        assert_eq!(short(ScoreKind::Rmse, 0.351_24), "0.351 ± 0.012");
        assert_eq!(ScoreKind::Accuracy.text_with_unit(0.5), "50.00 %");
        assert_eq!(ScoreKind::Rmse.text_with_unit(12.345), "12.35");
        assert_eq!(ScoreKind::Accuracy.distance(0.84, 0.88), "4.00 percentage points");
        assert_eq!(ScoreKind::Rmse.distance(3.5, 3.0), "0.5000");
    }

    #[test]
    fn labels_name_samples_metric_and_unit() {
        for (kind, is_validated, title, label, column) in [
            (ScoreKind::Accuracy, true, "Validation accuracy", "Validation accuracy (%)", "val_accuracy"),
            (ScoreKind::Accuracy, false, "Test accuracy", "Test accuracy (%)", "test_accuracy"),
            (ScoreKind::Rmse, true, "Validation RMSE", "Validation RMSE", "val_rmse"),
            (ScoreKind::Rmse, false, "Test RMSE", "Test RMSE", "test_rmse"),
        ] {
            let score = Score { kind, is_validated };
            let found = labelled(&score.title(), &[kind.unit()]);
            assert_eq!(
                (score.title().as_str(), found.as_str(), score.column().name()),
                (title, label, column)
            );
        }
        assert_eq!(labelled("Loss", &["nats", "", "top cut off"]), "Loss (nats, top cut off)");
    }

    #[test]
    fn a_lower_rmse_and_a_higher_accuracy_have_the_higher_rank() {
        for (kind, better, worse) in [(ScoreKind::Accuracy, 0.9, 0.8), (ScoreKind::Rmse, 0.0, 1e9)] {
            assert!(kind.rank(Some(better)) > kind.rank(Some(worse)));
            assert!(kind.rank(Some(worse)) > kind.rank(None));
        }
    }
}
