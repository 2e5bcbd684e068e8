//! NPZ files: the arrays of a model for NumPy, which is all that a prediction needs
//!
//! These lines predict with every model; `activations` are the functions of docs/models.md by their names, and `rows` is a float32 or float64 array of rows × columns, in which a missing
//! number is NaN, a pixel a number from 0 to 255, and a category its index in the column's list of values:
//!
//! ```python
//! m = np.load("model.npz")
//! cells = rows[:, m["source"]]
//! x = (np.where(np.isnan(cells), m["fill"], cells) - m["center"]) * m["factor"]
//! z = np.clip(x, -1e18, 1e18)
//! x = z / np.sqrt(1 + z * z / 9) if m["is_clipped"] else x
//! x = np.where(m["code"] >= 0, cells == m["code"], x)
//! for at, layer in enumerate(m["layers"]):
//!     if layer.startswith("linear"):
//!         x = x @ m[f"{at}.weight"].T + m[f"{at}.bias"]
//!     elif layer.startswith("batch-norm"):
//!         scale = m[f"{at}.weight"] / np.sqrt(m[f"{at}.running_var"] + 1e-5)
//!         x = (x - m[f"{at}.running_mean"]) * scale + m[f"{at}.bias"]
//!     elif layer.startswith("layer-norm"):
//!         scale = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
//!         x = (x - x.mean(axis=1, keepdims=True)) / scale * m[f"{at}.weight"] + m[f"{at}.bias"]
//!     elif not layer.startswith("dropout"):
//!         x = activations[layer](x)
//! if "class_names" in m:
//!     label = m["class_names"][x.argmax(axis=1)]
//! else:
//!     targets = x * m["target_scale"] + m["target_center"]
//! ```

use std::io::{Cursor, Write};

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::element::Element;
use super::features::Features;
use super::npy;
use crate::data::outputs::{Outputs, Target};
use crate::data::saved_model::SavedModel;

/// The arrays of an NPZ file and what they hold
///
/// | array | elements | what it holds |
/// |---|---|---|
/// | `0.weight`, `0.bias`, `2.weight`, … | those of the model | the tensors of layers in PyTorch's layout: outputs × inputs |
/// | `layers` | texts | the layers, first to last: `linear 784 128`, `batch-norm 128`, `relu` |
/// | `source` | i64 | the column of each input of the net |
/// | `center`, `factor`, `fill` | those of the model | what each input subtracts, multiplies by, and has for NaN |
/// | `code` | i64 | the index of the category for which each input is 1; −1 for numbers |
/// | `is_clipped` | bool | whether numbers are clipped smoothly |
/// | `class_names` | texts | the name of each class; not in regression |
/// | `target_names` | texts | in regression, the name of each target |
/// | `target_scale`, `target_center` | those of the model | in regression, what the outputs are multiplied by, and what is added |
/// | `metadata` | text | the metadata of the model file as JSON: names of columns and categories, dimensions of images |
///
/// # Errors
/// If a number is too large for an f32 model.
pub fn to_bytes(saved: &SavedModel<f64>) -> Result<Vec<u8>, String> {
    let element = Element::of(saved)?;
    let features = Features::of(&saved.signature.preprocessing);
    let of_features = |numbers: &[f64]| npy::numbers(element, &[features.len()], numbers.iter().copied());
    let layers: Vec<String> = saved.model.layers().iter().map(ToString::to_string).collect();
    let index = |at: usize| at as i64;
    let code = features.code.iter().map(|code| code.map_or(-1, index));
    let metadata = Value::from_iter(saved.signature.to_metadata().0);
    let mut archive = Archive(ZipWriter::new(Cursor::new(Vec::new())));
    for tensor in saved.model.tensors() {
        let elements = tensor.shape.stored_order().map(|at| tensor.data[at]);
        archive.add(&tensor.name(), &npy::numbers(element, &tensor.shape.stored(), elements))?;
    }
    archive.add("layers", &npy::texts(&layers))?;
    archive.add("source", &npy::integers(features.source.iter().copied().map(index)))?;
    archive.add("center", &of_features(&features.center))?;
    archive.add("factor", &of_features(&features.factor))?;
    archive.add("fill", &of_features(&features.fill))?;
    archive.add("code", &npy::integers(code))?;
    archive.add("is_clipped", &npy::flag(features.is_clipped))?;
    match &saved.signature.outputs {
        Outputs::Classes(names) => archive.add("class_names", &npy::texts(names))?,
        Outputs::Targets { targets, .. } => {
            let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
            let numbers =
                |of: fn(&Target) -> f64| npy::numbers(element, &[targets.len()], targets.iter().map(of));
            archive.add("target_names", &npy::texts(&names))?;
            archive.add("target_scale", &numbers(|target| target.scale))?;
            archive.add("target_center", &numbers(|target| target.center))?;
        }
    }
    archive.add("metadata", &npy::text(&metadata.to_string()))?;
    archive.0.finish().map(Cursor::into_inner).map_err(|problem| of_archive(&problem))
}

struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    /// Adds an array, with a fixed time and fixed permissions, so that the same model gives the same bytes
    fn add(&mut self, name: &str, array: &[u8]) -> Result<(), String> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(u32::try_from(array.len()).is_err());
        self.0.start_file(format!("{name}.npy"), options).map_err(|problem| of_archive(&problem))?;
        self.0.write_all(array).map_err(|problem| of_archive(&problem))
    }
}

fn of_archive(problem: &dyn std::error::Error) -> String {
    format!("cannot be put into an archive: {problem}")
}
