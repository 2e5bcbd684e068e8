//! Averages of the weights: their file, their metrics, and the commands that read them

use std::fs;
use std::path::Path;

use chainrule::tables::reader::Table;

use crate::launch::{CHAINRULE, launch};
use crate::resume::{IMAGES, TABLE, ended, folder};

const AVERAGE: &str = "results/a/model-average.safetensors";

/// The text of a column in the last row of a table
fn cell(path: &Path, column: &str) -> String {
    let table = Table::read(path).unwrap();
    table.rows().last().unwrap().text(table.need(column).unwrap()).to_owned()
}

/// Standard output of a command that must succeed
fn printed(folder: &Path, args: &str) -> String {
    let output = launch(CHAINRULE, folder).args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_metrics_of_the_average_are_those_of_its_file() {
    for (data, metrics) in [
        (IMAGES, [("accuracy", "average_test_accuracy"), ("loss", "average_test_loss")]),
        (TABLE, [("rmse", "average_test_rmse"), ("loss", "average_test_loss")]),
    ] {
        let folder = folder();
        let path = folder.path();
        for setting in ["--ema 0.9", "--swa 2"] {
            let train =
                format!("train {data} --val-split 0.2 --hidden-dims 6 --epochs 3 --run-id a {setting}");
            let stderr = ended(path, &train, 0);
            let score = if data == TABLE { "RMSE" } else { "accuracy" };
            for part in [
                format!("; average: validation {score} "),
                format!(", validation {score} of the average "),
                format!(", test {score} of the average "),
                " model-average.safetensors,".to_owned(),
            ] {
                assert!(stderr.contains(&part), "{part}: {stderr}");
            }
            assert_eq!(
                stderr.matches("; average: ").count(),
                if setting == "--swa 2" { 2 } else { 3 },
                "{stderr}"
            );
            ended(path, &format!("evaluate {AVERAGE} --out e -q"), 0);
            let [run, metrics_csv] = ["results/a/summary.csv", "e/metrics.csv"].map(|name| path.join(name));
            for (theirs, ours) in metrics {
                let own = cell(&run, ours);
                assert_eq!(own, cell(&metrics_csv, theirs), "{setting}: {ours}");
                assert_eq!(own, cell(&path.join("results/a/epochs.csv"), ours), "{setting}: {ours}");
                assert_ne!(own, cell(&run, "test_loss"), "{setting}: {ours}");
            }
            assert_ne!(cell(&run, "average_val_loss"), "");
            let report = fs::read_to_string(path.join("results/a/report.md")).unwrap();
            assert!(report.contains(&format!("| test {score} of the averaged weights |")), "{report}");
            let curves = fs::read_to_string(path.join("results/a/curves.svg")).unwrap();
            assert!(curves.contains(">validation, averaged weights</text>"), "{curves}");
            let sorted = printed(path, &format!("runs --sort {}", metrics[0].1));
            assert!(sorted.lines().next().unwrap().contains(metrics[0].1), "{sorted}");
            fs::remove_dir_all(path.join("results")).unwrap();
            fs::remove_dir_all(path.join("e")).unwrap();
        }
    }
}

#[test]
fn every_command_that_reads_a_model_reads_the_average() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("train {TABLE} --hidden-dims 6 --epochs 2 --run-id a --ema 0.9 -q"), 0);
    fs::write(path.join("new.csv"), "a,b\n1,2\n3,4\n").unwrap();
    let predict = |model: &str| printed(path, &format!("predict {model} new.csv"));
    assert_ne!(predict(AVERAGE), predict("results/a/model.safetensors"));
    assert!(printed(path, &format!("info {AVERAGE}")).contains("2-6-1"));
    ended(path, &format!("export {AVERAGE} --npz average.npz --onnx average.onnx"), 0);
    assert!(path.join("average.npz").exists() && path.join("average.onnx").exists());
    ended(path, &format!("train {TABLE} --init {AVERAGE} --epochs 0 --run-id b -q"), 0);
    // A run that starts from the average and trains no epoch has its metrics.
    let [a, b] = ["a", "b"].map(|run| path.join("results").join(run).join("summary.csv"));
    assert_eq!(cell(&b, "test_rmse"), cell(&a, "average_test_rmse"));
}

#[test]
fn two_averages_are_refused_and_one_that_never_comes_is_told() {
    let folder = folder();
    let path = folder.path();
    let train = format!("train {IMAGES} --hidden-dims 4 --epochs 1");
    for (settings, message) in [
        ("--ema 0.9 --swa 1", "swa is 1, expected 0 beside --ema 0.9, since a run has one average"),
        ("--ema 1", "ema is 1, expected 0 or more and below 1"),
        ("--swa 1.5", "--swa"),
    ] {
        let stderr = ended(path, &format!("{train} {settings}"), 2);
        assert!(stderr.contains(message), "{settings}: {stderr}");
    }
    let stderr = ended(path, &format!("{train} --swa 2 --run-id late"), 0);
    assert!(stderr.contains("warning: --swa 2 averages from epoch 2 on"), "{stderr}");
    assert!(!path.join("results/late/model-average.safetensors").exists());
    // It comes when the run goes on.
    ended(path, "train --resume results/late --epochs 2 -q", 0);
    assert!(path.join("results/late/model-average.safetensors").exists());
    assert_ne!(cell(&path.join("results/late/summary.csv"), "average_test_loss"), "");
}

#[test]
fn a_sweep_compares_averages_in_its_columns() {
    let folder = folder();
    let path = folder.path();
    let sweep =
        format!("sweep --grid ema=0,0.9 {IMAGES} --hidden-dims 4 --epochs 2 --jobs 1 -q --sweep-id s");
    ended(path, &sweep, 0);
    let runs = Table::read(&path.join("results/s/runs.csv")).unwrap();
    let texts = |name: &str| {
        let at = runs.need(name).unwrap();
        runs.rows().map(|row| row.text(at).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts("ema"), ["0", "0.9"]);
    // Averages change no other metric.
    assert_eq!(texts("test_loss")[0], texts("test_loss")[1]);
    let average = texts("average_test_loss");
    assert!(average[0].is_empty() && !average[1].is_empty(), "{average:?}");
    assert_eq!(cell(&path.join("results/s/epochs.csv"), "average_test_loss"), average[1]);
}
