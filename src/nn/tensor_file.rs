//! Writing safetensors files: a header of JSON, and the elements of the tensors
//!
//! The crate `safetensors` can read these files, but it would write metadata in an order that changes from call to
//! call. Here, metadata are sorted by name and tensors keep their order, so the same content always gives the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chainrule_kernels::Scalar;
use serde_json::{Value, json};

use crate::nn::parameter::Shape;

/// A tensor to write: its name, its shape, and its elements row by row
pub type NamedTensor<'a, T> = (String, Shape, &'a [T]);

/// Writes a file with these metadata and tensors; matrices are stored transposed, as outputs × inputs
///
/// # Errors
/// If `out` can't be written to.
pub fn write<T: Scalar>(
    out: &mut dyn Write,
    metadata: BTreeMap<String, String>,
    tensors: &[NamedTensor<'_, T>],
) -> io::Result<()> {
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
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    let mut bytes = Vec::new();
    for (_, shape, elements) in tensors {
        shape.stored_parts(elements, |part| {
            bytes.clear();
            bytes.reserve(part.len() * T::BYTES);
            part.iter().for_each(|x| x.write_le(&mut bytes));
            out.write_all(&bytes)
        })?;
    }
    Ok(())
}

/// The bytes of such a file
pub fn bytes<T: Scalar>(metadata: BTreeMap<String, String>, tensors: &[NamedTensor<'_, T>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, metadata, tensors).unwrap_or_else(|e| unreachable!("memory can be written to: {e}"));
    bytes
}
