//! Checks that settings fit each other, each of which is in its range

use clap::ValueEnum;
use toml::{Table, Value};

use super::optimizer_choices::{OptimizerChoice, ScheduleChoice};
use super::setting::text;
use super::settings::SETTINGS;
use crate::error::{Error, Result};

/// Checks that the settings of the optimizer and of the learning rates fit each other
///
/// A setting that the optimizer does not have must have its default, since a config.toml has all settings.
///
/// * `values`: the values of all settings, by name
///
/// # Errors
/// If they do not.
pub fn check(optimizer: OptimizerChoice, schedule: ScheduleChoice, values: &Table) -> Result<()> {
    for setting in SETTINGS.iter().filter(|setting| optimizer.unused().contains(&setting.name)) {
        let default = setting.default_value();
        if let Some(found) = values.get(setting.name).filter(|value| Some(*value) != default.as_ref()) {
            return Err(optimizer.lacks(setting.name, text(found)));
        }
    }
    let wrong = |name, expected: &str, found: &Value| {
        Err(Error::Setting { name, expected: expected.to_owned(), found: text(found) })
    };
    let value = |name: &str| values.get(name).filter(|value| !is_zero(value));
    if let (ScheduleChoice::OneCycle, Some(warmup)) = (schedule, value("warmup")) {
        let expected =
            "0 with --schedule one-cycle, which begins with a warm-up of its own, or another --schedule";
        return wrong("warmup", expected, warmup);
    }
    match (value("nesterov"), value("momentum")) {
        (Some(nesterov), None) => {
            wrong("nesterov", "a --momentum above 0, as --momentum 0.9, or no --nesterov", nesterov)
        }
        _ => Ok(()),
    }
}

/// The settings that a run does not use where the setting `name` has this value: those of other optimizers, and the warm-up
/// beside a schedule that begins with its own
pub fn unused(name: &str, value: &Value) -> &'static [&'static str] {
    let choice = value.as_str().unwrap_or_default();
    match name {
        "optimizer" => OptimizerChoice::from_str(choice, false).map_or(&[], OptimizerChoice::unused),
        "schedule" if ScheduleChoice::from_str(choice, false) == Ok(ScheduleChoice::OneCycle) => &["warmup"],
        _ => &[],
    }
}

/// Whether a value is 0 or false
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Float(x) => *x == 0.0,
        Value::Integer(n) => *n == 0,
        Value::Boolean(is_on) => !is_on,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, TrainConfig};

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
