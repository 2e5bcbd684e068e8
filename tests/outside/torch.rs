//! State dicts that PyTorch writes, and models that it reads, whose predictions are compared with PyTorch's own
//!
//! PyTorch is larger than everything else that the checks need, so no check installs it: the test is left out where it is
//! not there, also in CI. tests/program/state_dict.rs has the same cases without it.

use std::path::{Path, PathBuf};
use std::process::Command;

use chainrule::tables::reader::{Table, TableRow};

use crate::export_cases::{check, softmax};
use crate::launch::{CHAINRULE, launch};
use crate::left_out::left_out;
use crate::small_data::small_data;

/// A `python3` that has PyTorch; `None`, which is noted, without one
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let output = Command::new(python).args(["-c", "import numpy, safetensors, torch"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        left_out("models that PyTorch writes and reads", "no python3 has torch and safetensors");
    }
    found
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/torch").join(name)
}

#[test]
fn pytorch_loads_models_with_norms_and_dropout_and_computes_the_same() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    small_data(folder);
    let rows: Vec<u8> = (0..40 * 16).map(|at| (at * 37 % 251) as u8).collect();
    let header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (40, 16), }";
    let mut npy = header.to_vec();
    npy.resize(127, b' ');
    npy.push(b'\n');
    npy.extend(rows);
    std::fs::write(folder.join("rows.npy"), npy).unwrap();
    let done = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    for norm in ["batch", "layer"] {
        let settings = ["--norm", norm, "--dropout", "0.3", "--input-dropout", "0.1", "--run-id", norm];
        let train = ["train", "--data", ".", "--epochs", "2", "--hidden-dims", "9,7", "-q"];
        done(launch(CHAINRULE, folder).args(train).args(settings));
        let model = format!("results/{norm}/model.safetensors");
        done(launch(python, folder).arg("-B").arg(script("load.py")).args([&model, "rows.npy", "logits"]));
        let predict = ["predict", &model, "rows.npy", "--proba", "-q", "-o", "predicted.csv"];
        done(launch(CHAINRULE, folder).args(predict));
        let bytes = std::fs::read(folder.join("logits")).unwrap();
        let logits = bytes.chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().unwrap()));
        let table = Table::read(&folder.join("predicted.csv")).unwrap();
        let first = table.need("confidence").unwrap() + 1;
        let of_row = |row| (first..first + 3).map(move |class| number(row, class));
        let probabilities: Vec<f32> = table.rows().flat_map(of_row).collect();
        let expected = softmax(&logits.collect::<Vec<_>>(), 3);
        assert_eq!((probabilities.len(), expected.len()), (120, 120));
        for (found, expected) in probabilities.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{norm}: {found}, expected {expected}");
        }
    }
}

#[test]
fn models_of_pytorch_give_the_classes_and_probabilities_of_pytorch() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = launch(python, folder).arg("-B").arg(script("sequential.py")).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let models: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect();
    assert_eq!(models.len(), 22);
    for model in models {
        let beside = |end: &str| model.with_extension(end);
        let flags = std::fs::read_to_string(beside("flags")).unwrap();
        let mut command = launch(CHAINRULE, folder);
        command
            .arg("predict")
            .arg(&model)
            .arg(beside("npy"))
            .args(["--proba", "-q", "-o"])
            .arg(beside("csv"));
        let output = command.args(flags.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{model:?}: {}", String::from_utf8_lossy(&output.stderr));
        let bytes = std::fs::read(beside("logits")).unwrap();
        let logits: Vec<f64> =
            bytes.chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect();
        let table = Table::read(&beside("csv")).unwrap();
        let predicted = table.need("predicted").unwrap();
        let classes: Vec<usize> = (0..4).map(|class| table.need(&format!("p_{class}")).unwrap()).collect();
        let labels: Vec<i64> = table.rows().map(|row| row.text(predicted).parse().unwrap()).collect();
        let of_row = |row| classes.iter().map(move |&class| number(row, class));
        let probabilities: Vec<f32> = table.rows().flat_map(of_row).collect();
        assert_eq!((labels.len(), logits.len()), (1000, 4000), "{model:?}");
        let most = check(&model.display().to_string(), &logits, &labels, &probabilities, 1e-6);
        println!("{}: probabilities differ by at most {most:.1e}", model.display());
    }
}

fn number(row: TableRow<'_>, column: usize) -> f32 {
    row.text(column).parse().unwrap()
}
