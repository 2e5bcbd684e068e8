//! The header of a model file, and checks that it is consistent with itself and the file
//!
//! ```text
//! n              8 bytes, little-endian: the length of the header
//! header         n bytes of JSON: {"__metadata__": {…}, "0.weight": {"dtype": "F32", "shape": […], "data_offsets": […]}, …}
//! data           the tensors' elements, without gaps
//! ```
//!
//! The crate `safetensors` checks most of this, but it accepts a name that occurs twice, and a shape with the
//! dimensions 2⁶⁴ − 1 and 0, and not all of its errors name the tensor.
//!
//! Source: the format's description in the README of <https://github.com/huggingface/safetensors>.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Kinds of files that a person may mistake for a model file, by their first bytes
const OTHERS: [(&[u8], &str); 10] = [
    (b"PK\x03\x04", "a zip archive, such as a PyTorch pickle, an NPZ or a Keras file"),
    (b"\x80\x02", "a Python pickle, such as an old PyTorch file"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"\x89HDF", "an HDF5 file, such as a Keras model"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89PNG", "a PNG picture"),
    (b"GGUF", "a GGUF model"),
    (b"%PDF", "a PDF document"),
];
/// The name of the entry in PyTorch's zip archives that holds the pickle
const TORCH_ENTRY: &[u8] = b"data.pkl";

/// Checks that the header names each tensor once, with a shape, a type and offsets consistent with each other and the
/// file; returns the number of elements of all tensors
///
/// # Errors
/// If not; the message names the tensor or the field.
pub fn check(bytes: &[u8]) -> Result<u64, String> {
    let data_from = match bytes.first_chunk::<8>().map(|n| u64::from_le_bytes(*n)) {
        Some(n) => usize::try_from(n).ok().and_then(|n| n.checked_add(8)).filter(|&end| end <= bytes.len()),
        None => None,
    };
    let Some(data_from) = data_from else { return Err(no_header(bytes)) };
    let text = std::str::from_utf8(&bytes[8..data_from]).map_err(|_| no_header(bytes))?;
    let Unique(header) = serde_json::from_str(text).map_err(|e| format!("header: {e}"))?;
    let Value::Object(header) = header else {
        return Err("header: is no JSON object, expected the tensors by their names".to_owned());
    };
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    let range = |info: &Value| match info {
        Value::Object(info) => data_range(info),
        _ => Err("expected dtype, shape and data_offsets".to_owned()),
    };
    let named = |name: &str, problem: String| format!("header: {name}: {problem}");
    let (mut ranges, mut elements) = (Vec::new(), 0);
    for (name, info) in tensors {
        let (range, size) = range(info).map_err(|problem| named(name, problem))?;
        elements += (range.1 - range.0) / size;
        ranges.push((range, name.clone()));
    }
    ranges.sort_unstable();
    let mut end = 0;
    for ((from, to), name) in &ranges {
        if *from != end {
            let problem = if *from < end { "overlaps the tensor before it" } else { "has a gap before it" };
            return Err(named(name, format!("{problem}: data_offsets begin at {from}, expected {end}")));
        }
        end = *to;
    }
    let len = (bytes.len() - data_from) as u64;
    match ranges.last() {
        Some((_, name)) if end > len => {
            Err(named(name, format!("ends at byte {end} of the data, but the file has {len}: it is cut")))
        }
        Some((_, name)) if end < len => {
            Err(format!("{} bytes after the last tensor, {name}, expected the end of the file", len - end))
        }
        Some(_) => Ok(elements),
        None => Err("header: there are no tensors".to_owned()),
    }
}

/// The message for a file that does not begin with a header
fn no_header(bytes: &[u8]) -> String {
    let expected =
        "expected a model.safetensors that chainrule wrote, or a state dict that safetensors.torch saved";
    let torch = bytes.starts_with(OTHERS[0].0)
        && bytes[..bytes.len().min(4096)].windows(TORCH_ENTRY.len()).any(|at| at == TORCH_ENTRY);
    if torch {
        return format!("is a PyTorch file (a pickle in a zip archive), {expected}");
    }
    if let Some((_, name)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return format!("is {name}, {expected}");
    }
    match bytes.first_chunk::<8>().map(|n| u64::from_le_bytes(*n)) {
        Some(n) if n > 100_000_000 => format!("header: has no length of a header at its start; {expected}"),
        Some(n) => format!(
            "header: is {n} bytes long, but the file has {}; {expected}, and this one may be cut",
            bytes.len()
        ),
        None => format!("header: {} bytes, {expected}", bytes.len()),
    }
}

/// The element types of the format that take whole bytes, with their sizes
///
/// A net has elements of only some of them: the readers of models refuse the others, by the name of the tensor.
const SIZES: [(&str, u64); 19] = [
    ("BOOL", 1),
    ("U8", 1),
    ("I8", 1),
    ("F8_E5M2", 1),
    ("F8_E4M3", 1),
    ("F8_E8M0", 1),
    ("F8_E4M3FNUZ", 1),
    ("F8_E5M2FNUZ", 1),
    ("U16", 2),
    ("I16", 2),
    ("F16", 2),
    ("BF16", 2),
    ("U32", 4),
    ("I32", 4),
    ("F32", 4),
    ("C64", 8),
    ("F64", 8),
    ("U64", 8),
    ("I64", 8),
];

/// The range of a tensor's data, and the size of an element; an error if its length is not what the type and shape need
fn data_range(info: &Map<String, Value>) -> Result<((u64, u64), u64), String> {
    let numbers =
        |key: &str| -> Option<Vec<u64>> { info.get(key)?.as_array()?.iter().map(Value::as_u64).collect() };
    let shape = numbers("shape").ok_or("has no shape, expected a list of whole numbers")?;
    let Some([from, to]) = numbers("data_offsets").and_then(|offsets| <[u64; 2]>::try_from(offsets).ok())
    else {
        return Err("has no data_offsets, expected two whole numbers".to_owned());
    };
    let Some(dtype) = info.get("dtype").and_then(Value::as_str) else {
        return Err("has no dtype, expected F32 or F64".to_owned());
    };
    let Some((_, size)) = SIZES.into_iter().find(|(name, _)| *name == dtype) else {
        return Err(format!("is {dtype}, expected F32 or F64"));
    };
    if shape.contains(&0) {
        return Err(format!("has shape {shape:?}, expected dimensions of 1 or more"));
    }
    match shape.iter().try_fold(size, |product: u64, &dim| product.checked_mul(dim)) {
        Some(len) if from.checked_add(len) == Some(to) => Ok(((from, to), size)),
        Some(len) => {
            Err(format!("has shape {shape:?}, which takes {len} bytes, but data_offsets are {from} and {to}"))
        }
        None => Err(format!("has shape {shape:?}, which is larger than any memory")),
    }
}

/// A JSON value in which no object has a key twice
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut object = Map::new();
        while let Some((key, Unique(value))) = map.next_entry::<String, Unique>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("{key}: is there twice, expected each name once")));
            }
            object.insert(key, value);
        }
        Ok(Unique(Value::Object(object)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unique, A::Error> {
        let mut array = Vec::new();
        while let Some(Unique(value)) = list.next_element()? {
            array.push(value);
        }
        Ok(Unique(Value::Array(array)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Unique, E> {
        Ok(Unique(text.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Unique, E> {
        Ok(Unique(n.into()))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Unique, E> {
        Ok(Unique(n.into()))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Unique, E> {
        Ok(Unique(x.into()))
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Unique, E> {
        Ok(Unique(yes.into()))
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this header and `data` bytes of data
    fn file(header: &str, data: usize) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
    }

    #[test]
    fn each_problem_is_named_by_its_tensor() {
        let tensor = |shape: &str, offsets: &str| {
            format!(r#""a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#)
        };
        let whole = tensor("[2,3]", "[0,24]");
        let next = whole.replace("\"a\"", "\"b\"").replace("[0,24]", "[24,48]");
        assert_eq!(check(&file(&format!("{{{whole},{next}}}"), 48)), Ok(12));
        assert_eq!(
            check(&file(&format!("{{{}}}", whole.replace("24", "12").replace("F32", "BF16")), 12)),
            Ok(6)
        );
        for (inner, message) in [
            (format!("{whole},{whole}"), "a: is there twice"),
            (format!("{whole},\"__metadata__\":{{\"x\":\"1\",\"x\":\"1\"}}"), "x: is there twice"),
            (tensor("[0,18446744073709551615]", "[0,0]"), "a: has shape [0, 18446744073709551615]"),
            (tensor("[18446744073709551615,0]", "[0,0]"), "a: has shape [18446744073709551615, 0]"),
            (tensor("[4294967296,4294967296]", "[0,24]"), "larger than any memory"),
            (tensor("[18446744073709551616]", "[0,24]"), "a: has no shape"),
            (tensor("[-1]", "[0,24]"), "a: has no shape"),
            (tensor("[2,2]", "[0,24]"), "a: has shape [2, 2], which takes 16 bytes"),
            (tensor("[2,3]", "[24,0]"), "a: has shape"),
            (tensor("[2,3]", "[0,24,48]"), "a: has no data_offsets"),
            (tensor("[2,3]", "[8,32]"), "a: has a gap before it"),
            (format!("{whole},{}", next.replace("[24,48]", "[8,32]")), "b: overlaps"),
            (whole.replace("F32", "F4"), "a: is F4"),
            (whole.replace("F32", "BF16"), "a: has shape [2, 3], which takes 12 bytes"),
            ("\"a\":3".to_owned(), "a: expected dtype"),
            (String::new(), "no tensors"),
        ] {
            let error = check(&file(&format!("{{{inner}}}"), 48)).unwrap_err();
            assert!(error.contains(message), "{inner}: {error}");
        }
        let header = format!("{{{whole}}}");
        assert!(check(&file(&header, 23)).unwrap_err().contains("a: ends at byte 24"));
        assert!(check(&file(&header, 25)).unwrap_err().contains("1 bytes after the last tensor, a"));
    }

    #[test]
    fn other_kinds_of_files_are_named() {
        let torch = [b"PK\x03\x04", &[0; 26][..], b"model/data.pkl", &[0; 400]].concat();
        for (bytes, name) in [
            (&torch[..], "a PyTorch file"),
            (b"PK\x03\x04 and so on", "a zip archive"),
            (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "a Python pickle"),
            (b"\x89HDF\r\n\x1a\n and so on", "HDF5"),
            (b"run_id,epoch\na,1\n", "no length of a header"),
            (b"abc", "3 bytes"),
        ] {
            let error = check(bytes).unwrap_err();
            assert!(error.contains(name) && error.contains("model.safetensors"), "{error}");
        }
    }
}
