//! `chainrule ensemble`: the metrics of several models, and of the mean of what they predict

use std::path::{Path, PathBuf};

use anyhow::Result;
use chainrule::config::{DataFlags, Settings};
use chainrule::data::DataOptions;
use chainrule::error::{printable, shown};
use chainrule::predict::{ENSEMBLE, EnsembleEvaluation, evaluate_ensemble};
use chainrule::tables::{EvaluationRow, Metric};
use chainrule::train::evaluate::Predicted;
use chainrule::train::target_files::target_rows;
use chainrule::train::thread_count::{cores, pool};
use serde_json::{Map, Value};

use super::copies_flags::CopiesFlags;
use super::ensemble_members::{Members, shared_data};
use super::evaluate::{data_lines, make_folder, of_classes, parts_json, row_json, warn, write_files};
use super::format::{columns, percent, significant};
use super::import_flags::ImportFlags;
use super::{DONE, note, print};

#[derive(clap::Args)]
pub struct Args {
    /// Folders of runs, of which it takes model.safetensors, or model files; with --top, the folder of a sweep
    #[arg(value_name = "RUN|MODEL|SWEEP", required = true)]
    paths: Vec<PathBuf>,

    /// Take the K best trials of the sweep, by their validation score; without one, by their test score. Of each it takes
    /// model.safetensors, not the average of --ema or --swa, and no trial that a halving halted; to use these, name the files
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..))]
    top: Option<u16>,

    #[command(flatten)]
    flags: DataFlags,

    /// TOML file with settings of the data, such as a run's config.toml; flags take precedence
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Write metrics.csv, with a row for each model and one for the ensemble, and of the ensemble the other files that
    /// `evaluate --out` writes, into a folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Threads to compute with; the results do not depend on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Print the results and warnings that metrics are too good, without other warnings and names of files
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    copies: CopiesFlags,

    #[command(flatten)]
    import: ImportFlags,
}

pub fn run(args: &Args) -> Result<u8> {
    let Members { models: paths, warning } = Members::of(&args.paths, args.top.map(usize::from))?;
    let options = DataOptions::from(&settings(args, &paths)?.resolve()?);
    // An estimate that is too good is no detail, so --quiet does not silence it.
    warning.iter().for_each(|warning| note(warning));
    if let Some(out) = &args.out {
        make_folder(out)?;
    }
    let pool = pool(args.threads.map_or_else(cores, usize::from))?;
    let models =
        paths.iter().map(|path| args.import.load_any(path, args.quiet)).collect::<Result<Vec<_>>>()?;
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let models: Vec<_> = paths.iter().copied().zip(&models).collect();
    let mut evaluation = evaluate_ensemble(&models, &options, args.copies.choice(), &pool)?;
    warn(&mut evaluation.mean, &paths, args.quiet);
    let rows = evaluation.rows();
    if let Some(out) = &args.out {
        let names = write_files(&rows, &evaluation.mean, out)?;
        if !args.quiet {
            note(&format!("files in {}: {}", shown(out), names.join(", ")));
        }
    }
    print(&if args.json { json_text(&evaluation, &rows)? } else { text(&evaluation, &rows) })?;
    Ok(DONE)
}

/// The settings of the data: flags, then those of a file, or without any data those that the runs share
fn settings(args: &Args, models: &[PathBuf]) -> Result<Settings> {
    let DataFlags(flags) = args.flags.clone();
    let file = match &args.config {
        Some(file) => Settings::from_toml(file)?,
        None if flags.get("data").is_some() || flags.get("test_data").is_some() => Settings::default(),
        None => shared_data(models)?,
    };
    Ok(flags.or(file))
}

fn text(evaluation: &EnsembleEvaluation, rows: &[EvaluationRow]) -> String {
    let mean = &evaluation.mean;
    let names: &[&str] = match mean.predicted {
        Predicted::Classes(_) if mean.top5.is_some() => &["loss", "accuracy", "top 5", "macro F1"],
        Predicted::Classes(_) => &["loss", "accuracy", "macro F1"],
        Predicted::Numbers(_) => &["RMSE", "MAE", "R^2"],
    };
    let line = |row: &EvaluationRow| {
        let name = match row.model.as_str() {
            ENSEMBLE => format!("{ENSEMBLE} of {}", evaluation.members.len()),
            model => printable(model).into_owned(),
        };
        [vec![name], names.iter().map(|name| metric(row, name)).collect()].concat()
    };
    let head = std::iter::once("model").chain(names.iter().copied()).map(str::to_owned).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    let text = format!("{}\n{}", data_lines(mean), columns(&lines));
    match &mean.predicted {
        Predicted::Classes(confusion) => text + &of_classes(mean.outputs.classes(), confusion),
        Predicted::Numbers(_) if mean.outputs.len() > 1 => text + &of_targets(evaluation),
        Predicted::Numbers(_) => text,
    }
}

/// A metric of a line by its name on the terminal
fn metric(row: &EvaluationRow, name: &str) -> String {
    let four = |x: f64| format!("{x:.4}");
    let (metric, text): (Option<Metric>, fn(f64) -> String) = match name {
        "loss" => (row.loss, four),
        "accuracy" => (row.accuracy, percent),
        "top 5" => (row.top5_accuracy, percent),
        "macro F1" => (row.macro_f1, four),
        "RMSE" => (row.rmse, significant),
        "MAE" => (row.mae, significant),
        _ => (row.r2, significant),
    };
    metric.map_or(String::new(), |metric| text(metric.value()))
}

/// The metrics of the ensemble for each of several targets
fn of_targets(evaluation: &EnsembleEvaluation) -> String {
    let mean = &evaluation.mean;
    let number = |metric: Option<Metric>| metric.map_or(String::new(), |metric| significant(metric.value()));
    let head = ["target", "RMSE", "MAE", "R^2"].map(str::to_owned).to_vec();
    let rows = target_rows(mean.outputs.targets(), &mean.sums, mean.dtype).into_iter();
    let line = rows.map(|row| {
        vec![printable(&row.target).into_owned(), number(row.rmse), number(row.mae), number(row.r2)]
    });
    format!("\n{}", columns(&std::iter::once(head).chain(line).collect::<Vec<_>>()))
}

fn json_text(evaluation: &EnsembleEvaluation, rows: &[EvaluationRow]) -> Result<String> {
    let mut rows: Vec<Map<String, Value>> = rows.iter().map(row_json).collect();
    let mut json = rows.pop().unwrap_or_default();
    json.insert("members".to_owned(), rows.into());
    json.insert("warnings".to_owned(), evaluation.mean.warnings.clone().into());
    json.extend(parts_json(&evaluation.mean));
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}
