//! Tables whose names, numbers, labels and texts are written in unusual ways

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use chainrule::error::separated;

use crate::ended::ended;
use crate::launch::{CHAINRULE, launch};

/// The standard error of `train` with small steps and these arguments
#[track_caller]
fn train(folder: &Path, args: &[&str], code: i32) -> String {
    ended(folder, &[&["train", "--epochs", "2", "--hidden-dims", "4"], args].concat(), code).1
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    fs::read(folder.join(format!("results/{run}/model.safetensors"))).unwrap()
}

/// Rows of two numbers, a text and a label, below a header
fn table(header: &str) -> String {
    let row = |i: usize| {
        let color = ["red", "blue", "white"][i * 5 % 4 % 3];
        format!("{}.5,{},{color},{}\n", i * 37 % 50, i * 11 % 40, ["no", "yes"][i % 2])
    };
    format!("{header}\n{}", (0..80).map(row).collect::<String>())
}

#[test]
fn two_columns_of_one_name_are_refused_with_their_positions_unless_one_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("t.csv"), table("a,b,a,label")).unwrap();
    let categories = ["--data", "t.csv", "--categorical", "3"];
    let message = train(path, &categories, 1);
    assert!(message.contains("t.csv: columns 1 and 3 are both called `a`"), "{message}");
    assert!(message.contains("--ignore 3"), "{message}");
    let left_out = ["--data", "t.csv", "--ignore", "3", "--test-data", "t.csv", "--run-id", "a"];
    let stderr = train(path, &left_out, 0);
    assert!(stderr.contains("80 training and 80 test samples; net 2-"), "{stderr}");
    let (stdout, _) = ended(path, &["evaluate", "results/a/model.safetensors"], 0);
    assert!(stdout.contains("80 samples"), "{stdout}");
    let message = ended(path, &["predict", "results/a/model.safetensors", "t.csv"], 1).1;
    assert!(message.contains("has several columns with that name (1, 3)"), "{message}");
    // The other one can be the row's name.
    train(path, &["--data", "t.csv", "--keep-as-id", "3", "--run-id", "b"], 0);
}

#[test]
fn names_with_commas_round_trip_through_every_file_and_the_command_that_repeats_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("t.csv"), table("\"a, b\",c,\"say \"\"hi\"\",\",label")).unwrap();
    let (ignore, categorical) = ("\"a, b\",c", "\"say \"\"hi\"\",\"");
    let base = ["--data", "t.csv", "--categorical", categorical];
    let stderr = train(path, &[&base[..], &["--ignore", ignore, "--run-id", "a"]].concat(), 0);
    assert!(stderr.contains("net 3-4-2"), "{stderr}");
    for wrong in ["\"a, b", "a,,b", "\"a\" b"] {
        let message = train(path, &[&base[..], &["--ignore", wrong]].concat(), 2);
        assert!(message.contains("`\"a, b\"` for a name that contains one"), "{message}");
    }
    let message = train(path, &["--data", "t.csv"], 1);
    assert!(
        message.contains("add --categorical '\"say \"\"hi\"\",\"'; to leave it out, add --ignore '"),
        "{message}"
    );
    train(path, &["--config", "results/a/config.toml", "--run-id", "b"], 0);
    let toml = "data = \"t.csv\"\nignore = [\"a, b\", \"c\"]\ncategorical = ['say \"hi\",']\n";
    fs::write(path.join("list.toml"), toml).unwrap();
    train(path, &["--config", "list.toml", "--run-id", "c"], 0);
    assert!(model(path, "a") == model(path, "b") && model(path, "a") == model(path, "c"));
    // One value an axis on the command line, a list of names in a plan.
    let sweep = [
        "sweep",
        "--data",
        "t.csv",
        "--categorical",
        categorical,
        "--epochs",
        "2",
        "--hidden-dims",
        "4",
        "-q",
    ];
    let grid = ["--sweep-id", "s", "--grid", "ignore=\"a, b\",c"];
    ended(path, &[&sweep[..], &grid].concat(), 0);
    ended(path, &["sweep", "--plan", "results/s/plan.toml", "--sweep-id", "s", "--resume", "-q"], 0);
    let plan = format!("{toml}epochs = 2\nhidden_dims = [4]\ntest_split = 0.2\n")
        .replace("ignore = [\"a, b\", \"c\"]\n", "")
        + "[grid]\nignore = [[\"a, b\", \"c\"], '\"a, b\"']\n";
    fs::write(path.join("plan.toml"), plan).unwrap();
    ended(path, &["sweep", "--plan", "plan.toml", "--sweep-id", "p", "-q"], 0);
    let plan = fs::read_to_string(path.join("results/p/plan.toml")).unwrap();
    assert!(plan.contains("ignore = ['\"a, b\",c', '\"a, b\"']"), "{plan}");
    ended(path, &["sweep", "--plan", "plan.toml", "--sweep-id", "p", "--resume", "-q"], 0);
    train(path, &["--config", "list.toml", "--test-split", "0.2", "--run-id", "d"], 0);
    assert!(model(path, "p/t0000") == model(path, "d"));
    let runs = fs::read_to_string(path.join("results/p/runs.csv")).unwrap();
    assert!(runs.contains(",\"\"\"a, b\"\",c\","), "{runs}");
    // The shell reads the command of the report as it is written.
    let report = fs::read_to_string(path.join("results/p/report.md")).unwrap();
    let command = report.lines().find(|line| line.trim().starts_with("chainrule train")).unwrap();
    let command = command.trim().replacen("chainrule", "exec \"$0\"", 1) + " --run-id again --quiet";
    let output = launch("sh", path).args(["-c", &command, CHAINRULE]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(
        ["p/t0000", "p/t0001"].iter().any(|trial| model(path, trial) == model(path, "again")),
        "{command}"
    );
}

#[test]
fn quoted_decimal_commas_between_commas_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let points = table("a,b,color,label");
    let quoted = |line: &str| {
        let (first, rest) = line.split_once(',').unwrap();
        let first =
            if first.contains('.') { format!("\"{}\"", first.replace('.', ",")) } else { first.to_owned() };
        format!("{first},{rest}\n")
    };
    let commas: String = points.lines().map(quoted).collect();
    assert!(commas.contains("\n\"37,5\",11,"), "{commas}");
    fs::write(path.join("points.csv"), points).unwrap();
    fs::write(path.join("commas.csv"), &commas).unwrap();
    let color = ["--categorical", "color", "--data"];
    train(path, &[&color[..], &["points.csv", "--run-id", "points"]].concat(), 0);
    let message = train(path, &[&color[..], &["commas.csv"]].concat(), 1);
    assert!(message.contains("`0,5` is no number") && message.contains("add --decimal ,"), "{message}");
    let decimal = ["commas.csv", "--decimal", ",", "--run-id"];
    train(path, &[&color[..], &decimal, &["found"]].concat(), 0);
    train(path, &[&color[..], &decimal, &["given", "--separator", ","]].concat(), 0);
    assert!(model(path, "points") == model(path, "found") && model(path, "points") == model(path, "given"));
    let mut child = launch(CHAINRULE, path)
        .args(["predict", "results/points/model.safetensors", "-", "--decimal", ","])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(commas.as_bytes()).unwrap();
    let streamed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(streamed, ended(path, &["predict", "results/found/model.safetensors", "points.csv"], 0).0);
    // Without quotes, a comma is the decimal sign of one column.
    fs::write(path.join("one.csv"), "1,5\n2,5\n").unwrap();
    let message = train(path, &["--data", "one.csv", "--decimal", ",", "--header", "no"], 1);
    assert!(message.contains("the columns are c1"), "{message}");
}

/// 40 rows with these labels in turns
fn labelled(labels: &[&str]) -> String {
    let row = |i: usize| format!("{},{}\n", i * 37 % 50, labels[i % labels.len()]);
    format!("a,label\n{}", (0..40).map(row).collect::<String>())
}

#[test]
fn equal_numbers_are_one_class_wherever_the_training_labels_are_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, labels: &[&str]| fs::write(path.join(name), labelled(labels)).unwrap();
    write("numbers.csv", &["1", "1.0", "2"]);
    write("same.csv", &["1.00", "2e0"]);
    let stderr = train(path, &["--data", "numbers.csv", "--test-data", "same.csv", "--run-id", "a"], 0);
    assert!(stderr.contains("classes: 0 1, 1 2\n"), "{stderr}");
    // A text among the test labels is the one that is wrong.
    write("text.csv", &["1.0", "2.0", "x"]);
    let message = train(path, &["--data", "numbers.csv", "--test-data", "text.csv"], 1);
    assert!(message.contains("text.csv: label x in line 4 is outside the 2 classes, 1, 2"), "{message}");
    let evaluate = |run: &str, data: &str, code: i32| {
        ended(path, &["evaluate", &format!("results/{run}/model.safetensors"), "--data", data], code)
    };
    assert!(evaluate("a", "same.csv", 0).0.contains("40 samples"));
    let message = evaluate("a", "text.csv", 1).1;
    assert!(message.contains("label x in line 4 is no class of the model"), "{message}");
    // Beside a text, each way to write a number is a class, also in a file without that text.
    write("texts.csv", &["1", "1.0", "x"]);
    write("one.csv", &["1.0", "1.0", "1"]);
    let stderr = train(path, &["--data", "texts.csv", "--test-data", "one.csv", "--run-id", "b"], 0);
    assert!(stderr.contains("classes: 0 1, 1 1.0, 2 x\n"), "{stderr}");
    let support = |stdout: &str| -> Vec<String> {
        let lines = stdout.lines().skip_while(|line| !line.starts_with("class ")).skip(1).take(3);
        lines.map(|line| line.split_whitespace().last().unwrap().to_owned()).collect()
    };
    assert_eq!(support(&evaluate("b", "one.csv", 0).0), ["13", "27", "0"]);
    let classes = fs::read_to_string(path.join("results/b/classes.csv")).unwrap();
    assert!(classes.contains("\n1.0,") && classes.contains(",27"), "{classes}");
}

#[test]
fn texts_that_the_training_data_lack_are_counted_once_in_train_and_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("t.csv"), table("a,b,color,label")).unwrap();
    let test = "label,color,a,b\nyes,red,1,2\nno,green,3,4\n\nyes,black,5,6\nno,green,7,8\nno,,1,1\n";
    fs::write(path.join("test.csv"), test).unwrap();
    let data = ["--data", "t.csv", "--test-data", "test.csv", "--categorical", "color", "--missing", "mean"];
    let expected = "warning: test.csv: 3 values of column color that the training data do not have (`green` in line 3), so \
                    the inputs of blue, red, white are 0\n";
    let stderr = train(path, &data, 0);
    assert_eq!(stderr.matches(expected).count(), 1, "{stderr}");
    assert!(!train(path, &[&data[..], &["--quiet"]].concat(), 0).contains("green"));
    let sweep = ["sweep", "--epochs", "1", "--grid", "learning_rate=0.1,0.01", "--seeds", "2", "--jobs", "2"];
    let stderr = ended(path, &[&sweep[..], &data].concat(), 0).1;
    assert_eq!(stderr.matches(expected).count(), 1, "{stderr}");
}

#[test]
fn texts_of_held_out_rows_that_no_training_row_has_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Each row has a color of its own, so none of the held-out rows has one that is trained on.
    let rows: String = (0..40).map(|i| format!("{i},c{i:02},{}\n", ["no", "yes"][i % 2])).collect();
    fs::write(path.join("t.csv"), format!("a,color,label\n{rows}")).unwrap();
    let data = ["--data", "t.csv", "--categorical", "color"];
    let count = |args: &[&str]| -> Vec<String> {
        let stderr = train(path, &[&data[..], args].concat(), 0);
        let warnings = stderr.lines().filter_map(|line| line.strip_prefix("warning: t.csv: "));
        let known = |line: &str| line.split_once(" (`c").map(|(start, _)| start.to_owned());
        warnings.filter_map(known).collect()
    };
    let of = |n: usize, rows: &str| {
        format!("{n} values of column color in {rows} rows that the training rows do not have")
    };
    assert_eq!(count(&[]), Vec::<String>::new());
    assert_eq!(count(&["--test-split", "0.2"]), [of(8, "test")]);
    assert_eq!(count(&["--val-split", "0.1"]), [of(4, "validation")]);
    let both = ["--test-split", "0.2", "--val-split", "0.25", "--seed", "3"];
    assert_eq!(count(&both), [of(8, "test"), of(8, "validation")]);
    // Of a test table, those that only validation rows have are counted, too.
    let test = ["--test-data", "t.csv", "--val-split", "0.25"];
    assert_eq!(count(&test), [of(10, "validation"), of(10, "test")]);
    // A missing text is none, and others have inputs.
    let rows: String = (0..40).map(|i| format!("{i},{},{}\n", ["", "red"][i / 2 % 2], i % 2)).collect();
    fs::write(path.join("t.csv"), format!("a,color,label\n{rows}")).unwrap();
    assert_eq!(count(&[&both[..], &["--missing", "mean"]].concat()), Vec::<String>::new());
}

#[test]
fn info_looks_at_all_rows_of_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let cell = |i: usize| match i {
        150 => "oak".to_owned(),
        160 => "\"elm, old\"".to_owned(),
        170 => "NA".to_owned(),
        _ => (i % 3).to_string(),
    };
    let rows: String = (0..200).map(|i| format!("{},{}.5,id{i}\n", cell(i), i * 7)).collect();
    fs::write(path.join("t.csv"), format!("a,b,id\n{rows}")).unwrap();
    let (stdout, _) = ended(path, &["info", "t.csv"], 0);
    let line = |name: &str| stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(stdout.contains("rows        200\n"), "{stdout}");
    let a = line("a ");
    assert!(
        a.contains("text")
            && a.contains(" 1  numbers before `oak` in line 152; 5 different: 0, 1, 2, elm, old, oak"),
        "{a}"
    );
    assert!(line("b ").contains("number        0  0.5 to 1393.5"), "{stdout}");
    assert!(line("id ").contains("200 different: id0, id1, id10, "), "{stdout}");
    let (stdout, _) = ended(path, &["info", "t.csv", "--json"], 0);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let a = &json["columns"][0];
    assert_eq!((&a["kind"], &a["first_text"]), (&"text".into(), &"oak".into()), "{stdout}");
    assert_eq!((&a["first_text_line"], &a["missing"]), (&152.into(), &1.into()), "{stdout}");
    // More texts than are counted, in two columns, one of which begins with numbers.
    let rows: String = (0..70_000)
        .map(|i| format!("t{i},{}\n", if i < 69_999 { i.to_string() } else { "end".into() }))
        .collect();
    fs::write(path.join("t.csv"), format!("name,n\n{rows}")).unwrap();
    let (stdout, _) = ended(path, &["info", "t.csv"], 0);
    assert!(stdout.contains("  more than 65,536 different: t0, t1, t10, "), "{stdout}");
    assert!(
        stdout.contains("numbers before `end` in line 70001; more than 1,000 different: 0, 1, 10, "),
        "{stdout}"
    );
    fs::write(path.join("t.csv"), "a,b\n").unwrap();
    assert!(ended(path, &["info", "t.csv", "--header", "yes"], 1).1.contains("has only a header"));
}

#[test]
fn trials_that_would_read_standard_input_twice_are_refused_before_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sweep = |args: &[&str]| {
        let base = ["sweep", "--data", "-", "--categorical", "color", "--epochs", "1", "--sweep-id", "s"];
        let mut child = launch(CHAINRULE, path)
            .args([&base[..], args].concat())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program need not read it.
        let _ = child.stdin.take().unwrap().write_all(table("a,b,color,label").as_bytes());
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for args in [&["--grid", "missing=mean,drop"][..], &["--seeds", "3", "--test-split", "0.2"]] {
        let (code, stderr) = sweep(args);
        assert_eq!(code, Some(2), "{args:?}: {stderr}");
        assert!(
            stderr.contains("standard input can be read once") && stderr.contains("cat > table.csv"),
            "{stderr}"
        );
        assert!(!path.join("results").exists(), "{args:?} left files");
    }
    let (code, stderr) = sweep(&["--seeds", "3", "--grid", "scale=standard,none"]);
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_text_among_numbers_to_predict_is_an_error_and_no_class() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |label: &dyn Fn(usize) -> String| {
        let rows: String = (0..300).map(|i| format!("{},{}\n", i * 7 % 31, label(i))).collect();
        fs::write(path.join("t.csv"), format!("a,y\n{rows}")).unwrap();
    };
    for wrong in ["inf", "1.5x", "-", "1e999"] {
        write(&|i| if i == 40 { wrong.to_owned() } else { format!("-0.{:05}", 37 * i + 1) });
        let message = train(path, &["--data", "t.csv"], 1);
        let said = format!("t.csv: line 42, target y: `{wrong}` is no number, but 299 of 300 labels are");
        assert!(message.contains(&said) && message.contains("--task classify"), "{message}");
    }
    train(path, &["--data", "t.csv", "--task", "classify", "--run-id", "asked"], 0);
    write(&|i| if i % 100 == 7 { "none".to_owned() } else { (i * 3).to_string() });
    assert!(train(path, &["--data", "t.csv"], 1).contains("line 9, target y: `none` is no number"));
    // Few labels, labels that are texts for the most part, and few whole numbers are classes.
    for (run, label) in [
        ("few", (|i| ["1", "2", "unknown"][i % 3].to_owned()) as fn(usize) -> String),
        ("versions", |i| ["1.5", "2.0", "beta"][i % 3].to_owned()),
        ("codes", |i| if i % 3 == 0 { format!("{}.5", i % 50) } else { format!("V{}", i % 20) }),
        ("whole", |i| if i % 30 == 0 { "other".to_owned() } else { (i % 40).to_string() }),
    ] {
        write(&label);
        let stderr = train(path, &["--data", "t.csv", "--run-id", run], 0);
        assert!(stderr.contains("classes: 0 "), "{run}: {stderr}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_named_with_their_place_in_every_kind_of_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (line, column) in [(2, 1), (2, 3), (150, 1), (150, 2), (150, 3)] {
        let mut bytes = b"a,b,kind\n".to_vec();
        let mut place = 0;
        for at in 2..200 {
            for (index, cell) in [(at % 7).to_string(), ["x", "y"][at % 2].into(), (at % 3).to_string()]
                .into_iter()
                .enumerate()
            {
                bytes.extend(cell.as_bytes());
                if (at, index + 1) == (line, column) {
                    place = bytes.len() + 1;
                    bytes.extend(b"\xe9\xff");
                }
                bytes.push(if index == 2 { b'\n' } else { b',' });
            }
        }
        fs::write(path.join("latin.csv"), bytes).unwrap();
        for categorical in ["b", "auto"] {
            let args = ["--data", "latin.csv", "--target", "kind", "--categorical", categorical];
            let message = train(path, &args, 1);
            let name = ["a", "b", "kind"][column - 1];
            let said =
                format!("line {line}, column `{name}`: byte {} of the file is not UTF-8", separated(place));
            assert!(message.contains(&said), "{said}: {message}");
        }
    }
}
