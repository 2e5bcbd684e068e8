//! Nets with norms and dropout in the commands that take them, or a model that has them

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::epoch_at_level;
use crate::ended::ended;
use crate::small_data::small_data;

/// The standard output and the messages of a command, whose words are separated by spaces
#[track_caller]
fn run(folder: &Path, args: &str, code: i32) -> (String, String) {
    ended(folder, &args.split(' ').collect::<Vec<_>>(), code)
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    fs::read(folder.join(format!("results/{run}/model.safetensors"))).unwrap()
}

#[test]
fn every_processor_and_any_number_of_threads_give_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = |level: &str, settings: &[&str], threads: &str| {
        let flags = [&["--threads", threads, "--hidden-dims", "67,33"], settings].concat();
        fs::read(epoch_at_level(folder.path(), level, &flags).join("model.safetensors")).unwrap()
    };
    // Products of f32 have the same bits with AVX2 and AVX-512, and those of bf16 on every processor.
    for (settings, levels) in [
        ("--norm batch --dropout 0.5 --input-dropout 0.1", &["avx2"][..]),
        ("--norm batch --dropout 0.3 --dtype bf16", &["avx2", "portable"]),
        ("--norm layer --dropout 0.3 --dtype bf16 --activation sigmoid", &["avx2", "portable"]),
    ] {
        let settings: Vec<&str> = settings.split(' ').collect();
        let first = model("avx512", &settings, "1");
        for threads in ["2", "3"] {
            assert!(model("avx512", &settings, threads) == first, "{settings:?} {threads} threads");
        }
        for level in levels {
            assert!(model(level, &settings, "2") == first, "{settings:?} {level}");
        }
    }
}

#[test]
fn a_model_has_its_norms_and_running_averages_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    let train = "train --data . --hidden-dims 7 5 --epochs 2 --val-split 0.2";
    let (_, stderr) = run(path, &format!("{train} --norm batch --dropout 0.3 --run-id a"), 0);
    assert!(stderr.contains("net 16-7-5-3, relu, batch norm, dropout 0.3"), "{stderr}");
    let config = fs::read_to_string(path.join("results/a/config.toml")).unwrap();
    for line in ["norm = \"batch\"\n", "dropout = 0.3\n", "input_dropout = 0.0\n"] {
        assert!(config.contains(line), "{config}");
    }
    let file = "results/a/model.safetensors";
    let (info, _) = run(path, &format!("info {file}"), 0);
    let layers = "linear 16 7, batch-norm 7, relu, dropout 0.3, linear 7 5, batch-norm 5, relu, dropout 0.3, linear 5 3";
    assert!(info.contains(&format!("layers      {layers}\n")), "{info}");
    // 16 · 7 + 7 + 7 · 5 + 5 + 5 · 3 + 3, and two for each of 12 hidden units
    assert!(info.contains("parameters  201, f32") && info.contains("5.running_var"), "{info}");
    let json: Value = serde_json::from_str(&run(path, &format!("info {file} --json"), 0).0).unwrap();
    assert_eq!(json["layers"].as_array().unwrap().len(), 9);
    // Evaluation and another run from the weights have the metrics of the end of the run.
    let evaluated = run(path, &format!("evaluate {file} --data . --json -q"), 0).0;
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let summary = fs::read_to_string(path.join("results/a/summary.csv")).unwrap();
    let column = summary.lines().next().unwrap().split(',').position(|name| name == "test_loss").unwrap();
    let loss = summary.lines().nth(1).unwrap().split(',').nth(column).unwrap();
    assert_eq!(evaluated["loss"].to_string(), loss);
    // Dropout is that of the run, the norm that of the model.
    run(path, &format!("train --data . --init {file} --epochs 0 --dropout 0.3 -q --run-id b"), 0);
    assert!(model(path, "b") == model(path, "a"));
    run(path, &format!("train --data . --init {file} --epochs 0 --input-dropout 0.2 -q --run-id c"), 0);
    let info = run(path, "info results/c/model.safetensors", 0).0;
    assert!(info.contains("layers      dropout 0.2, linear 16 7, batch-norm 7, relu, linear 7 5"), "{info}");
    run(path, "evaluate results/c/model.safetensors --data . -q", 0);
    let (_, stderr) = run(path, &format!("train --data . --init {file} --norm layer"), 2);
    assert!(
        stderr.contains("norm is layer, expected batch, as results/a/model.safetensors (--init) has"),
        "{stderr}"
    );
    run(path, &format!("export {file} --onnx m.onnx --npz m.npz --c m.h -q"), 0);
}

#[test]
fn settings_that_can_not_work_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (args, message) in [
        ("--norm batch --batch-size 1", "batch-size is 1, expected 2 or more with --norm batch"),
        ("--dropout 1", "dropout is 1, expected 0 or more and below 1"),
        ("--input-dropout 1.5", "input-dropout is 1.5, expected 0 or more and below 1"),
        ("--norm instance", "[possible values: none, batch, layer]"),
    ] {
        let (_, stderr) = run(path, &format!("train --data synthetic {args}"), 2);
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
}

#[test]
fn gradcheck_checks_norms_and_dropout() {
    let folder = tempfile::tempdir().unwrap();
    let args = "gradcheck --norm batch --dropout 0.3 --input-dropout 0.2 --batch-size 8";
    let (text, _) = run(folder.path(), args, 0);
    for part in [
        "net 6-5-4-3, relu, batch norm, dropout 0.3, input dropout 0.2, batch 8, f64",
        "1.weight ",
        "2.bias ",
        "gradient check passed",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("running"), "{text}");
    let (_, message) = run(folder.path(), "gradcheck --norm batch --batch-size 3", 2);
    assert!(message.contains("batch-size is 3, expected at least 4 rows with --norm batch"), "{message}");
    run(folder.path(), "gradcheck --norm batch --batch-size 4", 0);
    run(folder.path(), "gradcheck --norm layer --batch-size 1", 0);
}
