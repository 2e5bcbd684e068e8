//! Leaky rectified linear unit, `y = max(x, 0.01 x)`, element by element
//!
//! Source: Maas, Hannun, Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models* (2013).

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// The kernel that a linear layer applies to its product; [`forward`] runs the same loop
pub const FUSED: kernels::Activation = kernels::Activation::LeakyRelu;

/// `Y ← max(X, 0.01 X)`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    y.data_mut().copy_from_slice(x.data());
    FUSED.forward(y.data_mut());
}

/// `dX ← dY ∘ (1 where Y > 0, else 0.01)`, since y > 0 exactly where x > 0
pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    dx.data_mut().copy_from_slice(dy.data());
    FUSED.backward(dx.data_mut(), y.data());
}
