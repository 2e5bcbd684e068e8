//! How the trials of a sweep ended, and which settings did best

use super::plan::Trial;
use super::tables::Rows;
use super::values::text;

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
    groups: Vec<Best>,
}

/// Trials that differ in nothing but the seed
#[derive(Clone, Debug)]
pub struct Best {
    /// The first of them
    pub trial: String,
    /// What is their own, in words, without the seed
    pub label: String,
    /// How many there are
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
        let Some(accuracy) = val.or(test) else { return };
        let own = trial.values.iter().filter(|(parameter, _)| parameter.name() != "seed");
        let label = own.map(|(p, v)| format!("{}={}", p.name(), text(v))).collect::<Vec<_>>().join(" ");
        let group = self.groups.iter_mut().find(|group| group.label == label);
        match group {
            Some(group) => {
                let n = group.seeds as f64;
                let mean = |mean: f64, x: f64| (mean * n + x) / (n + 1.0);
                group.accuracy = mean(group.accuracy, accuracy);
                group.test_accuracy = group.test_accuracy.zip(test).map(|(a, b)| mean(a, b));
                group.seeds += 1;
            }
            None => self.groups.push(Best {
                trial: trial.id.clone(),
                label,
                seeds: 1,
                accuracy,
                validated: val.is_some(),
                test_accuracy: test,
            }),
        }
    }

    /// The settings with the best mean accuracy; where two are equal, the first
    pub fn best(&self) -> Option<&Best> {
        self.groups.iter().reduce(|best, group| if group.accuracy > best.accuracy { group } else { best })
    }
}
