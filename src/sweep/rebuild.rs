//! Writing tables of runs again from the folders of the runs

use std::path::Path;

use super::folder::{Files, lock};
use super::folder_plans::{plans, saved_plan};
use super::trial_rows::SweepTables;
use crate::config::CsvDialect;
use crate::error::Result;
use crate::tables::reader::Table;
use crate::train::run_table::{self, Rebuilt};

/// Writes the tables of runs in `folder` again
///
/// The rows of a sweep and its shards are in the order of the plan, those of single runs in the order of their starts.
///
/// * `dialect`: the dialect of the table of single runs; `None` keeps that of the existing table. A sweep's dialect is in its
///   plan.
///
/// # Errors
/// If a process runs the sweep, no run has ended, a file of a run can't be read, or a table can't be written.
pub fn rebuild_runs(folder: &Path, dialect: Option<CsvDialect>) -> Result<Vec<Rebuilt>> {
    let plans = plans(folder)?;
    if plans.is_empty() {
        return Ok(vec![run_table::rebuild_runs(folder, dialect)?]);
    }
    let mut rebuilt = vec![];
    for (shard, path) in plans {
        let plan = saved_plan(&path)?;
        let _lock = lock(&path)?;
        let files = Files::new(folder, shard);
        SweepTables::new(&plan).rebuild(&files, folder, &plan.trials_of(shard))?;
        let rows = Table::read(&files.runs)?.rows().len();
        rebuilt.push(Rebuilt { path: files.runs, rows, kept: None });
    }
    Ok(rebuilt)
}
