//! Steps of the parameters within a backward pass, layer by layer

use chainrule_kernels::{self as kernels, Gradient, LayerAdamW, Scalar, SgdStep};

use crate::nn::adamw;
use crate::nn::parameter::Shape;
use crate::nn::sgd::{self, Sgd};

/// The steps of all layers in one backward pass
#[derive(Debug)]
pub enum Steps<'a, T> {
    /// Steps of SGD
    Sgd(&'a mut Sgd<T>),
    /// Steps of AdamW
    AdamW(adamw::Steps<'a, T>),
}

/// What a layer needs to update its parameters as soon as their gradients are known
#[derive(Debug)]
pub enum LayerStep<'a, T> {
    /// A step of SGD
    Sgd(sgd::Step<'a, T>),
    /// A step of AdamW
    AdamW(adamw::Step<'a, T>),
}

impl<T: Scalar> Steps<'_, T> {
    /// The step of the layer with index `layer`
    pub fn of_layer(&mut self, layer: usize) -> LayerStep<'_, T> {
        match self {
            Self::Sgd(sgd) => LayerStep::Sgd(sgd.layer_step(layer)),
            Self::AdamW(adamw) => LayerStep::AdamW(adamw.layer_step(layer)),
        }
    }
}

impl<'a, T: Scalar> LayerStep<'a, T> {
    /// What tells the backward pass of a linear layer to update its weights, of this shape, and its bias `b`
    pub fn gradient_of_linear(self, weights: Shape, b: &'a mut [T]) -> Gradient<'a, T> {
        let bias = Shape::Vector(b.len());
        match self {
            Self::Sgd(step) => {
                let (rule, bias_rule, [vw, vb]) = (step.rule(weights), step.rule(bias), step.velocities());
                Gradient::Sgd { b, step: SgdStep { rule, bias_rule, vw, vb } }
            }
            Self::AdamW(step) => {
                let [constants, bias_constants] = [weights, bias].map(|shape| step.constants(shape));
                let [moments, bias_moments] = step.moments();
                let step = LayerAdamW { constants, bias_constants, moments, bias_moments };
                Gradient::AdamW { b, step }
            }
        }
    }

    /// Updates N vectors by their gradients: `[(vector, gradient), …]`, in the order of the layer's trained tensors
    pub fn update_vectors<const N: usize>(self, vectors: [(&mut [T], &[T]); N]) {
        match self {
            Self::Sgd(step) => {
                let rules = vectors.each_ref().map(|(vector, _)| step.rule(Shape::Vector(vector.len())));
                let all = vectors.into_iter().zip(rules).zip(step.velocities::<N>());
                all.for_each(|(((vector, gradient), rule), v)| kernels::sgd(rule, vector, v, gradient));
            }
            Self::AdamW(step) => {
                let shape = |vector: &[T]| Shape::Vector(vector.len());
                let constants = vectors.each_ref().map(|(vector, _)| step.constants(shape(vector)));
                let all = vectors.into_iter().zip(constants).zip(step.moments::<N>());
                all.for_each(|(((vector, gradient), constants), [m, v])| {
                    kernels::adamw(constants, vector, m, v, gradient);
                });
            }
        }
    }
}
