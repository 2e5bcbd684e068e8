//! The matrices that a batch passes through, and which layers are computed together

use chainrule_kernels::{self as kernels, Backend, DenseKernels, Scalar};

use crate::nn::layers::Layer;
use crate::nn::matrix::Matrix;

/// One or two layers that are computed together
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Index of the first layer
    pub layer: usize,
    /// `Identity` if no layer is fused with it
    pub fused: kernels::Activation,
    /// Index of the layer that makes the step's output: `layer`, or the one after it
    pub last: usize,
}

/// The matrices that a batch passes through, allocated once and reused by every batch
///
/// `flow[0]` is the input X, and `flow[s + 1]` the output of step s; the last is the logits. `grads[s]` is ∂L/∂z, where
/// z is what step s computes before its fused activation. The input has no gradient; that of the logits is computed
/// in place of the logits.
#[derive(Debug)]
pub struct Workspace<T> {
    pub(super) steps: Vec<Step>,
    pub(super) flow: Vec<Matrix<T>>,
    pub(super) grads: Vec<Matrix<T>>,
    pub(super) engine: DenseKernels<T>,
}

/// Which layers a workspace computes together
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// A layer with the activation after it, if a kernel computes both
    Fused,
    /// Each layer by itself, as in a textbook; tests compare the fused passes with it
    LayerByLayer,
}

impl<T: Scalar> Workspace<T> {
    /// A workspace for batches of up to `rows` rows; with `backward`, it has memory for gradients
    pub(super) fn new(
        layers: &[Layer<T>],
        features: usize,
        rows: usize,
        backward: bool,
        fusion: Fusion,
        engine: Backend,
    ) -> Self {
        let steps = plan(layers, fusion);
        let (mut flow, mut cols) = (vec![Matrix::zeros(rows, features)], features);
        for step in &steps {
            cols = layers[step.layer].output_cols(cols);
            flow.push(Matrix::zeros(rows, cols));
        }
        let hidden = if backward { &flow[1..flow.len() - 1] } else { &[] };
        let grads = hidden.iter().map(|y| Matrix::zeros(rows, y.cols())).collect();
        Self { steps, flow, grads, engine: DenseKernels::new(engine) }
    }

    /// The input, batch × features, for writing
    pub fn input_mut(&mut self) -> &mut Matrix<T> {
        &mut self.flow[0]
    }

    /// The logits, batch × classes; in place, the loss replaces them by probabilities and then by gradients
    pub fn output_mut(&mut self) -> &mut Matrix<T> {
        let last = self.flow.len() - 1;
        &mut self.flow[last]
    }

    /// Every output but the logits, with the index of its layer
    pub fn hidden(&self) -> impl Iterator<Item = (usize, &Matrix<T>)> {
        let outputs = &self.flow[1..self.flow.len() - 1];
        self.steps.iter().map(|step| step.last).zip(outputs)
    }

    /// Sets the number of rows of the batch; allocates only if no batch before had as many
    pub fn set_rows(&mut self, rows: usize) {
        self.flow.iter_mut().chain(&mut self.grads).for_each(|x| x.set_rows(rows));
    }
}

/// The steps of a forward pass, in order
fn plan<T: Scalar>(layers: &[Layer<T>], fusion: Fusion) -> Vec<Step> {
    let (mut steps, mut at) = (Vec::new(), 0);
    while at < layers.len() {
        let next = layers.get(at + 1).filter(|_| fusion == Fusion::Fused);
        let step = match next.and_then(|next| layers[at].fuse(next)) {
            Some(fused) => Step { layer: at, fused, last: at + 1 },
            None => Step { layer: at, fused: kernels::Activation::Identity, last: at },
        };
        at = step.last + 1;
        steps.push(step);
    }
    steps
}
