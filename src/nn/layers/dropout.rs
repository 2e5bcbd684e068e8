//! Dropout: in training, a random share of the inputs becomes 0, and the others are scaled
//!
//! Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *Dropout: A Simple Way to Prevent Neural Networks from
//! Overfitting* (2014). They scale the weights of the trained net by 1 − p instead, which has the same expected values.

use std::fmt;

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::layers::Place;
use crate::nn::matrix::Matrix;
use crate::random::{Purpose, Random};

/// Dropout of a share p: `y = m ∘ x / (1 − p)` with a random mask m of 0 and 1 in training, and `y = x` in evaluation
///
/// Its text is `dropout p`.
#[derive(Debug)]
pub struct Dropout<T> {
    share: f64,
    /// The mask of the last training step
    mask: kernels::Dropout<T>,
}

impl<T: Scalar> Dropout<T> {
    /// A layer that drops the share 0 ≤ p < 1
    ///
    /// # Panics
    /// If the share is outside its range.
    pub fn new(share: f64) -> Self {
        Self { share, mask: kernels::Dropout::new(share, 0) }
    }

    /// The layer whose text has `words` after `dropout`
    ///
    /// # Errors
    /// If the words are not one share.
    pub fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let share =
            words.next().and_then(|word| word.parse().ok()).filter(|share| (0.0..1.0).contains(share));
        share.map(Self::new).ok_or_else(|| "dropout needs a share, 0 or more and below 1".to_owned())
    }

    /// Draws the mask of the training step at `place`, for the layer with index `at`
    ///
    /// It depends on nothing else, so a run that goes on within an epoch has the masks of one that was never stopped.
    pub fn draw(&mut self, Place { seed, epoch, batch }: Place, at: usize) {
        let purpose = Purpose::Dropout { epoch, batch: batch as u64, layer: at as u64 };
        self.mask = kernels::Dropout::new(self.share, Random::new(seed, purpose).bits());
    }

    /// The mask that was drawn last
    pub fn mask(&self) -> kernels::Dropout<T> {
        self.mask
    }

    /// `Y ← m ∘ X / (1 − p)` with the mask that was drawn last; also the derivative, from ∂L/∂Y to ∂L/∂X
    pub fn apply(&self, x: &Matrix<T>, y: &mut Matrix<T>) {
        y.data_mut().copy_from_slice(x.data());
        self.mask.apply(y.data_mut());
    }
}

impl<T> fmt::Display for Dropout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dropout {}", self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_and_each_layer_has_its_own_mask() {
        let mask = |seed: u64, epoch: u32, batch: usize, at: usize| {
            let mut layer = Dropout::<f32>::new(0.5);
            layer.draw(Place { seed, epoch, batch }, at);
            let (x, mut y) = (Matrix::from_fn(8, 16, |_, _| 1.0), Matrix::zeros(8, 16));
            layer.apply(&x, &mut y);
            y
        };
        let first = mask(1, 2, 3, 4);
        assert!(first == mask(1, 2, 3, 4));
        for other in
            [mask(2, 2, 3, 4), mask(1, 3, 3, 4), mask(1, 2, 4, 4), mask(1, 2, 3, 5), mask(1, 2, 4, 3)]
        {
            assert!(first != other);
        }
    }

    #[test]
    fn a_share_outside_its_range_is_refused() {
        for text in ["1", "-0.1", "NaN", "x", ""] {
            assert!(Dropout::<f32>::parse([text].into_iter()).is_err(), "{text}");
        }
        assert!(Dropout::<f32>::parse([].into_iter()).is_err());
        assert_eq!(Dropout::<f32>::parse(["0.25"].into_iter()).unwrap().to_string(), "dropout 0.25");
    }
}
