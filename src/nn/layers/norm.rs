//! The choice of a norm

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What normalises the outputs of each linear layer except the last, before the activation
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Nothing
    #[default]
    None,
    /// Batch normalisation: by the mean and variance of each unit over the batch; elsewhere by their running averages
    Batch,
    /// Layer normalisation: by the mean and variance of each row over the units
    Layer,
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every variant has a possible value, since none is `#[value(skip)]`.
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}
