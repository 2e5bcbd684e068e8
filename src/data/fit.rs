//! Bringing a test set to the columns and categories of its training set

use std::collections::HashMap;

use super::Cells;
use super::raw::RawSet;
use crate::error::{Error, Result, first_ten, printable, separated, shown};

/// The test set with the columns of the training set in their order, and with the same indices of categories
///
/// Values of categories that only the test set has are appended to those of the training set, with a warning for each
/// column, since their inputs are 0.
///
/// # Errors
/// If its rows have other dimensions, or lack a column.
pub fn fitted(test: RawSet, train: &mut RawSet) -> Result<(RawSet, Vec<String>)> {
    let by_name = !train.inputs.names.is_empty() && !test.inputs.names.is_empty();
    if test.inputs.dims != train.inputs.dims {
        let times = |dims: &[usize]| dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let [found, expected] = [&test, train].map(|set| times(&set.inputs.dims));
        let train = shown(&train.inputs_path);
        let problem = format!("rows of {found}, but those of {train} are of {expected}");
        return Err(Error::content(&test.inputs_path, problem));
    }
    let is_category =
        |set: &RawSet, column: usize| set.inputs.categories.get(column).is_some_and(Option::is_some);
    let has_place = |column: &usize| by_name || is_category(&test, *column) == is_category(train, *column);
    if let Some(column) = (0..train.inputs.columns()).find(|column| !has_place(column)) {
        let train = shown(&train.inputs_path);
        let problem = format!("column {}: texts in one set and numbers in the other, {train}", column + 1);
        return Err(Error::content(&test.inputs_path, problem));
    }
    // A table is read by the names of the training set's columns, so all are there, in any order.
    let place = |name: &String| test.inputs.names.iter().position(|other| other == name);
    let places: Vec<usize> = match by_name {
        true => train.inputs.names.iter().filter_map(place).collect(),
        false => (0..train.inputs.columns()).collect(),
    };
    let mut codes: Vec<Option<Vec<u32>>> = vec![None; places.len()];
    let mut warnings = Vec::new();
    for (column, known) in train.inputs.categories.iter_mut().enumerate() {
        let found = test.inputs.categories.get(places[column]).and_then(Option::as_ref);
        if let (Some(known), Some(found)) = (known, found) {
            let before = known.len();
            let merged = merged(known, found);
            warnings.extend(unknown(&test, places[column], &merged, &known[..before]));
            codes[column] = Some(merged);
        }
    }
    let is_same = places.iter().copied().eq(0..places.len()) && codes.iter().all(Option::is_none);
    let cells = match (&test.cells, &train.cells) {
        (cells, train) if is_same && std::mem::discriminant(cells) == std::mem::discriminant(train) => {
            test.cells
        }
        (_, Cells::Double(_)) => Cells::Double(arranged(&test.cells, &places, &codes).collect()),
        (_, Cells::Single(_)) => {
            Cells::Single(arranged(&test.cells, &places, &codes).map(|x| x as f32).collect())
        }
        (cells, Cells::Bytes(_)) => {
            let at = arranged(cells, &places, &codes)
                .position(|x| !(0.0..=255.0).contains(&x) || x.fract() != 0.0);
            if let Some(at) = at {
                let (row, train) = (test.place(at / places.len()), shown(&train.inputs_path));
                let problem = format!("{row}: a number that is no byte, but {train} has bytes");
                return Err(Error::content(&test.inputs_path, problem));
            }
            Cells::Bytes(arranged(cells, &places, &codes).map(|x| x as u8).collect())
        }
    };
    Ok((RawSet { inputs: train.inputs.clone(), cells, ..test }, warnings))
}

/// A warning if rows of the test set have texts in a column that the training set does not have
///
/// * `column`: the column in the test set
/// * `codes`: the index of each text of the test set among all
/// * `known`: the texts of the training set, which come first among all
fn unknown(test: &RawSet, column: usize, codes: &[u32], known: &[String]) -> Option<String> {
    if codes.iter().all(|&code| (code as usize) < known.len()) {
        return None;
    }
    let columns = test.inputs.columns();
    let cell = |row: usize| test.cells.get(row * columns + column);
    let is_unknown = |row: &usize| !cell(*row).is_nan() && codes[cell(*row) as usize] as usize >= known.len();
    let rows: Vec<usize> = (0..test.cells.len() / columns).filter(is_unknown).collect();
    let first = *rows.first()?;
    let value = test.inputs.categories[column].as_ref()?.get(cell(first) as usize)?;
    let values = if rows.len() == 1 { "value" } else { "values" };
    let name = test.inputs.names.get(column).map_or_else(|| (column + 1).to_string(), Clone::clone);
    Some(format!(
        "{}: {} {values} of column {} that the training data do not have (`{}` in {}), so the inputs of {} are 0",
        shown(&test.path),
        separated(rows.len()),
        printable(&name),
        printable(value),
        test.place(first),
        first_ten(known.iter().map(|value| printable(value).into_owned()), ", ")
    ))
}

/// The cells in the order of the training set's columns, with its indices of categories
fn arranged<'a>(
    cells: &'a Cells,
    places: &'a [usize],
    codes: &'a [Option<Vec<u32>>],
) -> impl Iterator<Item = f64> + 'a {
    let columns = places.len();
    (0..cells.len() / columns.max(1)).flat_map(move |row| {
        places.iter().zip(codes).map(move |(&place, codes)| {
            let cell = cells.get(row * columns + place);
            match codes {
                Some(codes) if !cell.is_nan() => codes[cell as usize].into(),
                _ => cell,
            }
        })
    })
}

/// Appends the values that are not known; returns the index of each of the values that were found
fn merged(known: &mut Vec<String>, found: &[String]) -> Vec<u32> {
    let mut places: HashMap<String, u32> = known.iter().cloned().zip(0..).collect();
    let place = |value: &String| {
        let next = places.len() as u32;
        *places.entry(value.clone()).or_insert_with(|| {
            known.push(value.clone());
            next
        })
    };
    found.iter().map(place).collect()
}
