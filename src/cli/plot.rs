//! `chainrule plot`: redraws a folder's pictures from its CSV files, or draws several runs into one picture

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chainrule::error::{shell_quoted, shown};
use chainrule::plot::folder_pictures::{Format, PictureStyle, overlay, redraw_into};

use super::{DONE, note};

#[derive(clap::Args)]
pub struct Args {
    /// Folder of a run, of a sweep, or of runs with their runs.csv, whose pictures are redrawn; or several folders of
    /// runs, which are drawn into one picture
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,

    /// Folder for the pictures [default: the run's or sweep's own; for several runs the current folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Files that each picture gets: svg, png, pdf
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', num_args = 1.., default_value = "svg,png")]
    format: Vec<FormatName>,

    /// Title of the pictures [default: each picture its own]
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    title: Option<String>,

    /// Width of the PNG in pixels; SVG and PDF change in the same proportion, from 800 units and 16 cm
    #[arg(long, value_name = "PIXELS", default_value_t = 1600, value_parser = clap::value_parser!(u32).range(200..=10_000))]
    width: u32,

    /// Print errors only
    #[arg(long, short)]
    quiet: bool,
}

/// The name of a format on the command line
#[derive(Clone, Copy, clap::ValueEnum)]
enum FormatName {
    Svg,
    Png,
    Pdf,
}

impl Args {
    fn style(&self) -> PictureStyle {
        let mut formats = vec![];
        for name in &self.format {
            let format = match name {
                FormatName::Svg => Format::Svg,
                FormatName::Png => Format::Png,
                FormatName::Pdf => Format::Pdf,
            };
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        PictureStyle { formats, title: self.title.clone(), width: self.width }
    }
}

/// The first run's folder in a sweep's folder, by name
fn trial_in(sweep: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(sweep).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter(|folder| folder.join("epochs.csv").is_file()).min()
}

/// The folders in `dir` that have a runs.csv, by name
pub fn sweeps_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<_> = entries.filter(|folder| folder.join("runs.csv").is_file()).collect();
    found.sort();
    found
}

pub fn run(args: &Args) -> Result<u8> {
    for dir in &args.dirs {
        std::fs::read_dir(dir).with_context(|| format!("cannot read {}", shown(dir)))?;
    }
    let style = args.style();
    let written = match &args.dirs[..] {
        [dir] => redraw_into(dir, args.out.as_deref().unwrap_or(dir), &style)?,
        several => {
            if let Some(dir) = several.iter().find(|dir| dir.join("runs.csv").exists()) {
                let trial =
                    trial_in(dir).map_or(String::new(), |trial| format!(", such as {}", shown(&trial)));
                bail!(
                    "{}: expected a run's folder, found a sweep's: several folders are drawn into one picture only if each is a \
                     run's{trial}; `chainrule plot {}` draws the sweep by itself",
                    shown(dir),
                    shell_quoted(dir)
                );
            }
            if let Some(dir) = several.iter().find(|dir| !dir.join("epochs.csv").exists()) {
                bail!("{}: expected a run's folder with an epochs.csv, found none", shown(dir));
            }
            overlay(several, args.out.as_deref().unwrap_or(Path::new(".")), &style)?
        }
    };
    if written.is_empty() {
        let dir = &args.dirs[0];
        let files = ["runs.csv", "epochs.csv", "confusion.csv", "predictions.csv"].map(|name| dir.join(name));
        let found: Vec<_> = files.iter().filter(|file| file.is_file()).map(shown).collect();
        match &found[..] {
            [_, ..] => bail!("{}: nothing to draw: no metrics in {}", shown(dir), found.join(", ")),
            [] if !sweeps_in(dir).is_empty() => bail!(
                "{}: expected a run's folder or a sweep's, found a folder of sweeps; to draw one, type: chainrule plot {}",
                shown(dir),
                shell_quoted(&sweeps_in(dir)[0])
            ),
            [] => bail!(
                "{}: expected a run's folder (epochs.csv, confusion.csv, predictions.csv) or a sweep's (runs.csv, epochs.csv), found none of these",
                shown(dir)
            ),
        }
    }
    if !args.quiet {
        let names: Vec<_> = written.iter().map(shown).collect();
        note(&format!("wrote {}", names.join(", ")));
    }
    Ok(DONE)
}
