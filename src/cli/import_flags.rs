//! The flags that say what a state dict of PyTorch does not say: activation, inputs and classes

use std::path::Path;

use anyhow::Result;
use chainrule::Error;
use chainrule::config::expand_home;
use chainrule::data::class_names::read_names;
use chainrule::data::import::{Assumed, Import, ImportedInputs, Normalize};
use chainrule::data::saved_model::{self, AnyModel, SavedModel};
use chainrule::data::source_kind::{self, Kind};
use chainrule::error::{printable, shown};
use chainrule::nn::layers::Activation;
use chainrule_kernels::Scalar;

use super::format::count;
use super::note;

/// The flags for a state dict of PyTorch; a model of this program needs none of them, and refuses them
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "State dict of PyTorch")]
pub struct ImportFlags {
    /// Activation between its linear layers [default: relu]
    #[arg(long, value_name = "NAME", value_enum)]
    activation: Option<Activation>,

    /// How cells become inputs: `pixels` divides by 255, `none` takes numbers as they are, and a model.safetensors has
    /// columns and scales of its own [default: pixels for bytes, such as images; none for other numbers]
    #[arg(long, value_name = "pixels|none|MODEL")]
    inputs: Option<String>,

    /// Mean that is subtracted from the inputs, after the division by 255; one for all, or one for each
    #[arg(
        long, value_name = "M", value_delimiter = ',', requires = "std",
        allow_negative_numbers = true, value_parser = finite
    )]
    mean: Vec<f64>,

    /// Standard deviation that the difference is divided by, as in torchvision's Normalize; one for all, or one for each
    #[arg(
        long, value_name = "S", value_delimiter = ',', requires = "mean",
        allow_negative_numbers = true, value_parser = divisor
    )]
    std: Vec<f64>,

    /// Names of the classes, separated by commas; or a file with a name on each line; or a model.safetensors, whose
    /// names are taken [default: 0, 1, …]
    #[arg(long, value_name = "NAMES|FILE")]
    class_names: Option<String>,

    /// Names of the outputs, separated by commas, if they are numbers to predict [default: y, if there is one output]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    target_names: Vec<String>,

    /// Mean that is added to outputs that are numbers, after they are multiplied by --target-std; one for all, or one for each
    #[arg(
        long, value_name = "M", value_delimiter = ',', requires = "target_std",
        allow_negative_numbers = true, value_parser = finite
    )]
    target_mean: Vec<f64>,

    /// Standard deviation that outputs that are numbers are multiplied by; one for all, or one for each
    #[arg(
        long, value_name = "S", value_delimiter = ',', requires = "target_mean",
        allow_negative_numbers = true, value_parser = divisor
    )]
    target_std: Vec<f64>,
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| "expected a finite number".to_owned())
}

/// A number above 0 whose inverse is a number in f32, also where it is multiplied by 255
fn divisor(text: &str) -> Result<f64, String> {
    let is_usable = |x: &f64| {
        let inverses = [1.0 / x, 1.0 / (255.0 * x)].map(|inverse| inverse as f32);
        inverses.iter().all(|&inverse| inverse.is_finite() && inverse > 0.0)
    };
    text.parse().ok().filter(is_usable).ok_or_else(|| "expected a number above 0".to_owned())
}

impl ImportFlags {
    /// Reads a model for a command that reads no rows; a note says what was assumed about a state dict, unless `quiet`
    pub fn load<T: Scalar>(&self, path: &Path, quiet: bool) -> Result<SavedModel<T>> {
        let saved = saved_model::load_as(path, &self.import()?)?;
        tell(path, &saved, false, quiet);
        Ok(saved)
    }

    /// Reads a model in the element type of the file, for a command that reads rows; a note says what was assumed about a
    /// state dict, unless `quiet`
    pub fn load_any(&self, path: &Path, quiet: bool) -> Result<AnyModel> {
        let saved = saved_model::load_any(path, &self.import()?)?;
        match &saved {
            AnyModel::Single(saved) => tell(path, saved, true, quiet),
            AnyModel::Double(saved) => tell(path, saved, true, quiet),
        }
        Ok(saved)
    }

    fn import(&self) -> Result<Import> {
        let moments = |mean: &[f64], std: &[f64]| {
            (!mean.is_empty()).then(|| Normalize { mean: mean.to_vec(), std: std.to_vec() })
        };
        Ok(Import {
            activation: self.activation,
            inputs: self.inputs.as_deref().map(inputs).transpose()?,
            normalize: moments(&self.mean, &self.std),
            class_names: self.class_names.as_deref().map(class_names).transpose()?,
            target_names: (!self.target_names.is_empty()).then(|| self.target_names.clone()),
            target_scale: moments(&self.target_mean, &self.target_std),
        })
    }
}

/// Says what was assumed about a state dict
fn tell<T>(path: &Path, saved: &SavedModel<T>, has_rows: bool, quiet: bool) {
    let Some(imported) = saved.imported.as_ref().filter(|imported| !quiet && !imported.assumed.is_empty())
    else {
        return;
    };
    let words = |assumed: &Assumed| match assumed {
        Assumed::Activation(activation) => format!("{activation} between its layers (--activation)"),
        Assumed::Inputs if has_rows => "bytes / 255, and other numbers as they are (--inputs)".to_owned(),
        Assumed::Inputs => "inputs as they are (--inputs)".to_owned(),
        Assumed::ClassNames => {
            format!("classes 0 to {} (--class-names)", count(saved.signature.outputs.len().saturating_sub(1)))
        }
        Assumed::TargetNames => {
            format!(
                "outputs that are numbers: {} (--target-names)",
                saved.signature.outputs.names().join(", ")
            )
        }
    };
    let assumed: Vec<String> = imported.assumed.iter().map(words).collect();
    note(&format!("{} is a state dict of PyTorch; assumed: {}", shown(path), assumed.join(", ")));
}

fn usage(problem: String) -> Error {
    Error::Usage(problem)
}

/// The value of `--inputs`
fn inputs(text: &str) -> Result<ImportedInputs> {
    match text {
        "pixels" => return Ok(ImportedInputs::Pixels),
        "none" => return Ok(ImportedInputs::Numbers),
        _ => {}
    }
    let path = expand_home(text).map_err(|e| usage(format!("--inputs: {e}")))?;
    let path = Path::new(&path);
    if !path.exists() {
        let found = printable(text);
        return Err(
            usage(format!("--inputs is {found}, expected pixels, none, or a model.safetensors")).into()
        );
    }
    let saved: SavedModel<f32> = saved_model::load(path)?;
    if saved.imported.is_some() {
        let problem =
            "is a state dict of PyTorch, expected a model.safetensors of chainrule, which says its inputs";
        return Err(Error::content(path, problem).into());
    }
    Ok(ImportedInputs::Like(saved.signature.preprocessing))
}

/// The value of `--class-names`: a file, or the names themselves
fn class_names(text: &str) -> Result<Vec<String>> {
    let path = expand_home(text).map_err(|e| usage(format!("--class-names: {e}")))?;
    let path = Path::new(&path);
    if path.is_file() {
        if matches!(source_kind::kind(path), Ok(Kind::Model)) {
            let saved: SavedModel<f32> = saved_model::load(path)?;
            return Ok(saved.signature.outputs.names());
        }
        return read_names(path)?
            .ok_or_else(|| usage(format!("{}: there is no such file", shown(path))).into());
    }
    if !text.contains(',') {
        let found = printable(text);
        let expected = "expected names separated by commas, a file of names, or a model.safetensors";
        return Err(usage(format!("--class-names is {found}, which is no file, {expected}")).into());
    }
    Ok(text.split(',').map(|name| name.trim().to_owned()).collect())
}
