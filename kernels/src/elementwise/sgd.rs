//! The parameter update of stochastic gradient descent
//!
//! `v ← μ v + (g + λ w); w ← w − η v`, without dampening: the convention of PyTorch's `torch.optim.SGD`. (Sutskever
//! et al. have η inside v; the two differ when η changes.) Nesterov's momentum is also PyTorch's:
//! `w ← w − η ((g + λ w) + μ v)` with the new v.
//!
//! Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
//! learning* (2013).

use super::{CHUNK, same_len};
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::parallel::{for_each_chunk, for_each_chunk2};

/// The constants of a step
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdRule<T> {
    /// Learning rate η
    pub eta: T,
    /// Momentum μ
    pub mu: T,
    /// Weight decay λ
    pub lambda: T,
    /// Whether the momentum is Nesterov's; has no effect without velocities
    pub nesterov: bool,
}

/// One step of a layer: its constants and the velocities that it updates
#[derive(Debug)]
pub struct SgdStep<'a, T> {
    /// η, μ and λ of the weights
    pub rule: SgdRule<T>,
    /// Those of the bias
    pub bias_rule: SgdRule<T>,
    /// Velocities of the weights; empty for a step without momentum
    pub vw: &'a mut [T],
    /// Velocities of the bias; empty for a step without momentum
    pub vb: &'a mut [T],
}

/// `v ← μ v + (g + λ w)`, then `w ← w − η v`, or with Nesterov's momentum `w ← w − η ((g + λ w) + μ v)`
///
/// `w`: parameters, `v`: velocities, `g`: gradient of the loss with respect to `w`; all of one length. If `v` is empty,
/// the step is `w ← w − η (g + λ w)`, as for μ = 0.
///
/// A velocity below 2⁻⁹⁵ (2⁻¹⁰⁰⁰ in f64) becomes 0. Otherwise the velocity of a weight without gradient, as behind a
/// pixel that is nearly always 0, would become subnormal and stay so, since 0.9 times one of the smallest subnormal
/// numbers rounds to the same number. Each step would then take a hundred cycles more (docs/engine.md, row "subnormal
/// velocities").
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn sgd<T: Number>(rule: SgdRule<T>, w: &mut [T], v: &mut [T], g: &[T]) {
    same_len("sgd", w.len(), g.len());
    if v.is_empty() {
        for_each_chunk(w, CHUNK, |i, w| plain(rule, w, &g[i * CHUNK..][..w.len()]));
    } else {
        for_each_chunk2(w, v, CHUNK, |i, w, v| step(rule, w, v, &g[i * CHUNK..][..w.len()]));
    }
}

/// Updates as [`sgd`] does, on this thread alone
pub(crate) fn step<T: Number>(rule: SgdRule<T>, w: &mut [T], v: &mut [T], g: &[T]) {
    match (v.is_empty(), rule.nesterov) {
        (true, _) => plain(rule, w, g),
        (false, false) => momentum(rule, w, v, g),
        (false, true) => nesterov(rule, w, v, g),
    }
}

/// `x`, or 0 if its magnitude is below the bound of velocities
#[inline(always)]
pub(super) fn unless_negligible<T: Number>(x: T) -> T {
    let negligible = x < T::NEGLIGIBLE && -x < T::NEGLIGIBLE;
    if negligible { T::ZERO } else { x }
}

multiversion! {
    fn momentum<T>(rule: SgdRule<T>, w: &mut [T], v: &mut [T], g: &[T]) {
        let SgdRule { eta, mu, lambda, .. } = rule;
        for ((w, v), &g) in w.iter_mut().zip(v).zip(g) {
            *v = unless_negligible(mu * *v + if lambda == T::ZERO { g } else { g + lambda * *w });
            *w = *w - eta * *v;
        }
    }
}
multiversion! {
    fn nesterov<T>(rule: SgdRule<T>, w: &mut [T], v: &mut [T], g: &[T]) {
        let SgdRule { eta, mu, lambda, .. } = rule;
        for ((w, v), &g) in w.iter_mut().zip(v).zip(g) {
            let decayed = if lambda == T::ZERO { g } else { g + lambda * *w };
            *v = unless_negligible(mu * *v + decayed);
            *w = *w - eta * (decayed + mu * *v);
        }
    }
}
multiversion! {
    fn plain<T>(rule: SgdRule<T>, w: &mut [T], g: &[T]) {
        for (w, &g) in w.iter_mut().zip(g) {
            *w = *w - rule.eta * if rule.lambda == T::ZERO { g } else { g + rule.lambda * *w };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    const RULE: SgdRule<f64> = SgdRule { eta: 0.1, mu: 0.9, lambda: 0.01, nesterov: false };

    #[test]
    fn two_steps_with_momentum_follow_the_formula() {
        for len in [0, 1, 33, CHUNK + 3] {
            let (mut w, mut v) = (vec![2.0f64; len], vec![0.0; len]);
            for _ in 0..2 {
                sgd(RULE, &mut w, &mut v, &vec![0.5; len]);
            }
            // v₁ = 0.5 + 0.02 = 0.52, w₁ = 1.948; v₂ = 0.468 + 0.51948 = 0.98748, w₂ = 1.849252
            assert!(v.iter().all(|v| (v - 0.98748).abs() < 1e-15));
            assert!(w.iter().all(|w| (w - 1.849252).abs() < 1e-15));
        }
    }

    #[test]
    fn two_steps_with_nesterovs_momentum_follow_the_formula() {
        for len in [0, 1, 33, CHUNK + 3] {
            let (mut w, mut v) = (vec![2.0f64; len], vec![0.0; len]);
            for _ in 0..2 {
                sgd(SgdRule { nesterov: true, ..RULE }, &mut w, &mut v, &vec![0.5; len]);
            }
            // d₁ = v₁ = 0.52, w₁ = 2 − 0.1 (0.52 + 0.468) = 1.9012; d₂ = 0.519012, v₂ = 0.468 + d₂ = 0.987012,
            // w₂ = w₁ − 0.1 (d₂ + 0.8883108) = 1.76046772
            assert!(v.iter().all(|v| (v - 0.987012).abs() < 1e-15));
            assert!(w.iter().all(|w| (w - 1.76046772).abs() < 1e-15));
        }
    }

    #[test]
    fn velocities_die_out_before_they_become_subnormal_and_nan_stays() {
        for nesterov in [false, true] {
            let (mut w, mut v) = ([1.0f32; 3], [1.0, -1.0, f32::NAN]);
            for _ in 0..1000 {
                let rule = SgdRule { eta: 0.1, mu: 0.9, lambda: 0.0, nesterov };
                sgd(rule, &mut w, &mut v, &[0.0; 3]);
                assert!(v.iter().all(|v| !v.is_subnormal()));
            }
            assert!(v[0] == 0.0 && v[1] == 0.0 && v[2].is_nan());
        }
    }

    #[test]
    fn without_momentum_the_velocity_is_the_gradient() {
        const LEN: usize = 70 * 90;
        let [g, start] = [1, 2].map(|seed| numbers(LEN, seed, |x| x as f32));
        let (mut a, mut b, mut v) = (start.clone(), start, vec![5.0; LEN]);
        let rule = SgdRule { eta: 0.1, mu: 0.0, lambda: 0.01, nesterov: false };
        sgd(rule, &mut a, &mut [], &g);
        sgd(rule, &mut b, &mut v, &g);
        assert_eq!(a, b);
    }
}
