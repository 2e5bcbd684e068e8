//! State dicts that PyTorch writes, whose predictions are compared with PyTorch's own
//!
//! PyTorch is larger than everything else that the checks need, so no check installs it: the test is left out where it is
//! not there, also in CI. tests/program/state_dict.rs has the same cases without it.

use std::path::Path;
use std::process::Command;

use chainrule::tables::reader::{Table, TableRow};

use crate::export_cases::check;
use crate::launch::{CHAINRULE, launch};
use crate::left_out::left_out;

#[test]
fn models_of_pytorch_give_the_classes_and_probabilities_of_pytorch() {
    let has = |python: &&str| {
        let output = Command::new(python).args(["-c", "import numpy, safetensors, torch"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has) else {
        return left_out("state dicts that PyTorch writes", "no python3 has torch and safetensors");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/torch/sequential.py");
    let output = launch(python, folder).arg("-B").arg(&script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let models: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect();
    assert_eq!(models.len(), 17);
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
