//! The parameter update of AdamW
//!
//! In step t = 1, 2, …, with the gradient g of the loss alone:
//!
//! * `m ← m + (1 − β₁) (g − m)`, `v ← β₂ v + (1 − β₂) g²`
//! * `w ← (1 − η λ) w − η m̂ / (√v̂ + ε)` with `m̂ = m / (1 − β₁ᵗ)` and `v̂ = v / (1 − β₂ᵗ)`
//!
//! These are the conventions of PyTorch's `torch.optim.AdamW`: η multiplies λ, and ε is added outside the root.
//!
//! Sources: Kingma and Ba, *Adam: A Method for Stochastic Optimization* (2015), algorithm 1; Loshchilov and Hutter,
//! *Decoupled Weight Decay Regularization* (2019), algorithm 2.

use super::sgd::unless_negligible;
use super::{CHUNK, same_len};
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::parallel::for_each_chunk3;

/// The constants of a training with AdamW
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWRule {
    /// Share β₁ of the first moment that a step keeps
    pub beta1: f64,
    /// Share β₂ of the second moment that a step keeps
    pub beta2: f64,
    /// ε, which is added to the root of the second moment
    pub epsilon: f64,
}

/// The constants of a step of AdamW
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep<T> {
    /// 1 − η λ
    kept: T,
    /// 1 − β₁
    new_first: T,
    /// β₂
    beta2: T,
    /// 1 − β₂
    new_second: T,
    /// η / (1 − β₁ᵗ)
    eta: T,
    /// 1 / √(1 − β₂ᵗ)
    scale: T,
    /// ε
    epsilon: T,
}

/// A step of AdamW for a layer: its constants and the moments that it updates
#[derive(Debug)]
pub struct LayerAdamW<'a, T> {
    /// The constants of the weights
    pub constants: AdamWStep<T>,
    /// Those of the bias
    pub bias_constants: AdamWStep<T>,
    /// The first and the second moments of the weights
    pub moments: [&'a mut [T]; 2],
    /// Those of the bias
    pub bias_moments: [&'a mut [T]; 2],
}

impl AdamWRule {
    /// The constants of step `t`, counted from 1, with learning rate η and weight decay λ
    ///
    /// They are computed in f64 by exactly rounded operations, so they are the same on every machine, and rounded to T.
    pub fn step<T: Number>(self, t: u64, eta: f64, lambda: f64) -> AdamWStep<T> {
        let Self { beta1, beta2, epsilon } = self;
        let [kept, new_first, beta2, new_second, eta, scale, epsilon] = [
            1.0 - eta * lambda,
            1.0 - beta1,
            beta2,
            1.0 - beta2,
            eta / (1.0 - power(beta1, t)),
            1.0 / (1.0 - power(beta2, t)).sqrt(),
            epsilon,
        ]
        .map(T::from_f64);
        AdamWStep { kept, new_first, beta2, new_second, eta, scale, epsilon }
    }
}

/// `baseⁿ` by squaring; `powi` may round differently on another machine
fn power(base: f64, mut n: u64) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while n > 0 {
        if n & 1 == 1 {
            result *= square;
        }
        square *= square;
        n >>= 1;
    }
    result
}

/// A step of AdamW on the parameters `w`
///
/// `m`, `v`: the first and second moments, 0 before step 1; `g`: gradient of the loss with respect to `w`; all of one
/// length.
///
/// First moments below 2⁻⁹⁵ (2⁻¹⁰⁰⁰ in f64) and subnormal second moments become 0: without gradients, both would shrink
/// until they are subnormal, which makes every step slow (docs/engine.md, row "subnormal velocities").
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn adamw<T: Number>(step: AdamWStep<T>, w: &mut [T], m: &mut [T], v: &mut [T], g: &[T]) {
    same_len("adamw", w.len(), g.len());
    for_each_chunk3(w, m, v, CHUNK, |i, w, m, v| update(step, w, m, v, &g[i * CHUNK..][..w.len()]));
}

multiversion! {
    /// Updates as [`adamw`] does, on this thread alone
    pub(crate) fn update<T>(step: AdamWStep<T>, w: &mut [T], m: &mut [T], v: &mut [T], g: &[T]) {
        let AdamWStep { kept, new_first, beta2, new_second, eta, scale, epsilon } = step;
        for (((w, m), v), &g) in w.iter_mut().zip(m).zip(v).zip(g) {
            *m = unless_negligible(*m + new_first * (g - *m));
            let second = beta2 * *v + new_second * (g * g);
            *v = if second < T::MIN_POSITIVE { T::ZERO } else { second };
            *w = kept * *w - eta * (*m / (v.sqrt() * scale + epsilon));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    const RULE: AdamWRule = AdamWRule { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    #[test]
    fn steps_follow_the_formula() {
        for len in [0, 1, 33, CHUNK + 3] {
            let [start, gradients] = [1, 2].map(|seed| numbers(len, seed, |x| x));
            let (mut w, mut m, mut v) = (start.clone(), vec![0.0; len], vec![0.0; len]);
            let (mut want_w, mut want_m, mut want_v) = (start, vec![0.0; len], vec![0.0; len]);
            for t in 1..=3 {
                let (eta, lambda) = (0.01 / t as f64, 0.1);
                let g: Vec<f64> = gradients.iter().map(|g| g / t as f64).collect();
                adamw(RULE.step(t, eta, lambda), &mut w, &mut m, &mut v, &g);
                for i in 0..len {
                    want_m[i] = 0.9 * want_m[i] + 0.1 * g[i];
                    want_v[i] = 0.999 * want_v[i] + 0.001 * g[i] * g[i];
                    let corrected = [
                        want_m[i] / (1.0 - 0.9f64.powi(t as i32)),
                        want_v[i] / (1.0 - 0.999f64.powi(t as i32)),
                    ];
                    want_w[i] -= eta * lambda * want_w[i];
                    want_w[i] -= eta * corrected[0] / (corrected[1].sqrt() + 1e-8);
                }
            }
            // 1 − 0.999ᵗ loses three digits, and moments are at most 1.
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
            assert!(close(&w, &want_w) && close(&m, &want_m) && close(&v, &want_v), "{len}");
        }
    }

    #[test]
    fn the_first_step_is_eta_in_the_direction_of_the_gradient() {
        let (mut w, mut m, mut v) = ([1.0f32, 1.0, 1.0], [0.0; 3], [0.0; 3]);
        adamw(RULE.step(1, 0.5, 0.0), &mut w, &mut m, &mut v, &[3.0, -1e-3, 0.0]);
        assert!((w[0] - 0.5).abs() < 1e-6 && (w[1] - 1.5).abs() < 1e-4 && w[2] == 1.0, "{w:?}");
    }

    #[test]
    fn powers_are_those_of_repeated_products() {
        for n in [0u32, 1, 2, 3, 10, 1000, 123_457] {
            let want = (0..n).fold(1.0, |power, _| power * 0.999);
            // Each of the n products rounds once.
            let bound = f64::from(n + 20) * f64::EPSILON * want;
            assert!((power(0.999, n.into()) - want).abs() <= bound, "{n}");
        }
        assert_eq!(power(0.0, 1), 0.0);
        assert_eq!(power(0.5, 5000), 0.0);
    }

    #[test]
    fn moments_die_out_before_they_become_subnormal_and_nan_stays() {
        let rule = AdamWRule { beta2: 0.9, ..RULE };
        let (mut w, mut m, mut v) = ([1.0f32; 3], [1.0, -1.0, f32::NAN], [1.0, 1e-38, f32::NAN]);
        for t in 1..=1000 {
            adamw(rule.step(t, 0.1, 0.0), &mut w, &mut m, &mut v, &[0.0; 3]);
            assert!(m.iter().chain(&v).all(|x| !x.is_subnormal()));
        }
        assert_eq!((m[0], m[1], v[0], v[1]), (0.0, 0.0, 0.0, 0.0));
        assert!(m[2].is_nan() && v[2].is_nan() && w[2].is_nan() && w[0].is_finite() && w[1].is_finite());
    }

    #[test]
    #[should_panic(expected = "adamw: 3 elements written, 2 read")]
    fn different_lengths_panic() {
        adamw(RULE.step(1, 0.1, 0.0), &mut [1.0f32; 3], &mut [0.0; 3], &mut [0.0; 3], &[1.0; 2]);
    }
}
