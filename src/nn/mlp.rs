//! The multi-layer perceptron: a list of layers, run in order and back

use chainrule_kernels::{self as kernels, Backend, Scalar, SgdStep, all_finite};

use crate::nn::init;
use crate::nn::layers::{Activation, Layer, Linear};
use crate::nn::matrix::Matrix;
use crate::nn::parameter::{Parameter, Shape, Tensor, tensor_name};
use crate::nn::workspace::{Fusion, Workspace};
use crate::random::{Purpose, Random};

/// `Linear → activation → Linear → … → Linear`: logits of each row; no hidden layer is softmax regression
///
/// The last layer is linear: its output is the logits.
#[derive(Debug)]
pub struct Mlp<T> {
    layers: Vec<Layer<T>>,
    activation: Activation,
    dims: Vec<usize>,
}

impl<T: Scalar> Mlp<T> {
    /// A net `features → hidden_dims → classes` with the initial weights of `seed` (see [`init::weights`]), biases 0
    pub fn new(
        features: usize,
        hidden_dims: &[usize],
        classes: usize,
        activation: Activation,
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed, Purpose::StartWeights);
        let dims: Vec<usize> = [&[features], hidden_dims, &[classes]].concat();
        let linear = |pair: &[usize]| Linear::new(init::weights(pair[0], pair[1], activation, &mut random));
        Self::from_layers(dims.windows(2).map(linear).collect(), activation)
    }

    /// A net of the given linear layers, with the activation between each two
    ///
    /// # Panics
    /// If there is none, or their shapes don't chain.
    pub fn from_layers(linear: Vec<Linear<T>>, activation: Activation) -> Self {
        assert!(!linear.is_empty(), "a model without layers");
        let mut dims = vec![linear[0].w.rows()];
        let mut layers = Vec::new();
        for linear in linear {
            let shape = linear.w.shape();
            assert!(dims.last() == Some(&shape.0), "a layer of {shape:?} after widths {dims:?}");
            if !layers.is_empty() {
                layers.push(activation.layer());
            }
            dims.push(shape.1);
            layers.push(Layer::Linear(linear));
        }
        Self { layers, activation, dims }
    }

    /// A net of the given dimensions with the elements of its tensors, in the order of [`Self::shapes`]
    ///
    /// # Panics
    /// If a tensor has not the length of its shape.
    pub fn from_tensors(dims: &[usize], activation: Activation, tensors: &[Vec<T>]) -> Self {
        let linear = dims.windows(2).zip(tensors.chunks(2)).map(|(pair, tensors)| {
            let mut linear = Linear::new(Matrix::zeros(pair[0], pair[1]));
            for (parameter, from) in linear.parameters_mut(0).into_iter().zip(tensors) {
                parameter.w.copy_from_slice(from);
            }
            linear
        });
        Self::from_layers(linear.collect(), activation)
    }

    /// Names and shapes of the tensors of a net with these dimensions, in order
    pub fn shapes(dims: &[usize]) -> Vec<(String, Shape)> {
        let of = |(l, pair): (usize, &[usize])| {
            Linear::<T>::shapes(pair[0], pair[1]).map(|(kind, shape)| (tensor_name(2 * l, kind), shape))
        };
        dims.windows(2).enumerate().flat_map(of).collect()
    }

    /// The layers, first to last
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// The linear layers, first to last
    pub fn linear_layers(&self) -> impl Iterator<Item = &Linear<T>> {
        self.layers.iter().filter_map(Layer::as_linear)
    }

    /// The activation between the linear layers
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Widths from the features over the hidden layers to the classes
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The number of trained elements
    pub fn parameter_count(&self) -> usize {
        self.tensors().map(|tensor| tensor.data.len()).sum()
    }

    /// Whether every parameter is finite
    pub fn is_finite(&self) -> bool {
        self.tensors().all(|tensor| all_finite(tensor.data))
    }

    /// Every tensor, first layer to last
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<'_, T>> {
        self.layers.iter().enumerate().flat_map(|(at, layer)| layer.tensors(at))
    }

    /// Every trained tensor with its gradient, first layer to last
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = Parameter<'_, T>> {
        self.layers.iter_mut().enumerate().flat_map(|(at, layer)| layer.parameters_mut(at))
    }

    /// Sets all stored gradients to 0
    ///
    /// A training step needs no such call, since [`Self::backward`] overwrites the gradients. It is for
    /// callers that sum gradients of their own.
    pub fn zero_grad(&mut self) {
        self.parameters_mut().for_each(|parameter| parameter.g.fill(T::ZERO));
    }

    /// Memory and backend for batches of up to `rows` rows, forward and backward
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn workspace(&self, rows: usize, engine: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.dims[0], rows, true, Fusion::Fused, engine)
    }

    /// As [`Self::workspace`], for passes that compute each layer by itself
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn layer_by_layer(&self, rows: usize, engine: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.dims[0], rows, true, Fusion::LayerByLayer, engine)
    }

    /// Memory and backend for forward passes of up to `rows` rows
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn forward_workspace(&self, rows: usize, engine: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.dims[0], rows, false, Fusion::Fused, engine)
    }

    /// From the input in `ws` to the logits in `ws`
    pub fn forward(&self, ws: &mut Workspace<T>) {
        for (s, step) in ws.steps.iter().enumerate() {
            let (before, after) = ws.flow.split_at_mut(s + 1);
            self.layers[step.layer].forward(&before[s], step.fused, &mut after[0], &mut ws.engine);
        }
    }

    /// From ∂L/∂logits, which stands in place of the logits, to the gradients of all parameters, last layer first
    ///
    /// With `updates` ([`Sgd::steps`]), each linear layer makes its update at once; without, the gradients are stored.
    ///
    /// # Panics
    /// If `ws` was made by [`Self::forward_workspace`] and the net has hidden layers.
    ///
    /// [`Sgd::steps`]: crate::nn::sgd::Sgd::steps
    pub fn backward<'a>(&mut self, ws: &mut Workspace<T>, updates: impl IntoIterator<Item = SgdStep<'a, T>>)
    where
        T: 'a,
    {
        let mut updates = updates.into_iter();
        let last = ws.steps.len() - 1;
        for (s, step) in ws.steps.iter().enumerate().rev() {
            let (before, after) = ws.grads.split_at_mut(s);
            let dy = if s == last { &ws.flow[last + 1] } else { &after[0] };
            let fused_before = if s == 0 { kernels::Activation::Identity } else { ws.steps[s - 1].fused };
            let dx = before.last_mut().map(|dx: &mut Matrix<T>| (dx, fused_before));
            let layer = &mut self.layers[step.layer];
            let update = match layer {
                Layer::Linear(_) => updates.next(),
                _ => None,
            };
            layer.backward((&ws.flow[s], &ws.flow[s + 1]), dy, dx, update, &mut ws.engine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_weights_are_found_also_behind_dead_units() {
        // Half of the hidden units are dead, and the first of them is the input of the infinite weights.
        let dead = |j: usize| j.is_multiple_of(2);
        let first = Linear::new(Matrix::from_fn(4, 128, |_, j| if dead(j) { -1.0 } else { 0.01 }));
        let second = Linear::new(Matrix::from_fn(128, 128, |i, _| if i == 0 { f32::INFINITY } else { 0.01 }));
        let model = Mlp::from_layers(vec![first, second], Activation::Relu);
        assert!(!model.is_finite());
        if Backend::Fused.is_available() {
            // The kernel skips zeros, so the output stays finite.
            let mut ws = model.forward_workspace(32, Backend::Fused);
            ws.input_mut().data_mut().fill(1.0);
            model.forward(&mut ws);
            assert!(all_finite(ws.output_mut().data()));
        }
        assert!(Mlp::<f32>::new(4, &[128], 64, Activation::Relu, 0).is_finite());
    }

    #[test]
    fn zero_grad_leaves_no_gradient_and_all_weights() {
        let mut model = Mlp::<f64>::new(3, &[4], 2, Activation::Sigmoid, 1);
        let mut ws = model.workspace(2, Backend::auto());
        ws.input_mut().data_mut().fill(1.0);
        model.forward(&mut ws);
        ws.output_mut().data_mut().fill(1.0);
        model.backward(&mut ws, None);
        let weights: Vec<f64> = model.tensors().flat_map(|tensor| tensor.data).copied().collect();
        assert!(model.parameters_mut().all(|p| p.g.len() == p.w.len() && p.g.iter().any(|&g| g != 0.0)));
        model.zero_grad();
        assert!(model.parameters_mut().all(|p| p.g.iter().all(|&g| g == 0.0)));
        assert!(model.tensors().flat_map(|tensor| tensor.data).eq(&weights));
    }
}
