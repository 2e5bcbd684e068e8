//! `chainrule predict` on tables and arrays as people have them

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use crate::ended::ended;
use crate::idx_files::{gzip, idx_bytes};
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

const MODEL: &str = "results/a/model.safetensors";

#[track_caller]
fn predicted(folder: &Path, input: &str, more: &[&str]) -> String {
    ended(folder, &[&["predict", MODEL, input], more].concat(), 0).0
}

/// Passengers: an age that may be missing, a sex, a fare, and whether they survived
fn passengers(rows: usize) -> String {
    let row = |i: usize| {
        let (age, sex) = (i * 7 % 60, if i.is_multiple_of(2) { "female" } else { "male" });
        let age = if i % 10 == 3 { String::new() } else { age.to_string() };
        let survived = if i.is_multiple_of(2) || i * 7 % 60 < 10 { "yes" } else { "no" };
        format!("{i},{age},{sex},{}.5,{survived}\n", i * 13 % 90)
    };
    "id,age,sex,fare,survived\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

/// A folder with passengers.csv and a model for it
fn trained(more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("passengers.csv"), passengers(300)).unwrap();
    let base = ["train", "--data", "passengers.csv", "--target", "survived", "--keep-as-id", "id", "--quiet"];
    let net = ["--categorical", "sex", "--missing", "median", "--epochs", "3", "--hidden-dims", "8"];
    ended(folder.path(), &[&base[..], &net, &["--run-id", "a"], more].concat(), 0);
    folder
}

#[test]
fn columns_are_matched_by_name_in_any_order_and_others_are_ignored() {
    let folder = trained(&[]);
    let path = folder.path();
    let with_ids = predicted(path, "passengers.csv", &[]);
    assert!(with_ids.starts_with("row,id,predicted,confidence\n1,0,yes,0."), "{with_ids}");
    assert_eq!(with_ids.lines().count(), 301);
    // Without the ids, a table that lacks them has the same predictions.
    let without = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{},{},{}\n", cells[0], cells[2], cells[3])
    };
    let expected: String = with_ids.lines().map(without).collect();
    let turned: String = passengers(300)
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{}\tx\t{}\t{}\n", cells[3], cells[1], cells[2])
        })
        .collect();
    fs::write(path.join("turned.tsv.gz"), gzip(turned.as_bytes())).unwrap();
    assert_eq!(predicted(path, "turned.tsv.gz", &[]), expected);
    fs::write(path.join("short.csv"), "age,fare,x\n1,2,3\n").unwrap();
    let message = ended(path, &["predict", MODEL, "short.csv"], 1).1;
    assert!(message.contains("lacks 1 of the 3 columns of the model: `sex`"), "{message}");
}

#[test]
fn columns_that_named_the_rows_in_training_are_copied_where_they_are_there() {
    let folder = trained(&[]);
    let path = folder.path();
    let info = ended(path, &["info", MODEL], 0).0;
    assert!(info.contains("row names   id, which predict copies"), "{info}");
    let head = |keep: &[&str]| predicted(path, "passengers.csv", keep).lines().next().unwrap().to_owned();
    assert_eq!(head(&["--keep", "fare"]), "row,id,fare,predicted,confidence");
    assert_eq!(head(&["--keep", "id,sex", "--keep", "1"]), "row,id,sex,predicted,confidence");
    // The labels of evaluation are found beside them, and a name may contain a comma.
    ended(path, &["evaluate", MODEL, "--data", "passengers.csv", "--target", "survived"], 0);
    let renamed =
        passengers(300).replacen("fare", "\"fare, paid\"", 1).replacen("id", "\"id, or \"\"name\"\"\"", 1);
    fs::write(path.join("renamed.csv"), renamed).unwrap();
    let train =
        ["train", "--data", "renamed.csv", "--target", "survived", "--epochs", "1", "--run-id", "b", "-q"];
    let columns =
        ["--keep-as-id", "\"id, or \"\"name\"\"\"", "--ignore", "\"fare, paid\",age", "--categorical", "sex"];
    ended(path, &[&train[..], &columns].concat(), 0);
    let predict = ["predict", "results/b/model.safetensors", "renamed.csv", "--keep", "\"fare, paid\",age"];
    let out = ended(path, &predict, 0).0;
    assert!(
        out.starts_with("row,\"id, or \"\"name\"\"\",\"fare, paid\",age,predicted,confidence\n1,0,0.5,0,"),
        "{out}"
    );
}

#[test]
fn missing_numbers_are_filled_or_refused_and_unknown_values_are_counted() {
    let folder = trained(&[]);
    let path = folder.path();
    fs::write(path.join("new.csv"), "age,sex,fare\n,female,3\n30,x,4\n31,,5\n").unwrap();
    let (stdout, stderr) = ended(path, &["predict", MODEL, "new.csv"], 0);
    assert_eq!(stdout.lines().count(), 4);
    let expected = "warning: 2 values of column sex that the model does not know (`x` in line 3)";
    assert!(stderr.contains(expected), "{stderr}");
    assert_eq!(ended(path, &["predict", MODEL, "new.csv", "--quiet"], 0), (stdout, String::new()));
    fs::write(path.join("fare.csv"), "age,sex,fare\n30,female,3\n30,male,\n").unwrap();
    assert_eq!(predicted(path, "fare.csv", &[]).lines().count(), 3);
    let run = [
        "train",
        "--data",
        "passengers.csv",
        "--target",
        "survived",
        "--ignore",
        "id,age,sex",
        "--epochs",
        "1",
    ];
    ended(path, &[&run[..], &["--quiet", "--run-id", "b"]].concat(), 0);
    let message = ended(path, &["predict", "results/b/model.safetensors", "fare.csv"], 1).1;
    assert!(
        message.contains("fare.csv: line 3, column fare: a missing value, expected a number"),
        "{message}"
    );
}

#[test]
fn probabilities_sum_to_1_and_the_first_of_the_top_is_the_prediction() {
    let folder = trained(&["--dtype", "f64"]);
    let out = predicted(folder.path(), "passengers.csv", &["--proba", "--top-k", "5", "--keep", "id,3"]);
    let mut lines = out.lines();
    assert_eq!(lines.next().unwrap(), "row,id,sex,predicted,confidence,predicted_2,confidence_2,p_no,p_yes");
    for (i, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let p = |at: usize| cells[at].parse::<f64>().unwrap();
        assert_eq!((cells[0], cells[1]), (&*(i + 1).to_string(), &*i.to_string()));
        assert_eq!(cells[2], if i.is_multiple_of(2) { "female" } else { "male" });
        assert!((p(7) + p(8) - 1.0).abs() < 1e-15 && p(4) >= p(6), "{line}");
        assert_eq!(p(4), if cells[3] == "yes" { p(8) } else { p(7) });
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads_blocks_or_the_output() {
    let folder = trained(&[]);
    let path = folder.path();
    let large = passengers(200_000);
    fs::write(path.join("large.csv"), &large).unwrap();
    let one = predicted(path, "large.csv", &["--proba", "--threads", "1"]);
    assert_eq!(one.lines().count(), 200_001);
    assert!(one == predicted(path, "large.csv", &["--proba", "--threads", "3"]));
    let (stdout, stderr) = ended(path, &["predict", MODEL, "large.csv", "--proba", "-o", "out.csv"], 0);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", "200,000 rows in out.csv\n"));
    assert!(fs::read_to_string(path.join("out.csv")).unwrap() == one);
    let mut child = launch(CHAINRULE, path)
        .args(["predict", MODEL, "-", "--proba"])
        .stdin(fs::File::open(path.join("large.csv")).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut streamed = String::new();
    std::io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut streamed).unwrap();
    assert!(child.wait().unwrap().success() && streamed == one);
}

#[test]
fn a_line_on_standard_input_is_answered_before_the_next_is_written() {
    let folder = trained(&[]);
    let mut child = launch(CHAINRULE, folder.path())
        .args(["predict", MODEL, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    input.write_all(b"age,sex,fare\n").unwrap();
    for row in 1..=20 {
        writeln!(input, "{row},female,3.5").unwrap();
        if row == 1 {
            assert_eq!(answers.next().unwrap().unwrap(), "row,predicted,confidence");
        }
        let answer = answers.next().unwrap().unwrap();
        assert!(answer.starts_with(&format!("{row},")), "{answer}");
    }
    drop(input);
    assert!(answers.next().is_none() && child.wait().unwrap().success());
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let folder = trained(&[]);
    fs::write(folder.path().join("large.csv"), passengers(100_000)).unwrap();
    let mut child = launch(CHAINRULE, folder.path())
        .args(["predict", MODEL, "large.csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn images_are_predicted_from_idx_files_and_tables_of_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    ended(path, &["train", "--data", ".", "--epochs", "2", "--hidden-dims", "5", "--run-id", "a", "-q"], 0);
    let expected = predicted(path, "t10k-images-idx3-ubyte.gz", &["--top-k", "2"]);
    assert_eq!(expected.lines().count(), 51);
    let pixels: Vec<u8> = (0..50 * 16).map(|at| (at / 16 % 3 * 80 + at * 7 % 50) as u8).collect();
    let header: String = (0..16).map(|i| format!(",p{i}")).collect();
    let row = |row: &[u8]| format!("9{}\n", row.iter().map(|x| format!(",{x}")).collect::<String>());
    let table = format!("label{header}\n{}", pixels.chunks(16).map(row).collect::<String>());
    fs::write(path.join("pixels.csv"), &table).unwrap();
    assert_eq!(predicted(path, "pixels.csv", &["--top-k", "2"]), expected);
    fs::write(path.join("pixels.csv"), table.replace("label,p0", "other,p0")).unwrap();
    let message = ended(path, &["predict", MODEL, "pixels.csv"], 1).1;
    assert!(message.contains("has 17 columns of numbers, expected 16"), "{message}");
    fs::write(path.join("large.csv"), format!("label{header}\n9{}\n", ",256".repeat(16))).unwrap();
    let message = ended(path, &["predict", MODEL, "large.csv"], 1).1;
    assert!(message.contains("line 2, column 1: 256, expected a pixel"), "{message}");
    fs::write(path.join("wrong"), idx_bytes(&[2, 3, 3], &[0; 18])).unwrap();
    let message = ended(path, &["predict", MODEL, "wrong"], 1).1;
    assert!(message.contains("has 2 rows of 3×3, expected rows of 4×4"), "{message}");
    let message = ended(path, &["predict", MODEL, "t10k-images-idx3-ubyte.gz", "--keep", "a"], 1).1;
    assert!(message.contains("--keep is for tables"), "{message}");
}

#[test]
fn rubbish_is_refused_with_its_place() {
    let folder = trained(&[]);
    let path = folder.path();
    let head = "age,sex,fare\n1,male,2\n";
    for (name, content, message) in [
        ("empty.csv", String::new(), "is empty"),
        ("head.csv", "age,sex,fare\n".to_owned(), "has only a header, expected rows after it"),
        ("ragged.csv", format!("{head}1,male\n"), "line 3"),
        ("text.csv", format!("{head}1,male,3\nx,male,3\n"), "line 4, column `age`"),
        ("binary.csv", "\u{1}\0\u{2}".to_owned(), "binary data"),
    ] {
        fs::write(path.join(name), content).unwrap();
        let error = ended(path, &["predict", MODEL, name], 1).1;
        assert!(error.contains(name) && error.contains(message), "{error}");
    }
    let error = ended(path, &["predict", "passengers.csv", "passengers.csv"], 1).1;
    assert!(error.contains("passengers.csv"), "{error}");
    let error = ended(path, &["predict", MODEL, MODEL], 1).1;
    assert!(error.contains("is a model, expected a table"), "{error}");
    let error = ended(path, &["predict", MODEL, "passengers.csv", "--keep", "nothing"], 1).1;
    assert!(error.contains("--keep `nothing`") && error.contains("`id`"), "{error}");
    ended(path, &["predict", MODEL, "passengers.csv", "--top-k", "0"], 2);
    ended(path, &["predict", MODEL], 2);
    for models in [&["results/a"][..], &["results/a", "results/b"], &[MODEL, "results/a"]] {
        let error = ended(path, &[&["predict"], models, &["passengers.csv"]].concat(), 1).1;
        let expected =
            "results/a: is a folder, expected a model file; type results/a/model.safetensors in its place";
        assert!(error.contains(expected), "{error}");
    }
    let error = ended(path, &["predict", MODEL, "text.csv", "-o", "out.csv"], 1).1;
    assert!(error.contains("line 4") && !path.join("out.csv").exists(), "{error}");
}

#[test]
fn a_header_alone_has_no_rows() {
    let folder = trained(&[]);
    let path = folder.path();
    fs::write(path.join("empty.csv"), "id,age,sex,fare\n").unwrap();
    for more in [&[][..], &["--header", "yes"], &["-o", "out.csv"]] {
        let (stdout, message) = ended(path, &[&["predict", MODEL, "empty.csv"], more].concat(), 1);
        assert!(stdout.is_empty() && message.contains("empty.csv: has only a header"), "{message}");
    }
    assert!(!path.join("out.csv").exists());
    fs::write(path.join("empty.csv"), "id,age,sex,fare,survived\n").unwrap();
    let (_, message) = ended(path, &["evaluate", MODEL, "--data", "empty.csv"], 1);
    assert!(message.contains("has only a header, expected rows after it"), "{message}");
    // Names that the model does not know may be a row of texts.
    fs::write(path.join("empty.csv"), "id,age,sex,price\n").unwrap();
    let (_, message) = ended(path, &["predict", MODEL, "empty.csv"], 1);
    assert!(message.contains("may be a header or a row"), "{message}");
}

#[test]
fn the_output_replaces_neither_the_input_nor_the_model() {
    let folder = trained(&[]);
    let path = folder.path();
    fs::write(path.join("in.csv"), passengers(5)).unwrap();
    for (output, said) in
        [("in.csv", "replace the input"), ("./in.csv", "replace the input"), (MODEL, "replace the model")]
    {
        let (_, message) = ended(path, &["predict", MODEL, "in.csv", "-o", output], 2);
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(fs::read_to_string(path.join("in.csv")).unwrap(), passengers(5));
    ended(path, &["predict", MODEL, "in.csv", "-o", "out.csv"], 0);
}
