//! Exported models in ONNX Runtime, NumPy and C, on small models of every kind and on Fashion-MNIST

use std::path::Path;
use std::process::Command;

use chainrule::data::encoder::Encoder;
use chainrule::data::saved_model::{self, SavedModel};
use chainrule::data::{Cells, DataOptions, Dataset};
use chainrule::export::{npz, onnx};

use crate::export_cases::{cases, check, check_targets, logits, regression_cases, softmax};
use crate::installed::{installed, missing};
use crate::launch::{CHAINRULE, launch};

/// A Python that has these modules; if there is none, the calling test is reported as left out
fn python_with(modules: &str) -> Option<&'static str> {
    let has = |python: &&str| {
        let output = Command::new(python).args(["-c", &format!("import {modules}")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        missing(&format!("no python3 has {modules}"));
    }
    found
}

fn run(python: &str, script: &str, args: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/export").join(script);
    let mut command = launch(python, script.parent().unwrap());
    let output = command.arg("-B").arg(&script).args(args).output().unwrap();
    assert!(output.status.success(), "{script:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write_rows(folder: &Path, name: &str, rows: &[f32]) {
    let bytes: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(folder.join(format!("{name}.rows")), bytes).unwrap();
}

/// The labels and probabilities that a script wrote
fn results(folder: &Path, name: &str) -> (Vec<i64>, Vec<f32>) {
    let read = |end: &str| std::fs::read(folder.join(format!("{name}.{end}"))).unwrap();
    let (labels, probabilities) = (read("labels"), read("probabilities"));
    (
        labels.chunks_exact(8).map(|x| i64::from_le_bytes(x.try_into().unwrap())).collect(),
        probabilities.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect(),
    )
}

/// Trains the default net for an epoch on Fashion-MNIST, and exports it into a file in `folder`
fn fashion(folder: &Path, flag: &str, file: &str) -> (SavedModel<f32>, Dataset) {
    let data =
        Dataset::load(&DataOptions::default()).unwrap_or_else(|e| panic!("{e}: run scripts/get-data.sh"));
    let command = |args: &[&str]| {
        let output = launch(CHAINRULE, folder).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let source = std::path::absolute(&data.source).unwrap();
    command(&["train", "--data", source.to_str().unwrap(), "--epochs", "1", "--run-id", "first", "--quiet"]);
    let model = "results/first/model.safetensors";
    command(&["export", model, flag, file, "--quiet"]);
    (saved_model::load(&folder.join(model)).unwrap(), data)
}

/// The logits of the test images
fn fashion_logits(saved: &SavedModel<f32>, data: &Dataset) -> Vec<f64> {
    let encoder = Encoder::new(&saved.signature.preprocessing, &data.inputs);
    logits(&saved.model, &encoder, &data.test.cells, data.test.len())
}

/// Exports small models of every kind, and the default net after an epoch on Fashion-MNIST; computes all by a script
fn compare(python: &str, script: &str, args: &[&Path], end: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases = cases(folder);
    let of_targets = folder.join("targets");
    std::fs::create_dir(&of_targets).unwrap();
    let regression = regression_cases(&of_targets);
    for (folder, case) in
        cases.iter().map(|case| (folder, case)).chain(regression.iter().map(|case| (&*of_targets, case)))
    {
        let bytes = if end == "onnx" { onnx::to_bytes(&case.saved) } else { npz::to_bytes(&case.saved) };
        std::fs::write(folder.join(format!("{}.{end}", case.name)), bytes.unwrap()).unwrap();
        write_rows(folder, &case.name, &case.rows);
    }
    let (saved, data) = fashion(folder, &format!("--{end}"), &format!("fashion.{end}"));
    let Cells::Bytes(pixels) = &data.test.cells else { panic!("pixels are not bytes") };
    write_rows(folder, "fashion", &pixels.iter().map(|&x| f32::from(x)).collect::<Vec<_>>());
    run(python, script, &[args, &[folder]].concat());
    run(python, script, &[args, &[&of_targets]].concat());
    for case in &regression {
        let bytes = std::fs::read(of_targets.join(format!("{}.output", case.name))).unwrap();
        let numbers = bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()));
        check_targets(case, &numbers.collect::<Vec<_>>(), 1e-5);
    }
    for case in &cases {
        let (labels, probabilities) = results(folder, &case.name);
        check(&case.name, &case.logits, &labels, &probabilities, 1e-5);
    }
    let logits = fashion_logits(&saved, &data);
    let (labels, probabilities) = results(folder, "fashion");
    assert_eq!(labels.len(), 10_000);
    let most = check("fashion", &logits, &labels, &probabilities, 1e-5);
    let classes = saved.model.outputs();
    let predicted = logits.chunks_exact(classes).zip(&labels).filter(|(row, label)| {
        // The first of the largest logits
        let best = (0..classes).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best == Some(**label as usize)
    });
    let same = predicted.count();
    println!("{script}: {same} of 10000 classes are equal; probabilities differ by at most {most:.1e}");
    assert!(same >= 9_999, "{same}");
}

#[test]
fn onnx_runtime_predicts_what_the_program_predicts() {
    if let Some(python) = python_with("numpy, onnx, onnxruntime") {
        compare(python, "with_onnxruntime.py", &[], "onnx");
    }
}

#[test]
fn the_lines_of_numpy_in_the_documentation_predict_what_the_program_predicts() {
    if let Some(python) = python_with("numpy") {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md");
        compare(python, "with_numpy.py", &[&docs], "npz");
    }
}

#[test]
fn the_c_program_in_the_documentation_predicts_what_the_program_predicts() {
    if !installed(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (saved, data) = fashion(folder, "--c", "fashion.h");
    let docs = include_str!("../../docs/models.md");
    let program = docs.split_once("```c\n").unwrap().1.split_once("```").unwrap().0;
    std::fs::write(folder.join("main.c"), program).unwrap();
    let flags =
        ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "main.c", "-o", "classify", "-lm"];
    let output = launch("cc", folder).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let Cells::Bytes(pixels) = &data.test.cells else { panic!("pixels are not bytes") };
    std::fs::write(folder.join("images"), pixels).unwrap();
    let images = std::fs::File::open(folder.join("images")).unwrap();
    let output = launch(folder.join("classify"), folder).stdin(images).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let classes = saved.model.outputs();
    let probabilities = softmax(&fashion_logits(&saved, &data), classes);
    assert_eq!(text.lines().count(), data.test.len());
    for (line, row) in text.lines().zip(probabilities.chunks_exact(classes)) {
        let (name, probability) = line.rsplit_once(' ').unwrap();
        let class = saved.signature.outputs.classes().iter().position(|class| class == name).unwrap();
        let most = row.iter().copied().fold(0.0, f64::max);
        // Three decimals are printed.
        let printed: f64 = probability.parse().unwrap();
        assert!(most - row[class] <= 1e-5 && (printed - row[class]).abs() <= 0.000_51, "{line}: {row:?}");
    }
}
