//! Shards: trial k of a sweep belongs to shard k mod n

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// One shard of a sweep: `index` of `count`, counted from 0
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The number of the shard
    pub index: usize,
    /// The number of shards
    pub count: usize,
}

impl Shard {
    /// Whether trial `number` belongs to this shard
    pub fn holds(self, number: usize) -> bool {
        number % self.count == self.index
    }

    /// The start of its files' names: `shard-1-of-3.`
    pub fn file_prefix(self) -> String {
        format!("shard-{}-of-{}.", self.index, self.count)
    }

    /// The shard of a task of a Slurm job array, from its environment variables; `None` outside a job array
    ///
    /// # Errors
    /// If the variables are not numbers, or the array's ids do not ascend by one step.
    pub fn from_slurm(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        const ID: &str = "SLURM_ARRAY_TASK_ID";
        let refused = |name, expected: String, found| Error::Setting { name, expected, found };
        let number = |name: &'static str| {
            let parse = |text: String| {
                text.trim().parse::<usize>().map_err(|_| refused(name, "a whole number".to_owned(), text))
            };
            variable(name).map(parse).transpose()
        };
        let (Some(id), Some(count)) = (number(ID)?, number("SLURM_ARRAY_TASK_COUNT")?) else {
            return Ok(None);
        };
        let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let index = id.checked_sub(first).filter(|offset| offset % step == 0).map(|offset| offset / step);
        let shard = index.filter(|&index| index < count).map(|index| Self { index, count });
        let expected =
            format!("one of {count} ids from {first} in steps of {step}; for other arrays use --shard i/n");
        shard.map(Some).ok_or_else(|| refused(ID, expected, id.to_string()))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Parses `i/n`, i from 0 to n − 1
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match parts {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            _ => Err("expected i/n, counted from 0, as 0/3, 1/3 and 2/3".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slurm(variables: &[(&str, &str)]) -> Result<Option<Shard>> {
        let find =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Shard::from_slurm(find)
    }

    #[test]
    fn every_trial_is_in_one_shard() {
        for number in 0..20 {
            assert_eq!((0..3).filter(|&index| Shard { index, count: 3 }.holds(number)).count(), 1);
        }
    }

    #[test]
    fn a_shard_outside_the_count_is_refused() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in ["3/3", "0/0", "1", "a/2", "-1/2", "1/2/3", ""] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slurm_arrays_may_start_anywhere_and_have_steps() {
        let id = |id, rest: &[(&'static str, &'static str)]| {
            slurm(&[&[("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_COUNT", "3")], rest].concat())
        };
        let at = |index| Some(Shard { index, count: 3 });
        assert_eq!(slurm(&[]).unwrap(), None);
        assert_eq!(id("2", &[]).unwrap(), at(2));
        assert_eq!(id("1", &[("SLURM_ARRAY_TASK_MIN", "1")]).unwrap(), at(0));
        let stepped = [("SLURM_ARRAY_TASK_MIN", "2"), ("SLURM_ARRAY_TASK_STEP", "4")];
        assert_eq!(id("10", &stepped).unwrap(), at(2));
        assert!(id("7", &stepped).is_err() && id("3", &[]).is_err() && id("x", &[]).is_err());
    }
}
