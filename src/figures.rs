//! Pictures of what is in a folder, from its CSV files alone

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::write_atomically;
use crate::plot;

/// Draws what a folder's CSV files hold, and says which files were written
///
/// A run's `curves.svg` and `curves.png`; nothing if no epoch of it has a figure.
///
/// # Errors
/// If a CSV file can't be read, or a picture can't be drawn or written.
pub fn redraw(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join("runs.csv").exists() {
        return Ok(Vec::new());
    }
    let curves = plot::read_curves(&folder.join("epochs.csv"))?;
    if curves.is_empty() {
        return Ok(Vec::new());
    }
    let pictures = plot::draw_curves(&curves)?;
    let (svg, png) = (folder.join("curves.svg"), folder.join("curves.png"));
    write_atomically(&svg, pictures.svg.as_bytes())?;
    write_atomically(&png, &pictures.png)?;
    Ok(vec![svg, png])
}
