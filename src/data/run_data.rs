//! A data set as one run uses it: which rows it trains and validates on, and what it learns from the former

use std::borrow::Cow;
use std::path::Path;

use super::init_model::{self, Fitted};
use super::learn::learn;
use super::outputs::Outputs;
use super::preprocessing::Preprocessing;
use super::row_weights::weights;
use super::signature::Signature;
use super::unknown_texts::{KnownTexts, Rows};
use super::validation_split::{Parts, hold_out};
use super::{Dataset, Task, augmentation, id_columns, target_column};
use crate::config::{Dtype, LossChoice, TrainConfig};
use crate::error::{Error, Result, first_ten, printable};
use crate::nn::Metadata;
use crate::random::Purpose;

/// A data set as one run uses it
#[derive(Debug)]
pub struct RunData<'a> {
    /// The data set; where a run starts from a model, its columns have the order of the model
    pub set: Cow<'a, Dataset>,
    /// The rows of the training set that are trained on
    pub train_rows: Vec<u32>,
    /// The rows of the training set that are held out; `None` without a validation split
    pub val_rows: Option<Vec<u32>>,
    /// The preprocessing, learnt from the rows that are trained on, or that of the model that the run starts from
    pub preprocessing: Preprocessing,
    /// What the outputs of the net mean; targets are standardised by the rows that are trained on
    pub outputs: Outputs,
    /// What the loss of each row of the training set is multiplied by; `None`: 1
    pub weights: Option<Vec<f64>>,
    /// What a person should know about the data, such as constant columns
    pub warnings: Vec<String>,
}

impl<'a> RunData<'a> {
    /// Divides the training set, and learns the preprocessing and the weights from the rows that are trained on; a run that
    /// starts from a model has the preprocessing of that
    ///
    /// # Errors
    /// If there is a validation split, but no class has two rows; all rows that are trained on have weight 0, or the same
    /// target; a setting is for another task; or the model that the run starts from does not fit the data.
    ///
    /// # Panics
    /// If there are 2³² rows or more.
    pub fn new(config: &TrainConfig, set: &'a Dataset) -> Result<Self> {
        Self::with_model(config, set, config.init.as_deref())
    }

    /// The data of a run that goes on, as [`Self::new`]; one that started from a model has the preprocessing of its own
    ///
    /// * `model`: the run's model file
    ///
    /// # Errors
    /// As those of [`Self::new`].
    ///
    /// # Panics
    /// As those of [`Self::new`].
    pub fn of_run(config: &TrainConfig, set: &'a Dataset, model: &Path) -> Result<Self> {
        let model = model.to_string_lossy();
        Self::with_model(config, set, config.init.as_ref().map(|_| model.as_ref()))
    }

    fn with_model(config: &TrainConfig, set: &'a Dataset, model: Option<&str>) -> Result<Self> {
        augmentation::check(config, set)?;
        let (train_rows, val_rows) = divide(config, set)?;
        let learnt_outputs = outputs(config, set, &train_rows)?;
        let (kept, set) = match model.map(|model| init_model::fitted(model, config, set)).transpose()? {
            Some(Fitted { signature, set }) => (signature, set),
            None => (None, Cow::Borrowed(set)),
        };
        let is_kept = kept.is_some();
        let (preprocessing, outputs, mut warnings) = match kept {
            Some(Signature { preprocessing, outputs }) => (preprocessing, outputs, Vec::new()),
            None => {
                let (preprocessing, warnings) = learn(&set, &train_rows, config.scale, config.missing);
                (preprocessing, learnt_outputs, warnings)
            }
        };
        warnings.extend(unknown_texts(&set, &train_rows, val_rows.as_deref(), &preprocessing, is_kept));
        let coarse = preprocessing.coarse_in_f32();
        if config.dtype != Dtype::F64 && !coarse.is_empty() {
            let names = first_ten(coarse.iter().map(|name| printable(name).into_owned()), ", ");
            warnings.push(format!(
                "numbers so far from 0 that f32 rounds away their differences in part: {names}; add --dtype f64, or subtract \
                 a constant from them"
            ));
        }
        warnings.extend(augmentation::warning(config, &set, &preprocessing));
        let weights = weights(config, &set, &train_rows)?;
        Ok(Self { set, train_rows, val_rows, preprocessing, outputs, weights, warnings })
    }

    /// What the inputs and outputs of a net for these data mean
    pub fn signature(&self) -> Signature {
        Signature { outputs: self.outputs.clone(), preprocessing: self.preprocessing.clone() }
    }

    /// The metadata of a model for these data: the signature, the columns that name a row, and the column of the classes
    pub fn metadata(&self) -> Metadata {
        let mut metadata = self.signature().to_metadata();
        id_columns::add(&self.set.inputs.ids, &mut metadata);
        let column = self.set.inputs.target.as_ref();
        target_column::add(column.filter(|_| !self.outputs.classes().is_empty()), &mut metadata);
        metadata
    }

    /// Widths of the net that the settings describe, from these inputs to these outputs
    pub fn dims(&self, config: &TrainConfig) -> Vec<usize> {
        config.dims(self.preprocessing.features(), self.outputs.len())
    }
}

/// Warnings of texts for which the net has no input
///
/// Texts of test rows that no row of the training set has are among the warnings of the set.
///
/// * `is_kept`: whether the preprocessing is that of a model, which may lack texts of the rows that are trained on
fn unknown_texts(
    set: &Dataset,
    train_rows: &[u32],
    val_rows: Option<&[u32]>,
    preprocessing: &Preprocessing,
    is_kept: bool,
) -> Vec<String> {
    let known = KnownTexts::of_model(&set.inputs, preprocessing);
    let in_training_set =
        KnownTexts::of_rows(&set.inputs, Rows { name: "training", split: &set.train, rows: None });
    let lacking = if is_kept { "the model of --init does" } else { "the training rows do" };
    let warnings =
        |name, split, rows, among| known.warnings(&set.source, Rows { name, split, rows }, lacking, among);
    let mut all = warnings("training", &set.train, Some(train_rows), None);
    all.extend(val_rows.iter().flat_map(|rows| warnings("validation", &set.train, Some(rows), None)));
    all.extend(warnings("test", &set.test, None, Some(&in_training_set)));
    all
}

/// The outputs of the net, learnt from the rows `rows`
fn outputs(config: &TrainConfig, set: &Dataset, rows: &[u32]) -> Result<Outputs> {
    let is_classes = matches!(set.task, Task::Classify(_));
    if is_classes && config.loss != LossChoice::Auto {
        let expected = "auto, which is cross-entropy, since these labels are classes".to_owned();
        let found = config.loss.of_numbers().to_string();
        return Err(Error::Setting { name: "loss", expected, found });
    }
    Outputs::learn(&set.task, &set.train.labels, rows, config.loss.of_numbers())
        .map_err(|problem| Error::content(set.source.as_ref(), problem))
}

fn divide(config: &TrainConfig, set: &Dataset) -> Result<(Vec<u32>, Option<Vec<u32>>)> {
    if config.val_split == 0.0 {
        let len = u32::try_from(set.train.len()).unwrap_or_else(|_| panic!("{} rows", set.train.len()));
        return Ok(((0..len).collect(), None));
    }
    let Parts { train, val } =
        hold_out(&set.train.labels.groups(), config.val_split, config.seed, Purpose::Validation);
    if val.is_empty() {
        let expected = "0 where no class has two samples".to_owned();
        return Err(Error::Setting { name: "val-split", expected, found: config.val_split.to_string() });
    }
    Ok((train, Some(val)))
}
