//! The widths of the hidden layers

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::separated;

/// The largest width; a larger one needs more memory than any machine has, so it is probably a typing error
const WIDTH_MAX: usize = 10_000_000;

/// Widths of the hidden layers, written as `128x64`, or as `none` if there are no hidden layers
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HiddenDims(pub Vec<usize>);

impl fmt::Display for HiddenDims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("x"))
    }
}

impl FromStr for HiddenDims {
    type Err = String;

    /// Parses `none`, or widths separated by `x`, commas or spaces
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self(Vec::new()));
        }
        let width = |part: &str| match part.parse() {
            Ok(width @ 1..=WIDTH_MAX) => Ok(width),
            _ if part.contains('-') && part.parse::<f64>().is_err() => Err(format!(
                "`{part}` is no width; hidden layers are written 128x64, without the inputs and outputs of the net"
            )),
            _ => Err(format!(
                "`{part}` is no width; expected `none`, or numbers from 1 to {} as 128x64",
                separated(WIDTH_MAX)
            )),
        };
        text.split(['x', '×', ',', ' ']).map(str::trim).map(width).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for HiddenDims {
    /// Reads the widths from their text form
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_that_are_missing_or_no_numbers_are_refused() {
        for bad in ["0", "", "128x", "-3", "abc", "1e3", "99999999999999999999", "none,3"] {
            assert!(bad.parse::<HiddenDims>().is_err(), "{bad}");
        }
        let error = "0".parse::<HiddenDims>().unwrap_err();
        assert!(error.contains("from 1 to 10,000,000"), "{error}");
    }
}
