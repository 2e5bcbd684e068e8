//! The gradient check: backpropagation compared with central differences, in f64

use chainrule_kernels::Backend;

use crate::nn::design::Design;
use crate::nn::layers::{Norm, Place};
use crate::nn::loss::{BatchLabels, ErrorFunction, Loss};
use crate::nn::matrix::Matrix;
use crate::nn::mlp::Mlp;
use crate::nn::parameter::Shape;
use crate::nn::sgd::Sgd;
use crate::nn::step::Steps;
use crate::nn::workspace::Workspace;
use crate::random::{Purpose, Random};

/// The formula of [`central_difference`], for messages
pub const FORMULA: &str = "(8 (L(w + h) - L(w - h)) - (L(w + 2h) - L(w - 2h))) / 12h";
/// Relative error below which a gradient counts as correct
pub const TOLERANCE: f64 = 1e-6;
/// Step h of the differences
///
/// The five-point formula has an error of h⁴/30 · f⁽⁵⁾, about 3e-14; rounding of the loss adds about 2ε L/h, 1e-12.
/// With a third of this h, or with three times this h, the errors are larger.
pub const STEP: f64 = 1e-3;
/// Smallest divisor of a relative error; with a smaller one, rounding in the differences would count as an error
const FLOOR: f64 = 1e-5;
/// Sufficient distance of an activation's inputs from its kink: several times as far as a step of the differences moves them
const KINK_MARGIN: f64 = 0.02;
/// Number of draws of random rows to try before the one farthest from all kinks is used
const DRAWS: usize = 500;

/// The result for one tensor
#[derive(Clone, Debug, PartialEq)]
pub struct TensorCheck {
    /// Name in the model file, such as `0.weight`; `logits`, or `outputs` in regression, for the gradient of the loss itself
    pub name: String,
    /// Dimensions, `rows×columns` or the length
    pub shape: String,
    /// Number of elements that were checked
    pub checked: usize,
    /// Number of chosen elements that were not checked because a step crosses a kink of an activation or of the loss
    pub at_kink: usize,
    /// Largest relative error, as [`relative_error`] defines it
    pub worst: f64,
}

impl TensorCheck {
    /// Whether elements were checked, and all errors are below [`TOLERANCE`]
    pub fn passed(&self) -> bool {
        // If `worst` is NaN, the comparison is false.
        self.checked > 0 && self.worst < TOLERANCE
    }
}

/// The five-point central difference of f at 0, `(8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h`
///
/// Source: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), table 25.2.
pub fn central_difference(mut f: impl FnMut(f64) -> f64) -> f64 {
    let mut odd = |h: f64| f(h) - f(-h);
    (8.0 * odd(STEP) - odd(2.0 * STEP)) / (12.0 * STEP)
}

/// The relative error of a gradient, `|a − n| / max(|a|, |n|, 1e-5)`
pub fn relative_error(analytic: f64, numeric: f64) -> f64 {
    (analytic - numeric).abs() / analytic.abs().max(numeric.abs()).max(FLOOR)
}

/// A net and a batch on which its gradients are checked
#[derive(Debug)]
pub struct Check {
    model: Mlp<f64>,
    x: Matrix<f64>,
    labels: BatchLabels<f64>,
    loss: Loss<f64>,
    workspace: Workspace<f64>,
    random: Random,
    weight_decay: f64,
}

impl Check {
    /// A net of the given widths with random weights and biases, and a batch of random inputs in [−1, 1) that keep
    /// the activation's inputs away from its kink
    ///
    /// * `regression`: the loss of random numbers in [−2, 2) as labels; `None` for random classes
    pub fn new(
        dims: &[usize],
        design: impl Into<Design>,
        batch_size: usize,
        regression: Option<ErrorFunction>,
        seed: u64,
    ) -> Self {
        let (features, outputs, design) = (dims[0], dims[dims.len() - 1], design.into());
        let (mut model, mut random) = random_model(dims, design, seed);
        let mut x = Matrix::zeros(batch_size, features);
        // The units of a row may depend on the other rows, and on the row's place in the batch.
        let is_whole = design.norm == Norm::Batch || design.dropout > 0.0 || design.input_dropout > 0.0;
        let rows = if is_whole { batch_size } else { 1 };
        for rows in x.data_mut().chunks_exact_mut(rows * features) {
            rows.copy_from_slice(&away_from_kinks(&mut model, rows.len() / features, &mut random));
        }
        let (labels, loss) = match regression {
            None => {
                let labels = (0..batch_size).map(|_| random.below(outputs as u32)).collect();
                (BatchLabels::Classes(labels), Loss::of_classes())
            }
            Some(function) => {
                let labels = Matrix::from_fn(batch_size, outputs, |_, _| random.symmetric(2.0));
                (BatchLabels::Numbers(labels), Loss::of_numbers(function, vec![1.0; outputs]))
            }
        };
        Self::of(model, x, (labels, loss), random)
    }

    /// A net of the given widths with random weights and biases, and a batch of given inputs and labels with their loss
    ///
    /// # Panics
    /// If the batch does not fit the net.
    pub fn on_batch(
        dims: &[usize],
        design: impl Into<Design>,
        x: Matrix<f64>,
        labels: (BatchLabels<f64>, Loss<f64>),
        seed: u64,
    ) -> Self {
        assert_eq!(x.shape(), (labels.0.len(), dims[0]), "a row of inputs for each label");
        let (model, random) = random_model(dims, design.into(), seed);
        Self::of(model, x, labels, random)
    }

    fn of(
        model: Mlp<f64>,
        x: Matrix<f64>,
        (labels, loss): (BatchLabels<f64>, Loss<f64>),
        random: Random,
    ) -> Self {
        let workspace = model.workspace(labels.len(), Backend::auto());
        Self { model, x, labels, loss, workspace, random, weight_decay: 0.0 }
    }

    /// This check with weight decay λ: it checks the gradient of L + λ/2 Σ w², summed over all weights and biases w
    ///
    /// The gradient is what an SGD step with learning rate 1 and no momentum subtracts, computed by the same fused pass
    /// as in training.
    #[must_use]
    pub fn with_weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Checks the gradients of the outputs and of every parameter, at most `samples` elements of each
    pub fn run(&mut self, samples: usize) -> Vec<TensorCheck> {
        self.run_on(samples, |gradients| gradients)
    }

    /// Like [`Self::run`], but passes the gradients through `alter` before they are compared; tests insert errors there
    ///
    /// `alter` gets the gradient of the outputs, followed by that of each parameter.
    pub fn run_on(
        &mut self,
        samples: usize,
        alter: impl FnOnce(Vec<Vec<f64>>) -> Vec<Vec<f64>>,
    ) -> Vec<TensorCheck> {
        let gradients = alter(self.backpropagate());
        let mut checks = vec![self.check_outputs(&gradients[0], samples)];
        for (gradient, parameter) in gradients[1..].iter().zip(0..) {
            checks.push(self.check_parameter(parameter, gradient, samples));
        }
        checks
    }

    fn backpropagate(&mut self) -> Vec<Vec<f64>> {
        self.forward();
        let Self { model, labels, loss, workspace, .. } = self;
        loss.forward(workspace.output_mut(), labels);
        loss.backward(workspace.output_mut(), labels);
        let outputs = workspace.output_mut().data().to_vec();
        if self.weight_decay > 0.0 {
            return std::iter::once(outputs).chain(self.step()).collect();
        }
        model.backward(workspace, None);
        let stored = model.parameters_mut().filter_map(|parameter| parameter.gradient);
        std::iter::once(outputs).chain(stored.map(|g| g.to_vec())).collect()
    }

    /// What an SGD step with η = 1 subtracts from each parameter; the parameters are restored afterwards
    fn step(&mut self) -> Vec<Vec<f64>> {
        let Self { model, workspace, weight_decay, .. } = self;
        let before: Vec<Vec<f64>> = model.parameters_mut().map(|parameter| parameter.data.to_vec()).collect();
        let mut sgd = Sgd::new(model.parameters_mut(), 1.0, 0.0, *weight_decay);
        model.backward(workspace, Some(Steps::Sgd(&mut sgd)));
        let mut steps = Vec::new();
        for (parameter, before) in model.parameters_mut().zip(&before) {
            steps.push(before.iter().zip(&*parameter.data).map(|(before, after)| before - after).collect());
            parameter.data.copy_from_slice(before);
        }
        steps
    }

    /// Checks the gradient of the loss with respect to the outputs, which are moved directly, without running the net
    fn check_outputs(&mut self, gradient: &[f64], samples: usize) -> TensorCheck {
        self.forward();
        let outputs = self.workspace.output_mut().clone();
        let Self { labels, loss, .. } = self;
        let parts = loss.parts(&outputs, labels);
        let shape = format!("{}×{}", outputs.rows(), outputs.cols());
        let name = if parts.is_empty() { "logits" } else { "outputs" };
        let chosen = choose(gradient.len(), samples, &mut self.random);
        compare(name.to_owned(), shape, gradient, chosen, |at, h| {
            let mut z = outputs.clone();
            z.data_mut()[at] += h;
            let crossed = loss.parts(&z, labels) != parts;
            (loss.forward(&mut z, labels).loss / labels.len() as f64, crossed)
        })
    }

    /// Checks the gradient of parameter `t`, in the order of [`Mlp::parameters_mut`]
    fn check_parameter(&mut self, t: usize, gradient: &[f64], samples: usize) -> TensorCheck {
        self.forward();
        let sides = self.kink_sides();
        let chosen = choose(gradient.len(), samples, &mut self.random);
        let parameter = self.model.parameters_mut().nth(t);
        let (name, shape) = parameter.map(|p| (p.name(), p.shape.to_string())).unwrap_or_default();
        let weight_decay = self.weight_decay;
        compare(name, shape, gradient, chosen, |at, h| {
            let start = self.parameter(t)[at];
            self.parameter(t)[at] = start + h;
            self.forward();
            let crossed = self.kink_sides() != sides;
            let loss = self.loss.forward(self.workspace.output_mut(), &self.labels).loss;
            self.parameter(t)[at] = start;
            // The other parameters' terms of the penalty do not change, so they cancel in the differences.
            let penalty = weight_decay / 2.0 * (start + h).powi(2);
            (loss / self.labels.len() as f64 + penalty, crossed)
        })
    }

    fn forward(&mut self) {
        self.workspace.input_mut().data_mut().copy_from_slice(self.x.data());
        // Every pass is of the same place, so layers that draw random numbers draw the same ones.
        self.model.forward_training(&mut self.workspace, Place::default());
    }

    /// The elements of parameter `t`, in the order of [`Mlp::parameters_mut`]
    fn parameter(&mut self, t: usize) -> &mut [f64] {
        self.model.parameters_mut().nth(t).map_or(&mut [], |parameter| parameter.data)
    }

    /// Whether each unit is above its kink, and the part that each error is on where the loss has kinks
    fn kink_sides(&mut self) -> (Vec<bool>, Vec<i8>) {
        let kinked = self.workspace.hidden().filter(|(layer, _)| self.model.layers()[*layer].has_kink());
        let units = kinked.flat_map(|(_, y)| y.data()).map(|&y| y > 0.0).collect();
        (units, self.loss.parts(self.workspace.output_mut(), &self.labels))
    }
}

/// Compares the `chosen` elements of a gradient with differences of the loss
///
/// * `loss(at, h)`: the mean loss after element `at` is moved by h, and whether this move crosses a kink
fn compare(
    name: String,
    shape: String,
    gradient: &[f64],
    chosen: Vec<usize>,
    mut loss: impl FnMut(usize, f64) -> (f64, bool),
) -> TensorCheck {
    let mut check = TensorCheck { name, shape, checked: 0, at_kink: 0, worst: 0.0 };
    for at in chosen {
        let mut crossed = false;
        let numeric = central_difference(|h| {
            let (loss, crosses) = loss(at, h);
            crossed |= crosses;
            loss
        });
        if crossed {
            check.at_kink += 1;
            continue;
        }
        check.checked += 1;
        let error = relative_error(gradient[at], numeric);
        if error > check.worst || error.is_nan() {
            check.worst = error;
        }
    }
    check
}

/// All indices below `len`, or `samples` random ones if there are more
fn choose(len: usize, samples: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..len).collect();
    if len > samples {
        random.shuffle(&mut all);
        all.truncate(samples);
    }
    all
}

/// A net of the given widths with random weights and biases, and the stream that goes on
fn random_model(dims: &[usize], design: Design, seed: u64) -> (Mlp<f64>, Random) {
    let (features, classes) = (dims[0], dims[dims.len() - 1]);
    let mut model = Mlp::new(features, &dims[1..dims.len() - 1], classes, design, seed);
    let mut random = Random::new(seed, Purpose::GradientCheck);
    for parameter in model.parameters_mut().filter(|p| matches!(p.shape, Shape::Vector(_))) {
        // A vector of weights is the scale of a norm, which starts at 1.
        let center = if parameter.kind == "weight" { 1.0 } else { 0.0 };
        parameter.data.iter_mut().for_each(|b| *b = center + random.symmetric(0.5));
    }
    (model, random)
}

/// The first random rows of inputs that leave no unit close to its kink, or else the best of [`DRAWS`] draws
fn away_from_kinks(model: &mut Mlp<f64>, rows: usize, random: &mut Random) -> Vec<f64> {
    let mut ws = model.layer_by_layer(rows, Backend::auto());
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for _ in 0..DRAWS {
        let drawn: Vec<f64> = (0..rows * model.features()).map(|_| random.symmetric(1.0)).collect();
        ws.input_mut().data_mut().copy_from_slice(&drawn);
        model.forward_training(&mut ws, Place::default());
        // Without fusion, the workspace holds the input of each layer: the output of the layer before.
        let inputs = ws.hidden().filter(|(before, _)| model.layers()[before + 1].has_kink());
        let margin = inputs.flat_map(|(_, x)| x.data()).fold(f64::INFINITY, |least, x| least.min(x.abs()));
        if margin > best.0 {
            best = (margin, drawn);
        }
        if best.0 > KINK_MARGIN {
            break;
        }
    }
    best.1
}
