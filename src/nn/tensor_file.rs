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

/// Name of the tensor that [`write_sealed`] adds
pub const SEAL: &str = "crc32";

/// Writes a file with these metadata and tensors; matrices are stored transposed, as outputs × inputs
///
/// # Errors
/// If `out` can't be written to.
pub fn write<T: Scalar>(
    out: &mut dyn Write,
    metadata: BTreeMap<String, String>,
    tensors: &[NamedTensor<'_, T>],
) -> io::Result<()> {
    write_with(out, metadata, tensors, &[])
}

/// Writes a file as [`write()`] does, with one tensor more at its end, `crc32`: the CRC-32 of all bytes before it
///
/// # Errors
/// If `out` can't be written to.
pub fn write_sealed<T: Scalar>(
    out: &mut dyn Write,
    metadata: BTreeMap<String, String>,
    tensors: &[NamedTensor<'_, T>],
) -> io::Result<()> {
    let mut summed = Summed { out, hasher: crc32fast::Hasher::new() };
    write_with(&mut summed, metadata, tensors, &[SEAL])?;
    let Summed { out, hasher } = summed;
    out.write_all(&hasher.finalize().to_le_bytes())
}

/// Whether the bytes of a file that [`write_sealed`] wrote are those that it wrote
pub fn is_as_sealed(bytes: &[u8]) -> bool {
    let parts = bytes.split_last_chunk();
    parts.is_some_and(|(sealed, seal)| crc32fast::hash(sealed) == u32::from_le_bytes(*seal))
}

/// Passes bytes on, and computes their CRC-32
struct Summed<'a> {
    out: &'a mut dyn Write,
    hasher: crc32fast::Hasher,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a file whose header also has the tensors `after`, each of one u32, which the caller writes
fn write_with<T: Scalar>(
    out: &mut dyn Write,
    metadata: BTreeMap<String, String>,
    tensors: &[NamedTensor<'_, T>],
    after: &[&str],
) -> io::Result<()> {
    let dtype = if T::BYTES == 4 { "F32" } else { "F64" };
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    header.insert("__metadata__".to_owned(), Value::from_iter(metadata));
    for (name, shape, elements) in tensors {
        let (shape, start) = (shape.stored(), end);
        end += elements.len() * T::BYTES;
        header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
    }
    for name in after {
        header.insert(
            (*name).to_owned(),
            json!({"dtype": "U32", "shape": [1], "data_offsets": [end, end + 4]}),
        );
        end += 4;
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
