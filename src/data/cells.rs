//! The cells of a data set as they were read, before preprocessing

use std::any::Any;
use std::borrow::Cow;

use chainrule_kernels::Scalar;

use super::array::Elements;
use crate::config::Dtype;

/// Cells in row-major order; bytes stay bytes, and every other type is a floating-point number
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// One byte a cell, such as the pixels of images
    Bytes(Vec<u8>),
    /// Numbers for a net in f32; a missing number is NaN, and a category is its index
    Single(Vec<f32>),
    /// Numbers for a net in f64; a missing number is NaN, and a category is its index
    Double(Vec<f64>),
}

impl From<Elements> for Cells {
    /// The elements of an array; integers become f64
    fn from(elements: Elements) -> Self {
        match elements {
            Elements::Bytes(bytes) => Self::Bytes(bytes),
            Elements::Single(numbers) => Self::Single(numbers),
            Elements::Double(numbers) => Self::Double(numbers),
            Elements::Integers(integers) => Self::Double(integers.into_iter().map(|x| x as f64).collect()),
        }
    }
}

impl Cells {
    /// Number of cells
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(cells) => cells.len(),
            Self::Single(cells) => cells.len(),
            Self::Double(cells) => cells.len(),
        }
    }

    /// Bytes of a cell
    pub fn cell_bytes(&self) -> usize {
        match self {
            Self::Bytes(_) => 1,
            Self::Single(_) => 4,
            Self::Double(_) => 8,
        }
    }

    /// Whether there are no cells
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `len` cells of the same type that are 0
    #[must_use]
    pub fn zeros(&self, len: usize) -> Self {
        match self {
            Self::Bytes(_) => Self::Bytes(vec![0; len]),
            Self::Single(_) => Self::Single(vec![0.0; len]),
            Self::Double(_) => Self::Double(vec![0.0; len]),
        }
    }

    /// The numbers, if they have type `T`
    pub fn numbers<T: Scalar>(&self) -> Option<&[T]> {
        let numbers: &dyn Any = match self {
            Self::Bytes(_) => return None,
            Self::Single(cells) => cells,
            Self::Double(cells) => cells,
        };
        numbers.downcast_ref::<Vec<T>>().map(Vec::as_slice)
    }

    /// The cells as a net of `dtype` reads them: numbers in the type of its tensors, to which others are rounded or widened
    pub fn of_dtype(&self, dtype: Dtype) -> Cow<'_, Self> {
        match (self, dtype.of_tensors()) {
            (Self::Single(cells), Dtype::F64) => {
                Cow::Owned(Self::Double(cells.iter().map(|&x| x.into()).collect()))
            }
            (Self::Double(cells), Dtype::F32 | Dtype::Bf16) => {
                Cow::Owned(Self::Single(cells.iter().map(|&x| x as f32).collect()))
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// The cell at an index, as f64
    pub fn get(&self, at: usize) -> f64 {
        match self {
            Self::Bytes(cells) => cells[at].into(),
            Self::Single(cells) => cells[at].into(),
            Self::Double(cells) => cells[at],
        }
    }

    /// The cells of some rows, each of `columns` cells
    #[must_use]
    pub fn rows(&self, rows: &[u32], columns: usize) -> Self {
        fn chosen<C: Copy>(cells: &[C], rows: &[u32], columns: usize) -> Vec<C> {
            let mut chosen = Vec::with_capacity(rows.len() * columns);
            rows.iter().for_each(|&row| chosen.extend(&cells[row as usize * columns..][..columns]));
            chosen
        }
        match self {
            Self::Bytes(cells) => Self::Bytes(chosen(cells, rows, columns)),
            Self::Single(cells) => Self::Single(chosen(cells, rows, columns)),
            Self::Double(cells) => Self::Double(chosen(cells, rows, columns)),
        }
    }

    /// Hands the bytes of the cells, little-endian, to `sink`, in order
    pub(super) fn hash_into(&self, sink: &mut crc32fast::Hasher) {
        /// Cells that are converted at once
        const BLOCK: usize = 1 << 12;
        match self {
            Self::Bytes(cells) => sink.update(cells),
            Self::Single(cells) => cells.chunks(BLOCK).for_each(|cells| {
                sink.update(&cells.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
            }),
            Self::Double(cells) => cells.chunks(BLOCK).for_each(|cells| {
                sink.update(&cells.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_lent_in_their_own_type_only() {
        let cells = Cells::Single(vec![1.0, 2.5]);
        assert_eq!(cells.numbers::<f32>(), Some(&[1.0, 2.5][..]));
        assert_eq!(cells.numbers::<f64>(), None);
        assert_eq!(Cells::Bytes(vec![1]).numbers::<f32>(), None);
        assert_eq!((cells.get(1), cells.len()), (2.5, 2));
    }

    #[test]
    fn numbers_get_the_type_of_a_net_and_bytes_stay() {
        let (single, double) = (Cells::Single(vec![0.1]), Cells::Double(vec![0.1]));
        assert_eq!(*double.of_dtype(Dtype::Bf16), single);
        assert_eq!(*single.of_dtype(Dtype::F64), Cells::Double(vec![f64::from(0.1f32)]));
        for (cells, dtype) in
            [(&single, Dtype::Bf16), (&double, Dtype::F64), (&Cells::Bytes(vec![7]), Dtype::F64)]
        {
            assert!(matches!(cells.of_dtype(dtype), Cow::Borrowed(same) if same == cells), "{dtype:?}");
        }
    }

    #[test]
    fn rows_are_chosen_in_the_given_order() {
        let cells = Cells::Double((0..6).map(f64::from).collect());
        assert_eq!(cells.rows(&[2, 0, 2], 2), Cells::Double(vec![4.0, 5.0, 0.0, 1.0, 4.0, 5.0]));
    }
}
