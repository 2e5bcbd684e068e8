//! The command line that repeats a trial

use clap::ValueEnum;

use crate::config::{Kind, OptimizerChoice, SETTINGS};
use crate::error::shell_quoted;
use crate::report::analysis::ObservedRun;

/// The command that trains as `trial` was trained, with all settings that are not the defaults, seed and data
///
/// Threads are left out: results don't depend on them.
///
/// * `varied`: whether a setting is written even if it has its default
pub fn train_command(trial: &ObservedRun, varied: impl Fn(&str) -> bool) -> String {
    let mut command = "chainrule train".to_owned();
    let optimizer = OptimizerChoice::from_str(trial.setting("optimizer"), true).unwrap_or_default();
    let is_used = |name: &str| !optimizer.unused().contains(&name);
    for setting in SETTINGS.iter().filter(|setting| setting.affects_results && is_used(setting.name)) {
        let value = if setting.name == "seed" { trial.seed.as_str() } else { trial.setting(setting.name) };
        // Seed and data are always written, since the command may be run on another machine.
        let default = value == setting.default && setting.name != "seed" && !varied(setting.name);
        if value.is_empty() || default {
            continue;
        }
        command += &match setting.kind {
            Kind::Switch if value == "true" => format!(" --{}", setting.flag()),
            // A switch that is off has no flag, unless it is on by default.
            Kind::Switch if setting.default != "true" => continue,
            _ => format!(" --{} {}", setting.flag(), shell_quoted(value)),
        };
    }
    command
}
