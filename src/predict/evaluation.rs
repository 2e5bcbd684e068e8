//! The metrics of a model on labelled rows

use std::borrow::Cow;
use std::path::Path;

use chainrule_kernels::Scalar;
use rayon::ThreadPool;

use super::mean::values;
use crate::config::{Dtype, EngineChoice};
use crate::data::encoder::Encoder;
use crate::data::model_set::ModelSet;
pub use crate::data::model_set::Part;
use crate::data::outputs::Outputs;
use crate::data::saved_model::{AnyModel, SavedModel};
use crate::data::{Cells, DataOptions, Labels, Split};
use crate::error::Result;
use crate::nn::loss::LossSum;
use crate::tables::{EvaluationRow, Metric};
use crate::train::evaluate::{Evaluator, Predicted};
use crate::train::metrics::Metrics;

/// Classes above which the five most probable ones are a metric
pub(super) const TOP: usize = 5;

/// The metrics of a model on labelled rows
#[derive(Debug)]
pub struct Evaluation {
    /// Widths of the net; empty for an ensemble
    pub dims: Vec<usize>,
    /// Element type of the net
    pub dtype: Dtype,
    /// Where the rows are from
    pub source: String,
    /// Which rows of it they are
    pub part: Part,
    /// The sums over the rows
    pub sums: LossSum,
    /// Share of the rows whose label is among the five most probable classes; `None` for up to five classes
    pub top5: Option<f64>,
    /// What was predicted
    pub predicted: Predicted,
    /// The labels of the rows
    pub labels: Labels,
    /// What the outputs of the net are
    pub outputs: Outputs,
    /// Warnings of values that the model does not know
    pub warnings: Vec<String>,
}

/// Evaluates a model on the test set that the options name, or on all rows if there is none
///
/// The metrics are those that training writes for the same rows, to the same bits.
///
/// # Errors
/// If the data can't be read, or don't fit the model.
pub fn evaluate(model: &AnyModel, options: &DataOptions, pool: &ThreadPool) -> Result<Evaluation> {
    match model {
        AnyModel::Single(model) => pool.install(|| run(model, options)),
        AnyModel::Double(model) => pool.install(|| run(model, options)),
    }
}

fn run<T: Scalar>(model: &SavedModel<T>, options: &DataOptions) -> Result<Evaluation> {
    let mut options = DataOptions { dtype: model.dtype, ..options.clone() };
    options.table.class_column = model.target_column.clone();
    let set = ModelSet::load(&options, &model.signature)?;
    Ok(measure(model, &set, false)?.0)
}

/// The metrics of a model on the rows of a set, and its outputs as they are averaged, batch by batch
///
/// * `is_member`: whether the outputs are asked for; otherwise there are no batches
///
/// # Errors
/// If this processor can't compute with the model.
pub(super) fn measure<T: Scalar>(
    saved: &SavedModel<T>,
    set: &ModelSet,
    is_member: bool,
) -> Result<(Evaluation, Vec<Vec<f64>>)> {
    let (model, dtype, outputs) = (&saved.model, saved.dtype, saved.signature.outputs.clone());
    let split = in_type(&set.rows, dtype);
    let preprocessing = saved.preprocessing(matches!(split.cells, Cells::Bytes(_)));
    let encoder = Encoder::<T>::new(preprocessing, &set.inputs);
    let mut evaluator = Evaluator::new(EngineChoice::Auto.backend(dtype)?, outputs.clone());
    let rows: Vec<u32> = (0..).take(split.len()).collect();
    let (sums, predicted) = evaluator.evaluate(model, &encoder, &split, &rows);
    let classes = outputs.classes().len();
    let has_top = classes > TOP;
    let (mut among, mut members) = (0, Vec::new());
    if has_top || is_member {
        let batch = |start: usize, _: &[u32], batch: &[T]| {
            let among = if has_top { among_top(batch, &split.labels.classes()[start..], classes) } else { 0 };
            (among, if is_member { values(&outputs, batch) } else { Vec::new() })
        };
        let batches = evaluator.outputs(model, &encoder, &split.cells, &rows, batch);
        among = batches.iter().map(|(among, _)| among).sum();
        members = batches.into_iter().map(|(_, values)| values).filter(|_| is_member).collect();
    }
    let evaluation = Evaluation {
        dims: model.dims(),
        dtype,
        source: set.source.clone(),
        part: set.part,
        sums,
        top5: has_top.then(|| among as f64 / split.len() as f64),
        predicted,
        labels: split.labels.clone(),
        outputs,
        warnings: set.warnings.clone(),
    };
    Ok((evaluation, members))
}

/// Rows with their cells as a net of `dtype` reads them
fn in_type(rows: &Split, dtype: Dtype) -> Cow<'_, Split> {
    match rows.cells.of_dtype(dtype) {
        Cow::Borrowed(_) => Cow::Borrowed(rows),
        Cow::Owned(cells) => Cow::Owned(Split { cells, columns: rows.columns, labels: rows.labels.clone() }),
    }
}

/// Number of rows of rows × classes probabilities whose label is among the five most probable classes
pub(super) fn among_top<T: Scalar>(probabilities: &[T], labels: &[u32], classes: usize) -> usize {
    let rows = probabilities.chunks_exact(classes).zip(labels);
    rows.filter(|(row, label)| is_among(row, **label as usize)).count()
}

/// Whether fewer than five classes come before this one: more probable ones, and earlier ones that are as probable
fn is_among<T: Scalar>(probabilities: &[T], label: usize) -> bool {
    let p = probabilities[label];
    let before = |(class, &other): (usize, &T)| other > p || other == p && class < label;
    probabilities.iter().enumerate().filter(|&other| before(other)).count() < TOP
}

impl Evaluation {
    /// The name of the part in files
    pub fn part_name(&self) -> &'static str {
        match self.part {
            Part::Test => "test",
            Part::All => "all",
        }
    }

    /// The line of metrics.csv
    pub fn row(&self, model: &Path) -> EvaluationRow {
        let Metrics { loss, accuracy, rmse, mae, r2 } = Metrics::of(Some(&self.sums), self.dtype);
        let confusion = match &self.predicted {
            Predicted::Classes(confusion) => Some(confusion),
            Predicted::Numbers(_) => None,
        };
        EvaluationRow {
            loss,
            accuracy,
            top5_accuracy: self.top5.map(Metric::Double),
            macro_f1: confusion.and_then(|counts| counts.means(false)).map(|means| Metric::Double(means.f1)),
            samples: self.sums.rows,
            correct: confusion.map(|_| self.sums.correct),
            classes: confusion.map(|_| self.outputs.len()),
            part: self.part_name(),
            data: self.source.clone(),
            model: model.to_string_lossy().into_owned(),
            dtype: self.dtype.name(),
            version: env!("CARGO_PKG_VERSION"),
            rmse,
            mae,
            r2,
        }
    }
}
