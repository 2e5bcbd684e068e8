//! AdamW: steps by moments of the gradients, and decoupled weight decay

use chainrule_kernels::{AdamWRule, AlignedVec, Scalar, adamw};

use crate::nn::parameter::{Shape, Tensor};

/// AdamW for every parameter, with the conventions of PyTorch's `torch.optim.AdamW`
///
/// The backward pass stores the gradients, and [`AdamW::step`] updates the parameters afterwards. Moments start at 0.
///
/// Sources: Kingma and Ba, *Adam: A Method for Stochastic Optimization* (2015); Loshchilov and Hutter, *Decoupled Weight
/// Decay Regularization* (2019).
#[derive(Debug)]
pub struct AdamW<T> {
    rule: AdamWRule,
    weight_decay: f64,
    /// Whether vectors, such as biases, decay like matrices
    decays_vectors: bool,
    /// The first and the second moments of the trained tensors, in their order
    moments: [Vec<AlignedVec<T>>; 2],
}

impl<T: Scalar> AdamW<T> {
    /// An optimizer for the given tensors, with weight decay λ ≥ 0
    ///
    /// * `decays_vectors`: whether vectors, such as biases, decay like matrices
    pub fn new<'a>(
        parameters: impl Iterator<Item = Tensor<&'a mut [T]>>,
        rule: AdamWRule,
        weight_decay: f64,
        decays_vectors: bool,
    ) -> Self
    where
        T: 'a,
    {
        let trained = parameters.filter(|parameter| parameter.gradient.is_some());
        let zeros = |len: usize| AlignedVec::zeros(len);
        let moments = trained.map(|parameter| (zeros(parameter.data.len()), zeros(parameter.data.len())));
        let (first, second) = moments.unzip();
        Self { rule, weight_decay, decays_vectors, moments: [first, second] }
    }

    /// The first moments of all trained tensors, in the order of the tensors passed to [`Self::new`], and then the second
    pub fn moments(&self) -> impl Iterator<Item = &[T]> {
        self.moments.iter().flatten().map(|moments| &moments[..])
    }

    /// As [`Self::moments`], for writing
    pub fn moments_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.moments.iter_mut().flatten().map(|moments| &mut moments[..])
    }

    /// Updates the given tensors, which must be those passed to [`Self::new`], by their stored gradients
    ///
    /// * `t`: number of the step, from 1
    /// * `learning_rate`: η ≥ 0
    ///
    /// # Panics
    /// If a gradient is not stored.
    pub fn step<'a>(
        &mut self,
        parameters: impl Iterator<Item = Tensor<&'a mut [T]>>,
        t: u64,
        learning_rate: f64,
    ) where
        T: 'a,
    {
        let Self { rule, weight_decay, decays_vectors, moments: [first, second] } = self;
        let [decaying, constant] = [*weight_decay, 0.0].map(|lambda| rule.step(t, learning_rate, lambda));
        let mut moments = first.iter_mut().zip(second);
        for Tensor { shape, data, gradient, .. } in parameters {
            let Some((g, (m, v))) = gradient.and_then(|g| Some((g, moments.next()?))) else { continue };
            let decays = *decays_vectors || matches!(shape, Shape::Matrix(..));
            adamw(if decays { decaying } else { constant }, data, m, v, g);
        }
    }
}
