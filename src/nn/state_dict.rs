//! A state dict of PyTorch: the tensors of an `nn.Sequential` of linear layers and activations, as PyTorch names them
//!
//! Module i of the list has the tensors `i.weight` `[out, in]` and `i.bias` `[out]` if it is linear, and none if it is an
//! activation, `Dropout` or `Flatten`. So a gap between the indices of two linear layers means an activation, whose kind
//! no file says. All names can have a common prefix, such as `net.` if the list is the attribute `net` of a module.

use std::collections::BTreeMap;

use chainrule_kernels::Scalar;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::nn::layers::{Activation, Layer, Linear};
use crate::nn::matrix::Matrix;
use crate::nn::mlp::Mlp;
use crate::nn::parameter::Shape;
use crate::nn::stored::elements;

const EXPECTED: &str = "expected the state dict of an nn.Sequential of Linear layers and activations, with names as 0.weight and 0.bias";
/// The tensors of a BatchNorm layer that no other layer has
const BATCH_NORM: [&str; 3] = ["running_mean", "running_var", "num_batches_tracked"];

/// The tensors of a state dict, in the order of the layers
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDict {
    /// What the name of each tensor begins with: empty, or words that each end with a dot
    pub prefix: String,
    /// The linear layers, first to last
    pub layers: Vec<StoredLayer>,
}

/// A linear layer of a state dict
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLayer {
    /// Its index in the list of modules
    pub index: usize,
    /// Number of inputs
    pub d_in: usize,
    /// Number of outputs
    pub d_out: usize,
    /// Element type of the weights, such as `F32`
    pub weight: &'static str,
    /// Element type of the bias; `None` for a layer without one
    pub bias: Option<&'static str>,
}

/// The tensors of a module, as far as they have been found
#[derive(Default)]
struct Module<'a> {
    weight: Option<TensorView<'a>>,
    bias: Option<TensorView<'a>>,
}

impl StateDict {
    /// The state dict in a file whose header is consistent
    ///
    /// # Errors
    /// If a tensor is not that of a linear layer, or the shapes don't fit each other; the message names the tensor.
    pub fn of(file: &SafeTensors<'_>) -> Result<Self, String> {
        let mut names = file.names();
        names.sort_unstable();
        let mut parsed = Vec::new();
        for &name in &names {
            let error = |problem: String| format!("{name}: {problem}");
            let parts = Name::parse(name).map_err(error)?;
            let tensor = file.tensor(name).map_err(|e| error(e.to_string()))?;
            check_shape(&parts, &tensor).map_err(error)?;
            parsed.push((name, parts, tensor));
        }
        let prefix = parsed.first().map_or("", |(_, first, _)| first.prefix);
        let mut modules: BTreeMap<usize, Module<'_>> = BTreeMap::new();
        for (name, Name { prefix: own, index, is_weight }, tensor) in parsed {
            if own != prefix {
                return Err(format!("{name}: other names begin with `{prefix}`, {EXPECTED}"));
            }
            let module = modules.entry(index).or_default();
            *(if is_weight { &mut module.weight } else { &mut module.bias }) = Some(tensor);
        }
        let mut layers: Vec<StoredLayer> = Vec::new();
        for (index, module) in modules {
            let name = |kind: &str| format!("{prefix}{index}.{kind}");
            let Some(weight) = module.weight else {
                return Err(format!("{}: there is no {}, {EXPECTED}", name("bias"), name("weight")));
            };
            let (d_in, d_out) = (weight.shape()[1], weight.shape()[0]);
            if let Some(before) = layers.last().filter(|before| before.d_out != d_in) {
                let StoredLayer { index, d_out: outputs, .. } = before;
                return Err(format!(
                    "{}: has shape [{d_out}, {d_in}], expected [{d_out}, {outputs}], since {prefix}{index}.weight has \
                     {outputs} outputs",
                    name("weight")
                ));
            }
            if let Some(bias) = module.bias.as_ref().filter(|bias| bias.shape() != [d_out]) {
                return Err(format!("{}: has shape {:?}, expected [{d_out}]", name("bias"), bias.shape()));
            }
            let bias = module.bias.map(|bias| dtype_name(bias.dtype()));
            layers.push(StoredLayer { index, d_in, d_out, weight: dtype_name(weight.dtype()), bias });
        }
        Ok(Self { prefix: prefix.to_owned(), layers })
    }

    /// Element type to compute with: `f64` if a tensor is F64, else `f32`
    pub fn dtype(&self) -> &'static str {
        if self.dtypes().contains(&"F64") { "f64" } else { "f32" }
    }

    /// The element types of the tensors, each once, in the order of the tensors
    pub fn dtypes(&self) -> Vec<&'static str> {
        let mut dtypes = Vec::new();
        for dtype in self.layers.iter().flat_map(|layer| [Some(layer.weight), layer.bias]).flatten() {
            if !dtypes.contains(&dtype) {
                dtypes.push(dtype);
            }
        }
        dtypes
    }

    /// The names of the weights and the bias of each layer; `None` for a bias that is not there
    pub fn names(&self) -> Vec<Option<String>> {
        let names = |layer: &StoredLayer| {
            let name = |kind: &str| format!("{}{}.{kind}", self.prefix, layer.index);
            [Some(name("weight")), layer.bias.map(|_| name("bias"))]
        };
        self.layers.iter().flat_map(names).collect()
    }

    /// Whether there is an activation between two linear layers
    pub fn has_activation(&self) -> bool {
        self.layers.windows(2).any(|pair| is_gap(&pair[0], &pair[1]))
    }

    /// The net of the tensors in `file`, with this activation where the indices have a gap
    ///
    /// # Errors
    /// If an element is not finite.
    pub fn model<T: Scalar>(&self, file: &SafeTensors<'_>, activation: Activation) -> Result<Mlp<T>, String> {
        let tensor = |index: usize, kind: &str| {
            let name = format!("{}{index}.{kind}", self.prefix);
            let read =
                file.tensor(&name).map_err(|e| e.to_string()).and_then(|tensor| elements::<T>(&tensor));
            read.map_err(|problem| format!("{name}: {problem}"))
        };
        let mut layers = Vec::new();
        for (at, layer) in self.layers.iter().enumerate() {
            if at > 0 && is_gap(&self.layers[at - 1], layer) {
                layers.push(activation.layer());
            }
            let mut linear = Linear::new(Matrix::zeros(layer.d_in, layer.d_out));
            let order = Shape::Matrix(layer.d_in, layer.d_out).stored_order();
            let weights = linear.w.data_mut();
            order.zip(tensor(layer.index, "weight")?).for_each(|(at, x)| weights[at] = x);
            if layer.bias.is_some() {
                linear.b = tensor(layer.index, "bias")?;
            }
            layers.push(Layer::Linear(linear));
        }
        Mlp::from_layers(self.layers.first().map_or(0, |layer| layer.d_in), layers)
    }
}

/// Whether a module without tensors is between two layers
fn is_gap(before: &StoredLayer, after: &StoredLayer) -> bool {
    after.index - before.index > 1
}

/// The parts of a tensor's name
struct Name<'a> {
    prefix: &'a str,
    index: usize,
    is_weight: bool,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Result<Self, String> {
        let (module, kind) = name.rsplit_once('.').unwrap_or(("", name));
        if BATCH_NORM.contains(&kind) {
            return Err(format!("belongs to a BatchNorm layer, {EXPECTED}"));
        }
        let start = module.rfind('.').map_or(0, |dot| dot + 1);
        let (prefix, digits) = module.split_at(start);
        // A second name of the same module, such as one with `04` for `4`, is refused.
        let index = digits.parse().ok().filter(|index: &usize| index.to_string() == digits);
        match (index, kind) {
            (Some(index), "weight" | "bias") => Ok(Self { prefix, index, is_weight: kind == "weight" }),
            _ => Err(format!("is no name of such a layer, {EXPECTED}")),
        }
    }
}

/// Checks the dimensions and the element type of a tensor by itself
fn check_shape(name: &Name<'_>, tensor: &TensorView<'_>) -> Result<(), String> {
    let shape = tensor.shape();
    let what = match (name.is_weight, shape.len()) {
        (true, 2) | (false, 1) => {
            let is_known = matches!(tensor.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64);
            let other = || format!("is {:?}, expected F16, BF16, F32 or F64", tensor.dtype());
            return if is_known { Ok(()) } else { Err(other()) };
        }
        (true, 1) => ", as BatchNorm and LayerNorm have",
        (true, 3..=5) => ", as convolutions have",
        _ => "",
    };
    let expected = if name.is_weight { "[outputs, inputs]" } else { "[outputs]" };
    Err(format!("has shape {shape:?}{what}, expected {expected} of a Linear layer"))
}

fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F16 => "F16",
        Dtype::BF16 => "BF16",
        Dtype::F64 => "F64",
        _ => "F32",
    }
}
