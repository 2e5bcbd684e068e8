//! The `runs.csv` beside the folders of runs: a row for each, copied from its `summary.csv`

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::run_files::SUMMARY;
use crate::config::CsvDialect;
use crate::error::{Error, Result};
use crate::tables::atomic_file::{remove_leftovers, write_atomically};
use crate::tables::reader::{Table, TableRow};
use crate::tables::{Columns, Record, SharedTable, SummaryRow, lock};

/// Name of the table
pub const RUNS: &str = "runs.csv";

/// Appends the row of a run that has ended to the `runs.csv` in `parent`, after the rows of all runs in `parent` that have
/// ended but are missing in it: their processes were killed before they could append them
///
/// * `dialect`: the dialect that the table must have; `None`: its own, or the standard one for a new table
///
/// Returns the names of the runs whose rows were missing.
///
/// # Errors
/// If the table can't be read or written.
pub fn append_run(parent: &Path, summary: &SummaryRow, dialect: Option<CsvDialect>) -> Result<Vec<String>> {
    let shared = SharedTable::open(&parent.join(RUNS), dialect)?;
    let dialect = shared.dialect();
    let run_id = &summary.result.run_id;
    let (mut listed, mut is_there) = (HashSet::new(), false);
    // A run that went on has a row of its earlier end, and another process may have appended the row between the writing of
    // summary.csv and this moment.
    let started_at = shared.table().and_then(|table| table.column("started_at"));
    let is_mine = |row: &TableRow<'_>, id: usize| {
        let start = started_at.map(|column| row.text(column));
        row.text(id) == run_id && start.is_none_or(|start| start == summary.result.started_at)
    };
    if let Some(table) = shared.table() {
        let id = table.need("run_id")?;
        listed.extend(table.rows().map(|row| row.text(id).to_owned()));
        is_there = table.rows().any(|row| is_mine(&row, id));
    }
    listed.insert(run_id.clone());
    let mut missing = vec![];
    // A summary that can't be read belongs to another run: `rebuild` reports it.
    for ended in ended_runs(parent, &listed)?.into_iter().flatten() {
        if listed.insert(ended.run_id.clone()) {
            missing.push(ended);
        }
    }
    missing.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut records: Vec<Record> = missing.iter().map(|ended| ended.record(dialect)).collect();
    if !is_there {
        records.push(summary.record());
    }
    let id = shared.table().map(|table| table.need("run_id")).transpose()?;
    let own = |row: TableRow<'_>| id.filter(|&id| is_mine(&row, id)).map(|_| summary.record());
    shared.put(&records, own)?;
    Ok(missing.into_iter().map(|ended| ended.run_id).collect())
}

/// A `runs.csv` that was written again
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// Its path
    pub path: PathBuf,
    /// Number of its rows
    pub rows: usize,
    /// Where the table that was there before was copied to: one that could not be read, or has rows of runs without a
    /// folder
    pub kept: Option<PathBuf>,
}

/// Writes the `runs.csv` in `folder` again from the `summary.csv` of each run in it, in the order of their starts
///
/// * `dialect`: the dialect of the new table; `None`: that of the table that is there, or of the first summary
///
/// # Errors
/// If `folder` has no run that has ended, a `summary.csv` can't be read, or the table can't be written.
pub fn rebuild_runs(folder: &Path, dialect: Option<CsvDialect>) -> Result<Rebuilt> {
    let mut runs = ended_runs(folder, &HashSet::new())?.into_iter().collect::<Result<Vec<_>>>()?;
    let mut known = HashSet::new();
    // Of copies, that in the folder of the run's name.
    runs.sort_by_key(|run| !run.has_its_name);
    runs.retain(|run| known.insert(run.run_id.clone()));
    runs.sort_by(|a, b| a.order().cmp(&b.order()));
    let Some(first) = runs.first() else {
        let problem = format!("contains no folder of a run that has ended, which has a {SUMMARY}");
        return Err(Error::content(folder, problem));
    };
    let path = folder.join(RUNS);
    // Other processes wait until the new table is there.
    let lock = path.exists().then(|| lock(&path)).transpose()?;
    let before = lock.is_some().then(|| Table::read(&path));
    let dialect = dialect
        .or_else(|| before.as_ref()?.as_ref().ok().map(Table::dialect))
        .unwrap_or(first.summary.dialect());
    let holds_more = |table: &Table| match table.column("run_id") {
        Some(id) => table.rows().any(|row| !known.contains(row.text(id))),
        None => true,
    };
    let kept = match &before {
        Some(table) if table.as_ref().map_or(true, holds_more) => Some(keep(&path)?),
        _ => None,
    };
    let records: Vec<Record> = runs.iter().map(|run| run.record(dialect)).collect();
    let columns = Columns::of::<SummaryRow>();
    let others = records.iter().flat_map(Record::names).map(str::to_owned);
    let columns = columns.clone().with(columns.names().len(), others);
    let mut bytes = dialect.header(&columns);
    records.iter().for_each(|record| bytes.extend(dialect.line(columns.line(|name| record.cell(name)))));
    write_atomically(&path, &bytes)?;
    Ok(Rebuilt { path, rows: records.len(), kept })
}

/// Copies a table to a free name beside it
fn keep(path: &Path) -> Result<PathBuf> {
    let free = |number: usize| {
        path.with_extension(format!(
            "csv.old{}",
            if number == 1 { String::new() } else { format!("-{number}") }
        ))
    };
    let copy = (1..).map(free).find(|copy| !copy.exists()).unwrap_or_else(|| free(1));
    fs::copy(path, &copy).map_err(Error::writing(&copy))?;
    Ok(copy)
}

/// The summary of a run that has ended
struct EndedRun {
    run_id: String,
    started_at: String,
    has_its_name: bool,
    summary: Table,
}

impl EndedRun {
    fn read(folder: &Path) -> Result<Self> {
        let summary = Table::read(&folder.join(SUMMARY))?;
        let id = summary.need("run_id")?;
        let Some(row) = summary.rows().next() else {
            return Err(Error::content(summary.path(), "line 2: expected the row of the run, found none"));
        };
        row.status(summary.need("status")?)?;
        let run_id = row.text(id).to_owned();
        let started_at =
            summary.column("started_at").map_or(String::new(), |column| row.text(column).to_owned());
        let has_its_name = folder.file_name().is_some_and(|name| name == run_id.as_str());
        Ok(Self { run_id, started_at, has_its_name, summary })
    }

    fn order(&self) -> (&str, &str) {
        (&self.started_at, &self.run_id)
    }

    fn record(&self, dialect: CsvDialect) -> Record {
        self.summary.rows().next().map_or(Record(vec![]), |row| row.record(dialect))
    }
}

/// Reads the summaries of the runs in `parent`, except for folders whose names are `listed`; also removes what killed
/// processes left in these folders
fn ended_runs(parent: &Path, listed: &HashSet<String>) -> Result<Vec<Result<EndedRun>>> {
    let mut folders = vec![];
    for entry in fs::read_dir(parent).map_err(Error::reading(parent))? {
        let entry = entry.map_err(Error::reading(parent))?;
        if !listed.contains(&*entry.file_name().to_string_lossy()) && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    folders.iter().for_each(|folder| remove_leftovers(folder));
    folders.retain(|folder| folder.join(SUMMARY).exists());
    Ok(folders.iter().map(|folder| EndedRun::read(folder)).collect())
}
