//! The cells of tables of results, without what differs from run to run

use std::path::Path;

use chainrule::tables::reader::{Table, TableRow};

/// Columns that hold times, or what follows from them
const TIMES: [&str; 6] = ["train_s", "wall_s", "epoch_s", "samples_per_s", "started_at", "run_id"];

/// The cells of a table by rows, without times and the names of runs
pub fn cells(path: &Path) -> Vec<Vec<String>> {
    let table = Table::read(path).unwrap();
    let names: Vec<String> = table.names().map(str::to_owned).collect();
    let kept = (0..names.len()).filter(|&at| !TIMES.contains(&names[at].as_str()));
    let kept: Vec<usize> = kept.collect();
    let row = |row: TableRow<'_>| kept.iter().map(|&at| format!("{}={}", names[at], row.text(at))).collect();
    table.rows().map(row).collect()
}
