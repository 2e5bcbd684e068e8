//! An array as a reader of files returns it: dimensions, and elements in one of four types
//!
//! Files hold a dozen element types. A reader converts them while it reads, so that the rest of the program knows four.

use crate::config::Dtype;

/// An array in row-major order (the last dimension varies fastest)
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The dimensions, at least one, none of which is 0
    pub dims: Vec<usize>,
    /// The elements; their number is the product of `dims`
    pub elements: Elements,
}

/// The elements of an array
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Bytes without sign, and truth values as 0 and 1
    Bytes(Vec<u8>),
    /// Labels of any integer type
    Integers(Vec<i64>),
    /// Features of any other type, for a net in f32
    Single(Vec<f32>),
    /// Features of any other type, for a net in f64, and labels that are floating-point numbers
    Double(Vec<f64>),
}

impl Elements {
    /// Number of elements
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(elements) => elements.len(),
            Self::Integers(elements) => elements.len(),
            Self::Single(elements) => elements.len(),
            Self::Double(elements) => elements.len(),
        }
    }

    /// Whether there are no elements
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What an array is read for, which decides the type of its elements
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Inputs of a net of this type: bytes and truth values stay bytes, all other types become `Single` or `Double`
    Features(Dtype),
    /// The same, some of which may be missing: NaN is read as it is
    FeaturesOrNan(Dtype),
    /// Labels or targets: bytes and truth values stay bytes, integers become `Integers`, floating-point numbers `Double`
    Labels,
    /// The same, some of which may be missing: NaN is read as it is
    LabelsOrNan,
}

impl Use {
    /// Whether NaN is read as a missing number rather than refused
    pub fn allows_nan(self) -> bool {
        matches!(self, Self::FeaturesOrNan(_) | Self::LabelsOrNan)
    }

    /// Whether it is read for labels
    pub fn is_labels(self) -> bool {
        matches!(self, Self::Labels | Self::LabelsOrNan)
    }
}
