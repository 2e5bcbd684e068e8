//! Data sets in memory, their sources, the preprocessing learnt from them, and how batches are gathered

pub mod array;
mod array_set;
pub mod batches;
mod cells;
mod class_name;
mod class_names;
mod classes;
pub mod csv;
mod dataset;
mod element;
mod elements;
pub mod encoder;
mod fingerprint;
mod fit;
mod fortran;
mod gzip;
pub mod idx;
mod idx_folder;
mod learn;
mod load;
pub mod options;
pub mod preprocessing;
mod raw;
pub mod run_data;
pub mod saved_model;
pub mod signature;
mod source;
mod synthetic;
mod table_columns;
mod table_set;
pub mod validation_split;

pub use cells::Cells;
pub use dataset::{Dataset, Inputs, Split};
pub use options::DataOptions;
