//! Epochs and evaluation of one model on one data set

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chainrule_kernels::{Backend, Scalar};
use rayon::prelude::*;

use crate::config::TrainConfig;
use crate::data::batches::{Order, gather};
use crate::data::validation_split::hold_out;
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::nn::loss::{LossSum, SoftmaxCrossEntropy};
use crate::nn::mlp::{Mlp, Workspace, alone, with_team};
use crate::nn::sgd::Sgd;

/// Rows of a forward pass when nothing is learnt: 128 images of 784 pixels are 0.4 MB, less than half of a core's L2
///
/// With 64 and 96 rows, predicting 10,000 images with the default net takes 1.02 and 1.05 of the time (one thread, Zen 5,
/// in turns). 512 rows took 1.04 on two threads and 0.98 on one, when threads still shared batches.
const EVALUATION_ROWS: usize = 128;

/// How an epoch ended
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochEnd {
    /// All batches were seen
    Done,
    /// The loss of this batch, counted from 1, had diverged ([`LossSum::has_diverged`]); its update was not made
    Diverged {
        /// The batch
        batch: usize,
    },
    /// It was asked to stop, and did after a whole batch
    Interrupted,
}

/// What an epoch of training gave
#[derive(Clone, Copy, Debug)]
pub struct EpochResult {
    /// Sums over its batches, each with the weights of its time
    pub train: LossSum,
    /// How long it took, s
    pub seconds: f64,
    /// How it ended
    pub end: EpochEnd,
}

/// Counts of images by true and predicted class
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// All counts 0
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Images of class `label` that were taken for class `predicted`
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        self.counts[label * self.classes + predicted]
    }

    /// How many classes there are
    pub fn classes(&self) -> usize {
        self.classes
    }

    fn add(&mut self, labels: &[u32], predicted: &[u32]) {
        for (&label, &predicted) in labels.iter().zip(predicted) {
            self.counts[label as usize * self.classes + predicted as usize] += 1;
        }
    }
}

/// A model in training, with all that it needs from batch to batch; nothing is allocated after the first
#[derive(Debug)]
pub struct Trainer<'a, T> {
    data: &'a Dataset,
    model: Mlp<T>,
    sgd: Sgd<T>,
    loss: SoftmaxCrossEntropy<T>,
    order: Order,
    val: Option<Vec<u32>>,
    batch_size: usize,
    labels: Vec<u32>,
    training: Workspace<T>,
    /// One a thread that has predicted
    readers: Vec<Reader<T>>,
    engine: Backend,
}

impl<'a, T: Scalar> Trainer<'a, T> {
    /// A net as `config` says, for the features and classes of `data`
    ///
    /// # Errors
    /// If the machine can't give the memory that it takes.
    pub fn new(config: &TrainConfig, data: &'a Dataset) -> Result<Self> {
        let (features, classes, engine) = (data.features(), data.classes.len(), config.engine.kind()?);
        let (order, val) = parts(config, data)?;
        let batch_size = config.batch_size.min(order.len());
        let most = data.test.len().max(val.as_ref().map_or(0, Vec::len));
        let evaluation_rows = (EVALUATION_ROWS * rayon::current_num_threads()).min(most.max(1));
        check_memory::<T>(config, features, classes, batch_size, evaluation_rows)?;
        let mut model = Mlp::new(features, &config.hidden_dims.0, classes, config.activation, config.seed);
        Ok(Self {
            data,
            sgd: Sgd::new(&mut model, config.learning_rate, config.momentum, config.weight_decay),
            loss: SoftmaxCrossEntropy::default(),
            order,
            val,
            batch_size,
            labels: Vec::with_capacity(batch_size),
            training: model.workspace(batch_size, engine),
            readers: Vec::new(),
            engine,
            model,
        })
    }

    /// The model as it is now
    pub fn model(&self) -> &Mlp<T> {
        &self.model
    }

    /// Batches an epoch
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// One pass over the training set: gather, forward, loss, backward and update for each batch
    ///
    /// * `epoch`: counted from 1, decides the order
    /// * `stop`: looked at after each batch
    /// * `on_batch(n, sums)`: called after batch n with the sums so far
    pub fn run_epoch(
        &mut self,
        epoch: u32,
        stop: &AtomicBool,
        on_batch: &mut (dyn FnMut(usize, &LossSum) + Send),
    ) -> EpochResult {
        let Self { data, model, sgd, loss, order, batch_size, labels, training, .. } = self;
        let (start, mut train) = (Instant::now(), LossSum::default());
        let end = with_team(|| {
            order.start_epoch(epoch);
            let mut batches = order.batches(*batch_size).peekable();
            let mut batch = 0;
            while let Some(rows) = batches.next() {
                batch += 1;
                if stop.load(Ordering::Relaxed) {
                    return EpochEnd::Interrupted;
                }
                training.set_rows(rows.len());
                gather(&data.train, rows, batches.peek().unwrap_or(&&[][..]), training.input_mut(), labels);
                model.forward(training);
                let sum = loss.forward(training.output_mut(), labels);
                if sum.has_diverged() {
                    return EpochEnd::Diverged { batch };
                }
                train.add(sum);
                SoftmaxCrossEntropy::backward(training.output_mut(), labels);
                model.backward(training, Some(sgd));
                on_batch(batch, &train);
            }
            EpochEnd::Done
        });
        EpochResult { train, seconds: start.elapsed().as_secs_f64(), end }
    }

    /// Loss and accuracy on the test set; the model stays as it is
    pub fn evaluate(&mut self) -> (LossSum, Confusion) {
        let test = &self.data.test;
        self.pass(test, &(0..test.len() as u32).collect::<Vec<_>>())
    }

    /// Loss and accuracy on the images that were held out, if any were; the model stays as it is
    pub fn validate(&mut self) -> Option<LossSum> {
        let rows = self.val.take()?;
        let (sum, _) = self.pass(&self.data.train, &rows);
        self.val = Some(rows);
        Some(sum)
    }

    /// Each thread of the pool reads a stretch of the rows, batch by batch; sums are added in the order of the batches
    fn pass(&mut self, split: &Split, rows: &[u32]) -> (LossSum, Confusion) {
        let Self { model, readers, engine, .. } = self;
        let batches = rows.len().div_ceil(EVALUATION_ROWS);
        let threads = rayon::current_num_threads();
        let (rows_at_once, classes) = (EVALUATION_ROWS.min(rows.len()), self.data.classes.len());
        while readers.len() < threads.min(batches) {
            readers.push(Reader::new(model, rows_at_once, *engine));
        }
        let stretch = batches.div_ceil(threads).max(1) * EVALUATION_ROWS;
        let read =
            |(reader, rows): (&mut Reader<T>, &[u32])| alone(|| reader.read(model, split, rows, classes));
        let parts: Vec<_> =
            readers.par_iter_mut().zip(rows.par_chunks(stretch)).with_max_len(1).map(read).collect();
        let (mut sum, mut confusion) = (LossSum::default(), Confusion::new(classes));
        for (sums, counts) in parts {
            sums.into_iter().for_each(|part| sum.add(part));
            confusion.counts.iter_mut().zip(counts.counts).for_each(|(all, part)| *all += part);
        }
        (sum, confusion)
    }
}

/// What one thread needs to predict
#[derive(Debug)]
struct Reader<T> {
    workspace: Workspace<T>,
    loss: SoftmaxCrossEntropy<T>,
    labels: Vec<u32>,
}

impl<T: Scalar> Reader<T> {
    fn new(model: &Mlp<T>, rows: usize, engine: Backend) -> Self {
        let workspace = model.forward_workspace(rows, engine);
        Self { workspace, loss: SoftmaxCrossEntropy::default(), labels: Vec::with_capacity(rows) }
    }

    /// The sums of each batch, and all predictions
    fn read(
        &mut self,
        model: &Mlp<T>,
        split: &Split,
        rows: &[u32],
        classes: usize,
    ) -> (Vec<LossSum>, Confusion) {
        let Self { workspace, loss, labels } = self;
        let mut confusion = Confusion::new(classes);
        let batches = rows.chunks(EVALUATION_ROWS);
        let nexts = batches.clone().skip(1).chain([&[][..]]);
        let sums = batches.zip(nexts).map(|(rows, next)| {
            workspace.set_rows(rows.len());
            gather(split, rows, next, workspace.input_mut(), labels);
            model.forward(workspace);
            let sum = loss.forward(workspace.output_mut(), labels);
            confusion.add(labels, loss.predicted());
            sum
        });
        (sums.collect(), confusion)
    }
}

/// The order of the images to learn from, and those that are held out
fn parts(config: &TrainConfig, data: &Dataset) -> Result<(Order, Option<Vec<u32>>)> {
    let seed = (!config.no_shuffle).then_some(config.seed);
    if config.val_split == 0.0 {
        return Ok((Order::new(data.train.len(), seed), None));
    }
    let parts = hold_out(&data.train.labels, config.val_split, config.seed);
    if parts.val.is_empty() {
        let expected = "0 where no class has two images".to_owned();
        return Err(Error::Setting { name: "val-split", expected, found: config.val_split.to_string() });
    }
    Ok((Order::of(parts.train, seed), Some(parts.val)))
}

/// Whether the memory for a net and its batches can be had, tried before any of it is asked for in earnest
fn check_memory<T: Scalar>(
    config: &TrainConfig,
    features: usize,
    classes: usize,
    batch_size: usize,
    evaluation_rows: usize,
) -> Result<()> {
    let dims: Vec<u128> = config.dims(features, classes).into_iter().map(|d| d as u128).collect();
    let parameters: u128 = dims.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
    // Weights, the engine's room for as many numbers, and velocities when there is momentum.
    let copies = if config.momentum > 0.0 { 3 } else { 2 };
    // In training, hidden outputs have gradients beside them, and the engine has copies of a layer's input and gradients.
    let (widths, widest): (u128, u128) = (dims.iter().sum(), dims.iter().copied().max().unwrap_or(0));
    let (batch, rows) = (batch_size as u128, 2 * batch_size as u128 + evaluation_rows as u128);
    let bytes = (copies * parameters + rows * widths + 3 * batch * widest) * T::BYTES as u128;
    let room = usize::try_from(bytes).ok().and_then(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).ok());
    let what = || format!("{parameters} parameters, batches of {batch_size}");
    room.ok_or_else(|| Error::Memory { what: what(), bytes })
}
