//! Loops over the elements of slices: activations, softmax, reductions and the SGD update
//!
//! A loop over more than [`CHUNK`] elements is divided into chunks that threads share.

pub(crate) mod activation;
pub(crate) mod gather;
pub(crate) mod reduce;
pub(crate) mod sgd;
pub(crate) mod softmax;
pub(crate) mod standardize;

/// Elements in a chunk: 16 Ki take some microseconds, many times what claiming a task costs
const CHUNK: usize = 1 << 14;

#[track_caller]
fn same_len(kernel: &str, written: usize, read: usize) {
    assert!(written == read, "{kernel}: {written} elements written, {read} read");
}
