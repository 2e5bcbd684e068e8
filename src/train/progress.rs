//! The place of a training: its epoch, and the batches of it that are done

use serde::{Deserialize, Serialize};

use crate::nn::loss::LossSum;

/// The place of a training in its epochs
///
/// With the weights and what the optimizer keeps, this is all that the next batch depends on: the order of the rows, and random
/// numbers in layers, follow from the seed, the epoch and the batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The epoch, counted from 1; 0 before the first
    pub epoch: u32,
    /// Number of its batches that are done
    pub batches: usize,
    /// The sums over these batches
    pub sums: LossSum,
    /// Time of their training, s
    pub seconds: f64,
}

impl Progress {
    /// The start of an epoch
    pub fn start(epoch: u32) -> Self {
        Self { epoch, ..Self::default() }
    }
}
