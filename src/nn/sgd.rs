//! Stochastic gradient descent with momentum and weight decay

use std::collections::BTreeMap;

use chainrule_kernels::{AlignedVec, Scalar, SgdRule, sgd};

use crate::nn::parameter::{Shape, Tensor};

/// SGD, `v ← μ v + (g + λ w); w ← w − η v`, for every parameter
///
/// There is no dampening, and momentum is Nesterov's only after [`Sgd::with_nesterov`]. This is the convention of PyTorch's
/// `torch.optim.SGD`. Velocities start at 0 and exist only if μ > 0.
///
/// A layer can update its parameters within its backward pass, given a [`Step`]. Alternatively, the backward pass stores the
/// gradients and the parameters are updated afterwards, as in [`Sgd::step`].
///
/// Source: Sutskever, Martens, Dahl, Hinton, *On the importance of initialization and momentum in deep
/// learning* (2013).
#[derive(Debug)]
pub struct Sgd<T> {
    rules: Rules<T>,
    /// The velocities of each layer by its index, in the order of its trained tensors; empty when μ = 0
    velocities: BTreeMap<usize, Vec<AlignedVec<T>>>,
}

/// η, μ and λ of a step, by the shape of a tensor
#[derive(Clone, Copy, Debug)]
struct Rules<T> {
    /// Those of matrices
    rule: SgdRule<T>,
    /// Whether vectors, such as biases, decay like matrices
    decays_vectors: bool,
}

impl<T: Scalar> Rules<T> {
    fn of(self, shape: Shape) -> SgdRule<T> {
        match shape {
            Shape::Vector(_) if !self.decays_vectors => SgdRule { lambda: T::ZERO, ..self.rule },
            Shape::Vector(_) | Shape::Matrix(..) => self.rule,
        }
    }
}

/// What a layer needs to update its parameters within the backward pass
#[derive(Debug)]
pub struct Step<'a, T> {
    rules: Rules<T>,
    velocities: &'a mut [AlignedVec<T>],
}

impl<'a, T: Scalar> Step<'a, T> {
    /// η, μ and λ for a tensor of this shape
    pub fn rule(&self, shape: Shape) -> SgdRule<T> {
        self.rules.of(shape)
    }

    /// The velocities of a layer with N trained tensors, in the order of the tensors; all empty when μ = 0
    pub fn velocities<const N: usize>(self) -> [&'a mut [T]; N] {
        let mut velocities = self.velocities.iter_mut();
        [(); N].map(|()| velocities.next().map(|v| &mut v[..]).unwrap_or_default())
    }
}

impl<T: Scalar> Sgd<T> {
    /// An optimizer for the given tensors, with learning rate η ≥ 0, momentum 0 ≤ μ < 1 and weight decay λ ≥ 0
    pub fn new<'a>(
        parameters: impl Iterator<Item = Tensor<&'a mut [T]>>,
        learning_rate: f64,
        momentum: f64,
        weight_decay: f64,
    ) -> Self
    where
        T: 'a,
    {
        let mut velocities = BTreeMap::<usize, Vec<AlignedVec<T>>>::new();
        for parameter in parameters.filter(|parameter| momentum > 0.0 && parameter.gradient.is_some()) {
            let zeros = AlignedVec::zeros(parameter.data.len());
            velocities.entry(parameter.layer).or_default().push(zeros);
        }
        let [eta, mu, lambda] = [learning_rate, momentum, weight_decay].map(T::from_f64);
        let rule = SgdRule { eta, mu, lambda, nesterov: false };
        Self { rules: Rules { rule, decays_vectors: true }, velocities }
    }

    /// This optimizer with Nesterov's momentum, `w ← w − η ((g + λ w) + μ v)` with the new v, or without it
    #[must_use]
    pub fn with_nesterov(mut self, nesterov: bool) -> Self {
        self.rules.rule.nesterov = nesterov;
        self
    }

    /// This optimizer with weight decay of vectors, such as biases, or with λ = 0 for them
    #[must_use]
    pub fn with_decay_of_vectors(mut self, decays_vectors: bool) -> Self {
        self.rules.decays_vectors = decays_vectors;
        self
    }

    /// Sets the learning rate η of the steps that follow
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.rules.rule.eta = T::from_f64(learning_rate);
    }

    /// The velocities of all trained tensors, in the order of the tensors passed to [`Self::new`]; none when μ = 0
    pub fn velocities(&self) -> impl Iterator<Item = &[T]> {
        self.velocities.values().flatten().map(|velocities| &velocities[..])
    }

    /// As [`Self::velocities`], for writing
    pub fn velocities_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.velocities.values_mut().flatten().map(|velocities| &mut velocities[..])
    }

    /// The next update of the layer with index `layer`
    pub fn layer_step(&mut self, layer: usize) -> Step<'_, T> {
        let velocities = self.velocities.get_mut(&layer).map(Vec::as_mut_slice).unwrap_or_default();
        Step { rules: self.rules, velocities }
    }

    /// Updates the given tensors, which must be those passed to [`Self::new`], by their stored gradients
    ///
    /// # Panics
    /// If a gradient is not stored. [`Mlp::backward`] stores gradients only if it is called without steps.
    ///
    /// [`Mlp::backward`]: crate::nn::mlp::Mlp::backward
    pub fn step<'a>(&mut self, parameters: impl Iterator<Item = Tensor<&'a mut [T]>>)
    where
        T: 'a,
    {
        let (rules, mut velocities) = (self.rules, self.velocities.values_mut().flatten());
        for Tensor { shape, data, gradient, .. } in parameters {
            let Some(g) = gradient else { continue };
            sgd(rules.of(shape), data, velocities.next().map(|v| &mut v[..]).unwrap_or_default(), g);
        }
    }
}
