//! Rows of cells as inputs of a net: the preprocessing in the element type of the net

use chainrule_kernels::{ColumnScales, Scalar, clip, scale_rows, standardize_rows};

use super::preprocessing::{Column, Encoding, Preprocessing};
use super::{Cells, Inputs};
use crate::config::Scale;
use crate::nn::matrix::Matrix;

/// Turns rows of cells into inputs of a net with elements of type `T`
#[derive(Clone, Debug)]
pub struct Encoder<T> {
    columns: usize,
    features: usize,
    kind: Kind<T>,
}

#[derive(Clone, Debug)]
enum Kind<T> {
    /// Bytes divided by 255
    Pixels,
    /// Each column by its own encoding
    Columns { scales: Scales<T>, blocks: Vec<Block>, has_categories: bool },
}

/// The scales of all columns; those of categories are not used
#[derive(Clone, Debug)]
struct Scales<T> {
    center: Vec<T>,
    factor: Vec<T>,
    fill: Vec<T>,
    is_clipped: bool,
}

/// The inputs that a column becomes
#[derive(Clone, Debug)]
struct Block {
    /// The first input
    start: usize,
    /// For a category, the input of each of its indices, counted from `start`; `None` for a text that is not known
    places: Option<Vec<Option<u32>>>,
}

impl<T: Scalar> Encoder<T> {
    /// The encoder for a preprocessing, and for cells in which a category is an index into the values that `inputs` has
    pub fn new(preprocessing: &Preprocessing, inputs: &Inputs) -> Self {
        let (columns, features) = (preprocessing.columns(), preprocessing.features());
        let Encoding::Columns { scale, columns: encodings } = &preprocessing.encoding else {
            return Self { columns, features, kind: Kind::Pixels };
        };
        let number = |of: fn(f64, f64, Option<f64>) -> f64| -> Vec<T> {
            let number = |column: &Column| match *column {
                Column::Number { center, factor, fill } => of(center, factor, fill),
                Column::Category(_) => 0.0,
            };
            encodings.iter().map(number).map(T::from_f64).collect()
        };
        let scales = Scales {
            center: number(|center, _, _| center),
            factor: number(|_, factor, _| factor),
            fill: number(|_, _, fill| fill.unwrap_or(f64::NAN)),
            is_clipped: *scale == Scale::Robust,
        };
        let mut start = 0;
        let blocks = encodings.iter().enumerate().map(|(at, column)| {
            let places = match column {
                Column::Number { .. } => None,
                Column::Category(known) => {
                    let place = |value: &String| known.iter().position(|other| other == value);
                    let values = inputs.categories.get(at).and_then(Option::as_ref);
                    let place = |value| place(value).and_then(|place| u32::try_from(place).ok());
                    Some(values.into_iter().flatten().map(place).collect())
                }
            };
            let block = Block { start, places };
            start += column.features();
            block
        });
        let blocks: Vec<Block> = blocks.collect();
        let has_categories = blocks.iter().any(|block| block.places.is_some());
        Self { columns, features, kind: Kind::Columns { scales, blocks, has_categories } }
    }

    /// Number of inputs of a row
    pub fn features(&self) -> usize {
        self.features
    }

    /// Gathers a batch: `x[i, :] ←` the inputs of row `rows[i]`
    ///
    /// * `next`: the rows of the next batch, which are prefetched; empty if there is none
    ///
    /// # Panics
    /// If `x` is not rows × features, the cells are of another type than the encoder is for, or a row does not exist.
    #[track_caller]
    pub fn gather(&self, cells: &Cells, rows: &[u32], next: &[u32], x: &mut Matrix<T>) {
        let shape = (rows.len(), self.features);
        assert!(x.shape() == shape, "rows of shape {shape:?} into {:?}", x.shape());
        match (&self.kind, cells) {
            (Kind::Pixels, Cells::Bytes(bytes)) => {
                scale_rows(bytes, rows, next, x.data_mut(), self.columns);
            }
            (Kind::Pixels, _) => panic!("numbers where bytes are expected"),
            (Kind::Columns { scales, blocks, has_categories }, cells) => match cells.numbers() {
                Some(numbers) if !has_categories => {
                    standardize_rows(numbers, rows, next, scales.as_kernel(), x.data_mut());
                }
                numbers => {
                    assert!(numbers.is_some() || matches!(cells, Cells::Bytes(_)), "cells of another type");
                    self.gather_cell_by_cell(scales, blocks, cells, rows, x);
                }
            },
        }
    }

    /// Gathers rows with categories, or bytes that are scaled as numbers, one cell after the other
    fn gather_cell_by_cell(
        &self,
        scales: &Scales<T>,
        blocks: &[Block],
        cells: &Cells,
        rows: &[u32],
        x: &mut Matrix<T>,
    ) {
        let numbers = cells.numbers::<T>();
        let cell = |at: usize| numbers.map_or_else(|| T::from_f64(cells.get(at)), |numbers| numbers[at]);
        for (out, &row) in x.data_mut().chunks_exact_mut(self.features.max(1)).zip(rows) {
            out.fill(T::ZERO);
            for (column, block) in blocks.iter().enumerate() {
                let cell = cell(row as usize * self.columns + column);
                match &block.places {
                    None => out[block.start] = scales.scaled(column, cell),
                    Some(_) if cell.is_nan() => {}
                    Some(places) => {
                        if let Some(place) = places[cell.to_f64() as usize] {
                            out[block.start + place as usize] = T::ONE;
                        }
                    }
                }
            }
        }
    }
}

impl<T: Scalar> Scales<T> {
    fn as_kernel(&self) -> ColumnScales<'_, T> {
        let Self { center, factor, fill, is_clipped } = self;
        ColumnScales { center, factor, fill, is_clipped: *is_clipped }
    }

    /// A number of a column, scaled as [`standardize_rows`] does
    fn scaled(&self, column: usize, x: T) -> T {
        let x = if x.is_nan() { self.fill[column] } else { x };
        let z = (x - self.center[column]) * self.factor[column];
        if self.is_clipped { clip(z) } else { z }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder(inputs: &Inputs, scale: Scale, columns: Vec<Column>) -> Encoder<f64> {
        let encoding = Encoding::Columns { scale, columns };
        Encoder::new(&Preprocessing { dims: inputs.dims.clone(), names: Vec::new(), encoding }, inputs)
    }

    fn gathered(encoder: &Encoder<f64>, cells: &Cells, rows: &[u32]) -> Vec<f64> {
        let mut x = Matrix::zeros(rows.len(), encoder.features());
        encoder.gather(cells, rows, &[], &mut x);
        x.data().to_vec()
    }

    #[test]
    fn categories_become_one_input_each_and_unknown_ones_all_zeros() {
        let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
        let categories = vec![None, Some(values(&["blue", "green", "red"])), None];
        let inputs = Inputs { categories, ..Inputs::of_array(&[3]) };
        let number = |center, factor, fill| Column::Number { center, factor, fill };
        let known = Column::Category(values(&["red", "blue"]));
        let columns = vec![number(1.0, 2.0, Some(4.0)), known, number(0.0, 1.0, None)];
        let encoder = encoder(&inputs, Scale::Standard, columns);
        let nan = f64::NAN;
        let cells = Cells::Double(vec![3.0, 2.0, 7.0, nan, 0.0, 8.0, 1.0, 1.0, 9.0, 1.0, nan, 9.5]);
        let expected =
            [[4.0, 1.0, 0.0, 7.0], [6.0, 0.0, 1.0, 8.0], [0.0, 0.0, 0.0, 9.0], [0.0, 0.0, 0.0, 9.5]];
        assert_eq!(gathered(&encoder, &cells, &[0, 1, 2, 3]), expected.concat());
    }

    #[test]
    fn bytes_and_numbers_of_the_same_value_give_the_same_inputs() {
        let inputs = Inputs::of_array(&[2]);
        for scale in [Scale::Standard, Scale::Robust] {
            let number = |center, factor| Column::Number { center, factor, fill: None };
            let encoder = encoder(&inputs, scale, vec![number(3.5, 0.25), number(0.0, 0.0)]);
            let bytes = Cells::Bytes(vec![0, 1, 200, 255]);
            let numbers = Cells::Double([0.0, 1.0, 200.0, 255.0].to_vec());
            let found = gathered(&encoder, &bytes, &[1, 0]);
            assert_eq!(found, gathered(&encoder, &numbers, &[1, 0]));
            assert_eq!((found[1], found[2] > -0.9), (0.0, true));
            assert_eq!(found[0].abs() < 3.0, scale == Scale::Robust, "{found:?}");
        }
    }
}
