//! What follows a linear or normalising layer while its result is in cache: an activation, and dropout

use std::ops::Range;

use super::activation::{self, Activation};
use super::dropout::{Dropout, drop_block};
use super::{CHUNK, same_len};
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::for_each_chunk;

/// An activation f, and dropout after it
///
/// The derivative is computed from the result. With dropout it is right if f [survives dropout](Activation::survives_dropout).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue<T> {
    /// The activation
    pub f: Activation,
    /// Dropout of the activation's values; `None` for none
    pub dropout: Option<Dropout<T>>,
}

impl<T> From<Activation> for Epilogue<T> {
    fn from(f: Activation) -> Self {
        Self { f, dropout: None }
    }
}

impl<T: Number> Epilogue<T> {
    /// Whether it changes nothing
    fn is_identity(self) -> bool {
        self.f == Activation::Identity && self.dropout.is_none()
    }

    /// `x ← y`, in place
    pub fn forward(self, x: &mut [T]) {
        for_each_chunk(x, CHUNK, |i, x| self.forward_block(BlockMut::one_row(x), i * CHUNK));
    }

    /// `dy ← dy · y'`, in place: from ∂L/∂y to ∂L/∂x
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    pub fn backward(self, dy: &mut [T], y: &[T]) {
        same_len("backward of an epilogue", dy.len(), y.len());
        if self.is_identity() {
            return;
        }
        for_each_chunk(dy, CHUNK, |i, dy| {
            let (y, len) = (&y[i * CHUNK..][..dy.len()], dy.len());
            self.backward_block(BlockMut::one_row(dy), y, len, 0..len);
        });
    }

    /// `x ← y` in a block of a matrix, whose first element has index `first` in the matrix
    pub(crate) fn forward_block(self, mut x: BlockMut<'_, T>, first: usize) {
        activation::forward_block(self.f, x.reborrow());
        if let Some(dropout) = self.dropout {
            drop_block(dropout, x, first);
        }
    }

    /// `dy ← dy · y'`, where `dy` has the columns `columns` of a matrix, and `y` all `cols` columns of the same rows
    pub(crate) fn backward_block(self, mut dy: BlockMut<'_, T>, y: &[T], cols: usize, columns: Range<usize>) {
        activation::backward_block(self.f, dy.reborrow(), y, cols, columns);
        if let Some(dropout) = self.dropout {
            // A dropped element is 0, and there f' was, too.
            scale_block(dropout.scale(), dy);
        }
    }
}
multiversion! {
    fn scale_block<T>(scale: T, x: BlockMut<'_, T>) {
        for row in x.into_rows() {
            for x in row {
                *x *= scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    #[test]
    fn relu_with_dropout_and_its_derivative_are_those_of_the_two_in_turn() {
        for len in [0, 1, 17, CHUNK + 9] {
            let [x, dy] = [1, 2].map(|seed| numbers(len, seed, |x| x as f32));
            let dropout = Dropout::new(0.3, 99);
            let both = Epilogue { f: Activation::Relu, dropout: Some(dropout) };
            let (mut y, mut dx) = (x.clone(), dy.clone());
            both.forward(&mut y);
            both.backward(&mut dx, &y);
            let (mut relu, mut want) = (x.clone(), dy);
            Activation::Relu.forward(&mut relu);
            let mut dropped = relu.clone();
            dropout.apply(&mut dropped);
            dropout.apply(&mut want);
            Activation::Relu.backward(&mut want, &relu);
            assert!(y == dropped && dx == want, "{len} elements");
            assert!(len < 17 || y.iter().zip(&x).any(|(&y, &x)| y == 0.0 && x > 0.0));
        }
    }
}
