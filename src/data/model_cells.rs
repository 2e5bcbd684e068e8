//! Bringing cells to the order and the type that a model reads, and counting values that it does not know

use std::path::Path;

use rayon::prelude::*;

use super::preprocessing::{Column, Encoding, Preprocessing};
use super::{Cells, Inputs};
use crate::error::{Error, Result, first_ten, printable, separated};

/// Cells that one task checks
const BLOCK: usize = 1 << 14;

/// Where rows come from, for messages
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The file
    pub path: &'a Path,
    /// Where a row is in it, such as `line 7`
    pub place: &'a (dyn Fn(usize) -> String + Sync),
}

/// The cells in the order of the model's columns; for a model of pixels, as bytes
///
/// * `places`: the index of each of the model's columns in a row; `None` if the order is the same
///
/// # Errors
/// If a pixel is not a whole number from 0 to 255, or a number is missing that the model has no fill for; the message
/// names the first.
pub fn fit(
    model: &Preprocessing,
    cells: Cells,
    places: Option<&[usize]>,
    origin: Origin<'_>,
) -> Result<Cells> {
    let columns = model.columns().max(1);
    let cells = match places {
        None => cells,
        Some(places) => in_order(&cells, places),
    };
    let error = |at: usize, problem: String| {
        let (place, column) = ((origin.place)(at / columns), model.column_name(at % columns));
        let column = if model.names.is_empty() { column } else { format!("column {}", printable(&column)) };
        Err(Error::content(origin.path, format!("{place}, {column}: {problem}")))
    };
    match &model.encoding {
        Encoding::Pixels => {
            if matches!(cells, Cells::Bytes(_)) {
                return Ok(cells);
            }
            let is_byte = |x: f64| (0.0..=255.0).contains(&x) && x.fract() == 0.0;
            match first(cells.len(), |at| !is_byte(cells.get(at))) {
                Some(at) => {
                    let x = cells.get(at);
                    let found = if x.is_nan() { "a missing value".to_owned() } else { x.to_string() };
                    error(at, format!("{found}, expected a pixel: a whole number from 0 to 255"))
                }
                None => Ok(Cells::Bytes((0..cells.len()).map(|at| cells.get(at) as u8).collect())),
            }
        }
        Encoding::Columns { columns: encodings, .. } => {
            let is_needed: Vec<bool> =
                encodings.iter().map(|column| matches!(column, Column::Number { fill: None, .. })).collect();
            let is_lacking = |at: usize| is_needed[at % columns] && cells.get(at).is_nan();
            if matches!(cells, Cells::Bytes(_)) || !is_needed.contains(&true) {
                return Ok(cells);
            }
            match first(cells.len(), is_lacking) {
                Some(at) => error(
                    at,
                    "a missing value, expected a number; a model trained with --missing mean, median or zero fills it"
                        .to_owned(),
                ),
                None => Ok(cells),
            }
        }
    }
}

/// Rows of cells with the columns in another order
///
/// * `places`: the index in a row of each of the cells in the new order
pub(super) fn in_order(cells: &Cells, places: &[usize]) -> Cells {
    match cells {
        Cells::Bytes(cells) => Cells::Bytes(arranged(cells, places)),
        Cells::Single(cells) => Cells::Single(arranged(cells, places)),
        Cells::Double(cells) => Cells::Double(arranged(cells, places)),
    }
}

fn arranged<T: Copy + Default + Send + Sync>(cells: &[T], places: &[usize]) -> Vec<T> {
    let columns = places.len().max(1);
    let mut arranged = vec![T::default(); cells.len()];
    let rows = arranged.par_chunks_exact_mut(columns).zip(cells.par_chunks_exact(columns));
    rows.with_min_len(BLOCK / columns + 1).for_each(|(to, from)| {
        to.iter_mut().zip(places).for_each(|(to, &place)| *to = from[place]);
    });
    arranged
}

/// The first index below `len` that meets a condition
fn first(len: usize, is_met: impl Fn(usize) -> bool + Sync) -> Option<usize> {
    (0..len).into_par_iter().with_min_len(BLOCK).find_first(|&at| is_met(at))
}

/// Counts of the values in columns of categories that a model does not know
#[derive(Clone, Debug, Default)]
pub struct UnknownValues {
    /// The unknown values of each column of the model
    columns: Vec<Option<Unknown>>,
}

/// The values of a column that a model does not know
#[derive(Clone, Debug)]
struct Unknown {
    count: u64,
    /// The first one
    value: String,
    /// Where it is
    place: String,
}

impl UnknownValues {
    /// Counts the unknown values of further rows
    ///
    /// * `inputs`: the values that the cells of categories are indices of
    /// * `place`: where a row is in its file
    pub fn count(
        &mut self,
        model: &Preprocessing,
        inputs: &Inputs,
        cells: &Cells,
        place: impl Fn(usize) -> String,
    ) {
        let Encoding::Columns { columns, .. } = &model.encoding else { return };
        self.columns.resize(columns.len(), None);
        for (at, (column, count)) in columns.iter().zip(&mut self.columns).enumerate() {
            let (Column::Category(known), Some(Some(values))) = (column, inputs.categories.get(at)) else {
                continue;
            };
            let is_known: Vec<bool> = values.iter().map(|value| known.contains(value)).collect();
            for row in 0..cells.len() / columns.len() {
                let cell = cells.get(row * columns.len() + at);
                if !cell.is_nan() && is_known[cell as usize] {
                    continue;
                }
                let unknown = count.get_or_insert_with(|| {
                    let value = values.get(cell as usize).filter(|_| !cell.is_nan());
                    let value = value.map_or("a missing value".to_owned(), |value| format!("`{value}`"));
                    Unknown { count: 0, value, place: place(row) }
                });
                unknown.count += 1;
            }
        }
    }

    /// A warning for each column that has such values
    pub fn warnings(&self, model: &Preprocessing) -> Vec<String> {
        let Encoding::Columns { columns, .. } = &model.encoding else { return Vec::new() };
        let warning = |(at, (column, count)): (usize, (&Column, &Option<Unknown>))| {
            let (Column::Category(known), Some(Unknown { count, value, place })) = (column, count) else {
                return None;
            };
            let values = if *count == 1 { "value" } else { "values" };
            let known = first_ten(known.iter().map(|value| printable(value).into_owned()), ", ");
            Some(format!(
                "warning: {} {values} of column {} that the model does not know ({} in {place}), so the inputs of {known} are 0",
                separated(*count),
                printable(&model.column_name(at)),
                printable(value),
            ))
        };
        columns.iter().zip(&self.columns).enumerate().filter_map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scale;

    fn origin_of(place: &(dyn Fn(usize) -> String + Sync)) -> Origin<'_> {
        Origin { path: Path::new("t.csv"), place }
    }

    fn line(row: usize) -> String {
        format!("line {}", row + 2)
    }

    #[test]
    fn missing_numbers_without_a_fill_are_named_and_others_pass() {
        let number = |fill| Column::Number { center: 0.0, factor: 1.0, fill };
        let columns = vec![number(Some(3.0)), number(None)];
        let names = vec!["a".to_owned(), "b".to_owned()];
        let encoding = Encoding::Columns { scale: Scale::None, columns };
        let model = Preprocessing { dims: vec![2], names, encoding };
        let nan = f32::NAN;
        let fit = |cells: Vec<f32>, places: Option<&[usize]>| {
            super::fit(&model, Cells::Single(cells), places, origin_of(&line))
        };
        let Ok(Cells::Single(cells)) = fit(vec![1.0, nan, 2.0, nan], Some(&[1, 0])) else { panic!() };
        assert!(cells[0].is_nan() && cells[1] == 1.0 && cells[2].is_nan() && cells[3] == 2.0);
        let error = fit(vec![1.0, 2.0, nan, nan], None).unwrap_err().to_string();
        assert!(error.starts_with("t.csv: line 3, column b: a missing value"), "{error}");
    }

    #[test]
    fn pixels_are_whole_numbers_up_to_255() {
        let model = Preprocessing { dims: vec![2, 1], names: Vec::new(), encoding: Encoding::Pixels };
        let fit = |cells| super::fit(&model, Cells::Double(cells), None, origin_of(&line));
        assert_eq!(fit(vec![0.0, 255.0]).unwrap(), Cells::Bytes(vec![0, 255]));
        for bad in [256.0, 0.5, -1.0, f64::NAN] {
            let error = fit(vec![0.0, 0.0, 1.0, bad]).unwrap_err().to_string();
            assert!(error.starts_with("t.csv: line 3, column 2: "), "{error}");
        }
    }
}
