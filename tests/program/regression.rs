//! Regression: numbers as targets, from the table to predictions

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use chainrule::tables::reader::Table;

use crate::ended::ended_line;

const MODEL: &str = "results/a/model.safetensors";

/// Flats whose price is a smooth function of area, floor and town, with noise; the rent is another
fn flats(rows: usize) -> String {
    let row = |i: usize| {
        let (area, floor) = (20.0 + (i * 37 % 97) as f64, (i * 11 % 7) as f64);
        let town = ["Aa", "Bb", "Cc"][i * 5 % 7 % 3];
        let extra = if town == "Bb" { 40_000.0 } else { 0.0 };
        let noise = (i * 7919 % 101) as f64 / 101.0 - 0.5;
        let price = 3000.0 * area + 50.0 * floor * area + extra + 2000.0 * noise;
        let rent = 4.0 * area + 30.0 * floor + 5.0 * noise;
        format!("{area:.1},{floor},{town},{price:.2},{rent:.3},{i}\n")
    };
    "area,floor,town,price,rent,id\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("flats.csv"), flats(400)).unwrap();
    folder
}

/// The cells of a column
fn column(path: &Path, name: &str) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let column = table.need(name).unwrap();
    table.rows().map(|row| row.text(column).to_owned()).collect()
}

fn numbers(path: &Path, name: &str) -> Vec<f64> {
    column(path, name)
        .iter()
        .map(|cell| cell.parse().unwrap_or_else(|_| panic!("{name}: `{cell}`")))
        .collect()
}

/// A cell of a table with one row
fn cell(path: &Path, name: &str) -> String {
    column(path, name).swap_remove(0)
}

const FLATS: &str =
    "train --data flats.csv --categorical town --ignore id --test-split 0.2 --hidden-dims 16 --batch-size 16";
const PRICE: &str = "--target price --ignore rent --epochs 30 --learning-rate 0.02 --run-id a";

#[test]
fn a_run_writes_errors_in_the_unit_of_the_target_and_no_accuracy() {
    let folder = folder();
    let path = folder.path();
    let (_, stderr) = ended_line(path, &format!("{FLATS} {PRICE} --val-split 0.1"), 0);
    let said = "regression, since the target price has numbers with a fractional part; --task classify makes each number a class";
    assert_eq!(stderr.lines().next(), Some(said), "{stderr}");
    assert!(
        stderr.contains("RMSE") && !stderr.contains("accuracy") && !stderr.contains("classes:"),
        "{stderr}"
    );
    let run = path.join("results/a");
    for name in ["confusion.csv", "classes.csv", "class_means.csv"] {
        assert!(!run.join(name).exists(), "{name}");
    }
    let summary = run.join("summary.csv");
    for name in ["train_accuracy", "val_accuracy", "test_accuracy", "best_accuracy", "classes"] {
        assert_eq!(cell(&summary, name), "", "{name}");
    }
    let of = |name: &str| numbers(&summary, name)[0];
    // Prices are from 60,000 to 480,000.
    assert!(of("test_rmse") < 8000.0 && of("test_r2") > 0.99 && of("test_mae") < of("test_rmse"));
    assert_eq!((of("test_samples"), of("val_samples")), (80.0, 32.0));
    let epochs = run.join("epochs.csv");
    for name in ["train_rmse", "val_rmse", "test_rmse", "test_mae", "test_r2", "train_loss", "test_loss"] {
        let curve = numbers(&epochs, name);
        assert_eq!(curve.len(), 30);
        assert_eq!(curve[29], of(name), "{name}");
    }
    let val = numbers(&epochs, "val_rmse");
    let best = (0..30).min_by(|&a, &b| val[a].total_cmp(&val[b])).unwrap();
    assert_eq!((of("best_epoch"), of("best_rmse")), (best as f64 + 1.0, val[best]));
    assert_eq!(cell(&summary, "best_of"), "val");

    // The predictions give the metrics.
    let predictions = run.join("predictions.csv");
    let [label, predicted] = ["true", "predicted"].map(|name| numbers(&predictions, name));
    assert_eq!(label.len(), 80);
    let squares = label.iter().zip(&predicted).map(|(y, p)| (y - p) * (y - p)).sum::<f64>();
    approx::assert_relative_eq!((squares / 80.0).sqrt(), of("test_rmse"), max_relative = 1e-5);
    let mean = label.iter().sum::<f64>() / 80.0;
    let variation = label.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>();
    approx::assert_relative_eq!(1.0 - squares / variation, of("test_r2"), max_relative = 1e-5);
    let targets = run.join("targets.csv");
    assert_eq!((cell(&targets, "target"), cell(&targets, "samples")), ("price".into(), "80".into()));
    assert_eq!(cell(&targets, "rmse"), cell(&summary, "test_rmse"));
}

#[test]
fn evaluate_gives_the_metrics_of_the_run_and_predict_its_predictions() {
    for dtype in ["f32", "f64"] {
        let folder = folder();
        let path = folder.path();
        ended_line(path, &format!("{FLATS} {PRICE} --dtype {dtype} --quiet"), 0);
        let run = path.join("results/a");
        let (stdout, _) = ended_line(path, &format!("evaluate {MODEL} --out e"), 0);
        assert!(stdout.contains("RMSE") && stdout.contains("R^2") && stdout.contains("price"), "{stdout}");
        for (own, name) in
            [("test_loss", "loss"), ("test_rmse", "rmse"), ("test_mae", "mae"), ("test_r2", "r2")]
        {
            assert_eq!(
                cell(&path.join("e/metrics.csv"), name),
                cell(&run.join("summary.csv"), own),
                "{name}"
            );
        }
        for name in ["targets.csv", "predictions.csv"] {
            assert_eq!(fs::read(path.join("e").join(name)).unwrap(), fs::read(run.join(name)).unwrap());
        }
        let (json, _) = ended_line(path, &format!("evaluate {MODEL} --json"), 0);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&json["per_target"][0]["target"], &json["accuracy"]),
            (&"price".into(), &serde_json::Value::Null)
        );

        ended_line(path, &format!("predict {MODEL} flats.csv --keep price -o p.csv --quiet"), 0);
        let all = path.join("p.csv");
        assert_eq!(fs::read_to_string(&all).unwrap().lines().next(), Some("row,price,predicted"));
        let [price, predicted] = ["price", "predicted"].map(|name| column(&all, name));
        let of_test = run.join("predictions.csv");
        let tested = column(&of_test, "true").into_iter().zip(column(&of_test, "predicted"));
        let bits = |number: &str| number.parse::<f64>().unwrap().to_bits();
        let rows: HashMap<u64, &String> = price.iter().map(|price| bits(price)).zip(&predicted).collect();
        for (label, predicted) in tested {
            assert_eq!(*rows[&bits(&label)], predicted);
        }
        let (_, stderr) = ended_line(path, &format!("predict {MODEL} flats.csv --proba"), 2);
        assert!(stderr.contains("this one predicts numbers"), "{stderr}");
        let (shown, _) = ended_line(path, &format!("info {MODEL}"), 0);
        assert!(shown.contains("targets     1, trained by the loss mse\n  price  "), "{shown}");
    }
}

#[test]
fn several_targets_are_trained_at_once_and_matched_by_name() {
    let folder = folder();
    let path = folder.path();
    let several = "--target price,rent --epochs 40 --learning-rate 0.02 --run-id a";
    let (_, stderr) = ended_line(path, &format!("{FLATS} {several}"), 0);
    assert!(stderr.starts_with("regression of 2 targets: price, rent\n"), "{stderr}");
    let targets = path.join("results/a/targets.csv");
    assert_eq!(column(&targets, "target"), ["price", "rent"]);
    let rmse = numbers(&targets, "rmse");
    assert!(rmse[0] < 12_000.0 && rmse[1] < 12.0, "{rmse:?}");
    assert!(numbers(&targets, "r2").iter().all(|r2| *r2 > 0.98));
    let mean = numbers(&path.join("results/a/summary.csv"), "test_rmse")[0];
    approx::assert_relative_eq!(mean, (rmse[0] + rmse[1]) / 2.0, max_relative = 1e-6);

    // Another table has its columns in another order.
    let lines: Vec<Vec<String>> =
        flats(50).lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let reversed: String =
        lines.iter().map(|cells| cells.iter().rev().cloned().collect::<Vec<_>>().join(",") + "\n").collect();
    fs::write(path.join("reversed.csv"), reversed).unwrap();
    fs::write(path.join("plain.csv"), flats(50)).unwrap();
    for name in ["reversed", "plain"] {
        ended_line(path, &format!("evaluate {MODEL} --data {name}.csv --out {name} --quiet"), 0);
    }
    let read = |name: &str| fs::read(path.join(name).join("predictions.csv")).unwrap();
    assert_eq!(read("reversed"), read("plain"));
    ended_line(path, &format!("predict {MODEL} reversed.csv -o p.csv --quiet"), 0);
    let predicted = column(&path.join("plain/predictions.csv"), "predicted");
    let both = ["predicted_price", "predicted_rent"].map(|name| column(&path.join("p.csv"), name));
    assert_eq!(both[0], predicted.iter().step_by(2).cloned().collect::<Vec<_>>());
    assert_eq!(both[1], predicted.iter().skip(1).step_by(2).cloned().collect::<Vec<_>>());
    // So has a test table of a run.
    let with_test =
        "train --data flats.csv --categorical town --ignore id --target price,rent --epochs 1 --quiet";
    for (run, table) in [("r", "reversed"), ("p", "plain")] {
        ended_line(path, &format!("{with_test} --test-data {table}.csv --run-id {run}"), 0);
    }
    let tested = |run: &str| fs::read(path.join(format!("results/{run}/predictions.csv"))).unwrap();
    assert_eq!(tested("r"), tested("p"));
}

#[test]
fn the_same_command_gives_the_same_bits_for_any_number_of_threads_and_every_loss() {
    let folder = folder();
    let path = folder.path();
    let mut models = Vec::new();
    for loss in ["mse", "mae", "huber"] {
        let run = |threads: usize| {
            let id = format!("{loss}{threads}");
            let settings = "--target price,rent --epochs 5 --weight-column id --val-split 0.1 --quiet";
            let data = FLATS.replace("--ignore id ", "");
            ended_line(
                path,
                &format!("{data} {settings} --loss {loss} --threads {threads} --run-id {id}"),
                0,
            );
            let read = |name: &str| fs::read(path.join(format!("results/{id}/{name}"))).unwrap();
            (read("model.safetensors"), read("predictions.csv"))
        };
        let one = run(1);
        assert!(run(3) == one, "{loss}");
        models.push(one.0);
    }
    assert!(models[0] != models[1] && models[1] != models[2] && models[0] != models[2]);
}

#[test]
fn the_task_follows_from_the_labels_unless_it_is_given() {
    let folder = folder();
    let path = folder.path();
    let table = |name: &str, label: fn(usize) -> String| {
        let rows: String = (0..240).map(|i| format!("{},{},{}\n", i % 17, i * 7 % 23, label(i))).collect();
        fs::write(path.join(name), "a,b,y\n".to_owned() + &rows).unwrap();
    };
    table("few.csv", |i| (i % 5).to_string());
    table("many.csv", |i| (i % 101).to_string());
    table("texts.csv", |i| ["x", "y"][i % 2].to_owned());
    let task = |args: &str| {
        let (_, stderr) = ended_line(path, &format!("train --epochs 1 --hidden-dims 4 {args}"), 0);
        if stderr.contains("RMSE") { "regress" } else { "classify" }
    };
    assert_eq!(task("--data few.csv"), "classify");
    assert_eq!(task("--data many.csv"), "regress");
    assert_eq!(task("--data texts.csv"), "classify");
    assert_eq!(task("--data few.csv --task regress"), "regress");
    assert_eq!(task("--data many.csv --task classify"), "classify");
    for (code, args, message) in [
        (
            2,
            "--data few.csv --loss mae",
            "loss is mae, expected auto, which is cross-entropy, since these labels are classes",
        ),
        (
            2,
            "--data many.csv --class-weight balanced",
            "class-weight is balanced, expected none, since these labels are numbers",
        ),
        (1, "--data texts.csv --task regress", "texts.csv: line 2, target y: `x` is no number to predict"),
        (2, "--data many.csv --target a,b --task classify", "target is a,b, expected one column"),
        (1, "--data many.csv --target a,1", "--target names column a twice"),
        (1, "--data many.csv --target a,c", "`c`"),
    ] {
        let (_, stderr) = ended_line(path, &format!("train --run-id wrong {args}"), code);
        assert!(stderr.contains(message), "{args}: {stderr}");
        assert!(!path.join("results/wrong").exists());
    }
    fs::write(path.join("gap.csv"), "a,y\n1,0.5\n2,\n3,1.5\n4,2.5\n").unwrap();
    let (_, stderr) = ended_line(path, "train --data gap.csv", 1);
    assert!(stderr.contains("line 3: the label is missing; --missing drop"), "{stderr}");
    let (_, stderr) = ended_line(path, "train --data gap.csv --missing drop --epochs 1", 0);
    assert!(stderr.contains("3 training and 0 test samples"), "{stderr}");
}

/// The bytes of an .npy file of f64
fn npy(dims: &str, numbers: &[f64]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({dims}), }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    let data: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), &data].concat()
}

#[test]
fn arrays_of_numbers_are_targets_and_one_hot_rows_are_classes() {
    let folder = folder();
    let path = folder.path();
    let x: Vec<f64> = (0..120 * 3).map(|i| (i * 29 % 31) as f64).collect();
    fs::write(path.join("x.npy"), npy("120, 3", &x)).unwrap();
    let of = |rows: &dyn Fn(usize) -> Vec<f64>| (0..120).flat_map(rows).collect::<Vec<f64>>();
    for (name, dims, y, shown) in [
        ("one", "120,", of(&|i| vec![x[3 * i] + 0.5]), "regression, since the target y has"),
        ("two", "120, 2", of(&|i| vec![x[3 * i], x[3 * i + 1]]), "regression of 2 targets: y1, y2"),
        ("hot", "120, 3", of(&|i| (0..3).map(|k| f64::from(u8::from(k == i % 3))).collect()), "accuracy"),
    ] {
        fs::write(path.join(format!("{name}.npy")), npy(dims, &y)).unwrap();
        let (_, stderr) =
            ended_line(path, &format!("train --data x.npy,{name}.npy --epochs 2 --run-id {name}"), 0);
        assert!(stderr.contains(shown), "{name}: {stderr}");
    }
    let model = "results/two/model.safetensors";
    let (stdout, _) = ended_line(path, &format!("evaluate {model} --data x.npy,two.npy"), 0);
    assert!(stdout.contains("y2"), "{stdout}");
    let (_, stderr) = ended_line(path, &format!("evaluate {model} --data x.npy,one.npy"), 1);
    assert!(stderr.contains("labels of 1 targets, but the model predicts 2"), "{stderr}");
    let (stdout, _) = ended_line(path, &format!("predict {model} x.npy"), 0);
    assert_eq!((stdout.lines().next(), stdout.lines().count()), (Some("row,predicted_y1,predicted_y2"), 121));
}

#[test]
fn a_diverged_run_says_so_and_a_far_outlier_is_no_divergence() {
    let folder = folder();
    let path = folder.path();
    let (_, stderr) =
        ended_line(path, &format!("{FLATS} --target price --ignore rent --learning-rate 1e3 --run-id d"), 3);
    assert!(stderr.contains("diverged") && !stderr.contains("nats"), "{stderr}");
    assert_eq!(cell(&path.join("results/d/summary.csv"), "status"), "diverged");
    let rows: String = (0..100).map(|i| format!("{},{}\n", i % 10, f64::from(i % 10) + 0.5)).collect();
    fs::write(path.join("train.csv"), format!("a,y\n{rows}")).unwrap();
    fs::write(path.join("test.csv"), "a,y\n3,3.5\n4,1e12\n").unwrap();
    let (_, stderr) =
        ended_line(path, "train --data train.csv --test-data test.csv --epochs 2 --run-id far", 0);
    assert!(stderr.contains("ok: test RMSE"), "{stderr}");
}

#[test]
fn gradients_are_checked_on_the_losses_of_numbers() {
    let folder = folder();
    let path = folder.path();
    for args in [
        "--loss mse",
        "--loss mae --targets 3",
        "--loss huber --targets 2 --weight-decay 0.1",
        "--data flats.csv --target price,rent --categorical town --ignore id --loss huber",
    ] {
        let (stdout, _) = ended_line(path, &format!("gradcheck {args}"), 0);
        assert!(stdout.contains("outputs") && stdout.contains("gradient check passed"), "{args}: {stdout}");
    }
    // Data are read by the flags of train, which messages name.
    fs::write(path.join("gaps.csv"), "id;a;b;y\n1;1,5;x;2,5\n2;;y;1,5\n3;2,5;x;0,5\n").unwrap();
    let gaps =
        "gradcheck --data gaps.csv --separator ; --decimal , --header yes --categorical b --keep-as-id id";
    let (_, stderr) = ended_line(path, gaps, 1);
    assert!(stderr.contains("add --missing mean, median, zero or drop"), "{stderr}");
    let (stdout, _) = ended_line(path, &format!("{gaps} --missing mean --scale minmax --task regress"), 0);
    assert!(stdout.contains("gradient check passed"), "{stdout}");
    let x: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 11)).collect();
    let members = [("a", npy("10, 3", &x)), ("b", npy("10,", &x[..10]))];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    fs::write(path.join("xy.npz"), archive.finish().unwrap().into_inner()).unwrap();
    ended_line(path, "gradcheck --data xy.npz --x a --y b --task regress", 0);
    for args in ["--missing mean", "--data flats.csv --features 3", "--data flats.csv --targets 2"] {
        ended_line(path, &format!("gradcheck {args}"), 2);
    }
}

#[test]
fn targets_are_matched_by_their_names() {
    let folder = folder();
    let path = folder.path();
    ended_line(path, &format!("{FLATS} --target price,rent --epochs 2 --run-id a"), 0);
    let evaluate =
        |target: &str, code| ended_line(path, &format!("evaluate {MODEL} --data flats.csv {target}"), code);
    let (expected, _) = evaluate("--target price,rent", 0);
    for target in ["--target rent,price", "--target 5,4", "--quiet"] {
        assert_eq!(evaluate(target, 0).0, expected, "{target}");
    }
    let (_, stderr) = evaluate("--target price,id", 1);
    let said = "labels of the targets price, id, but the model predicts price, rent; name the same columns";
    assert!(stderr.contains(said), "{stderr}");
    // The columns of a table without a header have only positions.
    let headless: String = flats(400).lines().skip(1).map(|line| line.to_owned() + "\n").collect();
    fs::write(path.join("headless.csv"), format!("area,floor,town,c4,c5,id\n{headless}")).unwrap();
    let (_, stderr) = ended_line(path, &format!("evaluate {MODEL} --data headless.csv --target c4,c5"), 0);
    assert_eq!(stderr, "");

    ended_line(path, &format!("{FLATS} {PRICE}").replace("--run-id a", "--run-id b"), 0);
    let other = MODEL.replace("/a/", "/b/");
    let (_, stderr) = ended_line(path, &format!("evaluate {other} --data flats.csv --target rent"), 0);
    assert!(stderr.contains("warning: the target is the column rent, but the model predicts price"));
}

#[test]
fn a_sweep_over_targets_names_no_best() {
    let folder = folder();
    let path = folder.path();
    let sweep = FLATS.replacen("train", "sweep", 1);
    let (_, stderr) =
        ended_line(path, &format!("{sweep} --epochs 1 --sweep-id s --grid target=price,rent"), 0);
    assert!(stderr.contains("no best: trials predict different targets"), "{stderr}");
    assert!(!stderr.contains("best:") || stderr.contains("no best:"), "{stderr}");
    let report = fs::read_to_string(path.join("results/s/report.md")).unwrap();
    assert!(
        report.contains("None: trials predict different targets") && !report.contains("bold"),
        "{report}"
    );
    assert!(!path.join("results/s/sweep.svg").exists());
    let (stdout, _) = ended_line(path, "info results/s", 0);
    assert!(stdout.contains("no best: trials predict different targets"), "{stdout}");
}
