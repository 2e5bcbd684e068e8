//! Models in the formats of other programs: ONNX, NPZ and a C header
//!
//! Each file holds the whole model, from the cells of a row to the probabilities of the classes, so it needs no other
//! file and no part of this program. The same model always gives the same bytes.
//!
//! A model is given in f64, which holds the elements of f32 models exactly; [`SavedModel::dtype`] says which type the
//! file has. The files of a bf16 model compute in f32.
//!
//! [`SavedModel::dtype`]: crate::data::saved_model::SavedModel::dtype

mod activation;
pub mod c_header;
mod element;
mod features;
mod folded;
mod npy;
pub mod npz;
pub mod onnx;
