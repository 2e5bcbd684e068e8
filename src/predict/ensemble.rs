//! The metrics of several models and of their mean on labelled rows

use std::path::Path;

use rayon::ThreadPool;

use super::agreement::check_agreement;
use super::copies::{Copies, CopiesChoice};
use super::evaluation::{Evaluation, load, measure};
use super::mean::Mean;
use super::row_metrics::RowMetrics;
use crate::config::Dtype;
use crate::data::DataOptions;
use crate::data::model_set::ModelSet;
use crate::data::saved_model::AnyModel;
use crate::error::{Result, memory, separated};
use crate::tables::EvaluationRow;

/// Name of the ensemble in the column `model`
pub const ENSEMBLE: &str = "ensemble";

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
        self.members.iter().cloned().chain([self.mean.row(Path::new(ENSEMBLE))]).collect()
    }
}

/// Evaluates models and their mean on the test set that the options name, or on all rows if there is none
///
/// Probabilities, or targets in their own units, are averaged in f64 in the order of the models. The rows are read once, as
/// f64 if one of the models is f64. With copies of images, each model's mean over them is averaged. It needs memory for the
/// rows, and for two numbers of f64 for each row and output, with copies three.
///
/// # Errors
/// If the models do not fit each other, the data can't be read or don't fit the models, or there is no memory.
///
/// # Panics
/// If there is no model.
pub fn evaluate_ensemble(
    models: &[(&Path, &AnyModel)],
    options: &DataOptions,
    choice: CopiesChoice,
    pool: &ThreadPool,
) -> Result<EnsembleEvaluation> {
    check_agreement(models)?;
    pool.install(|| run(models, options, choice))
}

fn run(
    models: &[(&Path, &AnyModel)],
    options: &DataOptions,
    choice: CopiesChoice,
) -> Result<EnsembleEvaluation> {
    let (_, first) = models[0];
    let is_double = models.iter().any(|(_, model)| model.dtype() == Dtype::F64);
    let dtype = if is_double { Dtype::F64 } else { first.dtype() };
    let mut options = DataOptions { dtype, ..options.clone() };
    options.table.class_column = first.target_column().cloned();
    let outputs = first.signature().outputs.clone();
    let signatures: Vec<_> = models.iter().map(|(_, model)| model.signature()).collect();
    let (set, copies) = load(&options, &signatures, choice)?;
    let bytes = 16 * set.rows.len() as u128 * outputs.len() as u128;
    memory::check(bytes, || format!("the predictions of {} models", separated(models.len())))?;
    let (mut mean, mut members) = (Mean::default(), Vec::new());
    for (path, model) in models {
        let (evaluation, batches) = match model {
            AnyModel::Single(model) => measure(model, &set, copies.as_ref(), true)?,
            AnyModel::Double(model) => measure(model, &set, copies.as_ref(), true)?,
        };
        mean.add(&batches);
        members.push(evaluation.row(path));
    }
    let ModelSet { source, part, rows, warnings, .. } = set;
    let RowMetrics { sums, has_loss, top5, predicted } =
        RowMetrics::of_means(&mean.finish(), &rows.labels, outputs.len());
    let mean = Evaluation {
        dims: Vec::new(),
        dtype: Dtype::F64,
        copies: Copies::count(copies.as_ref()),
        source,
        part,
        sums,
        has_loss,
        top5,
        predicted,
        labels: rows.labels,
        outputs,
        warnings,
    };
    Ok(EnsembleEvaluation { members, mean })
}
