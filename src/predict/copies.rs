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
    /// A warning if a pixel of a copy comes to a place with another scale in one of some models
    pub fn warning<'a>(self, mut models: impl Iterator<Item = &'a Preprocessing>) -> Option<String> {
        let flag = if self.flip { "flip" } else { "shift" };
        let warning = models.find_map(|model| own_scales(flag, model)).filter(|_| self != Self::default())?;
        Some(format!("warning: {warning}; compare with the predictions for the images alone"))
    }

    /// The flags that ask for copies, as a person types them
    fn flags(self) -> &'static str {
        match (self.flip, self.shift) {
            (true, 0) => "--flip",
            (true, _) => "--flip and --shift",
            (false, _) => "--shift",
        }
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
    /// A row is an image if it has the dimensions of one in a model or, if in none, in the data.
    ///
    /// * `models`: those that predict the copies, at least one
    /// * `data`: the dimensions of a row in the data
    ///
    /// # Errors
    /// If the rows are no images, or are shifted by their height or width.
    pub fn new<'a>(
        choice: CopiesChoice,
        models: impl Iterator<Item = &'a Preprocessing>,
        data: &[usize],
    ) -> Result<Option<Self>> {
        let CopiesChoice { flip, shift } = choice;
        if choice == CopiesChoice::default() {
            return Ok(None);
        }
        let all = models.map(|model| &model.dims[..]).chain([data]);
        let shape = all
            .map(image_shape)
            .reduce(|first, next| first.or_else(|problem| next.map_err(|_| problem)))
            .unwrap_or_else(|| image_shape(data))
            .map_err(|problem| Error::Usage(format!("{problem}; leave out {}", choice.flags())))?;
        check_shift(shape, shift)?;
        // Less than a side of the image, which has fewer than 2³¹ pixels in memory.
        let by = || -(shift as i32)..=shift as i32;
        let shifts = |flip| {
            by().flat_map(move |down| by().map(move |right| Move { flip, down, right, ..Move::default() }))
        };
        let flips: &[bool] = if flip { &[false, true] } else { &[false] };
        Ok(Some(Self { shape, moves: flips.iter().flat_map(|&flip| shifts(flip)).collect() }))
    }

    /// Number of copies of each row; 1 for the row alone
    pub fn count(copies: Option<&Self>) -> usize {
        copies.map_or(1, |copies| copies.moves.len())
    }

    /// The means over the copies, rows × outputs, in f64, added in the order of the copies
    ///
    /// * `outputs`: number of outputs of the model
    /// * `values(cells, rows)`: its outputs for the first `rows` images of `cells`, batch by batch
    pub fn means(
        &self,
        cells: &Cells,
        outputs: usize,
        mut values: impl FnMut(&Cells, usize) -> Vec<Vec<f64>>,
    ) -> Vec<f64> {
        let columns = self.shape.len();
        let rows = cells.len() / columns;
        let mut means = Vec::with_capacity(rows * outputs);
        let at_once =
            (CELLS_AT_ONCE / columns).clamp(rayon::current_num_threads() * BATCH_ROWS, u32::MAX as usize);
        let mut moved = cells.zeros(at_once.min(rows) * columns);
        for start in (0..rows).step_by(at_once) {
            means.extend(self.of_block(cells, start..rows.min(start + at_once), &mut moved, &mut values));
        }
        means
    }

    /// The means for some of the rows
    ///
    /// * `moved`: scratch for these rows
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::preprocessing::Encoding;

    /// Twice the first pixel of each row and once the last, so that they tell flips and shifts apart
    fn outputs(cells: &Cells, rows: usize) -> Vec<Vec<f64>> {
        let of_row = |row: usize| vec![2.0 * cells.get(4 * row) + cells.get(4 * row + 3)];
        // Batches of 1,000 rows.
        (0..rows).step_by(1000).map(|at| (at..rows.min(at + 1000)).flat_map(of_row).collect()).collect()
    }

    fn copies(flip: bool, shift: u32) -> Copies {
        let model = Preprocessing { dims: vec![2, 2], names: Vec::new(), encoding: Encoding::Pixels };
        Copies::new(CopiesChoice { flip, shift }, [&model].into_iter(), &[]).unwrap().unwrap()
    }

    #[test]
    fn the_rows_that_are_moved_at_once_do_not_count() {
        const ROWS: usize = CELLS_AT_ONCE / 4 + 5;
        let pixel = |at: usize| (at * 7 % 251) as u8;
        let cells = Cells::Bytes((0..4 * ROWS).map(pixel).collect());
        let means = copies(true, 0).means(&cells, 1, outputs);
        assert_eq!(means.len(), ROWS);
        for (row, mean) in means.iter().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|at| f64::from(pixel(4 * row + at)));
            assert_eq!(*mean, (2.0 * a + d + 2.0 * b + c) / 2.0, "row {row}");
        }
    }

    #[test]
    fn moves_go_from_the_top_to_the_bottom_and_from_left_to_right_and_flips_are_last() {
        let copies = copies(true, 1);
        let moves: Vec<_> = copies.moves.iter().map(|by| (by.flip, by.down, by.right)).collect();
        assert_eq!(moves[..4], [(false, -1, -1), (false, -1, 0), (false, -1, 1), (false, 0, -1)]);
        assert_eq!((moves[9], moves[17], moves.len()), ((true, -1, -1), (true, 1, 1), 18));
        assert_eq!((Copies::count(Some(&copies)), Copies::count(None)), (18, 1));
    }
}
