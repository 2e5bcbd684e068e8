//! Activation functions, element by element, and a loop that fills rows

use std::ops::Range;

use super::{CHUNK, same_len};
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::for_each_chunk;

/// An activation function of one element; its derivative is written in terms of its value y
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// y = x
    Identity,
    /// `y = max(x, 0)`, and NaN for NaN, so that divergence stays visible; y' = 1 where y > 0, else 0 (also at x = 0)
    ///
    /// Source: Nair and Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines* (2010).
    Relu,
    /// `y = 1 / (1 + e⁻ˣ)`, y' = y (1 − y)
    ///
    /// For large negative x the exponential is infinite, and y = 0.
    ///
    /// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 3.10.
    Sigmoid,
    /// `y = tanh x`, y' = 1 − y²
    ///
    /// Source: LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.4.
    Tanh,
    /// y = x where x ≥ 0, else 0.01 x; y' = 1 where y > 0, else 0.01 (also at x = 0)
    ///
    /// Source: Maas, Hannun, Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models* (2013).
    LeakyRelu,
    /// y = λ x where x > 0, else λ α (eˣ − 1); y' = λ where y > 0, else y + λ α
    ///
    /// With λ = 1.0507… and α = 1.6733…, inputs of mean 0 and variance 1 give outputs of the same through many layers.
    ///
    /// Source: Klambauer, Unterthiner, Mayr, Hochreiter, *Self-Normalizing Neural Networks* (2017).
    Selu,
}

/// The slope of the leaky ReLU where x is negative, which is PyTorch's default
const LEAK: f64 = 0.01;
/// λ of SELU, `1.050_700_987_355_480_493_42`
const SELU_LAMBDA: f64 = 1.050_700_987_355_480_5;
/// λ α of SELU, where α is `1.673_263_242_354_377_284_82`
const SELU_LAMBDA_ALPHA: f64 = 1.758_099_340_847_376_8;

impl Activation {
    /// Whether the derivative is known from the value also after dropout: it is 0 where the value is 0, and 1 elsewhere
    pub fn survives_dropout(self) -> bool {
        self == Self::Relu
    }

    /// `x ← y`, in place
    pub fn forward<T: Number>(self, x: &mut [T]) {
        if self == Self::Identity {
            return;
        }
        for_each_chunk(x, CHUNK, |_, x| forward_block(self, BlockMut::one_row(x)));
    }

    /// `dy ← dy · y'`, in place: from ∂L/∂y to ∂L/∂x
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    pub fn backward<T: Number>(self, dy: &mut [T], y: &[T]) {
        same_len("backward of an activation", dy.len(), y.len());
        if self == Self::Identity {
            return;
        }
        for_each_chunk(dy, CHUNK, |i, dy| {
            let (y, len) = (&y[i * CHUNK..][..dy.len()], dy.len());
            backward_block(self, BlockMut::one_row(dy), y, len, 0..len);
        });
    }
}
multiversion! {
    /// `x ← y`, in place
    pub(crate) fn forward_block<T>(f: Activation, x: BlockMut<'_, T>) {
        for row in x.into_rows() {
            match f {
                Activation::Identity => {}
                Activation::Relu => {
                    for x in row {
                        *x = if *x < T::ZERO { T::ZERO } else { *x };
                    }
                }
                Activation::Sigmoid => {
                    for x in row {
                        *x = T::ONE / (T::ONE + (-*x).exp());
                    }
                }
                Activation::Tanh => {
                    for x in row {
                        *x = x.tanh();
                    }
                }
                Activation::LeakyRelu => {
                    let leak = T::from_f64(LEAK);
                    for x in row {
                        *x = if *x < T::ZERO { leak * *x } else { *x };
                    }
                }
                Activation::Selu => {
                    let [lambda, lambda_alpha] = [SELU_LAMBDA, SELU_LAMBDA_ALPHA].map(T::from_f64);
                    for x in row {
                        let below = lambda_alpha * x.exp_m1();
                        *x = if *x > T::ZERO { lambda * *x } else { below };
                    }
                }
            }
        }
    }
}
multiversion! {
    /// `dy ← dy · y'`, where `dy` has the columns `columns` of a matrix, and `y` all `cols` columns of the same rows
    pub(crate) fn backward_block<T>(
        f: Activation,
        dy: BlockMut<'_, T>,
        y: &[T],
        cols: usize,
        columns: Range<usize>,
    ) {
        for (dy, y) in dy.into_rows().zip(y.chunks_exact(cols.max(1))) {
            let elements = dy.iter_mut().zip(&y[columns.clone()]);
            match f {
                Activation::Identity => {}
                Activation::Relu => elements.for_each(|(dy, &y)| *dy = if y > T::ZERO { *dy } else { T::ZERO }),
                Activation::Sigmoid => elements.for_each(|(dy, &y)| *dy *= y * (T::ONE - y)),
                Activation::Tanh => elements.for_each(|(dy, &y)| *dy *= T::ONE - y * y),
                Activation::LeakyRelu => {
                    let leak = T::from_f64(LEAK);
                    elements.for_each(|(dy, &y)| *dy = if y > T::ZERO { *dy } else { leak * *dy });
                }
                Activation::Selu => {
                    let [lambda, lambda_alpha] = [SELU_LAMBDA, SELU_LAMBDA_ALPHA].map(T::from_f64);
                    elements.for_each(|(dy, &y)| *dy *= if y > T::ZERO { lambda } else { y + lambda_alpha });
                }
            }
        }
    }
}

/// `y[i, j] ← b[j]`: copies `b` into every row of `y`
///
/// # Panics
/// If `b` is empty and `y` is not, or `b.len()` does not divide `y.len()`.
#[track_caller]
pub fn fill_rows<T: Number>(y: &mut [T], b: &[T]) {
    assert!(
        y.is_empty() || (!b.is_empty() && y.len().is_multiple_of(b.len())),
        "fill_rows: {} into {}",
        b.len(),
        y.len()
    );
    let cols = b.len().max(1);
    for_each_chunk(y, CHUNK.next_multiple_of(cols), |_, y| {
        y.chunks_exact_mut(cols).for_each(|row| row.copy_from_slice(b));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    /// Lengths around a vector, a chunk and several chunks
    const LENGTHS: [usize; 8] = [0, 1, 15, 17, 1000, CHUNK - 1, CHUNK + 1, 3 * CHUNK + 5];

    /// Random multiples of `scale` from −50 to 50, 0 among them
    fn multiples(len: usize, scale: f64) -> Vec<f64> {
        numbers(len, 1, |x| (50.0 * x).round() * scale)
    }

    #[test]
    fn relu_is_zero_below_zero_and_its_gradient_too() {
        for len in LENGTHS {
            let x = multiples(len, 0.1);
            let mut y = x.clone();
            Activation::Relu.forward(&mut y);
            assert!(y.iter().zip(&x).all(|(y, x)| *y == x.max(0.0)));
            let mut dy = multiples(len, 0.3);
            let before = dy.clone();
            Activation::Relu.backward(&mut dy, &y);
            for i in 0..len {
                assert_eq!(dy[i], if x[i] > 0.0 { before[i] } else { 0.0 });
            }
        }
    }

    #[test]
    fn relu_of_nan_is_nan() {
        let mut x = [f32::NAN, -1.0];
        Activation::Relu.forward(&mut x);
        assert!(x[0].is_nan() && x[1] == 0.0);
    }

    #[test]
    fn sigmoid_and_its_gradient_follow_the_formula() {
        for len in LENGTHS {
            let x = multiples(len, 0.8);
            let mut y = x.clone();
            Activation::Sigmoid.forward(&mut y);
            let mut dy = vec![1.0; len];
            Activation::Sigmoid.backward(&mut dy, &y);
            for i in 0..len {
                let s = 1.0 / (1.0 + (-x[i]).exp());
                // Three operations and an exp of 2 ulp.
                assert!((y[i] - s).abs() <= 8.0 * f64::EPSILON * s, "sigmoid({})", x[i]);
                assert_eq!(dy[i], y[i] * (1.0 - y[i]));
            }
        }
        let mut ends = [f32::NEG_INFINITY, -200.0, 200.0, f32::INFINITY];
        Activation::Sigmoid.forward(&mut ends);
        assert_eq!(ends, [0.0, 0.0, 1.0, 1.0]);
    }

    /// Checks an activation and its derivative, both as functions of x, against the kernel in f64
    fn follows(f: Activation, value: impl Fn(f64) -> f64, derivative: impl Fn(f64) -> f64) {
        for len in LENGTHS {
            let x = multiples(len, 0.1);
            let (mut y, mut dy) = (x.clone(), vec![3.0; len]);
            f.forward(&mut y);
            f.backward(&mut dy, &y);
            for (i, &x) in x.iter().enumerate() {
                let (y_want, dy_want) = (value(x), 3.0 * derivative(x));
                assert!((y[i] - y_want).abs() <= 8.0 * f64::EPSILON * y_want.abs(), "{f:?}({x}): {}", y[i]);
                // The value is rounded before it is subtracted from a constant of up to 1.8.
                assert!((dy[i] - dy_want).abs() <= 40.0 * f64::EPSILON, "{f:?}'({x}): {}", dy[i] / 3.0);
            }
        }
    }

    #[test]
    fn tanh_leaky_relu_and_selu_and_their_gradients_follow_the_formulas() {
        follows(Activation::Tanh, f64::tanh, |x| 1.0 - x.tanh().powi(2));
        follows(Activation::LeakyRelu, |x| x.max(0.01 * x), |x| if x > 0.0 { 1.0 } else { 0.01 });
        let (lambda, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
        let below = |x: f64| lambda * alpha * x.exp_m1();
        follows(
            Activation::Selu,
            |x| if x > 0.0 { lambda * x } else { below(x) },
            |x| if x > 0.0 { lambda } else { lambda * alpha * x.exp() },
        );
    }

    #[test]
    fn activations_of_infinity_are_their_limits_and_nan_stays_nan() {
        let infinity = f32::INFINITY;
        for (f, below, above) in [
            (Activation::Tanh, -1.0, 1.0),
            (Activation::LeakyRelu, -infinity, infinity),
            (Activation::Selu, -1.758_099_3, infinity),
        ] {
            let mut x = [-infinity, infinity, f32::NAN];
            f.forward(&mut x);
            assert!(x[..2] == [below, above] && x[2].is_nan(), "{f:?}: {x:?}");
        }
    }

    #[test]
    fn fill_rows_repeats_the_row() {
        let b: Vec<f32> = (0..7).map(|j| j as f32).collect();
        for rows in [0, 1, 3, 5000] {
            let mut y = vec![f32::NAN; rows * 7];
            fill_rows(&mut y, &b);
            assert!(y.chunks(7).all(|row| row == b));
        }
    }

    #[test]
    #[should_panic(expected = "backward of an activation: 3 elements written, 2 read")]
    fn different_lengths_panic() {
        Activation::Relu.backward(&mut [1.0f32; 3], &[1.0; 2]);
    }
}
