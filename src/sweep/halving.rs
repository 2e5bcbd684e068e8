//! Successive halving: after each rung, only the best part of the trials goes on, from their checkpoints
//!
//! With `η` = 3, 81 combinations and 81 epochs, the rungs end after 1, 3, 9, 27 and 81 epochs and have 81, 27, 9, 3 and 1
//! combinations: a combination that goes on trains three times as long. The last rung ends with the last epoch, and each
//! rung before it after `1/η` of the epochs, as long as that is an epoch or more.
//!
//! Source: Jamieson and Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization* (2016).

use std::collections::HashMap;

use crate::config::TrainConfig;
use crate::error::{Error, Result, separated};
use crate::report::rung_ends::rung_ends;

/// The column of the rung, counted from 1, that a trial of a halving has ended, or in which it was stopped
pub const RUNG: &str = "rung";

/// A rung of a halving
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The epoch after which it ends
    pub epochs: u32,
    /// Number of combinations that train in it
    pub combinations: usize,
}

/// The rungs of a sweep
#[derive(Clone, Debug)]
pub struct Halving {
    /// The rungs, two or more, in order; the last ends with the last epoch
    pub rungs: Vec<Rung>,
    /// For each combination, the numbers of its trials, which differ in their seeds alone
    pub(super) combinations: Vec<Vec<usize>>,
}

impl Halving {
    /// The rungs of trials with these settings, in their order, of which one in `eta` goes on after each
    ///
    /// # Errors
    /// If the trials can't be compared after the same number of epochs on validation data, or are too few for two rungs.
    pub(super) fn new<'a>(eta: u32, trials: impl Iterator<Item = &'a TrainConfig>) -> Result<Self> {
        let trials: Vec<&TrainConfig> = trials.collect();
        check(eta, &trials)?;
        let mut combinations: Vec<Vec<usize>> = vec![];
        let mut known = HashMap::new();
        for (number, config) in trials.iter().enumerate() {
            let key = TrainConfig { seed: 0, ..(*config).clone() }.to_toml()?;
            let place = *known.entry(key).or_insert(combinations.len());
            if place == combinations.len() {
                combinations.push(vec![]);
            }
            combinations[place].push(number);
        }
        let (count, epochs) = (combinations.len(), trials.first().map_or(0, |config| config.epochs));
        let rungs = rungs(eta, count, epochs);
        if rungs.len() < 2 {
            let [count, epochs] = [count as u64, epochs.into()].map(separated);
            return Err(Error::Usage(format!(
                "--halving {eta} needs {eta} or more combinations and {eta} or more epochs, found {count} and {epochs}; leave out \
                 --halving to train all of them to the end"
            )));
        }
        Ok(Self { rungs, combinations })
    }

    /// The share of the epochs of all trials that are trained
    pub fn share(&self) -> f64 {
        let last = self.rungs.last().map_or(1, |rung| rung.epochs.max(1));
        let (mut trained, mut before) = (0.0, 0);
        for rung in &self.rungs {
            trained += rung.combinations as f64 * f64::from(rung.epochs - before);
            before = rung.epochs;
        }
        trained / (self.combinations.len() as f64 * f64::from(last))
    }
}

/// The rungs of `count` combinations and `epochs` epochs, from the first to the last
fn rungs(eta: u32, count: usize, epochs: u32) -> Vec<Rung> {
    let rung = |(epochs, part)| Rung { epochs, combinations: count / part };
    let parts = (0..).map(|rung| (eta as usize).pow(rung));
    rung_ends(eta, count, epochs).into_iter().zip(parts).map(rung).collect()
}

/// Checks that the trials of a halving can be compared
fn check(eta: u32, trials: &[&TrainConfig]) -> Result<()> {
    let usage = |problem: String| Err(Error::Usage(problem));
    if let Some(trial) = trials.iter().position(|config| config.val_split == 0.0) {
        return usage(format!(
            "--halving {eta} compares trials on validation data, and t{trial:04} has none: --val-split 0.1 holds out training \
             samples for it, so that the test data choose nothing"
        ));
    }
    let Some(first) = trials.first() else { return Ok(()) };
    let differs = |of: fn(&TrainConfig) -> String| trials.iter().any(|config| of(config) != of(first));
    if differs(|config| config.epochs.to_string()) {
        return usage(format!(
            "--halving {eta} says how many epochs each trial trains, so epochs can't be varied; give one value, as --epochs 30"
        ));
    }
    if differs(|config| config.target.clone().unwrap_or_default()) {
        return usage(format!(
            "--halving {eta} compares trials, and those of different targets can't be compared; give one value of --target"
        ));
    }
    if trials.iter().any(|config| config.patience > 0) {
        return usage(format!("--halving {eta} and --patience both end trials early: keep one, not both"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::sweep::{Axis, Draft};

    fn of(eta: u32, count: usize, epochs: u32) -> Vec<(u32, usize)> {
        rungs(eta, count, epochs).iter().map(|rung| (rung.epochs, rung.combinations)).collect()
    }

    #[test]
    fn rungs_follow_from_the_number_of_combinations_and_of_epochs() {
        assert_eq!(of(3, 81, 81), [(1, 81), (3, 27), (9, 9), (27, 3), (81, 1)]);
        assert_eq!(of(3, 81, 30), [(1, 81), (3, 27), (10, 9), (30, 3)], "fewer epochs than combinations");
        assert_eq!(of(2, 5, 100), [(25, 5), (50, 2), (100, 1)], "fewer combinations than epochs");
        assert_eq!(of(4, 3, 9), [(9, 3)]);
        assert_eq!(of(2, 9, 1), [(1, 9)]);
        assert_eq!(of(u32::MAX, usize::MAX, u32::MAX).len(), 2, "no product overflows");
    }

    fn plan(axes: &[&str], settings: Settings, eta: u32) -> Result<Halving> {
        let grid = axes.iter().map(|axis| Axis::parse(axis).unwrap()).collect();
        let base = settings.or(Settings::default().with("data", "synthetic").with("val_split", 0.1));
        let draft = Draft { base, grid, halving: Some(eta), ..Draft::default() };
        Ok(draft.resolve()?.halving.unwrap())
    }

    #[test]
    fn seeds_belong_to_one_combination() {
        let found = plan(&["seed=1,2", "momentum=0,0.1,0.2,0.3"], Settings::default(), 2).unwrap();
        assert_eq!(found.combinations, [[0, 4], [1, 5], [2, 6], [3, 7]]);
        assert_eq!(found.rungs.iter().map(|rung| rung.combinations).collect::<Vec<_>>(), [4, 2, 1]);
        // 30 epochs: rungs end after 7, 15 and 30.
        assert_eq!(found.share(), (4.0 * 7.0 + 2.0 * 8.0 + 15.0) / 120.0);
    }

    #[test]
    fn trials_that_can_t_be_compared_are_refused_with_what_to_type() {
        let axis = &["momentum=0,0.1,0.2,0.3"][..];
        for (axes, settings, eta, message) in [
            (axis, Settings::default().with("val_split", 0.0), 2, "--val-split 0.1"),
            (axis, Settings::default().with("patience", 3), 2, "keep one, not both"),
            (
                axis,
                Settings::default(),
                5,
                "--halving 5 needs 5 or more combinations and 5 or more epochs, found 4 and 30",
            ),
            (axis, Settings::default().with("epochs", 1), 2, "found 4 and 1"),
            (&["epochs=1..4"], Settings::default(), 2, "--epochs 30"),
            (&["target=a,b,c"], Settings::default(), 2, "--target"),
            (&["val_split=0,0.1"], Settings::default(), 2, "t0000 has none"),
        ] {
            let error = plan(axes, settings, eta).unwrap_err();
            assert!(matches!(error, Error::Usage(_)) && error.to_string().contains(message), "{error}");
        }
    }
}
