//! The program as a person runs it

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod arrays;
mod augmentation;
mod averages;
mod bf16;
mod cli;
mod commands;
mod copies;
mod corruption;
mod data;
mod docs;
mod early_stopping;
mod ensemble;
mod evaluate;
mod export;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod faults;
mod fuzz_seeds;
mod init;
mod kills;
mod limits;
mod locks;
mod norms;
mod odd_tables;
mod own_data;
mod plots;
mod predict;
mod presets;
mod regression;
mod regression_plots;
mod resume;
mod search;
mod state_dict;
mod surroundings;
mod sweep;
mod sweep_faults;
mod sweep_reports;
mod tables;

#[path = "../support/cells.rs"]
mod cells;
#[path = "../support/ended.rs"]
mod ended;
#[path = "../support/idx_files.rs"]
mod idx_files;
#[path = "../support/images.rs"]
mod images;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "../outside/installed.rs"]
mod installed;
#[path = "../support/launch.rs"]
mod launch;
#[path = "../support/left_out.rs"]
mod left_out;
#[path = "../support/numbers.rs"]
mod numbers;

#[path = "../support/small_data.rs"]
mod small_data;
#[path = "../support/state_dicts.rs"]
mod state_dicts;
#[path = "../support/zip_files.rs"]
mod zip_files;
