//! `report.md` of a sweep: the winner, how it was chosen, and the table of all combinations

use std::collections::HashSet;

use crate::config::{SHORT_FORMS, find};
use crate::error::separated;
use crate::report::analysis::{
    Analysis, Group, MetricColumn, ObservedRun, Spread, Undecided, VariedSetting, four_digits,
};
use crate::report::halving::Halving;
use crate::report::markdown_table::{against_linear, combination, table};
use crate::report::markdown_text::{decimals, escape, plural, row};
use crate::report::score::{NO_SAMPLES, Score};
use crate::report::train_command::train_command;
use crate::tables::Status;

/// Number of values of a sampled setting that are listed; more are counted
const LISTED: usize = 8;

/// Settings that are the same for all and listed also where they have their defaults
const ALWAYS: [&str; 8] =
    ["hidden_dims", "activation", "optimizer", "learning_rate", "batch_size", "epochs", "data", "dtype"];

/// The text of `report.md`
///
/// * `pictures`: names of the picture files beside it, each with a description
pub fn report(analysis: &Analysis, pictures: &[(String, &str)]) -> String {
    let mut parts = vec![overview(analysis), winner(analysis)];
    parts.extend(Halving::of(analysis).map(|halving| halving.section()));
    parts.extend(pictures.iter().map(|(file, what)| format!("![{}]({file})\n", escape(what))));
    parts.push(table(analysis));
    parts.extend(against_linear(analysis));
    parts.extend(not_ok(analysis));
    parts.push(
        "Made from `runs.csv`, `epochs.csv` and, if there is one, `plan.toml`; `chainrule plot` with this folder makes it again.\n"
            .to_owned(),
    );
    parts.join("\n")
}

fn overview(analysis: &Analysis) -> String {
    let names: Vec<_> = analysis.axes.iter().map(|axis| format!("`{}`", axis.name)).collect();
    let by = if names.is_empty() {
        "of one combination of settings".to_owned()
    } else {
        format!("by {}", names.join(" and "))
    };
    let mut text = format!("# Sweep {by}\n\n");
    let counts = Status::ALL.map(|status| (analysis.count(status), status)).into_iter();
    let statuses: Vec<_> =
        counts.filter(|(n, _)| *n > 0).map(|(n, status)| format!("{} `{status}`", separated(n))).collect();
    let trials = plural(analysis.trials.len() + analysis.repeats.len(), "trial");
    let combinations = plural(analysis.groups.len(), "combination");
    text += &format!("{trials} of {combinations}: {}.\n\n", statuses.join(", "));
    text += &repeats(analysis);
    let mut known = HashSet::new();
    let seeds = analysis.trials.iter().map(|trial| &trial.seed).filter(|seed| !seed.is_empty());
    let seeds: Vec<_> = seeds.filter(|seed| known.insert(*seed)).cloned().collect();
    let varied = analysis.axes.iter().map(|axis| (axis.name.as_str(), &axis.values));
    for (name, values) in varied.chain((!seeds.is_empty()).then_some(("seed", &seeds))) {
        let values: Vec<_> = match &values[..] {
            [first, .., last] if analysis.is_sampled && values.len() > LISTED => {
                text += &format!(
                    "- `{name}`: {} values from {} to {}\n",
                    values.len(),
                    escape(first),
                    escape(last)
                );
                continue;
            }
            values => values.iter().map(|value| escape(value)).collect(),
        };
        text += &format!("- `{name}`: {}\n", values.join(", "));
    }
    text + &fixed(analysis)
}

/// The settings that are the same for all: those that are not the defaults, and those that every reader needs
fn fixed(analysis: &Analysis) -> String {
    let is_default = |name: &str, value: &str| find(name).is_some_and(|setting| setting.default == value);
    let filled: Vec<_> = analysis.fixed.iter().filter(|(_, value)| !value.is_empty()).collect();
    let is_shown =
        |(name, value): &&&(&'static str, String)| ALWAYS.contains(name) || !is_default(name, value);
    let shown: Vec<_> =
        filled.iter().filter(is_shown).map(|(name, value)| format!("`{name}` {}", escape(value))).collect();
    let rest = filled.len() - shown.len();
    match (&shown[..], rest) {
        ([], 0) => String::new(),
        ([], _) => {
            "- the same for all: the defaults of all other settings, which `runs.csv` lists\n".to_owned()
        }
        (_, 0) => format!("- the same for all: {}\n", shown.join(", ")),
        _ => format!(
            "- the same for all: {}; all other settings have their defaults, which `runs.csv` lists\n",
            shown.join(", ")
        ),
    }
}

/// Says how many runs are not counted because they repeat another; empty if there are none
fn repeats(analysis: &Analysis) -> String {
    let repeats = analysis.repeats.len();
    if repeats == 0 {
        return String::new();
    }
    let (repeat, are) = if repeats == 1 { ("repeats", "is") } else { ("repeat", "are") };
    let runs = plural(repeats, "run");
    let others = match analysis.contradictions {
        0 => String::new(),
        n => format!("; {n} of them ended with other metrics, and the first that is `ok` is counted"),
    };
    format!(
        "{runs} {repeat} another run of the same combination and seed and {are} counted once{others}.\n\n"
    )
}

fn winner(analysis: &Analysis) -> String {
    let mut text = if analysis.groups.len() > 1 { "## Winner\n\n" } else { "## Result\n\n" }.to_owned();
    let Score { kind, is_validated } = analysis.score;
    match analysis.undecided() {
        Some(Undecided::Tasks) => {
            return text
                + "None: some trials are of classification and others of regression. Accuracies and RMSEs can't be compared, so no \
                   combination is the best, and no picture compares them.\n";
        }
        Some(Undecided::Targets) => {
            return text
                + "None: trials predict different targets. Their RMSEs are in the units of the targets and can't be compared, so no \
                   combination is the best, and no picture compares them.\n";
        }
        None => {}
    }
    let winner = analysis.winner().and_then(|winner| Some((winner, analysis.scored(winner)?)));
    let Some((winner, scored)) = winner else {
        return match analysis.has_no_samples() {
            true => text + "None: " + NO_SAMPLES + ".\n",
            false => text + "None: no trial ended with metrics.\n",
        };
    };
    let name = if analysis.axes.is_empty() {
        "The only combination".to_owned()
    } else {
        combination(analysis, winner)
    };
    let over = if scored.n > 1 { format!(" over {} seeds", scored.n) } else { String::new() };
    let score = analysis.score.name();
    text += &format!("{name}: {score} {}{over}.\n", kind.with_unit(&kind.spread_text(scored)));
    let lost = winner.trials.len() - scored.n;
    if lost > 0 {
        let (trials, are) = (plural(lost, "trial"), if lost == 1 { "is" } else { "are" });
        text += &format!("{trials} of this combination did not end as `ok` and {are} not in the mean.\n");
    }
    let [_, _, column] = kind.columns();
    let test = analysis.spread(winner, column).map(|spread| kind.with_unit(&kind.spread_text(spread)));
    text += &match (is_validated, test) {
        _ if analysis.groups.len() == 1 => String::new(),
        (true, Some(test)) => format!(
            "\nIt was chosen by {score}. Its test {}, which had no part in the choice, is {test}; it is reported \
             for the winner only, once.\n",
            kind.name()
        ),
        (true, None) => format!("\nIt was chosen by {score}. There was no test set.\n"),
        (false, _) => format!(
            "\nThere was no validation split: **test metrics picked the winner, so its test {} is too optimistic**. \
             With `--val-split 0.1` the choice is made on samples held out from training.\n",
            kind.name()
        ),
    };
    text += &errors(analysis, winner);
    let ok = |&&i: &&usize| analysis.trials[i].status == Status::Ok;
    let mut trials = winner.trials.iter().filter(ok).map(|&i| &analysis.trials[i]);
    if let Some(first) = trials.next() {
        text += &format!("\nRepeat it with\n\n    {}\n", repeated(analysis, first));
        let others: Vec<_> = trials.map(|trial| format!("`--seed {}`", trial.seed)).collect();
        if !others.is_empty() {
            text += &format!("\nand the other seeds with {} in its place.\n", others.join(", "));
        }
    }
    text
}

/// The errors of regression on the test samples; empty if the winner has none
///
/// The RMSE is among them if it is said nowhere else: validation data decided, and there was no choice.
fn errors(analysis: &Analysis, winner: &Group) -> String {
    let is_new = analysis.score.is_validated && analysis.groups.len() == 1;
    let spread = |column| analysis.spread(winner, column);
    let error = |Spread { mean, sd, .. }: Spread| four_digits(mean, sd);
    let r2 = spread(MetricColumn::TestR2);
    let found = [
        ("RMSE", spread(MetricColumn::TestRmse).filter(|_| is_new).map(error)),
        ("MAE", spread(MetricColumn::TestMae).map(error)),
        ("R²", r2.map(|_| decimals(r2, 4))),
    ];
    let found = found.into_iter().filter_map(|(name, text)| Some(format!("{name} {}", text?)));
    let found: Vec<_> = found.collect();
    if found.is_empty() { String::new() } else { format!("\nOn the test samples: {}.\n", found.join(", ")) }
}

/// The command that repeats `trial`, with the settings that were varied even where they have their defaults
fn repeated(analysis: &Analysis, trial: &ObservedRun) -> String {
    let is_short = |name: &str| SHORT_FORMS.iter().any(|short| short.name == name);
    let varied = |name: &str| {
        let axis = |axis: &VariedSetting| axis.name == name || name == "hidden_dims" && is_short(&axis.name);
        analysis.axes.iter().any(axis)
    };
    train_command(trial, varied)
}

fn not_ok(analysis: &Analysis) -> Option<String> {
    let mut rows = String::new();
    for group in &analysis.groups {
        for trial in group.trials.iter().map(|&i| &analysis.trials[i]) {
            if !matches!(trial.status, Status::Ok | Status::Halted) {
                let (id, seed) = (escape(&trial.id), escape(&trial.seed));
                rows += &row(&[id, trial.status.to_string(), combination(analysis, group), seed]);
            }
        }
    }
    let head = "## Trials that are not ok\n\n| trial | status | combination | seed |\n|---|---|---|---:|\n";
    (!rows.is_empty()).then(|| head.to_owned() + &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::reader::Table;
    use std::path::Path;

    fn of(csv: &str) -> String {
        let table = Table::parse(Path::new("runs.csv"), csv.as_bytes()).unwrap();
        report(&Analysis::from_table(&table).unwrap(), &[("sweep.svg".to_owned(), "Accuracy")])
    }

    const HEAD: &str =
        "trial,status,hidden_dims,learning_rate,epochs,seed,test_accuracy,val_accuracy,val_split,data\n";

    #[test]
    fn without_a_split_the_report_says_that_test_metrics_picked_the_winner() {
        let text = of(&format!("{HEAD}t0000,ok,none,0.1,5,1,0.84,,,d\nt0001,ok,64,0.1,5,1,0.88,,,d\n"));
        assert!(text.contains("test metrics picked the winner"), "{text}");
        assert!(
            text.contains(
                "    chainrule train --hidden-dims 64 --learning-rate 0.1 --epochs 5 --seed 1 --data d\n"
            ),
            "{text}"
        );
        assert!(text.contains("4.00 percentage points better"), "{text}");
        assert!(text.contains("| **64** | **1** |") && text.contains("![Accuracy](sweep.svg)"), "{text}");
    }

    #[test]
    fn with_a_split_the_test_accuracy_is_there_once() {
        let text =
            of(&format!("{HEAD}a,ok,32,0.1,5,1,0.7777,0.81,0.1,d\nb,ok,64,0.1,5,1,0.7666,0.82,0.1,d\n"));
        assert!(text.contains("chosen by validation accuracy"), "{text}");
        assert_eq!((text.matches("76.66").count(), text.matches("77.77").count()), (1, 0), "{text}");
        assert!(text.contains("--val-split 0.1"), "{text}");
        let untested = of(&format!("{HEAD}a,ok,32,0.1,5,1,,0.81,0.1,d\nb,ok,64,0.1,5,1,,0.82,0.1,d\n"));
        assert!(
            untested.contains("It was chosen by validation accuracy. There was no test set.\n"),
            "{untested}"
        );
    }

    const REGRESSION: &str = "trial,status,hidden_dims,seed,test_accuracy,val_loss,train_rmse,val_rmse,test_rmse,test_mae,\
                              test_r2,test_loss\n";

    #[test]
    fn a_sweep_of_regression_is_ranked_by_rmse_and_names_mae_and_r2_of_the_winner_alone() {
        let text = of(&format!(
            "{REGRESSION}a,ok,none,1,,0.25,2.5,2.75,2.9,1.5,0.75,0.26\nb,ok,64,1,,0.125,1.5,1.75,1.625,1.25,0.875,0.13\n\
             c,ok,64,2,,0.125,1.5,1.25,1.375,1.25,0.875,0.13\n"
        ));
        for part in [
            "`hidden_dims` 64: validation RMSE 1.500 ± 0.354 over 2 seeds.\n",
            "It was chosen by validation RMSE. Its test RMSE, which had no part in the choice, is 1.500 ± 0.177; it is",
            "On the test samples: MAE 1.250 ± 0.000, R² 0.8750 ± 0.0000.\n",
            "| hidden\\_dims | trials | parameters | validation RMSE | validation loss (of standardised targets) | training RMSE \
             | time of training (s) |\n|---|---:|---:|---:|---:|---:|---:|\n",
            "| none | 1 |  | 2.750 | 0.2500 | 2.500 |  |\n",
            "| **64** | **2** |  | **1.500 ± 0.354** | **0.1250 ± 0.0000** | **1.500 ± 0.000** |  |\n",
            "## Against linear regression\n",
            "The best net is 1.250 better than the best of it, by validation RMSE:",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("2.9") && !text.contains('%') && !text.contains("accurac"), "{text}");
    }

    #[test]
    fn without_a_split_the_test_rmse_of_regression_is_too_optimistic() {
        let text = of(&format!("{REGRESSION}a,ok,32,1,,,2,,3e9,1,-0.5,0.5\nb,ok,64,1,,,2,,2e9,1,0.5,0.5\n"));
        assert!(text.contains("`hidden_dims` 64: test RMSE 2.000e9.\n"), "{text}");
        assert!(text.contains("so its test RMSE is too optimistic**"), "{text}");
    }

    #[test]
    fn runs_of_both_tasks_are_listed_without_a_winner() {
        let text = of("trial,status,hidden_dims,seed,test_accuracy,test_loss,test_rmse\n\
                       a,ok,32,1,0.5,0.25,\nb,ok,64,1,,0.75,2.5\n");
        assert!(text.contains("Accuracies and RMSEs can't be compared"), "{text}");
        assert!(!text.contains("winner is"), "{text}");
        assert!(
            text.contains("| test accuracy (%) | test loss (nats) | training accuracy (%) | test RMSE |"),
            "{text}"
        );
        assert!(text.contains("| 32 | 1 |  | 50.00 | 0.2500 |  |  |  |  |  |\n"), "{text}");
        assert!(text.contains("| 64 | 1 |  |  |  |  | 2.500 | 0.7500 |  |  |\n"), "{text}");
    }

    #[test]
    fn runs_that_repeat_another_are_counted_once_and_the_report_says_so() {
        let rows = "a,ok,32,0.1,5,1,0.8,,,d\nb,ok,32,0.1,5,2,0.9,,,d\n";
        let again = "c,ok,32,0.1,5,1,0.8,,,d\nd,ok,32,0.1,5,2,0.7,,,d\n";
        let (once, twice) = (of(&format!("{HEAD}{rows}")), of(&format!("{HEAD}{rows}{again}")));
        let said = "2 runs repeat another run of the same combination and seed and are counted once; 1 of them ended with \
                    other metrics, and the first that is `ok` is counted.\n\n";
        assert!(twice.contains("85.00 ± 7.07 % over 2 seeds") && twice.contains(said), "{twice}");
        let counts = [("4 trials of 1 combination: 4 `ok`", "2 trials of 1 combination: 2 `ok`"), (said, "")];
        assert_eq!(counts.iter().fold(twice, |text, (found, with)| text.replace(found, with)), once);
    }

    #[test]
    fn trials_that_failed_are_listed_and_hostile_names_are_escaped() {
        let text = of(&format!(
            "{HEAD}a,diverged,32,1e6,5,1,,,,\"x|<b>`y`\n\"\nb,failed,64,1e6,5,1,,,,\"x|<b>`y`\n\"\n"
        ));
        assert!(text.contains("None: no trial ended with metrics."), "{text}");
        assert!(
            text.contains("| a | diverged | `hidden_dims` 32 | 1 |") && text.contains("| b | failed |"),
            "{text}"
        );
        assert!(text.contains("x\\|\\<b\\>\\`y\\`"), "{text}");
    }
}
