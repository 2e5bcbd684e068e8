//! `chainrule ensemble` and `predict` with several models, compared with their members

use std::fs;
use std::path::Path;

use chainrule::tables::reader::Table;

use crate::ended::ended;
use crate::small_data::small_data;

/// Trains a run called `id`
#[track_caller]
fn train(folder: &Path, id: &str, flags: &[&str]) {
    ended(
        folder,
        &[&["train", "--hidden-dims", "6", "--epochs", "1", "--run-id", id, "-q"], flags].concat(),
        0,
    );
}

/// The cells of a column
#[track_caller]
fn cells(path: &Path, name: &str) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let column = table.need(name).unwrap();
    table.rows().map(|row| row.text(column).to_owned()).collect()
}

/// The numbers in the cells of a table from column `first` on, row by row
fn numbers(csv: &str, first: usize) -> Vec<Vec<f64>> {
    let row = |line: &str| line.split(',').skip(first).map(|cell| cell.parse().unwrap()).collect();
    csv.lines().skip(1).map(row).collect()
}

/// The mean of numbers of three models, added in their order
fn means(of: &[Vec<Vec<f64>>; 3]) -> Vec<Vec<f64>> {
    let row = |row: usize| {
        (0..of[0][row].len()).map(move |at| (of[0][row][at] + of[1][row][at] + of[2][row][at]) / 3.0)
    };
    (0..of[0].len()).map(|at| row(at).collect()).collect()
}

const MODELS: [&str; 3] =
    ["results/a/model.safetensors", "results/b/model.safetensors", "results/c/model.safetensors"];
const RUNS: [&str; 3] = ["results/a", "results/b", "results/c"];

/// A table with a class, two numbers, a category that some splits lack in training, and a number to predict
fn trees(rows: usize) -> String {
    let row = |i: usize| {
        let kind = ["fir", "oak", "elm"][i * 7 % 3];
        let color = if i % 50 == 3 { "blue" } else { ["red", "green"][i % 2] };
        format!("{kind},{}.25,{color},{},{}\n", i * 37 % 100, i * 11 % 23, i * 5 % 17 + i * 37 % 100)
    };
    "kind,width,color,age,height\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

#[test]
fn members_have_the_metrics_of_evaluate_and_the_ensemble_those_of_the_mean_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    for (id, flags) in [("a", ["--seed", "1"]), ("b", ["--seed", "2"]), ("c", ["--dtype", "bf16"])] {
        train(path, id, &[&["--data", "."], &flags[..]].concat());
    }
    let (text, stderr) = ended(path, &[&["ensemble"], &RUNS[..], &["--out", "e"]].concat(), 0);
    assert!(stderr.contains("metrics.csv, confusion.csv") && stderr.contains("confusion.svg"), "{stderr}");
    assert!(text.contains("results/c/model.safetensors") && text.contains("ensemble of 3"), "{text}");
    let metrics = path.join("e/metrics.csv");
    assert_eq!(cells(&metrics, "model"), [&MODELS[..], &["ensemble"]].concat());
    let probabilities = MODELS.map(|model| {
        ended(path, &["evaluate", model, "--out", "one"], 0);
        for column in Table::read(&metrics).unwrap().names() {
            let row = MODELS.iter().position(|other| *other == model).unwrap();
            assert_eq!(
                cells(&metrics, column)[row],
                cells(&path.join("one/metrics.csv"), column)[0],
                "{column}"
            );
        }
        let (predicted, _) = ended(path, &["predict", model, "t10k-images-idx3-ubyte.gz", "--proba"], 0);
        // The digits of an f32 read back to the same f32, not to the same f64.
        numbers(&predicted, 3)
            .into_iter()
            .map(|row| row.into_iter().map(|p| f64::from(p as f32)).collect())
            .collect()
    });
    let means = means(&probabilities);
    let best = |row: &[f64]| (1..3).fold(0, |best, at| if row[at] > row[best] { at } else { best });
    let correct = means.iter().enumerate().filter(|(i, row)| best(row) == i % 3).count();
    let loss: f64 = means.iter().enumerate().map(|(i, row)| -row[i % 3].ln()).sum();
    let ensemble = |column: &str| cells(&metrics, column)[3].clone();
    assert_eq!(ensemble("correct"), correct.to_string());
    assert_eq!(ensemble("accuracy"), (correct as f64 / 50.0).to_string());
    assert_eq!(ensemble("loss"), (loss / 50.0).to_string());
    assert_eq!((ensemble("dtype").as_str(), ensemble("part").as_str()), ("f64", "test"));
    assert_eq!(cells(&path.join("e/confusion.csv"), "count").len(), 9);
    // `predict` averages in the same way, wherever flags stand.
    let predict = ["predict", MODELS[0], "--proba", MODELS[1], MODELS[2], "t10k-images-idx3-ubyte.gz"];
    let (predicted, _) = ended(path, &predict, 0);
    assert!(predicted.starts_with("row,predicted,confidence,p_0,p_1,p_2\n"), "{predicted}");
    assert_eq!(numbers(&predicted, 3), means);
    let json =
        |threads| ended(path, &[&["ensemble"], &RUNS[..], &["--json", "--threads", threads]].concat(), 0).0;
    assert_eq!(json("1"), json("3"));
    let json: serde_json::Value = serde_json::from_str(&json("2")).unwrap();
    assert_eq!((json["loss"].as_f64().unwrap() * 50.0).to_string(), loss.to_string());
    assert_eq!(json["members"][1]["model"], MODELS[1]);
}

#[test]
fn numbers_are_averaged_in_their_units_and_f32_and_f64_models_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("trees.csv"), trees(200)).unwrap();
    fs::write(path.join("later.csv"), trees(40)).unwrap();
    let data =
        ["--data", "trees.csv", "--target", "height,age", "--ignore", "kind", "--categorical", "color"];
    // Other validation rows: the models learn other scales of columns and targets.
    for (id, seed, dtype) in [("a", "1", "f32"), ("b", "2", "f64"), ("c", "3", "f32")] {
        train(path, id, &[&data[..], &["--val-split", "0.5", "--seed", seed, "--dtype", dtype]].concat());
    }
    let evaluate = ["--data", "later.csv", "--target", "height,age"];
    let args = [&["ensemble"], &RUNS[..], &evaluate, &["--out", "e"]].concat();
    let (text, _) = ended(path, &args, 0);
    assert!(text.contains("\ntarget") && !text.contains("loss"), "{text}");
    let metrics = path.join("e/metrics.csv");
    let predicted = MODELS.map(|model| numbers(&ended(path, &["predict", model, "later.csv"], 0).0, 1));
    let means = means(&predicted);
    let (several, _) = ended(path, &[&["predict"], &MODELS[..], &["later.csv"]].concat(), 0);
    assert!(several.starts_with("row,predicted_height,predicted_age\n"), "{several}");
    let rows: Vec<String> = trees(40).lines().skip(1).map(str::to_owned).collect();
    let truth = |row: usize, at: usize| rows[row].split(',').nth(4 - at).unwrap().parse::<f64>().unwrap();
    for (row, found) in numbers(&several, 1).iter().enumerate() {
        for at in 0..2 {
            approx::assert_relative_eq!(found[at], means[row][at], max_relative = 1e-12);
        }
    }
    let rmse = |at: usize| {
        let squared: f64 = (0..40).map(|row| (means[row][at] - truth(row, at)).powi(2)).sum();
        (squared / 40.0).sqrt()
    };
    let found: f64 = cells(&metrics, "rmse")[3].parse().unwrap();
    approx::assert_relative_eq!(found, (rmse(0) + rmse(1)) / 2.0, max_relative = 1e-12);
    assert_eq!(cells(&metrics, "loss")[3], "");
    assert_eq!(cells(&path.join("e/predictions.csv"), "predicted").len(), 80);
    // An f64 model reads what it would read alone.
    ended(path, &[&["evaluate", MODELS[1], "--out", "one"], &evaluate[..]].concat(), 0);
    assert_eq!(cells(&metrics, "rmse")[1], cells(&path.join("one/metrics.csv"), "rmse")[0]);
}

#[test]
fn the_best_trials_are_chosen_by_validation_and_a_choice_by_the_test_set_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    let sweep = ["sweep", "--data", ".", "--hidden-dims", "6", "--epochs", "1", "-q"];
    let grid = ["--grid", "learning_rate=0.0001,0.1,0.03", "--seeds", "2"];
    for (id, split, score) in [("v", "0.3", "val_accuracy"), ("t", "0", "test_accuracy")] {
        ended(path, &[&sweep[..], &grid, &["--val-split", split, "--sweep-id", id]].concat(), 0);
        let runs = path.join("results").join(id).join("runs.csv");
        let scores = cells(&runs, score);
        let mut best: Vec<(f64, String)> =
            scores.iter().map(|x| x.parse().unwrap()).zip(cells(&runs, "trial")).collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        let expected: Vec<String> =
            best[..3].iter().map(|(_, trial)| format!("results/{id}/{trial}/model.safetensors")).collect();
        let folder = format!("results/{id}");
        let (_, stderr) = ended(path, &["ensemble", &folder, "--top", "3", "--out", id, "-q"], 0);
        assert_eq!(cells(&path.join(id).join("metrics.csv"), "model")[..3], expected);
        let warning = "3 models were chosen by their test accuracy";
        assert_eq!(stderr.contains(warning), id == "t", "{stderr}");
    }
    let (_, message) = ended(path, &["ensemble", "results/v", "--top", "7"], 2);
    assert!(message.contains("top is 7, expected 6 or less"), "{message}");
    let (_, message) = ended(path, &["ensemble", "results/v"], 1);
    assert!(message.contains("type: chainrule ensemble results/v --top 5"), "{message}");
    ended(path, &["ensemble", "results/v", "--top", "1"], 2);
}

#[test]
fn models_that_differ_and_test_rows_that_a_model_was_trained_on_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("trees.csv"), trees(200)).unwrap();
    fs::write(path.join("others.csv"), trees(201)).unwrap();
    let data = ["--data", "trees.csv", "--target", "kind", "--test-split", "0.3"];
    let numbers = [&data[..], &["--ignore", "color"]].concat();
    let numeric = |flags: &[&'static str]| [&numbers[..], flags].concat();
    train(path, "a", &numeric(&["--seed", "1"]));
    train(path, "same", &numeric(&["--seed", "1", "--activation", "sigmoid"]));
    train(path, "seed", &numeric(&["--seed", "2"]));
    train(path, "columns", &[&data[..], &["--seed", "1", "--ignore", "color,age"]].concat());
    train(path, "kinds", &[&data[..], &["--seed", "1", "--categorical", "color"]].concat());
    train(path, "filled", &numeric(&["--seed", "1", "--missing", "mean"]));
    let others = ["--data", "others.csv", "--target", "kind", "--test-split", "0.3", "--ignore", "color"];
    train(path, "others", &[&others[..], &["--seed", "1"]].concat());
    let number = ["--data", "trees.csv", "--target", "height", "--ignore", "kind,color", "--task", "regress"];
    train(path, "number", &number);
    let run = |id: &str| format!("results/{id}");
    let later = ["--data", "trees.csv", "--target", "kind", "--missing", "drop", "-q"];
    ended(path, &["ensemble", &run("a"), &run("same")], 0);
    ended(path, &[&["ensemble", &run("a"), &run("seed")], &later[..]].concat(), 0);
    for (id, code, expected) in [
        (
            "seed",
            1,
            "results/seed/model.safetensors: held out other test rows, with --seed 2 of --test-split",
        ),
        ("columns", 1, "was trained with --ignore color,age, but with color was results/a/model.safetensors"),
        ("filled", 1, "was trained with --missing mean"),
        ("others", 1, "results/others/model.safetensors: was trained on data with the hash"),
        ("a", 2, "results/a/model.safetensors is named twice"),
        ("nowhere", 1, "results/nowhere"),
    ] {
        let (_, message) = ended(path, &["ensemble", &run("a"), &run(id)], code);
        assert!(message.contains(expected), "{id}: {message}");
    }
    for (id, expected) in [
        (
            "columns",
            "results/columns/model.safetensors: reads rows of 2 columns, but results/a/model.safetensors reads rows of 3",
        ),
        ("kinds", "reads rows of 4 columns"),
        ("filled", "reads numbers that may be missing in column `width`, but"),
        ("number", "predicts 1 target, but results/a/model.safetensors predicts 3 classes"),
    ] {
        let (_, message) = ended(path, &[&["ensemble", &run("a"), &run(id)], &later[..]].concat(), 1);
        assert!(message.contains(expected), "{id}: {message}");
        let models = [run("a"), run(id)].map(|run| run + "/model.safetensors");
        let (_, message) = ended(path, &["predict", &models[0], &models[1], "trees.csv"], 1);
        assert!(message.contains(expected), "{id}: {message}");
    }
    let (_, message) = ended(path, &["ensemble", &run("a")], 2);
    assert!(message.contains("type: chainrule evaluate results/a/model.safetensors"), "{message}");
    let (_, message) = ended(path, &["ensemble", &run("a"), &run("same"), "--top", "2"], 2);
    assert!(message.contains("name one folder, or leave out --top"), "{message}");
    let (_, message) = ended(path, &["predict", MODELS[0], "others.csv", "trees.csv"], 2);
    assert!(message.contains("others.csv is no model; only the last argument, here trees.csv"), "{message}");
    let (_, message) = ended(path, &["predict", MODELS[0], MODELS[0], "trees.csv"], 2);
    assert!(message.contains("is named twice"), "{message}");
}

#[test]
fn metrics_of_rows_that_models_were_trained_on_have_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["trees.csv", "later.csv"] {
        fs::write(path.join(name), trees(200)).unwrap();
    }
    let data = ["--data", "trees.csv", "--target", "kind", "--ignore", "color", "--val-split", "0.2"];
    for (id, seed) in [("a", "1"), ("b", "2"), ("c", "3")] {
        train(path, id, &[&data[..], &["--seed", seed]].concat());
    }
    let sweep = ["sweep", "--seeds", "2", "--hidden-dims", "6", "--epochs", "1", "--sweep-id", "s", "-q"];
    ended(path, &[&sweep[..], &data].concat(), 0);
    let message = |args: &[&str]| ended(path, &[&["ensemble"], args].concat(), 0).1;
    for (args, names) in [
        (&RUNS[..], "results/a/model.safetensors and 2 other models were"),
        (&["results/b", "results/a", "-q"], "results/b/model.safetensors and 1 other model were"),
        (&["results/s", "--top", "2"], "/model.safetensors and 1 other model were"),
    ] {
        let expected =
            format!("{names} trained on, so the metrics are too good; train with --test-split 0.2");
        let found = message(args);
        assert!(
            found.contains("warning: the rows of trees.csv include") && found.contains(&expected),
            "{found}"
        );
    }
    let (json, _) = ended(path, &["ensemble", "results/a", "results/b", "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["warnings"][0].as_str().unwrap().contains("the metrics are too good"), "{json}");
    let later = ["results/a", "results/b", "--data", "later.csv", "--target", "kind"];
    assert_eq!(message(&later), "");
}
