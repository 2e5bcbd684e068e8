//! The command line that repeats a trial

use clap::ValueEnum;

use crate::config::{Kind, OptimizerChoice, SETTINGS};
use crate::error::shell_quoted;
use crate::report::analysis::ObservedRun;

/// The command that trains as `trial` was trained, with all settings that are not the defaults, seed and data
///
/// Threads are left out: results don't depend on them.
///
/// * `varied`: whether a setting is written even if it has its default
pub fn train_command(trial: &ObservedRun, varied: impl Fn(&str) -> bool) -> String {
    let mut command = "chainrule train".to_owned();
    let optimizer = OptimizerChoice::from_str(trial.setting("optimizer"), true).unwrap_or_default();
    let is_used = |name: &str| !optimizer.unused().contains(&name);
    for setting in SETTINGS.iter().filter(|setting| setting.affects_results && is_used(setting.name)) {
        let value = if setting.name == "seed" { trial.seed.as_str() } else { trial.setting(setting.name) };
        // Seed and data are always written, since the command may be run on another machine.
        let default = value == setting.default && setting.name != "seed" && !varied(setting.name);
        if value.is_empty() || default {
            continue;
        }
        command += &match setting.kind {
            // A switch that is on by default has a value.
            Kind::Switch if setting.default == "true" => format!(" --{} {value}", setting.flag()),
            Kind::Switch if value == "true" => format!(" --{}", setting.flag()),
            // A switch that is off has no flag.
            Kind::Switch => continue,
            _ => format!(" --{} {}", setting.flag(), shell_quoted(value)),
        };
    }
    command
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::analysis::Analysis;
    use crate::tables::reader::Table;

    #[test]
    fn the_command_has_the_settings_of_its_optimizer_and_a_value_for_a_switch_that_is_on_by_default() {
        let csv = "run_id,status,seed,test_accuracy,momentum,optimizer,beta1,beta2,epsilon,nesterov,decay_bias,warmup\n\
                   a,ok,1,0.5,0.9,adamw,0.8,0.999,1e-8,false,false,1.5\nb,ok,2,0.5,0.5,sgd,0.9,0.999,1e-8,true,true,0\n";
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        let trials = Analysis::from_table(&table).unwrap().trials;
        let command = |all: bool| [0, 1].map(|run| train_command(&trials[run], |_| all));
        let start = "chainrule train --seed";
        assert_eq!(
            command(false),
            [
                format!("{start} 1 --warmup 1.5 --decay-bias false --optimizer adamw --beta1 0.8"),
                "chainrule train --momentum 0.5 --seed 2 --nesterov".to_owned(),
            ]
        );
        let [adamw, sgd] = command(true);
        assert!(adamw.contains(" --beta2 0.999 --epsilon 1e-8") && !adamw.contains("momentum"), "{adamw}");
        assert!(
            sgd.contains(" --nesterov --decay-bias true --optimizer sgd") && !sgd.contains("beta"),
            "{sgd}"
        );
    }
}
