//! Loops over the elements of slices: activations, dropout, normalisation, softmax, reductions, running averages, and the
//! updates of SGD and AdamW
//!
//! A loop over more than [`CHUNK`] elements is divided into chunks that threads share.

pub(crate) mod activation;
pub(crate) mod adamw;
pub(crate) mod average;
pub(crate) mod batch_norm;
pub(crate) mod distort;
pub(crate) mod dropout;
pub(crate) mod epilogue;
pub(crate) mod gather;
pub(crate) mod image_moves;
pub(crate) mod images;
pub(crate) mod layer_norm;
pub(crate) mod mix;
pub(crate) mod non_monotonic;
pub(crate) mod pairs;
pub(crate) mod reduce;
pub(crate) mod sgd;
pub(crate) mod softmax;
pub(crate) mod standardize;

/// Elements of a chunk, which takes many times as long as claiming a task (docs/engine.md, row "size of a task")
const CHUNK: usize = 1 << 14;

#[track_caller]
fn same_len(kernel: &str, written: usize, read: usize) {
    assert!(written == read, "{kernel}: {written} elements written, {read} read");
}
