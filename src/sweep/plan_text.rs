//! The text of a plan, and its hash, by which a sweep is recognised

use toml::Value;

use super::axis::Axis;
use super::plan::Values;
use crate::config::{SETTINGS, Setting, TrainConfig};
use crate::error::{Error, Result};

/// What a plan says
pub struct PlanText<'a> {
    /// The settings of all trials, with their defaults
    pub base: &'a TrainConfig,
    /// The axes, unless trials are listed one by one
    pub grid: &'a [Axis],
    /// The trials that are listed one by one
    pub listed: &'a [Values],
    /// Settings that `base` has by default, and each trial in its own way
    pub of_trials: &'a [&'static str],
    /// Number of seeds of each trial
    pub seeds: u32,
    /// The share of trials that go on after a rung is one of this number
    pub halving: Option<u32>,
}

impl PlanText<'_> {
    /// The plan in one canonical form: every setting that affects results, every value of a range
    ///
    /// # Errors
    /// If a setting can't be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        let mut table = self.base.to_values()?;
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
            for axis in self.grid {
                table.remove(axis.decides());
            }
        }
        for &name in self.of_trials {
            table.remove(name);
        }
        table.insert("seeds".to_owned(), Value::Integer(self.seeds.into()));
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
