//! Pictures as SVG and PNG, drawn from CSV files alone
//!
//! A picture is first a [`Scene`](scene::Scene) of lines and texts, then both files. The same figures give the same bytes.

mod axis;
mod canvas;
mod cells;
mod confusion;
mod curves;
mod epochs;
mod frame;
mod heatmap;
mod legend;
mod overlay;
mod parameter;
mod path;
mod scene;
mod style;
mod sweep;

use std::path::Path;

use crate::error::{Error, Result};
pub use confusion::{Matrix, draw_confusion, read_confusion};
pub use curves::{Curves, read_curves, read_trials};
pub use epochs::draw_curves;
pub use heatmap::draw_heatmap;
pub use overlay::draw_overlay;
use scene::{Drawn, Scene};
pub use sweep::draw_sweep;

/// The same picture twice
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// The file's text: 800 units wide
    pub svg: String,
    /// The file's bytes: 1600 pixels wide
    pub png: Vec<u8>,
}

/// A picture of what `draw` puts into the scene, as high as it says
///
/// * `path`: the CSV file it is drawn from, for messages
fn picture(path: &Path, draw: impl FnOnce(&mut Scene) -> Drawn<f64>) -> Result<Pictures> {
    let mut scene = Scene::default();
    let drawn = draw(&mut scene).and_then(|height| {
        let height = height.ceil() as u32;
        Ok(Pictures { svg: canvas::svg(&scene, height)?, png: canvas::png(&scene, height)? })
    });
    drawn.map_err(|problem| Error::Plot { path: path.to_owned(), problem })
}
