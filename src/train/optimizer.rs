//! The optimizer that the settings describe

use chainrule_kernels::{AdamWRule, Scalar};

use crate::config::{OptimizerChoice, TrainConfig};
use crate::nn::adamw::AdamW;
use crate::nn::mlp::Mlp;
use crate::nn::optimizer::{Kept, Optimizer};
use crate::nn::sgd::Sgd;

/// The optimizer of a training of `model`, before its first step
pub fn new<T: Scalar>(config: &TrainConfig, model: &mut Mlp<T>) -> Optimizer<T> {
    let TrainConfig { learning_rate, momentum, weight_decay, nesterov, decay_bias, .. } = *config;
    let TrainConfig { beta1, beta2, epsilon, .. } = *config;
    let parameters = model.parameters_mut();
    match config.optimizer {
        OptimizerChoice::Sgd => {
            let sgd = Sgd::new(parameters, learning_rate, momentum, weight_decay);
            Optimizer::Sgd(sgd.with_nesterov(nesterov).with_decay_of_vectors(decay_bias))
        }
        OptimizerChoice::AdamW => {
            let rule = AdamWRule { beta1, beta2, epsilon };
            Optimizer::AdamW(AdamW::new(parameters, rule, weight_decay, decay_bias))
        }
    }
}

/// What the optimizer keeps of each trained element
pub fn kept(config: &TrainConfig) -> Kept {
    match config.optimizer {
        OptimizerChoice::Sgd if config.momentum > 0.0 => Kept::Velocity,
        OptimizerChoice::Sgd => Kept::None,
        OptimizerChoice::AdamW => Kept::Moments,
    }
}
