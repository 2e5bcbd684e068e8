//! A sweep with all its trials, and the text by which it is recognised

use std::path::Path;

use toml::Value;

use super::halving::Halving;
use super::shard::Shard;
use crate::config::{Setting, TrainConfig, text};
use crate::error::shell_quoted;
use crate::report::analysis::short_number;
use crate::report::sampled::SAMPLED;

/// The settings that a trial has of its own, with their values
pub type Values = Vec<(&'static Setting, Value)>;

/// A value as the terminal shows it: a number in its shortest form, as in `report.md`
pub fn short_text(value: &Value) -> String {
    match value {
        Value::Float(x) => short_number(*x),
        value => text(value),
    }
}

/// A run that belongs to a sweep
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its number, counted from 0
    pub number: usize,
    /// Its `run_id` and the name of its folder: `t0000` and so on
    pub id: String,
    /// Its own settings
    pub values: Values,
    /// All settings
    pub config: TrainConfig,
}

impl Trial {
    /// Its own settings, as `epochs=3 seed=42`
    pub fn label(&self) -> String {
        let own =
            self.values.iter().map(|(setting, value)| format!("{}={}", setting.name, short_text(value)));
        own.collect::<Vec<_>>().join(" ")
    }

    /// Its own value of a setting; `None` if it has none
    pub fn value(&self, setting: &Setting) -> Option<&Value> {
        self.values.iter().find(|(other, _)| *other == setting).map(|(_, value)| value)
    }
}

/// A sweep with all trials resolved
#[derive(Clone, Debug)]
pub struct Plan {
    /// All trials, in order
    pub trials: Vec<Trial>,
    /// Settings in which trials may differ: those of axes, then of listed trials, then the seed
    pub varied: Vec<&'static Setting>,
    /// The rungs of a halving; `None`: each trial trains all its epochs
    pub halving: Option<Halving>,
    /// Whether trials were drawn in place of all combinations
    pub is_sampled: bool,
    /// The plan as TOML that reads back to the same, but for [`Self::is_sampled`]
    pub text: String,
    /// The hash of `text`, 16 hexadecimal digits
    pub hash: String,
}

impl Plan {
    /// The default name, which depends on the plan alone: `sweep-learning_rate-1a2b3c4d`
    pub fn default_id(&self) -> String {
        let axes = self.varied.iter().map(|setting| setting.name).collect::<Vec<_>>();
        let axes = if axes.is_empty() { "one".to_owned() } else { axes.join("-") };
        format!("sweep-{axes}-{}", &self.hash[..8])
    }

    /// The epochs after which the rungs of a halving end; empty without a halving
    pub(super) fn rung_ends(&self) -> Vec<u32> {
        let rungs = self.halving.iter().flat_map(|halving| &halving.rungs);
        rungs.map(|rung| rung.epochs).collect()
    }

    /// The trials of a shard, in order; `None`: all trials
    pub fn trials_of(&self, shard: Option<Shard>) -> Vec<&Trial> {
        self.trials.iter().filter(|trial| shard.is_none_or(|shard| shard.holds(trial.number))).collect()
    }

    /// The text of a plan file; its first line shows how to run it, and the next says whether the trials were drawn, which
    /// is no part of the hash
    pub fn file(&self, path: &Path) -> String {
        let (version, Self { hash, text, .. }) = (env!("CARGO_PKG_VERSION"), self);
        let path = shell_quoted(path);
        let sampled = if self.is_sampled { format!("{SAMPLED} = true\n") } else { String::new() };
        format!(
            "# chainrule {version}, plan {hash}; run with: chainrule sweep --plan {path}\n{sampled}{text}"
        )
    }
}
