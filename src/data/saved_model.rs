//! A model file with the meaning of its inputs and outputs

use std::path::Path;

use chainrule_kernels::Scalar;

use super::id_columns;
use super::signature::Signature;
use crate::error::{Error, Result};
use crate::nn::Metadata;
use crate::nn::mlp::Mlp;
use crate::nn::model_file;

/// A model that was read from a file
#[derive(Debug)]
pub struct SavedModel<T> {
    /// The net
    pub model: Mlp<T>,
    /// Element type in the file, `f32` or `f64`
    pub dtype: &'static str,
    /// What its inputs and outputs mean
    pub signature: Signature,
    /// The names of columns that name a row, which predictions copy
    pub id_columns: Vec<String>,
    /// All entries of the file's metadata
    pub metadata: Metadata,
}

/// Reads a model file
///
/// # Errors
/// If the file can't be read, is truncated or malformed, or has tensors that don't fit its metadata.
pub fn load<T: Scalar>(path: &Path) -> Result<SavedModel<T>> {
    let file = model_file::load(path)?;
    let signature = Signature::from_metadata(&file.metadata, file.model.features(), file.model.outputs())
        .map_err(|problem| Error::content(path, problem))?;
    let id_columns = id_columns::of(&file.metadata).map_err(|problem| Error::content(path, problem))?;
    Ok(SavedModel { model: file.model, dtype: file.dtype, signature, id_columns, metadata: file.metadata })
}

/// A model in the element type of its file
#[derive(Debug)]
pub enum AnyModel {
    /// A model in f32
    Single(SavedModel<f32>),
    /// A model in f64
    Double(SavedModel<f64>),
}

/// Reads a model file in the element type that it has
///
/// # Errors
/// As [`load`].
pub fn load_any(path: &Path) -> Result<AnyModel> {
    // Every f32 is an f64, so the first reading is exact.
    let double = load::<f64>(path)?;
    if double.dtype == "f64" { Ok(AnyModel::Double(double)) } else { load(path).map(AnyModel::Single) }
}
