//! Sigmoid linear unit, also called swish, `y = x σ(x)` with `σ(x) = 1 / (1 + e⁻ˣ)`, element by element
//!
//! Two inputs can have the same y, so the backward pass needs x, and a linear layer can't be fused with this one.
//!
//! Source: Elfwing, Uchibe, Doya, *Sigmoid-Weighted Linear Units for Neural Network Function Approximation* (2018).

use chainrule_kernels::{NonMonotonic, Scalar};

use crate::nn::matrix::Matrix;

/// `Y ← X ∘ σ(X)`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    NonMonotonic::Silu.forward(x.data(), y.data_mut());
}

/// `dX ← dY ∘ σ(X) ∘ (1 + X ∘ (1 − σ(X)))`
pub fn backward<T: Scalar>(x: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    NonMonotonic::Silu.backward(x.data(), dy.data(), dx.data_mut());
}
