//! The pictures, one file each

pub mod accuracy_panel;
pub mod confusion;
pub mod heatmap;
pub mod overlay;
pub mod run_curves;
pub mod sweep;
