//! Labelled rows as a model reads them: its columns in its order, and its classes or targets

use super::model_cells::{self, Origin, UnknownValues};
use super::model_labels::of_model;
use super::options::{DataOptions, TableOptions};
use super::outputs::Outputs;
use super::raw::{RawLabels, RawSet, RawSets};
use super::read_source::read;
use super::signature::Signature;
use super::table_set::Wanted;
use super::validation_split::hold_out;
use super::{Cells, Dataset, Inputs, Labels, Split, source_flags};
use crate::config::TaskChoice;
use crate::error::{Error, Result, first_ten, printable, separated};
use crate::random::Purpose;

/// Which rows of a data set they are
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The test set
    Test,
    /// All rows, since there is no test set
    All,
}

/// Labelled rows as a model reads them
#[derive(Debug)]
pub struct ModelSet {
    /// Where the rows are from
    pub source: String,
    /// Which rows of it they are
    pub part: Part,
    /// What the columns are
    pub inputs: Inputs,
    /// Cells and labels
    pub rows: Split,
    /// Warnings of values that the model does not know
    pub warnings: Vec<String>,
}

impl ModelSet {
    /// Loads the test set of the data that the options describe, or all rows if there is none
    ///
    /// # Errors
    /// If the data can't be read, or the rows or labels don't fit the model.
    pub fn load(options: &DataOptions, signature: &Signature) -> Result<Self> {
        if options.data.as_deref() == Some("synthetic") && options.test_data.is_none() {
            return Self::synthetic(options, signature);
        }
        source_flags::check(options)?;
        let (task, known_labels) = match &signature.outputs {
            Outputs::Classes(names) => (TaskChoice::Classify, Some(names.clone())),
            Outputs::Targets { .. } => (TaskChoice::Regress, None),
        };
        let table = TableOptions { known_labels, ..options.table.clone() };
        let labelled = DataOptions { task, table, ..options.clone() };
        let Sets { source, train, test } = read_sets(&labelled, signature)?;
        let (set, part, (labels, warning)) = match (train, test) {
            (train, Some(test)) => {
                let labels = labels(signature, &test, train.as_ref().unwrap_or(&test))?;
                (test, Part::Test, labels)
            }
            (Some(train), None) => {
                let labels = labels(signature, &train, &train)?;
                (train, Part::All, labels)
            }
            (None, None) => return Err(Error::content(source.as_ref(), "has no rows to evaluate")),
        };
        let (inputs, cells, mut warnings) = fitted(set, signature)?;
        warnings.extend(warning);
        let columns = inputs.columns();
        let rows = Split { cells, columns, labels };
        Self { source, part, inputs, rows, warnings }.divided(options)
    }

    /// The rows of a part of these rows that the options hold out as test set
    fn divided(mut self, options: &DataOptions) -> Result<Self> {
        if let Some(split) = options.test_split.as_ref().filter(|_| self.part == Part::All) {
            let rows = hold_out(&self.rows.labels.groups(), split.share(), split.seed, Purpose::Test).val;
            (self.rows, self.part) = (self.rows.rows(&rows), Part::Test);
        }
        if self.rows.is_empty() {
            return Err(Error::content(self.source.as_ref(), "has no rows to evaluate"));
        }
        Ok(self)
    }

    fn synthetic(options: &DataOptions, signature: &Signature) -> Result<Self> {
        let set = Dataset::load(options)?;
        let (found, expected) = ((&set.inputs.dims, set.task.outputs()), &signature.preprocessing.dims);
        let classes = signature.outputs.classes().len();
        // A model from PyTorch knows the number of pixels only.
        let columns = (set.inputs.columns(), signature.preprocessing.columns());
        if columns.0 != columns.1 || found.1 != classes {
            let problem = format!(
                "has {} classes of {:?}, but the model has {} of {expected:?}",
                found.1, found.0, classes
            );
            return Err(Error::content(set.source.as_ref(), problem));
        }
        Ok(Self {
            source: set.source,
            part: Part::Test,
            inputs: set.inputs,
            rows: set.test,
            warnings: Vec::new(),
        })
    }
}

/// The labels of a set as the model's outputs, and a warning if the model has another name for its target
///
/// * `train`: the training set of the same source, whose labels show the order of classes
fn labels(signature: &Signature, set: &RawSet, train: &RawSet) -> Result<(Labels, Option<String>)> {
    match (&signature.outputs, &set.labels) {
        (Outputs::Classes(names), _) => {
            of_model(names, set, train).map(|classes| (Labels::Classes(classes), None))
        }
        (Outputs::Targets { targets, .. }, RawLabels::Numbers { names, values }) => {
            let own: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let are_of_array = signature.preprocessing.names.is_empty();
            let (places, warning) = target_places(&own, are_of_array, names, set)?;
            let values = values.chunks_exact(names.len().max(1));
            let values = values.flat_map(|row| places.iter().map(|&place| row[place])).collect();
            Ok((Labels::Numbers { values, targets: own.len() }, warning))
        }
        _ => Err(Error::content(&set.path, "labels are classes, but the model predicts numbers")),
    }
}

/// For each target of a model, its index among the targets `names` of a set, and a warning if that is not by its name
///
/// Targets match by name. They match by position only if names are unavailable (arrays, tables without a header) or there
/// is one target.
///
/// * `are_of_array`: whether the model was trained on arrays, whose targets have no names of their own
fn target_places(
    own: &[&str],
    are_of_array: bool,
    names: &[String],
    set: &RawSet,
) -> Result<(Vec<usize>, Option<String>)> {
    if names.len() != own.len() {
        let [found, expected] = [names.len(), own.len()].map(separated);
        let problem =
            format!("labels of {found} targets, but the model predicts {expected}; name them with --target");
        return Err(Error::content(&set.path, problem));
    }
    let in_order = (0..own.len()).collect();
    let place = |name: &&str| names.iter().position(|other| other == name);
    if let Some(places) = own.iter().map(place).collect() {
        return Ok((places, None));
    }
    let list = |names: &[&str]| first_ten(names.iter().map(|name| printable(name).into_owned()), ", ");
    let is_number = |name: &str| name.strip_prefix('c').is_some_and(|n| n.parse::<usize>().is_ok());
    let (is_array, has_no_header) = (set.lines.is_none(), names.iter().all(|name| is_number(name)));
    let found = list(&names.iter().map(String::as_str).collect::<Vec<_>>());
    if let ([own], false, false) = (own, is_array, are_of_array) {
        let own = printable(own);
        let warning = format!("warning: the target is the column {found}, but the model predicts {own}");
        return Ok((in_order, Some(warning)));
    }
    let is_by_position = is_array || has_no_header || are_of_array || own.iter().all(|name| is_number(name));
    if is_by_position && own.iter().all(|name| place(name).is_none()) {
        return Ok((in_order, None));
    }
    let problem = format!(
        "labels of the targets {found}, but the model predicts {}; name the same columns with --target",
        list(own)
    );
    Err(Error::content(&set.path, problem))
}

/// The sets of a source, whose columns are those of a model
struct Sets {
    /// The path of the rows
    source: String,
    /// The training set, or the only set; `None` if only test data were asked for
    train: Option<RawSet>,
    /// The test set, if there is one
    test: Option<RawSet>,
}

/// Reads the sets that the options name, with the columns that a model reads; with `test_data`, only these
///
/// # Errors
/// If files are missing or damaged, or tables lack columns of the model.
fn read_sets(options: &DataOptions, model: &Signature) -> Result<Sets> {
    let wanted = Wanted::Model(model);
    if let Some(source) = options.test_data.clone() {
        let RawSets { train, test } = read(&source, options, wanted)?.0;
        let (test, train) = (test.unwrap_or(train), None);
        return Ok(Sets { source, train, test: Some(test) });
    }
    let source = options.data.clone().map_or_else(Dataset::find, Ok)?;
    let RawSets { train, test } = read(&source, options, wanted)?.0;
    Ok(Sets { source, train: Some(train), test })
}

/// The columns and cells of a set as the model reads them, with warnings of values that it does not know
fn fitted(mut set: RawSet, signature: &Signature) -> Result<(Inputs, Cells, Vec<String>)> {
    let model = &signature.preprocessing;
    if set.inputs.columns() != model.columns() {
        let times = |dims: &[usize]| dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let (found, expected) = (times(&set.inputs.dims), times(&model.dims));
        let problem = format!("rows of {found}, but the model reads rows of {expected}");
        return Err(Error::content(&set.path, problem));
    }
    let mut unknown = UnknownValues::default();
    let mut cells = std::mem::replace(&mut set.cells, Cells::Bytes(Vec::new()));
    let place = |row: usize| set.place(row);
    unknown.count(model, &set.inputs, &cells, place);
    let warnings = unknown.warnings(model);
    // The reader of tables has fitted their cells.
    if set.lines.is_none() {
        cells = model_cells::fit(model, cells, None, Origin { path: &set.path, place: &place })?;
    }
    Ok((set.inputs, cells, warnings))
}
