//! Hyperbolic tangent, `y = tanh x`, element by element
//!
//! Source: LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998), section 4.4.

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// The kernel that a linear layer applies to its product; [`forward`] runs the same loop
pub const FUSED: kernels::Activation = kernels::Activation::Tanh;

/// `Y ← tanh X`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    y.data_mut().copy_from_slice(x.data());
    FUSED.forward(y.data_mut());
}

/// `dX ← dY ∘ (1 − Y²)`
pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    dx.data_mut().copy_from_slice(dy.data());
    FUSED.backward(dx.data_mut(), y.data());
}
