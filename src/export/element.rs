//! The element type of an exported file, and whether it can hold the numbers of a model

use chainrule_kernels::Number;

use crate::config::Dtype;
use crate::data::preprocessing::{Column, Encoding};
use crate::data::saved_model::SavedModel;

/// The element type of an exported file
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// f32
    Single,
    /// f64
    Double,
}

impl Element {
    /// The type of the model's tensors
    ///
    /// # Errors
    /// If it is f32, and a number of the preprocessing is too large for it.
    pub fn of(saved: &SavedModel<f64>) -> Result<Self, String> {
        match saved.dtype {
            Dtype::F64 => Ok(Self::Double),
            Dtype::F32 | Dtype::Bf16 => check_single(saved).map(|()| Self::Single),
        }
    }

    /// The little-endian bytes of numbers
    pub fn bytes(self, numbers: impl Iterator<Item = f64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for x in numbers {
            match self {
                Self::Single => (x as f32).write_le(&mut bytes),
                Self::Double => x.write_le(&mut bytes),
            }
        }
        bytes
    }
}

/// Checks that f32 can hold every number of a model
///
/// # Errors
/// If a number is too large; the message names its place in the model file.
pub fn check_single(saved: &SavedModel<f64>) -> Result<(), String> {
    let too_large = |x: f64| !(x as f32).is_finite();
    let problem = |x: f64| format!("is {x:e}, which is too large for f32");
    for tensor in saved.model.tensors() {
        if let Some((at, &x)) = tensor.data.iter().enumerate().find(|(_, x)| too_large(**x)) {
            return Err(format!("{}: element {at} {}", tensor.name(), problem(x)));
        }
    }
    for (at, target) in saved.signature.outputs.targets().iter().enumerate() {
        for (name, x) in [("center", target.center), ("scale", target.scale)] {
            if too_large(x) {
                return Err(format!("metadata `targets`: entry {}: {name} {}", at + 1, problem(x)));
            }
        }
    }
    let Encoding::Columns { columns, .. } = &saved.signature.preprocessing.encoding else { return Ok(()) };
    for (at, column) in columns.iter().enumerate() {
        let Column::Number { center, factor, fill } = *column else { continue };
        for (name, x) in [("center", Some(center)), ("factor", Some(factor)), ("fill", fill)] {
            if let Some(x) = x.filter(|x| too_large(*x)) {
                return Err(format!("metadata `columns`: entry {}: {name} {}", at + 1, problem(x)));
            }
        }
    }
    Ok(())
}
