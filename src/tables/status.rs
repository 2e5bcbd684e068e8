//! The status of a run: how it ended

use std::fmt;

use super::{Cell, ToCell};

/// How a run, or the epoch that a row describes, ended
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// All epochs were done
    #[default]
    Ok,
    /// A halving ended it after a rung, before its last epoch
    Halted,
    /// The loss was not finite or too large, as [`crate::nn::loss::LossSum::has_diverged`] defines it
    Diverged,
    /// A file could not be written, or the run could not start
    Failed,
    /// It was stopped before its last epoch ended
    Interrupted,
    /// The time that it was given was over before its last epoch ended
    TimeLimit,
}

impl Status {
    /// All statuses, in the order in which counts are printed
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Halted, Self::Diverged, Self::Failed, Self::Interrupted, Self::TimeLimit];

    /// Whether the run was stopped, and can go on
    pub fn can_go_on(self) -> bool {
        matches!(self, Self::Interrupted | Self::TimeLimit)
    }

    /// The text in a CSV file
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Halted => "halted",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::TimeLimit => "time_limit",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ToCell for Status {
    fn to_cell(&self) -> Cell {
        self.name().to_cell()
    }
}
