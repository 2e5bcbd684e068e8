//! An estimate of the time that a sweep takes, from the first seconds of one epoch

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chainrule_kernels::Scalar;

use super::dataset_cache::DatasetCache;
use super::plan::Trial;
use crate::config::{Dtype, TrainConfig};
use crate::data::Dataset;
use crate::data::run_data::RunData;
use crate::error::Result;
use crate::train::dims::Dims;
use crate::train::thread_count::pool;
use crate::train::trainer::Trainer;

/// Time after which the measured epoch is stopped
const TIMED: Duration = Duration::from_secs(2);

/// A measured epoch and the estimated total
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The id of the trial whose epoch was timed
    pub trial: String,
    /// Time of that epoch with its evaluation, s
    pub epoch_s: f64,
    /// Time of all trials, run side by side, s
    pub total_s: f64,
}

/// Times an epoch, or its first seconds, of the trial of median work, and scales by multiply-adds; `None` without
/// trials
///
/// # Errors
/// If the data cannot be loaded or the net does not fit in memory.
pub fn estimate(trials: &[&Trial], jobs: usize) -> Result<Option<Estimate>> {
    let Some(first) = trials.first() else { return Ok(None) };
    let cache = DatasetCache::new(trials);
    // Assumes that all data sets are as large as the first, so that only one is loaded.
    let data = cache.get(first)?;
    let by_work: Vec<_> = trials.iter().map(|&trial| (work(&trial.config, &data), trial)).collect();
    let mut sorted = by_work.clone();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (reference, trial) = sorted[sorted.len() / 2];
    let data = cache.get(trial)?;
    let epoch_s = pool(trial.config.threads.unwrap_or(1))?.install(|| match trial.config.dtype {
        Dtype::F32 | Dtype::Bf16 => epoch_s::<f32>(&trial.config, &data),
        Dtype::F64 => epoch_s::<f64>(&trial.config, &data),
    })?;
    // As in the sweep, the next trial goes to the thread that is free first.
    let mut busy_until = vec![0.0_f64; jobs.max(1)];
    for (work, trial) in &by_work {
        busy_until.sort_by(f64::total_cmp);
        busy_until[0] += f64::from(trial.config.epochs) * epoch_s * work / reference.max(1.0);
    }
    let total_s = busy_until.into_iter().fold(0.0, f64::max);
    Ok(Some(Estimate { trial: trial.id.clone(), epoch_s, total_s }))
}

/// Multiply-adds of an epoch and the evaluation after it
fn work(config: &TrainConfig, data: &Dataset) -> f64 {
    let dims = Dims(config.dims(data.features(), data.task.outputs()));
    let (training, forward) = (dims.step_multiply_adds(), dims.forward_multiply_adds());
    let held_out = config.val_split * data.train.len() as f64;
    (data.train.len() as f64 - held_out) * training + (data.test.len() as f64 + held_out) * forward
}

fn epoch_s<T: Scalar>(config: &TrainConfig, data: &Dataset) -> Result<f64> {
    let data = RunData::new(config, data)?;
    let mut trainer = Trainer::<T>::new(config, &data)?;
    let (start, stop) = (Instant::now(), AtomicBool::new(false));
    let result = trainer.run_epoch(1, &stop, &mut |_, _| {
        stop.store(start.elapsed() > TIMED, Ordering::Relaxed);
    });
    let rows = data.train_rows.len() as f64;
    let training = result.seconds * rows / result.train.rows.max(1) as f64;
    let start = Instant::now();
    trainer.evaluate();
    trainer.validate();
    Ok(training + start.elapsed().as_secs_f64())
}
