//! The learning rate of each batch
//!
//! A rate depends only on the settings and the number of its batch, and is computed by exactly rounded operations, so it is
//! the same on every machine and in a run that goes on.

use std::f64::consts::PI;

use crate::config::{ScheduleChoice, TrainConfig};

/// Share of the batches in which the rate of one-cycle grows
const GROWING: f64 = 0.3;
/// The full rate of one-cycle divided by its first
const START_DIVISOR: f64 = 25.0;
/// The first rate of one-cycle divided by its last
const END_DIVISOR: f64 = 1e4;

/// The learning rates of a training, batch by batch
///
/// docs/maths.md, section "Learning rates", has the formulas and their sources.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    choice: ScheduleChoice,
    /// The full rate η
    full: f64,
    /// Number of batches in which the rate grows linearly
    warmup: u64,
    /// Number of batches of all epochs
    total: u64,
}

impl Schedule {
    /// The rates of a training with these settings
    ///
    /// * `batches`: number of batches in an epoch
    pub fn new(config: &TrainConfig, batches: usize) -> Self {
        let batches = batches as u64;
        Self {
            choice: config.schedule,
            full: config.learning_rate,
            warmup: (config.warmup * batches as f64).round() as u64,
            total: u64::from(config.epochs) * batches,
        }
    }

    /// The rate of batch `t`, counted from 0 over all epochs
    ///
    /// Batches after the last one have its rate.
    pub fn rate(&self, t: u64) -> f64 {
        if t < self.warmup {
            return self.full * ((t + 1) as f64 / self.warmup as f64);
        }
        if self.choice == ScheduleChoice::Constant {
            return self.full;
        }
        let t = t.min(self.total.saturating_sub(1));
        // Part of the batches after the warm-up that is over, below 1
        let part =
            t.saturating_sub(self.warmup) as f64 / self.total.saturating_sub(self.warmup).max(1) as f64;
        match self.choice {
            ScheduleChoice::Constant => self.full,
            ScheduleChoice::Step if part < 0.5 => self.full,
            ScheduleChoice::Step if part < 0.75 => self.full / 10.0,
            ScheduleChoice::Step => self.full / 100.0,
            ScheduleChoice::Cosine => half_cosine(self.full, 0.0, part),
            ScheduleChoice::Linear => self.full * (1.0 - part),
            ScheduleChoice::OneCycle => self.one_cycle(t),
        }
    }

    /// The rate of PyTorch's `OneCycleLR` with its defaults after t steps
    fn one_cycle(&self, t: u64) -> f64 {
        let first = self.full / START_DIVISOR;
        let (t, top, last) = (t as f64, GROWING * self.total as f64 - 1.0, self.total as f64 - 1.0);
        if t <= top {
            return half_cosine(first, self.full, t / top);
        }
        half_cosine(self.full, first / END_DIVISOR, (t - top) / (last - top))
    }
}

/// A warning where the warm-up does not end before the training; `None` where it does
pub fn warning(config: &TrainConfig) -> Option<String> {
    let (warmup, epochs) = (config.warmup, config.epochs);
    if warmup == 0.0 || epochs == 0 || warmup < f64::from(epochs) {
        return None;
    }
    let what = if warmup > f64::from(epochs) {
        "is longer than the training, so the learning rate never reaches --learning-rate"
    } else {
        "is as long as the training, so only the last batch has the full learning rate"
    };
    Some(format!(
        "--warmup {warmup} {what}, with --epochs {epochs}; give a smaller --warmup or more --epochs"
    ))
}

/// What is between `from` and `to` along half a cosine, after a part of it from 0 to 1
fn half_cosine(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + cos_pi(part))
}

/// `cos πx` for x from 0 to 1, within 2⁻⁵² of the exact value
///
/// The library of a machine may round another cosine differently. Here, cos π(1 − x) = −cos πx and cos π(½ − x) = sin πx
/// reduce the angle to π/4 and less, where Taylor's series has a remainder below 10⁻¹⁶.
fn cos_pi(x: f64) -> f64 {
    if x > 0.75 {
        return -cosine(PI * (1.0 - x));
    }
    if x > 0.25 { sine(PI * (0.5 - x)) } else { cosine(PI * x) }
}

/// cos a for |a| ≤ π/4, whose series ends with a¹⁶/16!
fn cosine(a: f64) -> f64 {
    series(a * a, 0)
}

/// sin a for |a| ≤ π/4, whose series ends with a¹⁷/17!
fn sine(a: f64) -> f64 {
    a * series(a * a, 1)
}

/// `1 − y/((o+1)(o+2)) + y²/((o+1)…(o+4)) − …`, to y⁸, for o = `odd`
fn series(y: f64, odd: u32) -> f64 {
    (1..=8).rev().fold(1.0, |sum, term| {
        let n = f64::from(2 * term + odd);
        1.0 - y / (n * (n - 1.0)) * sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(choice: ScheduleChoice, warmup: f64, epochs: u32) -> Schedule {
        let config =
            TrainConfig { schedule: choice, warmup, epochs, learning_rate: 0.1, ..TrainConfig::default() };
        Schedule::new(&config, 10)
    }

    fn rates(choice: ScheduleChoice, warmup: f64, epochs: u32) -> Vec<f64> {
        let schedule = schedule(choice, warmup, epochs);
        (0..u64::from(epochs) * 10).map(|t| schedule.rate(t)).collect()
    }

    #[test]
    fn the_cosine_is_that_of_the_standard_library_to_rounding() {
        for i in 0..=10_000 {
            let x = f64::from(i) / 10_000.0;
            assert!((cos_pi(x) - (PI * x).cos()).abs() < 4e-16, "{x}");
        }
        assert_eq!([0.0, 0.5, 1.0].map(cos_pi), [1.0, 0.0, -1.0]);
    }

    #[test]
    fn the_constant_rate_is_exactly_that_of_the_settings() {
        assert!(rates(ScheduleChoice::Constant, 0.0, 3).iter().all(|&rate| rate == 0.1));
    }

    #[test]
    fn a_warm_up_ends_with_the_full_rate_and_the_rest_follows() {
        let found = rates(ScheduleChoice::Cosine, 0.5, 2);
        for (t, rate) in found.iter().enumerate() {
            let want = match t {
                0..5 => 0.1 * (t + 1) as f64 / 5.0,
                _ => 0.05 * (1.0 + (PI * (t - 5) as f64 / 15.0).cos()),
            };
            assert!((rate - want).abs() < 1e-16, "{t}: {rate}, not {want}");
        }
        assert_eq!(found[5], 0.1);
        // Fractions of a batch are rounded, and a warm-up may be longer than the run.
        assert_eq!(rates(ScheduleChoice::Constant, 0.14, 1)[..2], [0.1, 0.1]);
        assert!(rates(ScheduleChoice::Linear, 7.0, 2).is_sorted());
    }

    #[test]
    fn a_warm_up_that_does_not_end_before_the_training_has_a_warning() {
        let of = |warmup, epochs| warning(&TrainConfig { warmup, epochs, ..TrainConfig::default() });
        for (warmup, epochs) in [(0.0, 3), (2.5, 3), (0.0, 0), (5.0, 0)] {
            assert_eq!(of(warmup, epochs), None, "{warmup} {epochs}");
        }
        assert!(of(3.0, 3).is_some_and(|text| text.starts_with("--warmup 3 is as long as the training")));
        assert!(of(3.5, 3).is_some_and(|text| text.contains("3.5 is longer") && text.contains("--epochs 3")));
    }

    #[test]
    fn steps_lines_and_cosines_fall_from_the_full_rate() {
        let step = rates(ScheduleChoice::Step, 0.0, 4);
        for (at, rate) in [(0, 0.1), (19, 0.1), (20, 0.1 / 10.0), (29, 0.1 / 10.0), (30, 0.1 / 100.0)] {
            assert_eq!(step[at], rate, "{at}");
        }
        let line = rates(ScheduleChoice::Linear, 0.0, 4);
        assert!((line[39] - 0.1 / 40.0).abs() < 1e-16 && line[0] == 0.1 && line[20] == 0.05);
        let cosine = rates(ScheduleChoice::Cosine, 0.0, 4);
        assert!(cosine[0] == 0.1 && (cosine[20] - 0.05).abs() < 1e-16 && cosine.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn one_cycle_grows_to_the_full_rate_and_falls_far_below_its_first() {
        let found = rates(ScheduleChoice::OneCycle, 0.0, 5);
        assert!((found[0] - 0.004).abs() < 1e-17 && found[14] == 0.1 && (found[49] - 4e-7).abs() < 1e-17);
        assert!(found[..15].is_sorted() && found[14..].is_sorted_by(|a, b| a > b));
        for batches in 1..9 {
            let config =
                TrainConfig { schedule: ScheduleChoice::OneCycle, epochs: 1, ..TrainConfig::default() };
            let schedule = Schedule::new(&config, batches);
            let is_rate = |t| schedule.rate(t) > 0.0 && schedule.rate(t) <= 0.01;
            assert!((0..batches as u64 + 2).all(is_rate), "{batches}");
        }
    }
}
