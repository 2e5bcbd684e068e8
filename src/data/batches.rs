//! The order in which an epoch visits the images, and how a batch of them is gathered

use chainrule_kernels::{Scalar, scale_rows};

use super::Split;
use crate::nn::matrix::Matrix;
use crate::random::{Purpose, Random};

/// The order in which an epoch visits the images
#[derive(Debug)]
pub struct Order {
    rows: Vec<u32>,
    /// The rows before they are shuffled
    unshuffled: Vec<u32>,
    seed: Option<u64>,
}

impl Order {
    /// An order of all `len` images: shuffled in each epoch by `seed`, or as in the file if it is `None`
    ///
    /// # Panics
    /// If there are 2³² images or more.
    pub fn new(len: usize, seed: Option<u64>) -> Self {
        let len = u32::try_from(len).unwrap_or_else(|_| panic!("{len} images"));
        Self::of((0..len).collect(), seed)
    }

    /// An order of the images `rows`: shuffled in each epoch by `seed`, or as given if it is `None`
    pub fn of(rows: Vec<u32>, seed: Option<u64>) -> Self {
        Self { unshuffled: rows.clone(), rows, seed }
    }

    /// Number of images that an epoch visits
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether an epoch visits no images
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

/// Gathers a batch: `x[i, :] ← pixels of image rows[i] / 255`, and `labels ←` the labels of these images
///
/// * `next`: the rows of the next batch, which are prefetched; empty if there is none
///
/// # Panics
/// If `x` is not rows × features, or an image does not exist.
#[track_caller]
pub fn gather<T: Scalar>(
    split: &Split,
    rows: &[u32],
    next: &[u32],
    x: &mut Matrix<T>,
    labels: &mut Vec<u32>,
) {
    let features = split.features;
    assert!(x.shape() == (rows.len(), features), "{} images of {features} into {:?}", rows.len(), x.shape());
    labels.clear();
    labels.extend(rows.iter().map(|&row| split.labels[row as usize]));
    scale_rows(&split.images, rows, next, x.data_mut(), features);
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let split = Split { images, labels: (0..20).collect(), features: 5 };
        let rows: Vec<u32> = (0..20).rev().collect();
        let (mut x, mut labels) = (Matrix::from_fn(20, 5, |_, _| f64::NAN), Vec::new());
        gather(&split, &rows, &[], &mut x, &mut labels);
        assert_eq!(labels, rows);
        assert_eq!(x.row(3), [80, 81, 82, 83, 84].map(|pixel| f64::from(pixel) / 255.0));
    }
}
