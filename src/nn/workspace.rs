//! The matrices that a batch passes through, and which layers are computed together

use chainrule_kernels::{self as kernels, Backend, DenseKernels, Scalar};

use crate::nn::layers::Layer;
use crate::nn::matrix::Matrix;

/// Up to three layers that are computed together: one layer, an activation, and dropout
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Index of the first layer
    pub layer: usize,
    /// The activation fused with it; `Identity` if there is none
    pub fused: kernels::Activation,
    /// Index of the layer whose output is the step's output, dropout aside: `layer`, or the one after it
    pub last: usize,
    /// Index of the dropout layer after them, if it is fused with them
    pub dropout: Option<usize>,
}

/// Which layers are computed together
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fusion {
    /// Each layer is computed by itself
    None,
    /// Those whose backward pass a kernel computes together, too
    Training,
    /// Those whose forward pass a kernel computes together; there is no backward pass
    Evaluation,
}

/// The matrices that a batch passes through, allocated once and reused by every batch
///
/// `flow[0]` is the input X, and `flow[s + 1]` is the output of step s; the last output is the logits. `grads[s]` is
/// ∂L/∂z, where z is what step s computes before its fused activation and dropout. No gradient of the input is computed, and
/// the gradient of the logits replaces the logits. Dropout of the inputs replaces the inputs.
#[derive(Debug)]
pub struct Workspace<T> {
    pub(super) steps: Vec<Step>,
    /// Index of the dropout layer that is applied to the input in place
    pub(super) input_dropout: Option<usize>,
    pub(super) flow: Vec<Matrix<T>>,
    pub(super) grads: Vec<Matrix<T>>,
    pub(super) backend: DenseKernels<T>,
}

impl<T: Scalar> Workspace<T> {
    /// A workspace for forward passes of up to `rows` rows
    pub(super) fn new(
        layers: &[Layer<T>],
        features: usize,
        rows: usize,
        fusion: Fusion,
        backend: Backend,
    ) -> Self {
        let is_dropout = |at: &usize| layers.get(*at).is_some_and(Layer::is_dropout);
        let input_dropout = Some(0).filter(is_dropout).filter(|_| fusion != Fusion::None);
        let (mut flow, mut steps) = (vec![Matrix::zeros(rows, features)], Vec::new());
        let mut at = usize::from(input_dropout.is_some());
        while at < layers.len() {
            let next = layers.get(at + 1).filter(|_| fusion != Fusion::None);
            let fused = next.and_then(|next| layers[at].fuse(next));
            let last = at + usize::from(fused.is_some());
            let fused = fused.unwrap_or(kernels::Activation::Identity);
            let can_drop = match fusion {
                Fusion::None => false,
                Fusion::Training => fused.survives_dropout(),
                Fusion::Evaluation => true,
            };
            let dropout = Some(last + 1).filter(is_dropout).filter(|_| can_drop);
            steps.push(Step { layer: at, fused, last, dropout });
            let cols = flow[flow.len() - 1].cols();
            flow.push(Matrix::zeros(rows, layers[at].output_cols(cols).unwrap_or(cols)));
            at = dropout.unwrap_or(last) + 1;
        }
        Self { steps, input_dropout, flow, grads: Vec::new(), backend: DenseKernels::new(backend) }
    }

    /// This workspace with memory for the gradients of backward passes of up to `rows` rows
    pub(super) fn with_gradients(mut self, rows: usize) -> Self {
        self.grads = self.hidden().map(|(_, y)| Matrix::zeros(rows, y.cols())).collect();
        self
    }

    /// The input, batch × features, for writing
    pub fn input_mut(&mut self) -> &mut Matrix<T> {
        &mut self.flow[0]
    }

    /// The logits, batch × classes; the loss replaces them in place by probabilities and then by gradients
    pub fn output_mut(&mut self) -> &mut Matrix<T> {
        let last = self.flow.len() - 1;
        &mut self.flow[last]
    }

    /// Every output except for the logits, with the index of its layer; dropout that is fused with it is not counted
    pub fn hidden(&self) -> impl Iterator<Item = (usize, &Matrix<T>)> {
        let outputs = &self.flow[1..self.flow.len() - 1];
        self.steps.iter().map(|step| step.last).zip(outputs)
    }

    /// Sets the number of rows of the batch; allocates only beyond the largest earlier number
    pub fn set_rows(&mut self, rows: usize) {
        self.flow.iter_mut().chain(&mut self.grads).for_each(|x| x.set_rows(rows));
    }
}
