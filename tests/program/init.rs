//! `train --init`: runs that start from the weights of a model file or of a state dict of PyTorch

use std::fs;
use std::path::Path;

use chainrule::tables::reader::Table;

use crate::ended::ended;
use crate::state_dict::{of, tensors, trained};

const MODEL: &str = "results/a/model.safetensors";

/// The messages of a command, whose words are separated by spaces
#[track_caller]
fn run(folder: &Path, args: &str, code: i32) -> String {
    ended(folder, &args.split(' ').collect::<Vec<_>>(), code).1
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    fs::read(folder.join(format!("results/{run}/model.safetensors"))).unwrap()
}

/// The cells of a column of the run's summary.csv, or of another table
fn column(path: &Path, name: &str) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let column = table.need(name).unwrap();
    table.rows().map(|row| row.text(column).to_owned()).collect()
}

fn cell(folder: &Path, run: &str, name: &str) -> String {
    column(&folder.join(format!("results/{run}/summary.csv")), name).remove(0)
}

#[test]
fn a_run_starts_from_the_weights_of_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let weights = trained(path, &["7", "5"]);
    fs::write(path.join("s.safetensors"), of(&weights, |name| format!("net.{name}"), &["F32"])).unwrap();
    for (id, init) in [("b", MODEL), ("c", "s.safetensors")] {
        // Without an epoch, it is the same model, and its metrics are those that `evaluate` finds.
        let stderr = run(path, &format!("train --data . --init {init} --epochs 0 --run-id {id}"), 0);
        assert!(stderr.contains("net 16-7-5-3, relu"), "{stderr}");
        assert!(model(path, id) == model(path, "a"), "{init}");
        let json = ended(path, &["evaluate", init, "--data", ".", "--json", "-q"], 0).0;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["loss"].to_string(), cell(path, id, "test_loss"));
        assert_eq!([cell(path, id, "hidden_dims"), cell(path, id, "init")], ["7x5", init]);
        // The same command gives the same bits, with any number of threads, and by its config.toml.
        let train = format!("train --data . --init {init} --epochs 2 -q");
        run(path, &format!("{train} --run-id {id}1 --threads 1"), 0);
        run(path, &format!("{train} --run-id {id}2 --threads 2"), 0);
        run(path, &format!("train --config results/{id}1/config.toml -q --run-id {id}3"), 0);
        for again in ["2", "3"] {
            assert!(model(path, &format!("{id}1")) == model(path, &format!("{id}{again}")));
        }
        assert_ne!(model(path, &format!("{id}1")), model(path, "a"));
    }
    // The seed decides the order of the batches, not the weights.
    run(path, &format!("train --data . --init {MODEL} --epochs 0 -q --seed 7 --run-id d"), 0);
    assert!(model(path, "d") == model(path, "a"));
    run(path, &format!("train --data . --init {MODEL} --epochs 0 -q --dtype f64 --run-id e"), 0);
    assert_eq!(cell(path, "e", "dtype"), "f64");
    // A state dict leaves the activation open.
    let train = "train --data . --epochs 0 --init s.safetensors";
    let assumed = "s.safetensors is a state dict of PyTorch; assumed: relu between its layers";
    assert!(run(path, &format!("{train} --run-id f"), 0).contains(assumed));
    let stderr = run(path, &format!("{train} --run-id g --activation sigmoid"), 0);
    assert!(stderr.contains("16-7-5-3, sigmoid") && !stderr.contains("assumed"), "{stderr}");
    // Widths that are those of the model may be given.
    run(path, &format!("{train} --run-id h --hidden-dims 7 5 --activation relu"), 0);
}

/// A table of three kinds, with `columns` in this order
fn table(columns: [&str; 4], first: usize) -> String {
    let cell = |i: usize, column: &str| match column {
        "size" => (i * 7 % 30 + 100 * first).to_string(),
        "color" => ["red", "blue", "white"][(i + i / 3) % 3].to_owned(),
        "kind" => ["x", "y", "z"][i % 3].to_owned(),
        _ => (i * 11 % 17).to_string(),
    };
    let line = |i: usize| columns.map(|column| cell(i, column)).join(",") + "\n";
    columns.join(",") + "\n" + &(0..90).map(line).collect::<String>()
}

#[test]
fn a_run_keeps_the_scales_of_its_model_and_refuses_other_columns_and_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let columns = ["size", "color", "mass", "kind"];
    let write = |name: &str, text: &str| fs::write(path.join(name), text).unwrap();
    write("t.csv", &table(columns, 0));
    write("later.csv", &table(columns, 1));
    let data = "--target kind --categorical color";
    run(path, &format!("train --data t.csv {data} --hidden-dims 4 --epochs 3 --run-id a -q"), 0);
    let later = format!("train --data later.csv {data} --epochs 0 -q --init");
    run(path, &format!("{later} {MODEL} --run-id b"), 0);
    assert!(model(path, "b") == model(path, "a"), "weights and scales are those of the model");
    // A state dict has no scales: they are learnt from the data.
    let weights = tensors(&model(path, "a"));
    fs::write(path.join("s.safetensors"), of(&weights, str::to_owned, &["F32"])).unwrap();
    run(path, &format!("{later} s.safetensors --run-id c"), 0);
    let [kept, learnt] = ["b", "c"].map(|id| model(path, id));
    assert!(tensors(&kept) == tensors(&learnt) && kept != learnt);
    let train = format!("train {data} --epochs 1 --run-id no -q");
    write("other.csv", &table(columns, 0).replace("mass", "weight"));
    write("fewer.csv", &table(columns, 0).replace(",mass,", ",kind2,"));
    write("classes.csv", &table(columns, 0).replace("z\n", "w\n"));
    write("two.csv", &table(columns, 0).replace("z\n", "x\n"));
    write("gap.csv", &table(columns, 0).replacen("\n0,", "\n,", 1));
    for (args, code, message) in [
        (
            "--data other.csv",
            1,
            "reads `mass`, which the data lack; it does not read `weight` of the data; --ignore or",
        ),
        ("--data fewer.csv --ignore kind2", 1, "reads `mass`, which the data lack\n"),
        ("--data classes.csv", 1, "has the classes x, y, z, but the data have the classes w, x, y"),
        (
            "--data gap.csv --missing mean",
            1,
            "has nothing that replaces a missing number, but training row 1, column size",
        ),
        ("--data synthetic", 2, "--target is for tables: leave it out"),
        (
            "--data t.csv --scale minmax",
            2,
            "scale is minmax, expected standard, since the model of --init scales its inputs",
        ),
        (
            "--data t.csv --hidden-dims 5",
            2,
            "hidden-dims is 5, expected 4, as results/a/model.safetensors (--init) has",
        ),
        (
            "--data t.csv --activation sigmoid",
            2,
            "activation is sigmoid, expected relu, as results/a/model.safetensors",
        ),
    ] {
        let stderr = run(path, &format!("{train} --init {MODEL} {args}"), code);
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
    for (args, message) in [
        ("--data two.csv --init s.safetensors", "s.safetensors: has 3 outputs, but the data have 2 classes"),
        ("--data t.csv --ignore mass --init s.safetensors", "s.safetensors: is a net 5-4-3, expected 4-4-3"),
        ("--data t.csv --init no.safetensors", "cannot read no.safetensors"),
        ("--data t.csv --init t.csv", "t.csv: header: has no length of a header"),
    ] {
        let stderr = run(path, &format!("{train} {args}"), 1);
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
    let images = format!("train --data synthetic --epochs 1 --run-id no --init {MODEL}");
    let stderr = run(path, &images, 1);
    assert!(stderr.contains("has the classes x, y, z, but the data have "), "{stderr}");
    let numbers =
        "train --data t.csv --target kind --ignore color --init results/a/model.safetensors --run-id no";
    assert!(run(path, numbers, 1).contains("reads `color`, which the data lack"));
    // In a settings file, the line is named.
    write(
        "c.toml",
        &format!("init = \"{MODEL}\"\nhidden-dims = \"4x4\"\ndata = \"t.csv\"\ntarget = \"kind\"\n"),
    );
    let stderr = run(path, "train --config c.toml", 2);
    assert!(stderr.contains("hidden-dims is 4x4 in c.toml, line 2, expected 4, as"), "{stderr}");
    assert!(!path.join("results/no").exists());
    // The columns are filled by the model's own numbers.
    write("full.csv", &table(columns, 0));
    run(
        path,
        &format!("train --data gap.csv {data} --missing mean --hidden-dims 4 --epochs 1 --run-id m -q"),
        0,
    );
    let fill = "--missing mean --init results/m/model.safetensors";
    run(path, &format!("train --data gap.csv {data} {fill} --epochs 0 --run-id n -q"), 0);
    assert!(model(path, "m") == model(path, "n"));
}

#[test]
fn columns_in_another_order_are_matched_by_name_and_train_as_those_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, text: &str| fs::write(path.join(name), text).unwrap();
    for (name, columns) in [
        ("same.csv", ["size", "color", "mass", "kind"]),
        ("moved.csv", ["mass", "kind", "size", "color"]),
        ("turned.csv", ["color", "mass", "size", "kind"]),
    ] {
        write(name, &table(columns, 0));
    }
    let data = "--target kind --categorical color";
    run(path, &format!("train --data same.csv {data} --hidden-dims 4 --epochs 2 --run-id a -q"), 0);
    let data = format!("{data} --init {MODEL} --val-split 0.2 --test-split 0.2");
    let losses = |id: &str| {
        let table = path.join(format!("results/{id}/epochs.csv"));
        ["train_loss", "val_loss", "test_loss"].map(|name| column(&table, name))
    };
    for (name, dtype) in
        [("same", "f32"), ("moved", "f32"), ("turned", "f32"), ("same", "f64"), ("moved", "f64")]
    {
        let args = format!("--data {name}.csv {data} --dtype {dtype} --epochs 3 --run-id {name}-{dtype} -q");
        run(path, &format!("train {args}"), 0);
        let (id, same) = (format!("{name}-{dtype}"), format!("same-{dtype}"));
        assert!(model(path, &id) == model(path, &same) && losses(&id) == losses(&same), "{id}");
    }
    // The data are those of the run, in the order of the file.
    run(path, "train --resume results/moved-f32 --epochs 4 -q", 0);
    run(path, "train --resume results/same-f32 --epochs 4 -q", 0);
    assert!(model(path, "moved-f32") == model(path, "same-f32"));
    let tests = format!("train --data moved.csv --test-data turned.csv {data} --epochs 1 -q --run-id t");
    run(path, &tests.replace(" --test-split 0.2", ""), 0);
    let sweep = format!("sweep --data turned.csv {data} --epochs 1 --seeds 2 --sweep-id s -q");
    run(path, &sweep, 0);
    run(path, &format!("{sweep} --resume"), 0);
    let stderr =
        run(path, &format!("train --data turned.csv {data} --ignore size --epochs 1 --run-id no"), 1);
    assert!(stderr.contains("reads `size`, which the data lack"), "{stderr}");
    // Texts that the model does not know have no input, also in rows that are trained on.
    write("new.csv", &table(["mass", "kind", "size", "color"], 0).replace("white", "green"));
    let args = format!(
        "train --data new.csv --target kind --categorical color --init {MODEL} --epochs 1 --run-id n"
    );
    let stderr = run(path, &args, 0);
    let expected = "warning: new.csv: 30 values of column color in training rows that the model of --init does not have (`green`), \
                    so the inputs of blue, red are 0\n";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn a_sweep_varies_the_model_that_its_trials_start_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let weights = trained(path, &["7"]);
    fs::write(path.join("s.safetensors"), of(&weights, str::to_owned, &["F32"])).unwrap();
    run(path, "train --data . --epochs 1 --hidden-dims 5 6 --activation sigmoid --run-id b -q", 0);
    let grid = format!("--grid init={MODEL},results/b/model.safetensors,s.safetensors");
    let sweep = format!("sweep --data . --epochs 1 --jobs 2 {grid} --sweep-id s");
    assert!(run(path, &format!("{sweep} --dry-run"), 0).is_empty() || !path.join("results/s").exists());
    run(path, &format!("{sweep} -q"), 0);
    let runs = path.join("results/s/runs.csv");
    assert_eq!(column(&runs, "hidden_dims"), ["7", "5x6", "7"]);
    assert_eq!(column(&runs, "activation"), ["relu", "sigmoid", "relu"]);
    assert_eq!(column(&runs, "init")[2], "s.safetensors");
    // The scales of images are the same for a state dict.
    let [first, third] = ["t0000", "t0002"]
        .map(|id| fs::read(path.join(format!("results/s/{id}/model.safetensors"))).unwrap());
    assert!(first == third);
    let loss = column(&runs, "train_loss");
    fs::remove_dir_all(path.join("results/s/t0001")).unwrap();
    run(path, "sweep --plan results/s/plan.toml --sweep-id s --resume -q", 0);
    assert_eq!(column(&runs, "hidden_dims"), ["7", "5x6", "7"]);
    assert_eq!(column(&runs, "train_loss"), loss);
    let report = fs::read_to_string(path.join("results/s/report.md")).unwrap();
    assert!(report.contains("--init "), "{report}");
    let stderr = run(path, &format!("{sweep} --hidden-dims 7 --out other"), 2);
    assert!(
        stderr.contains("hidden-dims is 7, expected 5x6, as results/b/model.safetensors (--init) has"),
        "{stderr}"
    );
    let stderr = run(path, &format!("sweep --data . --init {MODEL} --grid hidden_dim=7,8 --out other"), 2);
    assert!(stderr.contains("hidden-dims is 8, expected 7, as"), "{stderr}");
}

#[test]
fn a_path_from_a_file_is_named_with_the_setting_and_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, text: &str| fs::write(path.join(name), text).unwrap();
    write("init.toml", "epochs = 1\ninit = \"last\"\n");
    write("data.toml", "data = \"nowhere\"\n");
    write("t.csv", "a,label\n1,x\n2,y\n3,x\n4,y\n");
    write("test.toml", "data = \"t.csv\"\n\ntest_data = \"nowhere.csv\"\n");
    write("grid.toml", "data = \"synthetic\"\n[grid]\ninit = [\"last\"]\n");
    for (args, message) in [
        ("train --data synthetic --config init.toml", "init in init.toml, line 2: cannot read last: "),
        ("train --config data.toml", "data in data.toml, line 1: cannot read nowhere: "),
        ("train --config test.toml", "test_data in test.toml, line 3: cannot read nowhere.csv: "),
        (
            "sweep --seeds 2 --config init.toml --data synthetic",
            "init in init.toml, line 2: cannot read last: ",
        ),
        ("sweep --seeds 2 --plan data.toml", "data in data.toml, line 1: cannot read nowhere: "),
        ("sweep --plan grid.toml", "init in grid.toml, line 3: cannot read last: "),
        ("train --data synthetic --init last --config data.toml", "cannot read last: "),
        ("train --data elsewhere --config data.toml", "cannot read elsewhere: "),
    ] {
        let said = run(path, args, 1);
        assert!(said.starts_with(&format!("error: {message}")), "{args}: {said}");
    }
}
