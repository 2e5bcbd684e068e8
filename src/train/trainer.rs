//! Epochs of training of one model on one data set, without files

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chainrule_kernels::{Scalar, team};

use super::average::Average;
use super::dims::{Copies, Dims};
use super::evaluate::{self, Evaluator, Predicted};
use super::metrics::{AverageSums, EpochEnd, EpochMetrics};
use super::optimizer;
use super::progress::Progress;
use super::schedule::Schedule;
use super::state::TrainState;
use crate::config::{Every, Keep, TrainConfig};
use crate::data::Dataset;
use crate::data::augmentation::{self, Augmentation};
use crate::data::batches::{Order, gather};
use crate::data::encoder::Encoder;
use crate::data::init_model;
use crate::data::preprocessing::Encoding;
use crate::data::run_data::RunData;
use crate::error::{Result, memory, separated};
use crate::nn::layers::Place;
use crate::nn::loss::{BatchLabels, Loss, LossSum};
use crate::nn::mlp::Mlp;
use crate::nn::optimizer::Optimizer;
use crate::nn::workspace::Workspace;

/// A model in training with its buffers; batches after the first allocate nothing
#[derive(Debug)]
pub struct Trainer<'a, T> {
    data: &'a RunData<'a>,
    encoder: Encoder<T>,
    model: Mlp<T>,
    optimizer: Optimizer<T>,
    schedule: Schedule,
    seed: u64,
    loss: Loss<T>,
    order: Order,
    augmentation: Option<Augmentation>,
    batch_size: usize,
    labels: BatchLabels<T>,
    /// The weights of a batch's rows; empty without weights
    weights: Vec<f64>,
    workspace: Workspace<T>,
    evaluator: Evaluator<T>,
    test_rows: Vec<u32>,
    progress: Progress,
    /// The elements of the tensors after the best epoch, where they are kept
    best: Option<Arc<Vec<Vec<T>>>>,
    average: Option<Average<T>>,
    pause: Option<Every>,
    deadline: Option<Instant>,
}

impl<'a, T: Scalar> Trainer<'a, T> {
    /// A net with the initial weights that `config` describes, for the features and outputs of `data`
    ///
    /// # Errors
    /// If a setting does not fit the data or this processor, or there is not enough memory.
    pub fn new(config: &TrainConfig, data: &'a RunData<'a>) -> Result<Self> {
        Self::with(config, data, config.init.as_deref())
    }

    /// A net whose weights [`Self::restore`] will set: a model that the run started from is not read
    ///
    /// # Errors
    /// As those of [`Self::new`].
    pub fn to_restore(config: &TrainConfig, data: &'a RunData<'a>) -> Result<Self> {
        Self::with(config, data, None)
    }

    fn with(config: &TrainConfig, data: &'a RunData<'a>, init: Option<&str>) -> Result<Self> {
        let (set, backend) = (&*data.set, config.engine.backend(config.dtype)?);
        let (features, outputs) = (data.preprocessing.features(), data.outputs.len());
        let order = Order::of(data.train_rows.clone(), (!config.no_shuffle).then_some(config.seed));
        let batch_size = config.batch_size.min(order.len());
        let most = set.test.len().max(data.val_rows.as_ref().map_or(0, Vec::len));
        let evaluation_rows = (evaluate::BATCH_ROWS * rayon::current_num_threads()).min(most.max(1));
        let dims = Dims(config.dims(features, outputs));
        check_memory(&dims, config, set, batch_size, evaluation_rows)?;
        let augmentation = Augmentation::new(config, set, batch_size)?;
        let labels = match &augmentation {
            None => data.outputs.batch_labels(batch_size),
            Some(augmentation) => augmentation.batch_labels(&data.outputs, batch_size),
        };
        let mut model = match init {
            Some(init) => init_model::net(init, config, &dims.0)?,
            None => {
                let are_pixels = data.preprocessing.encoding == Encoding::Pixels;
                let initial = config.initial_weights.of(config.activation, are_pixels);
                Mlp::with_initial_weights(&dims.0, config.design(), initial, config.seed)
            }
        };
        let average = Average::new(config, &model, order.len().div_ceil(batch_size));
        Ok(Self {
            data,
            encoder: Encoder::new(&data.preprocessing, &set.inputs),
            optimizer: optimizer::new(config, &mut model),
            schedule: Schedule::new(config, order.len().div_ceil(batch_size)),
            seed: config.seed,
            loss: data.outputs.training_loss(config.label_smoothing),
            order,
            augmentation,
            batch_size,
            labels,
            weights: Vec::with_capacity(data.weights.as_ref().map_or(0, |_| batch_size)),
            workspace: model.workspace(batch_size, backend),
            evaluator: Evaluator::new(backend, data.outputs.clone()),
            test_rows: (0..).take(set.test.len()).collect(),
            progress: Progress::default(),
            best: None,
            average,
            pause: None,
            deadline: None,
            model,
        })
    }

    /// The model as it is now
    pub fn model(&self) -> &Mlp<T> {
        &self.model
    }

    /// Whether every parameter is finite, and its average, if there is one
    pub fn is_finite(&self) -> bool {
        self.model.is_finite() && self.average.as_ref().is_none_or(Average::is_finite)
    }

    /// Where the training is
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Makes [`Self::run_epoch`] pause this often
    pub fn pause_every(&mut self, every: Option<Every>) {
        self.pause = every;
    }

    /// Makes [`Self::run_epoch`] end with [`EpochEnd::TimeLimit`] after the batch in which this moment comes
    pub fn stop_at(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// A copy of all that the next batch depends on
    pub fn state(&self) -> TrainState<T> {
        TrainState {
            tensors: self.tensors(),
            keeps: self.optimizer.keeps(),
            kept: self.optimizer.kept().into_iter().map(<[T]>::to_vec).collect(),
            best: self.best.clone(),
            average: self.average.as_ref().and_then(Average::elements),
            progress: self.progress.clone(),
        }
    }

    fn tensors(&self) -> Vec<Vec<T>> {
        self.model.tensors().map(|tensor| tensor.data.to_vec()).collect()
    }

    fn set_tensors(&mut self, elements: &[Vec<T>]) {
        for (tensor, elements) in self.model.tensors_mut().zip(elements) {
            tensor.data.copy_from_slice(elements);
        }
    }

    /// Keeps the weights as they are now as those of the best epoch
    pub fn keep_best(&mut self) {
        // Their memory is free for the new ones, unless a state that is saved still has them.
        self.best = None;
        self.best = Some(Arc::new(self.tensors()));
    }

    /// Goes on from a state of a training with the same settings and data
    ///
    /// # Panics
    /// If its tensors have other lengths.
    pub fn restore(&mut self, state: &TrainState<T>) {
        self.set_tensors(&state.tensors);
        for (kept, stored) in self.optimizer.kept_mut().into_iter().zip(&state.kept) {
            kept.copy_from_slice(stored);
        }
        (self.best, self.progress) = (state.best.clone(), state.progress.clone());
        if let Some(average) = &mut self.average {
            average.restore(state.average.clone());
        }
    }

    /// Numbers of training samples and of validation samples
    pub fn samples(&self) -> (usize, usize) {
        (self.order.len(), self.data.val_rows.as_ref().map_or(0, Vec::len))
    }

    /// Number of batches in an epoch
    pub fn batches(&self) -> usize {
        self.order.len().div_ceil(self.batch_size)
    }

    /// Trains for one pass over the training set: gather, forward, loss, backward and step for each batch
    ///
    /// If it was stopped or has paused in this epoch, it goes on after the last batch, and the metrics are those of all
    /// batches of the epoch so far.
    ///
    /// The metrics that it returns are those of training alone. With weights, the loss is that of the weighted rows; whether
    /// a batch has diverged, the accuracy and the errors do not depend on weights.
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
        let batches_before = u64::from(epoch).saturating_sub(1) * self.batches() as u64;
        let Self {
            data,
            encoder,
            model,
            optimizer,
            schedule,
            seed,
            loss,
            order,
            augmentation,
            batch_size,
            labels,
            weights,
            workspace,
            progress,
            average,
            ..
        } = self;
        if progress.epoch != epoch {
            *progress = Progress::start(epoch);
        }
        let (split, pause, deadline, start) = (&data.set.train, self.pause, self.deadline, Instant::now());
        let Progress { batches: done, sums: train, .. } = &mut *progress;
        let first = *done;
        let end = team::scope(|| {
            order.start_epoch(epoch);
            augmentation.iter_mut().for_each(|augmentation| augmentation.start_epoch(epoch));
            let mut batches = order.batches(*batch_size).skip(first).peekable();
            while let Some(rows) = batches.next() {
                let batch = *done + 1;
                if stop.load(Ordering::Relaxed) {
                    return EpochEnd::Interrupted;
                }
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return EpochEnd::TimeLimit;
                }
                if pause.is_some_and(|every| every.is_due(*done - first, start)) {
                    return EpochEnd::Paused;
                }
                workspace.set_rows(rows.len());
                let next = batches.peek().copied().unwrap_or_default();
                let (read, x) = ((&*encoder, &data.outputs), workspace.input_mut());
                match augmentation {
                    None => gather(split, read, rows, next, x, labels),
                    Some(augmentation) => augmentation.gather(split, read, rows, next, x, labels),
                }
                model.forward_training(workspace, Place { seed: *seed, epoch, batch });
                if loss.forward(workspace.output_mut(), labels).has_diverged() {
                    return EpochEnd::Diverged { batch: Some(batch) };
                }
                loss.backward(workspace.output_mut(), labels);
                if let Some(of_rows) = &data.weights {
                    weights.clear();
                    weights.extend(rows.iter().map(|&row| of_rows[row as usize]));
                    loss.weigh(workspace.output_mut(), weights);
                }
                train.add(loss.sum());
                let number = batches_before + batch as u64;
                optimizer.step(model, workspace, number, schedule.rate(number - 1));
                if let Some(average) = average {
                    average.after_batch(model, epoch, batch);
                }
                *done = batch;
                on_batch(batch, train);
            }
            if let Some(average) = average {
                average.after_epoch(model, epoch);
            }
            EpochEnd::Done
        });
        progress.seconds += start.elapsed().as_secs_f64();
        // Before the first batch, the rate that it would have
        let learning_rate = self.schedule.rate(batches_before + progress.batches.saturating_sub(1) as u64);
        let (seconds, train) = (progress.seconds, progress.sums.clone());
        EpochMetrics { epoch, learning_rate, train, val: None, test: None, average: None, seconds, end }
    }

    /// The sums over the test set, and what was predicted; `None` without one
    pub fn evaluate(&mut self) -> Option<(LossSum, Predicted)> {
        let Self { evaluator, model, encoder, data, test_rows, .. } = self;
        (!test_rows.is_empty()).then(|| evaluator.evaluate(model, encoder, &data.set.test, test_rows))
    }

    /// What was predicted for the test set by the model after the best epoch; `None` without a test set, or if it is not kept
    pub fn evaluate_best(&mut self) -> Option<(LossSum, Predicted)> {
        let (best, last) = (self.best.clone()?, self.tensors());
        self.set_tensors(&best);
        let evaluated = self.evaluate();
        self.set_tensors(&last);
        evaluated
    }

    /// The sums over the validation rows; `None` without a validation split
    pub fn validate(&mut self) -> Option<LossSum> {
        let rows = self.data.val_rows.as_ref()?;
        Some(self.evaluator.evaluate(&self.model, &self.encoder, &self.data.set.train, rows).0)
    }

    /// The sums over the validation rows and the test set, computed with the averaged weights
    ///
    /// `None` if there is no average, or one of the losses has diverged.
    pub fn evaluate_average(&mut self) -> Option<AverageSums> {
        let mut average = self.average.take()?;
        let sums = average.swap(&mut self.model).then(|| {
            let test = self.evaluate().map(|(sums, _)| sums);
            AverageSums { val: self.validate(), test }
        });
        average.swap(&mut self.model);
        self.average = Some(average);
        sums.filter(|AverageSums { val, test }| ![val, test].into_iter().flatten().any(LossSum::has_diverged))
    }
}

/// Fails if the memory for a net and its batches can't be reserved, before the first allocation is made
fn check_memory(
    dims: &Dims,
    config: &TrainConfig,
    set: &Dataset,
    batch_size: usize,
    evaluated: usize,
) -> Result<()> {
    let bytes = training_bytes(dims, config, batch_size, evaluated)
        + augmentation::scratch_bytes(config, set, batch_size);
    // The thread that saves the state
    memory::check_with_threads(bytes, 1, || {
        let parameters = dims.parameters() + dims.norm_parameters(config.norm);
        format!("{} parameters, batches of {}", separated(parameters), separated(batch_size))
    })
}

/// Number of bytes that a run with these settings needs
fn training_bytes(dims: &Dims, config: &TrainConfig, batch_size: usize, evaluated: usize) -> u128 {
    let (dtype, copies) = (config.dtype, copies(config));
    dims.training_bytes(dtype, copies, batch_size, evaluated)
        + dims.design_bytes(config.design(), dtype, copies, batch_size, evaluated)
}

/// What is kept of each parameter beside its value
fn copies(config: &TrainConfig) -> Copies {
    let average = config.ema > 0.0 || config.swa > 0;
    Copies { kept: optimizer::kept(config), best: config.keep != Keep::Last, average }
}

/// Checks that there is memory for the `jobs` largest of these runs at once, each on threads of its own
///
/// # Errors
/// If there is not.
pub fn check_side_by_side<'a>(
    runs: impl Iterator<Item = &'a TrainConfig>,
    data: &Dataset,
    jobs: usize,
) -> Result<()> {
    let size = |config: &TrainConfig| {
        let (threads, dims) =
            (config.threads.unwrap_or(1), Dims(config.dims(data.features(), data.task.outputs())));
        // The rows of the validation set are some of the training set.
        let most =
            if config.val_split > 0.0 { data.test.len().max(data.train.len()) } else { data.test.len() };
        let evaluated = (evaluate::BATCH_ROWS * threads).min(most.max(1));
        let batch_size = config.batch_size.min(data.train.len());
        let bytes = training_bytes(&dims, config, batch_size, evaluated)
            + augmentation::scratch_bytes(config, data, batch_size);
        // Its own thread, the one that saves its state, and those of its pool
        (bytes, 2 + threads)
    };
    let mut sizes: Vec<(u128, usize)> = runs.map(size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let jobs = jobs.min(sizes.len());
    let (bytes, threads) = sizes[..jobs].iter().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    let what = || {
        let (jobs, threads) = (separated(jobs), separated(threads));
        format!("{jobs} trials at once, and the stacks of their {threads} threads; give a smaller --jobs")
    };
    memory::check_with_threads(bytes, threads, what)
}
