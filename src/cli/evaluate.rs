//! `chainrule evaluate`: the metrics of a model on labelled rows

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chainrule::Error;
use chainrule::config::{CsvDialect, DataFlags, Settings};
use chainrule::data::DataOptions;
use chainrule::data::outputs::{Outputs, Target};
use chainrule::error::{printable, shown};
use chainrule::plot::folder_pictures;
use chainrule::predict::{Evaluation, Part, evaluate, trained_rows_warning};
use chainrule::tables::atomic_file::write_atomically;
use chainrule::tables::{Cell, EvaluationRow, Metric, Row, TargetRow, to_csv};
use chainrule::train::confusion::Confusion;
use chainrule::train::confusion_files;
use chainrule::train::dims::Dims;
use chainrule::train::evaluate::Predicted;
use chainrule::train::target_files::{self, target_rows};
use chainrule::train::thread_count::{cores, pool};
use serde_json::{Map, Value, json};

use super::copies_flags::CopiesFlags;
use super::ensemble_members::check_is_no_run;
use super::format::{columns, count, percent, significant};
use super::import_flags::ImportFlags;
use super::{DONE, note, print};

/// Name of the file of metrics
const METRICS: &str = "metrics.csv";
/// Largest number of classes whose confusion is printed
const SHOWN: usize = 20;
/// Characters of a class name above a column of the confusion
const NAME_MAX: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors, or a state dict of PyTorch; without --data, its own data if the config.toml of its run lies beside it
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    #[command(flatten)]
    flags: DataFlags,

    /// TOML file with settings of the data, such as a run's config.toml; flags take precedence
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Write metrics.csv, confusion.csv, classes.csv and class_means.csv, or targets.csv and predictions.csv of a model of
    /// numbers, and their picture into a folder
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
    check_is_no_run(&args.model)?;
    let options = DataOptions::from(&settings(args)?.resolve()?);
    if let Some(out) = &args.out {
        make_folder(out)?;
    }
    let pool = pool(args.threads.map_or_else(cores, usize::from))?;
    let model = args.import.load_any(&args.model, args.quiet)?;
    let mut evaluation = evaluate(&model, &options, args.copies.choice(), &pool)?;
    warn(&mut evaluation, &[&args.model], args.quiet);
    if let Some(out) = &args.out {
        let names = write_files(&[evaluation.row(&args.model)], &evaluation, out)?;
        if !args.quiet {
            note(&format!("files in {}: {}", shown(out), names.join(", ")));
        }
    }
    print(&if args.json { json_text(&evaluation, &args.model)? } else { text(&evaluation, &args.model)? })?;
    Ok(DONE)
}

/// The settings of the data: flags, then those of a file
fn settings(args: &Args) -> Result<Settings> {
    let DataFlags(flags) = args.flags.clone();
    let beside = args.model.with_file_name("config.toml");
    let is_own = flags.get("data").is_none() && flags.get("test_data").is_none() && beside.is_file();
    let file = args.config.clone().or(is_own.then_some(beside));
    let file = file.as_deref().map_or(Ok(Settings::default()), Settings::from_toml)?;
    // Test data are evaluated without the training data.
    let source = file.get("test_data").or_else(|| file.get("data")).and_then(|value| value.as_str());
    if is_own && args.config.is_none() && source == Some("-") {
        let problem = "the run read its data from standard input; name labelled rows with --data";
        return Err(Error::content(&args.model, problem).into());
    }
    Ok(flags.or(file))
}

/// Makes the folder of the results, unless it is that of a run or a sweep
pub fn make_folder(out: &Path) -> Result<()> {
    let taken = ["summary.csv", "epochs.csv", "runs.csv"].iter().find(|name| out.join(name).exists());
    if let Some(name) = taken {
        let problem =
            format!("has a {name}, so it is the folder of a run or a sweep; give --out another folder");
        return Err(Error::content(out, problem).into());
    }
    std::fs::create_dir_all(out).map_err(Error::writing(out))?;
    Ok(())
}

/// Prints the warnings of an evaluation, after it adds one if the models were trained on the rows
///
/// An estimate that is too good is no detail, so `quiet` does not silence that warning.
pub fn warn(evaluation: &mut Evaluation, models: &[&Path], quiet: bool) {
    let warning = trained_rows_warning(models, evaluation);
    evaluation.warnings.iter().filter(|_| !quiet).chain(&warning).for_each(|warning| note(warning));
    evaluation.warnings.extend(warning);
}

/// Writes the tables and pictures; returns their names
///
/// * `rows`: those of metrics.csv
pub fn write_files(rows: &[EvaluationRow], evaluation: &Evaluation, out: &Path) -> Result<Vec<String>> {
    let dialect = CsvDialect::Standard;
    write_atomically(&out.join(METRICS), &to_csv(rows, dialect))?;
    let outputs = &evaluation.outputs;
    let names = match &evaluation.predicted {
        Predicted::Classes(confusion) => {
            confusion_files::write(out, confusion, outputs.classes(), dialect)?;
            vec![METRICS, confusion_files::CONFUSION, confusion_files::CLASSES, confusion_files::CLASS_MEANS]
        }
        Predicted::Numbers(numbers) => {
            let (rows, form) = ((&evaluation.labels, &numbers[..]), (evaluation.dtype, dialect));
            target_files::write(out, outputs.targets(), &evaluation.sums, rows, form)?;
            vec![METRICS, target_files::TARGETS, target_files::PREDICTIONS]
        }
    };
    let pictures = folder_pictures::redraw(out)?;
    let pictures = pictures.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Ok(names.into_iter().map(str::to_owned).chain(pictures).collect())
}

fn text(evaluation: &Evaluation, model: &Path) -> Result<String> {
    let Evaluation { dims, sums, top5, outputs, .. } = evaluation;
    let row = evaluation.row(model);
    let mut text = data_lines(evaluation);
    writeln!(text, "model       {}: {}, {}", shown(model), Dims(dims.clone()), row.dtype)?;
    let confusion = match &evaluation.predicted {
        Predicted::Classes(confusion) => confusion,
        Predicted::Numbers(_) => return Ok(text + &of_targets(evaluation, &row)),
    };
    if let Some(loss) = row.loss {
        writeln!(text, "loss        {:.4} nats", loss.value())?;
    }
    let of = format!("{} of {}", count(sums.correct), count(sums.rows));
    writeln!(text, "accuracy    {} ({of})", percent(sums.accuracy().unwrap_or_default()))?;
    if let Some(top5) = top5 {
        writeln!(text, "top 5       {}", percent(*top5))?;
    }
    if let Some(means) = confusion.means(false) {
        writeln!(text, "macro F1    {:.4}", means.f1)?;
    }
    Ok(text + &of_classes(outputs.classes(), confusion))
}

/// The lines that say which rows were evaluated, and how many copies of each
pub fn data_lines(evaluation: &Evaluation) -> String {
    let which = match evaluation.part {
        Part::Test => "test set",
        Part::All => "all rows, since there is no test set",
    };
    let copies = match evaluation.copies {
        1 => String::new(),
        copies => format!("copies      {} of each image, whose predictions are averaged\n", count(copies)),
    };
    format!(
        "data        {}: {which}, {} samples\n{copies}",
        printable(&evaluation.source),
        count(evaluation.sums.rows)
    )
}

/// The metrics of a model of numbers, those of all targets and of each
fn of_targets(evaluation: &Evaluation, row: &EvaluationRow) -> String {
    let Evaluation { outputs, sums, dtype, .. } = evaluation;
    let loss = match outputs {
        Outputs::Targets { loss, .. } => loss.to_string(),
        Outputs::Classes(_) => String::new(),
    };
    let number = |metric: Option<Metric>| metric.map_or(String::new(), |metric| significant(metric.value()));
    let several = if outputs.len() > 1 { ", mean over targets" } else { "" };
    let mut text = String::new();
    for (name, metric, note) in [
        ("loss", row.loss, format!(" ({loss} of standardised targets)")),
        ("RMSE", row.rmse, several.to_owned()),
        ("MAE", row.mae, several.to_owned()),
        ("R^2", row.r2, several.to_owned()),
    ] {
        if metric.is_some() {
            text += &format!("{name:<11} {}{note}\n", number(metric));
        }
    }
    let head = ["target", "RMSE", "MAE", "R^2", "mean", "sd"].map(str::to_owned).to_vec();
    let rows = target_rows(outputs.targets(), sums, *dtype).into_iter().zip(outputs.targets());
    let line = |(row, target): (TargetRow, &Target)| {
        let moments = [target.center, target.scale].map(significant);
        let name = printable(&row.target).into_owned();
        [vec![name, number(row.rmse), number(row.mae), number(row.r2)], moments.to_vec()].concat()
    };
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.map(line)).collect();
    format!("{text}\n{}mean and sd are those of the training rows\n", columns(&lines))
}

/// The metrics of each class, and the confusion if there are few
pub fn of_classes(classes: &[String], confusion: &Confusion) -> String {
    let names: Vec<String> = classes.iter().map(|name| printable(name).into_owned()).collect();
    let share = |share: Option<f64>| share.map_or(String::new(), |share| format!("{share:.4}"));
    let class = |class: usize| {
        vec![
            names[class].clone(),
            share(confusion.precision(class)),
            share(confusion.recall(class)),
            share(confusion.f1(class)),
            count(confusion.support(class)),
        ]
    };
    let head = ["class", "precision", "recall", "F1", "support"].map(str::to_owned).to_vec();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain((0..classes.len()).map(class)).collect();
    let mut text = format!("\n{}", columns(&lines));
    if classes.len() <= SHOWN {
        let short = |name: &String| name.chars().take(NAME_MAX).collect::<String>();
        let head = std::iter::once("true \\ predicted".to_owned()).chain(names.iter().map(short)).collect();
        let line = |label: usize| {
            let counts = (0..classes.len()).map(|predicted| count(confusion.count(label, predicted)));
            std::iter::once(names[label].clone()).chain(counts).collect()
        };
        let lines: Vec<Vec<String>> = std::iter::once(head).chain((0..classes.len()).map(line)).collect();
        text += &format!("\n{}", columns(&lines));
    }
    text
}

fn json_text(evaluation: &Evaluation, model: &Path) -> Result<String> {
    let mut json = row_json(&evaluation.row(model));
    json.insert("net".to_owned(), Dims(evaluation.dims.clone()).to_string().into());
    json.insert("warnings".to_owned(), evaluation.warnings.clone().into());
    json.extend(parts_json(evaluation));
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

/// A line of metrics.csv as JSON
pub fn row_json(row: &EvaluationRow) -> Map<String, Value> {
    let value = |cell: Cell| match cell {
        Cell::Number(digits) => digits
            .parse::<u64>()
            .map_or_else(|_| digits.parse::<f64>().map_or(Value::Null, Value::from), Value::from),
        Cell::Text(text) | Cell::Verbatim(text) => text.into(),
        Cell::Empty => Value::Null,
    };
    EvaluationRow::header().into_iter().zip(row.cells().into_iter().map(value)).collect()
}

/// The metrics of each class with the confusion, or those of each target, as JSON
pub fn parts_json(evaluation: &Evaluation) -> Map<String, Value> {
    let Evaluation { outputs, sums, dtype, .. } = evaluation;
    let confusion = match &evaluation.predicted {
        Predicted::Classes(confusion) => confusion,
        Predicted::Numbers(_) => {
            let metric = |metric: Option<Metric>| metric.map(Metric::value);
            let target = |row: TargetRow| {
                let [rmse, mae, r2] = [row.rmse, row.mae, row.r2].map(metric);
                json!({"target": row.target, "rmse": rmse, "mae": mae, "r2": r2})
            };
            let rows = target_rows(outputs.targets(), sums, *dtype);
            return [("per_target".to_owned(), rows.into_iter().map(target).collect())].into_iter().collect();
        }
    };
    let classes = outputs.classes();
    let class = |class: usize| {
        json!({
            "class": classes[class], "precision": confusion.precision(class), "recall": confusion.recall(class),
            "f1": confusion.f1(class), "support": confusion.support(class),
        })
    };
    let counts = |label: usize| (0..classes.len()).map(|p| confusion.count(label, p)).collect::<Vec<_>>();
    let per_class = (0..classes.len()).map(class).collect();
    let confusion = (0..classes.len()).map(|label| json!(counts(label))).collect();
    [("per_class".to_owned(), per_class), ("confusion".to_owned(), confusion)].into_iter().collect()
}
