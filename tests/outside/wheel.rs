//! `pip install .`: a wheel with the program, built by maturin, in a fresh virtual environment

use std::path::Path;
use std::process::{Command, Output};

use crate::installed::{installed, missing};
use crate::launch::launch;
use crate::small_data::small_data;

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_wheel_brings_the_program() {
    if !installed(&["python3", "maturin", "cargo"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    if !launch("python3", path).args(["-m", "venv", "env"]).status().is_ok_and(|status| status.success()) {
        missing("python3 -m venv fails: install python3-venv");
        return;
    }
    // pip's way is `pip wheel .`, which calls maturin with the same settings; the dev profile is built already.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut build = launch("maturin", Path::new(env!("CARGO_MANIFEST_DIR")));
    build.args(["build", "--profile", "dev", "--offline", "--out"]).arg(path.join("wheels"));
    succeeds(build.env("CARGO_TARGET_DIR", target));
    let wheels: Vec<_> =
        std::fs::read_dir(path.join("wheels")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(wheels.len(), 1, "{wheels:?}");
    let install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"];
    succeeds(launch(path.join("env/bin/python3"), path).args(install).arg(&wheels[0]));
    let train = ["train", "--data", ".", "--epochs", "1", "--hidden-dims", "4", "--run-id", "first"];
    succeeds(launch(path.join("env/bin/chainrule"), path).args(train));
    assert!(path.join("results/first/model.safetensors").is_file());
}
