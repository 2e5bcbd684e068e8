//! Which pictures a folder gets, and the report of a sweep, from the CSV files in the folder alone

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::plot::{self, Curves, Pictures};
use crate::report::analysis::Analysis;
use crate::report::markdown::report;
use crate::tables::atomic_file::write_atomically;
use crate::tables::reader::Table;

/// Draws all pictures of the folder `dir` into it, and returns the paths of the files it wrote
///
/// * A sweep's folder gets `sweep.svg` and `sweep.png`, `heatmap.svg` and `heatmap.png` if two settings were varied, and
///   `report.md`. It has a runs.csv with a column trial; or one without that column and no epochs.csv beside it, which is what
///   runs that were started one by one leave.
/// * A run's folder gets `curves.svg` and `curves.png` if it has an epochs.csv, `confusion.svg` and `confusion.png` if it has
///   a confusion.csv.
///
/// # Errors
/// When a CSV file can't be read or parsed, or a file can't be written.
pub fn redraw(dir: &Path) -> Result<Vec<PathBuf>> {
    redraw_into(dir, dir)
}

/// Does what [`redraw`] does, but writes the files into the folder `out`
///
/// # Errors
/// As [`redraw`].
pub fn redraw_into(dir: &Path, out: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Written { out, files: vec![] };
    let runs = dir.join("runs.csv");
    let table = if runs.is_file() { Some(Table::read(&runs)?) } else { None };
    let is_sweep = |table: &Table| table.column("trial").is_some() || !dir.join("epochs.csv").is_file();
    match table.filter(is_sweep) {
        Some(table) => sweep(dir, &table, &mut written)?,
        None => run(dir, &mut written)?,
    }
    Ok(written.files)
}

/// Draws the runs of several folders over one another, as `overlay.svg` and `overlay.png` in the folder `out`
///
/// # Errors
/// When a folder has no epochs.csv of a single run, no epoch of any run has a metric, or a file can't be written.
pub fn overlay(dirs: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>> {
    let mut runs =
        dirs.iter().map(|dir| plot::read_curves(&dir.join("epochs.csv"))).collect::<Result<Vec<Curves>>>()?;
    let ids: Vec<String> = runs.iter().map(|run| run.run_id().to_owned()).collect();
    for ((run, dir), id) in runs.iter_mut().zip(dirs).zip(&ids) {
        // Trials of two sweeps may have the same id: the names of their folders differ.
        if ids.iter().filter(|other| *other == id).count() > 1 {
            *run = run.clone().named(dir.display().to_string());
        }
    }
    let mut written = Written { out, files: vec![] };
    written.pictures("overlay", &plot::draw_overlay(&runs)?)?;
    Ok(written.files)
}

fn run(dir: &Path, written: &mut Written<'_>) -> Result<()> {
    let (epochs, confusion) = (dir.join("epochs.csv"), dir.join("confusion.csv"));
    if epochs.is_file() {
        let curves = plot::read_curves(&epochs)?;
        if !curves.is_empty() {
            written.pictures("curves", &plot::draw_curves(&curves)?)?;
        }
    }
    if confusion.is_file() {
        let matrix = plot::read_confusion(&confusion)?;
        if !matrix.is_empty() {
            written.pictures("confusion", &plot::draw_confusion(&matrix)?)?;
        }
    }
    Ok(())
}

fn sweep(dir: &Path, runs: &Table, written: &mut Written<'_>) -> Result<()> {
    let analysis = Analysis::from_table(runs)?;
    if analysis.trials.is_empty() {
        return Ok(());
    }
    let epochs = dir.join("epochs.csv");
    let curves = if epochs.is_file() { plot::read_trials(&epochs)? } else { curves_of_runs(dir, &analysis)? };
    written.pictures("sweep", &plot::draw_sweep(runs.path(), &analysis, &curves)?)?;
    let mut pictures =
        vec![("sweep.svg", "Accuracy by varied setting, and the learning curves of all trials")];
    if analysis.axes.len() == 2 {
        written.pictures("heatmap", &plot::draw_heatmap(runs.path(), &analysis)?)?;
        pictures.push(("heatmap.svg", "Accuracy by both settings"));
    }
    written.file("report.md", report(&analysis, &pictures).as_bytes())
}

/// Reads the curves from the folders of the runs; a run without a folder has none
fn curves_of_runs(dir: &Path, analysis: &Analysis) -> Result<Vec<Curves>> {
    let mut curves = vec![];
    for trial in &analysis.trials {
        let epochs = dir.join(&trial.id).join("epochs.csv");
        // An id with a path in it is not the name of a run's folder.
        let inside = Path::new(&trial.id).file_name().is_some_and(|name| name == trial.id.as_str());
        if inside && epochs.is_file() {
            curves.push(plot::read_curves(&epochs)?.named(trial.id.clone()));
        }
    }
    Ok(curves)
}

/// Writes files into the folder `out` and lists them
struct Written<'a> {
    out: &'a Path,
    files: Vec<PathBuf>,
}

impl Written<'_> {
    fn pictures(&mut self, name: &str, pictures: &Pictures) -> Result<()> {
        self.file(&format!("{name}.svg"), pictures.svg.as_bytes())?;
        self.file(&format!("{name}.png"), &pictures.png)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(self.out).map_err(Error::writing(self.out))?;
        let path = self.out.join(name);
        write_atomically(&path, bytes)?;
        self.files.push(path);
        Ok(())
    }
}
