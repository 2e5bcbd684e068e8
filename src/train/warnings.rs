//! Warnings about settings that a run accepts, but that are probably not meant

use super::{average, schedule};
use crate::config::TrainConfig;
use crate::nn::layers::{Activation, Norm};

/// Each gives a warning about the settings of a run, or `None` if it finds nothing to warn about
pub const OF_SETTINGS: [fn(&TrainConfig) -> Option<String>; 5] =
    [schedule::warning, average::warning, without_hidden_layers, mixup_alone, without_decay];

/// A warning where biases are left out of a weight decay that there is not
fn without_decay(config: &TrainConfig) -> Option<String> {
    let is_unused = !config.decay_bias && config.weight_decay == 0.0;
    is_unused.then(|| "--decay-bias false has no effect without --weight-decay, which is 0".to_owned())
}

/// A warning where each row would be mixed with itself
fn mixup_alone(config: &TrainConfig) -> Option<String> {
    let is_alone = config.mixup > 0.0 && config.batch_size == 1;
    is_alone.then(|| {
        "--mixup has no effect with --batch-size 1, since a batch of one row has no other".to_owned()
    })
}

/// A warning where a net without hidden layers has settings of hidden layers
fn without_hidden_layers(config: &TrainConfig) -> Option<String> {
    let TrainConfig { activation, norm, dropout, .. } = *config;
    let unused = [
        (activation != Activation::Relu).then(|| format!("--activation {activation}")),
        (norm != Norm::None).then(|| format!("--norm {norm}")),
        (dropout > 0.0).then(|| format!("--dropout {dropout}")),
    ];
    let unused: Vec<String> = unused.into_iter().flatten().collect();
    let (last, others) = unused.split_last().filter(|_| config.hidden_dims.0.is_empty())?;
    let (others, has) = match others {
        [] => (String::new(), "has"),
        others => (others.join(", ") + " and ", "have"),
    };
    Some(format!("{others}{last} {has} no effect with --hidden-dims none, which has no hidden layers"))
}
