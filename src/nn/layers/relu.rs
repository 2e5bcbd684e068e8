//! Rectified linear unit

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// `y = max(x, 0)`, number by number
///
/// Source: Nair and Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines* (2010).
#[derive(Clone, Copy, Debug)]
pub struct ReLU;

impl ReLU {
    /// `x ← max(x, 0)`, in place
    pub fn forward<T: Scalar>(x: &mut Matrix<T>) {
        kernels::Activation::Relu.forward(x.data_mut());
    }

    /// `dy ← dy · [y > 0] = dx`, in place; y tells where x was positive as well as x would
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &mut Matrix<T>) {
        assert!(y.shape() == dy.shape(), "ReLU: y is {:?}, dy {:?}", y.shape(), dy.shape());
        kernels::Activation::Relu.backward(dy.data_mut(), y.data());
    }
}
