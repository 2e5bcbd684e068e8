//! Activations in ONNX and in C

use super::element::Element;
use super::onnx::graph::{Graph, Type};
use crate::nn::layers::Activation;

/// Adds the nodes of an activation to a graph
///
/// ONNX Runtime computes Selu and LeakyRelu only in f32, so these are made of simpler operators, and Erf of an f64 model in
/// f32.
///
/// * `x`, `output`: the names of its input and of its output
pub fn add_nodes(activation: Activation, graph: &mut Graph<'_>, x: &str, output: &str) {
    match activation {
        Activation::Relu => graph.node("Relu", &[x], output, &[]),
        Activation::Sigmoid => graph.node("Sigmoid", &[x], output, &[]),
        Activation::Tanh => graph.node("Tanh", &[x], output, &[]),
        Activation::LeakyRelu => {
            let slope = constant(graph, output, "slope", 0.01);
            let scaled = then(graph, "Mul", &[x, &slope], output, "scaled");
            graph.node("Max", &[x, &scaled], output, &[]);
        }
        Activation::Gelu => {
            let [root, one, half] = [("root_of_2", std::f64::consts::SQRT_2), ("one", 1.0), ("half", 0.5)]
                .map(|(part, value)| constant(graph, output, part, value));
            let mut erf = then(graph, "Div", &[x, &root], output, "divided");
            if graph.element() == Element::Double {
                erf = cast(graph, Type::Float, &erf, output, "single");
                erf = then(graph, "Erf", &[&erf], output, "single_erf");
                erf = cast(graph, Type::Double, &erf, output, "erf");
            } else {
                erf = then(graph, "Erf", &[&erf], output, "erf");
            }
            let sum = then(graph, "Add", &[&erf, &one], output, "sum");
            let twice = then(graph, "Mul", &[x, &sum], output, "twice");
            graph.node("Mul", &[&twice, &half], output, &[]);
        }
        Activation::Silu => {
            let sigmoid = then(graph, "Sigmoid", &[x], output, "sigmoid");
            graph.node("Mul", &[x, &sigmoid], output, &[]);
        }
        Activation::Selu => {
            let [zero, one] =
                [("zero", 0.0), ("one", 1.0)].map(|(part, value)| constant(graph, output, part, value));
            let lambda = constant(graph, output, "lambda", 1.050_700_987_355_480_5);
            let lambda_alpha = constant(graph, output, "lambda_alpha", 1.758_099_340_847_376_8);
            let above = then(graph, "Relu", &[x], output, "positive");
            let above = then(graph, "Mul", &[&above, &lambda], output, "above");
            let below = then(graph, "Min", &[x, &zero], output, "negative");
            let below = then(graph, "Exp", &[&below], output, "exp");
            let below = then(graph, "Sub", &[&below, &one], output, "exp_minus_1");
            let below = then(graph, "Mul", &[&below, &lambda_alpha], output, "below");
            graph.node("Add", &[&above, &below], output, &[]);
        }
    }
}

/// Adds a node without attributes, whose output is a part of the output `of`; returns its name
fn then(graph: &mut Graph<'_>, operator: &str, inputs: &[&str], of: &str, part: &str) -> String {
    let name = format!("{of}.{part}");
    graph.node(operator, inputs, &name, &[]);
    name
}

/// Adds a conversion of `x`, a part of the output `of`; returns its name
fn cast(graph: &mut Graph<'_>, to: Type, x: &str, of: &str, part: &str) -> String {
    let name = format!("{of}.{part}");
    graph.node("Cast", &[x], &name, &[("to", to as i64)]);
    name
}

/// Adds a constant, a part of the output `of`; returns its name
fn constant(graph: &mut Graph<'_>, of: &str, part: &str, value: f64) -> String {
    let name = format!("{of}.{part}");
    graph.numbers(&name, &[], [value].into_iter());
    name
}

/// The name of an activation's function in C, after the prefix
pub fn c_name(activation: Activation) -> String {
    activation.to_string().replace('-', "_")
}

/// The function of libc that an activation needs beside `expf`
pub fn c_needs(activation: Activation) -> Option<&'static str> {
    match activation {
        Activation::Relu | Activation::Sigmoid | Activation::LeakyRelu | Activation::Silu => None,
        Activation::Tanh => Some("tanhf"),
        Activation::Gelu => Some("erfcf"),
        Activation::Selu => Some("expm1f"),
    }
}

/// The function of an activation in C, where `$F` is the prefix
pub fn c_function(activation: Activation) -> String {
    let value = match activation {
        Activation::Relu => "y[j] > 0.0f ? y[j] : 0.0f",
        Activation::Sigmoid => "1.0f / (1.0f + expf(-y[j]))",
        Activation::Tanh => "tanhf(y[j])",
        Activation::LeakyRelu => "y[j] > 0.0f ? y[j] : 0.01f * y[j]",
        // 1 + erf(x / √2) without the cancellation for negative x
        Activation::Gelu => "0.5f * y[j] * erfcf(-0.70710678f * y[j])",
        Activation::Silu => "y[j] / (1.0f + expf(-y[j]))",
        Activation::Selu => "y[j] > 0.0f ? 1.05070099f * y[j] : 1.75809934f * expm1f(y[j])",
    };
    format!(
        "\
static inline void $F_{}(float *y, size_t len)
{{
    size_t j;

    for (j = 0; j < len; j++) {{
        y[j] = {value};
    }}
}}
",
        c_name(activation)
    )
}
