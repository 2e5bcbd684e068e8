//! The parameter update of stochastic gradient descent
//!
//! `v ← μ v + (g + λ w); w ← w − η v`, no dampening, momentum not Nesterov's: the convention of PyTorch's
//! `torch.optim.SGD`. (Sutskever's has η inside v; the two differ once η changes.)
//!
//! Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
//! learning* (2013).

use crate::Scalar;
use crate::dispatch::multiversion;
use crate::elementwise::same_len;
use crate::strip::{Strip, for_each_strip};

/// `v ← μ v + (g + λ w)`, then `w ← w − η v`, for row-major matrices of `cols` columns
///
/// * `w`: parameters, `v`: velocities, `g`: gradient of the loss by `w`; all of one length
/// * `eta`: learning rate η, `mu`: momentum μ, `lambda`: weight decay λ
/// * cut as [`matmul`](crate::matmul) cuts what it writes: the core that made a piece of g updates
///   what belongs to it, and has it in its cache for the next forward pass
///
/// # Panics
/// If the lengths differ, or `cols` does not divide them.
#[track_caller]
pub fn sgd_momentum<T: Scalar>(w: &mut [T], v: &mut [T], g: &[T], cols: usize, eta: T, mu: T, lambda: T) {
    same_len("sgd_momentum", w.len(), g.len());
    for_each_strip([w, v], cols, |rows, columns, [w, v]| {
        momentum(w, v, &g[rows.start * cols..], columns.start, cols, eta, mu, lambda);
    });
}
multiversion! {
    #[expect(clippy::too_many_arguments, reason = "a strip's place and the three constants")]
    fn momentum<T>(w: Strip<'_, T>, v: Strip<'_, T>, g: &[T], first: usize, cols: usize, eta: T, mu: T, lambda: T) {
        for ((w, v), g) in w.into_rows().zip(v.into_rows()).zip(g.chunks_exact(cols)) {
            let g = &g[first..][..w.len()];
            for ((w, v), &g) in w.iter_mut().zip(v).zip(g) {
                *v = mu * *v + (g + lambda * *w);
                *w = *w - eta * *v;
            }
        }
    }
}

/// `w ← w − η (g + λ w)`: the update without momentum, which needs no velocities
///
/// # Panics
/// If the lengths differ, or `cols` does not divide them.
#[track_caller]
pub fn sgd_plain<T: Scalar>(w: &mut [T], g: &[T], cols: usize, eta: T, lambda: T) {
    same_len("sgd_plain", w.len(), g.len());
    for_each_strip([w], cols, |rows, columns, [w]| {
        plain(w, &g[rows.start * cols..], columns.start, cols, eta, lambda);
    });
}
multiversion! {
    fn plain<T>(w: Strip<'_, T>, g: &[T], first: usize, cols: usize, eta: T, lambda: T) {
        for (w, g) in w.into_rows().zip(g.chunks_exact(cols)) {
            let g = &g[first..][..w.len()];
            for (w, &g) in w.iter_mut().zip(g) {
                *w = *w - eta * (g + lambda * *w);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_with_momentum_follow_the_formula() {
        for (rows, cols) in [(0, 3), (1, 1), (3, 11), (50, 129)] {
            let len = rows * cols;
            let (mut w, mut v) = (vec![2.0f64; len], vec![0.0; len]);
            for _ in 0..2 {
                sgd_momentum(&mut w, &mut v, &vec![0.5; len], cols, 0.1, 0.9, 0.01);
            }
            // v₁ = 0.5 + 0.02 = 0.52, w₁ = 1.948; v₂ = 0.468 + 0.51948 = 0.98748, w₂ = 1.849252
            assert!(v.iter().all(|v| (v - 0.98748).abs() < 1e-15));
            assert!(w.iter().all(|w| (w - 1.849252).abs() < 1e-15));
        }
    }

    #[test]
    fn without_momentum_the_velocity_is_the_gradient() {
        const LEN: usize = 70 * 90;
        let g: Vec<f32> = (0..LEN).map(|i| (i % 13) as f32 * 0.1).collect();
        let start: Vec<f32> = (0..LEN).map(|i| (i % 7) as f32).collect();
        let (mut a, mut b, mut v) = (start.clone(), start, vec![5.0; LEN]);
        sgd_plain(&mut a, &g, 70, 0.1, 0.01);
        sgd_momentum(&mut b, &mut v, &g, 70, 0.1, 0.0, 0.01);
        assert_eq!(a, b);
    }
}
