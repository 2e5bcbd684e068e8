//! Reads the curves of an epochs.csv

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::report::number_columns::{EpochColumns, NumberColumn, result};
use crate::report::score::ScoreKind;
use crate::tables::Status;
use crate::tables::reader::Table;

/// One curve: ascending epochs, each with a metric
pub type Points = Vec<(u32, f64)>;

/// The part of the data that a metric was measured on
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Training,
    Validation,
    Test,
}

/// The columns of the losses, by [`Split`]
const LOSSES: [&str; 3] = ["train_loss", "val_loss", "test_loss"];

/// The columns of the averaged weights
const AVERAGES: [(Split, Option<ScoreKind>, &str); 6] = [
    (Split::Validation, None, "average_val_loss"),
    (Split::Validation, Some(ScoreKind::Accuracy), "average_val_accuracy"),
    (Split::Validation, Some(ScoreKind::Rmse), "average_val_rmse"),
    (Split::Test, None, "average_test_loss"),
    (Split::Test, Some(ScoreKind::Accuracy), "average_test_accuracy"),
    (Split::Test, Some(ScoreKind::Rmse), "average_test_rmse"),
];

impl Split {
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// Its name as the first word of a label
    pub fn name(self) -> &'static str {
        ["Training", "Validation", "Test"][self as usize]
    }
}

/// The curves of one run in an epochs.csv
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Name of the run, or of the trial in a sweep
    pub run_id: String,
    /// Losses, by [`Split`]
    pub loss: [Points; 3],
    /// Accuracies or RMSEs, by [`Split`]
    pub score: [Points; 3],
    /// Losses of the averaged weights, by [`Split`]
    pub average_loss: [Points; 3],
    /// Accuracies or RMSEs of the averaged weights, by [`Split`]
    pub average_score: [Points; 3],
    /// Which of them; `None` without any
    pub kind: Option<ScoreKind>,
    /// The epoch in which training diverged
    pub diverged: Option<u32>,
    /// Number of rows: epochs that ended or in which training diverged
    pub epochs: u32,
}

impl Curves {
    /// True if no epoch has a metric, so that there is nothing to draw
    pub fn is_empty(&self) -> bool {
        !Split::ALL.iter().any(|split| self.has(*split))
    }

    pub fn has(&self, split: Split) -> bool {
        !(self.loss[split as usize].is_empty() && self.score[split as usize].is_empty())
    }

    /// Whether the averaged weights have metrics of this part of the data
    pub fn has_average(&self, split: Split) -> bool {
        !(self.average_loss[split as usize].is_empty() && self.average_score[split as usize].is_empty())
    }

    /// Name of the run, and the epoch in which it diverged
    pub fn title(&self) -> String {
        let suffix = self.diverged.map(|epoch| format!(" (diverged in epoch {epoch})"));
        self.run_id.clone() + &suffix.unwrap_or_default()
    }
}

/// Reads the curves of one run; without rows, they are empty
///
/// * Columns are found by name: run_id, epoch, train_loss, train_accuracy, test_loss and test_accuracy are needed; those of
///   validation data, of RMSEs and of averaged weights, and status, may be missing; others are not read, but checked if they hold
///   other results or settings.
/// * The scores of a run are accuracies or RMSEs: the cells of the others are empty.
/// * An empty cell leaves out a point. In a row that is `ok`, only metrics of validation data and of averaged weights may be
///   empty, and those of test data if all rows of the run lack them: then it had no test set.
///
/// # Errors
/// When a column is missing, a cell doesn't hold what its column says, an epoch is missing, a row that is `ok` lacks a metric of
/// training data, or of test data that other rows have, a run has both accuracies and RMSEs, or there is a second run.
pub fn read_run(table: &Table) -> Result<Curves> {
    Ok(parse(table, "run_id", false)?.pop().unwrap_or_default())
}

/// Reads the curves of all trials of a sweep, in the order of their first rows
///
/// The column trial names them, or run_id if there is no such column. Rows of different trials may be mixed.
///
/// # Errors
/// As [`read_run`], except that there may be several runs.
pub fn read_trials(table: &Table) -> Result<Vec<Curves>> {
    parse(table, if table.column("trial").is_some() { "trial" } else { "run_id" }, true)
}

/// All runs of the table, named by the column `id`; without `many`, a second run is an error
fn parse(table: &Table, id: &str, many: bool) -> Result<Vec<Curves>> {
    let (id, epoch, status) = (table.need(id)?, table.need("epoch")?, table.column("status"));
    let (columns, known_columns) = (columns(table)?, EpochColumns::of(table));
    let mut runs: Vec<Curves> = vec![];
    let mut known: HashMap<&str, (usize, u32)> = HashMap::new(); // index and last epoch of each run
    // The error for the first row of each run that lacks a metric of test data
    let mut untested: HashMap<usize, Error> = HashMap::new();
    for row in table.rows() {
        let name = row.text(id);
        let e = row.whole(epoch)?;
        let place = match known.get(name) {
            None if !many && !runs.is_empty() => {
                return Err(row.problem(id, &format!("`{}` as in the rows above", runs[0].run_id)));
            }
            before if e != 1 + before.map_or(0, |(_, before)| *before) => {
                let next = 1 + before.map_or(0, |(_, before)| *before);
                return Err(row.problem(epoch, &format!("epoch {next}, the next of `{name}`")));
            }
            None => {
                runs.push(Curves { run_id: name.to_owned(), ..Curves::default() });
                runs.len() - 1
            }
            Some((place, _)) => *place,
        };
        known.insert(name, (place, e));
        let run = &mut runs[place];
        run.epochs = e;
        let status = status.map(|i| row.status(i)).transpose()?;
        // A row without a score lacks that of the rows above.
        let of_row =
            columns.iter().find(|found| found.score.is_some() && !row.text(found.column).trim().is_empty());
        run.kind = run.kind.or(of_row.and_then(|found| found.score));
        let kind = run.kind.unwrap_or_default();
        for &Column { split, score, is_average, column, range } in &columns {
            let points = match (is_average, score) {
                (false, None) => &mut run.loss,
                (false, Some(_)) => &mut run.score,
                (true, None) => &mut run.average_loss,
                (true, Some(_)) => &mut run.average_score,
            };
            let metric = range.read(row, column)?;
            if score.is_some_and(|score| score != kind) {
                if metric.is_some() {
                    let expected = format!("an empty cell, since `{name}` has the score {}", kind.name());
                    return Err(row.problem(column, &expected));
                }
                continue;
            }
            if metric.is_none() && !is_average && status == Some(Status::Ok) {
                let problem = || row.problem(column, range.expected);
                match split {
                    Split::Training => return Err(problem()),
                    Split::Validation => {}
                    Split::Test => drop(untested.entry(place).or_insert_with(problem)),
                }
            }
            points[split as usize].extend(metric.map(|metric| (e, metric)));
        }
        known_columns.check(row)?;
        if run.diverged.is_none() && status == Some(Status::Diverged) {
            run.diverged = Some(e);
        }
    }
    let partly = runs.iter().enumerate().find_map(|(place, run)| {
        let is_tested = run.has(Split::Test) || !run.loss[Split::Test as usize].is_empty();
        untested.remove(&place).filter(|_| is_tested)
    });
    partly.map_or(Ok(runs), Err)
}

/// A column of metrics
struct Column {
    split: Split,
    /// The score that it holds; `None` for a loss
    score: Option<ScoreKind>,
    /// Whether it is of the averaged weights
    is_average: bool,
    column: usize,
    range: &'static NumberColumn,
}

/// The columns of metrics, the loss of each [`Split`] before its scores, and then those of the averaged weights
fn columns(table: &Table) -> Result<Vec<Column>> {
    let mut columns = vec![];
    for split in Split::ALL {
        let scores = ScoreKind::ALL.map(|kind| (Some(kind), kind.columns()[split as usize].name()));
        for (score, name) in [(None, LOSSES[split as usize])].into_iter().chain(scores) {
            let may_lack = split == Split::Validation || score == Some(ScoreKind::Rmse);
            let column = if may_lack { table.column(name) } else { Some(table.need(name)?) };
            columns.extend(column.zip(result(name)).map(|(column, range)| Column {
                split,
                score,
                is_average: false,
                column,
                range,
            }));
        }
    }
    columns.extend(AVERAGES.iter().filter_map(|&(split, score, name)| {
        Some(Column { split, score, is_average: true, column: table.column(name)?, range: result(name)? })
    }));
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const HEADER: &str = "run_id,epoch,learning_rate,train_loss,train_accuracy,test_loss,test_accuracy,\
                          epoch_s,samples_per_s,status";

    fn table(text: &str) -> Result<Table> {
        Table::parse(Path::new("epochs.csv"), text.as_bytes())
    }

    /// The curves, or the message without the file's name
    fn read(text: &str) -> std::result::Result<Curves, String> {
        let curves = table(text).and_then(|table| read_run(&table));
        curves.map_err(|e| e.to_string().trim_start_matches("epochs.csv: ").to_owned())
    }

    #[test]
    fn both_dialects_read_the_same() {
        let rows = "\nr,1,0.1,0.5,0.75,0.625,0.5,1.5,40000.5,ok\nr,2,0.1,0.25,0.875,,,1.5,40000.5,failed\n";
        let plain = read(&format!("{HEADER}{rows}")).unwrap();
        let european = format!("{HEADER}{rows}").replace(',', ";").replace('.', ",").replace('\n', "\r\n");
        assert_eq!(read(&format!("\u{feff}{european}")), Ok(plain.clone()));
        assert_eq!(plain.run_id, "r");
        assert_eq!(plain.loss, [vec![(1, 0.5), (2, 0.25)], vec![], vec![(1, 0.625)]]);
        assert_eq!(plain.score, [vec![(1, 0.75), (2, 0.875)], vec![], vec![(1, 0.5)]]);
        assert_eq!(plain.diverged, None);
    }

    #[test]
    fn columns_are_found_by_name_and_others_are_ignored() {
        let text = "new,test_accuracy,test_loss,epoch,train_accuracy,train_loss,run_id\nx,0.5,2,1,0.25,3,r\n";
        let curves = read(text).unwrap();
        assert_eq!((curves.loss[0][0], curves.score[2][0]), ((1, 3.0), (1, 0.5)));
    }

    #[test]
    fn a_diverged_epoch_has_no_points() {
        let curves = read(&format!("{HEADER}\nr,1,1,0.5,0.5,1,1,1,1,ok\nr,2,1,,,,,1,1,diverged\n")).unwrap();
        assert_eq!((curves.diverged, curves.loss[0].len(), curves.is_empty()), (Some(2), 1, false));
    }

    #[test]
    fn a_header_without_rows_is_an_empty_run() {
        assert!(read(HEADER).unwrap().is_empty());
        assert!(read(&format!("{HEADER}\n")).unwrap().is_empty());
    }

    #[test]
    fn errors_name_line_and_column() {
        let row = |cells: &str| read(&format!("{HEADER}\nr,1,1,1,1,1,1,1,1,ok\n{cells}\n")).unwrap_err();
        assert_eq!(
            row("r,2,1,abc,1,1,1,1,1,ok"),
            "line 3, column train_loss: expected a loss, 0 or above, found `abc`"
        );
        assert_eq!(
            row("r,2,1,1,1,,1,1,1,ok"),
            "line 3, column test_loss: expected a loss, 0 or above, found ``"
        );
        assert_eq!(
            row("r,2,1,1,1,NaN,1,1,1,ok"),
            "line 3, column test_loss: expected a loss, 0 or above, found `NaN`"
        );
        assert_eq!(
            row("r,2,1,1,1,inf,1,1,1,ok"),
            "line 3, column test_loss: expected a loss, 0 or above, found `inf`"
        );
        assert_eq!(
            row("r,2,1,1,1,1,88.5,1,1,ok"),
            "line 3, column test_accuracy: expected a share from 0 to 1, found `88.5`"
        );
        for epoch in ["1", "3"] {
            let expected =
                format!("line 3, column epoch: expected epoch 2, the next of `r`, found `{epoch}`");
            assert_eq!(row(&format!("r,{epoch},1,1,1,1,1,1,1,ok")), expected);
        }
        assert!(read(&format!("{HEADER}\nr,2,1,1,1,1,1,1,1,ok\n")).unwrap_err().contains("expected epoch 1"));
        assert_eq!(
            row("r,2,1,1,1,1,1,1,1,okk"),
            "line 3, column status: expected ok, halted, diverged, failed, interrupted or time_limit, found `okk`"
        );
        assert_eq!(row("r,x,1,1,1,1,1,1,1,ok"), "line 3, column epoch: expected a whole number, found `x`");
        assert_eq!(
            row("s,2,1,1,1,1,1,1,1,ok"),
            "line 3, column run_id: expected `r` as in the rows above, found `s`"
        );
        assert_eq!(row("r,2,1,1"), "line 3: expected 10 cells, found 4");
    }

    #[test]
    fn cells_that_are_not_drawn_are_checked_too() {
        for (cells, column, expected) in [
            ("r,2,0.1.0,1,1,1,1,1,1,ok", "learning_rate", "a finite number, 0 or more"),
            ("r,2,-1,1,1,1,1,1,1,ok", "learning_rate", "a finite number, 0 or more"),
            ("r,2,1,1,1,1,1,01.100,x,ok", "samples_per_s", "a rate, 0 or above"),
            ("r,2,1,1,1,1,1,0.0.1,1,ok", "epoch_s", "a time, 0 or above"),
        ] {
            let error = read(&format!("{HEADER}\nr,1,1,1,1,1,1,1,1,ok\n{cells}\n")).unwrap_err();
            assert!(error.starts_with(&format!("line 3, column {column}: expected {expected}, ")), "{error}");
        }
        let header = HEADER.replace("run_id,", "run_id,trial,momentum,test_r2,");
        let of_sweep = |momentum: &str, r2: &str| {
            let text = format!("{header}\nx,a,{momentum},{r2},1,1,1,1,1,1,1,1,ok\n");
            read_trials(&table(&text).unwrap()).map(drop).map_err(|error| error.to_string())
        };
        assert!(
            of_sweep("1", "").unwrap_err().contains("line 2, column momentum: expected a number, 0 or more")
        );
        assert!(
            of_sweep("0.9", "2").unwrap_err().contains("line 2, column test_r2: expected an R², 1 or below")
        );
        assert_eq!(of_sweep("0.9", "-2"), Ok(()));
        assert_eq!(of_sweep("", ""), Ok(()));
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = read("run_id,epoch,train_loss,train_accuracy\nr,1,1,1\n").unwrap_err();
        assert_eq!(
            error,
            "line 1: expected a column test_loss, found run_id, epoch, train_loss, train_accuracy"
        );
        assert!(read("").unwrap_err().starts_with("line 1: expected a header"));
    }

    #[test]
    fn validation_metrics_are_read_if_there_are_any() {
        let header = HEADER.replace("train_accuracy,", "train_accuracy,val_loss,val_accuracy,");
        let curves = read(&format!("{header}\nr,1,1,1,1,0.5,0.75,1,1,1,1,ok\n")).unwrap();
        assert_eq!((curves.loss[1][0], curves.score[1][0]), ((1, 0.5), (1, 0.75)));
        assert!(curves.has(Split::Validation));
    }

    #[test]
    fn averaged_weights_have_curves_from_the_epoch_on_that_has_them() {
        let header = format!("{HEADER},average_test_loss,average_test_accuracy,average_test_rmse");
        let rows = "r,1,1,1,1,1,0.5,1,1,ok,,,\nr,2,1,1,1,1,0.5,1,1,ok,0.25,0.75,\n";
        let curves = read(&format!("{header}\n{rows}")).unwrap();
        assert_eq!(
            (&curves.average_loss[2][..], &curves.average_score[2][..]),
            (&[(2, 0.25)][..], &[(2, 0.75)][..])
        );
        assert!(curves.has_average(Split::Test) && !curves.has_average(Split::Validation));
        assert_eq!((curves.loss[2].len(), curves.score[2].len()), (2, 2));
        let error = read(&format!("{header}\nr,1,1,1,1,1,0.5,1,1,ok,0.25,,3\n")).unwrap_err();
        assert!(
            error.contains(
                "column average_test_rmse: expected an empty cell, since `r` has the score accuracy"
            ),
            "{error}"
        );
        let error = read(&format!("{header}\nr,1,1,1,1,1,0.5,1,1,ok,0.25,2,\n")).unwrap_err();
        assert!(error.contains("column average_test_accuracy: expected a share from 0 to 1"), "{error}");
    }

    const RMSES: &str = "run_id,epoch,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,status,\
                         train_rmse,val_rmse,test_rmse,test_mae,test_r2";

    #[test]
    fn the_scores_of_regression_are_rmses() {
        let curves = read(&format!(
            "{RMSES}\nr,1,1,,2,,3,,ok,4e9,5,6,1,-7\nr,2,0.5,,0.5,,0.5,,ok,0.25,0,0.125,1,1\nr,3,,,,,,,diverged,,,,,\n"
        ));
        let curves = curves.unwrap();
        assert_eq!((curves.kind, curves.diverged), (Some(ScoreKind::Rmse), Some(3)));
        assert_eq!(curves.loss[0], [(1, 1.0), (2, 0.5)]);
        assert_eq!(curves.score, [[(1, 4e9), (2, 0.25)], [(1, 5.0), (2, 0.0)], [(1, 6.0), (2, 0.125)]]);
        assert_eq!(
            read(&format!("{HEADER}\nr,1,1,1,1,1,1,1,1,ok\n")).unwrap().kind,
            Some(ScoreKind::Accuracy)
        );
        assert_eq!(read(HEADER).unwrap().kind, None);
    }

    #[test]
    fn a_run_with_accuracies_and_rmses_is_an_error_with_its_place() {
        let of = |cells: &str| read(&format!("{RMSES}\nr,1,1,,2,,3,,ok,4,5,6,1,1\n{cells}\n")).unwrap_err();
        assert_eq!(
            of("r,2,1,,2,,3,0.5,ok,4,5,6,1,1"),
            "line 3, column test_accuracy: expected an empty cell, since `r` has the score RMSE, found `0.5`"
        );
        assert_eq!(
            of("r,2,1,0.25,2,,3,,ok,,,,,"),
            "line 3, column train_accuracy: expected an empty cell, since `r` has the score RMSE, found `0.25`"
        );
        let row = read(&format!("{RMSES}\nr,1,1,0.5,2,,3,0.5,ok,,,6,,\n")).unwrap_err();
        assert_eq!(
            row,
            "line 2, column test_rmse: expected an empty cell, since `r` has the score accuracy, found `6`"
        );
        assert_eq!(
            of("r,2,1,,2,,3,,ok,,5,6,1,1"),
            "line 3, column train_rmse: expected an RMSE, 0 or above, found ``"
        );
        assert_eq!(
            of("r,2,1,,2,,3,,ok,4,5,,1,1"),
            "line 3, column test_rmse: expected an RMSE, 0 or above, found ``"
        );
        assert_eq!(
            of("r,2,1,,2,,3,,ok,4,-1,6,1,1"),
            "line 3, column val_rmse: expected an RMSE, 0 or above, found `-1`"
        );
    }

    #[test]
    fn a_row_that_is_ok_without_any_score_is_an_error() {
        let error = read(&format!("{RMSES}\nr,1,1,,2,,3,,ok,,,,,\n")).unwrap_err();
        assert_eq!(error, "line 2, column train_accuracy: expected a share from 0 to 1, found ``");
    }

    #[test]
    fn trials_of_both_tasks_may_be_in_one_table() {
        let header = RMSES.replace("run_id,", "run_id,trial,");
        let rows = "x,a,1,1,0.5,,,1,0.5,ok,,,,,\nx,b,1,1,,,,1,,ok,2,,2,,\n";
        let runs = read_trials(&table(&format!("{header}\n{rows}")).unwrap()).unwrap();
        assert_eq!(runs.iter().map(|run| run.kind).collect::<Vec<_>>(), ScoreKind::ALL.map(Some));
    }

    #[test]
    fn rows_of_different_trials_may_be_mixed() {
        let header = HEADER.replace("run_id,", "run_id,trial,");
        let row = |trial: &str, e: u32| format!("x,{trial},{e},1,1,1,1,0.{e},1,1,ok\n");
        let rows = [row("t0000", 1), row("t0001", 1), row("t0000", 2)].concat();
        let runs = read_trials(&table(&format!("{header}\n{rows}")).unwrap()).unwrap();
        assert_eq!(runs.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), ["t0000", "t0001"]);
        assert_eq!(runs[0].score[2], [(1, 0.1), (2, 0.2)]);
        let again = format!("{header}\n{rows}{}", row("t0001", 1));
        let error = read_trials(&table(&again).unwrap()).unwrap_err().to_string();
        assert!(error.contains("line 5, column epoch: expected epoch 2, the next of `t0001`"), "{error}");
    }
}
