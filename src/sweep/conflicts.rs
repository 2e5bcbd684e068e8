//! Settings and trials of a sweep that exclude each other, with the messages for them

use std::collections::HashMap;
use std::path::Path;

use toml::Value;

use super::axis::{Axis, HIDDEN_DIMS};
use super::plan::Trial;
use super::plan_lines::{Section, line_in};
use crate::config::{SHORT_FORMS, Setting, text};
use crate::error::{Error, Result, shell_quoted};

/// How to vary width and depth together, for messages
pub const WIDTH_AND_DEPTH: &str = "to vary width and depth, type --grid hidden_dim=64,128 --grid num_layers=1..3, or name each net, as --grid hidden_dims=64,128x64";

/// The error that a setting has two axes, with their lines if they are in the plan file
pub fn given_twice(setting: &Setting, grid: &[Axis], file: Option<&Path>, file_text: &str) -> Error {
    let (name, values) = (setting.name, values_of(setting, grid));
    let line = |key: &str| line_in(file_text, Section::Grid, key);
    let mut lines: Vec<usize> = [name, &setting.flag()].into_iter().filter_map(line).collect();
    lines.sort_unstable();
    lines.dedup();
    match (file, &lines[..]) {
        (Some(path), [first, second]) => Error::Settings {
            path: path.to_owned(),
            problem: format!(
                "lines {first} and {second}: [grid] has {name} twice; give all its values at once, as {name} = {}",
                Value::Array(values)
            ),
        },
        (Some(path), [line]) => Error::Settings {
            path: path.to_owned(),
            problem: format!(
                "line {line}: [grid] has {name}, and so has the command line; keep one, not both"
            ),
        },
        _ => {
            let values = values.iter().map(text).collect::<Vec<_>>().join(",");
            let axis = shell_quoted(format!("{name}={values}"));
            Error::Usage(format!("--grid has {name} twice; give all its values at once, as --grid {axis}"))
        }
    }
}

/// The values of all axes of a setting; the first ten
fn values_of(setting: &Setting, grid: &[Axis]) -> Vec<Value> {
    let mut values = Vec::new();
    for value in grid.iter().filter(|axis| axis.setting == setting).flat_map(|axis| &axis.values) {
        if !values.contains(value) {
            values.push(value.clone());
        }
        if values.len() == 10 {
            break;
        }
    }
    values
}

/// Checks that no two trials have the same settings and seed, which would give the same bits
///
/// * `file`: the plan file, for the message
pub fn all_differ(trials: &[Trial], file: Option<&Path>) -> Result<()> {
    let mut known: HashMap<String, &Trial> = HashMap::new();
    for trial in trials {
        if let Some(first) = known.insert(trial.config.to_toml()?, trial) {
            let shown = |trial: &Trial| format!("{} ({})", trial.id, trial.label());
            let (first, second) = (shown(first), shown(trial));
            let remedy = "remove one or give it another seed";
            let Some(path) = file else {
                return Err(Error::Usage(format!(
                    "trials {first} and {second} are equal: the same settings and seed give the same bits; {remedy}"
                )));
            };
            let problem = format!("trials {first} and {second} have the same settings and seed; {remedy}");
            return Err(Error::Settings { path: path.to_owned(), problem });
        }
    }
    Ok(())
}

/// Checks that `hidden_dims` is not set together with one of its short forms
pub fn both_forms(set: &[&Setting]) -> Result<()> {
    match set.iter().find(|setting| SHORT_FORMS.contains(setting)) {
        Some(short) if set.iter().any(|setting| setting.name == HIDDEN_DIMS) => Err(Error::Usage(format!(
            "hidden_dims and {} both say how wide and deep the net is: keep one, not both; {WIDTH_AND_DEPTH}",
            short.name
        ))),
        _ => Ok(()),
    }
}
