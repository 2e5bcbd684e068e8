//! The pictures, one file for each kind, and the panels and tables that they are made of

pub mod confusion;
pub mod curve_panels;
pub mod halving;
pub mod heatmap;
pub mod overlay;
pub mod predictions;
pub mod run_curves;
pub mod samples;
pub mod score_axis;
pub mod score_panel;
pub mod settings_table;
pub mod sweep;
pub mod sweep_curves;
pub mod sweep_looks;
