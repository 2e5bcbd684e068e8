//! `chainrule evaluate`, compared with what training wrote

use std::fs;
use std::path::Path;

use chainrule::tables::reader::Table;

use crate::ended::ended;
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

const MODEL: &str = "results/a/model.safetensors";

fn cell(path: &Path, name: &str) -> String {
    let table = Table::read(path).unwrap();
    let column = table.need(name).unwrap();
    table.rows().next().unwrap().text(column).to_owned()
}

/// Flowers of three species, some measures missing, with an identity
fn flowers() -> String {
    let row = |i: usize| {
        let species = ["iris", "rose", "tulip"][i % 3];
        let width = if i % 11 == 4 { String::new() } else { format!("{}.{}", i % 3, i * 7 % 10) };
        let color = ["red", "blue", "white"][i * 5 % 4 % 3];
        format!("{species},{},{width},{color},{i}\n", i * 37 % 100)
    };
    "species,length,width,color,id\n".to_owned() + &(0..200).map(row).collect::<String>()
}

#[test]
fn the_metrics_are_exactly_those_of_the_run() {
    let table = ["--data", "flowers.csv", "--target", "species", "--ignore", "id", "--test-split", "0.3"];
    let table = [&table[..], &["--categorical", "color", "--missing", "mean", "--val-split", "0.1"]].concat();
    let dropped = ["--data", "flowers.csv", "--target", "species", "--ignore", "id,color"];
    let dropped = [&dropped[..], &["--missing", "drop", "--test-split", "0.3", "--dtype", "f64"]].concat();
    let images = vec!["--data", "."];
    let own_split = vec!["--data", "synthetic"];
    for data in [table, dropped, images, own_split] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        small_data(path);
        fs::write(path.join("flowers.csv"), flowers()).unwrap();
        let train = ["train", "--epochs", "1", "--hidden-dims", "6", "--run-id", "a", "--quiet"];
        ended(path, &[&train[..], &data].concat(), 0);
        // The config.toml beside the model says which data.
        let (stdout, stderr) = ended(path, &["evaluate", MODEL, "--out", "e", "--threads", "2"], 0);
        assert!(stdout.lines().next().unwrap().contains("test set"), "{stdout}");
        assert!(stderr.contains("confusion.svg"), "{stderr}");
        let (run, metrics) = (path.join("results/a/summary.csv"), path.join("e/metrics.csv"));
        for (ours, theirs) in
            [("loss", "test_loss"), ("accuracy", "test_accuracy"), ("samples", "test_samples")]
        {
            assert_eq!(cell(&metrics, ours), cell(&run, theirs), "{data:?}: {ours}");
        }
        for name in ["confusion.csv", "classes.csv", "class_means.csv"] {
            let [ours, theirs] =
                ["e", "results/a"].map(|folder| fs::read(path.join(folder).join(name)).unwrap());
            assert!(ours == theirs, "{data:?}: {name}");
        }
        assert_eq!(cell(&metrics, "macro_f1"), cell(&path.join("e/class_means.csv"), "f1"));
        let one = ended(path, &["evaluate", MODEL, "--json", "--threads", "1"], 0).0;
        assert_eq!(one, ended(path, &["evaluate", MODEL, "--json", "--threads", "3"], 0).0);
        let json: serde_json::Value = serde_json::from_str(&one).unwrap();
        assert_eq!(json["accuracy"].to_string(), cell(&metrics, "accuracy"));
    }
}

#[test]
fn labels_are_mapped_by_name_and_rows_without_a_test_set_are_all_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), flowers()).unwrap();
    let train = ["train", "--data", "flowers.csv", "--target", "species", "--ignore", "id,color", "-q"];
    let net = ["--missing", "mean", "--epochs", "1", "--hidden-dims", "6", "--run-id", "a"];
    ended(path, &[&train[..], &net].concat(), 0);
    let evaluate = ["evaluate", MODEL, "--target", "species", "--data"];
    // In these rows, tulips come first and there are no irises, and the columns are in another order.
    let later = "width,species,length\n1.5,tulip,3\n,rose,4\n2,tulip,5\n";
    fs::write(path.join("later.csv"), later).unwrap();
    let (stdout, _) = ended(path, &[&evaluate[..], &["later.csv"]].concat(), 0);
    let first = stdout.lines().next().unwrap();
    assert_eq!(first, "data        later.csv: all rows, since there is no test set, 3 samples");
    let line = |name: &str| stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("iris").ends_with(" 0") && line("tulip").ends_with(" 2"), "{stdout}");
    fs::write(path.join("later.csv"), later.replace("rose", "daisy")).unwrap();
    let message = ended(path, &[&evaluate[..], &["later.csv"]].concat(), 1).1;
    let expected =
        "later.csv: label daisy in line 3 is no class of the model, which has 3: iris, rose, tulip";
    assert!(message.contains(expected), "{message}");
    fs::write(path.join("later.csv"), "species,width\nrose,3\n").unwrap();
    let message = ended(path, &[&evaluate[..], &["later.csv"]].concat(), 1).1;
    assert!(message.contains("lacks 1 of the 2 columns of the model: `length`"), "{message}");
    let message = ended(path, &[&evaluate[..], &["flowers.csv", "--out", "results/a"]].concat(), 1).1;
    assert!(message.contains("give --out another folder"), "{message}");
}

#[test]
fn the_column_of_the_classes_is_known_from_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), flowers()).unwrap();
    let train = [
        "train",
        "--data",
        "flowers.csv",
        "--target",
        "species",
        "--ignore",
        "id,color",
        "--missing",
        "drop",
    ];
    ended(path, &[&train[..], &["--hidden-dims", "4", "--epochs", "2", "--run-id", "a", "-q"]].concat(), 0);
    let evaluate = ["evaluate", MODEL, "--data", "flowers.csv", "--missing", "drop", "-q"];
    let (expected, _) = ended(path, &[&evaluate[..], &["--target", "species"]].concat(), 0);
    let (found, _) = ended(path, &evaluate, 0);
    assert_eq!(found, expected);
    // A table that lacks the column has its own.
    fs::write(path.join("flowers.csv"), flowers().replacen("species", "Class", 1)).unwrap();
    assert_eq!(ended(path, &evaluate, 0).0, expected);
}

#[test]
fn a_run_on_standard_input_needs_data_to_evaluate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), flowers()).unwrap();
    let train =
        ["train", "--data", "-", "--target", "species", "--ignore", "id,color", "--missing", "drop", "-q"];
    let output = launch(CHAINRULE, path)
        .args([&train[..], &["--epochs", "1", "--run-id", "a"]].concat())
        .stdin(fs::File::open(path.join("flowers.csv")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (_, stderr) = ended(path, &["evaluate", MODEL], 1);
    assert!(stderr.contains("read its data from standard input; name labelled rows with --data"), "{stderr}");
    ended(path, &["evaluate", MODEL, "--data", "flowers.csv", "--missing", "drop"], 0);
}

#[test]
fn metrics_of_rows_that_the_model_was_trained_on_have_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["flowers.csv", "later.csv"] {
        fs::write(path.join(name), flowers()).unwrap();
    }
    let train = ["train", "--data", "flowers.csv", "--target", "species", "--ignore", "id,color", "-q"];
    let train = [&train[..], &["--missing", "mean", "--epochs", "1", "--hidden-dims", "6"]].concat();
    ended(path, &[&train[..], &["--run-id", "a"]].concat(), 0);
    ended(path, &[&train[..], &["--run-id", "split", "--test-split", "0.3"]].concat(), 0);
    let warning = |run: &str, flags: &[&str]| {
        let model = format!("results/{run}/model.safetensors");
        let (stdout, stderr) = ended(path, &[&["evaluate", &model, "--json"], flags].concat(), 0);
        let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let warnings: Vec<&str> =
            json["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(stderr, warnings.iter().map(|text| format!("{text}\n")).collect::<String>());
        stderr
    };
    let start = |file: &str, run: &str| {
        format!(
            "warning: the rows of {file} include those that results/{run}/model.safetensors was trained on, \
             so the metrics are too good; "
        )
    };
    let remedy = "train with --test-split 0.2, or name other labelled rows with --data\n";
    let own = start("flowers.csv", "a") + remedy;
    assert_eq!(warning("a", &[]), own);
    assert_eq!(warning("a", &["--quiet"]), own);
    let named = ["--data", "./flowers.csv", "--target", "species", "--missing", "drop"];
    assert_eq!(warning("a", &named), start("./flowers.csv", "a") + remedy);
    let remedy = "to evaluate the test set of training, leave out the flags of the data\n";
    assert_eq!(warning("split", &named), start("./flowers.csv", "split") + remedy);
    let later = ["--data", "later.csv", "--target", "species", "--missing", "drop"];
    for (run, flags) in [("split", &[][..]), ("split", &later), ("a", &later)] {
        assert_eq!(warning(run, flags), "");
    }
}

#[test]
fn the_folder_of_a_run_is_refused_with_its_model_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    ended(path, &["train", "--data", ".", "--epochs", "1", "--run-id", "a", "-q"], 0);
    let (_, message) = ended(path, &["evaluate", "results/a"], 1);
    let expected =
        "results/a: is a folder, expected a model file; type results/a/model.safetensors in its place";
    assert!(message.contains(expected), "{message}");
}
