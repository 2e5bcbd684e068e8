//! Checks that the tables of a folder agree with each other, before they are drawn

use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result, shown};
use crate::plot::epochs_csv::Curves;
use crate::plot::pictures::confusion::ConfusionMatrix;
use crate::plot::predictions_csv::Target;
use crate::tables::Status;
use crate::tables::reader::Table;

/// Checks that each run has the number of epochs in its summary: all of them if it is `ok` and could not stop early, else
/// `epochs_done`, which older versions did not write
///
/// A run that is not `ok` may have the row of a further epoch, in which it ended.
///
/// # Errors
/// If a run has fewer epochs, or more although it is `ok`, or a cell holds no whole number.
pub(super) fn check_epochs(epochs: &Table, curves: &[Curves], summaries: &Table) -> Result<()> {
    let done = summaries.column("epochs_done");
    // A table of another program has neither column; one of this program has both.
    let all = if done.is_some() { Some(summaries.need("epochs")?) } else { summaries.column("epochs") };
    let (status, patience) = (summaries.column("status"), summaries.column("patience"));
    let found: HashMap<&str, u32> = curves.iter().map(|run| (run.run_id.as_str(), run.epochs)).collect();
    for (row, name) in summaries.rows().zip(summaries.run_names()?) {
        let stops_early = patience.and_then(|column| row.as_number(column)).is_some_and(|n| n > 0.0);
        let is_ok = status.map(|column| row.status(column)).transpose()? == Some(Status::Ok);
        let has_all = is_ok && !stops_early;
        let column = if has_all { all } else { done };
        let Some(column) = column.filter(|&column| has_all || !row.text(column).trim().is_empty()) else {
            continue;
        };
        let expected: u32 = row.whole(column)?;
        let found = found.get(name.as_str()).copied().unwrap_or(0);
        if found < expected || (is_ok && found > expected) {
            let says = shown(summaries.path());
            let problem = format!("expected {expected} epochs of `{name}`, as {says} says, found {found}");
            return Err(Error::content(epochs.path(), problem));
        }
    }
    Ok(())
}

/// Checks that each trial with epochs has a row in runs.csv
///
/// # Errors
/// If a trial has no row.
pub(super) fn check_trials(runs: &Table, curves: &[Curves]) -> Result<()> {
    let known: HashSet<String> = runs.run_names()?.into_iter().collect();
    match curves.iter().find(|run| !known.contains(&run.run_id)) {
        None => Ok(()),
        Some(missing) => {
            let name = &missing.run_id;
            let problem = format!(
                "no row for `{name}`, which has epochs; `chainrule runs --rebuild` with its folder adds the row"
            );
            Err(Error::content(runs.path(), problem))
        }
    }
}

/// Checks that a confusion matrix has the classes, the samples and the accuracy that the run's summary says
///
/// # Errors
/// If they differ, or a cell of the summary holds no number.
pub(super) fn check_confusion(confused: &Table, matrix: &ConfusionMatrix, summary: &Table) -> Result<()> {
    let Some(row) = summary.rows().next() else { return Ok(()) };
    let contradiction = |expected: String, found: String| {
        let problem = format!("expected {expected}, as {} says, found {found}", shown(summary.path()));
        Err(Error::content(confused.path(), problem))
    };
    let known = |name: &str| summary.column(name).map_or(Ok(None), |column| row.number(column));
    let (total, hits) = matrix.total_and_hits();
    for (name, what, found) in
        [("classes", "classes", matrix.names.len() as f64), ("test_samples", "test samples", total as f64)]
    {
        if let Some(expected) = known(name)?.filter(|&expected| expected != found) {
            return contradiction(format!("{expected} {what}"), found.to_string());
        }
    }
    let accuracy = hits as f64 / total.max(1) as f64;
    let is_ok = summary.column("status").map(|column| row.status(column)).transpose()? == Some(Status::Ok);
    // Older versions rounded accuracies to f32.
    let differs = |expected: &f64| (expected - accuracy).abs() > 1e-6;
    match known("test_accuracy")?.filter(|expected| is_ok && differs(expected)) {
        Some(expected) => contradiction(format!("a test accuracy of {expected}"), accuracy.to_string()),
        None => Ok(()),
    }
}

/// Checks that the predictions have the samples and the RMSE that the run's summary says
///
/// # Errors
/// If they differ, or a cell of the summary holds no number.
pub(super) fn check_predictions(predictions: &Table, targets: &[Target], summary: &Table) -> Result<()> {
    let Some(row) = summary.rows().next() else { return Ok(()) };
    let contradiction = |expected: String, found: String| {
        let problem = format!("expected {expected}, as {} says, found {found}", shown(summary.path()));
        Err(Error::content(predictions.path(), problem))
    };
    let known = |name: &str| summary.column(name).map_or(Ok(None), |column| row.number(column));
    let samples = targets.first().map_or(0, |target| target.values.len());
    if let Some(expected) = known("test_samples")?.filter(|&expected| expected != samples as f64) {
        return contradiction(format!("{expected} rows of each target"), samples.to_string());
    }
    let rmse = targets.iter().map(|target| target.rmse_and_r2().0 / targets.len() as f64).sum::<f64>();
    let sizes = targets.iter().flat_map(|target| &target.values).map(|(t, p)| t.abs().max(p.abs()));
    // f32 runs round the metric, and each prediction.
    let tolerance = 1e-4 * rmse + 1e-6 * sizes.fold(0.0, f64::max);
    let is_ok = summary.column("status").map(|column| row.status(column)).transpose()? == Some(Status::Ok);
    match known("test_rmse")?.filter(|expected| is_ok && (expected - rmse).abs() > tolerance) {
        Some(expected) => contradiction(format!("a test RMSE of {expected}"), rmse.to_string()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The message about a run with these rows of epochs.csv beside a summary.csv with this row; empty if they agree
    fn problem(epochs: u32, summary: &str) -> String {
        let [of_epochs, of_run] = ["run_id,epoch\n", "run_id,status,epochs,epochs_done,patience\n"];
        let parse = |name: &str, text: String| Table::parse(Path::new(name), text.as_bytes()).unwrap();
        let rows: String = (1..=epochs).map(|epoch| format!("a,{epoch}\n")).collect();
        let [epochs_csv, summary] =
            [("epochs.csv", format!("{of_epochs}{rows}")), ("summary.csv", format!("{of_run}{summary}\n"))]
                .map(|(name, text)| parse(name, text));
        let curves = [Curves { run_id: "a".to_owned(), epochs, ..Curves::default() }];
        check_epochs(&epochs_csv, &curves, &summary)
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn a_run_that_is_ok_has_the_epochs_of_its_summary_and_no_more() {
        for (epochs, summary) in [
            (3, "a,ok,3,3,0"),
            (2, "a,ok,9,2,5"),
            (3, "a,ok,3,,"),
            (2, "a,diverged,9,1,0"),
            (2, "a,failed,9,0,0"),
            (1, "a,interrupted,9,1,0"),
        ] {
            assert_eq!(problem(epochs, summary), "", "{summary}");
        }
        for (epochs, summary, expected) in [
            (3, "a,ok,0,0,0", 0),
            (2, "a,ok,3,3,0", 3),
            (3, "a,ok,9,2,5", 2),
            (1, "a,ok,9,2,5", 2),
            (0, "a,diverged,9,1,0", 1),
        ] {
            let message =
                format!("epochs.csv: expected {expected} epochs of `a`, as summary.csv says, found {epochs}");
            assert_eq!(problem(epochs, summary), message, "{summary}");
        }
    }
}
