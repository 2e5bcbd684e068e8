//! What a state dict of PyTorch does not say about its model: activation, inputs and classes

use std::path::Path;

use chainrule_kernels::Scalar;

use super::class_name;
use super::outputs::{Outputs, Target};
use super::preprocessing::{Column, Encoding, Preprocessing};
use super::signature::Signature;
use crate::config::Scale;
use crate::error::{Error, Result, separated, shown};
use crate::nn::layers::Activation;
use crate::nn::loss::ErrorFunction;
use crate::nn::model_file::ModelFile;
use crate::nn::state_dict::StateDict;

/// What a person says about a state dict; `None` where a default is assumed
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The activation between two linear layers
    pub activation: Option<Activation>,
    /// How cells become numbers
    pub inputs: Option<ImportedInputs>,
    /// What happens to the numbers
    pub normalize: Option<Normalize>,
    /// Names of the classes
    pub class_names: Option<Vec<String>>,
    /// Names of the targets, where outputs are numbers rather than logits
    pub target_names: Option<Vec<String>>,
    /// What outputs of numbers are multiplied by (`std`), and what is added then (`mean`)
    pub target_scale: Option<Normalize>,
}

/// How the cells of a row become the inputs of a model from PyTorch
#[derive(Clone, Debug)]
pub enum ImportedInputs {
    /// Each is a byte that is divided by 255, as torchvision's `ToTensor` does
    Pixels,
    /// As they are
    Numbers,
    /// As another model reads them
    Like(Preprocessing),
}

/// `(x − mean) / std`, as torchvision's `Normalize`
#[derive(Clone, Debug)]
pub struct Normalize {
    /// One for all inputs, or one for each
    pub mean: Vec<f64>,
    /// One for all inputs, or one for each
    pub std: Vec<f64>,
}

/// A state dict as it was read
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its tensors
    pub state_dict: StateDict,
    /// The preprocessing of bytes, where it was not said whether cells are pixels or numbers
    pub of_bytes: Option<Preprocessing>,
    /// What nobody said, for which a default is assumed
    pub assumed: Vec<Assumed>,
}

/// Something that neither a state dict nor a person says
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumed {
    /// The activation between two linear layers
    Activation(Activation),
    /// How cells become inputs
    Inputs,
    /// The names of the classes, which are then their numbers
    ClassNames,
    /// That outputs are numbers to predict, and their names
    TargetNames,
}

impl Import {
    /// The flags that were given
    fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--activation", self.activation.is_some()),
            ("--inputs", self.inputs.is_some()),
            ("--mean", self.normalize.is_some()),
            ("--class-names", self.class_names.is_some()),
            ("--target-names", self.target_names.is_some()),
            ("--target-mean", self.target_scale.is_some()),
        ];
        flags.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag).collect()
    }

    /// Checks that no flag was given for a file that has all of it itself
    pub(super) fn none_given(&self, path: &Path) -> Result<()> {
        match &self.given()[..] {
            [] => Ok(()),
            given => Err(Error::Usage(format!(
                "{} is a model of chainrule, which says its activation, inputs and classes itself; leave out {}",
                shown(path),
                given.join(", ")
            ))),
        }
    }

    /// What the inputs and outputs of a state dict mean
    ///
    /// # Errors
    /// If what was said does not fit its numbers of inputs and outputs.
    pub(super) fn signature<T: Scalar>(
        &self,
        path: &Path,
        file: &ModelFile<T>,
        state_dict: StateDict,
    ) -> Result<(Signature, Imported)> {
        let (features, outputs) = (file.model.features(), file.model.outputs());
        let (preprocessing, of_bytes) = self.preprocessing(path, features)?;
        let outputs_mean = match self.are_numbers(outputs) {
            true => self.targets(path, outputs)?,
            false => Outputs::Classes(self.classes(path, outputs)?),
        };
        let signature = Signature { outputs: outputs_mean, preprocessing };
        let assumed = self.assumed(&state_dict, outputs);
        Ok((signature, Imported { state_dict, of_bytes, assumed }))
    }

    /// Whether the outputs are numbers to predict: if a person says so, or there is one
    fn are_numbers(&self, outputs: usize) -> bool {
        self.target_names.is_some() || self.target_scale.is_some() || outputs == 1
    }

    /// The targets
    fn targets(&self, path: &Path, outputs: usize) -> Result<Outputs> {
        let model = shown(path);
        if self.class_names.is_some() {
            let problem =
                format!("--class-names is for classes, but the outputs of {model} are numbers to predict");
            return Err(Error::Usage(problem));
        }
        let expected = separated(outputs);
        let misfit = |flag: &str, found: usize| {
            let found = separated(found);
            Error::Usage(format!("{flag} gives {found}, but {model} has {expected} outputs"))
        };
        let names = match &self.target_names {
            Some(names) if names.len() != outputs => return Err(misfit("--target-names", names.len())),
            Some(names) => names.clone(),
            None if outputs == 1 => vec!["y".to_owned()],
            None => (1..=outputs).map(|k| format!("y{k}")).collect(),
        };
        let moments =
            self.target_scale.iter().flat_map(|n| [("--target-mean", &n.mean), ("--target-std", &n.std)]);
        for (flag, numbers) in moments {
            if numbers.len() != 1 && numbers.len() != outputs {
                return Err(misfit(flag, numbers.len()));
            }
        }
        let of = |numbers: &[f64], at: usize| if numbers.len() == 1 { numbers[0] } else { numbers[at] };
        let target = |(at, name)| {
            let scale = self.target_scale.as_ref();
            let [center, scale] = scale.map_or([0.0, 1.0], |n| [of(&n.mean, at), of(&n.std, at)]);
            Target { name, center, scale }
        };
        let targets = names.into_iter().enumerate().map(target).collect();
        Ok(Outputs::Targets { targets, loss: ErrorFunction::Mse })
    }

    /// The names of the classes
    fn classes(&self, path: &Path, outputs: usize) -> Result<Vec<String>> {
        let Some(names) = &self.class_names else { return Ok((0..outputs).map(|k| k.to_string()).collect()) };
        if names.len() != outputs {
            let (found, expected) = (separated(names.len()), separated(outputs));
            let model = shown(path);
            let problem = format!("--class-names gives {found} names, but {model} has {expected} outputs");
            return Err(Error::Usage(problem));
        }
        match class_name::problem(names, "name") {
            Some((at, problem)) => Err(Error::Usage(format!("--class-names: name {}: {problem}", at + 1))),
            None => Ok(names.clone()),
        }
    }

    /// The preprocessing, and that of bytes if it depends on the type of the cells
    fn preprocessing(&self, path: &Path, features: usize) -> Result<(Preprocessing, Option<Preprocessing>)> {
        let normalize = self.normalize.as_ref();
        for (flag, numbers) in normalize.iter().flat_map(|n| [("--mean", &n.mean), ("--std", &n.std)]) {
            if numbers.len() != 1 && numbers.len() != features {
                let (found, expected) = (separated(numbers.len()), separated(features));
                return Err(Error::Usage(format!(
                    "{flag} gives {found} numbers, expected 1, or {expected}: one for each input of {}",
                    shown(path)
                )));
            }
        }
        match &self.inputs {
            None => Ok((numbers(features, normalize), Some(pixels(features, normalize)))),
            Some(ImportedInputs::Numbers) => Ok((numbers(features, normalize), None)),
            Some(ImportedInputs::Pixels) => Ok((pixels(features, normalize), None)),
            Some(ImportedInputs::Like(other)) if normalize.is_some() => Err(Error::Usage(format!(
                "--inputs names a model, which scales its {} columns itself; leave out --mean and --std",
                separated(other.columns())
            ))),
            Some(ImportedInputs::Like(other)) if other.features() != features => {
                let (found, expected) = (separated(other.features()), separated(features));
                Err(Error::Usage(format!(
                    "--inputs names a model of {found} inputs, but {} has {expected}",
                    shown(path)
                )))
            }
            Some(ImportedInputs::Like(other)) => Ok((other.clone(), None)),
        }
    }

    /// What nobody said
    fn assumed(&self, state_dict: &StateDict, outputs: usize) -> Vec<Assumed> {
        let activation = self.activation.is_none() && state_dict.has_activation();
        let all = [
            activation.then(|| Assumed::Activation(Activation::default())),
            self.inputs.is_none().then_some(Assumed::Inputs),
            match self.are_numbers(outputs) {
                true => self.target_names.is_none().then_some(Assumed::TargetNames),
                false => self.class_names.is_none().then_some(Assumed::ClassNames),
            },
        ];
        all.into_iter().flatten().collect()
    }
}

fn numbers(features: usize, normalize: Option<&Normalize>) -> Preprocessing {
    columns(features, normalize, 1.0)
}

fn pixels(features: usize, normalize: Option<&Normalize>) -> Preprocessing {
    match normalize {
        None => Preprocessing { dims: vec![features], names: Vec::new(), encoding: Encoding::Pixels },
        // (x / 255 − m) / s
        Some(_) => columns(features, normalize, 255.0),
    }
}

/// Columns `(x / unit − mean) / std`
fn columns(features: usize, normalize: Option<&Normalize>, unit: f64) -> Preprocessing {
    let of = |numbers: &[f64], at: usize| if numbers.len() == 1 { numbers[0] } else { numbers[at] };
    let (scale, column): (_, Box<dyn Fn(usize) -> Column>) = match normalize {
        None => (Scale::None, Box::new(|_| Column::Number { center: 0.0, factor: 1.0, fill: None })),
        Some(Normalize { mean, std }) => (
            Scale::Standard,
            Box::new(move |at| {
                let (center, factor) = (unit * of(mean, at), 1.0 / (unit * of(std, at)));
                Column::Number { center, factor, fill: None }
            }),
        ),
    };
    let columns = (0..features).map(column).collect();
    Preprocessing { dims: vec![features], names: Vec::new(), encoding: Encoding::Columns { scale, columns } }
}
