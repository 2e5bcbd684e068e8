//! The column of a table that holds the classes, in the metadata of a model file: `evaluate` reads it again
//!
//! Targets that are numbers have their names in the entry `targets`.

use crate::nn::Metadata;

const TARGET_COLUMN: &str = "target_column";

/// Adds the entry for this column, if there is one
pub fn add(column: Option<&String>, metadata: &mut Metadata) {
    if let Some(column) = column {
        metadata.0.insert(TARGET_COLUMN.to_owned(), column.clone());
    }
}

/// Reads the entry; older models, and those of images and arrays, have none
pub fn of(metadata: &Metadata) -> Option<String> {
    metadata.0.get(TARGET_COLUMN).cloned()
}
