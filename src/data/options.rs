//! Which data are read, and how

use crate::config::{Dtype, TrainConfig};

/// The settings that decide what is read; two runs with equal options train on the same data
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DataOptions {
    /// Where the data are; `None` searches the default folders
    pub data: Option<String>,
    /// Element type of numbers that are not bytes
    pub dtype: Dtype,
}

impl From<&TrainConfig> for DataOptions {
    fn from(config: &TrainConfig) -> Self {
        Self { data: config.data.clone(), dtype: config.dtype }
    }
}
