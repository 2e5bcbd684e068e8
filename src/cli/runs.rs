//! `chainrule runs`: the table of runs on the terminal

use std::cmp::Ordering;
use std::path::PathBuf;

use anyhow::{Result, bail};
use chainrule::Error;
use chainrule::config::SETTINGS;
use chainrule::error::{first_ten, printable, shell_quoted, shown};
use chainrule::tables::reader::{Table, TableRow};
use chainrule::train::run_table::rebuild_runs;

use super::format::{cell, columns};
use super::{DONE, note, print};

#[derive(clap::Args)]
pub struct Args {
    /// Folder with a runs.csv: of runs, or of a sweep
    #[arg(value_name = "DIR", default_value = "results")]
    dir: PathBuf,

    /// Column to sort by: accuracies, R² and speeds from the highest, other numbers from the lowest, text by letters
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,

    /// Turn the order around
    #[arg(long)]
    reverse: bool,

    /// Show only the first N runs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,

    /// Columns to show, separated by commas; `all` for every one
    /// [default: status, what was varied, accuracies or RMSEs, time]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    columns: Vec<String>,

    /// Make runs.csv again from the summary.csv of each run in the folder, then show it
    #[arg(long)]
    rebuild: bool,

    /// Print the rows as JSON
    #[arg(long)]
    json: bool,
}

/// Columns that are shown before what was varied, and after it, where the table has them
const BEFORE: [&str; 3] = ["trial", "run_id", "status"];
const AFTER: [&str; 14] = [
    "best_epoch",
    "best_accuracy",
    "best_rmse",
    "val_accuracy",
    "val_rmse",
    "test_loss",
    "test_accuracy",
    "test_rmse",
    "test_r2",
    "average_val_accuracy",
    "average_val_rmse",
    "average_test_accuracy",
    "average_test_rmse",
    "train_s",
];

pub fn run(args: &Args) -> Result<u8> {
    let path = args.dir.join("runs.csv");
    if args.rebuild {
        let rebuilt = rebuild_runs(&args.dir, None)?;
        note(&format!("{}: {} runs", shown(&path), rebuilt.rows));
        if let Some(kept) = rebuilt.kept {
            note(&format!("the table that was there is kept as {}", shown(kept)));
        }
    } else if !path.exists() {
        missing(args)?;
    }
    let table = Table::read(&path)?;
    let mut rows: Vec<TableRow> = table.rows().collect();
    if let Some(column) = &args.sort {
        let column = find(&table, column)?;
        rows.sort_by(|a, b| order(&table, column, *a, *b));
    }
    if args.reverse {
        rows.reverse();
    }
    rows.truncate(args.top.map_or(usize::MAX, |n| n as usize));
    let shown_columns = chosen(&table, args)?;
    if args.json {
        let rows: Vec<_> =
            rows.iter().map(|row| super::info::row_json(&table, *row, &shown_columns)).collect();
        print(&(serde_json::to_string_pretty(&rows)? + "\n"))?;
        return Ok(DONE);
    }
    let names: Vec<&str> = table.names().collect();
    let mut lines = vec![shown_columns.iter().map(|&column| printable(names[column]).into_owned()).collect()];
    lines.extend(rows.iter().map(|row| {
        shown_columns.iter().map(|&column| cell(names[column], *row, column)).collect::<Vec<_>>()
    }));
    print(&columns(&lines))?;
    Ok(DONE)
}

/// The error for a folder without a table, with what to type
fn missing(args: &Args) -> Result<()> {
    let dir = &args.dir;
    if !dir.is_dir() {
        bail!("{}: no such folder; a first run makes it: chainrule train --quick", shown(dir));
    }
    if dir.join("summary.csv").is_file() || dir.join("epochs.csv").is_file() {
        bail!("{}: is the folder of one run; type: chainrule info {}", shown(dir), shell_quoted(dir));
    }
    let sweeps = super::plot::sweeps_in(dir);
    if let Some(first) = sweeps.first() {
        bail!(
            "{}: no runs.csv there, but in {}; type: chainrule runs {}",
            shown(dir),
            first_ten(sweeps.iter().map(shown), ", "),
            shell_quoted(first)
        );
    }
    bail!(
        "{}: no runs.csv there; if it has folders of runs, type: chainrule runs {} --rebuild",
        shown(dir),
        shell_quoted(dir)
    )
}

/// The index of a column, whose name may be written with `-`
fn find(table: &Table, name: &str) -> Result<usize> {
    let name = name.trim();
    let found = table.column(name).or_else(|| table.column(&name.replace('-', "_")));
    found.ok_or_else(|| {
        let mut names: Vec<String> =
            table.names().filter(|name| !name.is_empty()).map(str::to_owned).collect();
        // Similar names first.
        names.sort_by_key(|column| !(column.contains(name) || name.contains(column.as_str())));
        let expected = format!(
            "a column of {}, such as {}; to see them all, type: chainrule runs {} --columns all",
            shown(table.path()),
            first_ten(names.into_iter(), ", "),
            table.path().parent().map_or_else(String::new, shell_quoted)
        );
        Error::Setting { name: "column", expected, found: name.to_owned() }.into()
    })
}

/// The columns that are shown
fn chosen(table: &Table, args: &Args) -> Result<Vec<usize>> {
    if args.columns.iter().any(|name| name == "all") {
        return Ok(table.names().enumerate().filter(|(_, name)| !name.is_empty()).map(|(i, _)| i).collect());
    }
    if !args.columns.is_empty() {
        return args.columns.iter().map(|name| find(table, name)).collect();
    }
    let has_content = |column: &usize| table.rows().any(|row| !row.text(*column).trim().is_empty());
    let varies = |column: &usize| {
        let first = table.rows().next().map(|row| row.text(*column));
        table.rows().any(|row| Some(row.text(*column)) != first)
    };
    let varied = SETTINGS.iter().map(|setting| setting.name).chain(["hidden_dim", "num_layers"]);
    // In a sweep, trial and run_id often hold the same name.
    let of_names = |names: &[&str]| names.iter().filter_map(|name| table.column(name)).collect::<Vec<_>>();
    let mut columns: Vec<usize> = of_names(&BEFORE).into_iter().filter(has_content).collect();
    if columns.len() == BEFORE.len() && table.rows().all(|row| row.text(columns[0]) == row.text(columns[1])) {
        columns.remove(1);
    }
    columns.extend(varied.filter_map(|name| table.column(name)).filter(varies));
    columns.extend(of_names(&AFTER).into_iter().filter(has_content));
    if let Some(sort) = &args.sort {
        let sort = find(table, sort)?;
        if !columns.contains(&sort) {
            columns.push(sort);
        }
    }
    Ok(columns)
}

/// The order of two rows by a column; rows without a value are last
fn order(table: &Table, column: usize, a: TableRow, b: TableRow) -> Ordering {
    let name = table.names().nth(column).unwrap_or_default();
    let from_highest = name.ends_with("accuracy") || name.ends_with("_per_s") || name.ends_with("_r2");
    let is_empty = |row: TableRow| row.text(column).trim().is_empty();
    let by_value = match (a.as_number(column), b.as_number(column)) {
        (Some(x), Some(y)) if from_highest => y.total_cmp(&x),
        (Some(x), Some(y)) => x.total_cmp(&y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.text(column).cmp(b.text(column)),
    };
    is_empty(a).cmp(&is_empty(b)).then(by_value)
}
