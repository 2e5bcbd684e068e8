//! `chainrule info`: shows what is in a model file, a data set or an IDX file

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Result;
use chainrule::Error;
use chainrule::data::{Dataset, Split, idx};
use chainrule::nn::model_file::{self, ModelFile};
use chainrule::train::dims::Dims;

use super::format::times;
use super::{DONE, print};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors, a folder of IDX files, one IDX file, or `synthetic`
    #[arg(value_name = "MODEL|DATA")]
    what: String,
}

pub fn run(args: &Args) -> Result<u8> {
    let path = Path::new(&args.what);
    let text = if args.what == "synthetic" || path.is_dir() {
        dataset(&Dataset::load(Some(&args.what))?)?
    } else if is_idx(path)? {
        idx_file(&args.what, &idx::read(path)?)?
    } else {
        model(&args.what, &model_file::load(path)?)?
    };
    print(&text)?;
    Ok(DONE)
}

/// Whether a file begins like an IDX file or a gzip stream, or is too short for a model file
fn is_idx(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    // The IDX reader's error says what it is if it is no file.
    if path.metadata().map_err(Error::reading(path))?.is_file() {
        let file = File::open(path).map_err(Error::reading(path))?;
        file.take(4).read_to_end(&mut start).map_err(Error::reading(path))?;
    }
    // A model file begins with the length of its header, 8 bytes, little-endian. The header is padded to a multiple of
    // 8 bytes, so the first byte is not 0x1f; two zeros would mean an empty header, or one of at least 65,536 bytes.
    Ok(start.len() < 4 || start.starts_with(&[0, 0]) || start.starts_with(&[0x1f, 0x8b]))
}

fn dataset(data: &Dataset) -> Result<String> {
    let mut text =
        format!("data set    {}\nimages      {}, one byte a pixel\n", data.source, times(&data.image_dims));
    writeln!(text, "training    {} images\ntest        {} images\n", data.train.len(), data.test.len())?;
    let counts = |split: &Split| {
        let mut counts = vec![0; data.classes.len()];
        split.labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    };
    let (train, test) = (counts(&data.train), counts(&data.test));
    let width = data.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
    writeln!(text, "label  {:<width$}  training    test", "class")?;
    for (label, name) in data.classes.iter().enumerate() {
        writeln!(text, "{label:>5}  {name:<width$}  {:>8}  {:>6}", train[label], test[label])?;
    }
    Ok(text)
}

fn idx_file(name: &str, idx: &idx::Idx) -> Result<String> {
    let content = match &idx.dims[..] {
        [images, sizes @ ..] if !sizes.is_empty() => format!("{images} images of {}", times(sizes)),
        labels => format!("{} labels", times(labels)),
    };
    let mut text = format!("IDX file    {name}\ncontent     {content}, unsigned bytes\n");
    if let (Some(least), Some(most)) = (idx.bytes.iter().min(), idx.bytes.iter().max()) {
        writeln!(text, "values      {least} to {most}")?;
    }
    Ok(text)
}

fn model(name: &str, file: &ModelFile<f64>) -> Result<String> {
    let dims = Dims(file.model.dims().to_vec());
    let mut text = format!("model       {name}\nnet         {dims}, {}\n", file.model.activation());
    writeln!(text, "parameters  {}, {}", file.model.parameter_count(), file.dtype)?;
    writeln!(text, "classes     {}", file.classes.join(", "))?;
    for (key, value) in &file.metadata {
        if ["pixel_scaling", "version", "format_version", "producer"].contains(&key.as_str()) {
            writeln!(text, "{key:<15} {value}")?;
        }
    }
    writeln!(text, "\n{:<10} {:>12} {:>14} {:>14}", "tensor", "shape", "smallest", "largest")?;
    for tensor in file.model.tensors() {
        let least = tensor.data.iter().copied().fold(f64::INFINITY, f64::min);
        let most = tensor.data.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shape = times(&tensor.shape.stored());
        writeln!(text, "{:<10} {shape:>12} {least:>14.6} {most:>14.6}", tensor.name())?;
    }
    Ok(text)
}
