//! A picture as a list of items, and the files made of it

pub mod scene;
pub mod svg_png;
