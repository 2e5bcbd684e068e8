//! The tables of `chainrule train` as people and spreadsheets leave them

use std::fs;
use std::path::Path;
use std::process::Output;

use chainrule::tables::reader::Table;
use chainrule::train::run_table::rebuild_runs;

use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    folder
}

/// Runs `chainrule train` on the small data with few and small steps
fn output(folder: &Path, args: &[&str]) -> Output {
    let base = ["train", "--epochs", "2", "--hidden-dims", "3"];
    let data = if args.contains(&"--data") { &[][..] } else { &["--data", "."] };
    launch(CHAINRULE, folder).args([&base[..], data, args].concat()).output().unwrap()
}

/// Standard output and standard error of a run that ends with exit code `code`
fn train(folder: &Path, args: &[&str], code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = output(folder, args);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{args:?}: {stderr}");
    (stdout, stderr)
}

fn column(path: &Path, name: &str) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let column = table.need(name).unwrap();
    table.rows().map(|row| row.text(column).to_owned()).collect()
}

#[test]
fn a_summary_says_which_data_and_which_machine_and_what_the_best_accuracy_is_of() {
    let folder = folder();
    let path = folder.path();
    train(path, &["--run-id", "a", "--val-split", "0.1"], 0);
    let absolute = path.join("inner");
    fs::create_dir(&absolute).unwrap();
    small_data(&absolute);
    let runs = path.join("results/runs.csv");
    for (id, data) in [("b", "inner"), ("c", "inner/../inner/"), ("d", absolute.to_str().unwrap())] {
        train(path, &["--run-id", id, "--data", data], 0);
    }
    train(path, &["--run-id", "e", "--data", "synthetic", "--learning-rate", "1e30"], 3);
    let get = |name: &str| column(&runs, name);
    assert_eq!(get("dataset")[1..], ["inner", "inner", "inner", "synthetic"]);
    let hashes = get("data_hash");
    assert!(hashes[..4].iter().all(|hash| *hash == hashes[0]) && hashes[4] != hashes[0], "{hashes:?}");
    assert!(hashes[0].len() == 8 && hashes[0].bytes().all(|b| b.is_ascii_hexdigit()), "{hashes:?}");
    for (name, with_split, without) in [
        ("train_samples", "179", "200"),
        ("val_samples", "21", "0"),
        ("test_samples", "50", "50"),
        ("classes", "3", "3"),
        ("epochs_done", "2", "2"),
        ("best_of", "val", "test"),
        ("val_split", "0.1", "0"),
        ("reason", "", ""),
        ("sweep_id", "", ""),
    ] {
        assert_eq!(get(name)[..2], [with_split, without], "{name}");
    }
    let known = ["fused", "matrixmultiply"];
    assert!(get("engine").iter().all(|engine| known.contains(&&**engine)), "{:?}", get("engine"));
    for (wall, train) in get("wall_s").iter().zip(get("train_s")) {
        assert!(wall.parse::<f64>().unwrap() >= train.parse().unwrap());
    }
    assert!(["portable", "avx2", "avx512"].contains(&&*get("simd")[0]) && !get("host")[0].is_empty());
    assert!(
        get("reason")[4].starts_with("the loss is not finite or above 100000 nats in epoch 1"),
        "{:?}",
        get("reason")
    );
    assert_eq!((&*get("epochs_done")[4], &*get("best_of")[4]), ("0", ""));
    // 1/3 as a ratio of counts, not as an f32
    let accuracy: f64 = get("test_accuracy")[0].parse().unwrap();
    assert_eq!((accuracy * 50.0).fract(), 0.0);
    let classes = path.join("results/a/classes.csv");
    assert_eq!(column(&classes, "class_index"), ["0", "1", "2"]);
    let confusion = path.join("results/a/confusion.csv");
    assert_eq!(column(&confusion, "true_index")[2..4], ["0", "1"]);
    assert_eq!(column(&confusion, "predicted_index")[2..4], ["2", "0"]);
    let means = path.join("results/a/class_means.csv");
    assert_eq!(column(&means, "mean"), ["macro", "weighted"]);
    let recall: f64 = column(&means, "recall")[1].parse().unwrap();
    assert!((recall - accuracy).abs() < 1e-12, "the weighted recall is the accuracy");
}

#[test]
fn a_table_that_a_spreadsheet_saved_grows_in_its_own_line_ends_and_dialect() {
    let folder = folder();
    let (path, runs) = (folder.path(), folder.path().join("results/runs.csv"));
    train(path, &["--run-id", "a"], 0);
    let text = fs::read_to_string(&runs).unwrap();
    let european = text.replace(',', ";").replace('.', ",");
    for (i, changed) in [
        text.replace('\n', "\r\n"),
        format!("\u{feff}{text}"),
        format!("\u{feff}{}", european.replace('\n', "\r\n")),
        text.replace("false", "FALSE") + &",".repeat(43) + "\n",
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&runs, &changed).unwrap();
        train(path, &["--run-id", &format!("b{i}")], 0);
        let after = fs::read_to_string(&runs).unwrap();
        assert!(after.starts_with(&changed), "{after}");
        assert_eq!(after.contains("\r\n"), after.replace("\r\n", "").matches('\n').count() == 0, "{after:?}");
        assert_eq!(column(&runs, "run_id")[..2], ["a".to_owned(), format!("b{i}")]);
        for dir in ["results/a", &format!("results/b{i}")] {
            fs::remove_dir_all(path.join(dir)).unwrap_or_default();
        }
    }
    let plot = launch(CHAINRULE, path).args(["plot", "results"]).output().unwrap();
    assert!(plot.status.success(), "{}", String::from_utf8_lossy(&plot.stderr));
}

#[test]
fn a_table_of_an_older_version_gets_the_new_columns_and_keeps_its_rows() {
    let folder = folder();
    let (path, runs) = (folder.path(), folder.path().join("results/runs.csv"));
    fs::create_dir(path.join("results")).unwrap();
    let old = "run_id,status,hidden_dims,test_accuracy,no_shuffle,mine\nold,ok,128x64,0.5,false,\"a, b\"\n";
    fs::write(&runs, old).unwrap();
    train(path, &["--run-id", "new"], 0);
    assert_eq!(column(&runs, "run_id"), ["old", "new"]);
    assert_eq!(column(&runs, "mine"), ["a, b", ""]);
    assert_eq!((&*column(&runs, "best_of")[0], &*column(&runs, "best_of")[1]), ("", "test"));
    let header = fs::read_to_string(&runs).unwrap();
    assert!(
        header.starts_with("run_id,status,hidden_dims,test_accuracy,no_shuffle,mine,activation,"),
        "{header}"
    );
}

#[test]
fn tags_and_a_note_are_columns() {
    let folder = folder();
    let (path, runs) = (folder.path(), folder.path().join("results/runs.csv"));
    train(path, &["--run-id", "a"], 0);
    let tags = ["--tag", "machine=laptop", "--tag", "share=0.5", "--note", "=first, with a comma"];
    train(path, &[&["--run-id", "b"], &tags[..]].concat(), 0);
    train(path, &["--run-id", "c", "--tag", "share=1e-3"], 0);
    for (name, cells) in [
        ("machine", ["", "laptop", ""]),
        ("share", ["", "0.5", "1e-3"]),
        ("note", ["", "=first, with a comma", ""]),
    ] {
        assert_eq!(column(&runs, name), cells, "{name}");
    }
    assert_eq!(column(&path.join("results/b/summary.csv"), "machine"), ["laptop"]);
    let plot = launch(CHAINRULE, path).args(["plot", "results"]).output().unwrap();
    assert!(plot.status.success(), "{}", String::from_utf8_lossy(&plot.stderr));
}

#[test]
fn json_has_the_types_of_the_columns() {
    let folder = folder();
    let path = folder.path();
    let tags = ["--tag", "v=007", "--tag", "n=7", "--note", "12", "--no-shuffle"];
    train(path, &[&["--run-id", "a"], &tags[..]].concat(), 0);
    let runs = path.join("results/runs.csv");
    let saved = fs::read_to_string(&runs).unwrap().replace(",relu,", ",RELU,").replace(",true,", ",TRUE,");
    fs::write(&runs, saved.replace(",ok,", ",OK,")).unwrap();
    for args in [&["runs", "results", "--json", "--columns", "all"][..], &["info", "results", "--json"]] {
        let output = launch(CHAINRULE, path).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let row = json.get("runs").unwrap_or(&json)[0].clone();
        for (name, value) in [
            ("v", "007".into()),
            ("n", 7.into()),
            ("note", "12".into()),
            ("status", "ok".into()),
            ("activation", "relu".into()),
            ("hidden_dims", "3".into()),
            ("no_shuffle", true.into()),
            ("epochs", 2.into()),
            ("learning_rate", serde_json::Value::from(0.01)),
        ] {
            assert!(
                row.get(name).is_none_or(|found| *found == value),
                "{args:?}: {name}: {:?}",
                row.get(name)
            );
        }
        assert!(row.get("status").is_some() && row.get("epochs").is_some(), "{row}");
    }
}

#[test]
fn what_is_in_the_way_of_the_files_is_said_before_anything_is_trained() {
    let folder = folder();
    let (path, runs) = (folder.path(), folder.path().join("results/runs.csv"));
    train(path, &["--run-id", "mine"], 0);
    let (_, stderr) = train(path, &["--run-id", "mine"], 1);
    assert!(stderr.contains("results/mine: a run that has ended is there already"), "{stderr}");
    assert!(stderr.contains("--run-id mine-2") && !stderr.contains("os error"), "{stderr}");
    fs::create_dir(path.join("results/other")).unwrap();
    let (_, stderr) = train(path, &["--run-id", "other", "--data", "nowhere"], 1);
    assert!(stderr.contains("results/other: a folder that is no run"), "{stderr}");

    let table = fs::read_to_string(&runs).unwrap();
    let before = fs::read_dir(path.join("results")).unwrap().count();
    let columns = table.lines().next().unwrap().split(',').count();
    let short = format!("line 2: expected {columns} cells, found {}", columns - 1);
    for (content, message) in [
        ("epoch,train_loss\n1,0.5\n".to_owned(), "expected a column run_id"),
        (table.replace("mine,ok", "mine,"), "line 2, column status: expected ok"),
        (table.replace("mine,ok", ",ok"), "line 2, column run_id: expected a name"),
        (table.replace(",3,relu", ",relu"), &short),
    ] {
        fs::write(&runs, &content).unwrap();
        let (_, stderr) = train(path, &[], 1);
        assert!(stderr.contains("results/runs.csv: ") && stderr.contains(message), "{stderr}");
        assert_eq!(fs::read_to_string(&runs).unwrap(), content);
    }
    fs::remove_file(&runs).unwrap();
    fs::create_dir(&runs).unwrap();
    let (_, stderr) = train(path, &[], 1);
    assert!(stderr.contains("results/runs.csv: is a directory, expected a file"), "{stderr}");
    fs::remove_dir(&runs).unwrap();
    assert_eq!(fs::read_dir(path.join("results")).unwrap().count(), before - 1, "no run was started");
}

#[cfg(unix)]
#[test]
fn a_table_behind_a_link_is_followed_and_a_fifo_is_refused() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir(path.join("results")).unwrap();
    fs::create_dir(path.join("shared")).unwrap();
    let (runs, real) = (path.join("results/runs.csv"), path.join("shared/all.csv"));
    std::os::unix::fs::symlink("../shared/all.csv", &runs).unwrap();
    fs::write(&real, "run_id,status\nold,ok\n").unwrap();
    train(path, &["--run-id", "a"], 0);
    assert!(runs.is_symlink());
    assert_eq!(column(&real, "run_id"), ["old", "a"]);
    fs::remove_file(&runs).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&runs).status().unwrap().success());
    let (_, stderr) = train(path, &[], 1);
    assert!(stderr.contains("runs.csv: is a FIFO, expected a file"), "{stderr}");
    for name in ["epochs.csv", "confusion.csv", "summary.csv", "runs.csv"] {
        let dir = path.join("pipe");
        fs::create_dir(&dir).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(dir.join(name)).status().unwrap().success());
        let plot = launch(CHAINRULE, path).args(["plot", "pipe"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&plot.stderr).into_owned();
        let expected = format!("{name}: is a FIFO, expected a file");
        assert!(plot.status.code() == Some(1) && stderr.contains(&expected), "{name}: {stderr}");
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn a_row_that_a_killed_process_did_not_append_is_added_by_the_next_run_and_by_a_rebuild() {
    let folder = folder();
    let (path, results) = (folder.path(), folder.path().join("results"));
    let runs = results.join("runs.csv");
    for id in ["a", "b", "c"] {
        train(path, &["--run-id", id, "--tag", &format!("tag_{id}=x")], 0);
    }
    let whole = fs::read_to_string(&runs).unwrap();
    let without_b: Vec<_> = whole.lines().filter(|line| !line.starts_with("b,")).collect();
    fs::write(&runs, without_b.join("\n") + "\n").unwrap();
    // What a killed process leaves, too.
    fs::create_dir(results.join("dead")).unwrap();
    fs::write(results.join("dead/.writing-1"), "half").unwrap();
    let (_, stderr) = train(path, &["--run-id", "d"], 0);
    assert!(stderr.contains("added to runs.csv, where these runs were missing: b\n"), "{stderr}");
    assert!(!results.join("dead/.writing-1").exists());
    assert_eq!(column(&runs, "run_id"), ["a", "c", "b", "d"]);
    assert_eq!(column(&runs, "tag_b"), ["", "", "x", ""]);

    fs::remove_file(&runs).unwrap();
    let rebuilt = rebuild_runs(&results, None).unwrap();
    assert_eq!((rebuilt.rows, rebuilt.kept), (4, None));
    let again = fs::read_to_string(&runs).unwrap();
    assert!(again.starts_with(&whole), "{again}\n{whole}");
    // A damaged table, and rows of runs without a folder, are kept beside the new one.
    fs::write(&runs, "rubbish").unwrap();
    let rebuilt = rebuild_runs(&results, None).unwrap();
    assert_eq!(fs::read_to_string(rebuilt.kept.unwrap()).unwrap(), "rubbish");
    assert_eq!(fs::read_to_string(&runs).unwrap(), again);
    fs::remove_dir_all(results.join("a")).unwrap();
    let rebuilt = rebuild_runs(&results, None).unwrap();
    assert_eq!(rebuilt.kept.unwrap(), results.join("runs.csv.old-2"));
    assert_eq!(column(&runs, "run_id"), ["b", "c", "d"]);
    assert!(
        rebuild_runs(&results.join("dead"), None)
            .unwrap_err()
            .to_string()
            .contains("contains no folder of a run")
    );
}

#[test]
fn a_rebuild_in_another_dialect_converts_numbers_alone() {
    let folder = folder();
    let results = folder.path().join("results");
    train(folder.path(), &["--run-id", "a", "--tag", "v=1.5", "--note", "1.5"], 0);
    rebuild_runs(&results, Some(chainrule::config::CsvDialect::ExcelEu)).unwrap();
    let text = fs::read_to_string(results.join("runs.csv")).unwrap();
    assert!(
        text.starts_with("\u{feff}run_id;") && text.contains(";0,01;0,9;") && text.contains(";0.1.0;"),
        "{text}"
    );
    assert!(text.ends_with(";1,5;1.5\r\n"), "{text}");
    // The next run appends in the dialect of the table.
    train(folder.path(), &["--run-id", "b"], 0);
    let after = fs::read_to_string(results.join("runs.csv")).unwrap();
    assert!(after.starts_with(&text) && after[text.len()..].starts_with("b;ok;"), "{after}");
}

#[test]
fn standard_output_carries_what_print_asks_for() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(train(path, &["--run-id", "a", "--print", "run-id"], 0).0, "a\n");
    let (rows, _) = train(path, &["--run-id", "b", "--print", "csv", "--quiet"], 0);
    assert_eq!(rows, fs::read_to_string(path.join("results/b/epochs.csv")).unwrap());
    let args = ["--run-id", "bad", "--print", "csv", "--learning-rate", "1e30"];
    let (rows, _) = train(path, &args, 3);
    assert_eq!(rows, fs::read_to_string(path.join("results/bad/epochs.csv")).unwrap());
    let (line, _) = train(path, &["--run-id", "c", "--print", "json", "--tag", "share=0.5"], 0);
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    let get = |name: &str| json.get(name).unwrap_or_else(|| panic!("no {name} in {line}")).clone();
    assert_eq!((get("run_id"), get("status")), ("c".into(), "ok".into()));
    assert_eq!((get("epochs"), get("learning_rate"), get("share")), (2.into(), 0.01.into(), 0.5.into()));
    assert_eq!(
        (get("hidden_dims"), get("no_shuffle"), get("val_loss")),
        ("3".into(), false.into(), ().into())
    );
    assert!(line.ends_with("}\n") && line.lines().count() == 1);
    if cfg!(target_os = "linux") {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let args = ["train", "--data", ".", "--epochs", "1", "--print", "json", "--run-id", "full"];
        let output = launch(CHAINRULE, path).args(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("cannot write standard output"));
        assert!(path.join("results/full/summary.csv").exists());
    }
}
