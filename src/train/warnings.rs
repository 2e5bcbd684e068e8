//! Warnings about settings that a run accepts, but that are probably not meant

use super::{average, schedule};
use crate::config::TrainConfig;
use crate::nn::layers::Norm;

/// Each gives a warning about the settings of a run, or `None` if it finds nothing to warn about
pub const OF_SETTINGS: [fn(&TrainConfig) -> Option<String>; 4] =
    [schedule::warning, average::warning, without_hidden_layers, mixup_alone];

/// A warning where each row would be mixed with itself
fn mixup_alone(config: &TrainConfig) -> Option<String> {
    let is_alone = config.mixup > 0.0 && config.batch_size == 1;
    is_alone.then(|| {
        "--mixup has no effect with --batch-size 1, since a batch of one row has no other".to_owned()
    })
}

/// A warning where a net without hidden layers has settings of hidden layers
fn without_hidden_layers(config: &TrainConfig) -> Option<String> {
    let TrainConfig { norm, dropout, .. } = *config;
    let unused = [
        (norm != Norm::None).then(|| format!("--norm {norm}")),
        (dropout > 0.0).then(|| format!("--dropout {dropout}")),
    ];
    let unused: Vec<String> = unused.into_iter().flatten().collect();
    (config.hidden_dims.0.is_empty() && !unused.is_empty()).then(|| {
        let has = if unused.len() == 1 { "has" } else { "have" };
        format!(
            "{} {has} no effect with --hidden-dims none, which has no hidden layers",
            unused.join(" and ")
        )
    })
}
