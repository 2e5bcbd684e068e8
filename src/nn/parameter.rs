//! The tensors of a layer, as the optimizer, the model file and the gradient check see them

use std::fmt;

/// The shape of a tensor
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The length of a list, such as a bias
    Vector(usize),
    /// Rows and columns of a matrix, such as weights: inputs × outputs
    Matrix(usize, usize),
}

impl Shape {
    /// The dimensions of the tensor in a model file, where matrices are transposed: outputs × inputs
    pub fn stored(self) -> Vec<usize> {
        match self {
            Self::Vector(len) => vec![len],
            Self::Matrix(rows, cols) => vec![cols, rows],
        }
    }

    /// The indices of the tensor's elements in the order of a model file, where matrices are transposed
    pub fn stored_order(self) -> impl Iterator<Item = usize> {
        let (rows, cols) = match self {
            Self::Vector(len) => (len, 1),
            Self::Matrix(rows, cols) => (rows, cols),
        };
        (0..cols).flat_map(move |j| (0..rows).map(move |i| i * cols + j))
    }

    /// The elements of the tensor in the order of a model file, as [`Self::stored_order`] has it
    ///
    /// A matrix is transposed block by block, so that no cache line is fetched for a single element.
    pub fn stored_elements<T: Copy>(self, elements: &[T]) -> Vec<T> {
        const BLOCK: usize = 32;
        let mut stored = elements.to_vec();
        let Self::Matrix(rows, cols) = self else { return stored };
        for top in (0..rows).step_by(BLOCK) {
            for left in (0..cols).step_by(BLOCK) {
                for i in top..rows.min(top + BLOCK) {
                    for j in left..cols.min(left + BLOCK) {
                        stored[j * rows + i] = elements[i * cols + j];
                    }
                }
            }
        }
        stored
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(len) => write!(f, "{len}"),
            Self::Matrix(rows, cols) => write!(f, "{rows}×{cols}"),
        }
    }
}

/// A tensor of a layer; its elements D are `&[T]` for reading, or `&mut [T]` for writing
#[derive(Clone, Copy, Debug)]
pub struct Tensor<D> {
    /// Index of the layer in the model's list of layers
    pub layer: usize,
    /// Name of the tensor in its layer, such as `weight` or `bias`
    pub kind: &'static str,
    /// Dimensions
    pub shape: Shape,
    /// Elements, row by row
    pub data: D,
    /// ∂L/∂data, unspecified until a backward pass has stored it; `None` if the tensor is saved but not trained
    pub gradient: Option<D>,
}

impl<D> Tensor<D> {
    /// The name in a model file, as PyTorch's `nn.Sequential` gives it: `0.weight`
    pub fn name(&self) -> String {
        format!("{}.{}", self.layer, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_transposed_as_single_elements_are() {
        for (rows, cols) in [(1, 1), (1, 70), (33, 1), (32, 64), (45, 67)] {
            let shape = Shape::Matrix(rows, cols);
            let elements: Vec<usize> = (0..rows * cols).collect();
            assert!(shape.stored_order().eq(shape.stored_elements(&elements)), "{rows}×{cols}");
        }
        assert_eq!(Shape::Vector(3).stored_elements(&[3, 1, 2]), [3, 1, 2]);
    }
}
