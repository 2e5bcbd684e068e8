//! The average of the weights over batches or epochs, beside the weights that are trained
//!
//! It is made of all tensors of the model, also of those that are not trained, and training does not depend on it.

use chainrule_kernels::{Scalar, all_finite, average};

use crate::config::TrainConfig;
use crate::nn::mlp::Mlp;

/// The elements of the averaged tensors of a model, in the order of its tensors
#[derive(Debug)]
pub struct Average<T> {
    over: Over,
    /// `None` before the first epoch that counts
    elements: Option<Vec<Vec<T>>>,
}

/// What an average is over
#[derive(Clone, Copy, Debug)]
enum Over {
    /// All batches, of which the recent ones count more
    Batches { decay: f64, per_epoch: usize },
    /// The ends of this epoch and of those after it, which count the same
    ///
    /// Source: Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, *Averaging Weights Leads to Wider Optima and Better
    /// Generalization* (2018).
    Epochs { from: u32 },
}

impl<T: Scalar> Average<T> {
    /// The average that the settings ask for, of a model with its initial weights; `None` if they ask for none
    ///
    /// * `per_epoch`: number of batches in an epoch
    pub fn new(config: &TrainConfig, model: &Mlp<T>, per_epoch: usize) -> Option<Self> {
        if config.ema > 0.0 {
            let over = Over::Batches { decay: config.ema, per_epoch };
            return Some(Self { over, elements: Some(copy(model)) });
        }
        (config.swa > 0).then_some(Self { over: Over::Epochs { from: config.swa }, elements: None })
    }

    /// Counts the weights after the step of a batch
    ///
    /// * `batch`: its number in the epoch, from 1
    pub fn after_batch(&mut self, model: &Mlp<T>, epoch: u32, batch: usize) {
        let Over::Batches { decay, per_epoch } = self.over else { return };
        let t = f64::from(epoch - 1) * per_epoch as f64 + (batch - 1) as f64;
        self.add(model, share(decay, t));
    }

    /// Counts the weights after the last batch of an epoch
    pub fn after_epoch(&mut self, model: &Mlp<T>, epoch: u32) {
        let Over::Epochs { from } = self.over else { return };
        match epoch.checked_sub(from) {
            None => {}
            Some(0) => self.elements = Some(copy(model)),
            Some(before) => self.add(model, 1.0 / (1.0 + f64::from(before))),
        }
    }

    fn add(&mut self, model: &Mlp<T>, share: f64) {
        for (elements, tensor) in self.elements.iter_mut().flatten().zip(model.tensors()) {
            average(T::from_f64(share), tensor.data, elements);
        }
    }

    /// A copy of its elements; `None` before the first epoch that counts
    pub fn elements(&self) -> Option<Vec<Vec<T>>> {
        self.elements.clone()
    }

    /// Goes on from these elements
    pub fn restore(&mut self, elements: Option<Vec<Vec<T>>>) {
        self.elements = elements;
    }

    /// Swaps its elements with those of the model; returns whether it has any
    pub fn swap(&mut self, model: &mut Mlp<T>) -> bool {
        for (elements, tensor) in self.elements.iter_mut().flatten().zip(model.tensors_mut()) {
            tensor.data.swap_with_slice(elements);
        }
        self.elements.is_some()
    }

    /// Whether all its elements are finite
    pub fn is_finite(&self) -> bool {
        self.elements.iter().flatten().all(|elements| all_finite(elements))
    }
}

fn copy<T: Scalar>(model: &Mlp<T>) -> Vec<Vec<T>> {
    model.tensors().map(|tensor| tensor.data.to_vec()).collect()
}

/// How much the weights after batch t count, from 0: 1 − min(d, (1 + t) / (10 + t))
///
/// The first batches count more than 1 − d, so that the initial weights are forgotten in every run.
///
/// Source: TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates`.
fn share(decay: f64, t: f64) -> f64 {
    1.0 - decay.min((1.0 + t) / (10.0 + t))
}

/// Whether a run with these settings has an average once `epochs` epochs have ended
pub fn is_there(config: &TrainConfig, epochs: u32) -> bool {
    config.ema > 0.0 || (config.swa > 0 && epochs >= config.swa)
}

/// A warning where no epoch counts; `None` where one does
pub fn warning(config: &TrainConfig) -> Option<String> {
    let (from, epochs) = (config.swa, config.epochs);
    let text = format!(
        "--swa {from} averages from epoch {from} on, and training ends with epoch {epochs}, so there is no average; \
         give a smaller --swa or more --epochs"
    );
    (from > epochs).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::Activation;

    fn model() -> Mlp<f64> {
        Mlp::new(3, &[4], 2, Activation::Relu, 1)
    }

    /// Gives the model other weights, which depend on `n`
    fn change(model: &mut Mlp<f64>, n: usize) {
        for (at, x) in model.tensors_mut().flat_map(|tensor| tensor.data).enumerate() {
            *x = ((at * 31 + n * n * 17) % 101) as f64 / 50.0 - 1.0;
        }
    }

    fn all(model: &Mlp<f64>) -> Vec<f64> {
        copy(model).concat()
    }

    #[track_caller]
    fn assert_close(found: &Average<f64>, expected: &[f64]) {
        let found = found.elements().unwrap().concat();
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?} {expected:?}");
    }

    #[test]
    fn an_average_over_batches_follows_its_formula() {
        let mut model = model();
        for d in [0.5, 0.95, 0.9999] {
            let config = TrainConfig { ema: d, ..TrainConfig::default() };
            let mut found = Average::new(&config, &model, 7).unwrap();
            let mut expected = all(&model);
            for t in 0..100 {
                change(&mut model, t);
                found.after_batch(&model, 1 + t as u32 / 7, 1 + t % 7);
                let t = t as f64;
                let d = if d < (1.0 + t) / (10.0 + t) { d } else { (1.0 + t) / (10.0 + t) };
                expected.iter_mut().zip(all(&model)).for_each(|(a, w)| *a = d * *a + (1.0 - d) * w);
                assert_close(&found, &expected);
            }
            found.after_epoch(&model, 15);
            assert_close(&found, &expected);
        }
    }

    #[test]
    fn an_average_over_epochs_is_the_mean_from_the_first_one_on() {
        let mut model = model();
        let config = TrainConfig { swa: 3, ..TrainConfig::default() };
        let mut found = Average::new(&config, &model, 7).unwrap();
        let mut ends: Vec<Vec<f64>> = Vec::new();
        for epoch in 1..=9 {
            change(&mut model, epoch as usize);
            found.after_batch(&model, epoch, 7);
            found.after_epoch(&model, epoch);
            assert_eq!(found.elements().is_some(), epoch >= 3);
            assert_eq!(is_there(&config, epoch), epoch >= 3);
            if epoch < 3 {
                continue;
            }
            ends.push(all(&model));
            let mean = |at: usize| ends.iter().map(|end| end[at]).sum::<f64>() / ends.len() as f64;
            assert_close(&found, &(0..ends[0].len()).map(mean).collect::<Vec<_>>());
        }
        let (average, last) = (found.elements().unwrap().concat(), all(&model));
        assert!(found.swap(&mut model) && all(&model) == average && average != last);
        assert!(
            found.swap(&mut model) && all(&model) == last && found.elements().unwrap().concat() == average
        );
    }

    #[test]
    fn without_these_settings_there_is_no_average() {
        assert!(Average::new(&TrainConfig::default(), &model(), 7).is_none());
        assert!(!is_there(&TrainConfig::default(), 30) && warning(&TrainConfig::default()).is_none());
        let late = TrainConfig { swa: 31, ..TrainConfig::default() };
        assert!(warning(&late).is_some_and(|text| text.contains("--swa 31")));
        assert!(warning(&TrainConfig { swa: 30, ..late }).is_none());
    }
}
