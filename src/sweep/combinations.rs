//! The combinations of a sweep: the settings that each trial has of its own, and all settings that follow from them

use std::path::Path;

use toml::Value;

use super::axis::{Axis, HIDDEN_DIMS};
use super::plan::Values;
use super::unused::without_unused;
use crate::config::{HiddenDims, Setting, Settings, TrainConfig, find, text};
use crate::data::init_model::InitNets;
use crate::error::{Error, Result, separated};

/// Maximum number of trials; more are probably a typing error
pub const TRIALS_MAX: usize = 100_000;
/// Width of the layers of `num_layers`, unless `hidden_dim` sets it
const STANDARD_WIDTH: i64 = 128;

/// The combination of each trial: the cross product of the grid, then the listed trials, each with every seed
///
/// * `(first_seed, seeds)`: the first seed, and the number of seeds
/// * `file`: the plan file, for the message
///
/// # Errors
/// If there are more than [`TRIALS_MAX`].
pub fn combinations(
    grid: &[Axis],
    listed: &[Values],
    (first_seed, seeds): (u64, u32),
    file: Option<&Path>,
) -> Result<Vec<Values>> {
    let only_listed = grid.is_empty() && !listed.is_empty();
    let of_grid = grid.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    let of_grid = if only_listed { 0 } else { of_grid };
    if of_grid.saturating_add(listed.len()).saturating_mul(seeds as usize) > TRIALS_MAX {
        let of_axis = |axis: &Axis| format!("{} of {}", separated(axis.values.len()), axis.setting.name);
        let mut found: Vec<String> = grid.iter().map(of_axis).collect();
        found.extend((!listed.is_empty()).then(|| format!("{} listed", separated(listed.len()))));
        found.extend((seeds > 1).then(|| format!("{} seeds", separated(seeds))));
        let file = file.map_or(String::new(), |path| format!("{}: ", crate::error::shown(path)));
        let found = found.join(", ");
        return Err(Error::Usage(format!(
            "{file}the sweep has too many trials: {found}; {} at most, so take fewer values or divide the sweep",
            separated(TRIALS_MAX)
        )));
    }
    let mut all: Vec<Values> = vec![Vec::new()];
    for axis in grid {
        all = product(&all, axis.setting, &axis.values);
    }
    all = all.into_iter().map(without_unused).collect();
    if only_listed {
        all.clear();
    }
    all.extend(listed.iter().cloned());
    if seeds == 1 {
        return Ok(all);
    }
    let seeds: Vec<_> = (0..i64::from(seeds)).map(|k| Value::Integer(first_seed as i64 + k)).collect();
    let seeded = |values: Values| {
        let own = values.iter().any(|(setting, _)| *setting == seed_setting());
        if own { vec![values] } else { product(&[values], seed_setting(), &seeds) }
    };
    Ok(all.into_iter().flat_map(seeded).collect())
}

/// The setting `seed`
pub fn seed_setting() -> &'static Setting {
    find("seed").unwrap_or_else(|| unreachable!("`seed` is in the table of settings"))
}

/// All settings of a trial: its combination over the settings that all trials share, without those that it does not use
///
/// * `nets`: the models that trials start from, whose widths and activation they have
///
/// # Errors
/// If a value is outside its range, or a model can't be read or has other widths than its trial.
pub fn apply(values: &Values, base: &Settings, nets: &mut InitNets) -> Result<TrainConfig> {
    let (mut settings, mut width, mut depth) = (Settings::default(), None, None);
    for (setting, value) in values {
        if let Some(expected) = setting.out_of_range(value).map(str::to_owned) {
            return Err(Error::Setting { name: setting.name, expected, found: text(value) });
        }
        match setting.name {
            "hidden_dim" => width = value.as_integer(),
            "num_layers" => depth = value.as_integer(),
            name => settings = settings.with(name, value.clone()),
        }
    }
    if width.is_some() || depth.is_some() {
        let (width, depth) = (width.unwrap_or(STANDARD_WIDTH), depth.unwrap_or(1));
        let dims = HiddenDims(vec![usize::try_from(width).unwrap_or(0); usize::try_from(depth).unwrap_or(0)]);
        settings = settings.with(HIDDEN_DIMS, dims.to_string());
    }
    let mut config = nets.complete(settings.above(base.clone()))?.resolve()?;
    // Trials run side by side, so one thread for each is fastest.
    config.threads = config.threads.or(Some(1));
    Ok(config)
}

/// All combinations in `all`, each with every one of `values` for `setting`
fn product(all: &[Values], setting: &'static Setting, values: &[Value]) -> Vec<Values> {
    let mut product = Vec::new();
    for own in all {
        product.extend(values.iter().map(|value| [&own[..], &[(setting, value.clone())]].concat()));
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_and_depth_make_hidden_layers() {
        let dims = |axes: &[&str]| -> Vec<String> {
            let axes: Vec<_> = axes.iter().map(|axis| Axis::parse(axis).unwrap()).collect();
            let all = combinations(&axes, &[], (42, 1), None).unwrap();
            let config =
                |values: &Values| apply(values, &Settings::default(), &mut InitNets::default()).unwrap();
            all.iter().map(|values| config(values).hidden_dims.to_string()).collect()
        };
        assert_eq!(dims(&["hidden_dim=32,64"]), ["32", "64"]);
        assert_eq!(dims(&["num_layers=0..2"]), ["none", "128", "128x128"]);
        assert_eq!(dims(&["hidden_dim=8", "num_layers=3"]), ["8x8x8"]);
    }
}
