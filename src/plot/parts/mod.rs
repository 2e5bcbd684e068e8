//! Parts that several pictures share: axes, frames, labels, legends, lines and colored grids

pub mod axis;
pub mod color_grid;
pub mod frame;
pub mod labels;
pub mod legend;
pub mod line_style;
pub mod polyline;
