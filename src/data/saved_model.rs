//! A model file with the meaning of its inputs and outputs

use std::path::Path;

use chainrule_kernels::Scalar;

use super::import::{Import, Imported};
use super::preprocessing::Preprocessing;
use super::signature::Signature;
use super::{id_columns, target_column};
use crate::config::Dtype;
use crate::error::{Error, Result};
use crate::nn::Metadata;
use crate::nn::mlp::Mlp;
use crate::nn::model_file;

/// A model that was read from a file
#[derive(Debug)]
pub struct SavedModel<T> {
    /// The net
    pub model: Mlp<T>,
    /// Element type to compute with
    pub dtype: Dtype,
    /// What its inputs and outputs mean
    pub signature: Signature,
    /// The names of columns that name a row, which predictions copy
    pub id_columns: Vec<String>,
    /// The name of the column that held the classes; `None` for other models, and older ones
    pub target_column: Option<String>,
    /// All entries of the file's metadata
    pub metadata: Metadata,
    /// What there is about a state dict of PyTorch; `None` for a file of this program
    pub imported: Option<Imported>,
}

impl<T> SavedModel<T> {
    /// How rows become inputs; where nobody said it of a state dict, bytes are pixels, and other cells numbers
    pub fn preprocessing(&self, are_bytes: bool) -> &Preprocessing {
        let of_bytes = self.imported.as_ref().and_then(|imported| imported.of_bytes.as_ref());
        of_bytes.filter(|_| are_bytes).unwrap_or(&self.signature.preprocessing)
    }
}

/// Reads a model file; the defaults are assumed of a state dict
///
/// # Errors
/// As [`load_as`].
pub fn load<T: Scalar>(path: &Path) -> Result<SavedModel<T>> {
    load_as(path, &Import::default())
}

/// Reads a model file
///
/// * `import`: what a state dict of PyTorch does not say
///
/// # Errors
/// If the file can't be read, is truncated or malformed, or has tensors that don't fit its metadata; or `import` does not
/// fit it, or is given for a file of this program.
pub fn load_as<T: Scalar>(path: &Path, import: &Import) -> Result<SavedModel<T>> {
    let mut file = model_file::load(path, import.activation.unwrap_or_default())?;
    let (signature, imported, id_columns) = match file.state_dict.take() {
        Some(state_dict) => {
            let (signature, imported) = import.signature(path, &file, state_dict)?;
            (signature, Some(imported), Vec::new())
        }
        None => {
            import.none_given(path)?;
            let (features, outputs) = (file.model.features(), file.model.outputs());
            let signature = Signature::from_metadata(&file.metadata, features, outputs)
                .map_err(|problem| Error::content(path, problem))?;
            let id_columns = id_columns::of(&file.metadata);
            (signature, None, id_columns.map_err(|problem| Error::content(path, problem))?)
        }
    };
    let model_file::ModelFile { model, dtype, metadata, .. } = file;
    let dtype = match dtype {
        "f64" => Dtype::F64,
        model_file::BF16 => Dtype::Bf16,
        _ => Dtype::F32,
    };
    let target_column = target_column::of(&metadata).filter(|_| imported.is_none());
    Ok(SavedModel { model, dtype, signature, id_columns, target_column, metadata, imported })
}

/// A model in the element type of its file
#[derive(Debug)]
pub enum AnyModel {
    /// A model in f32, or with products of bf16
    Single(SavedModel<f32>),
    /// A model in f64
    Double(SavedModel<f64>),
}

impl AnyModel {
    /// What its inputs and outputs mean
    pub fn signature(&self) -> &Signature {
        match self {
            Self::Single(model) => &model.signature,
            Self::Double(model) => &model.signature,
        }
    }

    /// Element type to compute with
    pub fn dtype(&self) -> Dtype {
        match self {
            Self::Single(model) => model.dtype,
            Self::Double(model) => model.dtype,
        }
    }

    /// The names of columns that name a row
    pub fn id_columns(&self) -> &[String] {
        match self {
            Self::Single(model) => &model.id_columns,
            Self::Double(model) => &model.id_columns,
        }
    }

    /// The name of the column that held the classes; `None` for other models, and older ones
    pub fn target_column(&self) -> Option<&String> {
        match self {
            Self::Single(model) => model.target_column.as_ref(),
            Self::Double(model) => model.target_column.as_ref(),
        }
    }
}

/// Reads a model file in the element type that it has
///
/// # Errors
/// As [`load_as`].
pub fn load_any(path: &Path, import: &Import) -> Result<AnyModel> {
    // Every f32 is an f64, so the first reading is exact.
    let double = load_as::<f64>(path, import)?;
    if double.dtype == Dtype::F64 {
        Ok(AnyModel::Double(double))
    } else {
        load_as(path, import).map(AnyModel::Single)
    }
}
