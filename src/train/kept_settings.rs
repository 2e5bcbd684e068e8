//! The settings that a run keeps when it goes on

use std::collections::BTreeMap;

use super::run_files::resolved;
use crate::config::{Setting, TrainConfig, find, text};
use crate::error::{Error, Result};

/// Settings that may be others when a run goes on, since they don't change what it has computed so far
///
/// The number of epochs stays where learning rates depend on it (`ScheduleChoice::depends_on_epochs`). Data that have moved
/// are known by their hash.
pub const FREE: [&str; 8] =
    ["epochs", "threads", "patience", "max_time", "out", "checkpoint_every", "data", "test_data"];

/// The other settings by their names, as text, with the backend that computes the run on this processor
///
/// # Errors
/// If this processor can't run the backend.
pub fn of(config: &TrainConfig) -> Result<BTreeMap<String, String>> {
    let config = TrainConfig { engine: resolved(config)?, ..config.clone() };
    let has_schedule = config.schedule.depends_on_epochs();
    let is_kept = |name: &str| !FREE.contains(&name) || (name == "epochs" && has_schedule);
    let values = config.to_values()?.into_iter().filter(|(name, _)| is_kept(name));
    Ok(values.map(|(name, value)| (name, text(&value))).collect())
}

/// Checks that a run was trained with these settings so far
///
/// # Errors
/// With the list of differences, if it was not.
pub fn check(before: &BTreeMap<String, String>, config: &TrainConfig) -> Result<()> {
    let now = of(config)?;
    // A checkpoint of an older program does not have the settings that came later: it was trained with their defaults.
    let mut all = now.clone();
    all.retain(|name, _| !before.is_empty() && !before.contains_key(name));
    for (name, value) in &mut all {
        if let Some(default) = find(name).and_then(Setting::default_value) {
            *value = text(&default);
        }
    }
    all.extend(before.clone());
    let differences = all.iter().filter_map(|(name, was)| {
        let is = now.get(name).filter(|is| *is != was)?;
        let because = match name.as_str() {
            "epochs" => format!(", on which the rates of --schedule {} depend", now.get("schedule")?),
            _ => String::new(),
        };
        Some(format!("{name} was {was}, and is {is}{because}"))
    });
    let differences = differences.collect::<Vec<_>>().join("; ");
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the run was trained with other settings than those in its config.toml, or on another kind of processor: \
         {differences}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_an_old_checkpoint_lacks_had_its_default() {
        let config = TrainConfig::default();
        let mut before = of(&config).unwrap();
        assert!(before.remove("label_smoothing").is_some() && before.remove("schedule").is_some());
        check(&before, &config).unwrap();
        let changed = TrainConfig { label_smoothing: 0.1, ..config };
        let error = check(&before, &changed).unwrap_err().to_string();
        assert!(error.contains("label_smoothing was 0, and is 0.1"), "{error}");
    }
}
