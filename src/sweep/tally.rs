//! How the trials of a sweep ended, and which settings did best

use super::axis::text;
use super::plan::Trial;
use super::trial_rows::Rows;

/// Counts by status, and the best of those that are `ok`
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// `ok`
    pub ok: usize,
    /// `diverged`
    pub diverged: usize,
    /// `failed`
    pub failed: usize,
    /// `interrupted`
    pub interrupted: usize,
    groups: Vec<Group>,
}

/// Trials that differ in nothing but the seed, with means of their accuracies after the last epoch
#[derive(Clone, Debug)]
struct Group {
    trial: String,
    label: String,
    seeds: usize,
    val: Option<f64>,
    test: Option<f64>,
}

/// The settings that did best
#[derive(Clone, Debug)]
pub struct Best {
    /// The first trial of them
    pub trial: String,
    /// What is their own, in words, without the seed
    pub label: String,
    /// How many trials, which differ in nothing but the seed
    pub seeds: usize,
    /// Mean of the accuracy that decides, after the last epoch
    pub accuracy: f64,
    /// Whether that is of images held out, or of the test set
    pub validated: bool,
    /// Mean of the test accuracy
    pub test_accuracy: Option<f64>,
}

impl Tally {
    /// Takes a trial in
    pub fn add(&mut self, trial: &Trial, rows: &Rows) {
        match rows.status() {
            "ok" => self.ok += 1,
            "diverged" => self.diverged += 1,
            "interrupted" => self.interrupted += 1,
            _ => self.failed += 1,
        }
        let number = |name: &str| rows.summary.number(name).filter(|_| rows.status() == "ok");
        let (val, test) = (number("val_accuracy"), number("test_accuracy"));
        if val.or(test).is_none() {
            return;
        }
        let own = trial.values.iter().filter(|(parameter, _)| parameter.name() != "seed");
        let label = own.map(|(p, v)| format!("{}={}", p.name(), text(v))).collect::<Vec<_>>().join(" ");
        match self.groups.iter_mut().find(|group| group.label == label) {
            Some(group) => {
                let n = group.seeds as f64;
                let mean = |mean: Option<f64>, x: Option<f64>| {
                    mean.zip(x).map(|(mean, x)| (mean * n + x) / (n + 1.0))
                };
                (group.val, group.test) = (mean(group.val, val), mean(group.test, test));
                group.seeds += 1;
            }
            None => self.groups.push(Group { trial: trial.id.clone(), label, seeds: 1, val, test }),
        }
    }

    /// The settings with the best mean accuracy; where two are equal, the first
    ///
    /// Validation decides if all have it, as in the report: else it would be held against test figures.
    pub fn best(&self) -> Option<Best> {
        let validated = self.groups.iter().all(|group| group.val.is_some());
        let accuracy = |group: &Group| if validated { group.val } else { group.test };
        let better = |best: (f64, _), next: (f64, _)| if next.0 > best.0 { next } else { best };
        let with = self.groups.iter().filter_map(|group| Some((accuracy(group)?, group)));
        let (accuracy, group) = with.reduce(better)?;
        Some(Best {
            trial: group.trial.clone(),
            label: group.label.clone(),
            seeds: group.seeds,
            accuracy,
            validated,
            test_accuracy: group.test,
        })
    }
}
