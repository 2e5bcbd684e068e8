//! The parameter update of stochastic gradient descent
//!
//! `v ← μ v + (g + λ w); w ← w − η v`, no dampening, momentum not Nesterov's: the convention of PyTorch's
//! `torch.optim.SGD`. (Sutskever's has η inside v; the two differ once η changes.)
//!
//! Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
//! learning* (2013).

use crate::Scalar;
use crate::dispatch::multiversion;
use crate::elementwise::{CHUNK, same_len};
use crate::team::{for_each_chunk, for_each_chunk2};

/// `v ← μ v + (g + λ w)`, then `w ← w − η v`
///
/// * `w`: parameters, `v`: velocities, `g`: gradient of the loss by `w`; all of one length
/// * `eta`: learning rate η, `mu`: momentum μ, `lambda`: weight decay λ
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn sgd_momentum<T: Scalar>(w: &mut [T], v: &mut [T], g: &[T], eta: T, mu: T, lambda: T) {
    same_len("sgd_momentum", w.len(), g.len());
    for_each_chunk2(w, v, CHUNK, |i, w, v| momentum_piece(w, v, &g[i * CHUNK..][..w.len()], eta, mu, lambda));
}
multiversion! {
    fn momentum_piece<T>(w: &mut [T], v: &mut [T], g: &[T], eta: T, mu: T, lambda: T) {
        for ((w, v), &g) in w.iter_mut().zip(v).zip(g) {
            *v = mu * *v + (g + lambda * *w);
            *w = *w - eta * *v;
        }
    }
}

/// `w ← w − η (g + λ w)`: the update without momentum, which needs no velocities
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn sgd_plain<T: Scalar>(w: &mut [T], g: &[T], eta: T, lambda: T) {
    same_len("sgd_plain", w.len(), g.len());
    for_each_chunk(w, CHUNK, |i, w| plain_piece(w, &g[i * CHUNK..][..w.len()], eta, lambda));
}
multiversion! {
    fn plain_piece<T>(w: &mut [T], g: &[T], eta: T, lambda: T) {
        for (w, &g) in w.iter_mut().zip(g) {
            *w = *w - eta * (g + lambda * *w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_with_momentum_follow_the_formula() {
        for len in [0, 1, 33, CHUNK + 3] {
            let (mut w, mut v) = (vec![2.0f64; len], vec![0.0; len]);
            for _ in 0..2 {
                sgd_momentum(&mut w, &mut v, &vec![0.5; len], 0.1, 0.9, 0.01);
            }
            // v₁ = 0.5 + 0.02 = 0.52, w₁ = 1.948; v₂ = 0.468 + 0.51948 = 0.98748, w₂ = 1.849252
            assert!(v.iter().all(|v| (v - 0.98748).abs() < 1e-15));
            assert!(w.iter().all(|w| (w - 1.849252).abs() < 1e-15));
        }
    }

    #[test]
    fn without_momentum_the_velocity_is_the_gradient() {
        let g: Vec<f32> = (0..CHUNK + 9).map(|i| (i % 13) as f32 * 0.1).collect();
        let start: Vec<f32> = (0..CHUNK + 9).map(|i| (i % 7) as f32).collect();
        let (mut a, mut b, mut v) = (start.clone(), start, vec![5.0; CHUNK + 9]);
        sgd_plain(&mut a, &g, 0.1, 0.01);
        sgd_momentum(&mut b, &mut v, &g, 0.1, 0.0, 0.01);
        assert_eq!(a, b);
    }
}
