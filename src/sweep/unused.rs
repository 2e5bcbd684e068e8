//! Settings that the optimizer or the schedule of a trial does not use, which stay at their defaults

use toml::Value;

use super::axis::Axis;
use super::plan::{Values, short_text};
use crate::config::unused;
use crate::error::{Error, Result};

/// The values of a trial without those that it does not use beside its others, such as the momentum beside adamw
pub fn without_unused(values: Values) -> Values {
    let of = |(setting, value): &(&crate::config::Setting, Value)| unused(setting.name, value);
    let unused: Vec<&str> = values.iter().flat_map(of).copied().collect();
    values.into_iter().filter(|(setting, _)| !unused.contains(&setting.name)).collect()
}

/// Checks the axes of settings that only trials with some optimizers or schedules use
///
/// * `is_sampled`: whether trials are drawn, so that equal ones are drawn again
///
/// # Errors
/// If no trial uses the setting of an axis, or combinations of a grid would differ only in a setting that they do not use.
pub fn check(grid: &[Axis], is_sampled: bool) -> Result<()> {
    for (choice, axis) in grid.iter().flat_map(|choice| grid.iter().map(move |axis| (choice, axis))) {
        let (chosen, name) = (choice.setting.name, axis.setting.name);
        let lacks = |value: &&Value| unused(chosen, value).contains(&name);
        let lacking: Vec<String> = choice.values.iter().filter(lacks).map(short_text).collect();
        if lacking.is_empty() {
            continue;
        }
        let values = lacking.join(",");
        if lacking.len() == choice.values.len() {
            return Err(Error::Usage(format!(
                "{name} is an axis, and {chosen} {values} does not use it; leave out the axis {name}, or add another value of {chosen}"
            )));
        }
        if !is_sampled && axis.values.len() > 1 {
            return Err(Error::Usage(format!(
                "{chosen} {values} does not use {name}, so trials that differ in {name} would be equal; --sample 30 draws different trials \
                 from these axes, or a plan has a [grid] without {chosen} {values} and lists those trials as [[trial]]"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Draft, Plan};
    use super::*;
    use crate::config::Settings;

    fn resolve(axes: &[&str], sample: Option<u32>, base: Settings) -> std::result::Result<Plan, String> {
        let grid = axes.iter().map(|spec| Axis::parse(spec).unwrap()).collect();
        let draft = Draft { base: base.with("data", "synthetic"), grid, sample, ..Draft::default() };
        draft.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn a_drawn_trial_leaves_what_its_optimizer_or_schedule_does_not_use_at_its_default() {
        let axes = [
            "optimizer=sgd,adamw",
            "momentum=0..0.8",
            "beta1=0..0.8",
            "schedule=cosine,one-cycle",
            "warmup=1..2",
        ];
        let plan = resolve(&axes, Some(30), Settings::default()).unwrap();
        assert!(plan.is_sampled && plan.trials.len() == 30);
        let mut found = std::collections::BTreeSet::new();
        for trial in &plan.trials {
            let config = &trial.config;
            let names: Vec<&str> = trial.values.iter().map(|(setting, _)| setting.name).collect();
            let is_sgd = config.optimizer.unused().contains(&"beta1");
            assert_eq!(
                (names.contains(&"momentum"), names.contains(&"beta1")),
                (is_sgd, !is_sgd),
                "{names:?}"
            );
            assert_eq!(if is_sgd { config.beta1 } else { config.momentum }, 0.9);
            assert_eq!(config.warmup >= 1.0, names.contains(&"warmup"));
            found.insert((is_sgd, names.contains(&"warmup")));
        }
        assert_eq!(found.len(), 4, "{found:?}");
        // Trials that are equal without these settings are drawn once.
        let few = resolve(&["optimizer=sgd,adamw", "momentum=0,0.5"], Some(4), Settings::default());
        assert!(few.unwrap_err().contains("the axes have 3 different combinations"));
    }

    #[test]
    fn the_settings_of_all_trials_are_left_out_where_a_trial_chooses_otherwise() {
        let base = Settings::default().with("momentum", 0.5).with("warmup", 1.0);
        let plan = resolve(&["optimizer=sgd,adamw", "schedule=linear,one-cycle"], None, base).unwrap();
        let found: Vec<_> =
            plan.trials.iter().map(|trial| (trial.config.momentum, trial.config.warmup)).collect();
        assert_eq!(found, [(0.5, 1.0), (0.5, 0.0), (0.9, 1.0), (0.9, 0.0)]);
    }

    #[test]
    fn a_grid_in_which_trials_would_be_equal_says_what_to_write() {
        let of = |axes: &[&str], sample| resolve(axes, sample, Settings::default());
        let error = of(&["momentum=0,0.5", "optimizer=sgd,adamw"], None).unwrap_err();
        assert!(
            error.contains("optimizer adamw does not use momentum") && error.contains("--sample 30"),
            "{error}"
        );
        let plan = of(&["momentum=0.5", "optimizer=sgd,adamw"], None).unwrap();
        let labels: Vec<_> = plan.trials.iter().map(super::super::Trial::label).collect();
        assert_eq!(labels, ["momentum=0.5 optimizer=sgd", "optimizer=adamw"]);
        for sample in [None, Some(3)] {
            let error = of(&["optimizer=adamw", "momentum=0,0.5,0.7"], sample).unwrap_err();
            assert!(error.contains("leave out the axis momentum"), "{error}");
        }
    }
}
