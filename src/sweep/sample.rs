//! A sample of the combinations of axes: trials that are drawn at random, or along a quasi-random sequence
//!
//! A random sample has clusters and gaps. The points of a quasi-random sequence ([`Sobol`]) keep a distance from each other, so a
//! few of them cover every setting evenly. The seed decides both, and nothing here depends on the machine.
//!
//! Source: Bergstra and Bengio, *Random Search for Hyper-Parameter Optimization* (2012).

use std::collections::HashSet;

use clap::ValueEnum;

use super::axis::Axis;
use super::plan::Values;
use super::sobol::{AXES_MAX, Sobol};
use super::unused::without_unused;
use crate::error::{Error, Result, separated};
use crate::random::{Purpose, Random};

/// How the trials of a sample are drawn
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sampling {
    /// Each by itself, at random
    #[default]
    Random,
    /// Along a quasi-random sequence, which covers the axes evenly
    Quasi,
}

/// Number of draws in a row that give no new trial, after which there are probably none left
const VAIN_MAX: u32 = 10_000;

/// Draws the combinations of `count` trials, without values that a trial does not use beside its others
///
/// A larger sample begins with the trials of a smaller one.
///
/// * `key`: a text that is equal for combinations that give the same bits; the second of two such is drawn again
///
/// # Errors
/// If there are fewer different combinations, or `key` fails.
pub fn sample(
    grid: &[Axis],
    (count, sampling, seed): (usize, Sampling, u64),
    mut key: impl FnMut(&Values) -> Result<String>,
) -> Result<Vec<Values>> {
    let too_few = |found: usize| {
        let problem = format!(
            "the axes have {} different combinations, and --sample asks for {}; take a smaller --sample, more values, or leave out \
             --sample to run all of them",
            separated(found),
            separated(count)
        );
        Error::Usage(problem)
    };
    if sampling == Sampling::Quasi && grid.len() > AXES_MAX {
        return Err(Error::Usage(format!(
            "--sampling quasi takes {AXES_MAX} axes at most, found {}; type --sampling random",
            grid.len()
        )));
    }
    if grid.iter().all(|axis| axis.range.is_none()) {
        let all = grid.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
        if all < count {
            return Err(too_few(all));
        }
    }
    let mut points = Points::new(sampling, seed, grid.len());
    let (mut known, mut drawn, mut vain) = (HashSet::new(), Vec::new(), 0);
    while drawn.len() < count {
        let shares = points.next();
        let values: Values = grid.iter().zip(shares).map(|(axis, share)| value(axis, share)).collect();
        let values = without_unused(values);
        if known.insert(key(&values)?) {
            drawn.push(values);
            vain = 0;
            continue;
        }
        vain += 1;
        if vain == VAIN_MAX {
            return Err(too_few(drawn.len()));
        }
    }
    Ok(drawn)
}

/// The value of an axis at `share`, from 0 to below 1, of its range or its list
fn value(axis: &Axis, share: f64) -> (&'static crate::config::Setting, toml::Value) {
    let of_list = || {
        let last = axis.values.len() - 1;
        axis.values[((share * axis.values.len() as f64) as usize).min(last)].clone()
    };
    (axis.setting, axis.range.map_or_else(of_list, |range| range.at(axis.setting, share)))
}

/// Points of the unit cube, one coordinate for each axis
enum Points {
    Random(Box<Random>, usize),
    Quasi(Sobol),
}

impl Points {
    fn new(sampling: Sampling, seed: u64, axes: usize) -> Self {
        let mut random = Random::new(seed, Purpose::SweepSample);
        match sampling {
            Sampling::Random => Self::Random(Box::new(random), axes),
            Sampling::Quasi => {
                let shift = |_| (random.unit() * (1u64 << 53) as f64) as u64 * (1 << 11);
                Self::Quasi(Sobol::new((0..axes).map(shift).collect()))
            }
        }
    }

    fn next(&mut self) -> Vec<f64> {
        match self {
            Self::Random(random, axes) => (0..*axes).map(|_| random.unit()).collect(),
            Self::Quasi(sobol) => {
                let share = |x: u64| (x >> 11) as f64 / (1u64 << 53) as f64;
                sobol.next().into_iter().map(share).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text;

    fn texts(axes: &[&str], count: usize, sampling: Sampling, seed: u64) -> Result<Vec<String>> {
        let grid: Vec<Axis> = axes.iter().map(|axis| Axis::parse(axis).unwrap()).collect();
        let of = |values: &Values| values.iter().map(|(_, value)| text(value)).collect::<Vec<_>>().join(" ");
        let drawn = sample(&grid, (count, sampling, seed), |values| Ok(of(values)))?;
        Ok(drawn.iter().map(of).collect())
    }

    const AXES: [&str; 3] =
        ["learning_rate=log:1e-4..1", "batch_size=log:16..512", "activation=relu,sigmoid"];

    #[test]
    fn a_seed_always_gives_the_same_trials_and_a_larger_sample_begins_with_them() {
        for sampling in [Sampling::Random, Sampling::Quasi] {
            let small = texts(&AXES, 5, sampling, 7).unwrap();
            assert_eq!(texts(&AXES, 20, sampling, 7).unwrap()[..5], small);
            assert_ne!(texts(&AXES, 5, sampling, 8).unwrap(), small);
        }
        // As this program drew them first: a change would give every plan another hash.
        assert_eq!(
            texts(&AXES, 2, Sampling::Random, 42).unwrap(),
            ["0.8113 181 relu", "0.002307 146 sigmoid"]
        );
        assert_eq!(texts(&AXES, 2, Sampling::Quasi, 42).unwrap(), ["0.8113 181 relu", "0.008113 32 sigmoid"]);
    }

    #[test]
    fn a_quasi_random_sample_has_one_value_in_each_of_equal_parts() {
        for seed in 0..10 {
            let drawn = texts(&["momentum=0..0.64", "patience=1..64"], 64, Sampling::Quasi, seed).unwrap();
            let parts = |column: usize, of: fn(f64) -> usize| {
                let number = |line: &String| of(line.split(' ').nth(column).unwrap().parse().unwrap());
                drawn.iter().map(number).collect::<HashSet<usize>>().len()
            };
            assert_eq!(parts(1, |n| n as usize), 64, "seed {seed}");
            // Rounding moves a number that is close to the end of its part.
            assert!(parts(0, |x| (100.0 * x) as usize) >= 63, "seed {seed}");
        }
    }

    #[test]
    fn equal_trials_are_drawn_again_until_there_are_no_others() {
        let mut all = texts(&["epochs=1..3", "momentum=0,0.5"], 6, Sampling::Random, 1).unwrap();
        all.sort_unstable();
        assert_eq!(all, ["1 0", "1 0.5", "2 0", "2 0.5", "3 0", "3 0.5"]);
        let error = texts(&["epochs=1..3"], 4, Sampling::Quasi, 1).unwrap_err().to_string();
        assert!(error.contains("3 different combinations, and --sample asks for 4"), "{error}");
        let error = texts(&["batch_size=log:1..3"], 4, Sampling::Random, 1).unwrap_err().to_string();
        assert!(error.contains("3 different combinations"), "{error}");
    }
}
