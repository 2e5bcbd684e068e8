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
/// # Errors
/// If a run has fewer epochs, or a cell holds no whole number.
pub(super) fn check_epochs(epochs: &Table, curves: &[Curves], summaries: &Table) -> Result<()> {
    let done = summaries.column("epochs_done");
    // A table of another program has neither column; one of this program has both.
    let all = if done.is_some() { Some(summaries.need("epochs")?) } else { summaries.column("epochs") };
    let (status, patience) = (summaries.column("status"), summaries.column("patience"));
    let found: HashMap<&str, u32> = curves.iter().map(|run| (run.run_id.as_str(), run.epochs)).collect();
    for (row, name) in summaries.rows().zip(summaries.run_names()?) {
        let stops_early = patience.and_then(|column| row.as_number(column)).is_some_and(|n| n > 0.0);
        let is_ok = status.map(|column| row.status(column)).transpose()? == Some(Status::Ok) && !stops_early;
        let column = if is_ok { all } else { done };
        let Some(column) = column.filter(|&column| is_ok || !row.text(column).trim().is_empty()) else {
            continue;
        };
        let expected: u32 = row.whole(column)?;
        let found = found.get(name.as_str()).copied().unwrap_or(0);
        if found < expected {
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
