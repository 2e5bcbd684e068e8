//! A set of rows from an array of inputs and an array of labels

use std::path::Path;

use super::array::{Array, Elements};
use super::array_gaps::{SetUse, drop_rows};
use super::raw::RawSet;
use super::raw_labels::{RawLabels, reason};
use super::{Cells, Inputs};
use crate::config::TaskChoice;
use crate::error::{Error, Result, separated, shown};

/// An array and the place it comes from
#[derive(Debug)]
pub struct Placed<'a> {
    /// The file
    pub path: &'a Path,
    /// What messages call it: empty, or the name of an array in the file, followed by `: `
    pub name: String,
    /// The array
    pub array: Array,
}

impl Placed<'_> {
    fn error(&self, problem: impl AsRef<str>) -> Error {
        Error::content(self.path, format!("{}{}", self.name, problem.as_ref()))
    }
}

/// The rows of an array of inputs, whose first dimension counts them, with their labels
///
/// Without a given task, labels are classes if they are up to 100 different whole numbers, or one-hot: rows of one 1 among
/// zeros. Others are numbers to predict.
///
/// * `for_use`: says whether rows that lack a number or a label are left out
///
/// # Errors
/// If the inputs have fewer than 2 dimensions or the labels more than 2, their numbers of rows differ, a class is not a
/// whole number, or no row is left.
pub fn raw(
    mut inputs: Placed<'_>,
    mut labels: Placed<'_>,
    for_use: SetUse,
    task: TaskChoice,
) -> Result<RawSet> {
    let dims = &inputs.array.dims;
    if dims.len() < 2 {
        let problem = "are those of labels, expected images or rows (2 dimensions or more)";
        return Err(inputs.error(format!("dimensions {dims:?} {problem}")));
    }
    let found = &labels.array.dims;
    let columns = match found[..] {
        [_] => 1,
        [_, columns] => columns,
        _ => {
            let problem = "are those of images, expected labels (1 dimension, or 2 for several targets)";
            return Err(labels.error(format!("dimensions {found:?} {problem}")));
        }
    };
    let [rows, expected] = [found[0], dims[0]].map(separated);
    if found[0] != dims[0] {
        let place = if inputs.name.is_empty() { shown(inputs.path) } else { inputs.name.replace(": ", "") };
        let noun = if dims.len() > 2 { "images" } else { "rows" };
        return Err(labels.error(format!("{rows} labels, but {place} has {expected} {noun}")));
    }
    let kept = if for_use.drops { drop_rows(&mut inputs.array, &mut labels.array) } else { None };
    if inputs.array.dims[0] == 0 {
        return Err(inputs.error("each row lacks a value, so that --missing drop leaves none"));
    }
    let labels_found = labels_of(&labels, columns, kept.as_deref(), task)?;
    let dims = inputs.array.dims[1..].to_vec();
    let cells = Cells::from(inputs.array.elements);
    Ok(RawSet {
        inputs: Inputs::of_array(&dims),
        cells,
        labels: labels_found,
        weights: None,
        inputs_path: inputs.path.to_owned(),
        path: labels.path.to_owned(),
        lines: None,
        targets: Vec::new(),
        kept,
    })
}

/// The labels as classes or as numbers to predict
///
/// * `columns`: the numbers in a row
/// * `kept`: the rows of the file that these are; `None`: all
fn labels_of(
    labels: &Placed<'_>,
    columns: usize,
    kept: Option<&[u32]>,
    task: TaskChoice,
) -> Result<RawLabels> {
    let one_hot = (columns > 1 && task != TaskChoice::Regress).then(|| one_hot(labels, columns)).flatten();
    if let Some(classes) = one_hot {
        return Ok(RawLabels::Integers(classes));
    }
    let numbers = || -> Vec<f64> {
        match &labels.array.elements {
            Elements::Bytes(bytes) => bytes.iter().map(|&x| x.into()).collect(),
            Elements::Integers(integers) => integers.iter().map(|&x| x as f64).collect(),
            Elements::Single(numbers) => numbers.iter().map(|&x| x.into()).collect(),
            Elements::Double(numbers) => numbers.clone(),
        }
    };
    let regresses = match task {
        TaskChoice::Auto => columns > 1 || reason(&numbers()).is_some(),
        TaskChoice::Classify => false,
        TaskChoice::Regress => true,
    };
    if regresses {
        let names = if columns == 1 {
            vec!["y".to_owned()]
        } else {
            (1..=columns).map(|k| format!("y{k}")).collect()
        };
        return Ok(RawLabels::Numbers { names, values: numbers() });
    }
    if columns > 1 {
        let problem = format!("rows of {columns}, expected one label, or one-hot rows of a 1 among zeros");
        return Err(labels.error(problem));
    }
    integers(labels, kept).map(RawLabels::Integers)
}

/// The place of the 1 in each row; `None` if a row is anything else than one 1 among zeros
fn one_hot(labels: &Placed<'_>, columns: usize) -> Option<Vec<i64>> {
    fn places<T: Copy + PartialEq>(elements: &[T], columns: usize, zero: T, one: T) -> Option<Vec<i64>> {
        let place = |row: &[T]| {
            let at = row.iter().position(|&x| x == one)?;
            row.iter().enumerate().all(|(other, &x)| other == at || x == zero).then_some(at as i64)
        };
        elements.chunks_exact(columns).map(place).collect()
    }
    match &labels.array.elements {
        Elements::Bytes(elements) => places(elements, columns, 0, 1),
        Elements::Integers(elements) => places(elements, columns, 0, 1),
        Elements::Single(elements) => places(elements, columns, 0.0, 1.0),
        Elements::Double(elements) => places(elements, columns, 0.0, 1.0),
    }
}

/// The labels as whole numbers
///
/// * `kept`: the rows of the file that they are of; `None`: all
fn integers(labels: &Placed<'_>, kept: Option<&[u32]>) -> Result<Vec<i64>> {
    let whole = |(row, x): (usize, f64)| {
        let is_whole = x.fract() == 0.0 && x.abs() < 2f64.powi(53);
        let row = kept.map_or(row, |kept| kept[row] as usize);
        let problem =
            || labels.error(format!("label {x} in row {row} (counted from 0), expected a whole number"));
        if is_whole { Ok(x as i64) } else { Err(problem()) }
    };
    match &labels.array.elements {
        Elements::Bytes(bytes) => Ok(bytes.iter().map(|&label| label.into()).collect()),
        Elements::Integers(integers) => Ok(integers.clone()),
        Elements::Single(numbers) => numbers.iter().map(|&x| f64::from(x)).enumerate().map(whole).collect(),
        Elements::Double(numbers) => numbers.iter().copied().enumerate().map(whole).collect(),
    }
}
