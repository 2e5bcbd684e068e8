//! Logistic sigmoid

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// `y = 1 / (1 + e⁻ˣ)`, number by number
///
/// Source: Goodfellow, Bengio, Courville, *Deep Learning* (2016), section 3.10.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Sigmoid {
    /// `x ← 1 / (1 + e⁻ˣ)`, in place
    pub fn forward<T: Scalar>(x: &mut Matrix<T>) {
        kernels::Activation::Sigmoid.forward(x.data_mut());
    }

    /// `dy ← dy · y (1 − y) = dx`, in place
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &mut Matrix<T>) {
        assert!(y.shape() == dy.shape(), "Sigmoid: y is {:?}, dy {:?}", y.shape(), dy.shape());
        kernels::Activation::Sigmoid.backward(dy.data_mut(), y.data());
    }
}
