//! Tensors of a layer: what is trained, saved and checked, whatever kind of layer it belongs to

use std::fmt;

/// The shape of a parameter tensor
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// So long a list, such as a bias
    Vector(usize),
    /// Rows and columns, such as weights: inputs × outputs
    Matrix(usize, usize),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(len) => write!(f, "{len}"),
            Self::Matrix(rows, cols) => write!(f, "{rows}×{cols}"),
        }
    }
}

/// A tensor of a layer, for reading
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a, T> {
    /// Index of the layer in the model's list of layers
    pub layer: usize,
    /// What it is in its layer: `weight`, `bias`
    pub kind: &'static str,
    /// Its dimensions
    pub shape: Shape,
    /// The elements, row after row
    pub data: &'a [T],
}

impl<T> Tensor<'_, T> {
    /// The name in a model file: `0.weight`
    pub fn name(&self) -> String {
        tensor_name(self.layer, self.kind)
    }
}

/// A trained tensor and its gradient
#[derive(Debug)]
pub struct Parameter<'a, T> {
    /// Index of the layer in the model's list of layers
    pub layer: usize,
    /// What it is in its layer: `weight`, `bias`
    pub kind: &'static str,
    /// Its dimensions
    pub shape: Shape,
    /// The trained elements, row after row
    pub w: &'a mut [T],
    /// ∂L/∂w; empty until a backward pass has stored it
    pub g: &'a mut [T],
}

impl<T> Parameter<'_, T> {
    /// The name in a model file: `0.weight`
    pub fn name(&self) -> String {
        tensor_name(self.layer, self.kind)
    }
}

/// The name of a tensor in a model file, as PyTorch's `nn.Sequential` gives it
pub fn tensor_name(layer: usize, kind: &str) -> String {
    format!("{layer}.{kind}")
}
