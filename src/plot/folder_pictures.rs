//! Which pictures a folder gets, and the report of a sweep, from the CSV files in the folder alone

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::plot::epochs_csv::{Curves, read_run, read_trials};
use crate::plot::output::png::png;
use crate::plot::output::scene::Scene;
use crate::plot::output::svg::svg;
use crate::plot::pictures::{confusion, heatmap, overlay, run_curves, sweep};
use crate::report::analysis::Analysis;
use crate::report::markdown::report;
use crate::tables::atomic_file::write_atomically;
use crate::tables::reader::Table;

/// Draws all pictures of the folder `dir` into the folder `out`, and returns the paths of the files it wrote
///
/// * A sweep's folder gets `sweep.svg` and `sweep.png`, `heatmap.svg` and `heatmap.png` if two settings were varied, and
///   `report.md`. It has a runs.csv with a column trial; or one without that column and no epochs.csv beside it, which is what
///   runs that were started one by one leave.
/// * A run's folder gets `curves.svg` and `curves.png` if it has an epochs.csv, `confusion.svg` and `confusion.png` if it has
///   a confusion.csv.
///
/// # Errors
/// When a CSV file can't be read or parsed, or a file can't be written.
pub fn redraw_into(dir: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Written { out, files: vec![] };
    let epochs = table(dir.join("epochs.csv"))?;
    match table(dir.join("runs.csv"))? {
        Some(runs) if runs.column("trial").is_some() || epochs.is_none() => {
            draw_sweep(dir, &runs, epochs, &mut written)?;
        }
        _ => draw_run(dir, epochs, &mut written)?,
    }
    Ok(written.files)
}

/// [`redraw_into`] the folder itself
///
/// # Errors
/// As [`redraw_into`].
pub fn redraw(dir: &Path) -> Result<Vec<PathBuf>> {
    redraw_into(dir, dir)
}

/// Draws the runs of several folders over one another, as `overlay.svg` and `overlay.png` in the folder `out`
///
/// # Errors
/// When a folder has no epochs.csv of a single run, no epoch of any run has a metric, or a file can't be written.
pub fn overlay(dirs: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>> {
    let read = |dir: &PathBuf| read_run(&Table::read(&dir.join("epochs.csv"))?);
    let mut runs = dirs.iter().map(read).collect::<Result<Vec<_>>>()?;
    let ids: Vec<_> = runs.iter().map(|run| run.run_id.clone()).collect();
    for (run, dir) in runs.iter_mut().zip(dirs) {
        // Trials of two sweeps may have the same id: the names of their folders differ.
        if ids.iter().filter(|id| **id == run.run_id).count() > 1 {
            run.run_id = dir.display().to_string();
        }
    }
    runs.retain(|run| !run.is_empty());
    if runs.is_empty() {
        let problem = "no epoch of any run has a metric".to_owned();
        return Err(Error::Plot { path: out.join("overlay.svg"), problem });
    }
    let mut written = Written { out, files: vec![] };
    written.picture("overlay", |scene| overlay::draw(scene, &runs.iter().collect::<Vec<_>>()))?;
    Ok(written.files)
}

fn draw_run(dir: &Path, epochs: Option<Table>, written: &mut Written<'_>) -> Result<()> {
    let curves = epochs.map(|table| read_run(&table)).transpose()?;
    if let Some(curves) = curves.filter(|curves| !curves.is_empty()) {
        written.picture("curves", |scene| run_curves::draw(scene, &curves))?;
    }
    let matrix = table(dir.join("confusion.csv"))?.map(|table| confusion::read(&table)).transpose()?;
    if let Some(matrix) = matrix.filter(|matrix| !matrix.names.is_empty()) {
        written.picture("confusion", |scene| confusion::draw(scene, &matrix))?;
    }
    Ok(())
}

fn draw_sweep(dir: &Path, runs: &Table, epochs: Option<Table>, written: &mut Written<'_>) -> Result<()> {
    let analysis = Analysis::from_table(runs)?;
    if analysis.trials.is_empty() {
        return Ok(());
    }
    let curves = epochs.map_or_else(|| curves_of_runs(dir, &analysis), |table| read_trials(&table))?;
    written.picture("sweep", |scene| sweep::draw(scene, &analysis, &curves))?;
    let mut pictures =
        vec![("sweep.svg", "Accuracy by varied setting, and the learning curves of all trials")];
    if analysis.axes.len() == 2 {
        written.picture("heatmap", |scene| heatmap::draw(scene, &analysis))?;
        pictures.push(("heatmap.svg", "Accuracy by both settings"));
    }
    written.file("report.md", report(&analysis, &pictures).as_bytes())
}

/// Reads the curves from the folders of the runs; a run without a folder has none
fn curves_of_runs(dir: &Path, analysis: &Analysis) -> Result<Vec<Curves>> {
    let mut curves = vec![];
    for trial in &analysis.trials {
        // An id that is a path is not the name of a run's folder.
        if Path::new(&trial.id).file_name().is_some_and(|name| name == trial.id.as_str())
            && let Some(table) = table(dir.join(&trial.id).join("epochs.csv"))?
        {
            curves.push(Curves { run_id: trial.id.clone(), ..read_run(&table)? });
        }
    }
    Ok(curves)
}

/// Reads the CSV file at `path`; `None` if there is none
fn table(path: PathBuf) -> Result<Option<Table>> {
    path.is_file().then(|| Table::read(&path)).transpose()
}

/// Writes files into the folder `out` and lists them
struct Written<'a> {
    out: &'a Path,
    files: Vec<PathBuf>,
}

impl Written<'_> {
    /// Writes a picture as SVG and PNG; `draw` fills the scene and returns its height in units
    fn picture(&mut self, name: &str, draw: impl FnOnce(&mut Scene) -> f64) -> Result<()> {
        let mut scene = Scene::default();
        let height = draw(&mut scene).ceil() as u32;
        let svg = svg(&scene, height);
        let name_png = format!("{name}.png");
        let png = png(&svg).map_err(|problem| Error::Plot { path: self.out.join(&name_png), problem })?;
        self.file(&format!("{name}.svg"), svg.as_bytes())?;
        self.file(&name_png, &png)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(self.out).map_err(Error::writing(self.out))?;
        let path = self.out.join(name);
        write_atomically(&path, bytes)?;
        self.files.push(path);
        Ok(())
    }
}
