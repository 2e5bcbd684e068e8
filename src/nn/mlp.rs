//! The multi-layer perceptron: a list of layers, computed first to last and differentiated last to first

use chainrule_kernels::{self as kernels, Backend, Epilogue, Scalar, all_finite};

use crate::nn::design::Design;
use crate::nn::initial_weights::InitialWeights;
use crate::nn::layers::{Activation, Layer, Linear, Norm, Place};
use crate::nn::matrix::Matrix;
use crate::nn::parameter::Tensor;
use crate::nn::step::Steps;
use crate::nn::workspace::{Fusion, Step, Workspace};
use crate::random::{Purpose, Random};

/// A multi-layer perceptron, `Linear → activation → Linear → … → Linear`, whose output is the logits of each row
///
/// A [`Design`] says which activation there is, and whether there are norms and dropout.
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
        design: impl Into<Design>,
        seed: u64,
    ) -> Self {
        let (dims, design) = ([&[features], hidden_dims, &[outputs]].concat(), design.into());
        Self::with_initial_weights(&dims, design, InitialWeights::ByActivation(design.activation), seed)
    }

    /// A net of the given widths with random initial weights and biases that depend on `seed`
    ///
    /// They are uniform in [−a, a) with a = [`InitialWeights::limits`]. The weights are drawn in f64 layer by layer and row by
    /// row, then the biases, and rounded for f32.
    pub fn with_initial_weights(
        dims: &[usize],
        design: impl Into<Design>,
        initial: InitialWeights,
        seed: u64,
    ) -> Self {
        let mut random = Random::new(seed, Purpose::InitialWeights);
        let mut model = Self::from_weights(dims, design, |d_in, d_out| {
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
        design: impl Into<Design>,
        mut weights: impl FnMut(usize, usize) -> Matrix<T>,
    ) -> Self {
        let design = design.into();
        let mut layers = design.of_input();
        for (at, pair) in dims.windows(2).enumerate() {
            if at > 0 {
                layers.extend(design.of_hidden(pair[0]));
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

    /// This net with the dropout of a design in place of its own
    #[must_use]
    pub fn with_dropout(self, design: Design) -> Self {
        let Self { layers, features } = self;
        let mut all = design.of_input();
        for layer in layers.into_iter().filter(|layer| !layer.is_dropout()) {
            let is_hidden = layer.activation().is_some();
            all.push(layer);
            all.extend(design.of_units().filter(|_| is_hidden));
        }
        Self { layers: all, features }
    }

    /// The layers, first to last
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// The activation between the linear layers; `None` if there is none
    pub fn activation(&self) -> Option<Activation> {
        self.layers.iter().find_map(Layer::activation)
    }

    /// What normalises the outputs of the linear layers except the last; `None` if they differ in that
    pub fn norm(&self) -> Option<Norm> {
        let linear = |at: &usize| matches!(self.layers[*at], Layer::Linear(_));
        let mut hidden: Vec<usize> = (0..self.layers.len()).filter(linear).collect();
        hidden.pop();
        let after = |&at: &usize| self.layers.get(at + 1).map_or(Norm::None, Layer::norm);
        let found = hidden.first().map_or(Norm::None, after);
        let count = self.layers.iter().filter(|layer| layer.norm() != Norm::None).count();
        let expected = if found == Norm::None { 0 } else { hidden.len() };
        (hidden.iter().map(after).all(|norm| norm == found) && count == expected).then_some(found)
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
        self.tensors().filter(|tensor| tensor.gradient.is_some()).map(|tensor| tensor.data.len()).sum()
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
        Workspace::new(&self.layers, self.features, rows, Fusion::Training, backend).with_gradients(rows)
    }

    /// A workspace like [`Self::workspace`], for passes that compute each layer separately, without fusion
    ///
    /// Tests compare the fused passes with these.
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn layer_by_layer(&self, rows: usize, backend: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.features, rows, Fusion::None, backend).with_gradients(rows)
    }

    /// A workspace for forward passes of up to `rows` rows
    ///
    /// # Panics
    /// If this processor does not have what the backend needs.
    pub fn forward_workspace(&self, rows: usize, backend: Backend) -> Workspace<T> {
        Workspace::new(&self.layers, self.features, rows, Fusion::Evaluation, backend)
    }

    /// Computes the logits from the input, both in `ws`, as in evaluation
    pub fn forward(&self, ws: &mut Workspace<T>) {
        for (s, step) in ws.steps.iter().enumerate() {
            let (before, after) = ws.flow.split_at_mut(s + 1);
            self.layers[step.layer].forward(&before[s], step.fused, &mut after[0], &mut ws.backend);
        }
    }

    /// Computes the logits from the input, both in `ws`, for the training step at `place`
    ///
    /// With dropout of the inputs, the input in `ws` is then the input after dropout.
    pub fn forward_training(&mut self, ws: &mut Workspace<T>, place: Place) {
        self.layers.iter_mut().enumerate().for_each(|(at, layer)| layer.start_step(place, at));
        if let Some(mask) = ws.input_dropout.and_then(|at| self.mask(at)) {
            mask.apply(ws.flow[0].data_mut());
        }
        for (s, step) in ws.steps.iter().enumerate() {
            let (before, after) = ws.flow.split_at_mut(s + 1);
            let epilogue = self.epilogue(step);
            let layer = &mut self.layers[step.layer];
            layer.forward_training(&before[s], epilogue, &mut after[0], &mut ws.backend);
        }
    }

    /// The mask of the last training step, if layer `at` is dropout
    fn mask(&self, at: usize) -> Option<kernels::Dropout<T>> {
        match &self.layers[at] {
            Layer::Dropout(dropout) => Some(dropout.mask()),
            _ => None,
        }
    }

    /// What is fused with the first layer of a step, in the last training step
    fn epilogue(&self, step: &Step) -> Epilogue<T> {
        Epilogue { f: step.fused, dropout: step.dropout.and_then(|at| self.mask(at)) }
    }

    /// Computes the gradients of all parameters from ∂L/∂logits, which the caller has written over the logits
    ///
    /// It differentiates the last [`Self::forward_training`]. In a net without norms and dropout, that is also
    /// [`Self::forward`]. With `steps`, each layer updates its parameters in the same pass and keeps no gradients. Without
    /// them, the gradients are stored.
    ///
    /// # Panics
    /// If `ws` was made by [`Self::forward_workspace`] and the net has hidden layers.
    pub fn backward(&mut self, ws: &mut Workspace<T>, mut steps: Option<Steps<'_, T>>) {
        let last = ws.steps.len() - 1;
        for (s, step) in ws.steps.iter().enumerate().rev() {
            let (before, after) = ws.grads.split_at_mut(s);
            let dy = if s == last { &ws.flow[last + 1] } else { &after[0] };
            let epilogue = s.checked_sub(1).map(|before| self.epilogue(&ws.steps[before]));
            let dx = before.last_mut().zip(epilogue);
            let update = steps.as_mut().map(|steps| steps.of_layer(step.layer));
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
