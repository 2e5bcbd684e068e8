//! What training and prediction share where they move images

use chainrule_kernels::{ImageShape, Move, move_images};

use super::Cells;
use super::preprocessing::{Encoding, Preprocessing};
use crate::error::{Error, Result};

/// Copies images, moved, to the beginning of `to`, as [`move_images`] does
///
/// # Panics
/// If the cells are not of one type, and as [`move_images`].
#[track_caller]
pub fn move_cells(
    from: &Cells,
    shape: ImageShape,
    moves: (&[u32], &[Move]),
    next: &[u32],
    scratch: &mut Cells,
    to: &mut Cells,
) {
    let len = moves.0.len() * shape.len();
    match (from, to, scratch) {
        (Cells::Bytes(from), Cells::Bytes(to), Cells::Bytes(scratch)) => {
            move_images(from, shape, moves, next, scratch, &mut to[..len]);
        }
        (Cells::Single(from), Cells::Single(to), Cells::Single(scratch)) => {
            move_images(from, shape, moves, next, scratch, &mut to[..len]);
        }
        (Cells::Double(from), Cells::Double(to), Cells::Double(scratch)) => {
            move_images(from, shape, moves, next, scratch, &mut to[..len]);
        }
        _ => panic!("move_cells: cells of several types"),
    }
}

/// Checks that images shifted by up to `pixels` keep some of their pixels
pub fn check_shift(shape: ImageShape, pixels: u32) -> Result<()> {
    check_at_most("shift", pixels, shape.height.min(shape.width).saturating_sub(1), shape)
}

/// Checks that a number of pixels is at most `most`, which follows from the shape of the images
pub fn check_at_most(name: &'static str, pixels: u32, most: usize, shape: ImageShape) -> Result<()> {
    if pixels as usize <= most {
        return Ok(());
    }
    let ImageShape { height, width, .. } = shape;
    let expected = format!("at most {most}, since the images have {height} × {width} pixels");
    Err(Error::Setting { name, expected, found: pixels.to_string() })
}

/// The start of a warning of images that `--{flag}` moves so that a pixel comes to a place with another scale; `None` if all
/// places have the same
pub fn own_scales(flag: &str, preprocessing: &Preprocessing) -> Option<String> {
    match &preprocessing.encoding {
        Encoding::Columns { columns, .. } if columns.windows(2).any(|two| two[0] != two[1]) => Some(format!(
            "--{flag} moves pixels, and each place of the image has its own scale, learnt from images that are not moved"
        )),
        _ => None,
    }
}
