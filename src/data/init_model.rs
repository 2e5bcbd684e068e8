//! The model whose weights a run starts from: what it decides about the run, and whether the data fit it

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chainrule_kernels::Scalar;

use super::outputs::Outputs;
use super::preprocessing::{Column, Encoding, Preprocessing};
use super::signature::Signature;
use super::{Cells, Dataset, Inputs, Split, model_cells};
use crate::config::{HiddenDims, Missing, Scale, Settings, TrainConfig, text};
use crate::error::{Error, Result, first_ten, memory, printable, separated, shown};
use crate::nn::layers::{Activation, Norm};
use crate::nn::mlp::Mlp;
use crate::nn::model_file;

/// The settings of runs that start from models: each has the widths, the norm and the activation of its model
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
    norm: Norm,
    /// `None` if no layer has one, or the file does not say it
    activation: Option<Activation>,
    /// Whether the file leaves the activation to the settings
    is_open: bool,
}

impl InitNets {
    /// These settings with the widths, the norm and the activation of the model that `init` names, if it names one
    ///
    /// # Errors
    /// If the model can't be read, or the settings have other widths, another norm or another activation.
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
        let settings = agreed(settings, "norm", net.norm.to_string())?;
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
        let uneven = || {
            let problem = "has not the same norm after all of its hidden linear layers, expected batch norm, layer norm or none after all";
            Error::content(path, problem)
        };
        let norm = file.model.norm().ok_or_else(uneven)?;
        let found = file.model.activation();
        let is_open = found.is_some() && file.state_dict.is_some();
        Ok(Self { hidden_dims, norm, activation: found.filter(|_| !is_open), is_open })
    }
}

/// A data set for a run that starts from a model
#[derive(Debug)]
pub struct Fitted<'a> {
    /// The inputs and outputs that the weights of the model were trained for; `None` for a state dict of PyTorch, which
    /// says nothing about them
    ///
    /// The loss of targets is that of the settings.
    pub signature: Option<Signature>,
    /// The set with its columns in the order of the model
    pub set: Cow<'a, Dataset>,
}

/// The data set `set` as the model at `path` reads it: columns are matched by their names, as far as they have names
///
/// # Errors
/// If the model can't be read, the data have other classes, targets or columns, settings ask for another preprocessing, or
/// there is no memory for the set in another order.
pub fn fitted<'a>(path: &str, config: &TrainConfig, set: &'a Dataset) -> Result<Fitted<'a>> {
    let path = Path::new(path);
    let file = model_file::load::<f32>(path, config.activation)?;
    let (features, outputs) = (file.model.features(), file.model.outputs());
    let wrong = |problem: String| Err(Error::content(path, problem));
    if file.state_dict.is_some() {
        if outputs == set.task.outputs() {
            return Ok(Fitted { signature: None, set: Cow::Borrowed(set) });
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
    let places = places(preprocessing, set).map_err(|problem| Error::content(path, problem))?;
    let set = places.map_or(Ok(Cow::Borrowed(set)), |places| in_order(set, &places).map(Cow::Owned))?;
    check_columns(preprocessing, &set).map_err(|problem| Error::content(path, problem))?;
    check_settings(preprocessing, config)?;
    if let Some(place) = lacking(preprocessing, config, &set) {
        return wrong(format!(
            "has nothing that replaces a missing number, but {place} has one; --missing drop leaves such rows out"
        ));
    }
    Ok(Fitted { signature: Some(signature), set })
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
    let model = model_file::load(path, config.activation)?.model.with_dropout(config.design());
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

/// The index of each of the model's columns among those of the data; `None` if the order is the same, or is all that is
/// known of them
///
/// # Errors
/// If the data lack a column or have one more; the message names them.
fn places(model: &Preprocessing, set: &Dataset) -> std::result::Result<Option<Vec<usize>>, String> {
    let (found, expected) = (&set.inputs.names, &model.names);
    if found.is_empty() || expected.is_empty() {
        let [found, expected] = [set.inputs.columns(), model.columns()];
        let [shown_found, shown_expected] = [found, expected].map(separated);
        let problem = || format!("reads {shown_expected} columns, but the data have {shown_found}");
        return if found == expected { Ok(None) } else { Err(problem()) };
    }
    if found == expected {
        return Ok(None);
    }
    let (in_data, in_model) = (index(found), index(expected));
    let besides = |names: &[String], others: &HashMap<&str, usize>| {
        let names = names.iter().filter(|name| !others.contains_key(name.as_str()));
        let mut names = names.map(|name| format!("`{}`", printable(name))).peekable();
        names.peek().is_some().then(|| first_ten(names, ", "))
    };
    let missing = besides(expected, &in_data).map(|names| format!("reads {names}, which the data lack"));
    let more = besides(found, &in_model).map(|names| {
        format!("does not read {names} of the data; --ignore or --keep-as-id leaves columns out")
    });
    if missing.is_some() || more.is_some() {
        return Err(missing.into_iter().chain(more).collect::<Vec<_>>().join("; it "));
    }
    Ok(Some(expected.iter().map(|name| in_data[name.as_str()]).collect()))
}

/// The position of each name
fn index(names: &[String]) -> HashMap<&str, usize> {
    names.iter().map(String::as_str).zip(0..).collect()
}

/// A copy of the data with the columns in another order, which counts as the same data
///
/// * `places`: the index of each of the columns in the new order
fn in_order(set: &Dataset, places: &[usize]) -> Result<Dataset> {
    let cells = [&set.train.cells, &set.test.cells];
    let bytes: u128 = cells.map(|cells| (cells.len() * cells.cell_bytes()) as u128).iter().sum();
    memory::check(bytes, || "the data with the columns in the order of the model of --init".to_owned())?;
    let split = |split: &Split| Split {
        cells: model_cells::in_order(&split.cells, places),
        columns: split.columns,
        labels: split.labels.clone(),
    };
    let names = places.iter().map(|&place| set.inputs.names[place].clone()).collect();
    let values = |&place: &usize| set.inputs.categories.get(place).cloned().flatten();
    let categories = match set.inputs.categories[..] {
        [] => Vec::new(),
        _ => places.iter().map(values).collect(),
    };
    Ok(Dataset {
        source: set.source.clone(),
        inputs: Inputs { names, categories, ..set.inputs.clone() },
        task: set.task.clone(),
        task_note: set.task_note.clone(),
        train: split(&set.train),
        row_weights: set.row_weights.clone(),
        test: split(&set.test),
        warnings: set.warnings.clone(),
        undivided_hash: Some(set.hash()),
    })
}

/// Checks that the columns of the data, in the order of the model, hold numbers or categories as the model's do
fn check_columns(model: &Preprocessing, set: &Dataset) -> std::result::Result<(), String> {
    let Encoding::Columns { columns, .. } = &model.encoding else {
        return match set.train.cells {
            Cells::Bytes(_) => Ok(()),
            _ => Err("reads pixels, which are bytes, but the data are other numbers".to_owned()),
        };
    };
    for (at, column) in columns.iter().enumerate() {
        let is_category = set.inputs.categories.get(at).is_some_and(Option::is_some);
        if is_category != matches!(column, Column::Category(_)) {
            let [expected, found] =
                if is_category { ["numbers", "categories"] } else { ["categories", "numbers"] };
            let name = model.column_name(at);
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
