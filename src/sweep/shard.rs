//! Shards: trial k of a sweep belongs to shard k mod n

use std::fmt;
use std::str::FromStr;

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
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Parses `i/n`, i from 0 to n − 1
    fn from_str(text: &str) -> Result<Self, String> {
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
}
