//! Prediction and evaluation of rows: forward passes only, on all threads of the current `rayon` pool

use chainrule_kernels::{Backend, Scalar, argmax_rows, softmax_rows, team};
use rayon::prelude::*;

use super::confusion::Confusion;
use crate::data::batches::gather;
use crate::data::encoder::Encoder;
use crate::data::{Cells, Split};
use crate::nn::loss::{LossSum, SoftmaxCrossEntropy};
use crate::nn::mlp::Mlp;
use crate::nn::workspace::Workspace;

/// Number of rows in a batch: 128 rows of 784 features take 0.4 MB in f32, less than half of a core's L2 cache
///
/// Chosen by measurement (docs/engine.md, row "rows of a batch in evaluation").
pub const BATCH_ROWS: usize = 128;

/// Predicts and evaluates rows with models of the same dimensions; keeps its scratch between calls
///
/// The model is not changed. The results do not depend on the number of threads.
#[derive(Debug)]
pub struct Evaluator<T> {
    backend: Backend,
    /// The scratch of each thread
    readers: Vec<Reader<T>>,
}

impl<T: Scalar> Evaluator<T> {
    /// An evaluator that computes with `backend`, which must be available on this processor
    pub fn new(backend: Backend) -> Self {
        Self { backend, readers: Vec::new() }
    }

    /// The loss sums of the given rows of `split`, and the counts of these rows by true and predicted class
    ///
    /// # Panics
    /// If the model does not fit the rows, or its dimensions differ from those of the model of an earlier call.
    pub fn evaluate(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        split: &Split,
        rows: &[u32],
    ) -> (LossSum, Confusion) {
        let parts = self.pass(model, rows, |reader, _, rows| reader.evaluate(model, encoder, split, rows));
        let (mut sum, mut confusion) = (LossSum::default(), Confusion::new(model.outputs()));
        for (sums, counts) in parts {
            sums.into_iter().for_each(|batch| sum.add(batch));
            confusion.add(&counts);
        }
        (sum, confusion)
    }

    /// The most probable class of each of the given rows of `cells`
    ///
    /// # Panics
    /// As [`Self::evaluate`].
    pub fn predict(&mut self, model: &Mlp<T>, encoder: &Encoder<T>, cells: &Cells, rows: &[u32]) -> Vec<u32> {
        self.pass(model, rows, |reader, _, rows| reader.predict(model, encoder, cells, rows)).concat()
    }

    /// What `each` returns for each batch of the given rows of `cells`, in their order
    ///
    /// * `each(start, predicted, probabilities)`: called with the index of the batch's first row in `rows`, with the most
    ///   probable class of each of its rows, as [`Self::predict`] returns it, and with rows × classes probabilities
    ///
    /// # Panics
    /// As [`Self::evaluate`].
    pub fn probabilities<R: Send>(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        cells: &Cells,
        rows: &[u32],
        each: impl Fn(usize, &[u32], &[T]) -> R + Sync,
    ) -> Vec<R> {
        let parts = self.pass(model, rows, |reader, start, rows| {
            reader.probabilities(model, encoder, cells, rows, |at, predicted, probabilities| {
                each(start + at, predicted, probabilities)
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
        read: impl Fn(&mut Reader<T>, usize, &[u32]) -> R + Sync,
    ) -> Vec<R> {
        let batches = rows.len().div_ceil(BATCH_ROWS);
        let threads = rayon::current_num_threads();
        while self.readers.len() < threads.min(batches) {
            let most = BATCH_ROWS.min(rows.len());
            let (workspace, labels) = (model.forward_workspace(most, self.backend), Vec::with_capacity(most));
            let scratch =
                Scratch { predicted: vec![0; most], max: vec![T::ZERO; most], log_sum: vec![T::ZERO; most] };
            self.readers.push(Reader { workspace, loss: SoftmaxCrossEntropy::default(), labels, scratch });
        }
        let stretch = batches.div_ceil(threads).max(1) * BATCH_ROWS;
        let parts = self.readers.par_iter_mut().zip(rows.par_chunks(stretch)).enumerate().with_max_len(1);
        parts.map(|(at, (reader, rows))| team::run_serial(|| read(reader, at * stretch, rows))).collect()
    }
}

/// The scratch of one thread
#[derive(Debug)]
struct Reader<T> {
    workspace: Workspace<T>,
    loss: SoftmaxCrossEntropy<T>,
    labels: Vec<u32>,
    scratch: Scratch<T>,
}

/// What [`Reader::probabilities`] computes beside the probabilities of a batch
#[derive(Debug)]
struct Scratch<T> {
    predicted: Vec<u32>,
    max: Vec<T>,
    log_sum: Vec<T>,
}

impl<T: Scalar> Reader<T> {
    /// The loss of each batch, and the counts of all rows
    fn evaluate(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        split: &Split,
        rows: &[u32],
    ) -> (Vec<LossSum>, Confusion) {
        let Self { workspace, loss, labels, .. } = self;
        let mut confusion = Confusion::new(model.outputs());
        let sums = batches(rows).map(|(rows, next)| {
            workspace.set_rows(rows.len());
            gather(split, encoder, rows, next, workspace.input_mut(), labels);
            model.forward(workspace);
            let sum = loss.forward(workspace.output_mut(), labels);
            confusion.add_rows(labels, loss.predicted());
            sum
        });
        (sums.collect(), confusion)
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

    fn probabilities<R>(
        &mut self,
        model: &Mlp<T>,
        encoder: &Encoder<T>,
        cells: &Cells,
        rows: &[u32],
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
            let logits = workspace.output_mut();
            let classes = logits.cols();
            argmax_rows(logits.data(), classes, predicted);
            softmax_rows(logits.data_mut(), classes, max, log_sum);
            each(at * BATCH_ROWS, predicted, logits.data())
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
        let split =
            Split { cells: Cells::Bytes(images), labels: (0..300).map(|i| i % 4).collect(), columns: 9 };
        let preprocessing = Preprocessing { dims: vec![9], names: Vec::new(), encoding: Encoding::Pixels };
        let encoder = Encoder::new(&preprocessing, &Inputs::of_array(&[9]));
        let model = Mlp::<f32>::new(9, &[7], 4, Activation::Relu, 3);
        let rows: Vec<u32> = (0..300).rev().step_by(2).collect();
        let mut evaluator = Evaluator::new(Backend::Matrixmultiply);
        let (sum, counts) = evaluator.evaluate(&model, &encoder, &split, &rows);
        let labels: Vec<u32> = rows.iter().map(|&row| split.labels[row as usize]).collect();
        let predicted = evaluator.predict(&model, &encoder, &split.cells, &rows);
        let mut expected = Confusion::new(4);
        expected.add_rows(&labels, &predicted);
        assert_eq!((sum.rows, counts), (150, expected));
    }
}
