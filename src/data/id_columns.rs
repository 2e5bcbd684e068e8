//! The columns that name a row, in the metadata of a model file: predictions copy them

use serde_json::Value;

use crate::nn::Metadata;

const ID_COLUMNS: &str = "id_columns";

/// Adds the entry for these columns, if there are any
pub fn add(ids: &[String], metadata: &mut Metadata) {
    if !ids.is_empty() {
        metadata.0.insert(ID_COLUMNS.to_owned(), Value::from(ids).to_string());
    }
}

/// Reads the entry; older models have none
///
/// # Errors
/// If it is no list of names.
pub fn of(metadata: &Metadata) -> Result<Vec<String>, String> {
    if !metadata.has(ID_COLUMNS) {
        return Ok(Vec::new());
    }
    metadata.json(ID_COLUMNS, "a JSON list of names")
}
