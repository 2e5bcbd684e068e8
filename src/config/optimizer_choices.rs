//! The choices of the optimizer and of its learning rates, and which settings belong to which choice

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::given::Settings;
use super::setting::text;
use super::settings::SETTINGS;
use super::train_config::TrainConfig;
use crate::error::{Error, Result};

/// The optimizer, which makes steps from gradients
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerChoice {
    /// Gradient descent with --momentum
    #[default]
    Sgd,
    /// Steps by two moments of the gradients (--beta1, --beta2, --epsilon); --weight-decay is apart from them
    #[value(name = "adamw")]
    #[serde(rename = "adamw")]
    AdamW,
}

/// The settings that only one optimizer has
const OF_SGD: &[&str] = &["momentum", "nesterov"];
const OF_ADAMW: &[&str] = &["beta1", "beta2", "epsilon"];

impl OptimizerChoice {
    /// The settings of other optimizers, which this one does not have
    pub fn unused(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => OF_ADAMW,
            Self::AdamW => OF_SGD,
        }
    }

    /// The error that a setting has a value, but this optimizer does not have the setting
    fn lacks(self, name: &'static str, found: String) -> Error {
        let (this, other) = match self {
            Self::Sgd => ("sgd", "adamw"),
            Self::AdamW => ("adamw", "sgd"),
        };
        let flag = name.replace('_', "-");
        let expected = format!("no --{flag} with --optimizer {this}, which has none, or --optimizer {other}");
        Error::Setting { name, expected, found }
    }
}

/// How the learning rate changes from batch to batch
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleChoice {
    /// It stays the same
    #[default]
    Constant,
    /// A tenth from the middle of the batches on, a hundredth from three quarters on
    Step,
    /// From the full rate to 0 along half a cosine
    Cosine,
    /// From the full rate to 0 along a line
    Linear,
    /// From 1/25 to the full rate in three tenths of the batches, then to 1/250,000
    OneCycle,
}

impl ScheduleChoice {
    /// Whether the rate of a batch depends on the number of epochs
    pub fn depends_on_epochs(self) -> bool {
        self != Self::Constant
    }
}

/// Checks that the settings of the optimizer and of the learning rates fit each other
///
/// A setting that the optimizer does not have must have its default, since a config.toml has all settings.
///
/// * `values`: the values of all settings, by name
///
/// # Errors
/// If they do not.
pub(super) fn check(config: &TrainConfig, values: &Table) -> Result<()> {
    let TrainConfig { schedule, warmup, momentum, nesterov, optimizer, .. } = *config;
    for setting in SETTINGS.iter().filter(|setting| optimizer.unused().contains(&setting.name)) {
        let default = setting.default_value();
        if let Some(found) = values.get(setting.name).filter(|value| Some(*value) != default.as_ref()) {
            return Err(optimizer.lacks(setting.name, text(found)));
        }
    }
    let error = |name, expected: &str, found: String| {
        Err(Error::Setting { name, expected: expected.to_owned(), found })
    };
    if schedule == ScheduleChoice::OneCycle && warmup != 0.0 {
        let expected =
            "0 with --schedule one-cycle, which begins with a warm-up of its own, or another --schedule";
        return error("warmup", expected, warmup.to_string());
    }
    if nesterov && momentum == 0.0 {
        return error(
            "nesterov",
            "a --momentum above 0, as --momentum 0.9, or no --nesterov",
            "true".to_owned(),
        );
    }
    Ok(())
}

/// Checks that each flag of an optimizer is one that at least one of the runs uses, also if its value is the default
///
/// * `flags`: what was given on the command line
/// * `configs`: the settings of the runs
///
/// # Errors
/// If the optimizer of no run has it.
pub fn check_flags<'a>(
    flags: &Settings,
    configs: impl Iterator<Item = &'a TrainConfig> + Clone,
) -> Result<()> {
    let Some(first) = configs.clone().next() else { return Ok(()) };
    for name in first.optimizer.unused() {
        let is_unused = configs.clone().all(|config| config.optimizer.unused().contains(name));
        if let Some(value) = flags.get(name).filter(|_| is_unused) {
            return Err(first.optimizer.lacks(name, text(value)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use toml::Value;

    use super::*;

    fn resolved(values: &[(&str, Value)]) -> std::result::Result<TrainConfig, String> {
        let given = |all: Settings, (name, value): &(&str, Value)| all.with(name, value.clone());
        let settings = values.iter().fold(Settings::default(), given);
        settings.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn settings_that_the_optimizer_does_not_have_are_refused() {
        for (name, value, optimizer) in [
            ("momentum", Value::Float(0.5), "adamw"),
            ("nesterov", Value::Boolean(true), "adamw"),
            ("beta1", Value::Float(0.5), "sgd"),
            ("beta2", Value::Float(0.5), "sgd"),
            ("epsilon", Value::Float(1e-6), "sgd"),
        ] {
            let given = (name, value);
            let error = resolved(&[("optimizer", optimizer.into()), given.clone()]).unwrap_err();
            let expected = format!("expected no --{name} with --optimizer {optimizer}");
            assert!(error.contains(&expected), "{error}");
            let other = if optimizer == "sgd" { "adamw" } else { "sgd" };
            resolved(&[("optimizer", other.into()), given]).unwrap();
        }
    }

    #[test]
    fn a_flag_with_the_default_is_refused_where_no_run_uses_it() {
        let [sgd, adamw] = ["sgd", "adamw"].map(|name| resolved(&[("optimizer", name.into())]).unwrap());
        let check = |name: &str, value: f64, configs: &[&TrainConfig]| {
            check_flags(&Settings::default().with(name, value), configs.iter().copied()).is_ok()
        };
        assert!(!check("momentum", 0.9, &[&adamw, &adamw]) && !check("beta1", 0.9, &[&sgd]));
        assert!(check("momentum", 0.9, &[&sgd]) && check("beta1", 0.9, &[&adamw]));
        assert!(check("momentum", 0.9, &[&adamw, &sgd]) && check("beta1", 0.9, &[&sgd, &adamw]));
        assert!(check("weight_decay", 0.1, &[&adamw]) && check("momentum", 0.9, &[]));
    }

    #[test]
    fn one_cycle_has_its_own_warm_up_and_nesterov_needs_momentum() {
        let one_cycle = ("schedule", Value::from("one-cycle"));
        let error = resolved(&[one_cycle.clone(), ("warmup", 0.5.into())]).unwrap_err();
        assert!(error.contains("warmup is 0.5, expected 0 with --schedule one-cycle"), "{error}");
        resolved(&[one_cycle, ("warmup", 0.0.into())]).unwrap();
        let error = resolved(&[("nesterov", true.into()), ("momentum", 0.0.into())]).unwrap_err();
        assert!(error.contains("nesterov is true, expected a --momentum above 0"), "{error}");
        resolved(&[("nesterov", true.into())]).unwrap();
    }
}
