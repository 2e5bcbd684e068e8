//! `chainrule plot`: redraws a folder's pictures from its CSV files, or draws several runs into one picture

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chainrule::error::shown;
use chainrule::plot::folder_pictures::{overlay, redraw_into};

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

    /// Print errors only
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: &Args) -> Result<u8> {
    for dir in &args.dirs {
        std::fs::read_dir(dir).with_context(|| format!("cannot read {}", shown(dir)))?;
    }
    let written = match &args.dirs[..] {
        [dir] => redraw_into(dir, args.out.as_deref().unwrap_or(dir))?,
        several => {
            if let Some(dir) = several.iter().find(|dir| !dir.join("epochs.csv").is_file()) {
                bail!("{}: expected a run's folder with an epochs.csv, found none", shown(dir));
            }
            overlay(several, args.out.as_deref().unwrap_or(Path::new(".")))?
        }
    };
    if written.is_empty() {
        let dir = &args.dirs[0];
        match ["runs.csv", "epochs.csv", "confusion.csv"].iter().any(|name| dir.join(name).is_file()) {
            true => bail!("{}: nothing to draw: its CSV files have no metrics", shown(dir)),
            false => bail!(
                "{}: expected a run's folder (epochs.csv, confusion.csv) or a sweep's (runs.csv, epochs.csv), found none of these",
                shown(dir)
            ),
        }
    }
    if !args.quiet {
        let names: Vec<_> = written.iter().map(|path| shown(path)).collect();
        note(&format!("wrote {}", names.join(", ")));
    }
    Ok(DONE)
}
