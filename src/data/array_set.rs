//! A set of rows from an array of inputs and an array of labels

use std::path::Path;

use super::array::{Array, Elements};
use super::array_gaps::drop_rows;
use super::raw::{RawLabels, RawSet};
use super::{Cells, Inputs};
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
/// * `drops`: whether rows that lack a number or the label are left out
///
/// # Errors
/// If the inputs have fewer than 2 dimensions or the labels more than 1, their numbers of rows differ, a label is not a
/// whole number, or no row is left.
pub fn raw(mut inputs: Placed<'_>, mut labels: Placed<'_>, drops: bool) -> Result<RawSet> {
    let dims = &inputs.array.dims;
    if dims.len() < 2 {
        let problem = "are those of labels, expected images or rows (2 dimensions or more)";
        return Err(inputs.error(format!("dimensions {dims:?} {problem}")));
    }
    // A column of labels is often kept as n × 1.
    let found = &labels.array.dims;
    if found.len() != 1 && found[1..] != [1] {
        let problem = "are those of images or rows, expected labels (1 dimension)";
        return Err(labels.error(format!("dimensions {found:?} {problem}")));
    }
    let [rows, expected] = [found[0], dims[0]].map(separated);
    if found[0] != dims[0] {
        let place = if inputs.name.is_empty() { shown(inputs.path) } else { inputs.name.replace(": ", "") };
        let noun = if dims.len() > 2 { "images" } else { "rows" };
        return Err(labels.error(format!("{rows} labels, but {place} has {expected} {noun}")));
    }
    let kept = if drops { drop_rows(&mut inputs.array, &mut labels.array) } else { None };
    if inputs.array.dims[0] == 0 {
        return Err(inputs.error("each row lacks a value, so that --missing drop leaves none"));
    }
    let labels_found = integers(&labels, kept.as_deref())?;
    let dims = inputs.array.dims[1..].to_vec();
    let cells = Cells::from(inputs.array.elements);
    Ok(RawSet {
        inputs: Inputs::of_array(&dims),
        cells,
        labels: RawLabels::Integers(labels_found),
        weights: None,
        inputs_path: inputs.path.to_owned(),
        path: labels.path.to_owned(),
        lines: None,
        target: None,
        kept,
    })
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
