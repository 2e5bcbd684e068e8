//! Activations in ONNX and in C

use super::onnx::graph::Graph;
use crate::nn::layers::Activation;

/// Adds the nodes of an activation to a graph
///
/// * `x`, `output`: the names of its input and of its output
pub fn add_nodes(activation: Activation, graph: &mut Graph<'_>, x: &str, output: &str) {
    match activation {
        Activation::Relu => graph.node("Relu", &[x], output, &[]),
        Activation::Sigmoid => graph.node("Sigmoid", &[x], output, &[]),
    }
}

/// The name of an activation's function in C, after the prefix
pub fn c_name(activation: Activation) -> String {
    activation.to_string()
}

/// The function of an activation in C, where `$F` is the prefix
pub fn c_function(activation: Activation) -> String {
    let value = match activation {
        Activation::Relu => "y[j] > 0.0f ? y[j] : 0.0f",
        Activation::Sigmoid => "1.0f / (1.0f + expf(-y[j]))",
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
