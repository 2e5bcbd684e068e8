//! Writing safetensors files: a header of JSON, and the elements of the tensors
//!
//! The crate `safetensors` can read these files, but it would write metadata in an order that changes from call to
//! call. Here, metadata are sorted by name and tensors keep their order, so the same content always gives the same bytes.

use std::collections::BTreeMap;

use chainrule_kernels::Scalar;
use serde_json::{Value, json};

use crate::nn::parameter::Shape;

/// A tensor to write: its name, its shape, and its elements row by row
pub type NamedTensor<'a, T> = (String, Shape, &'a [T]);

/// The bytes of a file with these metadata and tensors; matrices are stored transposed, as outputs × inputs
pub fn bytes<T: Scalar>(metadata: BTreeMap<String, String>, tensors: &[NamedTensor<'_, T>]) -> Vec<u8> {
    let dtype = if T::BYTES == 4 { "F32" } else { "F64" };
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    header.insert("__metadata__".to_owned(), Value::from_iter(metadata));
    for (name, shape, elements) in tensors {
        let (shape, start) = (shape.stored(), end);
        end += elements.len() * T::BYTES;
        header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = Vec::with_capacity(8 + header.len() + end);
    file.extend((header.len() as u64).to_le_bytes());
    file.extend(header);
    for (_, shape, elements) in tensors {
        shape.stored_elements(elements).into_iter().for_each(|x| x.write_le(&mut file));
    }
    file
}
