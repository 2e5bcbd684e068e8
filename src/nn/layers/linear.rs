//! The fully connected layer

use std::fmt;

use chainrule_kernels::{DenseKernels, Epilogue, Gradient, Scalar};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::{Shape, Tensor};
use crate::nn::step::LayerStep;

/// A fully connected layer, `Y = f(X W + 1 bᵀ)`; X: batch × d_in, f: the activation and dropout fused with the layer
///
/// Its text is `linear d_in d_out`. The workspace owns X and Y and lends X to [`Linear::backward`], so no layer copies its input.
#[derive(Debug)]
pub struct Linear<T> {
    /// Weights W, d_in × d_out
    pub w: Matrix<T>,
    /// Bias b, d_out
    pub b: Vec<T>,
    /// ∂L/∂W, d_in × d_out; has no rows until [`Self::backward`] has stored it
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

    /// A layer whose parameters are 0, from the words of its text after `linear`
    ///
    /// # Errors
    /// If the words are not two widths, or the layer has more than `most` parameters.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>, most: usize) -> Result<Self, String> {
        let widths: Vec<usize> = words.map_while(|word| word.parse().ok().filter(|&n| n > 0)).collect();
        let [d_in, d_out] = widths[..] else {
            return Err("a linear layer needs two widths of 1 or more".to_owned());
        };
        match d_in.checked_add(1).and_then(|rows| rows.checked_mul(d_out)) {
            Some(parameters) if parameters <= most => Ok(Self::new(Matrix::zeros(d_in, d_out))),
            _ => Err(format!(
                "a linear layer {d_in} to {d_out} has more than the {most} parameters that can be there"
            )),
        }
    }

    /// The weights and bias of this layer, whose index in the model is `layer`
    pub fn tensors(&self, layer: usize) -> Vec<Tensor<&[T]>> {
        let Self { w, b, dw, db } = self;
        tensors(layer, w.shape(), [(w.data(), dw.data()), (b, db)])
    }

    /// The weights and bias of this layer, whose index in the model is `layer`, for writing
    pub fn tensors_mut(&mut self, layer: usize) -> Vec<Tensor<&mut [T]>> {
        let Self { w, b, dw, db } = self;
        tensors(layer, w.shape(), [(w.data_mut(), dw.data_mut()), (b, db)])
    }

    /// `Y ← f(X W + 1 bᵀ)`
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Matrix<T>,
        f: impl Into<Epilogue<T>>,
        y: &mut Matrix<T>,
        backend: &mut DenseKernels<T>,
    ) {
        backend.affine(x.view(), self.w.view(), &self.b, f, y.view_mut());
    }

    /// Computes from `dy = ∂L/∂(X W + 1 bᵀ)` the gradients of the parameters and, if `dx` is given, of the input
    ///
    /// * `dx`: set to `(dY Wᵀ) ∘ f'(X)`, where f is what is fused with the layer before
    /// * `step`: if given, the parameters are updated in the same pass, and no gradients are stored in `dw` and `db`
    ///
    /// # Panics
    /// If the shapes don't fit.
    #[track_caller]
    pub fn backward(
        &mut self,
        x: &Matrix<T>,
        dy: &Matrix<T>,
        dx: Option<(&mut Matrix<T>, Epilogue<T>)>,
        step: Option<LayerStep<'_, T>>,
        backend: &mut DenseKernels<T>,
    ) {
        let Self { w, b, dw, db } = self;
        let gradient = match step {
            Some(step) => step.gradient_of_linear(Shape::Matrix(w.rows(), w.cols()), b),
            None => {
                dw.set_rows(w.rows());
                Gradient::Store { dw: dw.data_mut(), db }
            }
        };
        let dx = dx.map(|(dx, f)| (dx.data_mut(), f));
        backend.affine_backward(x.view(), dy.view(), w.data_mut(), dx, gradient);
    }
}

impl<T: Scalar> fmt::Display for Linear<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linear {} {}", self.w.rows(), self.w.cols())
    }
}

/// The tensors of layer `layer`, made of the elements and gradients of its d_in × d_out weights and its bias
fn tensors<D>(
    layer: usize,
    (d_in, d_out): (usize, usize),
    [(w, dw), (b, db)]: [(D, D); 2],
) -> Vec<Tensor<D>> {
    vec![
        Tensor { layer, kind: "weight", shape: Shape::Matrix(d_in, d_out), data: w, gradient: Some(dw) },
        Tensor { layer, kind: "bias", shape: Shape::Vector(d_out), data: b, gradient: Some(db) },
    ]
}

#[cfg(test)]
mod tests {
    use chainrule_kernels as kernels;

    use super::*;

    #[test]
    fn forward_and_backward_agree_with_a_case_calculated_by_hand() {
        let mut layer = Linear::new(Matrix::from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2));
        layer.b = vec![0.5, -0.5];
        let x = Matrix::from_slice(&[1.0, 0.0, -1.0, 2.0, 1.0, 0.0], 2, 3);
        let mut y = Matrix::from_fn(2, 2, |_, _| f64::NAN);
        let mut backend = DenseKernels::default();
        layer.forward(&x, kernels::Activation::Identity, &mut y, &mut backend);
        assert_eq!(y.data(), [-3.5, -4.5, 5.5, 7.5]);
        let dy = Matrix::from_slice(&[1.0, 2.0, 3.0, 4.0], 2, 2);
        let mut dx = Matrix::from_fn(2, 3, |_, _| f64::NAN);
        layer.backward(&x, &dy, Some((&mut dx, kernels::Activation::Identity.into())), None, &mut backend);
        assert_eq!(layer.dw.data(), [7.0, 10.0, 3.0, 4.0, -1.0, -2.0]);
        assert_eq!(layer.db, [4.0, 6.0]);
        assert_eq!(dx.data(), [5.0, 11.0, 17.0, 11.0, 25.0, 39.0]);
    }
}
