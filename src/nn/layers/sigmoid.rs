//! Logistic sigmoid, `y = 1 / (1 + e⁻ˣ)`, element by element
//!
//! Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 3.10.

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// The kernel that a linear layer applies to its product; [`forward`] runs the same loop
pub const FUSED: kernels::Activation = kernels::Activation::Sigmoid;

/// `Y ← 1 / (1 + e⁻ˣ)`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    y.data_mut().copy_from_slice(x.data());
    FUSED.forward(y.data_mut());
}

/// `dX ← dY ∘ Y ∘ (1 − Y)`
pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    dx.data_mut().copy_from_slice(dy.data());
    FUSED.backward(dx.data_mut(), y.data());
}
