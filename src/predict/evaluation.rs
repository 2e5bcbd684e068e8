//! The metrics of a model on labelled rows

use std::borrow::Cow;
use std::path::Path;

use chainrule_kernels::Scalar;
use rayon::ThreadPool;

use super::copies::{Copies, CopiesChoice};
use super::mean::values;
use super::row_metrics::RowMetrics;
use super::top::{TOP, among_top};
use crate::config::{Dtype, EngineChoice};
use crate::data::encoder::Encoder;
use crate::data::model_set::ModelSet;
pub use crate::data::model_set::Part;
use crate::data::outputs::Outputs;
use crate::data::saved_model::{AnyModel, SavedModel};
use crate::data::signature::Signature;
use crate::data::{Cells, DataOptions, Labels, Split};
use crate::error::{Result, memory};
use crate::nn::loss::LossSum;
use crate::tables::{EvaluationRow, Metric};
use crate::train::evaluate::{Evaluator, Predicted};
use crate::train::metrics::Metrics;

/// The metrics of a model on labelled rows
#[derive(Debug)]
pub struct Evaluation {
    /// Widths of the net; empty for an ensemble
    pub dims: Vec<usize>,
    /// Element type of the net; f64 for an ensemble
    pub dtype: Dtype,
    /// Number of moved copies of each row whose predictions were averaged; 1 for the row alone
    pub copies: usize,
    /// Where the rows are from
    pub source: String,
    /// Which rows of it they are
    pub part: Part,
    /// The sums over the rows
    pub sums: LossSum,
    /// Whether the sums have a loss; those of mean numbers have none
    pub has_loss: bool,
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
/// The metrics are those that training writes for the same rows, to the same bits. With copies of images, they are those of the
/// mean over them, in f64.
///
/// # Errors
/// If the data can't be read, or don't fit the model, or copies are asked for of rows that are no images.
pub fn evaluate(
    model: &AnyModel,
    options: &DataOptions,
    choice: CopiesChoice,
    pool: &ThreadPool,
) -> Result<Evaluation> {
    match model {
        AnyModel::Single(model) => pool.install(|| run(model, options, choice)),
        AnyModel::Double(model) => pool.install(|| run(model, options, choice)),
    }
}

fn run<T: Scalar>(model: &SavedModel<T>, options: &DataOptions, choice: CopiesChoice) -> Result<Evaluation> {
    let mut options = DataOptions { dtype: model.dtype, ..options.clone() };
    options.table.class_column = model.target_column.clone();
    let (set, copies) = load(&options, &[&model.signature], choice)?;
    Ok(measure(model, &set, copies.as_ref(), false)?.0)
}

/// The rows that the options name, as the first of some models reads them, and the copies of each
///
/// # Errors
/// As [`evaluate`].
pub(super) fn load(
    options: &DataOptions,
    models: &[&Signature],
    choice: CopiesChoice,
) -> Result<(ModelSet, Option<Copies>)> {
    let mut set = ModelSet::load(options, models[0])?;
    let preprocessings = || models.iter().map(|model| &model.preprocessing);
    let copies = Copies::new(choice, preprocessings(), &set.inputs.dims)?;
    set.warnings.extend(choice.warning(preprocessings()));
    Ok((set, copies))
}

/// The metrics of a model on the rows of a set, and its outputs as they are averaged, batch by batch
///
/// * `copies`: the copies of each row whose outputs are averaged first
/// * `is_member`: whether the outputs are asked for; otherwise there are no batches
///
/// # Errors
/// If this processor can't compute with the model, or there is no memory for the means over copies.
pub(super) fn measure<T: Scalar>(
    saved: &SavedModel<T>,
    set: &ModelSet,
    copies: Option<&Copies>,
    is_member: bool,
) -> Result<(Evaluation, Vec<Vec<f64>>)> {
    let (dtype, outputs) = (saved.dtype, saved.signature.outputs.clone());
    let split = in_type(&set.rows, dtype);
    let preprocessing = saved.preprocessing(matches!(split.cells, Cells::Bytes(_)));
    let encoder = Encoder::<T>::new(preprocessing, &set.inputs);
    let mut evaluator = Evaluator::new(EngineChoice::Auto.backend(dtype)?, outputs.clone());
    let (metrics, members) = match copies {
        None => of_rows(saved, &mut evaluator, &encoder, &split, is_member),
        Some(copies) => {
            let means = of_copies(saved, &mut evaluator, &encoder, &split, copies)?;
            (RowMetrics::of_means(&means, &split.labels, outputs.len()), vec![means])
        }
    };
    let RowMetrics { sums, has_loss, top5, predicted } = metrics;
    let evaluation = Evaluation {
        dims: saved.model.dims(),
        dtype,
        copies: Copies::count(copies),
        source: set.source.clone(),
        part: set.part,
        sums,
        has_loss,
        top5,
        predicted,
        labels: split.labels.clone(),
        outputs,
        warnings: set.warnings.clone(),
    };
    Ok((evaluation, members))
}

/// The metrics of the rows as they are, and the outputs as [`measure`] says
fn of_rows<T: Scalar>(
    saved: &SavedModel<T>,
    evaluator: &mut Evaluator<T>,
    encoder: &Encoder<T>,
    split: &Split,
    is_member: bool,
) -> (RowMetrics, Vec<Vec<f64>>) {
    let (model, outputs) = (&saved.model, &saved.signature.outputs);
    let rows: Vec<u32> = (0..).take(split.len()).collect();
    let (sums, predicted) = evaluator.evaluate(model, encoder, split, &rows);
    let classes = outputs.classes().len();
    let has_top = classes > TOP;
    let (mut among, mut members) = (0, Vec::new());
    if has_top || is_member {
        let batch = |start: usize, _: &[u32], batch: &[T]| {
            let among = if has_top { among_top(batch, &split.labels.classes()[start..], classes) } else { 0 };
            (among, if is_member { values(outputs, batch) } else { Vec::new() })
        };
        let batches = evaluator.outputs(model, encoder, &split.cells, &rows, batch);
        among = batches.iter().map(|(among, _)| among).sum();
        members = batches.into_iter().map(|(_, values)| values).filter(|_| is_member).collect();
    }
    let top5 = has_top.then(|| among as f64 / split.len() as f64);
    (RowMetrics { sums, has_loss: true, top5, predicted }, members)
}

/// The means over the copies, rows × outputs
///
/// # Errors
/// If there is no memory for them.
fn of_copies<T: Scalar>(
    saved: &SavedModel<T>,
    evaluator: &mut Evaluator<T>,
    encoder: &Encoder<T>,
    split: &Split,
    copies: &Copies,
) -> Result<Vec<f64>> {
    let (model, outputs) = (&saved.model, &saved.signature.outputs);
    // Numbers are copied for predictions.csv.
    let bytes = 16 * split.len() as u128 * outputs.len() as u128;
    memory::check(bytes, || "the predictions of copies of the images".to_owned())?;
    let mut rows: Vec<u32> = Vec::new();
    Ok(copies.means(&split.cells, outputs.len(), |cells, count| {
        rows.extend(rows.len() as u32..count.max(rows.len()) as u32);
        evaluator.outputs(model, encoder, cells, &rows[..count], |_, _, batch| values(outputs, batch))
    }))
}

/// Rows with their cells as a net of `dtype` reads them
fn in_type(rows: &Split, dtype: Dtype) -> Cow<'_, Split> {
    match rows.cells.of_dtype(dtype) {
        Cow::Borrowed(_) => Cow::Borrowed(rows),
        Cow::Owned(cells) => Cow::Owned(Split { cells, columns: rows.columns, labels: rows.labels.clone() }),
    }
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
            loss: loss.filter(|_| self.has_loss),
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
            copies: self.copies,
        }
    }
}
