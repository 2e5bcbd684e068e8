//! ONNX files: a graph from the cells of a row to the probabilities of the classes, or to targets
//!
//! Input `input` holds one sample per row, in f32. An image is its pixels, row by row, from 0 to 255. A missing number is
//! NaN, and a category is its index in the column's list of values; any other number means no category.
//! Outputs are `probabilities` in f32 and `label`, the index of the most probable class; in regression, `output` in f32,
//! the targets in their own units. The metadata has the names of classes, targets, columns and categories as JSON.
//!
//! The graph computes in the type of the model's tensors: an f64 model converts the input to f64, and its output to f32.
//! Batch normalisation is a part of the weights before it.

pub(super) mod graph;
mod protobuf;

use chainrule_kernels::{CLIP_MAX, NORM_EPSILON};

use self::graph::{Dim, Graph, Type};
use self::protobuf::Message;
use super::activation;
use super::element::Element;
use super::features::Features;
use super::folded::folded;
use crate::data::outputs::{Outputs, Target};
use crate::data::preprocessing::{Encoding, Preprocessing};
use crate::data::saved_model::SavedModel;
use crate::error::separated;
use crate::nn::layers::Layer;

/// The version of the operators: that of ONNX 1.8 (2020), the first in which Softmax works on one dimension
pub const OPSET: i64 = 13;
/// The version of the file format: that of ONNX 1.8
pub const IR_VERSION: i64 = 7;

/// Largest size of a file in bytes, which protocol buffers set
const BYTES_MAX: usize = i32::MAX as usize;

/// The bytes of an ONNX file
///
/// # Errors
/// If the file would be too large for ONNX, a number too large for an f32 model, or a batch normalisation can't be folded.
pub fn to_bytes(saved: &SavedModel<f64>) -> Result<Vec<u8>, String> {
    Element::of(saved)?;
    let without_batch_norm = folded(saved)?;
    let saved = without_batch_norm.as_ref().unwrap_or(saved);
    let element = Element::of(saved)?;
    let bytes_each = if element == Element::Single { 4 } else { 8 };
    let too_large = |bytes: usize| {
        format!("would be {} bytes as ONNX, expected at most {}", separated(bytes), separated(BYTES_MAX))
    };
    let parameters = saved.model.parameter_count();
    // A model this large is refused before memory is reserved for its file.
    if parameters > BYTES_MAX / bytes_each {
        return Err(too_large(parameters.saturating_mul(bytes_each)));
    }
    let mut file = Message::default();
    file.int(1, IR_VERSION);
    file.text(2, "chainrule");
    file.text(3, env!("CARGO_PKG_VERSION"));
    file.message(7, |message| write_graph(message, saved, element));
    file.message(8, |opset| {
        opset.text(1, "");
        opset.int(2, OPSET);
    });
    for (key, value) in metadata(saved) {
        file.message(14, |entry| {
            entry.text(1, &key);
            entry.text(2, &value);
        });
    }
    let bytes = file.into_bytes();
    if bytes.len() > BYTES_MAX { Err(too_large(bytes.len())) } else { Ok(bytes) }
}

/// What the inputs and outputs mean, as in a model file, and what made the file; sorted by name
fn metadata(saved: &SavedModel<f64>) -> impl Iterator<Item = (String, String)> {
    let mut entries = saved.signature.to_metadata().0;
    let own = [
        ("dtype", saved.dtype.of_tensors().name().to_owned()),
        ("opset", OPSET.to_string()),
        ("producer", format!("chainrule {}", env!("CARGO_PKG_VERSION"))),
    ];
    entries.extend(own.map(|(key, value)| (key.to_owned(), value)));
    entries.into_iter()
}

fn write_graph(message: &mut Message, saved: &SavedModel<f64>, element: Element) {
    let SavedModel { model, signature, .. } = saved;
    let description = match signature.outputs {
        Outputs::Classes(_) => "From the cells of a row to the probabilities of the classes",
        Outputs::Targets { .. } => "From the cells of a row to the targets",
    };
    let mut graph = Graph::new(message, "chainrule", description, element);
    let columns = signature.preprocessing.columns();
    let of_input = match signature.preprocessing.encoding {
        Encoding::Pixels => "The pixels of each image, row by row, from 0 to 255",
        Encoding::Columns { .. } => {
            "The columns of each row, in the order of the metadata `columns`: a number, NaN where it is missing, or the \
             index of a category in the column's `values`"
        }
    };
    let batch = Dim::Free("batch");
    graph.input("input", Type::Float, &[batch, Dim::Len(columns)], of_input);
    let mut x = encode(&mut graph, &signature.preprocessing, element).to_owned();
    let last_name = if signature.outputs.targets().is_empty() { "logits" } else { "standardised" };
    for (at, layer) in model.layers().iter().enumerate() {
        let last = at + 1 == model.layers().len();
        let output = if last { last_name.to_owned() } else { format!("{at}.output") };
        for tensor in layer.tensors(at) {
            let elements = tensor.shape.stored_order().map(|at| tensor.data[at]);
            graph.numbers(&tensor.name(), &tensor.shape.stored(), elements);
        }
        match (layer, layer.activation()) {
            (Layer::Linear(_), _) => {
                let (weight, bias) = (format!("{at}.weight"), format!("{at}.bias"));
                graph.node("Gemm", &[&x, &weight, &bias], &output, &[("transB", 1)]);
            }
            (Layer::LayerNorm(_), _) => layer_norm(&mut graph, &x, at, &output),
            (_, Some(activation)) => activation::add_nodes(activation, &mut graph, &x, &output),
            (_, None) => unreachable!("`folded` leaves no batch norm and no dropout"),
        }
        x = output;
    }
    match &signature.outputs {
        Outputs::Classes(names) => classes(&mut graph, &x, element, [batch, Dim::Len(names.len())]),
        Outputs::Targets { targets, .. } => self::targets(&mut graph, &x, element, batch, targets),
    }
    graph.end();
}

/// Adds the nodes of the layer normalisation with index `at`, of which ONNX has one only since opset 17
fn layer_norm(graph: &mut Graph<'_>, x: &str, at: usize, output: &str) {
    let name = |what: &str| format!("{at}.{what}");
    let [mean, centered, square, variance] = ["mean", "centered", "square", "variance"].map(name);
    let [epsilon, sum, deviation] = ["epsilon", "variance_sum", "deviation"].map(name);
    let [normalised, scaled, weight, bias] = ["normalised", "scaled", "weight", "bias"].map(name);
    graph.numbers(&epsilon, &[], [NORM_EPSILON].into_iter());
    graph.mean_of_rows(x, &mean);
    graph.node("Sub", &[x, &mean], &centered, &[]);
    graph.node("Mul", &[&centered, &centered], &square, &[]);
    graph.mean_of_rows(&square, &variance);
    graph.node("Add", &[&variance, &epsilon], &sum, &[]);
    graph.node("Sqrt", &[&sum], &deviation, &[]);
    graph.node("Div", &[&centered, &deviation], &normalised, &[]);
    graph.node("Mul", &[&normalised, &weight], &scaled, &[]);
    graph.node("Add", &[&scaled, &bias], output, &[]);
}

/// Adds the outputs of a model of classes, from its logits
fn classes(graph: &mut Graph<'_>, logits: &str, element: Element, dims: [Dim; 2]) {
    let of_label = "The index of the most probable class in the metadata `class_names`";
    graph.output("probabilities", Type::Float, &dims, "The probability of each class");
    graph.output("label", Type::Int64, &dims[..1], of_label);
    let axis = ("axis", 1);
    match element {
        Element::Single => graph.node("Softmax", &[logits], "probabilities", &[axis]),
        Element::Double => {
            graph.node("Softmax", &[logits], "softmax", &[axis]);
            graph.node("Cast", &["softmax"], "probabilities", &[("to", Type::Float as i64)]);
        }
    }
    graph.node("ArgMax", &[logits], "label", &[axis, ("keepdims", 0)]);
}

/// Adds the output of a model of numbers, from its standardised targets
fn targets(graph: &mut Graph<'_>, standardised: &str, element: Element, batch: Dim, targets: &[Target]) {
    let len = targets.len();
    graph.output("output", Type::Float, &[batch, Dim::Len(len)], "The targets in the metadata `targets`");
    graph.numbers("target_scale", &[len], targets.iter().map(|target| target.scale));
    graph.numbers("target_center", &[len], targets.iter().map(|target| target.center));
    graph.node("Mul", &[standardised, "target_scale"], "target_scaled", &[]);
    match element {
        Element::Single => graph.node("Add", &["target_scaled", "target_center"], "output", &[]),
        Element::Double => {
            graph.node("Add", &["target_scaled", "target_center"], "target_values", &[]);
            graph.node("Cast", &["target_values"], "output", &[("to", Type::Float as i64)]);
        }
    }
}

/// Adds the nodes of the preprocessing; returns the name of the net's input
fn encode(graph: &mut Graph<'_>, preprocessing: &Preprocessing, element: Element) -> &'static str {
    let kind = Type::from(element) as i64;
    let mut x = "input";
    let then = |graph: &mut Graph<'_>, operator: &str, inputs: &[&str], output: &'static str| {
        graph.node(operator, inputs, output, &[]);
        output
    };
    if element == Element::Double {
        graph.node("Cast", &[x], "cells", &[("to", kind)]);
        x = "cells";
    }
    if preprocessing.encoding == Encoding::Pixels {
        graph.numbers("white", &[], [255.0].into_iter());
        return then(graph, "Div", &[x, "white"], "features");
    }
    let features = Features::of(preprocessing);
    let (len, has_categories) = (features.len(), features.has_categories());
    if has_categories {
        // Each input gets the cell of its column, so that the rest is done for all inputs at once.
        graph.integers("source", &features.source);
        graph.node("Gather", &[x, "source"], "gathered", &[("axis", 1)]);
        x = "gathered";
    }
    let cells = x;
    if features.has_fill() {
        graph.numbers("fill", &[len], features.fill.iter().copied());
        then(graph, "IsNaN", &[x], "is_missing");
        x = then(graph, "Where", &["is_missing", "fill", x], "filled");
    }
    graph.numbers("center", &[len], features.center.iter().copied());
    graph.numbers("factor", &[len], features.factor.iter().copied());
    x = then(graph, "Sub", &[x, "center"], "centered");
    x = then(graph, "Mul", &[x, "factor"], "scaled");
    if features.is_clipped {
        graph.numbers("one", &[], [1.0].into_iter());
        graph.numbers("ninth", &[], [1.0 / 9.0].into_iter());
        // The square of a larger number would overflow.
        graph.numbers("most", &[], [CLIP_MAX].into_iter());
        graph.numbers("least", &[], [-CLIP_MAX].into_iter());
        x = then(graph, "Clip", &[x, "least", "most"], "bounded");
        let square = then(graph, "Mul", &[x, x], "square");
        let ratio = then(graph, "Mul", &[square, "ninth"], "square_ninth");
        let sum = then(graph, "Add", &[ratio, "one"], "square_sum");
        let root = then(graph, "Sqrt", &[sum], "root");
        x = then(graph, "Div", &[x, root], "clipped");
    }
    if has_categories {
        let code = |code: &Option<usize>| code.map_or(-1.0, |code| code as f64);
        graph.numbers("code", &[len], features.code.iter().map(code));
        graph.flags("is_category", features.code.iter().map(Option::is_some));
        let is_value = then(graph, "Equal", &[cells, "code"], "is_value");
        graph.node("Cast", &[is_value], "indicator", &[("to", kind)]);
        x = then(graph, "Where", &["is_category", "indicator", x], "features");
    }
    x
}
