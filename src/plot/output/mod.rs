//! A picture as a list of items, and the files made of it: font and scene, then SVG, then PNG; or PDF

pub mod font;
pub mod pdf;
pub mod png;
pub mod scene;
pub mod svg;
