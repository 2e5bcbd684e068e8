//! The pictures, one file for each kind

pub mod accuracy_panel;
pub mod confusion;
pub mod heatmap;
pub mod overlay;
pub mod run_curves;
pub mod sweep;
