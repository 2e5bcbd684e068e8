//! The model whose weights a run starts from: what it decides about the run, and whether the data fit it

use std::path::{Path, PathBuf};

use chainrule_kernels::Scalar;

use super::outputs::Outputs;
use super::preprocessing::{Column, Encoding, Preprocessing};
use super::signature::Signature;
use super::{Cells, Dataset};
use crate::config::{HiddenDims, Missing, Scale, Settings, TrainConfig, text};
use crate::error::{Error, Result, first_ten, printable, separated, shown};
use crate::nn::layers::Activation;
use crate::nn::mlp::Mlp;
use crate::nn::model_file;

/// The settings of runs that start from models: each has the widths and the activation of its model
#[derive(Debug, Default)]
pub struct InitNets {
    /// The nets of the models that were read
    known: Vec<(PathBuf, Net)>,
    /// What was assumed about state dicts of PyTorch, in words
    pub assumed: Vec<String>,
}

/// What a model decides about the settings of a run
#[derive(Clone, Debug)]
struct Net {
    hidden_dims: HiddenDims,
    /// `None` if no layer has one, or the file does not say it
    activation: Option<Activation>,
    /// Whether the file leaves the activation to the settings
    is_open: bool,
}

impl InitNets {
    /// These settings with the widths and the activation of the model that `init` names, if it names one
    ///
    /// # Errors
    /// If the model can't be read, or the settings have other widths or another activation.
    pub fn complete(&mut self, settings: Settings) -> Result<Settings> {
        let Some(path) = settings.get("init").and_then(|value| value.as_str()).map(PathBuf::from) else {
            return Ok(settings);
        };
        let net = match self.known.iter().find(|(known, _)| *known == path) {
            Some((_, net)) => net.clone(),
            None => {
                let net = Net::read(&path)?;
                self.known.push((path.clone(), net.clone()));
                net
            }
        };
        let agreed = |settings: Settings, name: &'static str, expected: String| {
            let found = settings.get(name).map(text);
            match found.filter(|found| *found != expected) {
                None => Ok(settings.with(name, expected)),
                Some(found) => {
                    let found = found + &settings.place(name);
                    let expected = format!("{expected}, as {} (--init) has", shown(&path));
                    Err(Error::Setting { name, expected, found })
                }
            }
        };
        let settings = agreed(settings, "hidden_dims", net.hidden_dims.to_string())?;
        if net.is_open && settings.get("activation").is_none() {
            let (file, activation) = (shown(&path), Activation::default());
            self.assumed.push(format!(
                "{file} is a state dict of PyTorch; assumed: {activation} between its layers (--activation)"
            ));
        }
        match net.activation {
            Some(activation) => agreed(settings, "activation", activation.to_string()),
            None => Ok(settings),
        }
    }
}

impl Net {
    fn read(path: &Path) -> Result<Self> {
        let file = model_file::load::<f32>(path, Activation::default())?;
        let dims = file.model.dims();
        let hidden_dims = HiddenDims(dims[1..dims.len() - 1].to_vec());
        let found = file.model.activation();
        let is_open = found.is_some() && file.state_dict.is_some();
        Ok(Self { hidden_dims, activation: found.filter(|_| !is_open), is_open })
    }
}

/// The inputs and outputs that the weights of the model at `path` were trained for; `None` for a state dict of PyTorch,
/// which says nothing about them
///
/// The loss of targets is that of the settings.
///
/// # Errors
/// If the model can't be read, the data have other classes, targets or columns, or settings ask for another
/// preprocessing.
pub fn signature(path: &str, config: &TrainConfig, set: &Dataset) -> Result<Option<Signature>> {
    let path = Path::new(path);
    let file = model_file::load::<f32>(path, config.activation)?;
    let (features, outputs) = (file.model.features(), file.model.outputs());
    let wrong = |problem: String| Err(Error::content(path, problem));
    if file.state_dict.is_some() {
        if outputs == set.task.outputs() {
            return Ok(None);
        }
        let [found, expected] = [outputs, set.task.outputs()].map(separated);
        let what = kind(set);
        return wrong(format!("has {found} outputs, but the data have {expected} {what}"));
    }
    let mut signature = Signature::from_metadata(&file.metadata, features, outputs)
        .map_err(|problem| Error::content(path, problem))?;
    let names = signature.outputs.names();
    let is_same_task = signature.outputs.classes().is_empty() == set.task.classes().is_empty();
    if !is_same_task || names != set.task.names() {
        let list = |names: &[String]| first_ten(names.iter().map(|name| printable(name).into_owned()), ", ");
        return wrong(format!(
            "has the {} {}, but the data have the {} {}",
            if signature.outputs.classes().is_empty() { "targets" } else { "classes" },
            list(&names),
            kind(set),
            list(set.task.names())
        ));
    }
    if let Outputs::Targets { loss, .. } = &mut signature.outputs {
        *loss = config.loss.of_numbers();
    }
    let preprocessing = &signature.preprocessing;
    check_columns(preprocessing, set).map_err(|problem| Error::content(path, problem))?;
    check_settings(preprocessing, config)?;
    if let Some(place) = lacking(preprocessing, config, set) {
        return wrong(format!(
            "has nothing that replaces a missing number, but {place} has one; --missing drop leaves such rows out"
        ));
    }
    Ok(Some(signature))
}

/// What the data are labelled with
fn kind(set: &Dataset) -> &'static str {
    if set.task.classes().is_empty() { "targets" } else { "classes" }
}

/// The net of the model at `path`, whose weights a run starts from
///
/// # Errors
/// If the model can't be read, or has other widths than the run.
pub fn net<T: Scalar>(path: &str, config: &TrainConfig, dims: &[usize]) -> Result<Mlp<T>> {
    let path = Path::new(path);
    let model = model_file::load(path, config.activation)?.model;
    if model.dims() == dims {
        return Ok(model);
    }
    let shown = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
    let problem = format!(
        "is a net {}, expected {}, from the inputs to the outputs",
        shown(&model.dims()),
        shown(dims)
    );
    Err(Error::content(path, problem))
}

/// Checks that the columns of the data are those of the model, in the same order
fn check_columns(model: &Preprocessing, set: &Dataset) -> std::result::Result<(), String> {
    let (found, expected) = (set.inputs.columns(), model.columns());
    if found != expected {
        let [found, expected] = [found, expected].map(separated);
        return Err(format!("reads {expected} columns, but the data have {found}"));
    }
    let Encoding::Columns { columns, .. } = &model.encoding else {
        return match set.train.cells {
            Cells::Bytes(_) => Ok(()),
            _ => Err("reads pixels, which are bytes, but the data are other numbers".to_owned()),
        };
    };
    for (at, column) in columns.iter().enumerate() {
        let (name, found) = (model.column_name(at), set.inputs.names.get(at));
        if let Some(found) = found.filter(|found| !model.names.is_empty() && **found != name) {
            let [name, found] = [name.as_str(), found].map(printable);
            return Err(format!("reads `{name}` as column {}, but the data have `{found}` there", at + 1));
        }
        let is_category = set.inputs.categories.get(at).is_some_and(Option::is_some);
        if is_category != matches!(column, Column::Category(_)) {
            let [expected, found] =
                if is_category { ["numbers", "categories"] } else { ["categories", "numbers"] };
            let name = printable(&name);
            return Err(format!("reads {expected} in `{name}`, but the data have {found} (--categorical)"));
        }
    }
    Ok(())
}

/// Checks that settings of the preprocessing are left to the model
fn check_settings(model: &Preprocessing, config: &TrainConfig) -> Result<()> {
    let scale = match &model.encoding {
        Encoding::Pixels => Scale::Auto,
        Encoding::Columns { scale, .. } => *scale,
    };
    if [Scale::Auto, scale].contains(&config.scale) {
        return Ok(());
    }
    let name = |scale: Scale| {
        clap::ValueEnum::to_possible_value(&scale).map_or_else(String::new, |name| name.get_name().to_owned())
    };
    let expected = format!("{}, since the model of --init scales its inputs", name(scale));
    Err(Error::Setting { name: "scale", expected, found: name(config.scale) })
}

/// The first place with a missing number that the model has no fill for
fn lacking(model: &Preprocessing, config: &TrainConfig, set: &Dataset) -> Option<String> {
    let Encoding::Columns { columns, .. } = &model.encoding else { return None };
    let is_filled = |column: &Column| !matches!(column, Column::Number { fill: None, .. });
    let fills = matches!(config.missing, Missing::Mean | Missing::Median | Missing::Zero);
    if !fills || columns.iter().all(is_filled) {
        return None;
    }
    [("training", &set.train), ("test", &set.test)].into_iter().find_map(|(what, split)| {
        let is_lacking =
            |at: &usize| !is_filled(&columns[at % columns.len()]) && split.cells.get(*at).is_nan();
        let at = (0..split.cells.len()).find(is_lacking)?;
        let (row, column) = (separated(at / columns.len() + 1), model.column_name(at % columns.len()));
        Some(format!("{what} row {row}, column {}", printable(&column)))
    })
}
