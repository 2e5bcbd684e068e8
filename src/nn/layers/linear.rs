//! Fully connected layer

use chainrule_kernels::{self as kernels, DenseKernels, Gradient, Scalar, SgdStep};

use crate::nn::matrix::Matrix;

/// `Y = f(X W + 1 bᵀ)`; `w`: d_in × d_out, `b`: d_out, `X`: batch × d_in, f: the activation that follows
///
/// The model owns X and Y and hands X back to [`Linear::backward`], so nothing is copied to be kept.
#[derive(Debug)]
pub struct Linear<T> {
    /// Weights W, d_in × d_out
    pub w: Matrix<T>,
    /// Bias b, d_out
    pub b: Vec<T>,
    /// ∂L/∂W, d_in × d_out; without rows until a [`Self::backward`] has stored it
    pub dw: Matrix<T>,
    /// ∂L/∂b
    pub db: Vec<T>,
}

impl<T: Scalar> Linear<T> {
    /// A layer with the given weights, bias 0 and no gradients
    pub fn new(w: Matrix<T>) -> Self {
        let d_out = w.cols();
        Self { w, b: vec![T::ZERO; d_out], dw: Matrix::zeros(0, d_out), db: vec![T::ZERO; d_out] }
    }

    /// `Y ← f(X W + 1 bᵀ)`
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Matrix<T>,
        f: kernels::Activation,
        y: &mut Matrix<T>,
        engine: &mut DenseKernels<T>,
    ) {
        engine.affine(x.view(), self.w.view(), &self.b, f, y.view_mut());
    }

    /// From `dy = ∂L/∂(X W + 1 bᵀ)` to the gradients of the parameters, and of what X was made from if it is asked for
    ///
    /// * `dx`: `(dY Wᵀ) ∘ f'(X)`, where f is the activation that made X
    /// * with a `step`, the gradients are spent on it at once; without, they are left in `dw` and `db`
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn backward(
        &mut self,
        x: &Matrix<T>,
        dy: &Matrix<T>,
        dx: Option<(&mut Matrix<T>, kernels::Activation)>,
        step: Option<SgdStep<'_, T>>,
        engine: &mut DenseKernels<T>,
    ) {
        let Self { w, b, dw, db } = self;
        let gradient = match step {
            Some(step) => Gradient::Step { b, step },
            None => {
                dw.set_rows(w.rows());
                Gradient::Store { dw: dw.data_mut(), db }
            }
        };
        let dx = dx.map(|(dx, f)| (dx.data_mut(), f));
        engine.affine_backward(x.view(), dy.view(), w.data_mut(), dx, gradient);
    }

    /// Both gradients become 0
    pub fn zero_grad(&mut self) {
        self.dw.set_rows(self.w.rows());
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
        let mut engine = DenseKernels::default();
        layer.forward(&x, kernels::Activation::Identity, &mut y, &mut engine);
        assert_eq!(y.data(), [-3.5, -4.5, 5.5, 7.5]);
        let dy = Matrix::from_slice(&[1.0, 2.0, 3.0, 4.0], 2, 2);
        let mut dx = Matrix::from_fn(2, 3, |_, _| f64::NAN);
        layer.backward(&x, &dy, Some((&mut dx, kernels::Activation::Identity)), None, &mut engine);
        assert_eq!(layer.dw.data(), [7.0, 10.0, 3.0, 4.0, -1.0, -2.0]);
        assert_eq!(layer.db, [4.0, 6.0]);
        assert_eq!(dx.data(), [5.0, 11.0, 17.0, 11.0, 25.0, 39.0]);
        layer.zero_grad();
        assert!(layer.dw.data().iter().chain(&layer.db).all(|&g| g == 0.0));
    }
}
