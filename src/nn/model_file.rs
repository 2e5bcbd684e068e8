//! `model.safetensors`: the weights in PyTorch's layout, with what is needed to use them again
//!
//! Linear layer l of `nn.Sequential(Linear, ReLU, Linear, …)` is module 2l: `0.weight` `[out, in]`, `0.bias` `[out]`,
//! `2.weight`, … So `net.load_state_dict(safetensors.torch.load_file("model.safetensors"))` works as it is.

use std::collections::BTreeMap;
use std::path::Path;

use chainrule_kernels::Scalar;
use safetensors::tensor::{Dtype as FileDtype, SafeTensors};
use serde::Serialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::config::HiddenDims;
use crate::error::{Error, Result};
use crate::nn::layers::{Activation, Linear};
use crate::nn::matrix::Matrix;
use crate::nn::mlp::Mlp;

/// Raised when a reader of today would misread what a later program writes
const FORMAT_VERSION: u32 = 1;
/// How pixels become inputs
const PIXEL_SCALING: &str = "divide_by_255";

/// A model and what its file says about it
#[derive(Debug)]
pub struct ModelFile<T> {
    /// The net
    pub model: Mlp<T>,
    /// `f32` or `f64`: the numbers in the file
    pub dtype: &'static str,
    /// Names of the classes
    pub classes: Vec<String>,
    /// All metadata entries, by name
    pub metadata: BTreeMap<String, String>,
}

/// A tensor's entry in the header
#[derive(Serialize)]
struct Entry {
    dtype: &'static str,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The file's bytes: the same for the same model
///
/// The crate `safetensors` reads these files, but writes metadata in an order that changes from call to call;
/// so header and data are put together here: tensors in the order of the layers, metadata by name.
///
/// # Errors
/// If the header can't be written as JSON, which no net of ours brings about.
pub fn to_bytes<T: Scalar>(model: &Mlp<T>, classes: &[String], path: &Path) -> Result<Vec<u8>> {
    let dtype = if T::BYTES == 4 { "F32" } else { "F64" };
    let dims = model.dims();
    let json = |e: serde_json::Error| Error::Model {
        path: path.to_owned(),
        place: "header".to_owned(),
        problem: e.to_string(),
    };
    let metadata = BTreeMap::from([
        ("producer", "chainrule".to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("format_version", FORMAT_VERSION.to_string()),
        ("architecture", "mlp".to_owned()),
        ("features", dims[0].to_string()),
        ("hidden_dims", HiddenDims(dims[1..dims.len() - 1].to_vec()).to_string()),
        ("classes", dims[dims.len() - 1].to_string()),
        ("class_names", serde_json::to_string(classes).map_err(json)?),
        ("activation", model.activation().to_string()),
        ("pixel_scaling", PIXEL_SCALING.to_owned()),
    ]);
    let (mut header, mut data) =
        (serde_json::Map::new(), Vec::with_capacity(model.parameter_count() * T::BYTES));
    header.insert("__metadata__".to_owned(), serde_json::to_value(metadata).map_err(json)?);
    let mut entry = |name: String, shape: Vec<usize>, numbers: &mut dyn Iterator<Item = T>| {
        let start = data.len();
        numbers.for_each(|x| x.write_le(&mut data));
        let entry = Entry { dtype, shape, data_offsets: [start, data.len()] };
        header.insert(name, serde_json::to_value(entry).map_err(json)?);
        Ok(())
    };
    for (l, layer) in model.layers().iter().enumerate() {
        let (d_in, d_out) = layer.w.shape();
        let w = layer.w.data();
        let mut weight = (0..d_out).flat_map(|j| (0..d_in).map(move |i| w[i * d_out + j]));
        entry(format!("{}.weight", 2 * l), vec![d_out, d_in], &mut weight)?;
        entry(format!("{}.bias", 2 * l), vec![d_out], &mut layer.b.iter().copied())?;
    }
    let mut header = serde_json::to_vec(&header).map_err(json)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok([&(header.len() as u64).to_le_bytes(), &header[..], &data].concat())
}

/// Reads a model file, whatever of `f32` and `f64` its numbers are
///
/// # Errors
/// If it can't be read, is cut or malformed, or its tensors and metadata are not those of such a net.
pub fn load<T: Scalar>(path: &Path) -> Result<ModelFile<T>> {
    let metadata = path.metadata().map_err(Error::reading(path))?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "directory" } else { "special file" };
        return Err(Error::NotAFile { path: path.to_owned(), found });
    }
    let bytes = std::fs::read(path).map_err(Error::reading(path))?;
    from_bytes(&bytes).map_err(|(place, problem)| Error::Model { path: path.to_owned(), place, problem })
}

/// Where something is wrong, and what
type Problem = (String, String);

fn from_bytes<T: Scalar>(bytes: &[u8]) -> std::result::Result<ModelFile<T>, Problem> {
    let header = |problem: String| ("header".to_owned(), problem);
    if let Some(name) = double_name(bytes) {
        return Err((name, "stands twice in the header".to_owned()));
    }
    let (_, header_metadata) = SafeTensors::read_metadata(bytes).map_err(|e| header(e.to_string()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| header(e.to_string()))?;
    let metadata: BTreeMap<String, String> =
        header_metadata.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let entry = |key: &str| {
        metadata.get(key).ok_or_else(|| {
            (format!("metadata `{key}`"), "missing; was this written by chainrule?".to_owned())
        })
    };
    let bad = |key: &str, expected: &str| {
        (format!("metadata `{key}`"), format!("is `{}`, expected {expected}", metadata[key]))
    };
    let number = |key: &str| entry(key)?.parse::<usize>().map_err(|_| bad(key, "a whole number"));
    if number("format_version")? > FORMAT_VERSION as usize {
        return Err(bad("format_version", &format!("{FORMAT_VERSION} or below: a newer program wrote this")));
    }
    if entry("architecture")? != "mlp" {
        return Err(bad("architecture", "mlp"));
    }
    if entry("pixel_scaling")? != PIXEL_SCALING {
        return Err(bad("pixel_scaling", PIXEL_SCALING));
    }
    let activation: Activation =
        entry("activation")?.parse().map_err(|_| bad("activation", "relu or sigmoid"))?;
    let hidden: HiddenDims = entry("hidden_dims")?.parse().map_err(|e: String| bad("hidden_dims", &e))?;
    let names: Vec<String> =
        serde_json::from_str(entry("class_names")?).map_err(|_| bad("class_names", "a JSON list"))?;
    let dims = [&[number("features")?], &hidden.0[..], &[number("classes")?]].concat();
    if names.len() != dims[dims.len() - 1] {
        return Err(bad("class_names", &format!("{} names", dims[dims.len() - 1])));
    }
    let expected = 2 * (dims.len() - 1);
    if let Some(extra) = file.names().into_iter().find(|name| !is_ours(name, dims.len() - 1)) {
        return Err((
            extra.to_owned(),
            format!("unexpected: a net of {expected} tensors has none of this name"),
        ));
    }
    let mut layers = Vec::new();
    let mut dtype = None;
    for (l, pair) in dims.windows(2).enumerate() {
        let mut tensor =
            |name: String, shape: &[usize]| numbers(&file, &name, shape, &mut dtype).map_err(|e| (name, e));
        let weight: Vec<T> = tensor(format!("{}.weight", 2 * l), &[pair[1], pair[0]])?;
        let bias = tensor(format!("{}.bias", 2 * l), &[pair[1]])?;
        let mut layer = Linear::new(Matrix::from_fn(pair[0], pair[1], |i, j| weight[j * pair[0] + i]));
        layer.b = bias;
        layers.push(layer);
    }
    let dtype = if dtype == Some(FileDtype::F64) { "f64" } else { "f32" };
    Ok(ModelFile { model: Mlp::from_layers(layers, activation), dtype, classes: names, metadata })
}

/// Whether a net of so many linear layers has a tensor of this name
fn is_ours(name: &str, layers: usize) -> bool {
    (0..layers).any(|l| name == format!("{}.weight", 2 * l) || name == format!("{}.bias", 2 * l))
}

/// The numbers of one tensor, finite, of the shape it should have, all tensors of one type
fn numbers<T: Scalar>(
    file: &SafeTensors<'_>,
    name: &str,
    shape: &[usize],
    dtype: &mut Option<FileDtype>,
) -> std::result::Result<Vec<T>, String> {
    let tensor = file.tensor(name).map_err(|_| "missing".to_owned())?;
    if tensor.shape() != shape {
        return Err(format!("has shape {:?}, expected {shape:?}", tensor.shape()));
    }
    let found = tensor.dtype();
    if *dtype.get_or_insert(found) != found {
        return Err(format!("is {found:?}, the tensors before it {dtype:?}"));
    }
    let numbers: Vec<T> = match found {
        FileDtype::F32 => {
            tensor.data().chunks_exact(4).filter_map(f32::read_le).map(|x| T::from_f64(x.into())).collect()
        }
        FileDtype::F64 => tensor.data().chunks_exact(8).filter_map(f64::read_le).map(T::from_f64).collect(),
        other => return Err(format!("is {other:?}, expected F32 or F64")),
    };
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("number {at} is {}, expected a finite one", numbers[at])),
        None => Ok(numbers),
    }
}

/// A tensor name that stands twice in the header: the crate would silently take the last
fn double_name(bytes: &[u8]) -> Option<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Option<String>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let (mut seen, mut double) = (std::collections::BTreeSet::new(), None);
            while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                if !seen.insert(name.clone()) {
                    double.get_or_insert(name);
                }
            }
            Ok(double)
        }
    }
    let len = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let json = bytes.get(8..)?.get(..usize::try_from(len).ok()?)?;
    serde_json::Deserializer::from_slice(json).deserialize_map(Names).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["cat", "dog \"x\"", "Käfer"].map(str::to_owned).to_vec()
    }

    fn file(hidden: &[usize]) -> Vec<u8> {
        to_bytes(&Mlp::<f32>::new(4, hidden, 3, Activation::Sigmoid, 1), &names(), Path::new("m")).unwrap()
    }

    /// The file with other bytes in its header; lengths stay
    fn patched(from: &str, to: &str) -> Vec<u8> {
        let bytes = file(&[2]);
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        assert_eq!(from.len(), to.len());
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    }

    fn error(bytes: &[u8]) -> String {
        let (place, problem) = from_bytes::<f32>(bytes).unwrap_err();
        format!("{place}: {problem}")
    }

    #[test]
    fn a_model_reads_back_to_the_same_bits() {
        for hidden in [&[][..], &[2], &[5, 7, 1]] {
            let model = Mlp::<f64>::new(4, hidden, 3, Activation::Relu, 9);
            let bytes = to_bytes(&model, &names(), Path::new("m")).unwrap();
            let again = from_bytes::<f64>(&bytes).unwrap();
            assert_eq!((again.dtype, again.classes), ("f64", names()));
            for (a, b) in model.layers().iter().zip(again.model.layers()) {
                assert_eq!((&a.w, &a.b), (&b.w, &b.b));
            }
        }
    }

    #[test]
    fn the_same_model_gives_the_same_bytes() {
        assert_eq!(file(&[3, 2]), file(&[3, 2]));
    }

    #[test]
    fn a_file_cut_anywhere_or_with_bytes_behind_is_an_error() {
        let bytes = file(&[2]);
        for len in 0..bytes.len() {
            assert!(from_bytes::<f32>(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(from_bytes::<f32>(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn any_changed_byte_of_the_header_is_an_error_or_harmless_but_never_a_panic() {
        let bytes = file(&[2]);
        for at in 0..bytes.len() - 4 * 19 {
            for change in [1, 0x20, 0x80] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                let _ = from_bytes::<f32>(&bytes);
            }
        }
    }

    #[test]
    fn wrong_names_types_and_metadata_are_named() {
        assert!(error(&patched("\"2.bias\"", "\"0.bias\"")).contains("0.bias: stands twice"));
        assert!(error(&patched("\"2.bias\"", "\"3.bias\"")).contains("3.bias: unexpected"));
        assert!(error(&patched("\"sigmoid\"", "\"softmax\"")).contains("`activation`: is `softmax`"));
        assert!(error(&patched("\"format_version\":\"1\"", "\"format_version\":\"2\"")).contains("newer"));
        assert!(error(&patched("\"hidden_dims\":\"2\"", "\"hidden_dims\":\"3\"")).contains("shape"));
        assert!(error(&patched("\"shape\":[2]", "\"shape\":[1]")).contains("header"));
    }

    #[test]
    fn weights_that_are_not_finite_are_named() {
        let mut bytes = file(&[2]);
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(error(&bytes).contains("is NaN, expected a finite one"));
    }
}
