//! The text of a plan, and its hash, by which a sweep is recognised

use toml::Value;

use super::axis::Axis;
use super::draft::Draft;
use super::plan::Values;
use crate::config::{SETTINGS, Setting, TrainConfig};
use crate::error::{Error, Result};

impl Draft {
    /// The plan in one canonical form: every setting that affects results, every value of a range
    pub(super) fn to_toml(&self, base: &TrainConfig) -> Result<String> {
        let mut table = base.to_values()?;
        // A sweep may be resumed in another folder and with another number of threads.
        for setting in SETTINGS.iter().filter(|setting| !setting.affects_results) {
            table.remove(setting.name);
        }
        for setting in SETTINGS.iter().filter(|setting| setting.added) {
            if table.get(setting.name) == setting.default_value().as_ref() {
                table.remove(setting.name);
            }
        }
        if self.listed.is_empty() {
            for axis in &self.grid {
                table.remove(axis.decides());
            }
        }
        // The widths of such trials are those of their models, not the default ones.
        let starts_from_models =
            base.init.is_some() || self.varied()?.iter().any(|setting| setting.name == "init");
        for name in ["hidden_dims", "activation"] {
            if starts_from_models && self.base.get(name).is_none() {
                table.remove(name);
            }
        }
        table.insert("seeds".to_owned(), Value::Integer(self.seeds().into()));
        if let Some(eta) = self.halving {
            table.insert("halving".to_owned(), Value::Integer(eta.into()));
        }
        let axis = |axis: &Axis| (axis.setting.name.to_owned(), Value::Array(axis.values.clone()));
        if !self.grid.is_empty() {
            table.insert("grid".to_owned(), Value::Table(self.grid.iter().map(axis).collect()));
        }
        if !self.listed.is_empty() {
            let own = |(setting, value): &(&Setting, Value)| (setting.name.to_owned(), value.clone());
            let trial = |values: &Values| Value::Table(values.iter().map(own).collect());
            table.insert("trial".to_owned(), Value::Array(self.listed.iter().map(trial).collect()));
        }
        toml::to_string(&table).map_err(|e| Error::content("plan.toml".as_ref(), e.to_string()))
    }
}

/// Fowler, Noll and Vo's 64-bit hash (FNV-1a), which distinguishes plans but does not protect them
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn draft(axes: &[&str]) -> Draft {
        let grid = axes.iter().map(|spec| Axis::parse(spec).unwrap()).collect();
        Draft { base: Settings::default().with("data", "synthetic"), grid, ..Draft::default() }
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
