//! Stochastic gradient descent with momentum and weight decay, over all parameters of a model

use chainrule_kernels::{Scalar, SgdRule, SgdStep, sgd};

use crate::nn::matrix::Matrix;
use crate::nn::mlp::{Mlp, Parameter};

/// `v ← μ v + (g + λ w); w ← w − η v` for every parameter, weights and biases alike
///
/// No dampening, momentum not Nesterov's: the convention of PyTorch's `torch.optim.SGD`. Velocities start
/// at 0 and exist only when μ > 0.
///
/// Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
/// learning* (2013).
#[derive(Debug)]
pub struct Sgd<T> {
    rule: SgdRule<T>,
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
        Self { rule: SgdRule { eta, mu, lambda }, velocities }
    }

    /// A step for each layer, last layer first: for [`Mlp::backward`], which makes it as soon as it has a gradient
    pub fn steps(&mut self) -> impl Iterator<Item = SgdStep<'_, T>> {
        let rule = self.rule;
        let mut velocities = self.velocities.iter_mut().rev();
        std::iter::from_fn(move || {
            let mut next = || velocities.next().map_or(&mut [][..], Matrix::data_mut);
            let (vb, vw) = (next(), next());
            Some(SgdStep { rule, vw, vb })
        })
    }

    /// One update by the gradients that `model` holds
    ///
    /// # Panics
    /// If it holds none: [`Mlp::backward`] stores them when it is given no [`SgdStep`]s.
    pub fn step(&mut self, model: &mut Mlp<T>) {
        let mut velocities = self.velocities.iter_mut();
        for Parameter { w, g, .. } in model.parameters_mut() {
            sgd(self.rule, w, velocities.next().map_or(&mut [][..], Matrix::data_mut), g);
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
