//! Rectified linear unit, `y = max(x, 0)`, element by element
//!
//! Source: Nair and Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines* (2010).

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// The kernel that a linear layer applies to its product; [`forward`] runs the same loop
pub const FUSED: kernels::Activation = kernels::Activation::Relu;

/// `Y ← max(X, 0)`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    y.data_mut().copy_from_slice(x.data());
    FUSED.forward(y.data_mut());
}

/// `dX ← dY ∘ [Y > 0]`, since y > 0 exactly where x > 0
pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    dx.data_mut().copy_from_slice(dy.data());
    FUSED.backward(dx.data_mut(), y.data());
}
