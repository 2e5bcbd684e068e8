//! A model file with the meaning of its inputs and outputs

use std::path::Path;

use chainrule_kernels::Scalar;

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
    Ok(SavedModel { model: file.model, dtype: file.dtype, signature, metadata: file.metadata })
}
