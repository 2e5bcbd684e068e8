//! `--dtype bf16` in all commands that take it, or a model that was trained with it

use std::path::Path;
use std::process::Output;

use crate::cli::epoch_at_level;
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

/// Runs a command line; its exit code must be `code`
#[track_caller]
fn run(folder: &Path, line: &str, code: i32) -> Output {
    let output = launch(CHAINRULE, folder).args(line.split(' ')).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The cell in the first row of a table, which has no quoted cells before it
fn cell(path: &Path, name: &str) -> String {
    let table = std::fs::read_to_string(path).unwrap();
    let column = table.lines().next().unwrap().split(',').position(|found| found == name).unwrap();
    table.lines().nth(1).unwrap().split(',').nth(column).unwrap().to_owned()
}

/// A folder with small data and the runs `f32` and `bf16`
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    for dtype in ["f32", "bf16"] {
        let line = "train --data . --epochs 1 --hidden-dims 20 --quiet --dtype";
        run(folder.path(), &format!("{line} {dtype} --run-id {dtype}"), 0);
    }
    folder
}

const MODEL: &str = "results/bf16/model.safetensors";

#[test]
fn every_processor_and_any_number_of_threads_give_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = |level: &str, settings: &[&str], threads: &str| {
        let flags = [&["--dtype", "bf16", "--threads", threads], settings].concat();
        std::fs::read(epoch_at_level(folder.path(), level, &flags).join("model.safetensors")).unwrap()
    };
    for activation in ["tanh", "leaky-relu", "gelu", "silu", "selu"] {
        let settings = ["--hidden-dims", "17,5", "--activation", activation];
        let first = model("avx512", &settings, "1");
        assert!(model("avx2", &settings, "2") == first, "{activation} avx2");
        assert!(model("portable", &settings, "3") == first, "{activation} portable");
    }
    for settings in [&["--hidden-dims", "129,33"][..], &["--hidden-dims", "40", "--activation", "sigmoid"]] {
        let first = model("avx512", settings, "1");
        for threads in ["2", "3", "8"] {
            assert!(model("avx512", settings, threads) == first, "{settings:?} {threads} threads");
        }
        for level in ["avx2", "portable"] {
            assert!(model(level, settings, "2") == first, "{settings:?} {level}");
        }
    }
}

#[test]
fn a_model_is_evaluated_as_in_training() {
    let folder = folder();
    let path = folder.path();
    let info = String::from_utf8(run(path, &format!("info {MODEL}"), 0).stdout).unwrap();
    assert!(info.contains("f32, with products of bf16"), "{info}");
    run(path, &format!("evaluate {MODEL} --data . --out e"), 0);
    assert_eq!(cell(&path.join("e/metrics.csv"), "dtype"), "bf16");
    let loss = |id: &str| cell(&path.join(format!("results/{id}/summary.csv")), "test_loss");
    assert_eq!(cell(&path.join("e/metrics.csv"), "loss"), loss("bf16"));
    let [single, half] = ["f32", "bf16"].map(|id| loss(id).parse::<f64>().unwrap());
    assert!(single != half && (single - half).abs() < 0.05 * single, "{single} {half}");
}

#[test]
fn exported_files_are_those_of_an_f32_model_and_export_says_so() {
    let folder = folder();
    let path = folder.path();
    let all = "--onnx m.onnx --npz m.npz --c m.h";
    let text = stderr(&run(path, &format!("export {MODEL} {all}"), 0));
    for part in ["computes in f32\n", "parameters in f32\n", "predict rounds the factors of products to bf16"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(stderr(&run(path, &format!("export {MODEL} {all} --quiet"), 0)).is_empty());
    let single = stderr(&run(path, "export results/f32/model.safetensors --npz n.npz", 0));
    assert!(!single.contains("bf16"), "{single}");
    // Without the entry, the same file is a model of f32, and has the same exports.
    let model = std::fs::read(path.join(MODEL)).unwrap();
    let entry = b"\"products\":\"bf16\"";
    let at = model.windows(entry.len()).position(|window| window == entry).unwrap();
    let other = [&model[..at], b"\"comments\":\"bf16\"", &model[at + entry.len()..]].concat();
    std::fs::write(path.join("other.safetensors"), other).unwrap();
    run(path, "export other.safetensors --onnx o.onnx --npz o.npz --c o.h", 0);
    for [bf16, f32] in [["m.onnx", "o.onnx"], ["m.npz", "o.npz"]] {
        assert!(std::fs::read(path.join(bf16)).unwrap() == std::fs::read(path.join(f32)).unwrap(), "{bf16}");
    }
}

#[test]
fn a_run_from_a_model_has_its_own_type() {
    let folder = folder();
    let path = folder.path();
    for (dtype, shown) in [("f32", "f32\n"), ("f64", "f64\n"), ("bf16", "f32, with products of bf16\n")] {
        run(
            path,
            &format!("train --data . --epochs 0 --init {MODEL} --dtype {dtype} --run-id to-{dtype}"),
            0,
        );
        let info = run(path, &format!("info results/to-{dtype}/model.safetensors"), 0);
        let info = String::from_utf8(info.stdout).unwrap();
        let line = info.lines().find(|line| line.starts_with("parameters")).unwrap().to_owned() + "\n";
        assert!(line.ends_with(&format!(", {shown}")), "{line}");
    }
}

#[test]
fn it_is_an_axis_of_sweeps_and_kept_by_resumed_and_repeated_runs() {
    let folder = folder();
    let path = folder.path();
    run(path, "sweep --data . --grid dtype=f32,bf16 --epochs 1 --hidden-dims 20 --sweep-id s --quiet", 0);
    for (trial, dtype) in [("t0000", "f32"), ("t0001", "bf16")] {
        let read =
            |run: &str| std::fs::read(path.join("results").join(run).join("model.safetensors")).unwrap();
        assert!(read(&format!("s/{trial}")) == read(dtype), "{dtype}");
    }
    run(path, "train --config results/bf16/config.toml --run-id again --quiet", 0);
    let again = std::fs::read(path.join("results/again/model.safetensors")).unwrap();
    assert!(again == std::fs::read(path.join(MODEL)).unwrap());
    let text = stderr(&run(path, "train --resume results/bf16 --epochs 2 --dtype f32", 2));
    assert!(text.contains("dtype was bf16, and is f32"), "{text}");
}

#[test]
fn what_has_no_products_of_bf16_says_so() {
    let folder = folder();
    let path = folder.path();
    for (line, message) in [
        ("train --data . --dtype bf16 --engine matrixmultiply", "expected auto or fused with --dtype bf16"),
        ("gradcheck --dtype bf16", "`gradcheck` has no flag --dtype"),
        ("bench --dtype f64", "[possible values: f32, bf16]"),
    ] {
        let text = stderr(&run(path, line, 2));
        assert!(text.contains(message), "{line}: {text}");
    }
    let help = String::from_utf8(run(path, "gradcheck --help", 0).stdout).unwrap();
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("in f64, whatever --dtype runs have"), "{help}");
}

#[test]
fn columns_that_f32_rounds_are_named_as_for_f32() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows: String = (0..40).map(|i| format!("{},{}\n", 1_600_000_000 + i * 10, i % 2)).collect();
    std::fs::write(path.join("t.csv"), format!("time,class\n{rows}")).unwrap();
    let text =
        stderr(&run(path, "train --data t.csv --target class --test-split 0.2 --epochs 1 --dtype bf16", 0));
    assert!(text.contains("f32 rounds away their differences in part: time"), "{text}");
}
