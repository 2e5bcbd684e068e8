//! The program together with other programs: shells, GNU parallel, gnuplot, Slurm, LibreOffice, Python, ONNX Runtime, PyTorch

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod export;
mod installed;
mod scripts;
mod spreadsheets;
mod torch;
mod wheel;

#[path = "../support/export_cases.rs"]
mod export_cases;
#[path = "../support/idx_files.rs"]
mod idx_files;
#[path = "../support/launch.rs"]
mod launch;
#[path = "../support/left_out.rs"]
mod left_out;
#[path = "../support/small_data.rs"]
mod small_data;
