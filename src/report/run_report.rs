//! `report.md` of one run: what was trained, how well, which classes it confuses, and the command that repeats it

use crate::error::{Result, separated};
use crate::report::analysis::{Analysis, ObservedRun, short_number};
use crate::report::markdown_text::{escape, row};
use crate::report::train_command::train_command;
use crate::tables::reader::{Table, TableRow};

/// Number of pairs of classes that are listed
const PAIRS: usize = 5;

/// One run as its summary.csv describes it
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The run with its settings
    pub run: ObservedRun,
    /// The epoch with the best accuracy, and that accuracy
    pub best: Option<(u32, f64)>,
    /// The data on which that accuracy was measured, `validation ` or `test `; empty if an older version did not record it
    best_of: &'static str,
    parameters: String,
    /// Name of each metric that the summary has, and its value with the unit
    metrics: Vec<(&'static str, String)>,
    data: Vec<String>,
}

/// The metrics in the report: column, name, unit
const METRICS: [(&str, &str, &str); 8] = [
    ("test_accuracy", "test accuracy", "%"),
    ("test_loss", "test loss", "nats"),
    ("val_accuracy", "validation accuracy", "%"),
    ("val_loss", "validation loss", "nats"),
    ("train_accuracy", "training accuracy, mean over the last epoch", "%"),
    ("train_loss", "training loss, mean over the last epoch", "nats"),
    ("train_s", "time of training", "s"),
    ("samples_per_s", "samples per second", ""),
];

impl RunSummary {
    /// Reads a summary.csv; `None` if it has no row
    ///
    /// # Errors
    /// As [`Analysis::from_table`].
    pub fn read(summary: &Table) -> Result<Option<Self>> {
        let found = Analysis::from_table(summary)?;
        let (Some(run), Some(line)) = (found.trials.into_iter().next(), summary.rows().next()) else {
            return Ok(None);
        };
        let number = |name: &str| line.as_number(summary.column(name)?);
        let text = |name: &str| summary.column(name).map_or("", |i| line.text(i)).trim().to_owned();
        let metric = |(column, name, unit): (&str, &'static str, &str)| {
            let x = number(column)?;
            let value = match (unit, column) {
                ("%", _) => format!("{:.2} %", 100.0 * x),
                ("", _) => separated(x.round() as u128),
                ("s", _) => format!("{} s", short_number((x * 1000.0).round() / 1000.0)),
                _ if x >= 1e4 => format!("{x:.2e} {unit}"),
                _ => format!("{x:.4} {unit}"),
            };
            Some((name, value))
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
        let best =
            number("best_epoch").zip(number("best_accuracy")).map(|(epoch, share)| (epoch as u32, share));
        let best_of = match text("best_of").as_str() {
            "val" => "validation ",
            "test" => "test ",
            _ => "",
        };
        Ok(Some(Self { run, best, best_of, parameters, metrics, data }))
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
/// * `pictures`: names of the picture files beside it, each with a description
///
/// # Errors
/// If a count in `confused` is not a whole number, or a column is missing.
pub fn run_report(
    summary: &RunSummary,
    confused: Option<&Table>,
    pictures: &[(String, &str)],
) -> Result<String> {
    let run = &summary.run;
    let mut text = format!("# Run {}\n\nStatus: `{}`.\n\n", escape(&run.id), run.status);
    let bullets = [
        ("hidden layers", run.setting("hidden_dims").replace("none", "none (softmax regression)")),
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
    if let Some((epoch, share)) = summary.best {
        text += &format!("- best epoch: {epoch}, {}accuracy {:.2} %\n", summary.best_of, 100.0 * share);
    }
    if !summary.metrics.is_empty() {
        text += "\n## Results\n\n| metric after the last epoch | |\n|---|---:|\n";
        for (name, value) in &summary.metrics {
            text += &row(&[(*name).to_owned(), value.clone()]);
        }
    }
    for (file, what) in pictures {
        text += &format!("\n![{}]({file})\n", escape(what));
    }
    if let Some(table) = confused {
        text += &most_confused(table)?;
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
        let text = run_report(&summary, Some(&matrix), &[("curves.svg".to_owned(), "Curves")]).unwrap();
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
    fn counts_have_separated_thousands() {
        let csv = "run_id,status,hidden_dims,seed,test_accuracy,parameters,train_samples,val_samples,test_samples,samples_per_s\n\
                   r,ok,128,1,0.5,1340298,60000,0,10000,333653\n";
        let summary = RunSummary::read(&table(csv)).unwrap().unwrap();
        let matrix = table("true,predicted,count\na,b,1234\nb,b,1\n");
        let text = run_report(&summary, Some(&matrix), &[]).unwrap();
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
