//! A state dict of PyTorch: the tensors of an `nn.Sequential` of linear layers, norms and activations, as PyTorch names them
//!
//! Module i of the list has the tensors `i.weight` `[out, in]` and `i.bias` `[out]` if it is linear, and none if it is an
//! activation, `Dropout` or `Flatten`. So a gap between the indices of two linear layers means an activation, whose kind
//! no file says. A `LayerNorm` or `BatchNorm1d` directly after a linear layer has `i.weight` `[out]` and `i.bias` `[out]`, and
//! the second also `i.running_mean` and `i.running_var`. All names can have a common prefix, such as `net.` if the list is the attribute `net` of a module.

use std::collections::BTreeMap;

use chainrule_kernels::Scalar;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::nn::layers::{Activation, BatchNorm, Layer, LayerNorm, Linear, Norm};
use crate::nn::matrix::Matrix;
use crate::nn::mlp::Mlp;
use crate::nn::parameter::Shape;
use crate::nn::stored::elements;

const EXPECTED: &str = "expected the state dict of an nn.Sequential of Linear layers, each with a BatchNorm1d or LayerNorm directly after it \
     or without, and activations, with names as 0.weight and 0.bias";
/// A tensor of a BatchNorm layer that nothing is computed from
const UNUSED: &str = "num_batches_tracked";

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
    /// The norm after it, and the element types of the norm's tensors
    pub norm: (Norm, Vec<&'static str>),
}

/// The tensors of a module by their kinds, as far as they have been found
type Module<'a> = BTreeMap<&'static str, TensorView<'a>>;

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
        for (name, Name { prefix: own, index, kind }, tensor) in parsed {
            if own != prefix {
                return Err(format!("{name}: other names begin with `{prefix}`, {EXPECTED}"));
            }
            let module = modules.entry(index).or_default();
            if kind != UNUSED {
                module.insert(kind, tensor);
            }
        }
        let mut layers: Vec<StoredLayer> = Vec::new();
        for (index, module) in modules {
            let name = |kind: &str| format!("{prefix}{index}.{kind}");
            let Some(weight) = module.get("weight") else {
                let found = module.keys().next().map_or(UNUSED, |kind| kind);
                return Err(format!("{}: there is no {}, {EXPECTED}", name(found), name("weight")));
            };
            if let [width] = *weight.shape() {
                let before = layers.last_mut().filter(|before| before.index + 1 == index);
                let Some(before) = before.filter(|before| before.d_out == width) else {
                    return Err(format!(
                        "{}: has shape [{width}], as BatchNorm and LayerNorm have, but the module before it is no \
                         Linear layer of {width} outputs, {EXPECTED}",
                        name("weight")
                    ));
                };
                before.norm = norm(&module, width).map_err(|(kind, e)| format!("{}: {e}", name(kind)))?;
                continue;
            }
            if let Some(kind) = module.keys().find(|kind| kind.starts_with("running")) {
                return Err(format!(
                    "{}: belongs to a BatchNorm layer, but {} to a Linear one",
                    name(kind),
                    name("weight")
                ));
            }
            let (d_in, d_out) = (weight.shape()[1], weight.shape()[0]);
            if let Some(before) = layers.last().filter(|before| before.d_out != d_in) {
                let StoredLayer { index, d_out: outputs, .. } = before;
                return Err(format!(
                    "{}: has shape [{d_out}, {d_in}], expected [{d_out}, {outputs}], since {prefix}{index}.weight has \
                     {outputs} outputs",
                    name("weight")
                ));
            }
            let bias = module.get("bias");
            if let Some(bias) = bias.filter(|bias| bias.shape() != [d_out]) {
                return Err(format!("{}: has shape {:?}, expected [{d_out}]", name("bias"), bias.shape()));
            }
            let bias = bias.map(|bias| dtype_name(bias.dtype()));
            let weight = dtype_name(weight.dtype());
            layers.push(StoredLayer { index, d_in, d_out, weight, bias, norm: (Norm::None, Vec::new()) });
        }
        match layers.last() {
            Some(last) if last.norm.0 != Norm::None => {
                Err(format!("{prefix}{}.weight: a norm is the last layer, {EXPECTED}", last.index + 1))
            }
            _ => Ok(Self { prefix: prefix.to_owned(), layers }),
        }
    }

    /// Element type to compute with: `f64` if a tensor is F64, else `f32`
    pub fn dtype(&self) -> &'static str {
        if self.dtypes().contains(&"F64") { "f64" } else { "f32" }
    }

    /// The element types of the tensors, each once, in the order of the tensors
    pub fn dtypes(&self) -> Vec<&'static str> {
        let mut dtypes = Vec::new();
        let of_layer = |layer: &StoredLayer| {
            [Some(layer.weight), layer.bias]
                .into_iter()
                .flatten()
                .chain(layer.norm.1.clone())
                .collect::<Vec<_>>()
        };
        for dtype in self.layers.iter().flat_map(of_layer) {
            if !dtypes.contains(&dtype) {
                dtypes.push(dtype);
            }
        }
        dtypes
    }

    /// The names of the tensors of each layer; `None` for a bias that is not there
    pub fn names(&self) -> Vec<Option<String>> {
        let names = |layer: &StoredLayer| {
            let name = |index: usize, kind: &str| format!("{}{index}.{kind}", self.prefix);
            let own = [Some(name(layer.index, "weight")), layer.bias.map(|_| name(layer.index, "bias"))];
            let of_norm = kinds(layer.norm.0).iter().map(|kind| Some(name(layer.index + 1, kind)));
            own.into_iter().chain(of_norm).collect::<Vec<_>>()
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
    /// If an element is not finite, or a variance is negative.
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
                layers.push(Layer::Activation(activation));
            }
            let mut linear = Linear::new(Matrix::zeros(layer.d_in, layer.d_out));
            let order = Shape::Matrix(layer.d_in, layer.d_out).stored_order();
            let weights = linear.w.data_mut();
            order.zip(tensor(layer.index, "weight")?).for_each(|(at, x)| weights[at] = x);
            if layer.bias.is_some() {
                linear.b = tensor(layer.index, "bias")?;
            }
            layers.push(Layer::Linear(linear));
            let mut norm = match layer.norm.0 {
                Norm::None => continue,
                Norm::Batch => Layer::BatchNorm(BatchNorm::new(layer.d_out)),
                Norm::Layer => Layer::LayerNorm(LayerNorm::new(layer.d_out)),
            };
            for part in norm.tensors_mut(layer.index + 1) {
                part.data.copy_from_slice(&tensor(layer.index + 1, part.kind)?);
                part.check_variance()
                    .map_err(|problem| format!("{}{}: {problem}", self.prefix, part.name()))?;
            }
            layers.push(norm);
        }
        Mlp::from_layers(self.layers.first().map_or(0, |layer| layer.d_in), layers)
    }
}

/// Whether a module without tensors is between two linear layers, after the norm of the first
fn is_gap(before: &StoredLayer, after: &StoredLayer) -> bool {
    after.index - before.index > 1 + usize::from(before.norm.0 != Norm::None)
}

/// The kinds of the tensors of a norm, in the order in which its layer has them
fn kinds(norm: Norm) -> &'static [&'static str] {
    match norm {
        Norm::None => &[],
        Norm::Batch => &["weight", "bias", "running_mean", "running_var"],
        Norm::Layer => &["weight", "bias"],
    }
}

/// The norm that has these tensors, and their element types
///
/// # Errors
/// If one is missing or has another length; the error has its kind and the problem.
fn norm(module: &Module<'_>, width: usize) -> Result<(Norm, Vec<&'static str>), (&'static str, String)> {
    let is_batch = module.keys().any(|kind| kind.starts_with("running"));
    let norm = if is_batch { Norm::Batch } else { Norm::Layer };
    let dtype = |&kind: &&'static str| match module.get(kind) {
        Some(tensor) if tensor.shape() == [width] => Ok(dtype_name(tensor.dtype())),
        Some(tensor) => Err((kind, format!("has shape {:?}, expected [{width}]", tensor.shape()))),
        None => Err((kind, format!("missing, {EXPECTED}"))),
    };
    Ok((norm, kinds(norm).iter().map(dtype).collect::<Result<_, _>>()?))
}

/// The parts of a tensor's name
struct Name<'a> {
    prefix: &'a str,
    index: usize,
    kind: &'static str,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Result<Self, String> {
        let (module, kind) = name.rsplit_once('.').unwrap_or(("", name));
        let kind = kinds(Norm::Batch).iter().chain([&UNUSED]).find(|known| **known == kind);
        let start = module.rfind('.').map_or(0, |dot| dot + 1);
        let (prefix, digits) = module.split_at(start);
        // A second name of the same module, such as one with `04` for `4`, is refused.
        let index = digits.parse().ok().filter(|index: &usize| index.to_string() == digits);
        match (index, kind) {
            // An index has a next one, which may be that of a norm.
            (Some(index), Some(kind)) if index < usize::MAX => Ok(Self { prefix, index, kind }),
            _ => Err(format!("is no name of such a layer, {EXPECTED}")),
        }
    }
}

/// Checks the dimensions and the element type of a tensor by itself
fn check_shape(name: &Name<'_>, tensor: &TensorView<'_>) -> Result<(), String> {
    let shape = tensor.shape();
    let what = match (name.kind, shape.len()) {
        (UNUSED, _) => return Ok(()),
        ("weight", 1 | 2) | ("bias" | "running_mean" | "running_var", 1) => {
            let is_known = matches!(tensor.dtype(), Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64);
            let other = || format!("is {:?}, expected F16, BF16, F32 or F64", tensor.dtype());
            return if is_known { Ok(()) } else { Err(other()) };
        }
        ("weight", 3..=5) => ", as convolutions have",
        _ => "",
    };
    let expected = if name.kind == "weight" { "[outputs, inputs]" } else { "[outputs]" };
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
