//! How long a sweep will take, by the beginning of one epoch

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chainrule_kernels::Scalar;

use super::dataset_cache::Shelf;
use super::plan::Trial;
use crate::config::{Dtype, TrainConfig};
use crate::data::Dataset;
use crate::error::Result;
use crate::train::dims::Dims;
use crate::train::thread_count::pool;
use crate::train::trainer::Trainer;

/// Long enough to tell, short enough to wait for
const LOOK: Duration = Duration::from_secs(2);

/// What was measured, and what follows
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The trial of which an epoch was begun
    pub trial: String,
    /// How long that epoch takes, with the evaluation after it, s
    pub epoch_s: f64,
    /// How long all trials take, so many at once, s
    pub total_s: f64,
}

/// Trains the trial in the middle for an epoch, or its first seconds, and scales by multiply-adds; nothing without
/// trials
///
/// # Errors
/// If its data can't be loaded or its net be had.
pub fn estimate(trials: &[&Trial], jobs: usize) -> Result<Option<Estimate>> {
    let shelf = Shelf::new(trials);
    let mut by_work = Vec::new();
    for trial in trials {
        // Sets other than the first are taken to be as large: loading them all would take longer than it is worth.
        let data = shelf.get(trials[0])?;
        by_work.push((work(&trial.config, &data), *trial));
    }
    let mut sorted = by_work.clone();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((reference, trial)) = sorted.get(sorted.len() / 2) else { return Ok(None) };
    let data = shelf.get(trial)?;
    let epoch_s = pool(trial.config.threads.unwrap_or(1))?.install(|| match trial.config.dtype {
        Dtype::F32 => epoch_s::<f32>(&trial.config, &data),
        Dtype::F64 => epoch_s::<f64>(&trial.config, &data),
    })?;
    // As the sweep does it: the next trial goes to whoever is free first.
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
    let dims = Dims(config.dims(data.features(), data.classes.len()));
    let (training, forward) = (dims.step_multiply_adds(), dims.forward_multiply_adds());
    let held_out = config.val_split * data.train.len() as f64;
    (data.train.len() as f64 - held_out) * training + (data.test.len() as f64 + held_out) * forward
}

fn epoch_s<T: Scalar>(config: &TrainConfig, data: &Dataset) -> Result<f64> {
    let mut trainer = Trainer::<T>::new(config, data)?;
    let (start, stop) = (Instant::now(), AtomicBool::new(false));
    let result = trainer.run_epoch(1, &stop, &mut |_, _| {
        stop.store(start.elapsed() > LOOK, Ordering::Relaxed);
    });
    let rows = data.train.len() as f64 * (1.0 - config.val_split);
    let training = result.seconds * rows / result.train.rows.max(1) as f64;
    let start = Instant::now();
    trainer.evaluate();
    trainer.validate();
    Ok(training + start.elapsed().as_secs_f64())
}
