//! The tensors of a layer, as the optimizer, the model file and the gradient check see them

use std::fmt;

use chainrule_kernels::Scalar;

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

    /// Calls `each` with part after part of the elements, in the order of a model file, as [`Self::stored_order`] has it
    ///
    /// A matrix is transposed some columns at a time and block by block, so that no cache line is fetched for a single
    /// element, and no copy of the whole is made.
    ///
    /// # Errors
    /// The first error of `each`.
    pub fn stored_parts<T: Copy, E>(
        self,
        elements: &[T],
        mut each: impl FnMut(&[T]) -> Result<(), E>,
    ) -> Result<(), E> {
        /// Rows and columns of a block
        const BLOCK: usize = 32;
        /// Elements of a part, if a column is not longer: they fit in the L2 cache
        const PART: usize = 1 << 16;
        let Self::Matrix(rows, cols) = self else { return elements.chunks(PART).try_for_each(each) };
        let width = (PART / rows.max(1)).clamp(1, BLOCK);
        let mut part = Vec::with_capacity(width * rows);
        for left in (0..cols).step_by(width) {
            let right = cols.min(left + width);
            part.clear();
            part.extend_from_slice(&elements[..(right - left) * rows]);
            for top in (0..rows).step_by(BLOCK) {
                for i in top..rows.min(top + BLOCK) {
                    for (j, &x) in elements[i * cols + left..i * cols + right].iter().enumerate() {
                        part[j * rows + i] = x;
                    }
                }
            }
            each(&part)?;
        }
        Ok(())
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

impl<T: Scalar> Tensor<&mut [T]> {
    /// Checks that the elements are no negative numbers if they are variances, of which roots are taken
    ///
    /// # Errors
    /// If they are.
    pub fn check_variance(&self) -> Result<(), String> {
        let negative = self.data.iter().position(|&x| self.kind == "running_var" && x < T::ZERO);
        let wrong = |at: usize| format!("element {at} is {}, expected a variance, 0 or more", self.data[at]);
        negative.map_or(Ok(()), |at| Err(wrong(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_transposed_as_single_elements_are() {
        for shape in [(1, 1), (1, 70), (33, 1), (32, 64), (45, 67), (3000, 50), (70_000, 3)] {
            let shape = Shape::Matrix(shape.0, shape.1);
            assert!(shape.stored_order().eq(stored(shape)), "{shape}");
        }
        assert_eq!(stored(Shape::Vector(70_000)), Vec::from_iter(0..70_000));
        let failing = Shape::Vector(3).stored_parts(&[1, 2, 3], |part| Err(part.len()));
        assert_eq!(failing, Err(3));
    }

    /// The stored parts of a tensor of its indices, together
    fn stored(shape: Shape) -> Vec<usize> {
        let elements: Vec<usize> = (0..shape.stored().iter().product()).collect();
        let mut all = vec![];
        let each = |part: &[usize]| {
            all.extend_from_slice(part);
            Ok::<(), ()>(())
        };
        shape.stored_parts(&elements, each).unwrap();
        all
    }
}
