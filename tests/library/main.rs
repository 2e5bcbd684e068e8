//! The library through its public interface

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod arrays;
mod augmentation;
mod averages;
mod export;
mod fashion;
mod fuzz;
mod gradients;
mod idx;
mod imports;
mod nets;
mod norms;
mod optimizers;
mod tables;
mod training;

#[path = "../support/erf.rs"]
mod erf;
#[path = "../support/export_cases.rs"]
mod export_cases;
#[path = "../support/fuzz_cases.rs"]
mod fuzz_cases;
#[path = "../support/idx_files.rs"]
mod idx_files;
#[path = "../support/left_out.rs"]
mod left_out;
#[path = "../support/numbers.rs"]
mod numbers;
#[path = "../support/silent.rs"]
mod silent;
#[path = "../support/zip_files.rs"]
mod zip_files;
