//! What a backward pass does with the gradients of a layer

use crate::elementwise::adamw::LayerAdamW;
use crate::elementwise::epilogue::Epilogue;
use crate::elementwise::sgd::SgdStep;

/// The gradient of a layer's input, for writing, and the epilogue that made the input
pub(crate) type InputGradient<'a, T> = (&'a mut [T], Epilogue<T>);

/// What a backward pass does with the gradients of W and b
#[derive(Debug)]
pub enum Gradient<'a, T> {
    /// `dw ← ∂L/∂W`, `db ← ∂L/∂b`; the old content is not read
    Store {
        /// d_in × d_out
        dw: &'a mut [T],
        /// d_out
        db: &'a mut [T],
    },
    /// Applies a step of SGD ([`sgd`](crate::sgd)) to W and b; the gradients are not kept
    Sgd {
        /// d_out
        b: &'a mut [T],
        /// The constants, and the velocities of W and b
        step: SgdStep<'a, T>,
    },
    /// Applies a step of AdamW ([`adamw`](crate::adamw)) to W and b; the gradients are not kept
    AdamW {
        /// d_out
        b: &'a mut [T],
        /// The constants, and the moments of W and b
        step: LayerAdamW<'a, T>,
    },
}

impl<T> Gradient<'_, T> {
    /// Whether all slices fit a layer of `weights` weights and `d_out` outputs
    pub(crate) fn fits(&self, weights: usize, d_out: usize) -> bool {
        let is_velocity = |v: &[T], of: usize| v.is_empty() || v.len() == of;
        match self {
            Self::Store { dw, db } => dw.len() == weights && db.len() == d_out,
            Self::Sgd { b, step } => {
                b.len() == d_out && is_velocity(step.vw, weights) && is_velocity(step.vb, d_out)
            }
            Self::AdamW { b, step: LayerAdamW { moments, bias_moments, .. } } => {
                b.len() == d_out
                    && moments.iter().all(|moments| moments.len() == weights)
                    && bias_moments.iter().all(|moments| moments.len() == d_out)
            }
        }
    }
}
