//! `chainrule plot`, `runs` and `info` with the CSV files of regression

use std::fmt::Write;
use std::path::Path;
use std::process::Output;

use crate::launch::{CHAINRULE, launch};

const EPOCHS: &str = "epoch,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,status,train_rmse,\
                      val_rmse,test_rmse,test_mae,test_r2";
const RUNS: &str = "run_id,status,hidden_dims,learning_rate,epochs,seed,train_loss,train_accuracy,test_loss,\
                    test_accuracy,best_epoch,best_accuracy,train_s,val_loss,val_accuracy,data,test_samples,classes,\
                    epochs_done,best_of,train_rmse,val_rmse,test_rmse,test_mae,test_r2,best_rmse,task,loss";

fn chainrule(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = launch(CHAINRULE, folder).args(args).output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (status.code(), stdout, stderr)
}

/// What `chainrule` prints to stdout and stderr; it must succeed
fn said(folder: &Path, args: &[&str]) -> (String, String) {
    let (code, stdout, stderr) = chainrule(folder, args);
    assert_eq!(code, Some(0), "{args:?}: {stderr}");
    (stdout, stderr)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The same file as a European Excel has it
fn to_excel(path: &Path) {
    let text = read(path).replace(',', ";").replace('.', ",").replace('\n', "\r\n");
    std::fs::write(path, format!("\u{feff}{text}")).unwrap();
}

/// Five epochs of a run, as lines that start with `head`; the RMSE falls to `rmse`
fn epochs(head: &str, rmse: f64) -> String {
    (1..=5).fold(String::new(), |mut lines, epoch| {
        let above = 1.0 + 1.0 / f64::from(epoch) - 0.2;
        let (loss, rmse) = (0.2 * above, rmse * above);
        writeln!(lines, "{head},{epoch},{loss},,{loss},,{loss},,ok,{rmse},{rmse},{rmse},1.5,0.5").unwrap();
        lines
    })
}

/// A row of summary.csv
fn summary(id: &str, dims: &str, rate: &str, rmse: f64, rows: usize) -> String {
    format!(
        "{id},ok,{dims},{rate},5,1,0.2,,0.2,,5,,2.5,0.2,,houses,{rows},,5,val,{rmse},{rmse},{rmse},1.5,-0.5,{rmse},\
         regress,mse"
    )
}

/// The folder of a run whose predictions are all off by `rmse`, above and below
fn run(folder: &Path, id: &str, targets: &[&str], rows: usize, rmse: f64) {
    let mut predictions = "row,target,true,predicted\n".to_owned();
    for row in 1..=rows {
        for (i, target) in targets.iter().enumerate() {
            let (t, sign) = (row as f64 - 2.5, if (row + i) % 2 == 0 { 1.0 } else { -1.0 });
            writeln!(predictions, "{row},\"{target}\",{t},{}", t + sign * rmse).unwrap();
        }
    }
    write(&folder.join("predictions.csv"), &predictions);
    let errors: String = targets.iter().fold(String::new(), |mut lines, target| {
        writeln!(lines, "\"{target}\",{rows},{rmse},{rmse},0.5").unwrap();
        lines
    });
    write(&folder.join("targets.csv"), &format!("target,samples,rmse,mae,r2\n{errors}"));
    write(&folder.join("epochs.csv"), &format!("run_id,{EPOCHS}\n{}", epochs(id, rmse)));
    write(&folder.join("summary.csv"), &format!("{RUNS}\n{}\n", summary(id, "64", "0.1", rmse, rows)));
}

/// A sweep over hidden_dims and learning_rate with these RMSEs
fn sweep(folder: &Path, trials: &[(&str, &str, f64)]) {
    let (mut runs, mut all) = (format!("{RUNS},trial\n"), format!("run_id,trial,{EPOCHS}\n"));
    for (i, (dims, rate, rmse)) in trials.iter().enumerate() {
        let id = format!("t{i:04}");
        writeln!(runs, "{},{id}", summary(&id, dims, rate, *rmse, 10)).unwrap();
        all += &epochs(&format!("{id},{id}"), *rmse);
    }
    write(&folder.join("runs.csv"), &runs);
    write(&folder.join("epochs.csv"), &all);
}

const FOUR: [(&str, &str, f64); 4] =
    [("none", "0.01", 50.0), ("none", "0.1", 40.0), ("64", "0.01", 12.345_6), ("64", "0.1", 20.0)];

#[test]
fn a_run_has_pictures_of_rmse_and_predictions_and_a_report_of_its_targets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    run(&path, "r", &["height", "a|b", "weight"], 20, 1.5);
    let (_, stderr) = said(folder.path(), &["plot", "r"]);
    assert_eq!(
        stderr,
        "wrote r/curves.svg, r/curves.png, r/predictions.svg, r/predictions.png, r/report.md\n"
    );
    let curves = read(&path.join("curves.svg"));
    for text in ["RMSE", "Loss (of standardised targets)", "best epoch: 5 (1.500)"] {
        assert!(curves.contains(&format!(">{text}</text>")), "{text} is not in {curves}");
    }
    let predictions = read(&path.join("predictions.svg"));
    assert_eq!(predictions.matches("<circle ").count(), 60);
    for text in ["height", "a|b", "weight", "r: predicted against true values of 20 test samples"] {
        assert!(predictions.contains(&format!(">{text}</text>")), "{text} is not in {predictions}");
    }
    let report = read(&path.join("report.md"));
    for text in [
        "- best epoch: 5, validation RMSE 1.500\n",
        "| test RMSE | 1.500 |\n| test MAE | 1.500 |\n| test R² | -0.5000 |\n",
        "![Loss and RMSE by epoch](curves.svg)\n\n![Predicted against true values](predictions.svg)\n",
        "| height | 20 | 1.500 | 1.500 | 0.5000 |\n| a\\|b | 20 |",
    ] {
        assert!(report.contains(text), "{text} is not in {report}");
    }
    assert!(!report.contains("accuracy"), "{report}");
}

#[test]
fn the_same_csvs_of_regression_give_the_same_bytes_in_either_dialect() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain", "excel"] {
        run(&folder.path().join(name).join("r"), "r", &["y"], 20, 1.5);
        sweep(&folder.path().join(name).join("s"), &FOUR);
    }
    let excel = folder.path().join("excel");
    for file in ["epochs.csv", "summary.csv", "predictions.csv", "targets.csv"] {
        to_excel(&excel.join("r").join(file));
    }
    ["epochs.csv", "runs.csv"].iter().for_each(|file| to_excel(&excel.join("s").join(file)));
    for kind in ["r", "s"] {
        for name in ["plain", "excel"] {
            said(&folder.path().join(name), &["plot", kind, "-q"]);
        }
        for file in
            ["curves.svg", "predictions.svg", "predictions.png", "sweep.svg", "heatmap.svg", "report.md"]
        {
            let [plain, excel] = ["plain", "excel"]
                .map(|name| std::fs::read(folder.path().join(name).join(kind).join(file)).ok());
            assert!(plain == excel, "{kind}/{file} differs from dialect to dialect");
        }
    }
}

#[test]
fn a_folder_of_evaluate_has_the_picture_of_its_predictions() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "r", &["y"], 3000, 0.25);
    for file in ["epochs.csv", "summary.csv"] {
        std::fs::remove_file(folder.path().join(file)).unwrap();
    }
    let (_, stderr) = said(folder.path(), &["plot", "."]);
    assert_eq!(stderr, "wrote ./predictions.svg, ./predictions.png\n");
    // More than 2000 rows are counted in cells.
    let svg = read(&folder.path().join("predictions.svg"));
    assert!(svg.contains(">Samples in a cell (log scale)</text>") && !svg.contains("<circle"), "{svg}");
    assert!(svg.contains(">Predicted against true values of 3,000 test samples</text>"), "{svg}");
}

#[test]
fn predictions_that_contradict_the_summary_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.csv");
    let refused = |edit: &dyn Fn(&str) -> String, message: &str| {
        run(folder.path(), "r", &["y", "z"], 20, 1.5);
        write(&path, &edit(&read(&path)));
        let (code, _, stderr) = chainrule(folder.path(), &["plot", "."]);
        assert!(code == Some(1) && stderr.contains(message), "{message} is not in {stderr}");
    };
    let without_last = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        lines[..lines.len() - 2].join("\n") + "\n"
    };
    refused(
        &without_last,
        "./predictions.csv: expected 20 rows of each target, as ./summary.csv says, found 19",
    );
    refused(
        &|text| text.replacen("1,\"y\",-1.5,-3", "1,\"y\",-1.5,-9", 1),
        "./predictions.csv: expected a test RMSE of 1.5, as ./summary.csv says, found ",
    );
    refused(
        &|text| text.replacen(",-1.5,", ",,", 1),
        "./predictions.csv: line 2, column true: expected a number, found ``",
    );
    refused(&|text| text.replacen("target", "aim", 1), "line 1: expected a column target");
    refused(&|_| "row,target,true,predicted\n".to_owned(), "line 2: expected a line for each row and target");
    // Rounding to f32 is no contradiction.
    run(folder.path(), "r", &["y"], 20, 1.5);
    let summary = folder.path().join("summary.csv");
    write(&summary, &read(&summary).replace(",1.5,", ",1.50001,"));
    said(folder.path(), &["plot", "."]);
}

#[test]
fn a_sweep_is_ranked_by_rmse_from_the_lowest() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &FOUR);
    let (_, stderr) = said(folder.path(), &["plot", "."]);
    assert_eq!(stderr, "wrote ./sweep.svg, ./sweep.png, ./heatmap.svg, ./heatmap.png, ./report.md\n");
    let report = read(&folder.path().join("report.md"));
    for text in [
        "`hidden_dims` 64, `learning_rate` 0.01: validation RMSE 12.35.\n",
        "Its test RMSE, which had no part in the choice, is 12.35;",
        "On the test samples: MAE 1.500, R² -0.5000.\n",
        "| **64** | **0.01** | **1** | **12.35** |",
        "## Against linear regression",
        "![RMSE by varied setting, and the learning curves of all trials](sweep.svg)",
    ] {
        assert!(report.replace(" |  | ", " | ").contains(text), "{text} is not in {report}");
    }
    let svg = read(&folder.path().join("heatmap.svg"));
    assert!(svg.contains(">Validation RMSE after the last epoch</text>"), "{svg}");
    // The best is yellow, the worst is dark.
    let color_of = |number: &str| {
        let before = svg.split(&format!(">{number}</text>")).next().unwrap();
        before.rsplit_once("<path ").unwrap().1.split("fill=\"").nth(1).unwrap()[..7].to_owned()
    };
    assert_eq!([color_of("12.35"), color_of("50.00")], ["#FDE725", "#440154"]);
    let (text, _) = said(folder.path(), &["info", "."]);
    let best = "best: t0002 (hidden_dims=64 learning_rate=0.01), validation RMSE 12.35, test RMSE 12.35\n";
    assert!(text.contains(best), "{text}");
}

#[test]
fn runs_of_both_tasks_have_a_report_without_a_winner_and_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &FOUR[..2]);
    for (file, from, to) in [
        ("runs.csv", ",50,50,50,1.5,-0.5,50,regress,mse", ",,,,,,,classify,auto"),
        ("runs.csv", "5,1,0.2,,0.2,,5,,2.5,0.2,,", "5,1,0.2,0.9,0.2,0.9,5,0.9,2.5,0.2,0.9,"),
    ] {
        let path = folder.path().join(file);
        assert!(read(&path).contains(from), "{}", read(&path));
        write(&path, &read(&path).replacen(from, to, 1));
    }
    let epochs = folder.path().join("epochs.csv");
    let text = read(&epochs).lines().filter(|line| !line.starts_with("t0000")).collect::<Vec<_>>().join("\n");
    let classified: String = (1..=5).fold(String::new(), |mut lines, epoch| {
        writeln!(lines, "t0000,t0000,{epoch},0.2,0.9,0.2,0.9,0.2,0.9,ok,,,,,").unwrap();
        lines
    });
    write(&epochs, &format!("{text}\n{classified}"));
    let (_, stderr) = said(folder.path(), &["plot", "."]);
    assert_eq!(stderr, "wrote ./report.md\n");
    let report = read(&folder.path().join("report.md"));
    assert!(report.contains("Accuracies and RMSEs can't be compared"), "{report}");
    assert!(
        report.contains("| validation accuracy (%) |") && report.contains("| validation RMSE |"),
        "{report}"
    );
    let (text, _) = said(folder.path(), &["info", "."]);
    assert!(text.contains("no best: some trials are of classification and others of regression"), "{text}");
}

#[test]
fn several_runs_are_drawn_over_one_another_if_they_have_one_task() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    run(&path.join("a"), "a", &["y"], 20, 1.5);
    run(&path.join("b"), "b", &["y"], 20, 2.5);
    said(path, &["plot", "a", "b"]);
    let svg = read(&path.join("overlay.svg"));
    assert!(svg.contains(">Validation loss and RMSE of 2 runs</text>"), "{svg}");
    assert!(svg.contains(">Validation RMSE</text>"), "{svg}");
    write(
        &path.join("c/epochs.csv"),
        "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy,status\nc,1,0.5,0.5,0.5,0.5,ok\n",
    );
    let (code, _, stderr) = chainrule(path, &["plot", "a", "c"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("`c` is a run of classification and `a` one of regression"), "{stderr}");
}

#[test]
fn runs_lists_and_sorts_by_the_metrics_of_regression() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &FOUR);
    let (all, _) = said(folder.path(), &["runs", "."]);
    let header = "trial  status  hidden_dims  learning_rate  best_epoch  best_rmse  val_rmse  test_loss  test_rmse  \
                  test_r2  train_s";
    assert_eq!(all.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join("  "), header);
    let line = all.lines().nth(3).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(line, "t0002 ok 64 0.01 5 12.35 12.35 0.2000 12.35 -0.5000 2.500");
    let sorted = |args: &[&str]| {
        let (text, _) = said(folder.path(), &[&["runs", ".", "--columns", "trial"], args].concat());
        text.lines().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(sorted(&["--sort", "test_rmse"]), "t0002 t0003 t0001 t0000");
    assert_eq!(sorted(&["--sort", "test_rmse", "--reverse", "--top", "1"]), "t0000");
    assert_eq!(sorted(&["--sort", "best-rmse", "--top", "1"]), "t0002");
    let (json, _) = said(folder.path(), &["runs", ".", "--json", "--sort", "val_rmse", "--top", "1"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["test_rmse"], 12.345_6);
    assert!(json[0].get("test_accuracy").is_none(), "{json}");
}
