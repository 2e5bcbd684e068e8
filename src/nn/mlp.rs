//! The multi-layer perceptron: linear layers, an activation between each two, and what flows between them

use chainrule_kernels::{self as kernels, Backend, DenseKernels, Scalar, all_finite, team};

use crate::nn::init;
use crate::nn::layers::{Activation, Linear};
use crate::nn::matrix::Matrix;
use crate::nn::sgd::Sgd;
use crate::random::{Purpose, Random};

/// `Linear → activation → Linear → … → Linear`: logits of each row; no hidden layer is softmax regression
#[derive(Debug)]
pub struct Mlp<T> {
    layers: Vec<Linear<T>>,
    activation: Activation,
}

/// A parameter tensor and its gradient
#[derive(Debug)]
pub struct Parameter<'a, T> {
    /// The numbers that are trained, row after row
    pub w: &'a mut [T],
    /// ∂L/∂w
    pub g: &'a [T],
    /// How many there are in a row
    pub cols: usize,
}

/// What flows through a model for one batch: allocated once, reused by every batch
///
/// `flow[0]` is the input X. `flow[l]` is the output of linear layer l after its activation; the last is the
/// logits. `grads[l]` is ∂L/∂flow[l + 1]: the input has none, and the logits' is made in their own place.
#[derive(Debug)]
pub struct Workspace<T> {
    flow: Vec<Matrix<T>>,
    grads: Vec<Matrix<T>>,
    engine: DenseKernels<T>,
}

impl<T: Scalar> Workspace<T> {
    /// The input, batch × features, for writing
    pub fn input_mut(&mut self) -> &mut Matrix<T> {
        &mut self.flow[0]
    }

    /// The logits, batch × classes; for the loss, which makes them probabilities and then gradients in place
    pub fn output_mut(&mut self) -> &mut Matrix<T> {
        let last = self.flow.len() - 1;
        &mut self.flow[last]
    }

    /// The outputs of the hidden layers, after the activation
    pub fn hidden(&self) -> &[Matrix<T>] {
        &self.flow[1..self.flow.len() - 1]
    }

    /// Makes room for a batch of so many rows; allocates only beyond the most there ever were
    pub fn set_rows(&mut self, rows: usize) {
        self.flow.iter_mut().chain(&mut self.grads).for_each(|x| x.set_rows(rows));
    }
}

impl<T: Scalar> Mlp<T> {
    /// A net `features → hidden_dims → classes` with the start weights of `seed` (see [`init::weights`]), biases 0
    pub fn new(
        features: usize,
        hidden_dims: &[usize],
        classes: usize,
        activation: Activation,
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed, Purpose::StartWeights);
        let dims: Vec<usize> = [&[features], hidden_dims, &[classes]].concat();
        let layer = |pair: &[usize]| Linear::new(init::weights(pair[0], pair[1], activation, &mut random));
        Self { layers: dims.windows(2).map(layer).collect(), activation }
    }

    /// A net of the given layers
    ///
    /// # Panics
    /// If there is none, or their shapes don't chain.
    pub fn from_layers(layers: Vec<Linear<T>>, activation: Activation) -> Self {
        assert!(!layers.is_empty(), "a model without layers");
        for pair in layers.windows(2) {
            assert!(
                pair[0].w.cols() == pair[1].w.rows(),
                "{:?} before {:?}",
                pair[0].w.shape(),
                pair[1].w.shape()
            );
        }
        Self { layers, activation }
    }

    /// The linear layers, first to last
    pub fn layers(&self) -> &[Linear<T>] {
        &self.layers
    }

    /// The linear layers, for writing
    pub fn layers_mut(&mut self) -> &mut [Linear<T>] {
        &mut self.layers
    }

    /// What stands between the linear layers
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Widths from the features over the hidden layers to the classes
    pub fn dims(&self) -> Vec<usize> {
        let first = self.layers[0].w.rows();
        std::iter::once(first).chain(self.layers.iter().map(|layer| layer.w.cols())).collect()
    }

    /// How many numbers are trained
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(|layer| layer.w.data().len() + layer.b.len()).sum()
    }

    /// Whether no parameter is infinite or NaN
    pub fn is_finite(&self) -> bool {
        self.layers.iter().all(|layer| all_finite(layer.w.data()) && all_finite(&layer.b))
    }

    /// Every parameter tensor with its gradient: weights and bias of each layer, first to last
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = Parameter<'_, T>> {
        self.layers.iter_mut().flat_map(|Linear { w, b, dw, db }| {
            let cols = b.len();
            [Parameter { w: w.data_mut(), g: dw.data(), cols }, Parameter { w: b, g: db, cols }]
        })
    }

    /// Room for batches of up to `rows` rows, forward and backward, and the engine that computes them
    ///
    /// # Panics
    /// If this processor does not have what the engine needs.
    pub fn workspace(&self, rows: usize, engine: Backend) -> Workspace<T> {
        let matrices = |dims: &[usize]| dims.iter().map(|&cols| Matrix::zeros(rows, cols)).collect();
        let dims = self.dims();
        Workspace {
            flow: matrices(&dims),
            grads: matrices(&dims[1..dims.len() - 1]),
            engine: DenseKernels::new(engine),
        }
    }

    /// Room for forward passes of up to `rows` rows, and the engine that computes them
    ///
    /// # Panics
    /// If this processor does not have what the engine needs.
    pub fn forward_workspace(&self, rows: usize, engine: Backend) -> Workspace<T> {
        let flow = self.dims().iter().map(|&cols| Matrix::zeros(rows, cols)).collect();
        Workspace { flow, grads: Vec::new(), engine: DenseKernels::new(engine) }
    }

    /// From the input in `ws` to the logits in `ws`
    pub fn forward(&self, ws: &mut Workspace<T>) {
        let last = self.layers.len() - 1;
        for (l, layer) in self.layers.iter().enumerate() {
            let (before, after) = ws.flow.split_at_mut(l + 1);
            let f = if l < last { self.activation.map() } else { kernels::Activation::Identity };
            layer.forward(&before[l], f, &mut after[0], &mut ws.engine);
        }
    }

    /// From ∂L/∂logits, which stands in the logits' place, to the gradients of all parameters, last layer first
    ///
    /// With `sgd`, each layer's gradients are spent on its step at once; without, they are left in the layers.
    ///
    /// # Panics
    /// If `ws` was made by [`Self::forward_workspace`] and the net has hidden layers.
    pub fn backward(&mut self, ws: &mut Workspace<T>, sgd: Option<&mut Sgd<T>>) {
        let mut steps = sgd.map(Sgd::steps);
        let last = self.layers.len() - 1;
        for (l, layer) in self.layers.iter_mut().enumerate().rev() {
            let (before, after) = ws.grads.split_at_mut(l);
            let dy = if l == last { &ws.flow[last + 1] } else { &after[0] };
            let dx = before.last_mut().map(|dx| (dx, self.activation.map()));
            let step = steps.as_mut().and_then(Iterator::next);
            layer.backward(&ws.flow[l], dy, dx, step, &mut ws.engine);
        }
    }
}

/// Runs `body` with its kernels on this thread alone, for callers that give each thread batches of its own
pub fn alone<R>(body: impl FnOnce() -> R) -> R {
    team::run_serial(body)
}

/// Runs `body` with the pool's threads standing by, so that many small kernels in a row cost little
pub fn with_team<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    team::scope(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_weights_are_found_also_behind_dead_units() {
        // Half of the hidden units are dead, and the first of these would feed infinity.
        let dead = |j: usize| j.is_multiple_of(2);
        let first = Linear::new(Matrix::from_fn(4, 128, |_, j| if dead(j) { -1.0 } else { 0.01 }));
        let second = Linear::new(Matrix::from_fn(128, 128, |i, _| if i == 0 { f32::INFINITY } else { 0.01 }));
        let model = Mlp::from_layers(vec![first, second], Activation::Relu);
        assert!(!model.is_finite());
        if Backend::Fused.is_available() {
            // Zeros are passed over, so no output tells.
            let mut ws = model.forward_workspace(32, Backend::Fused);
            ws.input_mut().data_mut().fill(1.0);
            model.forward(&mut ws);
            assert!(all_finite(ws.output_mut().data()));
        }
        assert!(Mlp::<f32>::new(4, &[128], 64, Activation::Relu, 0).is_finite());
    }
}
