//! Stochastic gradient descent with momentum and weight decay, over all parameters of a model

use chainrule_kernels::{Scalar, SgdRule, SgdStep, sgd};

use crate::nn::matrix::Matrix;
use crate::nn::parameter::{Parameter, Shape};

/// `v ← μ v + (g + λ w); w ← w − η v` for every parameter, weights and biases alike
///
/// No dampening, and momentum is not Nesterov's: the convention of PyTorch's `torch.optim.SGD`. Velocities start
/// at 0 and exist only when μ > 0.
///
/// SGD alone can run inside the backward pass ([`Self::steps`]). Any other optimiser lets the backward pass store the
/// gradients and then runs over the parameters, as [`Self::step`] does.
///
/// Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
/// learning* (2013).
#[derive(Debug)]
pub struct Sgd<T> {
    rule: SgdRule<T>,
    /// One for each parameter, in their order; empty when μ = 0
    velocities: Vec<Matrix<T>>,
}

impl<T: Scalar> Sgd<T> {
    /// For the given parameters, with learning rate η ≥ 0, momentum 0 ≤ μ < 1 and weight decay λ ≥ 0
    pub fn new<'a>(
        parameters: impl Iterator<Item = Parameter<'a, T>>,
        learning_rate: f64,
        momentum: f64,
        weight_decay: f64,
    ) -> Self {
        let zeros = |parameter: Parameter<'_, T>| match parameter.shape {
            Shape::Vector(len) => Matrix::zeros(1, len),
            Shape::Matrix(rows, cols) => Matrix::zeros(rows, cols),
        };
        let velocities = if momentum > 0.0 { parameters.map(zeros).collect() } else { Vec::new() };
        let [eta, mu, lambda] = [learning_rate, momentum, weight_decay].map(T::from_f64);
        Self { rule: SgdRule { eta, mu, lambda }, velocities }
    }

    /// A step for each linear layer, last layer first, for a backward pass that makes it as soon as it has a gradient
    pub fn steps(&mut self) -> impl Iterator<Item = SgdStep<'_, T>> {
        let rule = self.rule;
        let mut velocities = self.velocities.iter_mut().rev();
        std::iter::from_fn(move || {
            let mut next = || velocities.next().map_or(&mut [][..], Matrix::data_mut);
            let (vb, vw) = (next(), next());
            Some(SgdStep { rule, vw, vb })
        })
    }

    /// One update of the given parameters by their stored gradients
    ///
    /// # Panics
    /// If there are none: a backward pass stores them when it is given no [`SgdStep`]s.
    pub fn step<'a>(&mut self, parameters: impl Iterator<Item = Parameter<'a, T>>)
    where
        T: 'a,
    {
        let mut velocities = self.velocities.iter_mut();
        for Parameter { w, g, .. } in parameters {
            sgd(self.rule, w, velocities.next().map_or(&mut [][..], Matrix::data_mut), g);
        }
    }
}
