//! The order in which an epoch visits the rows, and how a batch of them is gathered

use chainrule_kernels::Scalar;

use super::Split;
use super::encoder::Encoder;
use super::outputs::Outputs;
use crate::nn::loss::BatchLabels;
use crate::nn::matrix::Matrix;
use crate::random::{Purpose, Random};

/// The order in which an epoch visits the rows
#[derive(Debug)]
pub struct Order {
    rows: Vec<u32>,
    /// The rows before they are shuffled
    unshuffled: Vec<u32>,
    seed: Option<u64>,
}

impl Order {
    /// An order of all `len` rows: shuffled in each epoch by `seed`, or as in the file if it is `None`
    ///
    /// # Panics
    /// If there are 2³² rows or more.
    pub fn new(len: usize, seed: Option<u64>) -> Self {
        let len = u32::try_from(len).unwrap_or_else(|_| panic!("{len} rows"));
        Self::of((0..len).collect(), seed)
    }

    /// An order of the rows `rows`: shuffled in each epoch by `seed`, or as given if it is `None`
    pub fn of(rows: Vec<u32>, seed: Option<u64>) -> Self {
        Self { unshuffled: rows.clone(), rows, seed }
    }

    /// Number of rows that an epoch visits
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether an epoch visits no rows
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Sets the order for epoch `epoch`, counted from 1; it depends only on the seed and this number
    pub fn start_epoch(&mut self, epoch: u32) {
        if let Some(seed) = self.seed {
            self.rows.copy_from_slice(&self.unshuffled);
            Random::new(seed, Purpose::Shuffle { epoch }).shuffle(&mut self.rows);
        }
    }

    /// The rows of each batch; the last batch may be smaller
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn batches(&self, size: usize) -> impl ExactSizeIterator<Item = &[u32]> {
        self.rows.chunks(size)
    }
}

/// Gathers a batch: `x[i, :] ←` the inputs of row `rows[i]`, and `labels ←` the labels of these rows for `outputs`
///
/// * `next`: the rows of the next batch, which are prefetched; empty if there is none
///
/// # Panics
/// If `x` is not rows × features, the encoder or `labels` is not for this set, or a row does not exist.
#[track_caller]
pub fn gather<T: Scalar>(
    split: &Split,
    (encoder, outputs): (&Encoder<T>, &Outputs),
    rows: &[u32],
    next: &[u32],
    x: &mut Matrix<T>,
    labels: &mut BatchLabels<T>,
) {
    outputs.gather(&split.labels, rows, labels);
    encoder.gather(&split.cells, rows, next, x);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::preprocessing::{Encoding, Preprocessing};
    use crate::data::{Cells, Inputs, Labels};

    #[test]
    fn each_epoch_visits_every_image_once_in_an_order_of_its_own() {
        let mut order = Order::new(1000, Some(7));
        let mut seen = Vec::new();
        for epoch in [1, 2, 1] {
            order.start_epoch(epoch);
            let rows: Vec<u32> = order.batches(64).flatten().copied().collect();
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..1000));
            seen.push(rows);
        }
        assert_ne!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2], "the order of epoch 1 depends on the epochs before it");
    }

    #[test]
    fn an_order_of_some_rows_visits_no_others() {
        let mut order = Order::of(vec![2, 3, 5, 7, 11], Some(1));
        order.start_epoch(4);
        let mut rows: Vec<u32> = order.batches(2).flatten().copied().collect();
        rows.sort_unstable();
        assert_eq!(rows, [2, 3, 5, 7, 11]);
    }

    #[test]
    fn without_a_seed_the_order_is_that_of_the_file() {
        let mut order = Order::new(10, None);
        order.start_epoch(3);
        assert!(order.batches(4).flatten().copied().eq(0..10));
        assert!(order.batches(4).map(<[u32]>::len).eq([4, 4, 2]));
    }

    #[test]
    fn gathering_scales_pixels_and_copies_labels() {
        let images = (0..100u8).collect();
        let split =
            Split { cells: Cells::Bytes(images), labels: Labels::Classes((0..20).collect()), columns: 5 };
        let inputs = Inputs::of_array(&[5]);
        let preprocessing = Preprocessing { dims: vec![5], names: Vec::new(), encoding: Encoding::Pixels };
        let encoder = Encoder::new(&preprocessing, &inputs);
        let rows: Vec<u32> = (0..20).rev().collect();
        let outputs = Outputs::Classes((0..20).map(|class| class.to_string()).collect());
        let (mut x, mut labels) = (Matrix::from_fn(20, 5, |_, _| f64::NAN), outputs.batch_labels(20));
        gather(&split, (&encoder, &outputs), &rows, &[], &mut x, &mut labels);
        assert!(matches!(labels, BatchLabels::Classes(labels) if labels == rows));
        assert_eq!(x.row(3), [80, 81, 82, 83, 84].map(|pixel| f64::from(pixel) / 255.0));
    }
}
