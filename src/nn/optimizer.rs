//! The optimizers behind one interface

use chainrule_kernels::Scalar;

use crate::nn::adamw::AdamW;
use crate::nn::mlp::Mlp;
use crate::nn::sgd::Sgd;
use crate::nn::step::Steps;
use crate::nn::workspace::Workspace;

/// The optimizer of a training, whose steps are made within the backward pass
#[derive(Debug)]
pub enum Optimizer<T> {
    /// SGD
    Sgd(Sgd<T>),
    /// AdamW
    AdamW(AdamW<T>),
}

/// What an optimizer keeps of each trained element, beside its value, from step to step
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// No number
    #[default]
    None,
    /// A velocity
    Velocity,
    /// The first and the second moment
    Moments,
}

impl Kept {
    /// The names of what is kept, as in a checkpoint: its tensors are `velocity.0.weight` for the tensor `0.weight`
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Velocity => &["velocity"],
            Self::Moments => &["moment1", "moment2"],
        }
    }
}

impl<T: Scalar> Optimizer<T> {
    /// Backward pass of a batch from ∂L/∂logits, which the caller has written over the logits, and a step of every parameter
    ///
    /// * `number`: number of the step, from 1
    /// * `learning_rate`: η ≥ 0 of this step
    ///
    /// # Panics
    /// As [`Mlp::backward`].
    pub fn step(&mut self, model: &mut Mlp<T>, ws: &mut Workspace<T>, number: u64, learning_rate: f64) {
        let steps = match self {
            Self::Sgd(sgd) => {
                sgd.set_learning_rate(learning_rate);
                Steps::Sgd(sgd)
            }
            Self::AdamW(adamw) => Steps::AdamW(adamw.steps(number, learning_rate)),
        };
        model.backward(ws, Some(steps));
    }

    /// What is kept of each trained element
    pub fn keeps(&self) -> Kept {
        match self {
            Self::Sgd(sgd) if sgd.velocities().next().is_none() => Kept::None,
            Self::Sgd(_) => Kept::Velocity,
            Self::AdamW(_) => Kept::Moments,
        }
    }

    /// What is kept, tensor by tensor: all of the first name of [`Kept::names`], then all of the second
    pub fn kept(&self) -> Vec<&[T]> {
        match self {
            Self::Sgd(sgd) => sgd.velocities().collect(),
            Self::AdamW(adamw) => adamw.moments().collect(),
        }
    }

    /// As [`Self::kept`], for writing
    pub fn kept_mut(&mut self) -> Vec<&mut [T]> {
        match self {
            Self::Sgd(sgd) => sgd.velocities_mut().collect(),
            Self::AdamW(adamw) => adamw.moments_mut().collect(),
        }
    }
}
