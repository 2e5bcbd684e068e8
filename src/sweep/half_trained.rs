//! Trials that were stopped or failed, and go on from their checkpoints

use std::path::Path;

use super::plan::Trial;
use crate::config::{SETTINGS, Settings, TrainConfig};
use crate::nn::model_file;
use crate::train::checkpoint::Checkpoint;
use crate::train::kept_settings;
use crate::train::run_files::{EPOCHS, MODEL};

/// The checkpoint of a trial, if it and the files that it needs are whole, and of a run with the settings of the plan;
/// `None`: the trial starts again
pub fn checkpoint(trial: &Trial, sweep: &Path) -> Option<Checkpoint> {
    let folder = sweep.join(&trial.id);
    let config = Settings::from_toml(&folder.join("config.toml")).ok()?.resolve().ok()?;
    if !is_same(&config, &trial.config) {
        return None;
    }
    let checkpoint = Checkpoint::read(&folder).ok()?;
    checkpoint.saved.whole_epochs().check(&folder.join(EPOCHS)).ok()?;
    // A trial that started from a model has its preprocessing from its own.
    let own = || model_file::load::<f32>(&folder.join(MODEL), config.activation);
    (config.init.is_none() || own().is_ok()).then_some(checkpoint)
}

/// Whether a trial that failed can go on from its checkpoint here: on another kind of processor it would fail again
pub fn is_kept(trial: &Trial, sweep: &Path) -> bool {
    let kept = |found: Checkpoint| kept_settings::check(&found.saved.settings, &trial.config).is_ok();
    checkpoint(trial, sweep).is_some_and(kept)
}

/// Whether all settings that change results are equal
fn is_same(a: &TrainConfig, b: &TrainConfig) -> bool {
    let (Ok(a), Ok(b)) = (a.to_values(), b.to_values()) else { return false };
    // A run keeps the path of the data that were found where none was given.
    let is_given = |name: &str| name != "data" || b.contains_key(name);
    let mut compared = SETTINGS.iter().filter(|setting| setting.affects_results && is_given(setting.name));
    compared.all(|setting| a.get(setting.name) == b.get(setting.name))
}
