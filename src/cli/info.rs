//! `chainrule info`: shows what is in a model file, a run or a sweep; and this machine

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chainrule::Error;
use chainrule::config::{Dtype, SHORT_FORMS, find, text};
use chainrule::data::import::Assumed;
use chainrule::data::options::TableOptions;
use chainrule::data::outputs::{Outputs, Target};
use chainrule::data::saved_model::SavedModel;
use chainrule::data::source_kind::{self, Kind};
use chainrule::error::{first_ten, printable, shell_quoted, shown};
use chainrule::nn::layers::Norm;
use chainrule::nn::state_dict::StateDict;
use chainrule::report::analysis::Analysis;
use chainrule::report::halving::{Halving, Rung};
use chainrule::report::rung_ends;
use chainrule::report::score::NO_SAMPLES;
use chainrule::tables::reader::{Table, TableRow};
use chainrule::tables::{Columns, EpochRow, Status, SummaryRow, is_text};
use chainrule::train::dims::Dims;
use serde_json::{Map, Value, json};
use toml::Value as TomlValue;

use super::format::{Shown, cell, count, several, significant, times};
use super::import_flags::ImportFlags;
use super::machine::Machine;
use super::table_form::{TableForm, check_is_table};
use super::{DONE, print};
use super::{info_data, info_inputs};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors or a state dict of PyTorch, data of any kind (a table, an .npz, an .npy, IDX files, `synthetic`), or the folder of a run
    /// or a sweep
    /// [default: this machine]
    #[arg(value_name = "MODEL|DATA|RUN|SWEEP")]
    what: Option<String>,

    #[command(flatten)]
    form: TableForm,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    import: ImportFlags,
}

/// Classes or targets of a model that are shown; the rest is counted
const SHOWN: usize = 20;

pub fn run(args: &Args) -> Result<u8> {
    let (text, json) = match args.what.as_deref() {
        None => {
            let machine = Machine::here();
            (machine.text()?, machine.json()?)
        }
        Some(what) => {
            if let Some(flag) = args.form.given() {
                check_is_table(what.as_ref(), flag)?;
            }
            found(what, &args.import, &args.form.options())?
        }
    };
    print(&if args.json { serde_json::to_string_pretty(&json)? + "\n" } else { text })?;
    Ok(DONE)
}

fn found(what: &str, import: &ImportFlags, form: &TableOptions) -> Result<Shown> {
    let path = Path::new(what);
    if what == "synthetic" {
        return info_data::dataset(what);
    }
    if path.is_dir() {
        let has = |name: &str| path.join(name).is_file();
        return match () {
            () if has("summary.csv") || has("epochs.csv") && has("config.toml") => run_folder(path),
            () if has("runs.csv") => sweep_folder(path),
            () => info_data::dataset(what),
        };
    }
    match source_kind::kind(path)? {
        Kind::Model => model(what, &import.load(path, false)?),
        kind => info_data::file(what, kind, form),
    }
}

fn model(name: &str, file: &SavedModel<f64>) -> Result<Shown> {
    let dims = Dims(file.model.dims());
    let activation = file.model.activation().map(|activation| activation.to_string());
    let after = activation.as_ref().map_or_else(String::new, |activation| format!(", {activation}"));
    let mut text = format!("model       {}\n", printable(name));
    let state_dict = file.imported.as_ref().map(|imported| &imported.state_dict);
    if let Some(state_dict) = state_dict {
        let prefix = match state_dict.prefix.as_str() {
            "" => String::new(),
            prefix => format!(", names begin with `{}`", printable(prefix)),
        };
        writeln!(text, "format      state dict of PyTorch in {}{prefix}", state_dict.dtypes().join(" and "))?;
    }
    writeln!(text, "net         {dims}{after}")?;
    let layers: Vec<String> = file.model.layers().iter().map(ToString::to_string).collect();
    if file.model.layers().iter().any(|layer| layer.is_dropout() || layer.norm() != Norm::None) {
        writeln!(text, "layers      {}", layers.join(", "))?;
    }
    let dtype = if file.dtype == Dtype::Bf16 { "f32, with products of bf16" } else { file.dtype.name() };
    writeln!(text, "parameters  {}, {dtype}", count(file.model.parameter_count()))?;
    text += &outputs(&file.signature.outputs);
    text += &match file.imported.as_ref().filter(|imported| imported.assumed.contains(&Assumed::Inputs)) {
        Some(_) => format!(
            "inputs      {}; a state dict does not say their scale (--inputs)\n",
            count(file.model.features())
        ),
        None => info_inputs::text(&file.signature.preprocessing),
    };
    if !file.id_columns.is_empty() {
        let names = first_ten(file.id_columns.iter().map(|name| printable(name).into_owned()), ", ");
        writeln!(text, "row names   {names}, which predict copies")?;
    }
    for (key, value) in &file.metadata.0 {
        if ["version", "format_version", "producer"].contains(&key.as_str()) {
            writeln!(text, "{key:<15} {}", printable(value))?;
        }
    }
    let mut tensors = Vec::new();
    // A layer of a state dict may have no bias, which is then 0.
    let names: Vec<Option<String>> = state_dict
        .map_or_else(|| file.model.tensors().map(|tensor| Some(tensor.name())).collect(), StateDict::names);
    let width = names.iter().flatten().map(|name| name.chars().count()).max().unwrap_or(0).max(10);
    writeln!(text, "\n{:<width$} {:>12} {:>14} {:>14}", "tensor", "shape", "smallest", "largest")?;
    for (tensor, name) in file.model.tensors().zip(names) {
        let Some(name) = name else { continue };
        let least = tensor.data.iter().copied().fold(f64::INFINITY, f64::min);
        let most = tensor.data.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shape = tensor.shape.stored();
        writeln!(text, "{:<width$} {:>12} {least:>14.6} {most:>14.6}", printable(&name), times(&shape))?;
        tensors.push(json!({"name": name, "shape": shape, "least": least, "greatest": most}));
    }
    let state_dict = state_dict.map(|dict| json!({"prefix": dict.prefix, "dtypes": dict.dtypes()}));
    let json = json!({
        "kind": "model", "path": name, "state_dict": state_dict, "net": dims.to_string(), "dims": dims.0, "activation": activation,
        "layers": layers,
        "parameters": file.model.parameter_count(), "dtype": file.dtype.name(), "classes": file.signature.outputs.classes(),
        "targets": file.signature.outputs.targets(),
        "id_columns": file.id_columns,
        "target_column": file.target_column,
        "preprocessing": info_inputs::json(&file.signature.preprocessing), "metadata": file.metadata.0, "tensors": tensors,
    });
    Ok((text, json))
}

/// The classes of a model, or its targets in lines, as a person would write them
fn outputs(outputs: &Outputs) -> String {
    let (targets, loss) = match outputs {
        Outputs::Targets { targets, loss } => (targets, loss),
        Outputs::Classes(names) => {
            let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            let more = names.len() - shown.len();
            let more = if more > 0 { format!(" … and {} more", count(more)) } else { String::new() };
            return format!("classes     {}{more}\n", printable(&shown.join(", ")));
        }
    };
    let mut text = format!("targets     {}, trained by the loss {loss}\n", count(targets.len()));
    for Target { name, center, scale } in targets.iter().take(SHOWN) {
        let (sign, center) = if *center < 0.0 { ("-", -center) } else { ("+", *center) };
        let (name, scale) = (printable(name), significant(*scale));
        text += &format!("  {name}  {scale} y {sign} {}, where y is the output\n", significant(center));
    }
    if targets.len() > SHOWN {
        text += &format!("  … and {} more; --json lists all\n", count(targets.len() - SHOWN));
    }
    text
}

/// A run: its summary and its files
fn run_folder(folder: &Path) -> Result<Shown> {
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .map_err(Error::reading(folder))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    files.sort_unstable();
    let mut text = format!("run               {}\n", shown(folder));
    let mut json = Map::from_iter([
        ("kind".to_owned(), "run".into()),
        ("path".to_owned(), folder.to_string_lossy().into()),
        ("ended".to_owned(), folder.join("summary.csv").is_file().into()),
    ]);
    if folder.join("summary.csv").is_file() {
        let table = Table::read(&folder.join("summary.csv"))?;
        let Some(row) = table.rows().next() else {
            return Err(Error::content(table.path(), "expected a line below the header, found none").into());
        };
        for (column, name) in table.names().enumerate().filter(|(_, name)| !name.is_empty()) {
            let value = cell(name, row, column);
            if !value.is_empty() {
                writeln!(text, "{:<17} {value}", printable(name))?;
            }
        }
        let columns: Vec<usize> = (0..table.names().count()).collect();
        json.insert("summary".to_owned(), row_json(&table, row, &columns));
    } else {
        let epochs = folder.join("epochs.csv");
        let done = if epochs.is_file() { Table::read(&epochs)?.rows().len() } else { 0 };
        writeln!(text, "status            not ended, {} so far", several(done, "epoch"))?;
        json.insert("epochs_done".to_owned(), done.into());
    }
    writeln!(text, "\nfiles             {}", printable(&files.join(", ")))?;
    let config = folder.join("config.toml");
    if config.is_file() {
        let command = format!("chainrule train --config {}", shell_quoted(&config));
        writeln!(text, "repeat with       {command}")?;
        json.insert("repeat".to_owned(), command.into());
    }
    json.insert("files".to_owned(), files.into());
    Ok((text, json.into()))
}

/// A sweep, or a folder of runs: how many ended how, what was varied, and the best
fn sweep_folder(folder: &Path) -> Result<Shown> {
    let path: PathBuf = folder.join("runs.csv");
    let table = Table::read(&path)?;
    let mut analysis = Analysis::from_table(&table)?;
    analysis.rung_ends = rung_ends::of_plan(folder, &analysis);
    let is_sweep = folder.join("plan.toml").is_file();
    let (kind, thing) = if is_sweep { ("sweep", "trial") } else { ("runs", "run") };
    let counts: Vec<(Status, usize)> = Status::ALL.map(|status| (status, analysis.count(status))).to_vec();
    let ended = counts.iter().filter(|(_, n)| *n > 0).map(|(status, n)| format!("{} {status}", count(*n)));
    let ended = ended.collect::<Vec<_>>().join(", ");
    let rows = table.rows().len();
    let mut text =
        format!("{kind:<11} {}\n{:<11} {}: {ended}\n", shown(folder), format!("{thing}s"), count(rows));
    for axis in &analysis.axes {
        let first: Vec<&str> = axis.values.iter().take(10).map(String::as_str).collect();
        let more = axis.values.len() - first.len();
        let more = if more > 0 { format!(" … and {} more", count(more)) } else { String::new() };
        writeln!(text, "varied      {}: {}{more}", axis.name, printable(&first.join(", ")))?;
    }
    let halving = Halving::of(&analysis);
    if let Some(halving) = &halving {
        writeln!(text, "rungs       {}", halving.text())?;
    }
    let best = super::sweep::best(&analysis);
    if let Some(best) = &best {
        writeln!(text, "{}", printable(best))?;
    } else if let Some(undecided) = analysis.undecided() {
        writeln!(text, "{}", super::sweep_output::no_best(undecided))?;
    } else if analysis.has_no_samples() {
        writeln!(text, "no best: {NO_SAMPLES}")?;
    }
    writeln!(text, "\nthe table: chainrule runs {}", shell_quoted(folder))?;
    let columns: Vec<usize> = (0..table.names().count()).collect();
    let json = json!({
        "kind": kind, "path": folder.to_string_lossy(), "trials": rows,
        "status": counts.iter().map(|(status, n)| (status.name().to_owned(), (*n).into())).collect::<Map<_, _>>(),
        "varied": analysis.axes.iter().map(|axis| json!({"name": axis.name, "values": axis.values})).collect::<Vec<_>>(),
        "best": best,
        "rungs": halving.map(|halving| halving.rungs.iter().map(rung_json).collect::<Vec<_>>()),
        "runs": table.rows().map(|row| row_json(&table, row, &columns)).collect::<Vec<_>>(),
    });
    Ok((text, json))
}

/// A rung of a halving
fn rung_json(rung: &Rung) -> Value {
    json!({"rung": rung.number, "epochs": rung.epochs, "trials": rung.trials, "failed": rung.failed})
}

/// The cells of a row by the names of their columns, with the types of the program's columns; empty cells are null
///
/// A column of the user's own holds a number if it is written as JSON writes it, so that `007` stays a text.
pub fn row_json(table: &Table, row: TableRow, columns: &[usize]) -> Value {
    let names: Vec<&str> = table.names().collect();
    let number = |column: usize| match row.text(column).trim().parse::<u64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => row.as_number(column).map(Value::from),
    };
    let setting = |column: usize| {
        let setting =
            find(names[column]).or_else(|| SHORT_FORMS.iter().find(|short| short.name == names[column]))?;
        Some(match row.setting(column, setting).ok().flatten()? {
            TomlValue::Boolean(value) => value.into(),
            value @ (TomlValue::Integer(_) | TomlValue::Float(_)) => {
                number(column).unwrap_or_else(|| text(&value).into())
            }
            value => text(&value).into(),
        })
    };
    let columns_of_program = [Columns::of::<SummaryRow>(), EpochRow::columns(true)];
    let is_own =
        |name: &str| !columns_of_program.iter().any(|columns| columns.names().iter().any(|own| own == name));
    let value = |column: usize| match (names[column], row.text(column)) {
        (_, cell) if cell.trim().is_empty() => Value::Null,
        ("status", cell) => row.status(column).map_or_else(|_| cell.into(), |status| status.name().into()),
        (name, cell) => {
            let typed = || if name == "trial" || is_text(name) { None } else { number(column) };
            let plain = |number: &Value| !is_own(name) || format!("{number}") == cell;
            setting(column).or_else(|| typed().filter(plain)).unwrap_or_else(|| cell.into())
        }
    };
    let named = columns.iter().copied().filter(|&column| !names[column].is_empty());
    named.map(|column| (names[column].to_owned(), value(column))).collect::<Map<_, _>>().into()
}
