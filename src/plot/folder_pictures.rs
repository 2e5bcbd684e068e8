//! Which pictures a folder gets, and its report, from the CSV files in the folder alone

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::plot::epochs_csv::{Curves, Split, read_run, read_trials};
use crate::plot::picture_files::Written;
pub use crate::plot::picture_files::{Format, PictureStyle};
use crate::plot::pictures::{confusion, halving, heatmap, overlay, predictions, run_curves, samples, sweep};
use crate::plot::predictions_csv;
use crate::plot::table_checks::{check_confusion, check_epochs, check_predictions, check_trials};
use crate::report::analysis::Analysis;
use crate::report::halving::Halving;
use crate::report::markdown::report;
use crate::report::run_report::{RunSummary, differences, run_report};
use crate::report::rung_ends;
use crate::report::sampled;
use crate::report::score::ScoreKind;
use crate::tables::reader::Table;

/// Draws all pictures of the folder `dir` into the folder `out`, and returns the paths of the files it wrote
///
/// * A sweep's folder gets the picture `sweep`, `halving` if it has rungs, `samples` if its values were drawn, or else `heatmap`
///   if two settings were varied, and `report.md`. It has a runs.csv with a
///   column trial. A runs.csv without that column counts as well if there is no epochs.csv beside it: runs that were started
///   one by one leave it. If its column sweep_id names several sweeps, each also gets a picture of its own.
///   If some of its runs are of classification and others of regression, no picture compares them.
/// * A run's folder gets the picture `curves` if it has an epochs.csv, `confusion` if it has a confusion.csv, `predictions` if it
///   has a predictions.csv, and `report.md` if it has a summary.csv. So does a folder of `evaluate`.
///
/// # Errors
/// When a CSV file can't be read or parsed, or a file can't be written.
pub fn redraw_into(dir: &Path, out: &Path, style: &PictureStyle) -> Result<Vec<PathBuf>> {
    let mut written = Written { out, style, files: vec![] };
    let epochs = table(dir.join("epochs.csv"))?;
    match table(dir.join("runs.csv"))? {
        Some(runs) if runs.column("trial").is_some() || epochs.is_none() => {
            draw_sweep(dir, &runs, epochs, &mut written)?;
        }
        // In the folder of a sweep, both tables have a column trial.
        Some(runs) if epochs.as_ref().is_some_and(|epochs| epochs.column("trial").is_some()) => {
            runs.need("trial")?;
        }
        _ => draw_run(dir, epochs, &mut written)?,
    }
    Ok(written.files)
}

/// Draws all pictures of the folder `dir` into the folder itself, in the default style
///
/// # Errors
/// As [`redraw_into`].
pub fn redraw(dir: &Path) -> Result<Vec<PathBuf>> {
    redraw_into(dir, dir, &PictureStyle::default())
}

/// Draws the runs of several folders over one another, as the picture `overlay` in the folder `out`
///
/// Runs are labelled by the settings in which they differ, if each has a summary.csv.
///
/// # Errors
/// When a folder has no epochs.csv of a single run, no epoch of any run has a metric, runs of classification and of regression
/// would be compared, or a file can't be written.
pub fn overlay(dirs: &[PathBuf], out: &Path, style: &PictureStyle) -> Result<Vec<PathBuf>> {
    let read = |dir: &PathBuf| read_run(&Table::read(&dir.join("epochs.csv"))?);
    let mut runs = dirs.iter().map(read).collect::<Result<Vec<_>>>()?;
    let ids: Vec<_> = runs.iter().map(|run| run.run_id.clone()).collect();
    for (run, dir) in runs.iter_mut().zip(dirs) {
        // Trials of two sweeps may have the same id: the names of their folders differ.
        if ids.iter().filter(|id| **id == run.run_id).count() > 1 {
            run.run_id = dir.display().to_string();
        }
    }
    let summaries = dirs.iter().map(|dir| summary(dir)).collect::<Result<Vec<_>>>()?;
    let summaries: Vec<&RunSummary> = summaries.iter().flatten().collect();
    let mut note = String::new();
    if summaries.len() == runs.len() {
        let labels = differences(&summaries);
        for (run, label) in runs.iter_mut().zip(&labels).filter(|(_, label)| !label.is_empty()) {
            run.run_id = format!("{}: {label}", run.run_id);
        }
        if labels.iter().all(String::is_empty) {
            note = summaries[0].subtitle();
        }
    }
    if note.is_empty() {
        note = format!("{} runs", runs.len());
    }
    runs.retain(|run| !run.is_empty());
    if runs.is_empty() {
        let problem = "no epoch of any run has a metric".to_owned();
        return Err(Error::Plot { path: out.join("overlay.svg"), problem });
    }
    let kind =
        common_score(&runs).map_err(|problem| Error::Plot { path: out.join("overlay.svg"), problem })?;
    let mut written = Written { out, style, files: vec![] };
    written
        .picture("overlay", |scene| overlay::draw(scene, &runs.iter().collect::<Vec<_>>(), kind, &note))?;
    Ok(written.files)
}

/// The score that all runs have; an error that names a run of each task if they differ
fn common_score(runs: &[Curves]) -> std::result::Result<ScoreKind, String> {
    let [accuracy, rmse] = ScoreKind::ALL.map(|kind| runs.iter().find(|run| run.kind == Some(kind)));
    match (accuracy, rmse) {
        (Some(classes), Some(numbers)) => Err(format!(
            "`{}` is a run of classification and `{}` one of regression: expected runs of one task",
            classes.run_id, numbers.run_id
        )),
        (None, Some(_)) => Ok(ScoreKind::Rmse),
        (_, None) => Ok(ScoreKind::Accuracy),
    }
}

/// The summary.csv of a run's folder; `None` if there is none
fn summary(dir: &Path) -> Result<Option<RunSummary>> {
    let summary = table(dir.join("summary.csv"))?;
    Ok(summary.map(|table| RunSummary::read(&table)).transpose()?.flatten())
}

fn draw_run(dir: &Path, epochs: Option<Table>, written: &mut Written<'_>) -> Result<()> {
    let curves = epochs.as_ref().map(read_run).transpose()?;
    let saved = table(dir.join("summary.csv"))?;
    let summary = saved.as_ref().map(RunSummary::read).transpose()?.flatten();
    if let (Some(table), Some(curves), Some(saved)) = (&epochs, &curves, &saved) {
        check_epochs(table, std::slice::from_ref(curves), saved)?;
    }
    let subtitle = summary.as_ref().map_or(String::new(), RunSummary::subtitle);
    let best = summary.as_ref().and_then(|summary| summary.best).map(|(epoch, _)| epoch);
    let mut pictures = vec![];
    let named = curves.as_ref().map_or("", |curves| &curves.run_id).to_owned();
    if let Some(curves) = curves.filter(|curves| !curves.is_empty()) {
        written.picture("curves", |scene| run_curves::draw(scene, &curves, &subtitle, best))?;
        let score = curves.kind.unwrap_or_default().name();
        pictures.push(("curves", format!("Loss and {score} by epoch")));
    }
    let confused = table(dir.join("confusion.csv"))?;
    let matrix = confused.as_ref().map(confusion::read).transpose()?;
    if let (Some(confused), Some(matrix), Some(saved)) = (&confused, &matrix, &saved) {
        check_confusion(confused, matrix, saved)?;
    }
    let name = summary.as_ref().map_or(named, |summary| summary.run.id.clone());
    if let Some(matrix) = matrix.filter(|matrix| !matrix.names.is_empty()) {
        written.picture("confusion", |scene| confusion::draw(scene, &matrix, &name))?;
        pictures.push(("confusion", "Confusion matrix".to_owned()));
    }
    if let Some(predicted) = table(dir.join("predictions.csv"))? {
        let targets = predictions_csv::read(&predicted)?;
        if let Some(saved) = &saved {
            check_predictions(&predicted, &targets, saved)?;
        }
        written.picture("predictions", |scene| predictions::draw(scene, &targets, &name))?;
        pictures.push(("predictions", "Predicted against true values".to_owned()));
    }
    if let Some(summary) = summary {
        let errors = table(dir.join("targets.csv"))?;
        let pictures: Vec<_> = pictures.iter().map(|(name, what)| (*name, what.as_str())).collect();
        let text = run_report(&summary, confused.as_ref(), errors.as_ref(), &written.links(&pictures))?;
        written.file("report.md", text.as_bytes())?;
    }
    Ok(())
}

fn draw_sweep(dir: &Path, runs: &Table, epochs: Option<Table>, written: &mut Written<'_>) -> Result<()> {
    let mut analysis = Analysis::from_table(runs)?;
    if analysis.trials.is_empty() {
        return Ok(());
    }
    let is_drawn = sampled::of_plan(dir).unwrap_or(analysis.is_sampled);
    analysis.is_sampled = is_drawn && !analysis.axes.is_empty();
    analysis.rung_ends = rung_ends::of_plan(dir, &analysis);
    let curves = epochs.as_ref().map_or_else(|| curves_of_runs(dir, &analysis), read_trials)?;
    if let Some(epochs) = &epochs {
        check_trials(runs, &curves)?;
        check_epochs(epochs, &curves, runs)?;
    }
    let mut pictures = vec![];
    if analysis.undecided().is_none() {
        let score = analysis.score.kind.title();
        let what = format!("{score} by varied setting, and the learning curves of all trials");
        written.picture("sweep", |scene| sweep::draw(scene, &analysis, &curves))?;
        pictures.push(("sweep".to_owned(), what));
        let is_validated = |run: &Curves| !run.score[Split::Validation as usize].is_empty();
        if let Some(rungs) = Halving::of(&analysis).filter(|_| curves.iter().any(is_validated)) {
            written.picture("halving", |scene| halving::draw(scene, &analysis, &rungs, &curves))?;
            pictures.push((
                "halving".to_owned(),
                format!("{score} by epoch, and the rungs at which trials were halted"),
            ));
        }
        if analysis.is_sampled {
            written.picture("samples", |scene| samples::draw(scene, &analysis))?;
            pictures.push(("samples".to_owned(), format!("{score} of all combinations by each setting")));
        } else if analysis.axes.len() == 2 {
            written.picture("heatmap", |scene| heatmap::draw(scene, &analysis))?;
            pictures.push(("heatmap".to_owned(), format!("{score} by both settings")));
        }
    }
    for (id, analysis) in Analysis::sweeps(runs)?.into_iter().filter(|(_, found)| found.undecided().is_none())
    {
        let known: HashSet<_> =
            analysis.trials.iter().chain(&analysis.repeats).map(|run| run.id.as_str()).collect();
        let of_sweep = curves.iter().filter(|run| known.contains(run.run_id.as_str()));
        let of_sweep: Vec<_> = of_sweep.cloned().collect();
        let name: String =
            id.chars().map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect();
        let name = format!("sweep-{name}");
        written.picture(&name, |scene| sweep::draw(scene, &analysis, &of_sweep))?;
        pictures.push((name, format!("The sweep {id} alone")));
    }
    let pictures: Vec<_> = pictures.iter().map(|(name, what)| (name.as_str(), what.as_str())).collect();
    let text = report(&analysis, &written.links(&pictures));
    written.file("report.md", text.as_bytes())
}

/// Reads the curves from the folders of the runs; a run without a folder has none
fn curves_of_runs(dir: &Path, analysis: &Analysis) -> Result<Vec<Curves>> {
    let mut curves = vec![];
    for trial in &analysis.trials {
        // A run is named by its folder, a trial also by `SWEEP/TRIAL`. Longer paths and `..` are no names of runs.
        let mut parts = Path::new(&trial.id).components();
        let is_name = parts.clone().count() <= 2 && parts.all(|part| matches!(part, Component::Normal(_)));
        if is_name && let Some(table) = table(dir.join(&trial.id).join("epochs.csv"))? {
            curves.push(Curves { run_id: trial.id.clone(), ..read_run(&table)? });
        }
    }
    Ok(curves)
}

/// Reads the CSV file at `path`; `None` if there is none
fn table(path: PathBuf) -> Result<Option<Table>> {
    path.exists().then(|| Table::read(&path)).transpose()
}
