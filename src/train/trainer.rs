//! Epochs of training of one model on one data set, without files

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chainrule_kernels::{Scalar, team};

use super::confusion::Confusion;
use super::dims::Dims;
use super::evaluate::{self, Evaluator};
use super::metrics::{EpochEnd, EpochMetrics};
use crate::config::TrainConfig;
use crate::data::Dataset;
use crate::data::batches::{Order, gather};
use crate::data::validation_split::hold_out;
use crate::error::{Error, Result};
use crate::nn::loss::{LossSum, SoftmaxCrossEntropy};
use crate::nn::mlp::Mlp;
use crate::nn::sgd::Sgd;
use crate::nn::workspace::Workspace;

/// A model in training, with all that it needs from batch to batch; nothing is allocated after the first
#[derive(Debug)]
pub struct Trainer<'a, T> {
    data: &'a Dataset,
    model: Mlp<T>,
    sgd: Sgd<T>,
    learning_rate: f64,
    loss: SoftmaxCrossEntropy<T>,
    order: Order,
    batch_size: usize,
    labels: Vec<u32>,
    workspace: Workspace<T>,
    evaluator: Evaluator<T>,
    test_rows: Vec<u32>,
    val_rows: Option<Vec<u32>>,
}

impl<'a, T: Scalar> Trainer<'a, T> {
    /// A net with the start weights that `config` describes, for the features and classes of `data`
    ///
    /// # Errors
    /// If a setting does not fit the data or this processor, or there is not enough memory.
    pub fn new(config: &TrainConfig, data: &'a Dataset) -> Result<Self> {
        let (features, classes, engine) = (data.features(), data.classes.len(), config.engine.kind()?);
        let (order, val_rows) = divide(config, data)?;
        let batch_size = config.batch_size.min(order.len());
        let most = data.test.len().max(val_rows.as_ref().map_or(0, Vec::len));
        let evaluation_rows = (evaluate::BATCH_ROWS * rayon::current_num_threads()).min(most.max(1));
        let dims = Dims(config.dims(features, classes));
        check_memory::<T>(&dims, config.momentum, batch_size, evaluation_rows)?;
        let mut model = Mlp::new(features, &config.hidden_dims.0, classes, config.activation, config.seed);
        Ok(Self {
            data,
            sgd: Sgd::new(model.parameters_mut(), config.learning_rate, config.momentum, config.weight_decay),
            learning_rate: config.learning_rate,
            loss: SoftmaxCrossEntropy::default(),
            order,
            batch_size,
            labels: Vec::with_capacity(batch_size),
            workspace: model.workspace(batch_size, engine),
            evaluator: Evaluator::new(engine),
            test_rows: (0..).take(data.test.len()).collect(),
            val_rows,
            model,
        })
    }

    /// The model as it is now
    pub fn model(&self) -> &Mlp<T> {
        &self.model
    }

    /// Number of batches in an epoch
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// Trains for one pass over the training set: gather, forward, loss, backward and step for each batch
    ///
    /// The metrics that it returns are those of training alone.
    ///
    /// * `epoch`: counted from 1, decides the order
    /// * `stop`: read before each batch
    /// * `on_batch(n, sums)`: called after batch n with the sums so far
    pub fn run_epoch(
        &mut self,
        epoch: u32,
        stop: &AtomicBool,
        on_batch: &mut (dyn FnMut(usize, &LossSum) + Send),
    ) -> EpochMetrics {
        let Self { data, model, sgd, learning_rate, loss, order, batch_size, labels, workspace, .. } = self;
        let (start, mut train) = (Instant::now(), LossSum::default());
        let end = team::scope(|| {
            order.start_epoch(epoch);
            let mut batches = order.batches(*batch_size).peekable();
            let mut batch = 0;
            while let Some(rows) = batches.next() {
                batch += 1;
                if stop.load(Ordering::Relaxed) {
                    return EpochEnd::Interrupted;
                }
                workspace.set_rows(rows.len());
                gather(&data.train, rows, batches.peek().unwrap_or(&&[][..]), workspace.input_mut(), labels);
                model.forward(workspace);
                let sum = loss.forward(workspace.output_mut(), labels);
                if sum.has_diverged() {
                    return EpochEnd::Diverged { batch: Some(batch) };
                }
                train.add(sum);
                SoftmaxCrossEntropy::backward(workspace.output_mut(), labels);
                model.backward(workspace, Some(sgd));
                on_batch(batch, &train);
            }
            EpochEnd::Done
        });
        let (seconds, learning_rate) = (start.elapsed().as_secs_f64(), *learning_rate);
        EpochMetrics { epoch, learning_rate, train, val: None, test: None, seconds, end }
    }

    /// Loss, accuracy and predictions on the test set
    pub fn evaluate(&mut self) -> (LossSum, Confusion) {
        self.evaluator.evaluate(&self.model, &self.data.test, &self.test_rows)
    }

    /// Loss and accuracy on the validation rows; `None` without a validation split
    pub fn validate(&mut self) -> Option<LossSum> {
        let rows = self.val_rows.as_ref()?;
        Some(self.evaluator.evaluate(&self.model, &self.data.train, rows).0)
    }
}

/// The order of the training rows, and the validation rows
fn divide(config: &TrainConfig, data: &Dataset) -> Result<(Order, Option<Vec<u32>>)> {
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

/// Fails if the memory for a net and its batches can't be reserved, before the first allocation is made
pub(super) fn check_memory<T: Scalar>(
    dims: &Dims,
    momentum: f64,
    batch_size: usize,
    evaluated: usize,
) -> Result<()> {
    let parameters = dims.parameters();
    // Weights, as many elements of scratch, and with momentum as many velocities.
    let copies = if momentum > 0.0 { 3 } else { 2 };
    // In training, each hidden output has a gradient, and a layer's input and gradients are packed into scratch.
    let widths = dims.0.iter().map(|&width| width as u128);
    let (sum, widest): (u128, u128) = (widths.clone().sum(), widths.max().unwrap_or(0));
    let (batch, rows) = (batch_size as u128, 2 * batch_size as u128 + evaluated as u128);
    let bytes = (copies * parameters + rows * sum + 3 * batch * widest) * T::BYTES as u128;
    let reserved =
        usize::try_from(bytes).ok().and_then(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).ok());
    let what = || format!("{parameters} parameters, batches of {batch_size}");
    reserved.ok_or_else(|| Error::Memory { what: what(), bytes })
}
