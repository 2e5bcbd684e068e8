//! A range that a sample draws numbers from: `0..0.5`, or `log:1e-4..1e-1` with equal chances for equal ratios

use std::fmt;

use toml::Value;

use crate::config::{Kind, Setting};
use crate::error::{Error, Result};

/// Significant digits of the numbers that are drawn, so that tables and commands stay readable
const DIGITS: usize = 4;
/// Bits of a share that decide a number
const BITS: u32 = 53;

/// The numbers from `from` to `to`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lower end
    pub from: f64,
    /// The upper end
    pub to: f64,
    /// Whether equal ratios have equal chances, in place of equal differences
    pub is_log: bool,
}

impl Range {
    /// Reads the ends of a range
    ///
    /// # Errors
    /// If they are not two numbers of the setting's type that ascend, or one of a logarithmic range is 0.
    pub fn parse(setting: &Setting, is_log: bool, from: &str, to: &str) -> std::result::Result<Self, String> {
        let form = if is_log { "log:" } else { "" };
        let expected = || {
            let what = match (is_log, setting.kind) {
                (true, Kind::Integer) => "whole numbers above 0",
                (true, _) => "numbers above 0",
                (false, _) => "numbers",
            };
            format!("{}: `{form}{from}..{to}`, expected two {what} that ascend", setting.name)
        };
        let end = |text: &str| {
            let value = setting.value(text.trim()).ok()?;
            value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
        };
        let (low, high) = end(from).zip(end(to)).ok_or_else(expected)?;
        if low >= high || (is_log && low <= 0.0) {
            return Err(expected());
        }
        Ok(Self { from: low, to: high, is_log })
    }

    /// Checks that both ends are values that the setting may have
    ///
    /// # Errors
    /// If one is not.
    pub fn check(&self, setting: &Setting) -> Result<()> {
        for end in [self.from, self.to] {
            if let Some(expected) = setting.out_of_range(&Value::Float(end)) {
                let (expected, found) = (expected.to_owned(), end.to_string());
                return Err(Error::Setting { name: setting.name, expected, found });
            }
        }
        Ok(())
    }

    /// The value of a setting at `share` of the range, from 0 to below 1
    ///
    /// It has [`DIGITS`] significant digits, or is a whole number where the setting has whole numbers. It is the same on every
    /// machine: it is computed by operations that are rounded exactly, without logarithms.
    pub fn at(&self, setting: &Setting, share: f64) -> Value {
        if matches!(setting.kind, Kind::Integer) {
            // Every whole number has half of the distance to each of its neighbours.
            let (from, to) = (self.from - 0.5, self.to + 0.5);
            let whole = Self { from, to, ..*self }.place(share).round().clamp(self.from, self.to);
            return Value::Integer(whole as i64);
        }
        let x = self.place(share);
        let rounded: f64 = format!("{x:.*e}", DIGITS - 1).parse().unwrap_or(x);
        Value::Float(rounded.clamp(self.from, self.to))
    }

    /// The number at `share` of the range
    fn place(&self, share: f64) -> f64 {
        if !self.is_log {
            return self.from * (1.0 - share) + self.to * share;
        }
        // Each bit of the share says in which half the number is; the middle is the geometric mean of the ends.
        let bits = (share * (1u64 << BITS) as f64) as u64;
        let (mut low, mut high) = (self.from, self.to);
        for bit in (0..BITS).rev() {
            let middle = low.sqrt() * high.sqrt();
            if bits >> bit & 1 == 1 { low = middle } else { high = middle }
        }
        low
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}..{}", if self.is_log { "log:" } else { "" }, self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::find;

    #[test]
    fn shares_of_a_range_are_spread_by_differences_or_by_ratios() {
        let rate = find("learning_rate").unwrap();
        let at = |from, to, is_log, share| Range { from, to, is_log }.at(rate, share).as_float().unwrap();
        assert_eq!([0.0, 0.25, 0.5].map(|share| at(0.0, 0.8, false, share)), [0.0, 0.2, 0.4]);
        assert_eq!([0.0, 0.25, 0.5, 0.75].map(|share| at(1e-4, 1.0, true, share)), [1e-4, 1e-3, 1e-2, 0.1]);
        // exp(0.3 ln 1e-5 + 0.7 ln 0.3) = 0.0136140 by Python's math
        assert_eq!(at(1e-5, 0.3, true, 0.7), 0.01361);
        assert_eq!(at(5e-324, f64::MAX, true, 0.5), 2.98e-8, "the ratio of the ends is no f64");
        assert_eq!(at(0.123_41, 0.9, false, 0.0), 0.123_41, "never below the lower end");
    }

    #[test]
    fn whole_numbers_have_equal_chances_and_reach_both_ends() {
        let batch = find("batch_size").unwrap();
        let counts = |is_log| {
            let range = Range { from: 1.0, to: 4.0, is_log };
            let mut counts = [0; 4];
            for i in 0..4000 {
                let n = range.at(batch, f64::from(i) / 4000.0).as_integer().unwrap();
                counts[n as usize - 1] += 1;
            }
            counts
        };
        assert_eq!(counts(false), [1000; 4]);
        // ln(1.5 / 0.5), ln(2.5 / 1.5), ln(3.5 / 2.5), ln(4.5 / 3.5) as shares of ln(4.5 / 0.5) = 2.197
        assert_eq!(counts(true), [2000, 930, 613, 457]);
    }
}
