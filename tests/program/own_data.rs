//! Training on people's own tables and arrays

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::launch::{CHAINRULE, launch};

/// A table of three kinds of flowers: two columns that decide the kind, one of texts, and one that is constant
fn flowers(rows: usize) -> String {
    let mut table = "height,width,color,garden,kind\n".to_owned();
    for i in 0..rows {
        let (kind, color) = (["rose", "tulip", "iris"][i % 3], ["red", "white", "blue", "red"][i % 4]);
        let noise = (i * 7919 % 101) as f64 / 101.0;
        let (height, width) = (10.0 + 5.0 * (i % 3) as f64 + noise, 3.0 - (i % 3) as f64 + noise);
        table += &format!("{height:.3},{width:.3},{color},1,{kind}\n");
    }
    table
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("flowers.csv"), flowers(300)).unwrap();
    folder
}

/// Runs `train` with these arguments; returns its exit code and standard error
fn train(folder: &Path, args: &str) -> (Option<i32>, String) {
    let output = launch(CHAINRULE, folder).arg("train").args(args.split(' ')).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code(), stderr)
}

#[track_caller]
fn done(folder: &Path, args: &str) -> String {
    let (code, stderr) = train(folder, args);
    assert_eq!(code, Some(0), "{args}: {stderr}");
    stderr
}

#[track_caller]
fn refused(folder: &Path, args: &str) -> String {
    let (code, stderr) = train(folder, args);
    assert_eq!(code, Some(1), "{args}: {stderr}");
    assert!(!folder.join("results").exists(), "{args} left files");
    stderr
}

/// A cell of a run's summary
fn cell(folder: &Path, run: &str, column: &str) -> String {
    let text = fs::read_to_string(folder.join(format!("results/{run}/summary.csv"))).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (header, row) = (lines.next().unwrap(), lines.next().unwrap());
    row[header.iter().position(|name| *name == column).unwrap()].to_owned()
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    fs::read(folder.join(format!("results/{run}/model.safetensors"))).unwrap()
}

const FLOWERS: &str = "--data flowers.csv --target kind --categorical color --epochs 30 --hidden-dims 8";

#[test]
fn a_table_is_trained_on_and_its_classes_and_constant_columns_are_shown() {
    let folder = folder();
    let path = folder.path();
    let stderr = done(path, &format!("{FLOWERS} --test-split 0.2 --run-id a"));
    assert!(stderr.contains("classes: 0 iris, 1 rose, 2 tulip"), "{stderr}");
    assert!(stderr.contains("so they become 0: garden; --ignore"), "{stderr}");
    // Two numbers, three colors and the constant column.
    assert!(stderr.contains("240 training and 60 test samples; net 6-8-3, relu"), "{stderr}");
    let accuracy: f64 = cell(path, "a", "test_accuracy").parse().unwrap();
    assert!(accuracy > 0.9, "{accuracy}");
    assert_eq!(
        ["dataset", "classes", "test_samples"].map(|c| cell(path, "a", c)),
        ["flowers.csv", "3", "60"]
    );
    let confusion = fs::read_to_string(path.join("results/a/confusion.csv")).unwrap();
    assert!(confusion.contains("iris,rose,"), "{confusion}");
    // The run can be repeated from its config.toml, and with any number of threads.
    done(path, "--config results/a/config.toml --run-id b --threads 2");
    done(path, "--config results/a/config.toml --run-id c --threads 1");
    assert!(model(path, "a") == model(path, "b") && model(path, "a") == model(path, "c"));
    done(path, &format!("{FLOWERS} --test-split 0.2 --seed 1 --run-id d"));
    assert_ne!(model(path, "a"), model(path, "d"));
    assert_eq!(cell(path, "a", "data_hash"), cell(path, "d", "data_hash"));
}

#[test]
fn the_same_table_in_other_forms_gives_the_same_model() {
    let folder = folder();
    let path = folder.path();
    done(path, &format!("{FLOWERS} --run-id comma"));
    let table = flowers(300);
    let quoted: Vec<String> =
        table.lines().map(|line| format!("\"{}\"", line.replace(',', "\",\""))).collect();
    fs::write(path.join("quoted.csv"), format!("\u{feff}{}\r\n", quoted.join("\r\n"))).unwrap();
    fs::write(path.join("tabs.txt"), table.replace(',', "\t")).unwrap();
    fs::write(path.join("euro.csv"), table.replace(',', ";").replace('.', ",")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(
        fs::File::create(path.join("packed")).unwrap(),
        flate2::Compression::fast(),
    );
    gzip.write_all(table.as_bytes()).unwrap();
    gzip.finish().unwrap();
    for (run, file, more) in [
        ("quoted", "quoted.csv", ""),
        ("tabs", "tabs.txt", ""),
        ("euro", "euro.csv", " --decimal ,"),
        ("packed", "packed", ""),
    ] {
        done(path, &format!("{}{more} --run-id {run}", FLOWERS.replace("flowers.csv", file)));
        assert!(model(path, run) == model(path, "comma"), "{run}");
        assert_eq!(cell(path, run, "data_hash"), cell(path, "comma", "data_hash"), "{run}");
    }
    let args = FLOWERS.replace("flowers.csv", "-");
    let mut child = launch(CHAINRULE, path)
        .arg("train")
        .args(args.split(' '))
        .args(["--run-id", "stdin", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(model(path, "stdin") == model(path, "comma"));
}

#[test]
fn without_a_test_set_test_columns_are_empty_and_the_end_says_so() {
    let folder = folder();
    let path = folder.path();
    let stderr = done(path, &format!("{FLOWERS} --val-split 0.1 --run-id a"));
    assert!(stderr.contains("there was no test set") && stderr.contains("validation accuracy"), "{stderr}");
    assert_eq!(["test_loss", "test_accuracy", "best_of"].map(|c| cell(path, "a", c)), ["", "", "val"]);
    assert!(!path.join("results/a/confusion.csv").exists());
    let stderr = done(path, &format!("{FLOWERS} --run-id b"));
    assert!(stderr.contains("there was no test set"), "{stderr}");
    assert_eq!(["best_of", "best_accuracy", "status"].map(|c| cell(path, "b", c)), ["", "", "ok"]);
    assert!(path.join("results/b/curves.svg").exists());
}

#[test]
fn a_test_table_is_matched_by_names_and_texts() {
    let folder = folder();
    let path = folder.path();
    // Other order of columns, one more column, and one more color.
    let table = "extra,kind,color,width,garden,height\nx,iris,red,1.5,1,20.5\nx,rose,green,3.2,1,10.1\n";
    fs::write(path.join("test.csv"), table).unwrap();
    let stderr = done(path, &format!("{FLOWERS} --test-data test.csv --run-id a"));
    assert!(stderr.contains("300 training and 2 test samples; net 6-8-3"), "{stderr}");
    assert_eq!(cell(path, "a", "test_accuracy"), "1");
    fs::remove_dir_all(path.join("results")).unwrap();
    fs::write(path.join("test.csv"), table.replace("rose", "daisy")).unwrap();
    let stderr = refused(path, &format!("{FLOWERS} --test-data test.csv"));
    assert!(
        stderr.contains("test.csv: label daisy in line 3 is outside the 3 classes, iris, rose, tulip"),
        "{stderr}"
    );
    fs::write(path.join("test.csv"), "kind,color,width,garden\niris,red,1.5,1\n").unwrap();
    let stderr = refused(path, &format!("{FLOWERS} --test-data test.csv"));
    assert!(stderr.contains("test.csv: ") && stderr.contains("`height`"), "{stderr}");
}

#[test]
fn missing_numbers_are_refused_filled_or_left_out() {
    let folder = folder();
    let path = folder.path();
    let table = flowers(300).replacen("10.000,", "NA,", 1).replacen(",iris", ",", 1);
    fs::write(path.join("holes.csv"), table).unwrap();
    let args = FLOWERS.replace("flowers.csv", "holes.csv");
    let stderr = refused(path, &args);
    assert!(stderr.contains("holes.csv: line 2, column height: a missing value"), "{stderr}");
    assert!(stderr.contains("--missing mean"), "{stderr}");
    let stderr = refused(path, &format!("{args} --missing median"));
    assert!(stderr.contains("line 4: the label is missing"), "{stderr}");
    let stderr = done(path, &format!("{args} --missing drop"));
    assert!(stderr.contains("298 training"), "{stderr}");
    fs::write(path.join("holes.csv"), flowers(300).replacen("10.000,", "NA,", 1)).unwrap();
    done(path, &format!("{args} --missing mean"));
}

#[test]
fn tables_that_do_not_fit_are_refused_with_what_to_type() {
    let folder = folder();
    let path = folder.path();
    let table = flowers(30);
    for (table, args, messages) in [
        (
            table.clone(),
            "",
            &["no column is called label", "--target", "height, width, color, garden, kind"][..],
        ),
        (
            table.clone(),
            "--target kind",
            &["column color: `red` is no number", "--categorical color", "--ignore color"],
        ),
        (table.clone(), "--target knid", &["`knid`", "`kind`"]),
        (table.clone(), "--target kind --ignore colour", &["--ignore `colour`", "`color`"]),
        (table.replace("garden", "width"), "--target kind --ignore width", &["several columns", "2, 4"]),
        (table.replace(",1,", ",inf,"), "--target kind --ignore color", &["garden", "inf"]),
        (table.replace(",1,", ",1e999,"), "--target kind --ignore color", &["garden", "1e999"]),
        (table.replacen(",1,", ",1,7,", 1), "--target kind --ignore color", &["line 2", "6", "5"]),
        ("a,label\n".to_owned(), "", &["wrong.csv"]),
        (String::new(), "", &["wrong.csv"]),
        ("a,label\n1,x\n2,x\n".to_owned(), "", &["every label is x, expected at least two classes"]),
        ("a,y\n1,0.5\n2,0.5\n".to_owned(), "", &["the target y is 0.5 in every training row"]),
        (
            "a,y\n1,0.5\n2,x\n".to_owned(),
            "--task regress",
            &["line 3, target y: `x` is no number to predict"],
        ),
        ("label,y,a\n1,0,1\n0,1,2\n".to_owned(), "", &["several columns could be the target", "label, y"]),
    ] {
        fs::write(path.join("wrong.csv"), table).unwrap();
        let stderr = refused(path, format!("--data wrong.csv {args}").trim_end());
        for message in messages {
            assert!(stderr.contains(message), "{args}: {stderr}");
        }
    }
    let stderr = refused(path, "--data nowhere.csv");
    assert!(stderr.contains("cannot read nowhere.csv"), "{stderr}");
}

#[test]
fn rows_that_are_left_out_take_their_classes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("a.csv"), "a,label\n,x\n,y\n").unwrap();
    let stderr = refused(path, "--data a.csv --missing drop");
    assert!(stderr.contains("a.csv: each row lacks a value"), "{stderr}");
    fs::write(path.join("a.csv"), "a,label\n1,x\n,y\n2,x\n").unwrap();
    let stderr = refused(path, "--data a.csv --missing drop");
    assert!(stderr.contains("every label is x, expected at least two classes"), "{stderr}");
}

#[test]
fn numbers_that_no_scale_fits_become_0_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows: String = (0..20).map(|i| format!("{}e200,{}e-320,{i},{}\n", i % 7, 10 + i, i % 2)).collect();
    fs::write(path.join("odd.csv"), format!("a,b,c,label\n{rows}")).unwrap();
    let stderr = done(path, "--data odd.csv --dtype f64 --epochs 2 --run-id a");
    let said = "too small or too large to be scaled in f64, so they become 0: b;";
    assert!(stderr.contains(said) && !stderr.contains("the same in all"), "{stderr}");
    let info = launch(CHAINRULE, path).args(["info", "results/a/model.safetensors"]).output().unwrap();
    assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
}

#[test]
fn a_position_names_the_column_of_that_name_in_the_test_table_and_a_separator_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("train.csv"), "kind|a|b\nx|1|2\ny|2|1\nx|1|3\n").unwrap();
    fs::write(path.join("test.csv"), "a|b|kind\n1|2|x\n").unwrap();
    let stderr = done(path, "--data train.csv --test-data test.csv --target 1 --separator | --epochs 1");
    assert!(stderr.contains("3 training and 1 test samples; net 2-"), "{stderr}");
    let (code, stderr) = train(path, "--data train.csv --separator ab");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("separator is ab, expected one character"), "{stderr}");
}

#[test]
fn a_sweep_over_scales_and_seeds_reads_one_table_as_one_set_of_data() {
    let folder = folder();
    let path = folder.path();
    let args = format!(
        "{FLOWERS} --test-split 0.2 --quiet --sweep-id s --seeds 2 --grid scale=standard,robust,none"
    );
    let sweep = |args: &str| {
        let output = launch(CHAINRULE, path).arg("sweep").args(args.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8(output.stderr).unwrap());
    };
    sweep(&args);
    let report = fs::read_to_string(path.join("results/s/report.md")).unwrap();
    assert!(report.contains("scale") && !report.contains("flowers.csv ("), "{report}");
    let runs = fs::read_to_string(path.join("results/s/runs.csv")).unwrap();
    assert_eq!(runs.lines().filter(|line| line.contains(",ok,")).count(), 6, "{runs}");
    sweep(&format!("{args} --resume"));
    assert_eq!(fs::read_to_string(path.join("results/s/runs.csv")).unwrap(), runs);
}

/// A table of two classes that overlap: `rare` is one row in ten; `weight` is 9 for it and 1 for the others
fn rare(weight: [&str; 2]) -> String {
    let mut table = "weight,x,kind\n".to_owned();
    for i in 0..400 {
        let (noise, is_rare) = ((i * 7919 % 101) as f64 / 50.0 - 1.0, i % 10 == 0);
        let (x, kind) = if is_rare { (1.0 + noise, "rare") } else { (noise, "usual") };
        table += &format!("{},{x:.3},{kind}\n", weight[usize::from(is_rare)]);
    }
    table
}

/// The recall of the class `rare`
fn recall(folder: &Path, run: &str) -> f64 {
    let text = fs::read_to_string(folder.join(format!("results/{run}/classes.csv"))).unwrap();
    let row = text.lines().find(|line| line.starts_with("rare,")).unwrap();
    row.split(',').nth(3).unwrap().parse().unwrap()
}

#[test]
fn weights_of_classes_and_rows_raise_the_recall_of_a_rare_class() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("rare.csv"), rare(["1", "9"])).unwrap();
    // A test table needs no weights.
    let test: String =
        rare(["1", "9"]).lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    fs::write(path.join("test.csv"), test).unwrap();
    let args = "--data rare.csv --test-data test.csv --target kind --hidden-dims none --epochs 40";
    done(path, &format!("{args} --ignore weight --run-id plain"));
    done(path, &format!("{args} --ignore weight --class-weight balanced --run-id balanced"));
    let stderr = done(path, &format!("{args} --weight-column weight --run-id rows"));
    assert!(stderr.contains("net 1-2"), "{stderr}");
    let [plain, balanced, rows] = ["plain", "balanced", "rows"].map(|run| recall(path, run));
    assert!(plain < 0.5 && balanced > 0.6, "{plain} {balanced} {rows}");
    // 400 / (2 · 40) is 9 times 400 / (2 · 360), and both means are 1, so the weights agree up to rounding.
    assert!((rows - balanced).abs() < 0.05, "{balanced} {rows}");
    let settings = ["class_weight", "weight_column"];
    assert_eq!(settings.map(|column| cell(path, "balanced", column)), ["balanced", ""]);
    assert_eq!(settings.map(|column| cell(path, "rows", column)), ["none", "weight"]);
    assert_ne!(cell(path, "rows", "data_hash"), cell(path, "plain", "data_hash"));
    done(path, "--config results/rows/config.toml --run-id again --threads 2");
    assert!(model(path, "rows") == model(path, "again"));
    // By position, behind the target, with held-out rows, and with a row that has no weight.
    let moved: String = rare(["1", "9"])
        .replacen("1,", ",", 1)
        .lines()
        .map(|line| line.split_once(',').map(|(weight, rest)| format!("{rest},{weight}\n")).unwrap())
        .collect();
    fs::write(path.join("moved.csv"), moved).unwrap();
    let args = "--data moved.csv --target kind --weight-column 3 --test-split 0.2 --val-split 0.2 --epochs 2";
    let stderr = done(path, &format!("{args} --missing drop --run-id moved"));
    assert!(stderr.contains("net 1-"), "{stderr}");
}

#[test]
fn weights_that_can_not_be_used_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args = "--data rare.csv --target kind --weight-column weight";
    for (weights, messages) in [
        (["1", "-2"], &["line 2, --weight-column `weight`: found -2", "0 or more"][..]),
        (["heavy", "9"], &["line 3, --weight-column `weight`: found `heavy`", "finite number"]),
        (["1", "inf"], &["line 2, --weight-column `weight`: found `inf`", "finite number"]),
        (["1", ""], &["line 2, --weight-column `weight`: the weight is missing", "--missing drop"]),
    ] {
        fs::write(path.join("rare.csv"), rare(weights)).unwrap();
        let stderr = refused(path, args);
        assert!(messages.iter().all(|message| stderr.contains(message)), "{weights:?}: {stderr}");
    }
    fs::write(path.join("rare.csv"), rare(["1", "9"])).unwrap();
    for (args, message) in [
        (
            "--data rare.csv --target kind --weight-column wait",
            "--weight-column `wait`: the table has no such column",
        ),
        ("--data rare.csv --target kind --weight-column kind", "that column is the target"),
        (
            "--data rare.csv --target kind --weight-column weight --categorical weight",
            "that column is the target, the weights, or left out",
        ),
    ] {
        let stderr = refused(path, args);
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
    // A setting that does not fit the data has the exit code of wrong usage.
    fs::write(path.join("zero.csv"), rare(["0", "0"])).unwrap();
    for (data, message) in [
        ("zero.csv --target kind", "a column with a number above 0 in a row that is trained on"),
        ("synthetic", "none, since these data are no table"),
    ] {
        let (code, stderr) = train(path, &format!("--data {data} --weight-column weight"));
        assert_eq!(code, Some(2), "{data}: {stderr}");
        assert!(stderr.contains(&format!("weight-column is weight, expected {message}")), "{stderr}");
        assert!(!path.join("results").exists(), "{data} left files");
    }
}
