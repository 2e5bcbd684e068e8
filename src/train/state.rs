//! The state of a training as a value: all that the next batch depends on

use std::sync::Arc;

use super::progress::Progress;
use crate::nn::optimizer::Kept;

/// All that the next batch of a training depends on, beside its settings and data
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState<T> {
    /// The elements of the model's tensors, in their order
    pub tensors: Vec<Vec<T>>,
    /// What the optimizer keeps
    pub keeps: Kept,
    /// What it keeps of the trained tensors, as [`Optimizer::kept`](crate::nn::optimizer::Optimizer::kept) orders them
    pub kept: Vec<Vec<T>>,
    /// The elements of the tensors after the best epoch; `None` before it, and where they are not kept
    pub best: Option<Arc<Vec<Vec<T>>>>,
    /// The elements of the averaged tensors; `None` where there is no average
    pub average: Option<Vec<Vec<T>>>,
    /// Epoch and batch
    pub progress: Progress,
}
