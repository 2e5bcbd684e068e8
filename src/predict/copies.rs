//! The mean of what a model predicts for moved copies of an image (test-time augmentation)

use std::ops::Range;

use chainrule_kernels::{ImageShape, Move};

use super::mean::Mean;
use crate::data::Cells;
use crate::data::image_shape::image_shape;
use crate::data::moved_images::{check_shift, move_cells, own_scales};
use crate::data::preprocessing::Preprocessing;
use crate::error::{Error, Result};
use crate::train::evaluate::BATCH_ROWS;

/// Cells that are moved at once, about: 5,000 images of 28 × 28 pixels
const CELLS_AT_ONCE: usize = 1 << 22;

/// Which copies of each image are predicted; the default is the image alone
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopiesChoice {
    /// Whether left and right of each copy are also exchanged
    pub flip: bool,
    /// The largest number of pixels by which copies are shifted, in each of the four directions
    pub shift: u32,
}

impl CopiesChoice {
    /// A warning if a pixel of a copy comes to a place with another scale
    pub fn warning(self, preprocessing: &Preprocessing) -> Option<String> {
        let flag = if self.flip { "flip" } else { "shift" };
        let warning = own_scales(flag, preprocessing).filter(|_| self != Self::default())?;
        Some(format!("warning: {warning}"))
    }
}

/// The moves of the copies of each image
#[derive(Debug)]
pub struct Copies {
    shape: ImageShape,
    moves: Vec<Move>,
}

impl Copies {
    /// `2 (2 s + 1)²` copies for shifts by up to s pixels, half as many without flips: from the top to the bottom, from left to
    /// right, then the same flipped; `None` if only the image itself is asked for
    ///
    /// * `dims`: what may be the dimensions of a row; the first that are those of an image count
    ///
    /// # Errors
    /// If the rows are no images, or are shifted by their height or width.
    pub fn new(choice: CopiesChoice, dims: [&[usize]; 2]) -> Result<Option<Self>> {
        let CopiesChoice { flip, shift } = choice;
        if choice == CopiesChoice::default() {
            return Ok(None);
        }
        let [first, second] = dims.map(image_shape);
        let shape = first.or_else(|problem| second.map_err(|_| problem)).map_err(|problem| {
            let (name, off, found) =
                if flip { ("flip", "false", "true".to_owned()) } else { ("shift", "0", shift.to_string()) };
            Error::Setting { name, expected: format!("{off}, since {problem}"), found }
        })?;
        check_shift(shape, shift)?;
        // Less than a side of the image, which has fewer than 2³¹ pixels in memory.
        let by = || -(shift as i32)..=shift as i32;
        let shifts = |flip| {
            by().flat_map(move |down| by().map(move |right| Move { flip, down, right, ..Move::default() }))
        };
        let flips: &[bool] = if flip { &[false, true] } else { &[false] };
        Ok(Some(Self { shape, moves: flips.iter().flat_map(|&flip| shifts(flip)).collect() }))
    }

    /// Number of copies of each image
    pub fn count(&self) -> usize {
        self.moves.len()
    }

    /// The means over the copies, rows × outputs, in f64, added in the order of the copies
    ///
    /// * `values(cells, rows)`: the outputs of the model for the first `rows` images of `cells`, batch by batch
    pub fn means(&self, cells: &Cells, mut values: impl FnMut(&Cells, usize) -> Vec<Vec<f64>>) -> Vec<f64> {
        let columns = self.shape.len();
        let (rows, mut means) = (cells.len() / columns, Vec::new());
        let at_once =
            (CELLS_AT_ONCE / columns).clamp(rayon::current_num_threads() * BATCH_ROWS, u32::MAX as usize);
        let mut moved = cells.zeros(at_once.min(rows) * columns);
        for start in (0..rows).step_by(at_once) {
            means.extend(self.of_block(cells, start..rows.min(start + at_once), &mut moved, &mut values));
        }
        means
    }

    fn of_block(
        &self,
        cells: &Cells,
        rows: Range<usize>,
        moved: &mut Cells,
        values: &mut impl FnMut(&Cells, usize) -> Vec<Vec<f64>>,
    ) -> Vec<f64> {
        let (count, mut mean, mut scratch) = (rows.len(), Mean::default(), cells.zeros(0));
        let images: Vec<u32> = rows.map(|row| row as u32).collect();
        for by in &self.moves {
            move_cells(cells, self.shape, (&images, &vec![*by; count]), &[], &mut scratch, moved);
            mean.add(&values(moved, count));
        }
        mean.finish()
    }
}
