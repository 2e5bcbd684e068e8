//! The multi-layer perceptron: a list of layers, computed first to last and differentiated last to first

use chainrule_kernels::{self as kernels, Backend, Scalar, all_finite};

use crate::nn::initial_weights::InitialWeights;
use crate::nn::layers::{Activation, Layer, Linear, Place};
use crate::nn::matrix::Matrix;
use crate::nn::parameter::Tensor;
use crate::nn::sgd::Sgd;
use crate::nn::workspace::Workspace;
use crate::random::{Purpose, Random};

/// A multi-layer perceptron, `Linear → activation → Linear → … → Linear`, whose output is the logits of each row
///
/// Without hidden layers it is softmax regression.
#[derive(Debug)]
pub struct Mlp<T> {
    layers: Vec<Layer<T>>,
    features: usize,
}

impl<T: Scalar> Mlp<T> {
    /// A net `features → hidden_dims → outputs` with the initial weights of its activation, and biases 0
    pub fn new(
        features: usize,
        hidden_dims: &[usize],
        outputs: usize,
        activation: Activation,
        seed: u64,
    ) -> Self {
        let dims = [&[features], hidden_dims, &[outputs]].concat();
        Self::with_initial_weights(&dims, activation, InitialWeights::ByActivation(activation), seed)
    }

    /// A net of the given widths with random initial weights and biases that depend on `seed`
    ///
    /// They are uniform in [−a, a) with a = [`InitialWeights::limits`]. The weights are drawn in f64 layer by layer and row by
    /// row, then the biases, and rounded for f32.
    pub fn with_initial_weights(
        dims: &[usize],
        activation: Activation,
        initial: InitialWeights,
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed, Purpose::InitialWeights);
        let mut model = Self::from_weights(dims, activation, |d_in, d_out| {
            let [limit, _] = initial.limits(d_in, d_out);
            Matrix::from_fn(d_in, d_out, |_, _| T::from_f64(random.symmetric(limit)))
        });
        for layer in &mut model.layers {
            let Layer::Linear(linear) = layer else { continue };
            let [_, limit] = initial.limits(linear.w.rows(), linear.w.cols());
            if limit > 0.0 {
                linear.b.iter_mut().for_each(|b| *b = T::from_f64(random.symmetric(limit)));
            }
        }
        model
    }

    /// A net of the given widths; `weights(d_in, d_out)` returns the weights of each layer, first to last; biases are 0
    pub fn from_weights(
        dims: &[usize],
        activation: Activation,
        mut weights: impl FnMut(usize, usize) -> Matrix<T>,
    ) -> Self {
        let mut layers = Vec::new();
        for pair in dims.windows(2) {
            if !layers.is_empty() {
                layers.push(activation.layer());
            }
            layers.push(Layer::Linear(Linear::new(weights(pair[0], pair[1]))));
        }
        Self { layers, features: dims[0] }
    }

    /// A net of the given layers, for rows of `features` features
    ///
    /// # Errors
    /// If a layer does not fit the output of the layer before it.
    pub fn from_layers(features: usize, layers: Vec<Layer<T>>) -> Result<Self, String> {
        let mut cols = features;
        for (at, layer) in layers.iter().enumerate() {
            let misfit =
                || format!("layer {at}, `{layer}`, does not fit its input, which has {cols} columns");
            cols = layer.output_cols(cols).ok_or_else(misfit)?;
        }
        Ok(Self { layers, features })
    }

    /// The layers, first to last
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// The activation between the linear layers; `None` if there is none
    pub fn activation(&self) -> Option<Activation> {
        self.layers.iter().find_map(Layer::activation)
    }

    /// Widths of the net, from the features through the outputs of the linear layers
    pub fn dims(&self) -> Vec<usize> {
        let linear = |layer: &Layer<T>| match layer {
            Layer::Linear(linear) => Some(linear.w.cols()),
            _ => None,
        };
        std::iter::once(self.features).chain(self.layers.iter().filter_map(linear)).collect()
    }

    /// Number of columns of the input
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of columns of the output
    pub fn outputs(&self) -> usize {
        self.layers.iter().fold(self.features, |cols, layer| layer.output_cols(cols).unwrap_or(cols))
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
    pub fn tensors(&self) -> impl Iterator<Item = Tensor<&[T]>> {
        self.layers.iter().enumerate().flat_map(|(at, layer)| layer.tensors(at))
    }

    /// Every tensor for writing, first layer to last
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = Tensor<&mut [T]>> {
        self.layers.iter_mut().enumerate().flat_map(|(at, layer)| layer.tensors_mut(at))
    }

    /// Every trained tensor with its gradient, first layer to last
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = Tensor<&mut [T]>> {
        self.tensors_mut().filter(|tensor| tensor.gradient.is_some())
    }

    /// Sets all stored gradients to 0
    ///
    /// Training does not need this, since [`Self::backward`] overwrites the gradients. It is for callers that sum
    /// gradients.
    pub fn zero_grad(&mut self) {
        self.tensors_mut().filter_map(|tensor| tensor.gradient).for_each(|g| g.fill(T::ZERO));
    }

    /// A workspace for forward and backward passes of up to `rows` rows
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn workspace(&self, rows: usize, backend: Backend) -> Workspace<T> {
        self.forward_workspace(rows, backend).with_gradients(rows)
    }

    /// A workspace like [`Self::workspace`], for passes that compute each layer separately, without fusion
    ///
    /// Tests compare the fused passes with these.
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn layer_by_layer(&self, rows: usize, backend: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.features, rows, false, backend).with_gradients(rows)
    }

    /// A workspace for forward passes of up to `rows` rows
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn forward_workspace(&self, rows: usize, backend: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.features, rows, true, backend)
    }

    /// Computes the logits from the input, both in `ws`, as in evaluation
    pub fn forward(&self, ws: &mut Workspace<T>) {
        for (s, step) in ws.steps.iter().enumerate() {
            let (before, after) = ws.flow.split_at_mut(s + 1);
            self.layers[step.layer].forward(&before[s], step.fused, &mut after[0], &mut ws.backend);
        }
    }

    /// Computes the logits from the input, both in `ws`, for the training step at `place`
    pub fn forward_training(&mut self, ws: &mut Workspace<T>, place: Place) {
        for (s, step) in ws.steps.iter().enumerate() {
            let (before, after) = ws.flow.split_at_mut(s + 1);
            let layer = &mut self.layers[step.layer];
            layer.forward_training(&before[s], step.fused, &mut after[0], place, &mut ws.backend);
        }
    }

    /// Computes the gradients of all parameters from ∂L/∂logits, which the caller has written over the logits
    ///
    /// With `sgd`, each layer updates its parameters in the same pass and stores no gradients. Without it, the
    /// gradients are stored.
    ///
    /// # Panics
    /// If `ws` was made by [`Self::forward_workspace`] and the net has hidden layers.
    pub fn backward(&mut self, ws: &mut Workspace<T>, mut sgd: Option<&mut Sgd<T>>) {
        let last = ws.steps.len() - 1;
        for (s, step) in ws.steps.iter().enumerate().rev() {
            let (before, after) = ws.grads.split_at_mut(s);
            let dy = if s == last { &ws.flow[last + 1] } else { &after[0] };
            let fused_before = if s == 0 { kernels::Activation::Identity } else { ws.steps[s - 1].fused };
            let dx = before.last_mut().map(|dx: &mut Matrix<T>| (dx, fused_before));
            let update = sgd.as_deref_mut().map(|sgd| sgd.layer_step(step.layer));
            self.layers[step.layer].backward((&ws.flow[s], &ws.flow[s + 1]), dy, dx, update, &mut ws.backend);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_weights_are_found_also_where_their_inputs_are_zero() {
        // Half of the hidden units are dead, and the first dead one is the input of the infinite weights.
        let weights = |d_in, d_out| {
            Matrix::from_fn(d_in, d_out, |i, j| match (d_in, i) {
                (4, _) if j.is_multiple_of(2) => -1.0,
                (128, 0) => f32::INFINITY,
                _ => 0.01,
            })
        };
        let model = Mlp::from_weights(&[4, 128, 128], Activation::Relu, weights);
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
    fn initial_weights_by_inputs_fill_their_range_and_include_biases() {
        let initial = InitialWeights::ByInputs;
        let model = Mlp::<f64>::with_initial_weights(&[25, 100, 4], Activation::Relu, initial, 1);
        for (tensor, limit) in model.tensors().zip([0.2, 0.2, 0.1, 0.1]) {
            let greatest = tensor.data.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            let least = if tensor.data.len() < 50 { 0.3 } else { 0.9 };
            assert!((least * limit..=limit).contains(&greatest), "{}: {greatest}", tensor.name());
        }
        // The weights of both are one stream, scaled.
        let other = Mlp::<f64>::new(25, &[100], 4, Activation::Relu, 1);
        let weights = |model: &Mlp<f64>| model.tensors().next().map(|tensor| tensor.data.to_vec()).unwrap();
        let scaled = weights(&other).into_iter().map(|w| w / (6.0f64 / 25.0).sqrt() * 0.2);
        assert!(weights(&model).into_iter().zip(scaled).all(|(a, b)| (a - b).abs() < 1e-15));
        assert!(
            other.tensors().filter(|tensor| tensor.kind == "bias").all(|b| b.data.iter().all(|&b| b == 0.0))
        );
    }

    #[test]
    fn zero_grad_clears_all_gradients_and_no_weight() {
        let mut model = Mlp::<f64>::new(3, &[4], 2, Activation::Sigmoid, 1);
        let mut ws = model.workspace(2, Backend::auto());
        ws.input_mut().data_mut().fill(1.0);
        model.forward(&mut ws);
        ws.output_mut().data_mut().fill(1.0);
        model.backward(&mut ws, None);
        let weights: Vec<f64> = model.tensors().flat_map(|tensor| tensor.data).copied().collect();
        let gradients = |model: &mut Mlp<f64>| -> Vec<Vec<f64>> {
            model.parameters_mut().filter_map(|p| p.gradient).map(|g| g.to_vec()).collect()
        };
        let (stored, lens) = (gradients(&mut model), [12, 4, 8, 2]);
        assert!(stored.iter().map(Vec::len).eq(lens) && stored.iter().all(|g| g.iter().any(|&g| g != 0.0)));
        model.zero_grad();
        assert_eq!(gradients(&mut model), lens.map(|len| vec![0.0; len]));
        assert!(model.tensors().flat_map(|tensor| tensor.data).eq(&weights));
    }
}
