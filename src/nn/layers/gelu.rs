//! Gaussian error linear unit, `y = x Φ(x)` with `Φ(x) = (1 + erf(x/√2)) / 2`, element by element
//!
//! Two inputs can have the same y, so the backward pass needs x, and a linear layer can't be fused with this one.
//!
//! Source: Hendrycks and Gimpel, *Gaussian Error Linear Units* (2016).

use chainrule_kernels::{NonMonotonic, Scalar};

use crate::nn::matrix::Matrix;

/// `Y ← X ∘ Φ(X)`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    NonMonotonic::Gelu.forward(x.data(), y.data_mut());
}

/// `dX ← dY ∘ (Φ(X) + X ∘ φ(X))`, where φ is the density, Φ'
pub fn backward<T: Scalar>(x: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    NonMonotonic::Gelu.backward(x.data(), dy.data(), dx.data_mut());
}
