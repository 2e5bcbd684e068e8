//! The draft of a sweep: settings that all trials share, axes whose cross product is run, and seeds

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use toml::Value;

use super::axis::Axis;
use super::combinations::{TRIALS_MAX, apply, combinations, seed_setting};
use super::conflicts::{all_differ, both_forms, given_twice};
use super::halving::Halving;
use super::plan::{Plan, Trial, Values};
use super::plan_lines::{Section, line_in};
use super::plan_text::{PlanText, fnv1a};
use super::sample::{Sampling, sample};
use super::unused;
use crate::config::{Setting, Settings, TrainConfig, text};
use crate::data::Dataset;
use crate::data::init_model::InitNets;
use crate::error::{Error, Result, separated, shown};

/// A sweep as the command line and a plan file describe it
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Settings that all trials share
    pub base: Settings,
    /// Axes of the grid; the first varies slowest
    pub grid: Vec<Axis>,
    /// Number of seeds for each trial, counted up from the base's seed
    pub seeds: Option<u32>,
    /// Number of trials that are drawn from the grid; `None`: all its combinations are run
    pub sample: Option<u32>,
    /// How they are drawn; `None`: as is usual
    pub sampling: Option<Sampling>,
    /// Whether the listed trials were drawn; [`Self::sample`] draws more
    pub is_sampled: bool,
    /// The share of trials that go on after a rung of a halving is one of this number; `None`: all trials train all epochs
    pub halving: Option<u32>,
    /// Trials listed one by one, which follow those of the grid
    pub listed: Vec<Values>,
    /// The file that describes the sweep, for messages
    pub file: Option<PathBuf>,
    /// The text of that file
    pub file_text: String,
}

impl Draft {
    /// Resolves all trials
    ///
    /// # Errors
    /// If a value is outside its range, a setting is varied twice, two trials are equal, there are too many trials, or
    /// no data set is named and the default folders hold none.
    pub fn resolve(self) -> Result<Plan> {
        let varied = self.varied()?;
        unused::check(&self.grid, self.sample.is_some())?;
        if self.sample.is_some() {
            return self.sampled()?.resolve();
        }
        if let Some(sampling) = self.sampling {
            return Err(Error::Usage(format!(
                "--sampling {} says how --sample draws trials; add --sample 30, or leave it out",
                sampling.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
            )));
        }
        if let Some((axis, range)) = self.grid.iter().find_map(|axis| Some((axis, axis.range?))) {
            let counted =
                if range.is_log { format!("{range}:5") } else { format!("{},{}", range.from, range.to) };
            return Err(Error::Usage(format!(
                "{name}={range} is a range, from which --sample 30 draws; to give its values, type --grid {name}={counted}",
                name = axis.setting.name
            )));
        }
        let mut base = self.base.clone().resolve_each()?;
        let mut nets = InitNets::default();
        let trial = |(number, values): (usize, Values)| {
            let config = apply(&values, &self.base, &mut nets).map_err(|error| self.placed(error))?;
            Ok(Trial { number, id: format!("t{number:04}"), values, config })
        };
        let seeds = (base.seed, self.seeds());
        let combinations = combinations(&self.grid, &self.listed, seeds, self.file.as_deref())?;
        let mut trials = combinations.into_iter().enumerate().map(trial).collect::<Result<Vec<_>>>()?;
        // Look for data only after checking the values, so that a wrong value is reported first.
        let data_is_varied =
            self.listed.is_empty() && self.grid.iter().any(|axis| axis.setting.name == "data");
        if base.data.is_none() && !data_is_varied {
            let all_have_data = trials.iter().all(|trial| trial.config.data.is_some());
            match Dataset::find() {
                Ok(found) => {
                    for trial in &mut trials {
                        trial.config.data.get_or_insert_with(|| found.clone());
                    }
                    base.data = Some(found);
                }
                Err(Error::NoData { .. }) if all_have_data => {}
                Err(error) => return Err(error),
            }
        }
        all_differ(&trials, self.file.as_deref())?;
        let halving = self.halving.map(|eta| Halving::new(eta, trials.iter().map(|trial| &trial.config)));
        let halving = halving.transpose()?;
        let (text, is_sampled) = (self.plan_text(&base)?, self.is_sampled);
        let hash = format!("{:016x}", fnv1a(text.as_bytes()));
        Ok(Plan { trials, varied, halving, is_sampled, text, hash })
    }

    /// The same sweep with the trials of its sample listed one by one, before those that are listed already
    ///
    /// The run's seed decides which trials are drawn.
    ///
    /// # Errors
    /// If there is no axis, a range leaves that of its setting, or there are too many trials.
    fn sampled(self) -> Result<Self> {
        let count = self.sample.unwrap_or_default() as usize;
        if self.grid.is_empty() {
            return Err(Error::Usage(
                "--sample draws trials from axes; add one, as --grid learning_rate=log:1e-4..1e-1".to_owned(),
            ));
        }
        if count > TRIALS_MAX {
            let [found, most] = [count, TRIALS_MAX].map(separated);
            return Err(Error::Usage(format!("--sample {found} is too large; {most} at most")));
        }
        for axis in &self.grid {
            let checked = axis.range.map_or(Ok(()), |range| range.check(axis.setting));
            checked.map_err(|error| self.placed(error))?;
        }
        let mut base = self.base.clone();
        if self.listed.is_empty() {
            base = self.grid.iter().fold(base, |base, axis| base.without(axis.decides()));
        }
        let seed = base.clone().resolve_each()?.seed;
        let mut nets = InitNets::default();
        let key =
            |values: &Values| apply(values, &base, &mut nets).map_err(|error| self.placed(error))?.to_toml();
        let drawn = sample(&self.grid, (count, self.sampling.unwrap_or_default(), seed), key)?;
        let listed = drawn.into_iter().chain(self.listed.iter().cloned()).collect();
        Ok(Self { base, grid: vec![], listed, sample: None, sampling: None, is_sampled: true, ..self })
    }

    /// The setting that names the file at `path`, with the file and line that its value comes from, as [`Settings::origin`]
    /// returns it; the values of an axis or a listed trial come from the plan
    pub fn origin(&self, path: &Path) -> Option<String> {
        let is_named = |setting: &Setting, value: &Value| {
            Settings::default().with(setting.name, value.clone()).names(path).is_some()
        };
        let of_axis =
            self.grid.iter().find(|axis| axis.values.iter().any(|value| is_named(axis.setting, value)));
        let of_trial = |(trial, values): (usize, &Values)| {
            let (setting, _) = values.iter().find(|(setting, value)| is_named(setting, value))?;
            Some((Section::Trial(trial), setting.name))
        };
        let axis = of_axis.map(|axis| (Section::Grid, axis.setting.name));
        let Some((section, name)) = axis.or_else(|| self.listed.iter().enumerate().find_map(of_trial)) else {
            return self.base.origin(path);
        };
        // An axis of the command line is in no file.
        let line = line_in(&self.file_text, section, name)?;
        Some(format!("{name} in {}, line {line}", shown(self.file.as_ref()?)))
    }

    fn seeds(&self) -> u32 {
        self.seeds.unwrap_or(1).max(1)
    }

    fn varied(&self) -> Result<Vec<&'static Setting>> {
        let mut varied: Vec<&'static Setting> = self.grid.iter().map(|axis| axis.setting).collect();
        let twice = varied.iter().enumerate().find(|(i, setting)| varied[..*i].contains(setting));
        if let Some((_, setting)) = twice {
            return Err(given_twice(setting, &self.grid, self.file.as_deref(), &self.file_text));
        }
        both_forms(&varied)?;
        let seed = (self.seeds() > 1).then(seed_setting);
        if seed.is_some_and(|seed| varied.contains(&seed)) {
            let n = self.seeds();
            return Err(Error::Usage(format!(
                "seed is an axis and --seeds is {n}: keep one, not both; --seeds {n} repeats every trial with {n} seeds"
            )));
        }
        for values in &self.listed {
            let own: Vec<_> = values.iter().map(|(setting, _)| *setting).collect();
            both_forms(&own)?;
            varied.extend(own);
        }
        varied.extend(seed);
        let mut known = HashSet::new();
        varied.retain(|setting| known.insert(setting.name));
        Ok(varied)
    }

    /// An error about a value, with the line of the plan file that holds the value
    fn placed(&self, error: Error) -> Error {
        let Error::Setting { name, expected, mut found } = error else { return error };
        let listed =
            |values: &Values| values.iter().any(|(own, value)| own.name == name && text(value) == found);
        let section = match self.listed.iter().position(listed) {
            _ if self.grid.iter().any(|axis| axis.setting.name == name) => Some(Section::Grid),
            Some(at) => Some(Section::Trial(at)),
            None => None,
        };
        if let (Some(path), Some(section)) = (&self.file, section)
            && let Some(line) = line_in(&self.file_text, section, name)
        {
            found += &format!(" in {}, line {line}", shown(path));
        }
        Error::Setting { name, expected, found }
    }

    fn plan_text(&self, base: &TrainConfig) -> Result<String> {
        // The widths of trials that start from models are those of their models, not the default ones.
        let starts_from_models =
            base.init.is_some() || self.varied()?.iter().any(|setting| setting.name == "init");
        let is_of_trials = |name: &&str| starts_from_models && self.base.get(name).is_none();
        let of_trials: Vec<&str> = ["hidden_dims", "activation"].into_iter().filter(is_of_trials).collect();
        let (grid, listed) = (&self.grid[..], &self.listed[..]);
        PlanText { base, grid, listed, of_trials: &of_trials, seeds: self.seeds(), halving: self.halving }
            .to_toml()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(axes: &[&str]) -> Draft {
        Draft {
            base: Settings::default().with("data", "synthetic"),
            grid: axes.iter().map(|spec| Axis::parse(spec).unwrap()).collect(),
            ..Draft::default()
        }
    }

    fn named(name: &str) -> &'static Setting {
        super::super::axis_name::named(name).unwrap()
    }

    fn labels(draft: Draft) -> Vec<String> {
        draft
            .resolve()
            .unwrap()
            .trials
            .iter()
            .map(|trial| format!("{} {}", trial.id, trial.label()))
            .collect()
    }

    #[test]
    fn the_first_axis_varies_slowest_and_seeds_fastest() {
        let draft = Draft { seeds: Some(2), ..draft(&["learning_rate=0.1,0.2", "epochs=3,4"]) };
        assert_eq!(
            labels(draft)[1..5],
            [
                "t0001 learning_rate=0.1 epochs=3 seed=43",
                "t0002 learning_rate=0.1 epochs=4 seed=42",
                "t0003 learning_rate=0.1 epochs=4 seed=43",
                "t0004 learning_rate=0.2 epochs=3 seed=42",
            ]
        );
    }

    #[test]
    fn listed_trials_follow_the_grid_and_keep_a_seed_of_their_own() {
        let mut draft = draft(&["epochs=3"]);
        draft.seeds = Some(2);
        draft.listed =
            vec![vec![(named("num_layers"), Value::Integer(2))], vec![(seed_setting(), Value::Integer(7))]];
        let plan = draft.clone().resolve().unwrap();
        assert_eq!(plan.varied, ["epochs", "num_layers", "seed"].map(named));
        assert_eq!(
            labels(draft),
            [
                "t0000 epochs=3 seed=42",
                "t0001 epochs=3 seed=43",
                "t0002 num_layers=2 seed=42",
                "t0003 num_layers=2 seed=43",
                "t0004 seed=7"
            ]
        );
        assert_eq!(plan.trials[2].config.hidden_dims.to_string(), "128x128");
    }

    #[test]
    fn plans_with_conflicting_axes_or_too_many_trials_are_refused() {
        for axes in [
            &["epochs=1", "epochs=2"][..],
            &["hidden_dims=3", "hidden_dim=3"],
            &["learning_rate=-1"],
            &["seed=1..100000", "epochs=1..3"],
            &["hidden_dim=0"],
            &["num_layers=2000"],
        ] {
            let error = draft(axes).resolve().unwrap_err();
            assert!(matches!(error, Error::Setting { .. } | Error::Usage(_)), "{axes:?}: {error}");
        }
        let error = draft(&["data=a b", "data=c"]).resolve().unwrap_err().to_string();
        assert!(error.ends_with("as --grid 'data=a b,c'"), "{error}");
        assert!(Draft { seeds: Some(3), ..draft(&["seed=1,2"]) }.resolve().is_err());
    }

    #[test]
    fn two_equal_trials_are_refused_by_their_places_however_they_are_written() {
        let mut draft = draft(&[]);
        draft.seeds = Some(2);
        let text = |text: &str| Value::String(text.to_owned());
        draft.listed = vec![
            vec![(named("num_layers"), Value::Integer(1))],
            vec![(named("hidden_dims"), text("128"))],
            vec![(named("hidden_dims"), text("3"))],
        ];
        let error = draft.clone().resolve().unwrap_err().to_string();
        for place in ["t0000 (num_layers=1 seed=42)", "t0002 (hidden_dims=128 seed=42)"] {
            assert!(error.contains(place), "{error}");
        }
        draft.file = Some("p/plan.toml".into());
        let error = draft.clone().resolve().unwrap_err().to_string();
        assert!(
            error.starts_with("p/plan.toml: trials t0000 (num_layers=1 seed=42) and t0002 (h"),
            "{error}"
        );
        draft.listed.remove(1);
        assert_eq!(draft.resolve().unwrap().trials.len(), 4);
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_place_in_the_plan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        for (text, message) in [
            ("batch-size = 0\n[grid]\nepochs = [1]", "batch-size is 0 in {}, line 1, expected 1 or more"),
            ("\n[grid]\nmomentum = [0.5, 2]", "momentum is 2 in {}, line 3, expected"),
            ("[grid]\nhidden-dim = [0]", "hidden-dim is 0 in {}, line 2, expected 1 to 10,000,000"),
            ("[[trial]]\nseed = 1\n[[trial]]\nval_split = 1", "val-split is 1 in {}, line 4, expected"),
        ] {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            let mut draft = Draft::from_toml(&path).unwrap();
            draft.base = draft.base.with("data", "synthetic");
            let error = draft.resolve().unwrap_err().to_string();
            assert!(error.contains(&message.replace("{}", path.to_str().unwrap())), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_is_named_with_its_place_in_the_plan() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        for (text, line) in [
            ("data = \"d\"\n[grid]\nepochs = [1]", Some("data in {}, line 1")),
            ("[grid]\nepochs = [1]\ndata = [\"d\", \"e\"]", Some("data in {}, line 3")),
            (
                "data = \"e\"\n[[trial]]\nseed = 1\n[[trial]]\ntest_data = \"d\"",
                Some("test_data in {}, line 5"),
            ),
            ("data = \"e\"\n[grid]\nepochs = [1]", None),
        ] {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            let origin = Draft::from_toml(&path).unwrap().origin(Path::new("d/x"));
            assert_eq!(origin, line.map(|line| line.replace("{}", path.to_str().unwrap())), "{text}");
        }
        let axis = draft(&["data=d,e"]);
        assert_eq!(axis.origin(Path::new("d")), None, "from the command line");
    }

    #[test]
    fn the_hash_depends_on_what_is_computed_and_not_on_where() {
        let hash = |axes: &[&str]| draft(axes).resolve().unwrap().hash;
        let reference = hash(&["learning_rate=0.01,0.1"]);
        assert_eq!(reference, hash(&["learning-rate=1e-2,1e-1"]));
        assert_ne!(reference, hash(&["learning_rate=0.1,0.01"]));
        let mut elsewhere = draft(&["learning_rate=0.01,0.1"]);
        elsewhere.base = elsewhere
            .base
            .with("out", "there")
            .with("threads", 3)
            .with("epochs", 30)
            .with("learning_rate", 7.0);
        assert_eq!(reference, elsewhere.clone().resolve().unwrap().hash);
        elsewhere.base = elsewhere.base.with("epochs", 31);
        assert_ne!(reference, elsewhere.resolve().unwrap().hash);
    }
}
