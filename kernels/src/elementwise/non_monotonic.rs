//! Activations that are not monotonic: two inputs can have the same value, so the derivative needs the input

use super::{CHUNK, same_len};
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::parallel::for_each_chunk;

/// An activation function of one element whose derivative is written in terms of its input x
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonMonotonic {
    /// `y = x Φ(x)`, `y' = Φ(x) + x φ(x)`, where Φ is the distribution function of the standard normal distribution and φ
    /// its density
    ///
    /// Source: Hendrycks and Gimpel, *Gaussian Error Linear Units* (2016).
    Gelu,
    /// `y = x σ(x)`, `y' = σ(x) (1 + x (1 − σ(x)))`, where `σ(x) = 1 / (1 + e⁻ˣ)`
    ///
    /// Source: Elfwing, Uchibe, Doya, *Sigmoid-Weighted Linear Units for Neural Network Function Approximation* (2018).
    Silu,
}

/// Inputs beyond ±this count as this where an infinite one would give ∞ · 0: there the value is 0 or x, and the derivative
/// 0 or 1
const FAR: f64 = 1000.0;

impl NonMonotonic {
    /// `y ← f(x)`
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    pub fn forward<T: Number>(self, x: &[T], y: &mut [T]) {
        same_len("forward of an activation", y.len(), x.len());
        for_each_chunk(y, CHUNK, |i, y| forward_chunk(self, &x[i * CHUNK..][..y.len()], y));
    }

    /// `dx ← dy · f'(x)`: from ∂L/∂y to ∂L/∂x
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    pub fn backward<T: Number>(self, x: &[T], dy: &[T], dx: &mut [T]) {
        same_len("backward of an activation", dx.len(), x.len());
        same_len("backward of an activation", dx.len(), dy.len());
        for_each_chunk(dx, CHUNK, |i, dx| {
            let (at, len) = (i * CHUNK, dx.len());
            backward_chunk(self, &x[at..][..len], &dy[at..][..len], dx);
        });
    }
}
multiversion! {
    /// `y ← f(x)`
    fn forward_chunk<T>(f: NonMonotonic, x: &[T], y: &mut [T]) {
        let far = T::from_f64(FAR);
        let elements = y.iter_mut().zip(x);
        match f {
            NonMonotonic::Gelu => elements.for_each(|(y, &x)| {
                let x = if x < -far { -far } else { x };
                *y = x * x.normal().0;
            }),
            NonMonotonic::Silu => elements.for_each(|(y, &x)| {
                let x = if x < -far { -far } else { x };
                *y = x / (T::ONE + (-x).exp());
            }),
        }
    }
}
multiversion! {
    /// `dx ← dy · f'(x)`
    fn backward_chunk<T>(f: NonMonotonic, x: &[T], dy: &[T], dx: &mut [T]) {
        let far = T::from_f64(FAR);
        let elements = dx.iter_mut().zip(dy).zip(x).map(|((dx, &dy), &x)| {
            let x = if x < -far { -far } else { x };
            (dx, dy, if x > far { far } else { x })
        });
        match f {
            NonMonotonic::Gelu => elements.for_each(|(dx, dy, x)| {
                let (distribution, density) = x.normal();
                *dx = dy * (distribution + x * density);
            }),
            NonMonotonic::Silu => elements.for_each(|(dx, dy, x)| {
                let sigmoid = T::ONE / (T::ONE + (-x).exp());
                *dx = dy * (sigmoid * (T::ONE + x * (T::ONE - sigmoid)));
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    /// x, GELU and its derivative, SiLU and its derivative, by mpmath with 50 digits
    const TABLE: [[f64; 5]; 9] = [
        [
            -12.0,
            -2.131_778_534_493_214_7e-32,
            -2.557_895_661_674_895_6e-31,
            -7.373_009_522_657_661e-5,
            -6.758_546_761_378_339e-5,
        ],
        [
            -5.0,
            -1.433_257_859_395_969_5e-6,
            -7.146_946_001_792_295e-6,
            -0.033_464_254_621_424_28,
            -0.026_547_432_429_665_92,
        ],
        [
            -1.5,
            -0.100_210_801_903_287_1,
            -0.127_469_192_229_979_52,
            -0.273_638_285_709_534_5,
            -0.041_294_154_299_142_946,
        ],
        [
            -0.5,
            -0.154_268_769_362_993_44,
            0.132_504_875_343_837_15,
            -0.188_770_334_399_072_73,
            0.260_038_812_697_348_2,
        ],
        [-1.0e-6, -4.999_996_010_577_196e-7, 0.499_999_202_115_439_2, -4.999_997_5e-7, 0.499_999_5],
        [0.0, 0.0, 0.5, 0.0, 0.5],
        [
            0.25,
            0.149_676_581_420_730_93,
            0.695_373_354_883_636,
            0.140_544_125_221_449_52,
            0.623_710_021_570_197_7,
        ],
        [
            2.0,
            1.954_499_736_103_641_6,
            1.085_231_801_078_197,
            1.761_594_155_955_764_9,
            1.090_784_248_784_895_5,
        ],
        [30.0, 30.0, 1.0, 29.999_999_999_997_193, 1.000_000_000_002_713_6],
    ];

    #[test]
    fn values_and_gradients_agree_with_values_of_high_precision() {
        for [x, gelu, gelu_slope, silu, silu_slope] in TABLE {
            for (f, value, slope) in
                [(NonMonotonic::Gelu, gelu, gelu_slope), (NonMonotonic::Silu, silu, silu_slope)]
            {
                let (mut y, mut dx) = ([f64::NAN], [f64::NAN]);
                f.forward(&[x], &mut y);
                f.backward(&[x], &[1.0], &mut dx);
                assert!((y[0] - value).abs() <= 2e-15 * value.abs(), "{f:?}({x}): {y:?}");
                // In the derivative, up to 1 cancels, and x multiplies the error of 1 − σ(x).
                let size = x.abs().max(1.0);
                assert!((dx[0] - slope).abs() <= 1e-15 * size, "{f:?}'({x}): {dx:?}");
                let (mut y, mut dx) = ([f32::NAN], [f32::NAN]);
                f.forward(&[x as f32], &mut y);
                f.backward(&[x as f32], &[1.0], &mut dx);
                assert!((f64::from(y[0]) - value).abs() <= 6e-7 * value.abs(), "{f:?}({x}): {y:?}");
                assert!((f64::from(dx[0]) - slope).abs() <= 6e-7 * size, "{f:?}'({x}): {dx:?}");
            }
        }
    }

    #[test]
    fn every_element_of_any_length_has_the_result_of_one_alone() {
        for len in [0, 1, 15, 17, 1000, CHUNK - 1, CHUNK + 1, 3 * CHUNK + 5] {
            let (x, dy) = (numbers(len, 1, |x| (8.0 * x) as f32), numbers(len, 2, |x| x as f32));
            for f in [NonMonotonic::Gelu, NonMonotonic::Silu] {
                let (mut y, mut dx) = (vec![f32::NAN; len], vec![f32::NAN; len]);
                f.forward(&x, &mut y);
                f.backward(&x, &dy, &mut dx);
                for i in 0..len {
                    let (mut y1, mut dx1) = ([f32::NAN], [f32::NAN]);
                    f.forward(&x[i..=i], &mut y1);
                    f.backward(&x[i..=i], &dy[i..=i], &mut dx1);
                    assert!(
                        y[i].to_bits() == y1[0].to_bits() && dx[i].to_bits() == dx1[0].to_bits(),
                        "{f:?} {i}"
                    );
                }
            }
        }
    }

    #[test]
    fn values_of_infinity_are_the_limits_and_nan_stays_nan() {
        for f in [NonMonotonic::Gelu, NonMonotonic::Silu] {
            for far in [1e4, f32::MAX, f32::INFINITY] {
                let (mut y, mut dx) = ([f32::NAN; 2], [f32::NAN; 2]);
                f.forward(&[-far, far], &mut y);
                f.backward(&[-far, far], &[2.0, 2.0], &mut dx);
                assert_eq!((y, dx), ([0.0, far], [0.0, 2.0]), "{f:?} {far}");
            }
            let (mut y, mut dx) = ([0.0], [0.0]);
            f.forward(&[f32::NAN], &mut y);
            f.backward(&[f32::NAN], &[1.0], &mut dx);
            assert!(y[0].is_nan() && dx[0].is_nan(), "{f:?}");
        }
    }

    #[test]
    #[should_panic(expected = "forward of an activation: 3 elements written, 2 read")]
    fn different_lengths_panic() {
        NonMonotonic::Gelu.forward(&[1.0f32; 2], &mut [1.0; 3]);
    }
}
