//! `chainrule export`: files, stdout and errors; what is in the files is compared in tests/library and tests/outside

use std::path::Path;
use std::process::Output;

use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

fn chainrule(folder: &Path, args: &[&str]) -> Output {
    launch(CHAINRULE, folder).args(args).output().unwrap()
}

/// A folder with the model `m.safetensors`
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    let train =
        ["train", "--data", ".", "--epochs", "1", "--hidden-dims", "4", "--run-id", "first", "--quiet"];
    assert!(chainrule(folder.path(), &train).status.success());
    std::fs::copy(folder.path().join("results/first/model.safetensors"), folder.path().join("m.safetensors"))
        .unwrap();
    folder
}

#[test]
fn files_are_written_replaced_and_described() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("m.onnx"), "old").unwrap();
    let all = ["export", "m.safetensors", "--onnx", "m.onnx", "--npz", "m.npz", "--c", "My net.h"];
    let output = chainrule(path, &all);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{stderr}");
    for part in
        ["wrote m.onnx: ONNX, opset 13", "wrote m.npz: NumPy arrays, 83 parameters in f32", "My_net_predict("]
    {
        assert!(stderr.contains(part), "{stderr}");
    }
    let read = |name: &str| std::fs::read(path.join(name)).unwrap();
    let first = ["m.onnx", "m.npz", "My net.h"].map(read);
    assert!(first[1].starts_with(b"PK") && first[2].starts_with(b"/*"));
    assert!(chainrule(path, &[&all[..], &["--quiet"]].concat()).stderr.is_empty());
    assert!(first == ["m.onnx", "m.npz", "My net.h"].map(read));
    let onnx = chainrule(path, &["export", "m.safetensors", "--onnx", "-"]);
    assert!(onnx.status.success() && onnx.stdout == first[0]);
    let c = String::from_utf8(chainrule(path, &["export", "m.safetensors", "--c", "-"]).stdout).unwrap();
    assert!(c.contains("static inline int model_predict(const float *input, float *probabilities)"), "{c}");
}

#[test]
fn errors_name_the_file_and_leave_the_others_as_they_are() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("text"), "no model").unwrap();
    std::fs::write(path.join("m.npz"), "old").unwrap();
    for (args, code, message) in [
        (&["export", "text", "--npz", "m.npz"][..], 1, "error: text: "),
        (&["export", "missing", "--npz", "m.npz"], 1, "error: cannot read missing"),
        (&["export", "m.safetensors", "--npz", "m.npz", "--c", "no/m.h"], 1, "error: cannot write no/m.h"),
        (&["export", "m.safetensors", "--npz", "."], 1, "expected a file"),
        (&["export", "m.safetensors"], 2, "--c FILE.h"),
        (&["export", "--c", "m.h"], 2, "which model"),
        (&["export", "m.safetensors", "--npz", "./m.safetensors"], 2, "would replace the model"),
        (&["export", "m.safetensors", "--npz", "-", "--c", "-"], 2, "name the same file"),
    ] {
        let output = chainrule(path, args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(message) && stderr.starts_with("error: "), "{args:?}: {stderr}");
        assert_eq!(std::fs::read_to_string(path.join("m.npz")).unwrap(), "old", "{args:?}");
    }
}

#[test]
fn columns_and_targets_that_float32_rounds_coarsely_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let row = |i: usize| {
        let time = 1_600_000_000 + i * 7919 % 60_000;
        format!("{time},{},{},{}.5\n", i % 7, i % 3, 1_600_000_000 + i % 50)
    };
    let rows: String = (0..200).map(row).collect();
    std::fs::write(path.join("t.csv"), format!("time,a,label,price\n{rows}")).unwrap();
    let stderr = |args: &str, more: &[&str]| {
        let output = chainrule(path, &[&args.split(' ').collect::<Vec<_>>()[..], more].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args}: {stderr}");
        stderr
    };
    let train = "train --data t.csv --hidden-dims 4 --epochs 1 --ignore price --run-id";
    let said = "warning: numbers so far from 0 that f32 rounds away their differences in part: time; add --dtype f64";
    assert!(stderr(&format!("{train} single"), &[]).contains(said));
    assert!(!stderr(&format!("{train} double --dtype f64"), &[]).contains("warning"));
    let export = |run: &str, more: &[&str]| {
        stderr(&format!("export results/{run}/model.safetensors"), more)
            .lines()
            .find(|line| line.starts_with("warning"))
            .map(str::to_owned)
    };
    let double = export("double", &["--onnx", "m.onnx", "--npz", "m.npz"]).unwrap();
    assert!(double.contains("small differences in time; --npz keeps f64"), "{double}");
    assert!(export("double", &["--c", "m.h"]).is_some() && export("double", &["--c", "m.h", "-q"]).is_none());
    // An f32 model was trained on the rounded numbers.
    assert_eq!(export("double", &["--npz", "m.npz"]).or(export("single", &["--c", "m.h"])), None);
    stderr(
        &format!("{} target --ignore time,label --target price", train.replace(" --ignore price", "")),
        &[],
    );
    let target = export("target", &["--npz", "m.npz"]).unwrap();
    assert!(target.contains("small differences in price; train with"), "{target}");
}
