//! Early stopping, the model that is kept, and time limits

use std::fs;
use std::path::{Path, PathBuf};

use chainrule::tables::reader::Table;

use crate::resume::{IMAGES, TABLE, assert_same, elements, ended, folder};

/// A run that finds its best validation metric long before its last epoch
const SETTINGS: &str = "--hidden-dims 16 --batch-size 4 --val-split 0.3 --epochs 40";

const NOISE: &str = "--data c.csv --test-split 0.2";

/// The text of a column in a row of a table, counted from 0
fn cell(path: &Path, row: usize, column: &str) -> String {
    let table = Table::read(path).unwrap();
    table.rows().nth(row).unwrap().text(table.need(column).unwrap()).to_owned()
}

fn number(path: &Path, column: &str) -> u32 {
    cell(path, 0, column).parse().unwrap()
}

/// All texts of a column of epochs.csv as numbers
fn column(run: &Path, name: &str) -> Vec<f64> {
    let table = Table::read(&run.join("epochs.csv")).unwrap();
    let at = table.need(name).unwrap();
    table.rows().map(|row| row.text(at).parse().unwrap()).collect()
}

/// The first epoch, counted from 1, with the highest of these numbers
fn first_highest(numbers: &[f64]) -> u32 {
    let highest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    1 + numbers.iter().position(|&x| x == highest).unwrap() as u32
}

#[test]
fn training_stops_when_no_better_epoch_comes() {
    let folder = folder();
    let path = folder.path();
    // Classes that the inputs don't tell: the loss on other rows rises as these are learnt by heart.
    let row = |i: usize| format!("{},{},{}\n", i % 13, i * 7 % 11, i * i * 31 % 257 % 3);
    fs::write(path.join("c.csv"), "a,b,class\n".to_owned() + &(0..200).map(row).collect::<String>()).unwrap();
    let run = |id: &str| path.join("results").join(id);
    for (n, (data, monitor, column_name, word)) in [
        (IMAGES, " --learning-rate 0.03", "val_accuracy", "higher validation accuracy"),
        (IMAGES, " --learning-rate 0.03 --monitor accuracy", "val_accuracy", "higher validation accuracy"),
        (NOISE, " --learning-rate 0.1 --monitor val_loss", "val_loss", "lower validation loss"),
        (TABLE, " --learning-rate 0.05", "val_rmse", "lower validation RMSE"),
        (TABLE, " --learning-rate 0.05 --monitor loss", "val_loss", "lower validation loss"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("early{n}");
        let train = format!("train {data} {SETTINGS}{monitor} --patience 3 --run-id {id}");
        let stderr = ended(path, &train, 0);
        let (run, summary) = (run(&id), run(&id).join("summary.csv"));
        let (done, best) = (number(&summary, "epochs_done"), number(&summary, "best_epoch"));
        assert!(done < 40 && done == best + 3, "{train}: {best} of {done}");
        let sign = if column_name == "val_accuracy" { 1.0 } else { -1.0 };
        let metrics: Vec<f64> = column(&run, column_name).into_iter().map(|x| sign * x).collect();
        assert_eq!((metrics.len() as u32, first_highest(&metrics)), (done, best), "{train}");
        let reason = format!("no {word} in 3 epochs after epoch {best}");
        assert_eq!(
            (cell(&summary, 0, "status"), cell(&summary, 0, "reason")),
            ("ok".to_owned(), reason.clone())
        );
        assert!(stderr.contains(&format!("stopped early: {reason}\n")), "{stderr}");
        let report = fs::read_to_string(run.join("report.md")).unwrap();
        assert!(report.contains(&format!("Status: `ok`: {reason}.\n")), "{report}");

        // It has trained as a run of so many epochs does.
        let whole = format!("whole{n}");
        let epochs = SETTINGS.replace("--epochs 40", &format!("--epochs {done}"));
        ended(path, &format!("train {data} {epochs}{monitor} -q --run-id {whole}"), 0);
        let but = ["epochs", "patience", "reason"];
        assert_same(&train, &run, &path.join("results").join(whole), &but);
    }
}

#[test]
fn the_kept_model_and_the_summary_are_those_of_one_epoch() {
    let folder = folder();
    let path = folder.path();
    let run = |id: &str| path.join("results").join(id);
    for (kind, data, metrics, predicted) in [
        ("i", IMAGES, ["test_accuracy", "test_loss"], "confusion.csv"),
        ("t", TABLE, ["test_rmse", "test_r2"], "predictions.csv"),
    ] {
        let train_until = |epochs: u32, id: &str, more: &str| {
            let settings = SETTINGS.replace("--epochs 40", &format!("--epochs {epochs}"));
            let settings = format!("train {data} {settings} --learning-rate 0.03 -q {more}");
            ended(path, &format!("{settings} --run-id {id}{kind}"), 0);
            run(&format!("{id}{kind}"))
        };
        let train = |id: &str, more: &str| train_until(40, id, more);
        let last = train("last", "--patience 4");
        let both = train("both", "--patience 4 --keep both");
        let best = train("best", "--patience 4 --keep best");
        let summary = best.join("summary.csv");
        let epoch = number(&summary, "best_epoch");
        assert!(epoch > 1, "a later epoch is the best");
        let until_best = train_until(epoch, "until", "--patience 0");
        let model = |run: &Path, name: &str| elements(&run.join(name));
        let [kept_last, kept_best] = [&last, &until_best].map(|run| model(run, "model.safetensors"));
        assert!(model(&both, "model.safetensors") == kept_last);
        assert!(model(&both, "model-best.safetensors") == kept_best && kept_best != kept_last);
        assert!(model(&best, "model.safetensors") == kept_best);
        let is_there = |run: &PathBuf| run.join("model-best.safetensors").exists();
        assert_eq!([&last, &both, &best].map(is_there), [false, true, false]);

        for name in metrics {
            let of_best = cell(&best.join("epochs.csv"), epoch as usize - 1, name);
            assert_eq!(cell(&summary, 0, name), of_best, "{name}");
            assert_eq!(cell(&until_best.join("summary.csv"), 0, name), of_best, "{name}");
            assert_eq!(cell(&both.join("summary.csv"), 0, name), cell(&last.join("summary.csv"), 0, name));
        }
        assert_eq!(number(&summary, "epochs_done"), epoch + 4);
        let read = |run: &Path| fs::read(run.join(predicted)).unwrap();
        assert!(read(&best) == read(&until_best) && read(&both) == read(&last));
        // The small images are all told apart after the best epoch, too.
        assert!(data == IMAGES || read(&best) != read(&last));
        let report = fs::read_to_string(best.join("report.md")).unwrap();
        assert!(report.contains("| metric after the best epoch |") && report.contains("over the best epoch"));
    }
}

#[test]
fn a_run_that_stopped_early_goes_on_with_more_patience() {
    let folder = folder();
    let path = folder.path();
    for (n, keep) in ["last", "best", "both"].into_iter().enumerate() {
        let train = format!("train {IMAGES} {SETTINGS} --learning-rate 0.03 -q --keep {keep}");
        let id = |what: &str| format!("{what}{n}");
        let run = |what: &str| path.join("results").join(id(what));
        ended(path, &format!("{train} --patience 6 --run-id {}", id("whole")), 0);
        ended(path, &format!("{train} --patience 2 --run-id {}", id("part")), 0);
        let done = |what: &str| number(&run(what).join("summary.csv"), "epochs_done");
        assert!(done("part") < done("whole"), "{} of {}", done("part"), done("whole"));
        // Without more patience, nothing changes.
        let before = elements(&run("part").join("checkpoint.safetensors"));
        ended(path, &format!("train --resume results/{} -q", id("part")), 0);
        assert!(elements(&run("part").join("checkpoint.safetensors")) == before);
        ended(path, &format!("train --resume results/{} -q --patience 6", id("part")), 0);
        assert_same(keep, &run("part"), &run("whole"), &[]);
        if keep == "both" {
            let [part, whole] = ["part", "whole"].map(|of| elements(&run(of).join("model-best.safetensors")));
            assert!(part == whole);
        }
        for stop in [1, 3, done("whole")] {
            let part = id(&format!("stop{stop}-"));
            let cut = train.replace("--epochs 40", &format!("--epochs {stop}"));
            ended(path, &format!("{cut} --patience 6 --run-id {part}"), 0);
            ended(path, &format!("train --resume results/{part} --epochs 40 -q"), 0);
            assert_same(keep, &path.join("results").join(part), &run("whole"), &[]);
        }
    }
    let stderr = ended(path, "train --resume results/part0 --keep best", 2);
    assert!(stderr.contains("keep was last, and is best"), "{stderr}");
}

#[test]
fn what_cannot_be_compared_is_refused_and_a_choice_by_test_data_is_told() {
    let folder = folder();
    let path = folder.path();
    for (args, message) in [
        (
            "--data t.csv --target price --patience 3",
            "patience is 3, expected samples to compare epochs on, which --val-split 0.1 holds out",
        ),
        ("--data t.csv --target price --keep both", "keep is both, expected samples to compare"),
        (
            "--data t.csv --target price --val-split 0.1 --monitor accuracy",
            "monitor is accuracy, expected loss or rmse",
        ),
        ("--data . --val-split 0.1 --monitor rmse", "monitor is rmse, expected loss or accuracy"),
        ("--data . --patience -1", "--patience"),
        ("--data . --keep worst", "worst"),
        ("--data . --max-time 30", "max-time is 30, expected a time, as 30s, 30m or 1h 30m, or none"),
        ("--data . --max-time 0s", "max-time is 0s, expected a time"),
    ] {
        let stderr = ended(path, &format!("train {args} --epochs 1"), 2);
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
    assert!(!path.join("results").join("runs.csv").exists());
    let stderr = ended(path, "train --data . --epochs 1 --keep best", 0);
    assert!(stderr.contains("warning: --keep best compares epochs on the test set"), "{stderr}");
    let stderr = ended(path, "train --data . --epochs 1 --keep best --val-split 0.2", 0);
    assert!(!stderr.contains("warning"), "{stderr}");
}

#[test]
fn a_run_stops_at_its_time_limit_and_goes_on() {
    let folder = folder();
    let path = folder.path();
    let train = "train --data synthetic --hidden-dims 64 --batch-size 8 --val-split 0.1 --epochs";
    let run = path.join("results/cut");
    let stderr = ended(path, &format!("{train} 100000 --max-time 300ms --run-id cut"), 0);
    assert!(stderr.contains("time_limit: "), "{stderr}");
    assert!(stderr.contains("go on with: chainrule train --resume results/cut\n"), "{stderr}");
    let summary = run.join("summary.csv");
    assert_eq!(cell(&summary, 0, "status"), "time_limit");
    assert!(cell(&summary, 0, "reason").starts_with("the time was over in epoch "));
    assert_eq!(cell(&path.join("results/runs.csv"), 0, "status"), "time_limit");
    // The limit counts again from the start of each process.
    ended(path, "train --resume results/cut -q", 0);
    let after = number(&summary, "epochs_done") + 2;
    ended(path, &format!("train --resume results/cut -q --max-time none --epochs {after}"), 0);
    ended(path, &format!("{train} {after} -q --run-id whole"), 0);
    assert_same("time limit", &run, &path.join("results/whole"), &[]);
    // A limit that is over before the first batch leaves a run that can go on.
    ended(path, &format!("{train} 2 -q --max-time 1ns --run-id short"), 0);
    ended(path, "train --resume results/short -q --max-time none", 0);
    ended(path, &format!("{train} 2 -q --run-id two"), 0);
    assert_same("no time", &path.join("results/short"), &path.join("results/two"), &[]);
}

#[test]
fn a_sweep_stops_early_and_at_its_time_limit_and_goes_on() {
    let folder = folder();
    let path = folder.path();
    let sweep = |id: &str, more: &str| {
        ended(
            path,
            &format!(
                "sweep --grid patience=0,2 --grid keep=last,best {IMAGES} {SETTINGS} --learning-rate 0.03 --jobs 1 --sweep-id {id}{more}"
            )
            .replace("--epochs 40", "--epochs 400"),
            0,
        )
    };
    sweep("whole", "");
    let runs = path.join("results/whole/runs.csv");
    let done: Vec<u32> = (0..4).map(|row| cell(&runs, row, "epochs_done").parse().unwrap()).collect();
    assert!(done[..2] == [400, 400] && done[2] < 400 && done[2] == done[3], "{done:?}");
    assert_eq!([0, 1, 2, 3].map(|row| cell(&runs, row, "keep")), ["last", "best", "last", "best"]);
    let report = fs::read_to_string(path.join("results/whole/report.md")).unwrap();
    assert!(report.contains("Metrics after the kept epoch;"), "{report}");
    let stderr = sweep("whole", " --resume");
    assert!(stderr.contains("4 trials, 4 of them ended before"), "{stderr}");

    let stderr = sweep("cut", " --max-time 1ns");
    assert!(
        stderr.contains("not begun") && stderr.contains("resume with: chainrule sweep --plan"),
        "{stderr}"
    );
    // Perhaps in the middle of a trial
    sweep("cut", " --max-time 60ms --resume");
    // It goes on with another limit, or none.
    sweep("cut", " --resume");
    for trial in ["t0000", "t0001", "t0002", "t0003"] {
        let [cut, whole] = ["cut", "whole"].map(|id| path.join("results").join(id).join(trial));
        assert_same(trial, &cut, &whole, &["sweep_id"]);
    }
    let [cut, whole] = ["cut", "whole"].map(|id| {
        let rows = crate::resume::cells(&path.join("results").join(id).join("runs.csv"));
        rows.concat().into_iter().filter(|cell| !cell.starts_with("sweep_id=")).collect::<Vec<_>>()
    });
    assert_eq!(cut, whole);
}
