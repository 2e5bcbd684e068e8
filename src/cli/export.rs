//! `chainrule export`: writes a model as ONNX, NPZ or a C header

use std::path::{Path, PathBuf};

use anyhow::Result;
use chainrule::Error;
use chainrule::config::Dtype;
use chainrule::data::outputs::Outputs;
use chainrule::data::preprocessing::is_coarse_in_f32;
use chainrule::data::saved_model::SavedModel;
use chainrule::error::{first_ten, memory, printable, shown};
use chainrule::export::{c_header, npz, onnx};
use chainrule::tables::atomic_file::{check_writable, write_atomically};

use super::format::{count, several};
use super::import_flags::ImportFlags;
use super::{DONE, is_same, note, print_bytes};

/// Most bytes needed per parameter: one f64 in the file, one in memory, and two copies of its C text
const BYTES_EACH: u128 = 8 + 8 + 2 * 16;

#[derive(clap::Args)]
#[command(
    group = clap::ArgGroup::new("formats").required(true).multiple(true),
    override_usage = "chainrule export MODEL [--onnx FILE] [--npz FILE] [--c FILE.h] [OPTIONS]"
)]
pub struct Args {
    /// A model.safetensors, or a state dict of PyTorch
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Write an ONNX file, with preprocessing and softmax; `-` for stdout
    #[arg(long, value_name = "FILE", group = "formats")]
    onnx: Option<PathBuf>,

    /// Write the arrays of the model for NumPy; `-` for stdout
    #[arg(long, value_name = "FILE", group = "formats")]
    npz: Option<PathBuf>,

    /// Write a C99 header without dependencies; names in it begin with the file's name; `-` for stdout
    #[arg(long, value_name = "FILE.h", group = "formats")]
    c: Option<PathBuf>,

    /// Print errors only
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    import: ImportFlags,
}

impl Args {
    /// The files to write, with their flags
    fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [("--onnx", &self.onnx), ("--npz", &self.npz), ("--c", &self.c)];
        files.into_iter().filter_map(|(flag, path)| Some((flag, path.as_deref()?)))
    }
}

pub fn run(args: &Args) -> Result<u8> {
    let files: Vec<_> = args.files().collect();
    for (at, (flag, path)) in files.iter().enumerate() {
        if let Some((other, _)) = files[..at].iter().find(|(_, other)| is_same(path, other)) {
            let problem = format!("{other} and {flag} name the same file, {}", shown(path));
            return Err(Error::Usage(problem).into());
        }
        if is_same(path, &args.model) {
            let problem = format!("{flag} {} would replace the model; name another file", shown(path));
            return Err(Error::Usage(problem).into());
        }
        if !is_stdout(path) {
            check_writable(path)?;
        }
    }
    let saved: SavedModel<f64> = args.import.load(&args.model, args.quiet)?;
    let parameters = saved.model.parameter_count();
    memory::check(BYTES_EACH * parameters as u128, || format!("to export {} parameters", count(parameters)))?;
    let warning = coarse(&saved, files.iter().map(|(flag, _)| *flag));
    for (flag, path) in files {
        let (bytes, what) = match flag {
            "--onnx" => as_onnx(&saved),
            "--npz" => as_npz(&saved),
            _ => as_c(&saved, path),
        }
        .map_err(|problem| Error::content(&args.model, problem))?;
        if is_stdout(path) {
            print_bytes(&bytes)?;
        } else {
            write_atomically(path, &bytes)?;
        }
        if !args.quiet {
            let place = if is_stdout(path) { "to stdout".to_owned() } else { shown(path) };
            note(&format!("wrote {place}: {what}"));
        }
    }
    if let Some(warning) = warning.filter(|_| !args.quiet) {
        note(&warning);
    }
    if saved.dtype == Dtype::Bf16 && !args.quiet {
        note(
            "these files compute in f32; predict rounds the factors of products to bf16, so its numbers differ a little",
        );
    }
    Ok(DONE)
}

/// Warns if column or target values need more precision than the f32 of the exported files
///
/// An f32 model was trained on numbers in f32. Its targets are computed in f64 here, but not in the files.
fn coarse<'a>(saved: &SavedModel<f64>, mut flags: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_double = saved.dtype == Dtype::F64;
    if flags.all(|flag| flag == "--npz" && is_double) {
        return None;
    }
    let columns = if is_double { saved.signature.preprocessing.coarse_in_f32() } else { Vec::new() };
    let targets = saved.signature.outputs.targets().iter();
    let targets = targets.filter(|target| is_coarse_in_f32(target.center, 1.0 / target.scale));
    let names: Vec<String> = columns.into_iter().chain(targets.map(|target| target.name.clone())).collect();
    let shown = first_ten(names.iter().map(|name| printable(name).into_owned()), ", ");
    let remedy = if is_double { "--npz keeps f64, or train" } else { "train" };
    (!names.is_empty()).then(|| {
        format!(
            "warning: these files use float32, which can't represent small differences in {shown}; {remedy} with a constant \
             subtracted from them"
        )
    })
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file's bytes, and what is in it
type Exported = std::result::Result<(Vec<u8>, String), String>;

fn as_onnx(saved: &SavedModel<f64>) -> Exported {
    let bytes = onnx::to_bytes(saved)?;
    let (columns, n) = (saved.signature.preprocessing.columns(), saved.model.outputs());
    let outputs = match saved.signature.outputs {
        Outputs::Classes(_) => format!("outputs probabilities [batch, {n}] and label [batch]"),
        Outputs::Targets { .. } => format!("output output [batch, {n}]"),
    };
    let what = format!(
        "ONNX, opset {}, IR version {}; input [batch, {columns}], {outputs}; computes in {}",
        onnx::OPSET,
        onnx::IR_VERSION,
        saved.dtype.of_tensors().name()
    );
    Ok((bytes, what))
}

fn as_npz(saved: &SavedModel<f64>) -> Exported {
    let bytes = npz::to_bytes(saved)?;
    let parameters = several(saved.model.parameter_count(), "parameter");
    let what = format!("NumPy arrays, {parameters} in {}", saved.dtype.of_tensors().name());
    Ok((bytes, what))
}

fn as_c(saved: &SavedModel<f64>, path: &Path) -> Exported {
    let prefix = c_header::prefix(path);
    let c_header::Header { text, sizes } = c_header::header(saved, &prefix)?;
    let into = if saved.signature.outputs.targets().is_empty() { "probabilities" } else { "targets" };
    let what = format!(
        "C99, {prefix}_predict(input, {into}); {} bytes of constants, {} bytes on the stack",
        count(sizes.flash),
        count(sizes.ram)
    );
    Ok((text.into_bytes(), what))
}
