//! `report.md` of one run: what was trained, how well, which classes it confuses or how far off it is for each target, and
//! the command that repeats it

use crate::error::{Result, separated};
use crate::report::analysis::{Analysis, ObservedRun, four_digits};
use crate::report::markdown_text::{escape, row};
use crate::report::number_columns::RMSE;
use crate::report::run_metrics::{METRICS, Printed};
use crate::report::score::ScoreKind;
use crate::report::train_command::train_command;
use crate::tables::reader::{Table, TableRow};

/// Number of pairs of classes that are listed
const PAIRS: usize = 5;

/// One run as its summary.csv describes it
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The run with its settings
    pub run: ObservedRun,
    /// The epoch with the best score, and that score
    pub best: Option<(u32, f64)>,
    /// The data on which that score was measured, `validation ` or `test `; empty if an older version did not record it
    best_of: &'static str,
    /// The epoch whose metrics it has: `last epoch` or `best epoch`
    epoch: &'static str,
    /// Why the run ended before its last epoch; empty if it did not
    reason: String,
    parameters: String,
    /// Name of each metric that the summary has, and its value with the unit
    metrics: Vec<(String, String)>,
    data: Vec<String>,
}

impl RunSummary {
    /// Reads a summary.csv; `None` if it has no row
    ///
    /// # Errors
    /// As [`Analysis::from_table`].
    pub fn read(summary: &Table) -> Result<Option<Self>> {
        let found = Analysis::from_table(summary)?;
        let epoch = found.epoch();
        let (Some(run), Some(line)) = (found.trials.into_iter().next(), summary.rows().next()) else {
            return Ok(None);
        };
        let number = |name: &str| line.as_number(summary.column(name)?);
        let text = |name: &str| summary.column(name).map_or("", |i| line.text(i)).trim().to_owned();
        let kind = run.score.unwrap_or_default();
        let metric = |(column, name, printed): (&str, &'static str, Printed)| {
            // The average goes on after the best epoch.
            let is_later = column.starts_with("average_") && epoch != "last epoch";
            let name =
                name.replace("last epoch", epoch) + if is_later { ", after the last epoch" } else { "" };
            Some((name, printed.text(number(column)?, kind)))
        };
        let metrics = METRICS.into_iter().filter_map(metric).collect();
        let samples =
            [("train_samples", "training"), ("val_samples", "validation"), ("test_samples", "test")];
        let samples = samples.into_iter().filter_map(|(column, part)| {
            let n = number(column).filter(|&n| n > 0.0)?;
            Some(format!("{} {part}", separated(n.round() as u128)))
        });
        let mut data: Vec<_> = samples.collect();
        data.extend(Some(text("classes")).filter(|n| !n.is_empty()).map(|n| format!("{n} classes")));
        data.extend(Some(text("data_hash")).filter(|n| !n.is_empty()).map(|n| format!("hash {n}")));
        let parameters =
            number("parameters").map_or_else(|| text("parameters"), |n| separated(n.round() as u128));
        let best = number("best_epoch").zip(number(&format!("best_{}", kind.name().to_lowercase())));
        let best = best.map(|(epoch, score)| (epoch as u32, score));
        let best_of = match text("best_of").as_str() {
            "val" => "validation ",
            "test" => "test ",
            _ => "",
        };
        let reason = text("reason");
        Ok(Some(Self { run, best, best_of, epoch, reason, parameters, metrics, data }))
    }

    /// The metric of its score; accuracy if the summary does not say which task it has
    fn kind(&self) -> ScoreKind {
        self.run.score.unwrap_or_default()
    }

    /// The settings in which runs usually differ, as `hidden layers 128x64, relu, learning_rate 0.01, batch_size 64, seed 42`
    pub fn subtitle(&self) -> String {
        let setting = |name: &str| match (name, self.run.setting(name)) {
            (_, "") => None,
            ("hidden_dims", "none") => Some("no hidden layer".to_owned()),
            ("activation", _) if self.run.setting("hidden_dims") == "none" => None,
            ("hidden_dims", dims) => Some(format!("hidden layers {dims}")),
            ("activation", value) => Some(value.to_owned()),
            (name, value) => Some(format!("{name} {value}")),
        };
        let names = ["hidden_dims", "activation", "learning_rate", "batch_size"];
        let mut parts: Vec<_> = names.into_iter().filter_map(setting).collect();
        parts.extend(Some(format!("seed {}", self.run.seed)).filter(|_| !self.run.seed.is_empty()));
        parts.join(", ")
    }
}

/// A label for each run: the settings and the seed in which the runs differ; empty if they do not differ
pub fn differences(runs: &[&RunSummary]) -> Vec<String> {
    let Some(first) = runs.first() else { return vec![] };
    let differs = |name: &&str| runs.iter().any(|run| run.run.setting(name) != first.run.setting(name));
    let names: Vec<_> = first.run.settings.iter().map(|(name, _)| *name).filter(differs).collect();
    let seeds = runs.iter().any(|run| run.run.seed != first.run.seed);
    let label = |run: &&RunSummary| {
        let mut parts: Vec<_> =
            names.iter().map(|name| format!("{name} {}", run.run.setting(name))).collect();
        parts.extend(seeds.then(|| format!("seed {}", run.run.seed)));
        parts.join(", ")
    };
    runs.iter().map(label).collect()
}

/// The text of `report.md` of a run
///
/// * `confused`: the table of confusion.csv, if there is one
/// * `targets`: the table of targets.csv, if there is one
/// * `pictures`: names of the picture files beside it, each with a description
///
/// # Errors
/// If a cell of `confused` or `targets` holds no number, or a column is missing.
pub fn run_report(
    summary: &RunSummary,
    confused: Option<&Table>,
    targets: Option<&Table>,
    pictures: &[(String, &str)],
) -> Result<String> {
    let run = &summary.run;
    let reason = if summary.reason.is_empty() { "" } else { ": " };
    let mut text = format!(
        "# Run {}\n\nStatus: `{}`{reason}{}.\n\n",
        escape(&run.id),
        run.status,
        escape(summary.reason.trim_end_matches('.'))
    );
    let bullets = [
        (
            "hidden layers",
            run.setting("hidden_dims").replace("none", &format!("none ({})", summary.kind().linear_model())),
        ),
        ("parameters", summary.parameters.clone()),
        (
            "data",
            [run.setting("data").to_owned()]
                .into_iter()
                .chain(summary.data.clone())
                .collect::<Vec<_>>()
                .join(", "),
        ),
    ];
    for (name, value) in bullets.iter().filter(|(_, value)| !value.is_empty()) {
        text += &format!("- {name}: {}\n", escape(value));
    }
    let settings = run
        .settings
        .iter()
        .filter(|(name, value)| !["hidden_dims", "data"].contains(name) && !value.is_empty());
    let mut settings: Vec<_> = settings.map(|(name, value)| format!("`{name}` {}", escape(value))).collect();
    settings.extend(Some(format!("`seed` {}", escape(&run.seed))).filter(|_| !run.seed.is_empty()));
    text += &format!("- settings: {}\n", settings.join(", "));
    if let Some((epoch, score)) = summary.best {
        let (kind, on) = (summary.kind(), summary.best_of);
        text += &format!("- best epoch: {epoch}, {on}{} {}\n", kind.name(), kind.text_with_unit(score));
    }
    if !summary.metrics.is_empty() {
        text += &format!("\n## Results\n\n| metric after the {} | |\n|---|---:|\n", summary.epoch);
        for (name, value) in &summary.metrics {
            text += &row(&[name.clone(), value.clone()]);
        }
    }
    for (file, what) in pictures {
        text += &format!("\n![{}]({file})\n", escape(what));
    }
    if let Some(table) = confused {
        text += &most_confused(table)?;
    }
    if let Some(table) = targets {
        text += &errors_by_target(table)?;
    }
    text += &format!("\n## Repeat it\n\n    {}\n", train_command(run, |_| true));
    Ok(
        text + "\nMade from the CSV files in this folder alone; `chainrule plot` with this folder makes it again.\n"
    )
}

/// The pairs of classes that are confused most often
fn most_confused(table: &Table) -> Result<String> {
    let [label, predicted, count] = [table.need("true")?, table.need("predicted")?, table.need("count")?];
    let mut support = std::collections::HashMap::new();
    let mut wrong: Vec<(u64, TableRow<'_>)> = vec![];
    for line in table.rows() {
        let n: u64 = line.whole(count)?;
        let total: &mut u64 = support.entry(line.text(label)).or_default();
        *total = total.saturating_add(n);
        if n > 0 && line.text(label) != line.text(predicted) {
            wrong.push((n, line));
        }
    }
    if wrong.is_empty() {
        return Ok(String::new());
    }
    wrong.sort_by_key(|(n, _)| std::cmp::Reverse(*n)); // stable: equal counts stay in the order of the file
    let mut text =
        "\n## Classes confused most\n\n| true class | taken for | samples | share of the true class (%) |\n\
                    |---|---|---:|---:|\n"
            .to_owned();
    for (n, line) in wrong.iter().take(PAIRS) {
        let name = line.text(label);
        let share = 100.0 * *n as f64 / support[name].max(1) as f64;
        text += &row(&[escape(name), escape(line.text(predicted)), separated(*n), format!("{share:.1}")]);
    }
    Ok(text)
}

/// The table of targets.csv
fn errors_by_target(table: &Table) -> Result<String> {
    let [target, samples, r2] = [table.need("target")?, table.need("samples")?, table.need("r2")?];
    let [rmse, mae] = [("rmse", RMSE), ("mae", "a mean absolute error, 0 or above")];
    let errors = [(table.need(rmse.0)?, rmse.1), (table.need(mae.0)?, mae.1)];
    let mut text =
        "\n## Errors by target\n\n| target | test samples | RMSE | MAE | R² |\n|---|---:|---:|---:|---:|\n"
            .to_owned();
    for line in table.rows() {
        let error = |(column, expected): (usize, &str)| {
            let error = line.within(column, 0.0..=f64::MAX, expected)?;
            error.map(|x| four_digits(x, None)).ok_or_else(|| line.problem(column, expected))
        };
        let share = line.within(r2, f64::MIN..=1.0, "an R², 1 or below")?;
        text += &row(&[
            escape(line.text(target)),
            separated(line.whole::<u64>(samples)?),
            error(errors[0])?,
            error(errors[1])?,
            // All true values are equal.
            share.map_or_else(|| "none".to_owned(), |x| format!("{x:.4}")),
        ]);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn table(csv: &str) -> Table {
        Table::parse(Path::new("summary.csv"), csv.as_bytes()).unwrap()
    }

    const HEAD: &str = "run_id,status,hidden_dims,activation,learning_rate,seed,test_accuracy,best_epoch,best_accuracy,data\n";

    #[test]
    fn the_report_has_net_best_epoch_confusions_and_a_whole_command() {
        let csv = format!("{HEAD}r,ok,128x64,relu,1e-5,42,0.88,7,0.89,a b\n");
        let summary = RunSummary::read(&table(&csv)).unwrap().unwrap();
        let matrix = table("true,predicted,count\na,a,90\na,b,10\nb,b,97\nb,a,3\n");
        let text = run_report(&summary, Some(&matrix), None, &[("curves.svg".to_owned(), "Curves")]).unwrap();
        for part in [
            "# Run r\n",
            "- hidden layers: 128x64\n",
            "- best epoch: 7, accuracy 89.00 %\n",
            "| a | b | 10 | 10.0 |\n| b | a | 3 | 3.0 |\n",
            "![Curves](curves.svg)",
            "    chainrule train --hidden-dims 128x64 --activation relu --learning-rate 1e-5 --seed 42 --data 'a b'\n",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(summary.subtitle(), "hidden layers 128x64, relu, learning_rate 1e-5, seed 42");
    }

    #[test]
    fn a_run_of_regression_has_its_errors_for_each_target() {
        let csv = "run_id,status,hidden_dims,seed,train_loss,test_accuracy,test_loss,best_epoch,best_accuracy,best_of,classes,\
                   train_rmse,val_rmse,test_rmse,test_mae,test_r2,best_rmse\n\
                   r,ok,none,1,0.25,,0.5,3,,val,,1.5,1.625,1234.56,0.75,-0.125,1.375\n";
        let summary = RunSummary::read(&table(csv)).unwrap().unwrap();
        let targets = table("target,samples,rmse,mae,r2\ny_1,1200,0.5,0.25,0.9\nflat,1200,2e-6,0,\n");
        let text = run_report(&summary, None, Some(&targets), &[]).unwrap();
        for part in [
            "- hidden layers: none (linear regression)\n",
            "- best epoch: 3, validation RMSE 1.375\n",
            "| test RMSE | 1235 |\n| test MAE | 0.7500 |\n| test R² | -0.1250 |\n\
             | test loss | 0.5000 (of standardised targets) |\n| validation RMSE | 1.625 |\n\
             | training RMSE over the last epoch | 1.500 |\n",
            "## Errors by target\n\n| target | test samples | RMSE | MAE | R² |\n|---|---:|---:|---:|---:|\n\
             | y\\_1 | 1,200 | 0.5000 | 0.2500 | 0.9000 |\n| flat | 1,200 | 2.000e-6 | 0 | none |\n",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let wrong = table("target,samples,rmse,mae,r2\ny,12,,0.25,0.9\n");
        let error = run_report(&summary, None, Some(&wrong), &[]).unwrap_err().to_string();
        assert_eq!(error, "summary.csv: line 2, column rmse: expected an RMSE, 0 or above, found ``");
    }

    #[test]
    fn averaged_weights_have_rows_that_say_their_epoch() {
        let text = |keep: &str| {
            let csv = format!(
                "run_id,status,hidden_dims,seed,test_accuracy,average_val_accuracy,average_test_loss,average_test_accuracy,keep\n\
                 r,ok,8,1,0.5,0.625,0.25,0.75,{keep}\n"
            );
            let summary = RunSummary::read(&table(&csv)).unwrap().unwrap();
            run_report(&summary, None, None, &[]).unwrap()
        };
        let (last, best) = (text("last"), text("best"));
        let rows = "| test accuracy | 50.00 % |\n| test accuracy of the averaged weights | 75.00 % |\n\
                    | test loss of the averaged weights | 0.2500 nats |\n\
                    | validation accuracy of the averaged weights | 62.50 % |\n";
        assert!(last.contains(rows), "{last}");
        let row = "| test accuracy of the averaged weights, after the last epoch | 75.00 % |\n";
        assert!(best.contains("| metric after the best epoch | |") && best.contains(row), "{best}");
    }

    #[test]
    fn counts_have_separated_thousands() {
        let csv = "run_id,status,hidden_dims,seed,test_accuracy,parameters,train_samples,val_samples,test_samples,samples_per_s\n\
                   r,ok,128,1,0.5,1340298,60000,0,10000,333653\n";
        let summary = RunSummary::read(&table(csv)).unwrap().unwrap();
        let matrix = table("true,predicted,count\na,b,1234\nb,b,1\n");
        let text = run_report(&summary, Some(&matrix), None, &[]).unwrap();
        for part in [
            "- parameters: 1,340,298\n",
            "- data: , 60,000 training, 10,000 test\n",
            "| samples per second | 333,653 |\n",
            "| a | b | 1,234 | 100.0 |\n",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn labels_name_only_what_differs() {
        let of = |row: &str| RunSummary::read(&table(&format!("{HEAD}{row}\n"))).unwrap().unwrap();
        let [a, b] = [of("r,ok,128,relu,0.1,1,0.5,1,0.5,d"), of("q,ok,128,relu,0.2,1,0.5,1,0.5,d")];
        assert_eq!(differences(&[&a, &b]), ["learning_rate 0.1", "learning_rate 0.2"]);
    }
}
