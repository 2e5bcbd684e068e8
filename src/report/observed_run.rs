//! One row of `runs.csv`: how a run ended, its settings and its metrics

use std::collections::HashMap;

use toml::Value;

use super::metric_column::MetricColumn;
use super::number_columns::RESULTS;
use super::row_rules::RowRules;
use super::score::ScoreKind;
use super::short_number::short_number;
use crate::config::{Kind, SHORT_FORMS, Setting, find, sweepable, text};
use crate::error::Result;
use crate::tables::Status;
use crate::tables::reader::{Table, TableRow};

/// The settings that decide how data are read
const READ_AS: [&str; 6] = ["dtype", "test_data", "target", "ignore", "categorical", "missing"];

/// One row of `runs.csv`
#[derive(Clone, Debug)]
pub struct ObservedRun {
    /// The cell in the column trial, or in run_id
    pub id: String,
    /// How the run ended
    pub status: Status,
    /// The seed; empty if the file has no such column
    pub seed: String,
    /// Name and value of each setting that has a column, without the seed
    pub settings: Vec<(&'static str, String)>,
    /// The rung of a halving, counted from 1, that it has ended, or in which it was stopped; `None` without a halving
    pub rung: Option<u32>,
    /// Number of whole epochs; `None` if the file does not say
    pub epochs_done: Option<u32>,
    /// The score of its task; `None` if neither its metrics nor its column task say which it has
    pub score: Option<ScoreKind>,
    metrics: [Option<f64>; MetricColumn::ALL.len()],
}

impl ObservedRun {
    /// The metric in a column, if the run is `ok`: other runs stopped too early to be compared
    pub fn metric(&self, column: MetricColumn) -> Option<f64> {
        self.metrics[column as usize].filter(|_| self.status == Status::Ok)
    }

    /// The metric in a column, also of a run that was halted: after fewer epochs than that of one that is `ok`
    pub fn metric_so_far(&self, column: MetricColumn) -> Option<f64> {
        self.metrics[column as usize].filter(|_| matches!(self.status, Status::Ok | Status::Halted))
    }

    /// Whether both are `ok` and a loss or a score differs
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        let time = MetricColumn::TrainS as usize;
        self.status == Status::Ok
            && other.status == Status::Ok
            && self.metrics[..time] != other.metrics[..time]
    }

    /// The value of a setting; empty if the file has no such column
    pub fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    /// The setting `epochs`; `None` if the table does not have it
    pub fn epochs(&self) -> Option<u32> {
        // Settings are in their shortest form, as 1e6.
        self.setting("epochs").parse::<f64>().ok().map(|epochs| epochs as u32)
    }
}

/// Reads the rows that `chosen` chooses; returns the runs, and whether short forms replace `hidden_dims`
///
/// # Errors
/// If the table lacks run_id, status or test_accuracy, names a run twice, holds a status, a setting or a number that
/// is out of range, or a row has both accuracies and RMSEs, or breaks one of the [`RowRules`].
pub(super) fn read_runs(
    table: &Table,
    chosen: impl Fn(&TableRow<'_>) -> bool,
) -> Result<(Vec<ObservedRun>, bool)> {
    let names = table.run_names()?;
    let status = table.need("status")?;
    let seed = find("seed").and_then(|setting| Some((setting, table.column("seed")?)));
    table.need("test_accuracy")?;
    let (columns, has_short) = compared_settings(table, &chosen);
    // Settings that can't change results are checked, too, since a wrong one shows that the file is damaged.
    let others = sweepable().filter(|setting| !setting.affects_results);
    let others: Vec<_> = others.filter_map(|setting| Some((setting, table.column(setting.name)?))).collect();
    let numbers = RESULTS.iter().filter_map(|numbers| Some((numbers, table.column(numbers.name)?)));
    let numbers: Vec<_> = numbers.collect();
    let (hash, task) = (table.column("data_hash"), table.column("task"));
    let (rung, epochs_done) = (table.column("rung"), table.column("epochs_done"));
    // A file that is read in another way has another hash, but is the same data.
    let read_as: Vec<usize> = READ_AS.iter().filter_map(|name| table.column(name)).collect();
    let (mut data_names, rules) = (DataNames::default(), RowRules::of(table));
    let mut runs = vec![];
    for (row, id) in table.rows().zip(names).filter(|(row, _)| chosen(row)) {
        let mut metrics = [None; MetricColumn::ALL.len()];
        for &(numbers, column) in &numbers {
            let number = numbers.read(row, column)?;
            if let Some(metric) = MetricColumn::of(numbers.name) {
                metrics[metric as usize] = number;
            }
        }
        for &(setting, column) in &others {
            row.setting(column, setting)?;
        }
        let mut settings = vec![];
        for &(setting, column) in &columns {
            let mut value = setting_value(row, setting, column)?;
            if setting.name == "data" {
                let read_as = read_as.iter().map(|&column| row.text(column)).collect();
                value = data_names.name((read_as, hash.map_or("", |hash| row.text(hash))), value);
            }
            settings.push((setting.name, value));
        }
        let status = row.status(status)?;
        let score = score_of(table, row, &metrics)?.or_else(|| match row.text(task?).trim() {
            "classify" => Some(ScoreKind::Accuracy),
            "regress" => Some(ScoreKind::Rmse),
            _ => None,
        });
        rules.check(row, status, score.unwrap_or_default())?;
        runs.push(ObservedRun {
            id,
            status,
            seed: seed.map_or(Ok(String::new()), |(setting, i)| {
                Ok(row.setting(i, setting)?.as_ref().map(text).unwrap_or_default())
            })?,
            settings,
            rung: whole(row, rung),
            epochs_done: whole(row, epochs_done),
            score,
            metrics,
        });
    }
    Ok((runs, has_short))
}

/// The whole number in a column, which a table of another program may lack, or hold anything else in
fn whole(row: TableRow<'_>, column: Option<usize>) -> Option<u32> {
    row.whole(column?).ok()
}

/// The score that a row has; `None` if it has none
///
/// # Errors
/// If it has both: a run has one task.
fn score_of(
    table: &Table,
    row: TableRow<'_>,
    metrics: &[Option<f64>; MetricColumn::ALL.len()],
) -> Result<Option<ScoreKind>> {
    let first =
        |kind: ScoreKind| kind.columns().into_iter().find(|column| metrics[*column as usize].is_some());
    match ScoreKind::ALL.map(first) {
        [Some(accuracy), Some(rmse)] => {
            let expected = format!("an empty cell beside {}", accuracy.name());
            Err(row.problem(table.need(rmse.name())?, &expected))
        }
        [Some(_), None] => Ok(Some(ScoreKind::Accuracy)),
        [None, Some(_)] => Ok(Some(ScoreKind::Rmse)),
        [None, None] => Ok(None),
    }
}

/// The settings that can change results, without the seed, each with its column, and whether short forms replace
/// `hidden_dims`
///
/// Width, depth or both replace the list of widths, but only if each that a chosen row has is in all of them.
fn compared_settings(
    table: &Table,
    chosen: impl Fn(&TableRow<'_>) -> bool,
) -> (Vec<(&'static Setting, usize)>, bool) {
    let compared = sweepable().filter(|setting| setting.affects_results && setting.name != "seed");
    let mut columns: Vec<_> =
        compared.filter_map(|setting| Some((setting, table.column(setting.name)?))).collect();
    let cells = |column: usize| table.rows().filter(&chosen).map(move |row| !row.text(column).is_empty());
    let is_short = |setting: &Setting| SHORT_FORMS.contains(setting);
    columns.retain(|(setting, column)| !is_short(setting) || cells(*column).any(|is_filled| is_filled));
    let mut shorts = columns.iter().filter(|(setting, _)| is_short(setting)).peekable();
    let has_short =
        shorts.peek().is_some() && shorts.all(|(_, column)| cells(*column).all(|is_filled| is_filled));
    columns.retain(|(setting, _)| has_short || !is_short(setting));
    (columns, has_short)
}

/// One name for each set of data, found by its hash: the path may be typed differently from run to run
#[derive(Default)]
struct DataNames<'a>(HashMap<(Vec<&'a str>, &'a str), String>);

impl<'a> DataNames<'a> {
    /// The name of the data with this hash: the path of the first run with it
    ///
    /// * `read_as`: the settings that decide how the data are read
    /// * `hash`: empty if it is not known; then the name is `path`
    fn name(&mut self, (read_as, hash): (Vec<&'a str>, &'a str), path: String) -> String {
        if hash.is_empty() {
            return path;
        }
        // Files that changed between runs are other data in the same folder.
        let is_other =
            |((other, _), known): (&(Vec<&str>, &str), &String)| *other == read_as && *known == path;
        let key = (read_as.clone(), hash);
        let is_taken = !self.0.contains_key(&key) && self.0.iter().any(is_other);
        let name = if is_taken { format!("{path} ({hash})") } else { path };
        self.0.entry(key).or_insert(name).clone()
    }
}

/// A setting's value as it is printed and compared, read by the setting's type, the same in both dialects
fn setting_value(row: TableRow<'_>, setting: &Setting, column: usize) -> Result<String> {
    Ok(match row.setting(column, setting)? {
        Some(Value::String(word)) if matches!(setting.kind, Kind::Word | Kind::Path | Kind::Names) => word,
        Some(value) => text(&value).parse().map_or_else(|_| text(&value), short_number),
        // Older versions left the cell empty if there was no split, and had no columns for later settings.
        None if setting.added || setting.name == "val_split" => setting.default.to_owned(),
        None => String::new(),
    })
}
