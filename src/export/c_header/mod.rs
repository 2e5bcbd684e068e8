//! C headers: a model as one C99 file without dependencies, allocations and global state
//!
//! The header has the weights as constants, `NAME_predict`, `NAME_logits` and `NAME_class_names`; a model of numbers has
//! `NAME_standardised` and `NAME_target_names` in place of the last two. It computes in `float` and needs of libc only
//! `expf`, and for some activations one function more. The first layer scales each cell just before it is multiplied, so there is no buffer of inputs, and the input of a
//! category costs one row of weights.

mod code;
mod inputs;
mod text;

pub use text::prefix;

use clap::ValueEnum;

use self::inputs::{described, has_categories, has_fill};
use crate::config::{Dtype, Scale};
use crate::data::outputs::{Outputs, Target};
use crate::data::preprocessing::{Column, Encoding, Preprocessing};
use crate::data::saved_model::SavedModel;
use crate::error::separated;
use crate::export::activation;
use crate::export::element::check_single;
use crate::export::folded::folded;
use crate::nn::layers::{Activation, Layer, Linear};

/// The memory that a header needs
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of constants
    pub flash: usize,
    /// Bytes of buffers on the stack, during `NAME_predict`
    pub ram: usize,
}

/// A header and the memory that it needs
#[derive(Debug)]
pub struct Header {
    /// The text of the file
    pub text: String,
    /// The memory that it needs
    pub sizes: Sizes,
}

/// The header of a model; all names start with `prefix`, those of macros in upper case
///
/// Batch normalisation is folded into the weights before it.
///
/// # Errors
/// If a number of the model is too large for `float`, the first layer is not linear, or a batch normalisation can't be
/// folded.
pub fn header(saved: &SavedModel<f64>, prefix: &str) -> Result<Header, String> {
    check_single(saved)?;
    let without_batch_norm = folded(saved)?;
    let saved = without_batch_norm.as_ref().unwrap_or(saved);
    check_single(saved)?;
    let Some(Layer::Linear(first)) = saved.model.layers().first() else {
        return Err("layer 0 is not linear, which a C header needs".to_owned());
    };
    let parts = Parts { saved, prefix, first };
    let constants = parts.constants();
    let sizes = parts.sizes();
    let text = [parts.head(sizes), constants, parts.functions(), parts.end()].concat();
    Ok(Header { text, sizes })
}

/// What the parts of a header are made from
struct Parts<'a> {
    saved: &'a SavedModel<f64>,
    prefix: &'a str,
    first: &'a Linear<f64>,
}

impl Parts<'_> {
    fn macros(&self) -> String {
        self.prefix.to_ascii_uppercase()
    }

    fn preprocessing(&self) -> &Preprocessing {
        &self.saved.signature.preprocessing
    }

    /// The columns and their scale; `None` for pixels
    fn columns(&self) -> Option<(&[Column], Scale)> {
        match &self.preprocessing().encoding {
            Encoding::Pixels => None,
            Encoding::Columns { scale, columns } => Some((columns, *scale)),
        }
    }

    /// The lengths of the buffers `a` and `b`, in which the outputs of the hidden layers alternate; 0 if not needed
    fn buffers(&self) -> [usize; 2] {
        let dims = self.saved.model.dims();
        let hidden = &dims[1..dims.len() - 1];
        [0, 1].map(|first| hidden.iter().skip(first).step_by(2).copied().max().unwrap_or(0))
    }

    fn sizes(&self) -> Sizes {
        let of_numbers = 2
            + usize::from(has_fill(self.preprocessing()))
            + usize::from(has_categories(self.preprocessing()));
        let of_columns = self.columns().map_or(0, |(columns, _)| of_numbers * columns.len());
        let outputs = &self.saved.signature.outputs;
        let names: usize = self.output_names().iter().map(|name| name.len() + 1).sum();
        // A model of numbers writes its outputs to the caller's memory, and has a center and a scale for each.
        let (of_targets, logits) = match outputs {
            Outputs::Classes(names) => (0, names.len()),
            Outputs::Targets { targets, .. } => (2 * targets.len(), 0),
        };
        Sizes {
            flash: 4 * (self.saved.model.parameter_count() + of_columns + of_targets) + names,
            ram: 4 * (self.buffers().iter().sum::<usize>() + logits),
        }
    }

    /// The functions that the header needs of libc, as `expf and tanhf`
    fn functions_of_libc(&self) -> String {
        let others = self.activations().filter_map(activation::c_needs);
        std::iter::once("expf").chain(others).collect::<Vec<_>>().join(" and ")
    }

    /// The activations of the net, each once
    fn activations(&self) -> impl Iterator<Item = Activation> {
        let layers = self.saved.model.layers();
        let is_used = |f: &Activation| layers.iter().any(|layer| layer.activation() == Some(*f));
        Activation::value_variants().iter().copied().filter(move |f| is_used(f))
    }

    /// The names of the classes or targets
    fn output_names(&self) -> Vec<&str> {
        let outputs = &self.saved.signature.outputs;
        let targets = outputs.targets().iter().map(|target| target.name.as_str());
        outputs.classes().iter().map(String::as_str).chain(targets).collect()
    }

    fn is_regression(&self) -> bool {
        !self.saved.signature.outputs.targets().is_empty()
    }

    /// A text of [`code`] with its names
    fn filled(&self, code: &str) -> String {
        let cols = self.first.w.cols().to_string();
        code.replace("$COLS", &cols).replace("$F", self.prefix).replace("$M", &self.macros())
    }

    fn head(&self, Sizes { flash, ram }: Sizes) -> String {
        let SavedModel { model, dtype, signature, .. } = self.saved;
        let dims = model.dims().iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let activation = model.activation().map_or_else(String::new, |activation| format!(", {activation}"));
        let rounded = if *dtype == Dtype::F64 {
            "\n * The model is f64; its weights are rounded to float."
        } else {
            ""
        };
        let count = signature.outputs.len();
        let (usage, length) = match signature.outputs {
            Outputs::Classes(_) => (
                " *     float probabilities[$M_CLASSES];\n *     int k = $F_predict(input, probabilities);\n \
                 *     puts($F_class_names[k]);\n",
                format!("$M_CLASSES {count} /* numbers in `probabilities` and `logits` */"),
            ),
            Outputs::Targets { .. } => (
                " *     float targets[$M_TARGETS];\n *     $F_predict(input, targets);\n",
                format!("$M_TARGETS {count} /* numbers in `targets` */"),
            ),
        };
        let text = format!(
            "\
/*
 * The net {dims}{activation}, written by chainrule {version}
 *
{usage} *{rounded}
 * C99, needs {functions}; {flash} bytes of constants and {ram} bytes of buffers on the stack.
 *
{inputs} */
#ifndef $M_H
#define $M_H

#include <math.h>
#include <stddef.h>

#define $M_INPUTS {columns} /* numbers in `input` */
#define {length}
",
            version = env!("CARGO_PKG_VERSION"),
            functions = self.functions_of_libc(),
            flash = separated(flash),
            ram = separated(ram),
            inputs = "$INPUTS",
            columns = self.preprocessing().columns(),
        );
        // Names of columns are inserted last: they may contain the marks of names.
        self.filled(&text).replace("$INPUTS", &described(self.preprocessing()))
    }

    fn constants(&self) -> String {
        let (prefix, macros) = (self.prefix, self.macros());
        let (kind, len) = if self.is_regression() { ("target", "TARGETS") } else { ("class", "CLASSES") };
        let names = self.output_names().into_iter().map(text::string);
        let len = format!("{macros}_{len}");
        let mut all = "\n".to_owned();
        all += &text::array("char *const", &format!("{prefix}_{kind}_names"), &len, names);
        for (name, of) in [("center", (|target| target.center) as fn(&Target) -> f64), ("scale", |t| t.scale)]
        {
            let numbers = self.saved.signature.outputs.targets().iter().map(of);
            let numbers = numbers.map(|x| text::float(x as f32));
            if self.is_regression() {
                let name = format!("{prefix}_target_{name}");
                all += &format!("\n{}", text::array("float", &name, &len, numbers));
            }
        }
        if let Some((columns, _)) = self.columns() {
            let number = |of: fn(f64, f64, Option<f64>) -> f64| {
                columns.iter().map(move |column| match *column {
                    Column::Number { center, factor, fill } => text::float(of(center, factor, fill) as f32),
                    Column::Category(_) => text::float(0.0),
                })
            };
            let len = format!("{macros}_INPUTS");
            let of_inputs = |kind, name: &str, elements: &mut dyn Iterator<Item = String>| {
                format!("\n{}", text::array(kind, &format!("{prefix}_{name}"), &len, elements))
            };
            all += &of_inputs("float", "center", &mut number(|center, _, _| center));
            all += &of_inputs("float", "factor", &mut number(|_, factor, _| factor));
            if has_fill(self.preprocessing()) {
                all += &of_inputs("float", "fill", &mut number(|_, _, fill| fill.unwrap_or(f64::NAN)));
            }
            if has_categories(self.preprocessing()) {
                let mut counts = columns.iter().map(|column| match column {
                    Column::Number { .. } => "-1".to_owned(),
                    Column::Category(values) => values.len().to_string(),
                });
                all += "\n/* The number of categories of each input; -1 for a number */";
                all += &of_inputs("int", "categories", &mut counts);
            }
        }
        for (at, layer) in self.saved.model.layers().iter().enumerate() {
            if let Layer::LayerNorm(norm) = layer {
                all += &format!("\n/* Layer {at}: layer normalisation */\n");
                for (name, elements) in [("weight", &norm.gamma), ("bias", &norm.beta)] {
                    let elements = elements.iter().map(|&x| text::float(x as f32));
                    all += &text::array(
                        "float",
                        &format!("{prefix}_{name}_{at}"),
                        &norm.width().to_string(),
                        elements,
                    );
                }
            }
            if let Layer::Linear(linear) = layer {
                let (rows, cols) = linear.w.shape();
                let float = |&x: &f64| text::float(x as f32);
                let weight = linear.w.data().iter().map(float);
                all += &format!("\n/* Layer {at}: {rows} x {cols} */\n");
                all += &text::array(
                    "float",
                    &format!("{prefix}_weight_{at}"),
                    &(rows * cols).to_string(),
                    weight,
                );
                all += &text::array(
                    "float",
                    &format!("{prefix}_bias_{at}"),
                    &cols.to_string(),
                    linear.b.iter().map(float),
                );
            }
        }
        all
    }

    fn functions(&self) -> String {
        let is_clipped = self.columns().is_some_and(|(_, scale)| scale == Scale::Robust);
        let mut parts = vec![code::ADD_ROW];
        parts.extend(is_clipped.then_some(code::CLIP));
        parts.extend((self.saved.model.dims().len() > 2).then_some(code::LINEAR));
        let has_layer_norm =
            self.saved.model.layers().iter().any(|layer| matches!(layer, Layer::LayerNorm(_)));
        parts.extend(has_layer_norm.then_some(code::LAYER_NORM));
        let activations = self.activations().map(activation::c_function).collect::<Vec<_>>();
        parts.extend(activations.iter().map(String::as_str));
        let first = if self.columns().is_none() {
            code::FIRST_PIXEL.to_owned()
        } else {
            let mut first = String::new();
            first += if has_categories(self.preprocessing()) { code::FIRST_CATEGORY } else { "" };
            first += if has_fill(self.preprocessing()) { code::FIRST_FILL } else { "" };
            first += code::FIRST_SCALE;
            first + if is_clipped { code::FIRST_CLIP } else { "" }
        };
        let first = [code::FIRST_START, &first, code::FIRST_END].concat();
        let net = self.net();
        let predict = if self.is_regression() { code::PREDICT_TARGETS } else { code::PREDICT };
        parts.extend([first.as_str(), &net, predict]);
        parts.iter().map(|part| self.filled(&format!("\n{part}"))).collect()
    }

    /// The function that calls the layers
    fn net(&self) -> String {
        let layers = self.saved.model.layers();
        let is_linear = |layer: &Layer<f64>| matches!(layer, Layer::Linear(_));
        let last = layers.iter().rposition(is_linear).unwrap_or(0);
        let (name, what) = match self.is_regression() {
            true => ("standardised", "$M_TARGETS targets in standard deviations from their means"),
            false => ("logits", "$M_CLASSES logits, whose softmax are the probabilities"),
        };
        let mut text = format!(
            "\
/* Stores the {what} */
static inline void $F_{name}(const float *input, float *{name})
{{
"
        );
        text += &match self.buffers() {
            [0, _] => String::new(),
            [a, 0] => format!("    float a[{a}];\n\n"),
            [a, b] => format!("    float a[{a}], b[{b}];\n\n"),
        };
        let (mut x, mut len) = ("", 0);
        for (at, layer) in layers.iter().enumerate() {
            text += &match (layer, layer.activation()) {
                (Layer::Linear(linear), _) => {
                    let (rows, cols) = linear.w.shape();
                    let y = if at == last {
                        name
                    } else if x == "a" {
                        "b"
                    } else {
                        "a"
                    };
                    let call = match at {
                        0 => format!("    $F_first(input, {y});\n"),
                        _ => format!(
                            "    $F_linear({x}, $F_weight_{at}, $F_bias_{at}, {y}, {rows}, {cols});\n"
                        ),
                    };
                    (x, len) = (y, cols);
                    call
                }
                (Layer::LayerNorm(_), _) => {
                    format!("    $F_layer_norm({x}, $F_weight_{at}, $F_bias_{at}, {len});\n")
                }
                (_, Some(activation)) => format!("    $F_{}({x}, {len});\n", activation::c_name(activation)),
                (_, None) => unreachable!("`folded` leaves no batch norm and no dropout"),
            };
        }
        text + "}\n"
    }

    fn end(&self) -> String {
        format!("\n#endif /* {}_H */\n", self.macros())
    }
}
