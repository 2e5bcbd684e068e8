//! Fully connected layer

use chainrule_kernels::{Scalar, matmul};

use crate::matrix::Matrix;

/// `Y = X W + 1 bᵀ`; `w`: d_in × d_out, `b`: d_out, `X`: batch × d_in
///
/// The model owns X and Y and hands X back to [`Linear::backward`], so nothing is copied to be kept.
#[derive(Debug)]
pub struct Linear<T> {
    /// Weights W, d_in × d_out
    pub w: Matrix<T>,
    /// Bias b, d_out
    pub b: Vec<T>,
    /// ∂L/∂W
    pub dw: Matrix<T>,
    /// ∂L/∂b
    pub db: Vec<T>,
}

impl<T: Scalar> Linear<T> {
    /// A layer with the given weights, bias 0 and gradients 0
    pub fn new(w: Matrix<T>) -> Self {
        let (d_in, d_out) = w.shape();
        Self { w, b: vec![T::ZERO; d_out], dw: Matrix::zeros(d_in, d_out), db: vec![T::ZERO; d_out] }
    }

    /// `Y ← X W + 1 bᵀ`; `scratch` is room for partial sums, grown as needed
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(&self, x: &Matrix<T>, y: &mut Matrix<T>, scratch: &mut Vec<T>) {
        matmul(x.view(), self.w.view(), Some(&self.b), y.view_mut(), scratch); //  Y = 1 bᵀ + X W
    }

    /// Gradients of the parameters, and of X if it is asked for; old gradients are overwritten; `scratch` as in [`Self::forward`]
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn backward(
        &mut self,
        x: &Matrix<T>,
        dy: &Matrix<T>,
        dx: Option<&mut Matrix<T>>,
        scratch: &mut Vec<T>,
    ) {
        matmul(x.t(), dy.view(), None, self.dw.view_mut(), scratch); //  dW = Xᵀ dY
        dy.sum_rows(&mut self.db); //                           db = Σᵢ dY[i,:]
        if let Some(dx) = dx {
            matmul(dy.view(), self.w.t(), None, dx.view_mut(), scratch); // dX = dY Wᵀ
        }
    }

    /// Both gradients become 0
    pub fn zero_grad(&mut self) {
        self.dw.data_mut().fill(T::ZERO);
        self.db.fill(T::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_backward_of_a_case_done_by_hand() {
        let mut layer = Linear::new(Matrix::from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2));
        layer.b = vec![0.5, -0.5];
        let x = Matrix::from_slice(&[1.0, 0.0, -1.0, 2.0, 1.0, 0.0], 2, 3);
        let mut y = Matrix::from_fn(2, 2, |_, _| f64::NAN);
        let mut scratch = Vec::new();
        layer.forward(&x, &mut y, &mut scratch);
        assert_eq!(y.data(), [-3.5, -4.5, 5.5, 7.5]);
        let dy = Matrix::from_slice(&[1.0, 2.0, 3.0, 4.0], 2, 2);
        let mut dx = Matrix::from_fn(2, 3, |_, _| f64::NAN);
        layer.backward(&x, &dy, Some(&mut dx), &mut scratch);
        assert_eq!(layer.dw.data(), [7.0, 10.0, 3.0, 4.0, -1.0, -2.0]);
        assert_eq!(layer.db, [4.0, 6.0]);
        assert_eq!(dx.data(), [5.0, 11.0, 17.0, 11.0, 25.0, 39.0]);
        layer.zero_grad();
        assert!(layer.dw.data().iter().chain(&layer.db).all(|&g| g == 0.0));
    }
}
