//! The file `model.safetensors`: the tensors of a model in PyTorch's layout, and metadata that describe the net
//!
//! Linear layer l of `nn.Sequential(Linear, ReLU, Linear, …)` is module 2l: `0.weight` `[out, in]`, `0.bias` `[out]`,
//! `2.weight`, … Norms and dropout are modules, too. So `net.load_state_dict(safetensors.torch.load_file("model.safetensors"))` loads them into such a net.
//!
//! The metadata entry `layers` lists the layers by their texts, so this file knows no particular layer. Format version 1
//! has no such entry; there, `activation` and `hidden_dims` determine the layers.
//!
//! A file without these entries is a state dict that PyTorch wrote: its tensors alone determine the layers
//! ([`StateDict`]).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use chainrule_kernels::Scalar;
use clap::ValueEnum;
use safetensors::tensor::{Dtype as FileDtype, SafeTensorError, SafeTensors};
use serde_json::Value;

use crate::error::{Error, Result, memory, open_regular};
use crate::nn::layers::{Activation, Layer};
use crate::nn::mlp::Mlp;
use crate::nn::state_dict::StateDict;
use crate::nn::{Metadata, model_header, stored, tensor_file};

/// Version of the format, increased whenever older programs would misread newer files
const FORMAT_VERSION: u32 = 2;

/// Largest width of a layer that is accepted; a file that states a larger one is damaged
const WIDTH_MAX: usize = 10_000_000;

/// The entry that says the element type of the operands of products, if it is not that of the tensors
pub const PRODUCTS: &str = "products";
/// The only value of [`PRODUCTS`]
pub const BF16: &str = "bf16";

/// Entries of which this program's files have at least one, and those of PyTorch none
const OWN_ENTRIES: [&str; 4] = ["architecture", "class_names", "format_version", "layers"];

/// A model with the metadata of its file
#[derive(Debug)]
pub struct ModelFile<T> {
    /// The net
    pub model: Mlp<T>,
    /// Element type to compute with, `f32`, `f64` or `bf16`; tensors of the last are f32
    pub dtype: &'static str,
    /// All metadata entries, those of the net and those of its data
    pub metadata: Metadata,
    /// The tensors by PyTorch's names; `None` for a file of this program
    pub state_dict: Option<StateDict>,
}

/// The bytes of the file of a model; the same model always gives the same bytes
///
/// * `data`: the entries that say what the inputs and outputs mean; this file does not read them
pub fn to_bytes<T: Scalar>(model: &Mlp<T>, data: Metadata) -> Vec<u8> {
    let tensors: Vec<_> = model.tensors().map(|t| (t.name(), t.shape, t.data)).collect();
    tensor_file::bytes(metadata(model, data), &tensors)
}

/// The metadata of the file of a model
pub fn metadata<T: Scalar>(model: &Mlp<T>, data: Metadata) -> BTreeMap<String, String> {
    let layers: Vec<String> = model.layers().iter().map(ToString::to_string).collect();
    let of_net = [
        ("architecture", "mlp".to_owned()),
        ("format_version", FORMAT_VERSION.to_string()),
        ("layers", Value::from(layers).to_string()),
        ("producer", "chainrule".to_owned()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let mut metadata = data.0;
    metadata.extend(of_net.into_iter().chain(summary(model)).map(|(key, value)| (key.to_owned(), value)));
    metadata
}

/// The metadata entries that say in short what `layers` says in full, for people and scripts
fn summary<T: Scalar>(model: &Mlp<T>) -> [(&'static str, String); 4] {
    let dims = model.dims();
    [
        (
            "activation",
            model.activation().map_or_else(|| "none".to_owned(), |activation| activation.to_string()),
        ),
        ("classes", model.outputs().to_string()),
        ("features", model.features().to_string()),
        ("hidden_dims", hidden_text(&dims[1..dims.len() - 1])),
    ]
}

/// Reads a model file; its elements are converted to `T`
///
/// * `activation`: what is between two linear layers of a state dict, which does not say it
///
/// # Errors
/// If the file can't be read, is truncated or malformed, or has tensors that don't fit its metadata.
pub fn load<T: Scalar>(path: &Path, activation: Activation) -> Result<ModelFile<T>> {
    let (mut file, mut bytes) = (open_regular(path)?, Vec::new());
    let len = file.metadata().map_err(Error::reading(path))?.len();
    let to_read = || format!("to read {}", path.display());
    memory::check(len.into(), to_read)?;
    file.read_to_end(&mut bytes).map_err(Error::reading(path))?;
    let elements = model_header::check(&bytes).map_err(|problem| Error::content(path, problem))?;
    // Memory for the net, and the elements of a tensor while they are converted.
    memory::check(2 * T::BYTES as u128 * u128::from(elements), to_read)?;
    from_bytes(&bytes, activation).map_err(|problem| Error::content(path, problem))
}

/// Reads the bytes of a model file whose header is consistent; an error names the tensor or the metadata entry
fn from_bytes<T: Scalar>(bytes: &[u8], activation: Activation) -> std::result::Result<ModelFile<T>, String> {
    let header = |e: SafeTensorError| format!("header: {e}");
    let (header_len, header_metadata) = SafeTensors::read_metadata(bytes).map_err(header)?;
    let data_len = bytes.len() - 8 - header_len;
    let file = SafeTensors::deserialize(bytes).map_err(header)?;
    let metadata =
        Metadata(header_metadata.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect());
    if !OWN_ENTRIES.iter().any(|key| metadata.has(key)) {
        let state_dict = StateDict::of(&file)?;
        let model = state_dict.model(&file, activation)?;
        return Ok(ModelFile { model, dtype: state_dict.dtype(), metadata, state_dict: Some(state_dict) });
    }
    let entry = |key: &str| metadata.entry(key);
    let bad = |key: &str, expected: &str| metadata.bad(key, expected);
    let version = metadata.number("format_version", 1, WIDTH_MAX)?;
    if version > FORMAT_VERSION as usize {
        return Err(bad("format_version", &format!("{FORMAT_VERSION} or below: a newer program wrote this")));
    }
    if entry("architecture")? != "mlp" {
        return Err(bad("architecture", "mlp"));
    }
    let (features, classes) =
        (metadata.number("features", 1, WIDTH_MAX)?, metadata.number("classes", 1, WIDTH_MAX)?);
    let layers: Vec<String> = if version == 1 {
        let activation = Activation::from_str(entry("activation")?, false)
            .map_err(|_| bad("activation", &Activation::names()))?;
        let hidden = hidden_dims(entry("hidden_dims")?)
            .ok_or_else(|| bad("hidden_dims", "`none`, or positive widths joined by `x`"))?;
        layer_texts(&[&[features], &hidden[..], &[classes]].concat(), activation)
    } else {
        metadata.json("layers", "a JSON list of texts")?
    };
    let mut model = model(features, &layers, data_len).map_err(|problem| format!("metadata: {problem}"))?;
    for (key, expected) in summary(&model) {
        let is_unused = version == 1 && key == "activation" && model.activation().is_none();
        if !is_unused && entry(key)? != expected {
            return Err(bad(key, &expected));
        }
    }
    let known: Vec<String> = model.tensors().map(|tensor| tensor.name()).collect();
    if let Some(extra) = file.names().into_iter().find(|found| !known.iter().any(|name| name == found)) {
        let count = known.len();
        return Err(format!("{extra}: unexpected: a net of {count} tensors has no tensor of this name"));
    }
    let mut dtype = None;
    for tensor in model.tensors_mut() {
        let stored = elements(&file, &tensor.name(), &tensor.shape.stored(), &mut dtype)
            .map_err(|problem| format!("{}: {problem}", tensor.name()))?;
        tensor.shape.stored_order().zip(stored).for_each(|(at, x)| tensor.data[at] = x);
        tensor.check_variance().map_err(|problem| format!("{}: {problem}", tensor.name()))?;
    }
    let dtype = match (dtype, metadata.has(PRODUCTS)) {
        (Some(FileDtype::F64), false) => "f64",
        (_, false) => "f32",
        (Some(FileDtype::F64), true) => return Err(bad(PRODUCTS, "no such entry for tensors of f64")),
        (_, true) if entry(PRODUCTS)? == BF16 => BF16,
        (_, true) => return Err(bad(PRODUCTS, BF16)),
    };
    Ok(ModelFile { model, dtype, metadata, state_dict: None })
}

/// The net of the given layers, with parameters that are 0
///
/// Layers are checked before memory is reserved for them, since a damaged width could need more than the machine has:
/// each parameter takes at least four of the file's `len` bytes of data.
fn model<T: Scalar>(features: usize, layers: &[String], len: usize) -> std::result::Result<Mlp<T>, String> {
    let (mut most, mut parsed) = (len / 4, Vec::new());
    for (at, text) in layers.iter().enumerate() {
        let layer = Layer::parse(text, most).map_err(|problem| format!("layer {at}: {problem}"))?;
        most -= layer.tensors(at).iter().map(|tensor| tensor.data.len()).sum::<usize>();
        parsed.push(layer);
    }
    Mlp::from_layers(features, parsed)
}

/// The texts of the layers of a net with the given widths, and an activation after each linear layer but the last
fn layer_texts(dims: &[usize], activation: Activation) -> Vec<String> {
    let linear = dims.windows(2).map(|pair| format!("linear {} {}", pair[0], pair[1]));
    let texts = linear.flat_map(|linear| [linear, activation.to_string()]);
    texts.take(2 * dims.len() - 3).collect()
}

/// The hidden widths as text for the metadata: `128x64`, or `none`
fn hidden_text(dims: &[usize]) -> String {
    if dims.is_empty() {
        "none".to_owned()
    } else {
        dims.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
    }
}

/// The hidden widths that [`hidden_text`] wrote; `None` if the text is anything else
fn hidden_dims(text: &str) -> Option<Vec<usize>> {
    let width = |part: &str| part.parse().ok().filter(|width| (1..=WIDTH_MAX).contains(width));
    let dims = if text == "none" { Some(Vec::new()) } else { text.split('x').map(width).collect() };
    dims.filter(|dims: &Vec<usize>| hidden_text(dims) == text)
}

/// The elements of the tensor `name`; an error if the shape is wrong, an element is not finite, or the type is not that
/// of the tensors before
fn elements<T: Scalar>(
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
        return Err(format!("is {found:?}, but the tensors before it are {dtype:?}"));
    }
    match found {
        FileDtype::F32 | FileDtype::F64 => stored::elements(&tensor),
        other => Err(format!("is {other:?}, expected F32 or F64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_data() -> Metadata {
        let names = ("class_names".to_owned(), "[\"cat\",\"dog \\\"x\\\"\",\"Käfer\"]".to_owned());
        Metadata([names].into())
    }

    fn file(hidden: &[usize]) -> Vec<u8> {
        to_bytes(&Mlp::<f32>::new(4, hidden, 3, Activation::Sigmoid, 1), of_data())
    }

    /// The bytes of a file with `from` in its header replaced by `to`, which has the same length
    fn patched(from: &str, to: &str) -> Vec<u8> {
        let bytes = file(&[2]);
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        assert_eq!(from.len(), to.len());
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    }

    fn from_bytes<T: Scalar>(bytes: &[u8]) -> std::result::Result<ModelFile<T>, String> {
        model_header::check(bytes)?;
        super::from_bytes(bytes, Activation::Relu)
    }

    fn error(bytes: &[u8]) -> String {
        from_bytes::<f32>(bytes).unwrap_err()
    }

    #[test]
    fn a_model_reads_back_to_the_same_bits() {
        for hidden in [&[][..], &[2], &[5, 7, 1]] {
            let model = Mlp::<f64>::new(4, hidden, 3, Activation::Relu, 9);
            let bytes = to_bytes(&model, of_data());
            let again = from_bytes::<f64>(&bytes).unwrap();
            let key = "class_names";
            assert_eq!((again.dtype, again.metadata.entry(key)), ("f64", of_data().entry(key)));
            assert_eq!(model.dims(), again.model.dims());
            for (a, b) in model.tensors().zip(again.model.tensors()) {
                assert_eq!((a.name(), a.shape, a.data), (b.name(), b.shape, b.data));
            }
        }
    }

    /// The file as version 1 of the format had it: without the entry `layers`, and with an activation in every net
    fn version_1(bytes: &[u8]) -> Vec<u8> {
        let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&bytes[8..end]).unwrap();
        let metadata = header["__metadata__"].as_object_mut().unwrap();
        metadata.remove("layers");
        metadata.insert("format_version".to_owned(), "1".into());
        metadata.insert("activation".to_owned(), "sigmoid".into());
        let header = header.to_string().into_bytes();
        [&(header.len() as u64).to_le_bytes(), &header[..], &bytes[end..]].concat()
    }

    #[test]
    fn files_of_version_1_read_as_the_same_nets() {
        for hidden in [&[][..], &[2], &[3, 2]] {
            let (new, old) = (file(hidden), version_1(&file(hidden)));
            assert!(!old.windows(8).any(|window| window == b"\"layers\""));
            let [new, old] = [new, old].map(|bytes| from_bytes::<f32>(&bytes).unwrap().model);
            assert!(
                new.layers().iter().map(ToString::to_string).eq(old.layers().iter().map(ToString::to_string))
            );
            assert!(new.tensors().map(|t| t.data).eq(old.tensors().map(|t| t.data)));
        }
    }

    #[test]
    fn the_same_model_gives_the_same_bytes() {
        assert_eq!(file(&[3, 2]), file(&[3, 2]));
    }

    #[test]
    fn a_file_that_is_cut_or_followed_by_bytes_is_an_error() {
        let bytes = file(&[2]);
        for len in 0..bytes.len() {
            assert!(from_bytes::<f32>(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(from_bytes::<f32>(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_changed_byte_of_the_header_never_changes_a_weight() {
        let bytes = file(&[2]);
        let weights = |file: &ModelFile<f32>| {
            let tensors = file.model.tensors().map(|t| (t.name(), t.shape, t.data.to_vec()));
            (tensors.collect::<Vec<_>>(), file.dtype)
        };
        let whole = from_bytes::<f32>(&bytes).unwrap();
        for at in 0..bytes.len() - 4 * 19 {
            for change in [1, 0x20, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                if let Ok(file) = from_bytes::<f32>(&changed) {
                    assert_eq!(weights(&file), weights(&whole), "byte {at}, change {change}");
                }
            }
        }
    }

    #[test]
    fn only_models_of_f32_have_products_of_bf16() {
        fn file<T: Scalar>(products: &str) -> Vec<u8> {
            let mut data = of_data();
            data.0.insert(PRODUCTS.to_owned(), products.to_owned());
            to_bytes(&Mlp::<T>::new(4, &[2], 3, Activation::Sigmoid, 1), data)
        }
        assert_eq!(from_bytes::<f32>(&file::<f32>(BF16)).unwrap().dtype, BF16);
        assert!(error(&file::<f32>("f16")).contains("`products`: is `f16`, expected bf16"));
        assert!(error(&file::<f64>(BF16)).contains("`products`: is `bf16`, expected no such entry"));
    }

    #[test]
    fn wrong_names_types_and_metadata_are_named() {
        assert!(error(&patched("\"2.bias\"", "\"0.bias\"")).contains("0.bias: is there twice"));
        assert!(error(&patched("\"2.bias\"", "\"3.bias\"")).contains("3.bias: unexpected"));
        assert!(error(&patched("\"sigmoid\"", "\"softmax\"")).contains("`activation`: is `softmax`"));
        assert!(error(&patched("\"format_version\":\"2\"", "\"format_version\":\"3\"")).contains("newer"));
        assert!(
            error(&patched("\"hidden_dims\":\"2\"", "\"hidden_dims\":\"3\""))
                .contains("`hidden_dims`: is `3`, expected 2")
        );
        for (text, message) in [
            ("linear 4 1", "layer 2, `linear 2 3`, does not fit its input, which has 1 columns"),
            ("linear 5 2", "layer 2: a linear layer 2 to 3 has more than the 7 parameters"),
            ("linear 3 2", "layer 0, `linear 3 2`, does not fit its input, which has 4 columns"),
            ("linear 9 9", "layer 0: a linear layer 9 to 9"),
            ("linear 0 2", "layer 0: a linear layer needs two widths"),
            ("linear 4 x", "layer 0: a linear layer needs two widths"),
            ("linear +42", "layer 0: a linear layer needs two widths"),
            ("linaer 4 2", "layer 0: `linaer 4 2` is not a layer"),
        ] {
            let found = error(&patched("linear 4 2", text));
            assert!(found.contains(message), "{text}: {found}");
        }
        assert!(error(&patched("\"layers\":\"[", "\"layers\":\"{")).contains("`layers`: is `{"));
        assert!(error(&patched("\"shape\":[2]", "\"shape\":[1]")).contains("header: 0.bias: has shape [1]"));
        assert!(
            error(&patched("\"format_version\":\"2\"", "\"format_version\":\"0\""))
                .contains("`format_version`")
        );
        assert!(error(&patched("\"features\":\"4\"", "\"features\":\"0\"")).contains("`features`: is `0`"));
        for classes in ["0", "1", "+", "x"] {
            let changed = patched("\"classes\":\"3\"", &format!("\"classes\":\"{classes}\""));
            assert!(error(&changed).contains(&format!("`classes`: is `{classes}`")), "{classes}");
        }
        assert!(
            error(&patched("\"hidden_dims\":\"2\"", "\"hidden_dims\":\"0\""))
                .contains("`hidden_dims`: is `0`")
        );
    }

    #[test]
    fn weights_that_are_not_finite_are_named() {
        let mut bytes = file(&[2]);
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(error(&bytes).contains("is NaN, expected a finite number"));
    }
}
