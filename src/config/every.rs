//! How often a training is saved within an epoch

use std::time::{Duration, Instant};

/// Reads a time above 0, such as `30s`, `5m` or `1h 30m`; `None` if the text is anything else
pub fn time(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|time| !time.is_zero())
}

/// How often a training pauses within an epoch, to be saved
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After this many batches
    Batches(usize),
    /// After the batch in which this time has passed
    Time(Duration),
}

impl Every {
    /// Whether it is time to pause, after `batches` batches since `start`
    pub fn is_due(self, batches: usize, start: Instant) -> bool {
        match self {
            Self::Batches(most) => batches >= most,
            Self::Time(most) => batches > 0 && start.elapsed() >= most,
        }
    }

    /// Reads `50batches`, or a time such as `30s`, `5m` or `1h`
    ///
    /// # Errors
    /// If the text is anything else, or 0.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "expected a time, as 30s, 5m or 1h, or a number of batches, as 50batches, or none".to_owned();
        let number = text.strip_suffix("batches").or_else(|| text.strip_suffix("batch"));
        let every = match number {
            Some(number) => number.parse().ok().filter(|&n| n > 0).map(Self::Batches),
            None => time(text).map(Self::Time),
        };
        every.ok_or_else(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_of_batches_are_read() {
        for (text, every) in [
            ("30s", Every::Time(Duration::from_secs(30))),
            ("5m", Every::Time(Duration::from_secs(300))),
            ("1h 30m", Every::Time(Duration::from_secs(5400))),
            ("1.5h", Every::Time(Duration::from_secs(5400))),
            ("50batches", Every::Batches(50)),
            ("1batch", Every::Batches(1)),
        ] {
            assert_eq!(Every::parse(text), Ok(every));
        }
        for text in ["", "30", "0s", "-1s", "99999999999999999999s", "batches", "0batches", "-1batch"] {
            assert!(Every::parse(text).is_err(), "{text}");
        }
    }
}
