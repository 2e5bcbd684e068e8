//! `chainrule train --resume`: the settings and the place of a run that goes on

use std::path::{Path, PathBuf};

use anyhow::Result;
use chainrule::Error;
use chainrule::config::{SETTINGS, ScheduleChoice, Settings, text};
use chainrule::error::{shell_quoted, shown};
use chainrule::train::checkpoint::{CHECKPOINT, Checkpoint};
use chainrule::train::kept_settings::FREE;
use chainrule::train::run::Resume;
use chainrule::train::run_files::MODEL;
use clap::ValueEnum;

/// A run that goes on
pub struct Resumed {
    /// Its settings, with those that were given now
    pub settings: Settings,
    /// Where it goes on
    pub checkpoint: Checkpoint,
    /// The folder that its folder is in, or is copied to
    pub parent: PathBuf,
    /// Its folder, if it is copied
    copy_of: Option<PathBuf>,
    /// The name of its folder
    pub run_id: String,
}

impl Resumed {
    /// Reads the run in `folder`
    ///
    /// * `given`: settings that were given now
    ///
    /// # Errors
    /// If it has no checkpoint, or settings were given that it can't change.
    pub fn read(folder: &Path, given: &Settings) -> Result<Self> {
        let config = folder.join("config.toml");
        if !folder.join(CHECKPOINT).is_file() || !config.is_file() {
            let problem = format!("has no {CHECKPOINT}, expected the folder of a run that can go on");
            return Err(Error::content(folder, problem).into());
        }
        let before = Settings::from_toml(&config)?;
        check_settings(folder, &before, given)?;
        check_rates(&before, given)?;
        let checkpoint = Checkpoint::read(folder)?;
        let whole = folder.canonicalize().map_err(Error::reading(folder))?;
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let trained_as = &checkpoint.saved.run_id;
        if *trained_as != name {
            let problem = format!(
                "was trained under the name {0}, which its files have; rename it to {0} and resume that",
                shown(Path::new(trained_as))
            );
            return Err(Error::content(folder, problem).into());
        }
        let mut copy_of = None;
        let mut parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Behind a link, another folder may have this name here.
        if parent.join(&name).canonicalize().ok().as_ref() != Some(&whole) {
            parent = whole.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        }
        if let Some(out) = given.get("out").and_then(|out| out.as_str()).map(PathBuf::from)
            && out.canonicalize().ok() != parent.canonicalize().ok()
        {
            copy_of = Some(folder.to_owned());
            parent = out;
        }
        let settings = given.clone().or(before).with("out", parent.to_string_lossy().into_owned());
        Ok(Self { settings, checkpoint, parent, copy_of, run_id: name })
    }

    /// Where the run goes on
    pub fn request(&self) -> Resume<'_> {
        Resume { checkpoint: &self.checkpoint, copy_of: self.copy_of.as_deref() }
    }

    /// The model of the run as it was trained so far, which has its preprocessing
    pub fn model(&self) -> PathBuf {
        let folder = self.copy_of.clone().unwrap_or_else(|| self.parent.join(&self.run_id));
        folder.join(MODEL)
    }

    /// Checks that the run has not done more epochs than it shall have
    ///
    /// # Errors
    /// If it has.
    pub fn check_epochs(&self, epochs: u32) -> Result<()> {
        let progress = &self.checkpoint.saved.progress;
        // An epoch that is not done counts, too, since its batches were trained on.
        if progress.epoch <= epochs {
            return Ok(());
        }
        let expected = format!("{} or more, since the run is in that epoch", progress.epoch);
        Err(Error::Setting { name: "epochs", expected, found: epochs.to_string() }.into())
    }
}

/// Refuses another number of epochs where the learning rates of the batches so far depend on it
fn check_rates(before: &Settings, given: &Settings) -> Result<()> {
    let epochs = |settings: &Settings| settings.get("epochs").map(text);
    let schedule = before.get("schedule").map(text).unwrap_or_default();
    let depends = ScheduleChoice::from_str(&schedule, false).is_ok_and(ScheduleChoice::depends_on_epochs);
    match (epochs(before), epochs(given)) {
        (Some(was), Some(is)) if depends && was != is => {
            let expected = format!("{was}, as before, since the rates of --schedule {schedule} depend on it");
            Err(Error::Setting { name: "epochs", expected, found: is }.into())
        }
        _ => Ok(()),
    }
}

/// Refuses settings that would change what the run has computed
fn check_settings(folder: &Path, before: &Settings, given: &Settings) -> Result<()> {
    let value = |settings: &Settings, name: &str, default: &str| {
        settings.get(name).map_or_else(|| default.to_owned(), text)
    };
    let differences: Vec<String> = SETTINGS
        .iter()
        .filter(|setting| !FREE.contains(&setting.name) && given.get(setting.name).is_some())
        .filter_map(|setting| {
            let [was, is] = [before, given].map(|all| value(all, setting.name, setting.default));
            (was != is).then(|| format!("{} was {was}, and is {is}", setting.flag()))
        })
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let config = shell_quoted(folder.join("config.toml"));
    Err(Error::Usage(format!(
        "a run that goes on keeps its settings, except for {}; {}; another run with these settings: chainrule train --config \
         {config} and the flags",
        FREE.map(|name| name.replace('_', "-")).join(", "),
        differences.join("; ")
    ))
    .into())
}
