//! The metrics of several models and of their mean on labelled rows

use std::path::Path;

use rayon::ThreadPool;

use super::agreement::check_agreement;
use super::evaluation::{Evaluation, TOP, among_top, measure};
use super::mean::{Mean, most_probable};
use crate::config::Dtype;
use crate::data::model_set::ModelSet;
use crate::data::saved_model::AnyModel;
use crate::data::{DataOptions, Labels};
use crate::error::{Result, memory, separated};
use crate::nn::loss::{ErrorSum, LossSum};
use crate::tables::EvaluationRow;
use crate::train::confusion::Confusion;
use crate::train::evaluate::{Predicted, variation};

/// Name of the ensemble in the column `model`
pub const ENSEMBLE: &str = "ensemble";

/// The least probability of a label in the loss of an ensemble: where the probabilities of all models are 0, the loss stays
/// finite, 87.3 nats
const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// The metrics of several models and of their mean
#[derive(Debug)]
pub struct EnsembleEvaluation {
    /// The line of each model in metrics.csv, in their order
    pub members: Vec<EvaluationRow>,
    /// The mean of the models
    pub mean: Evaluation,
}

impl EnsembleEvaluation {
    /// The lines of metrics.csv: those of the models, then that of the ensemble
    pub fn rows(&self) -> Vec<EvaluationRow> {
        let mut ensemble = self.mean.row(Path::new(ENSEMBLE));
        if !self.mean.outputs.targets().is_empty() {
            // Each model standardises targets by its own training rows, so their losses have no common unit.
            ensemble.loss = None;
        }
        self.members.iter().cloned().chain([ensemble]).collect()
    }
}

/// Evaluates models and their mean on the test set that the options name, or on all rows if there is none
///
/// Probabilities, or targets in their own units, are averaged in f64 in the order of the models. The rows are read once, as
/// f64 if one of the models is f64. It needs memory for the rows, and for two numbers of f64 for each row and output.
///
/// # Errors
/// If the models do not fit each other, the data can't be read or don't fit the models, or there is no memory.
///
/// # Panics
/// If there is no model.
pub fn evaluate_ensemble(
    models: &[(&Path, &AnyModel)],
    options: &DataOptions,
    pool: &ThreadPool,
) -> Result<EnsembleEvaluation> {
    check_agreement(models)?;
    pool.install(|| run(models, options))
}

fn run(models: &[(&Path, &AnyModel)], options: &DataOptions) -> Result<EnsembleEvaluation> {
    let (_, first) = models[0];
    let is_double = models.iter().any(|(_, model)| model.dtype() == Dtype::F64);
    let dtype = if is_double { Dtype::F64 } else { first.dtype() };
    let mut options = DataOptions { dtype, ..options.clone() };
    options.table.class_column = first.target_column().cloned();
    let outputs = first.signature().outputs.clone();
    let set = ModelSet::load(&options, first.signature())?;
    let bytes = 16 * set.rows.len() as u128 * outputs.len() as u128;
    memory::check(bytes, || format!("the predictions of {} models", separated(models.len())))?;
    let (mut mean, mut members) = (Mean::default(), Vec::new());
    for (path, model) in models {
        let (evaluation, batches) = match model {
            AnyModel::Single(model) => measure(model, &set, true)?,
            AnyModel::Double(model) => measure(model, &set, true)?,
        };
        mean.add(&batches);
        members.push(evaluation.row(path));
    }
    let means = mean.finish();
    let ModelSet { source, part, rows, warnings, .. } = set;
    let (sums, top5, predicted) = match &rows.labels {
        Labels::Classes(labels) => of_classes(&means, labels, outputs.len()),
        labels @ Labels::Numbers { values, targets } => {
            (of_numbers(&means, values, *targets, labels), None, Predicted::Numbers(means))
        }
    };
    let (dims, dtype, labels) = (Vec::new(), Dtype::F64, rows.labels);
    let mean = Evaluation { dims, dtype, source, part, sums, top5, predicted, labels, outputs, warnings };
    Ok(EnsembleEvaluation { members, mean })
}

/// The sums over the rows of mean probabilities, rows × classes; the share of rows whose label is among the five most
/// probable classes, if there are more than five; and the counts by class
///
/// The loss of a row is −ln of the probability of its label. Losses are added from the first row to the last.
fn of_classes(means: &[f64], labels: &[u32], classes: usize) -> (LossSum, Option<f64>, Predicted) {
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
    (sums, top5, Predicted::Classes(counts))
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
        let (sums, top5, predicted) = of_classes(&[0.25, 0.75, 1.0, 0.0], &[1, 1], 2);
        approx::assert_relative_eq!(sums.loss, -(0.75f64.ln()) - LEAST.ln(), max_relative = 1e-15);
        assert_eq!((sums.correct, sums.rows, top5), (1, 2, None));
        let Predicted::Classes(counts) = predicted else { panic!("classes") };
        assert_eq!((counts.count(1, 1), counts.count(1, 0)), (1, 1));
        assert!(of_classes(&[f64::NAN, 0.0], &[0], 2).0.loss.is_nan());
    }

    #[test]
    fn the_label_is_counted_among_the_five_most_probable_of_more_than_five_classes() {
        let (_, top5, _) =
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
