//! Stochastic gradient descent with momentum and weight decay, over all parameters of a model

use chainrule_kernels::{self as kernels, Scalar};

use crate::matrix::Matrix;
use crate::model::{Mlp, Parameter};

/// `v ← μ v + (g + λ w); w ← w − η v` for every parameter, weights and biases alike
///
/// No dampening, momentum not Nesterov's: the convention of PyTorch's `torch.optim.SGD`. Velocities start
/// at 0 and exist only when μ > 0.
///
/// Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
/// learning* (2013).
#[derive(Debug)]
pub struct Sgd<T> {
    eta: T,
    mu: T,
    lambda: T,
    /// One a tensor, in the order of [`Mlp::parameters_mut`]; empty when μ = 0
    velocities: Vec<Matrix<T>>,
}

impl<T: Scalar> Sgd<T> {
    /// For the parameters of `model`, with learning rate η ≥ 0, momentum 0 ≤ μ < 1 and weight decay λ ≥ 0
    pub fn new(model: &mut Mlp<T>, learning_rate: f64, momentum: f64, weight_decay: f64) -> Self {
        let velocities = match momentum > 0.0 {
            true => model.parameters_mut().map(|p| Matrix::zeros(p.w.len() / p.cols, p.cols)).collect(),
            false => Vec::new(),
        };
        let [eta, mu, lambda] = [learning_rate, momentum, weight_decay].map(T::from_f64);
        Self { eta, mu, lambda, velocities }
    }

    /// One update by the gradients that `model` holds
    pub fn step(&mut self, model: &mut Mlp<T>) {
        if self.velocities.is_empty() {
            for Parameter { w, g, cols } in model.parameters_mut() {
                kernels::sgd_plain(w, g, cols, self.eta, self.lambda);
            }
        }
        for (Parameter { w, g, cols }, v) in model.parameters_mut().zip(&mut self.velocities) {
            kernels::sgd_momentum(w, v.data_mut(), g, cols, self.eta, self.mu, self.lambda);
        }
    }

    /// All gradients of `model` become 0
    ///
    /// A training step needs no such call, since [`Mlp::backward`] overwrites the gradients. It is for
    /// those who sum gradients of their own.
    pub fn zero_grad(&self, model: &mut Mlp<T>) {
        model.layers_mut().iter_mut().for_each(|layer| layer.zero_grad());
    }
}
