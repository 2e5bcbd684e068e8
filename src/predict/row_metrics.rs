//! The metrics of rows, and how those of mean predictions are computed: means over models, or over copies of an image

use super::mean::most_probable;
use super::top::{TOP, among_top};
use crate::data::Labels;
use crate::nn::loss::{ErrorSum, LossSum};
use crate::train::confusion::Confusion;
use crate::train::evaluate::{Predicted, variation};

/// The least probability of a label in the loss of a mean: where all probabilities are 0, the loss stays finite, 87.3 nats
const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// The metrics of the rows of a set
#[derive(Debug)]
pub struct RowMetrics {
    /// The sums over the rows
    pub sums: LossSum,
    /// Whether the sums have a loss; those of mean numbers have none, since a loss is that of one model's standardised targets
    pub has_loss: bool,
    /// Share of the rows whose label is among the five most probable classes; `None` for up to five classes
    pub top5: Option<f64>,
    /// What is predicted
    pub predicted: Predicted,
}

impl RowMetrics {
    /// The metrics of mean predictions, rows × outputs
    pub fn of_means(means: &[f64], labels: &Labels, outputs: usize) -> Self {
        match labels {
            Labels::Classes(classes) => of_classes(means, classes, outputs),
            Labels::Numbers { values, targets } => {
                let sums = of_numbers(means, values, *targets, labels);
                Self { sums, has_loss: false, top5: None, predicted: Predicted::Numbers(means.to_vec()) }
            }
        }
    }
}

/// The metrics of mean probabilities, rows × classes
///
/// The loss of a row is −ln of the probability of its label. Losses are added from the first row to the last.
fn of_classes(means: &[f64], labels: &[u32], classes: usize) -> RowMetrics {
    let predicted = most_probable(means, classes);
    let of_row = |(row, &label): (&[f64], &u32)| {
        let p = row[label as usize];
        // A probability that is no number stays none.
        -if p < LEAST { LEAST } else { p }.ln()
    };
    let sums = LossSum {
        loss: means.chunks_exact(classes).zip(labels).map(of_row).sum(),
        correct: predicted.iter().zip(labels).filter(|(predicted, label)| predicted == label).count(),
        rows: labels.len(),
        ..LossSum::default()
    };
    let mut counts = Confusion::new(classes);
    counts.add_rows(labels, &predicted);
    let top5 = (classes > TOP).then(|| among_top(means, labels, classes) as f64 / labels.len() as f64);
    RowMetrics { sums, has_loss: true, top5, predicted: Predicted::Classes(counts) }
}

/// The sums over the rows of mean predictions, rows × targets, which have no loss
fn of_numbers(means: &[f64], values: &[f64], targets: usize, labels: &Labels) -> LossSum {
    let all: Vec<u32> = (0..).take(labels.len()).collect();
    let of_target = |target: usize| {
        let errors = || means.iter().zip(values).skip(target).step_by(targets).map(|(mean, y)| mean - y);
        ErrorSum {
            squared: errors().map(|error| error * error).sum(),
            absolute: errors().map(f64::abs).sum(),
            variation: variation(labels, target, &all),
        }
    };
    LossSum { rows: labels.len(), errors: (0..targets).map(of_target).collect(), ..LossSum::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_that_of_the_mean_probability_and_stays_finite() {
        let RowMetrics { sums, top5, predicted, .. } = of_classes(&[0.25, 0.75, 1.0, 0.0], &[1, 1], 2);
        approx::assert_relative_eq!(sums.loss, -(0.75f64.ln()) - LEAST.ln(), max_relative = 1e-15);
        assert_eq!((sums.correct, sums.rows, top5), (1, 2, None));
        let Predicted::Classes(counts) = predicted else { panic!("classes") };
        assert_eq!((counts.count(1, 1), counts.count(1, 0)), (1, 1));
        assert!(of_classes(&[f64::NAN, 0.0], &[0], 2).sums.loss.is_nan());
    }

    #[test]
    fn the_label_is_counted_among_the_five_most_probable_of_more_than_five_classes() {
        let RowMetrics { top5, .. } =
            of_classes(&[0.3, 0.2, 0.2, 0.1, 0.1, 0.1, 0.3, 0.2, 0.2, 0.1, 0.1, 0.1], &[5, 4], 6);
        assert_eq!(top5, Some(0.5));
    }

    #[test]
    fn the_errors_of_each_target_are_those_of_the_means() {
        let labels = Labels::Numbers { values: vec![0.0, 10.0, 2.0, 10.0, 4.0, 10.0], targets: 2 };
        let Labels::Numbers { values, .. } = &labels else { unreachable!() };
        let sums = of_numbers(&[1.0, 10.0, 2.0, 7.0, 1.0, 11.0], values, 2, &labels);
        let errors = |squared, absolute, variation| ErrorSum { squared, absolute, variation };
        assert_eq!((sums.rows, sums.errors), (3, vec![errors(10.0, 4.0, 8.0), errors(10.0, 4.0, 0.0)]));
    }
}
