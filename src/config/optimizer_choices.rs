//! The choices of the optimizer and of its learning rates, and which settings belong to which optimizer

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The optimizer, which makes steps from gradients
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerChoice {
    /// Gradient descent with --momentum
    #[default]
    Sgd,
    /// Steps by two moments of the gradients (--beta1, --beta2, --epsilon); --weight-decay is apart from them
    #[value(name = "adamw")]
    #[serde(rename = "adamw")]
    AdamW,
}

/// The settings that only one optimizer has
const OF_SGD: &[&str] = &["momentum", "nesterov"];
const OF_ADAMW: &[&str] = &["beta1", "beta2", "epsilon"];

impl OptimizerChoice {
    /// The settings of other optimizers, which this one does not have
    pub fn unused(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => OF_ADAMW,
            Self::AdamW => OF_SGD,
        }
    }

    /// The error that a setting has a value, but this optimizer does not have the setting
    pub(super) fn lacks(self, name: &'static str, found: String) -> Error {
        let (this, other) = match self {
            Self::Sgd => ("sgd", "adamw"),
            Self::AdamW => ("adamw", "sgd"),
        };
        let flag = name.replace('_', "-");
        let expected = format!("no --{flag} with --optimizer {this}, which has none, or --optimizer {other}");
        Error::Setting { name, expected, found }
    }
}

/// How the learning rate changes from batch to batch
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleChoice {
    /// It stays the same
    #[default]
    Constant,
    /// A tenth from the middle of the batches on, a hundredth from three quarters on
    Step,
    /// From the full rate to 0 along half a cosine
    Cosine,
    /// From the full rate to 0 along a line
    Linear,
    /// From 1/25 to the full rate in three tenths of the batches, then to 1/250,000
    OneCycle,
}

impl ScheduleChoice {
    /// Whether the rate of a batch depends on the number of epochs
    pub fn depends_on_epochs(self) -> bool {
        self != Self::Constant
    }
}
