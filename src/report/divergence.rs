//! What a person can do about a run whose loss diverged

use super::analysis::short_number;
use crate::config::{OptimizerChoice, TrainConfig};

/// The setting to change, and how
///
/// Without a gradient, a step with weight decay λ multiplies a weight by 1 − ηλ. The weights grow without limit, whatever the
/// data are, if ηλ > 2 with AdamW, ηλ > 2 (1 + μ) with SGD, and ηλ > 2 (1 + μ) / (1 + 2 μ) with Nesterov's momentum.
pub fn remedy(config: &TrainConfig) -> String {
    let TrainConfig { learning_rate: eta, momentum: mu, weight_decay: lambda, optimizer, .. } = *config;
    let is_sgd = optimizer == OptimizerChoice::Sgd;
    let (limit, formula) = match config.nesterov {
        _ if !is_sgd => (2.0, "2"),
        true => (2.0 * (1.0 + mu) / (1.0 + 2.0 * mu), "2 (1 + momentum) / (1 + 2 momentum)"),
        false => (2.0 * (1.0 + mu), "2 (1 + momentum)"),
    };
    if eta * lambda > limit {
        return format!(
            "weight decay {} makes every step overshoot; try a --weight-decay far below {}, which is \
             {formula} / learning rate",
            short_number(lambda),
            short_number(two_digits(limit / eta))
        );
    }
    // A velocity is up to 1 / (1 − μ) times as large as a gradient.
    let has_long_memory = is_sgd && mu >= 0.99;
    let remedy = if has_long_memory {
        "try a smaller --learning-rate or --momentum"
    } else {
        "try a smaller --learning-rate"
    };
    remedy.to_owned()
}

/// What a sweep says about a trial that diverged: where, at which learning rate, and what to try
///
/// * `reason`: the reason in its summary
pub fn problem(reason: Option<&str>, config: &TrainConfig) -> String {
    let reason = reason.unwrap_or("the loss is not finite");
    format!("{reason}, learning rate {}; {}", short_number(config.learning_rate), remedy(config))
}

fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_is_too_large_is_named() {
        let with = |learning_rate, momentum, weight_decay| {
            remedy(&TrainConfig { learning_rate, momentum, weight_decay, ..TrainConfig::default() })
        };
        assert_eq!(with(10.0, 0.9, 0.0), "try a smaller --learning-rate");
        assert_eq!(with(10.0, 0.9, 1e-4), "try a smaller --learning-rate");
        assert_eq!(with(0.1, 0.999, 0.0), "try a smaller --learning-rate or --momentum");
        let found = with(0.01, 0.9, 1e6);
        assert!(found.starts_with("weight decay 1e6 makes") && !found.contains("--learning"), "{found}");
        assert!(found.contains("--weight-decay far below 380, "), "{found}");
        assert!(with(1e-9, 0.9, 1e30).contains("--weight-decay far below 3.8e9, "));
        let other = |optimizer, nesterov| {
            let config = TrainConfig { learning_rate: 0.01, weight_decay: 1e6, ..TrainConfig::default() };
            remedy(&TrainConfig { optimizer, nesterov, ..config })
        };
        let found = other(OptimizerChoice::AdamW, false);
        assert!(found.ends_with("--weight-decay far below 200, which is 2 / learning rate"), "{found}");
        assert!(
            other(OptimizerChoice::Sgd, true)
                .contains("--weight-decay far below 140, which is 2 (1 + momentum) / (1")
        );
    }
}
