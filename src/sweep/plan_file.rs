//! Plan files in TOML: settings under the flags' names, `[grid]`, `seeds`, and trials listed as `[[trial]]`

use std::path::Path;

use clap::ValueEnum;
use toml::{Table, Value};

use super::axis::Axis;
use super::axis_name::named;
use super::combinations::TRIALS_MAX;
use super::draft::Draft;
use super::plan::Values;
use super::plan_lines::{Section, head, line_in};
use super::sample::Sampling;
use crate::config::{Kind, Settings, line_of, read, text as text_of, toml_problem};
use crate::error::{Error, Result, separated};
use crate::report::sampled::SAMPLED;

/// Number of characters of a wrong value in a message
const SHOWN: usize = 80;

impl Draft {
    /// Reads a plan file
    ///
    /// # Errors
    /// If it can't be read, is not TOML, or has a key or value that a plan can't have.
    pub fn from_toml(path: &Path) -> Result<Self> {
        let text = read(path)?;
        let draft = parse(&text).map_err(|problem| Error::Settings { path: path.to_owned(), problem })?;
        let base = draft.base.placed(path, &text);
        Ok(Self { base, file: Some(path.to_owned()), file_text: text, ..draft })
    }
}

fn parse(text: &str) -> std::result::Result<Draft, String> {
    let table: Table = toml::from_str(text).map_err(|e| toml_problem(&e))?;
    let mut draft = Draft::default();
    let mut base = Table::new();
    for (key, value) in table {
        match (key.as_str(), value) {
            ("grid", Value::Table(grid)) => {
                for (name, values) in &grid {
                    let place = place(text, Section::Grid, name);
                    let setting = named(name).map_err(|e| format!("{place}[grid]: {e}"))?;
                    let axis = Axis::from_toml(setting, values).map_err(|e| format!("{place}[grid] {e}"))?;
                    draft.grid.push(axis);
                }
            }
            ("seeds", value) => {
                let place = line_of(text, "seeds").map_or(String::new(), |line| format!("line {line}: "));
                let count = value.as_integer().and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
                let problem = || {
                    let found: String = value.to_string().chars().take(SHOWN).collect();
                    format!(
                        "{place}seeds is {found}, expected a whole number, 1 or more; to name the seeds, write them below [grid] as seed = [1, 2, 3]"
                    )
                };
                draft.seeds = Some(count.ok_or_else(problem)?);
            }
            ("sample" | "halving", value) => {
                let least = if key == "halving" { 2 } else { 1 };
                let place = line_of(text, &key).map_or(String::new(), |line| format!("line {line}: "));
                let number = value.as_integer().and_then(|n| u32::try_from(n).ok()).filter(|&n| n >= least);
                let problem = || {
                    let found: String = value.to_string().chars().take(SHOWN).collect();
                    format!("{place}{key} is {found}, expected a whole number, {least} or more")
                };
                let number = Some(number.ok_or_else(problem)?);
                if key == "halving" { draft.halving = number } else { draft.sample = number }
            }
            (SAMPLED, value) => {
                let place = line_of(text, SAMPLED).map_or(String::new(), |line| format!("line {line}: "));
                let problem = || format!("{place}{SAMPLED} is {value}, expected true or false");
                draft.is_sampled = value.as_bool().ok_or_else(problem)?;
            }
            ("sampling", value) => {
                let place = line_of(text, "sampling").map_or(String::new(), |line| format!("line {line}: "));
                let found: String = text_of(&value).chars().take(SHOWN).collect();
                let sampling = Sampling::from_str(&found, true);
                let problem = |_| format!("{place}sampling is `{found}`, expected random or quasi");
                draft.sampling = Some(sampling.map_err(problem)?);
            }
            ("trial", Value::Array(trials)) => {
                if trials.len() > TRIALS_MAX {
                    let [found, most] = [trials.len(), TRIALS_MAX].map(separated);
                    return Err(format!("{found} tables [[trial]], expected {most} at most"));
                }
                let trials = (1..).zip(&trials).map(|(number, trial)| listed(number, trial, text));
                draft.listed = trials.collect::<std::result::Result<_, _>>()?;
            }
            ("grid", _) => {
                let place = line_of(text, "grid").map_or(String::new(), |line| format!("line {line}: "));
                return Err(place + "`grid` is not a table, expected [grid] with one line for each axis");
            }
            ("trial", _) => return Err("`trial` is not a list of tables, expected [[trial]]".to_owned()),
            (name, Value::Array(values)) if is_axis(name) => {
                let place = line_of(text, name).map_or(String::new(), |line| format!("line {line}: "));
                return Err(format!(
                    "{place}{name} is a list of {} values; to vary it, move the line below a line [grid]",
                    separated(values.len())
                ));
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    draft.base = Settings::from_table(base, text)?;
    // Listed trials, unlike those of a grid, use the value of the whole plan.
    let has_both = |axis: &&Axis| draft.listed.is_empty() && draft.base.get(axis.decides()).is_some();
    match draft.grid.iter().find(has_both) {
        None => Ok(draft),
        Some(axis) => Err(format!(
            "{}{} is an axis, and {} also has one value for the whole plan; keep one",
            place(text, Section::Grid, axis.setting.name),
            axis.setting.name,
            axis.decides()
        )),
    }
}

/// Whether a list for this setting can only be an axis, not one value
fn is_axis(name: &str) -> bool {
    named(name).is_ok_and(|setting| !matches!(setting.kind, Kind::Dims | Kind::Names))
}

/// The line of a key, as the start of a message; empty if it is not known
fn place(text: &str, section: Section, key: &str) -> String {
    let line = line_in(text, section, key).or_else(|| head(text, section));
    line.map_or(String::new(), |line| format!("line {line}: "))
}

/// Reads the listed trial `number`, counted from 1
fn listed(number: usize, trial: &Value, text: &str) -> std::result::Result<Values, String> {
    let at = |key: &str, e: String| {
        format!("{}[[trial]] {number}: {e}", place(text, Section::Trial(number - 1), key))
    };
    let table = trial.as_table().ok_or_else(|| at("", "expected a table".to_owned()))?;
    let mut own = Values::new();
    for (name, value) in table {
        let setting = named(name).map_err(|e| at(name, e))?;
        if own.iter().any(|(other, _)| *other == setting) {
            return Err(at(name, format!("{} is set twice; keep one", setting.name)));
        }
        own.push((setting, setting.value_from_toml(value).map_err(|e| at(name, e))?));
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "data = \"synthetic\"\nbatch-size = 32\nseeds = 2\n\
        [grid]\nweight_decay = [0, 1e-5]\nlearning-rate = \"log:1e-3..1e-1:3\"\nhidden_dims = [[8, 4], \"none\"]\n\
        [[trial]]\nnum_layers = 3\nlearning_rate = 1\n[[trial]]\nseed = 7\n";

    #[test]
    fn a_plan_reads_back_to_the_same_from_what_is_written() {
        let plan = parse(PLAN).unwrap().resolve().unwrap();
        assert_eq!(plan.trials.len(), 2 * 3 * 2 * 2 + 2 + 1);
        let again = parse(&plan.file(Path::new("p\nq/plan.toml"))).unwrap().resolve().unwrap();
        assert_eq!((&again.text, &again.hash), (&plan.text, &plan.hash));
        let labels = |plan: &super::super::Plan| plan.trials.iter().map(|t| t.label()).collect::<Vec<_>>();
        assert_eq!(labels(&again), labels(&plan));
    }

    #[test]
    fn axes_keep_the_order_of_the_file() {
        let plan = parse(PLAN).unwrap().resolve().unwrap();
        assert_eq!(plan.trials[0].label(), "weight_decay=0 learning_rate=0.001 hidden_dims=8x4 seed=42");
        assert_eq!(plan.trials[2].label(), "weight_decay=0 learning_rate=0.001 hidden_dims=none seed=42");
        assert_eq!(plan.trials[0].config.batch_size, 32);
    }

    #[test]
    fn an_error_names_the_key_or_value_that_a_plan_cannot_have() {
        for (text, message) in [
            ("learnign_rate = 1", "learnign_rate"),
            ("grid = 3", "expected [grid]"),
            ("seeds = 0", "seeds is 0"),
            ("\nsampled = 9", "line 2: sampled is 9, expected true or false"),
            ("seeds = \"a\"", "whole number"),
            ("[grid]\nout = [\"a\"]", "[grid]: `out`"),
            ("[grid]\nepochs = [\"a\"]", "[grid] epochs: `a`"),
            ("[[trial]]\nepochs = 1\n[[trial]]\nepochs = 1.5", "[[trial]] 2: epochs: `1.5`"),
            ("[trial]\nepochs = 1", "expected [[trial]]"),
            ("[[trial]]\nbatch_size = 1\nbatch-size = 1", "twice"),
            ("a = [", "a = ["),
            (
                "\nbatch_size = [1, 2]",
                "line 2: batch_size is a list of 2 values; to vary it, move the line below",
            ),
            ("[grid]\n\nepochs = [-1]", "line 3: [grid] epochs: `-1`"),
            ("[grid]\nlr = [1]", "line 2: [grid]: `lr` can't be varied; did you mean learning_rate"),
            ("[[trial]]\n[[trial]]\nepochs = 1.5", "line 3: [[trial]] 2: epochs: `1.5`"),
            ("\nseeds = [1, 2]", "line 2: seeds is [1, 2]"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
