//! AdamW: steps by moments of the gradients, and decoupled weight decay

use std::collections::BTreeMap;

use chainrule_kernels::{AdamWRule, AdamWStep, AlignedVec, Scalar};

use crate::nn::parameter::{Shape, Tensor};

/// AdamW for every parameter, with the conventions of PyTorch's `torch.optim.AdamW`
///
/// Each layer updates its parameters within its backward pass, given a [`Step`]. Moments start at 0.
///
/// Sources: Kingma and Ba, *Adam: A Method for Stochastic Optimization* (2015); Loshchilov and Hutter, *Decoupled Weight
/// Decay Regularization* (2019).
#[derive(Debug)]
pub struct AdamW<T> {
    rule: AdamWRule,
    weight_decay: f64,
    /// Whether vectors, such as biases, decay like matrices
    decays_vectors: bool,
    /// The first and the second moments of each layer by its index, in the order of its trained tensors
    moments: BTreeMap<usize, Vec<[AlignedVec<T>; 2]>>,
}

/// The constants of a step, by the shape of a tensor
#[derive(Clone, Copy, Debug)]
struct Constants<T> {
    matrices: AdamWStep<T>,
    vectors: AdamWStep<T>,
}

/// The steps of all layers in one backward pass
#[derive(Debug)]
pub struct Steps<'a, T> {
    constants: Constants<T>,
    moments: &'a mut BTreeMap<usize, Vec<[AlignedVec<T>; 2]>>,
}

/// What a layer needs to update its parameters within the backward pass
#[derive(Debug)]
pub struct Step<'a, T> {
    constants: Constants<T>,
    moments: &'a mut [[AlignedVec<T>; 2]],
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
        let mut moments = BTreeMap::<usize, Vec<[AlignedVec<T>; 2]>>::new();
        for parameter in parameters.filter(|parameter| parameter.gradient.is_some()) {
            let zeros = [(); 2].map(|()| AlignedVec::zeros(parameter.data.len()));
            moments.entry(parameter.layer).or_default().push(zeros);
        }
        Self { rule, weight_decay, decays_vectors, moments }
    }

    /// The first moments of all trained tensors, in the order of the tensors passed to [`Self::new`], and then the second
    pub fn moments(&self) -> impl Iterator<Item = &[T]> {
        let of = |at: usize| self.moments.values().flatten().map(move |moments| &moments[at][..]);
        of(0).chain(of(1))
    }

    /// As [`Self::moments`], for writing
    pub fn moments_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let all =
            self.moments.values_mut().flatten().map(|[first, second]| (&mut first[..], &mut second[..]));
        let (first, second): (Vec<_>, Vec<_>) = all.unzip();
        first.into_iter().chain(second)
    }

    /// The steps of the next backward pass
    ///
    /// * `t`: number of the step, from 1
    /// * `learning_rate`: η ≥ 0
    pub fn steps(&mut self, t: u64, learning_rate: f64) -> Steps<'_, T> {
        let [decaying, constant] =
            [self.weight_decay, 0.0].map(|lambda| self.rule.step(t, learning_rate, lambda));
        let vectors = if self.decays_vectors { decaying } else { constant };
        Steps { constants: Constants { matrices: decaying, vectors }, moments: &mut self.moments }
    }
}

impl<T: Scalar> Steps<'_, T> {
    /// The step of the layer with index `layer`
    pub fn layer_step(&mut self, layer: usize) -> Step<'_, T> {
        let moments = self.moments.get_mut(&layer).map(Vec::as_mut_slice).unwrap_or_default();
        Step { constants: self.constants, moments }
    }
}

impl<'a, T: Scalar> Step<'a, T> {
    /// The constants for a tensor of this shape
    pub fn constants(&self, shape: Shape) -> AdamWStep<T> {
        match shape {
            Shape::Vector(_) => self.constants.vectors,
            Shape::Matrix(..) => self.constants.matrices,
        }
    }

    /// The first and the second moments of a layer with N trained tensors, in the order of the tensors
    pub fn moments<const N: usize>(self) -> [[&'a mut [T]; 2]; N] {
        let mut moments = self.moments.iter_mut();
        [(); N].map(|()| match moments.next() {
            Some([first, second]) => [&mut first[..], &mut second[..]],
            None => Default::default(),
        })
    }
}
