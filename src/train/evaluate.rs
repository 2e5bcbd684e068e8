//! Prediction and evaluation of rows: forward passes only, on all threads of the current `rayon` pool

use chainrule_kernels::{Backend, Scalar, argmax_rows, softmax_rows, team};
use rayon::prelude::*;

use super::confusion::Confusion;
use crate::data::batches::gather;
use crate::data::encoder::Encoder;
use crate::data::outputs::Outputs;
use crate::data::{Cells, Labels, Split};
use crate::nn::loss::{BatchLabels, Loss, LossSum};
use crate::nn::mlp::Mlp;
use crate::nn::workspace::Workspace;

/// Number of rows in a batch: 128 rows of 784 features take 0.4 MB in f32, less than half of a core's L2 cache
///
/// Chosen by measurement (docs/engine.md, row "rows of a batch in evaluation").
pub const BATCH_ROWS: usize = 128;

/// What was predicted for rows that were evaluated
#[derive(Clone, Debug, PartialEq)]
pub enum Predicted {
    /// Counts of the rows by true and predicted class
    Classes(Confusion),
    /// The targets of each row in their own units, rows × targets
    Numbers(Vec<f64>),
}

impl Predicted {
    fn none(outputs: &Outputs) -> Self {
        match outputs {
            Outputs::Classes(names) => Self::Classes(Confusion::new(names.len())),
            Outputs::Targets { .. } => Self::Numbers(Vec::new()),
        }
    }

    /// Adds those of the rows that follow
    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Classes(counts), Self::Classes(other)) => counts.add(&other),
            (Self::Numbers(numbers), Self::Numbers(other)) => numbers.extend(other),
            _ => unreachable!("all rows are of one task"),
        }
    }
}

/// Predicts and evaluates rows with models of the same dimensions; keeps its scratch between calls
///
/// The model is not changed. The results do not depend on the number of threads.
#[derive(Debug)]
pub struct Evaluator<T> {
    backend: Backend,
    outputs: Outputs,
    /// The scratch of each thread
    readers: Vec<Reader<T>>,
}

impl<T: Scalar> Evaluator<T> {
    /// An evaluator of models with these outputs, which computes with `backend`; the backend must be available on this
    /// processor
    pub fn new(backend: Backend, outputs: Outputs) -> Self {
        Self { backend, outputs, readers: Vec::new() }
    }

    /// The sums over the given rows of `split`, and what was predicted for them
    ///
    /// # Panics
    /// If the model or its outputs do not fit the rows, or its dimensions differ from those of the model of an earlier call.
    pub fn evaluate(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        split: &Split,
        rows: &[u32],
    ) -> (LossSum, Predicted) {
        let parts = self.pass(model, rows, |reader, outputs, _, rows| {
            reader.evaluate(model, (encoder, outputs), split, rows)
        });
        let (mut sum, mut all) = (LossSum::default(), Predicted::none(&self.outputs));
        for (sums, predicted) in parts {
            sums.iter().for_each(|batch| sum.add(batch));
            all.add(predicted);
        }
        for (at, errors) in sum.errors.iter_mut().enumerate() {
            errors.variation = variation(&split.labels, at, rows);
        }
        (sum, all)
    }

    /// The most probable class of each of the given rows of `cells`
    ///
    /// # Panics
    /// As [`Self::evaluate`].
    pub fn predict(&mut self, model: &Mlp<T>, encoder: &Encoder<T>, cells: &Cells, rows: &[u32]) -> Vec<u32> {
        self.pass(model, rows, |reader, _, _, rows| reader.predict(model, encoder, cells, rows)).concat()
    }

    /// What `each` returns for each batch of the given rows of `cells`, in their order
    ///
    /// * `each(start, predicted, outputs)`: called with the index of the batch's first row in `rows`, with the most
    ///   probable class of each of its rows, as [`Self::predict`] returns it, and with rows × classes probabilities. In
    ///   regression, there are no classes, and `outputs` are rows × targets, standardised.
    ///
    /// # Panics
    /// As [`Self::evaluate`].
    pub fn outputs<R: Send>(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        cells: &Cells,
        rows: &[u32],
        each: impl Fn(usize, &[u32], &[T]) -> R + Sync,
    ) -> Vec<R> {
        let parts = self.pass(model, rows, |reader, outputs, start, rows| {
            let is_classes = matches!(outputs, Outputs::Classes(_));
            reader.outputs(model, encoder, is_classes, (cells, rows), |at, predicted, outputs| {
                each(start + at, predicted, outputs)
            })
        });
        parts.into_iter().flatten().collect()
    }

    /// Divides the rows into whole batches among the threads; returns the results of `read`, which gets the index of its
    /// first row, in the order of the rows
    fn pass<R: Send>(
        &mut self,
        model: &Mlp<T>,
        rows: &[u32],
        read: impl Fn(&mut Reader<T>, &Outputs, usize, &[u32]) -> R + Sync,
    ) -> Vec<R> {
        let Self { backend, outputs, readers } = self;
        let batches = rows.len().div_ceil(BATCH_ROWS);
        let threads = rayon::current_num_threads();
        while readers.len() < threads.min(batches) {
            let most = BATCH_ROWS.min(rows.len());
            let workspace = model.forward_workspace(most, *backend);
            let scratch =
                Scratch { predicted: vec![0; most], max: vec![T::ZERO; most], log_sum: vec![T::ZERO; most] };
            let (loss, labels) = (outputs.loss(), outputs.batch_labels(most));
            readers.push(Reader { workspace, loss, labels, scratch });
        }
        let stretch = batches.div_ceil(threads).max(1) * BATCH_ROWS;
        let outputs = &*outputs;
        let parts = readers.par_iter_mut().zip(rows.par_chunks(stretch)).enumerate().with_max_len(1);
        parts
            .map(|(at, (reader, rows))| team::run_serial(|| read(reader, outputs, at * stretch, rows)))
            .collect()
    }
}

/// `Σ (y − ȳ)²` of a target over rows, where ȳ is the mean of y over them; 0 for classes
pub fn variation(labels: &Labels, target: usize, rows: &[u32]) -> f64 {
    let Labels::Numbers { values, targets } = labels else { return 0.0 };
    let column = || rows.iter().map(|&row| values[row as usize * targets + target]);
    let mean = column().sum::<f64>() / rows.len() as f64;
    column().map(|y| (y - mean) * (y - mean)).sum()
}

/// The scratch of one thread
#[derive(Debug)]
struct Reader<T> {
    workspace: Workspace<T>,
    loss: Loss<T>,
    labels: BatchLabels<T>,
    scratch: Scratch<T>,
}

/// What [`Reader::outputs`] computes beside the probabilities of a batch
#[derive(Debug)]
struct Scratch<T> {
    predicted: Vec<u32>,
    max: Vec<T>,
    log_sum: Vec<T>,
}

impl<T: Scalar> Reader<T> {
    /// The sums of each batch, and what was predicted for all rows
    fn evaluate(
        &mut self,
        model: &Mlp<T>,
        (encoder, outputs): (&Encoder<T>, &Outputs),
        split: &Split,
        rows: &[u32],
    ) -> (Vec<LossSum>, Predicted) {
        let Self { workspace, loss, labels, .. } = self;
        let mut predicted = Predicted::none(outputs);
        let sums = batches(rows).map(|(rows, next)| {
            workspace.set_rows(rows.len());
            gather(split, (encoder, outputs), rows, next, workspace.input_mut(), labels);
            model.forward(workspace);
            loss.forward(workspace.output_mut(), labels);
            match (&mut predicted, &*labels) {
                (Predicted::Classes(counts), BatchLabels::Classes(labels)) => {
                    counts.add_rows(labels, loss.predicted());
                }
                (Predicted::Numbers(numbers), _) => {
                    let rows = workspace.output_mut().data().chunks_exact(outputs.len());
                    let values = rows.flat_map(|row| outputs.targets().iter().zip(row));
                    numbers.extend(values.map(|(target, output)| target.value(output.to_f64())));
                }
                _ => unreachable!("labels are of the outputs' kind"),
            }
            loss.sum().clone()
        });
        (sums.collect(), predicted)
    }

    fn predict(&mut self, model: &Mlp<T>, encoder: &Encoder<T>, cells: &Cells, rows: &[u32]) -> Vec<u32> {
        let mut predicted = vec![0; rows.len()];
        for ((rows, next), predicted) in batches(rows).zip(predicted.chunks_mut(BATCH_ROWS)) {
            self.workspace.set_rows(rows.len());
            encoder.gather(cells, rows, next, self.workspace.input_mut());
            model.forward(&mut self.workspace);
            let logits = self.workspace.output_mut();
            argmax_rows(logits.data(), logits.cols(), predicted);
        }
        predicted
    }

    fn outputs<R>(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        is_classes: bool,
        (cells, rows): (&Cells, &[u32]),
        each: impl Fn(usize, &[u32], &[T]) -> R,
    ) -> Vec<R> {
        let Self { workspace, scratch: Scratch { predicted, max, log_sum }, .. } = self;
        let batch = |(at, (rows, next)): (usize, (&[u32], &[u32]))| {
            let n = rows.len();
            predicted.resize(n, 0);
            max.resize(n, T::ZERO);
            log_sum.resize(n, T::ZERO);
            workspace.set_rows(n);
            encoder.gather(cells, rows, next, workspace.input_mut());
            model.forward(workspace);
            let outputs = workspace.output_mut();
            if !is_classes {
                return each(at * BATCH_ROWS, &[], outputs.data());
            }
            let classes = outputs.cols();
            argmax_rows(outputs.data(), classes, predicted);
            softmax_rows(outputs.data_mut(), classes, max, log_sum);
            each(at * BATCH_ROWS, predicted, outputs.data())
        };
        batches(rows).enumerate().map(batch).collect()
    }
}

/// Each batch together with the next one, which is prefetched in the meantime
fn batches(rows: &[u32]) -> impl Iterator<Item = (&[u32], &[u32])> {
    let batches = rows.chunks(BATCH_ROWS);
    batches.clone().zip(batches.skip(1).chain([&[][..]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::data::preprocessing::{Encoding, Preprocessing};
    use crate::nn::layers::Activation;

    #[test]
    fn predictions_need_no_labels_and_are_those_that_evaluation_counts() {
        let images = (0..300 * 9).map(|at| (at * 37 % 251) as u8).collect();
        let labels: Vec<u32> = (0..300).map(|i| i % 4).collect();
        let split =
            Split { cells: Cells::Bytes(images), labels: Labels::Classes(labels.clone()), columns: 9 };
        let preprocessing = Preprocessing { dims: vec![9], names: Vec::new(), encoding: Encoding::Pixels };
        let encoder = Encoder::new(&preprocessing, &Inputs::of_array(&[9]));
        let model = Mlp::<f32>::new(9, &[7], 4, Activation::Relu, 3);
        let rows: Vec<u32> = (0..300).rev().step_by(2).collect();
        let outputs = Outputs::Classes((0..4).map(|class| class.to_string()).collect());
        let mut evaluator = Evaluator::new(Backend::Matrixmultiply, outputs);
        let (sum, counts) = evaluator.evaluate(&model, &encoder, &split, &rows);
        let labels: Vec<u32> = rows.iter().map(|&row| labels[row as usize]).collect();
        let predicted = evaluator.predict(&model, &encoder, &split.cells, &rows);
        let mut expected = Confusion::new(4);
        expected.add_rows(&labels, &predicted);
        assert_eq!((sum.rows, counts), (150, Predicted::Classes(expected)));
    }
}
