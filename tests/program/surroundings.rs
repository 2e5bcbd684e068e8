//! What surrounds a program and must not change its results: closed pipes, terminals, variables; and what is frozen

#![cfg(unix)]

use std::path::Path;
use std::process::Output;

use chainrule_kernels::SimdLevel;

use crate::launch::{CHAINRULE, launch};
use crate::left_out::left_out;
use crate::resume::{assert_same, cells, elements, ended, folder};

const TRAIN: &str = "train --data . --epochs 2 --hidden-dims 5 --batch-size 20 --run-id";

#[test]
fn a_reader_that_goes_away_ends_every_command_quietly() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("{TRAIN} a -q"), 0);
    // The output of a table, of help, and of what takes longer than a pipe holds
    for args in [
        "--help",
        "train --help",
        "completions bash",
        "info results/a",
        "runs results --columns all",
        "evaluate results/a/model.safetensors --json",
        "predict results/a/model.safetensors t10k-images-idx3-ubyte.gz --proba",
        "gradcheck --data .",
        "sweep --data . --seeds 100 --dry-run",
        &format!("{TRAIN} b --print json"),
        &format!("{TRAIN} c --print csv"),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let Output { status, stderr, .. } =
            launch(CHAINRULE, path).args(args.split(' ')).stdout(writer).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert!(
            status.success() && !said.contains("error") && !said.contains("panicked"),
            "{args}: {status} {said}"
        );
    }
    for run in ["b", "c"] {
        assert_same(run, &path.join("results").join(run), &path.join("results/a"), &[]);
    }
    // Messages, too, may have no reader.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = format!("{TRAIN} d");
    let status = launch(CHAINRULE, path).args(args.split(' ')).stderr(writer).status().unwrap();
    assert!(status.success(), "{status}");
    assert_same("d", &path.join("results/d"), &path.join("results/a"), &[]);
}

/// What a command writes to a terminal
fn on_terminal(folder: &Path, args: &str, variables: &[(&str, &str)]) -> String {
    let line = format!("'{CHAINRULE}' {args}");
    let mut command = launch("script", folder);
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("TERM", "xterm").envs(variables.iter().copied());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn terminals_and_variables_change_how_messages_look_and_no_figure() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("{TRAIN} plain"), 0);
    let plain = path.join("results/plain");
    let variables = [("NO_COLOR", "1"), ("COLUMNS", "1"), ("LC_ALL", "de_DE.UTF-8"), ("LANG", "de_DE.UTF-8")];
    for (id, variables) in [("plain2", &[][..]), ("all", &variables), ("width", &variables[1..2])] {
        let mut command = launch(CHAINRULE, path);
        let args = format!("{TRAIN} {id}");
        let output = command.args(args.split(' ')).envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && !said.contains(['\r', '\u{1b}']), "{said:?}");
        assert_same(id, &path.join("results").join(id), &plain, &[]);
    }
    if launch("script", path).arg("--version").output().is_err() {
        return left_out("messages on a terminal", "script is not installed");
    }
    let wrong = "train --nonsense";
    assert!(on_terminal(path, wrong, &[]).contains("\u{1b}["), "script makes a terminal");
    assert!(!on_terminal(path, wrong, &variables[..1]).contains('\u{1b}'));
    for (id, variables) in [("terminal", &[][..]), ("narrow", &variables)] {
        let said = on_terminal(path, &format!("{TRAIN} {id}"), variables);
        assert!(said.contains("epoch 2/2"), "{said:?}");
        // Lines may be erased and written again, but not in color.
        assert!(variables.is_empty() || !is_colored(&said), "{said:?}");
        assert_same(id, &path.join("results").join(id), &plain, &[]);
    }
}

/// Whether an escape sequence of a text ends in `m`, which sets colors
fn is_colored(text: &str) -> bool {
    let mut sequences = text.split("\u{1b}[").skip(1);
    sequences.any(|sequence| {
        sequence.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
    })
}

#[test]
fn nets_and_batches_at_the_limits_train_or_are_refused_before_training() {
    let folder = folder();
    let path = folder.path();
    let deep = vec!["4"; 50].join(" ");
    for (id, settings) in [
        ("large", "--batch-size 100000".to_owned()),
        ("single", "--batch-size 1".to_owned()),
        ("narrow", "--hidden-dims 1".to_owned()),
        ("linear", "--hidden-dims none".to_owned()),
        ("deep", format!("--hidden-dims {deep}")),
        ("still", "--learning-rate 0 --hidden-dims 5".to_owned()),
        ("initial", "--epochs 0 --hidden-dims 5".to_owned()),
    ] {
        let epochs = if id == "initial" { "" } else { " --epochs 2" };
        ended(path, &format!("train --data . -q --threads 3 {settings}{epochs} --run-id {id}"), 0);
        let run = path.join("results").join(id);
        assert_eq!(cells(&run.join("epochs.csv")).len(), if id == "initial" { 0 } else { 2 }, "{id}");
    }
    // Without a learning rate, no step changes a weight.
    let weights = |id: &str| elements(&path.join("results").join(id).join("model.safetensors"));
    assert!(weights("still") == weights("initial"));
    for (rows, task, message) in [
        ("1,2.5\n", "--task regress", "the target y is 2.5 in every training row"),
        ("1,x\n", "", "every label is x, expected at least two classes"),
    ] {
        std::fs::write(path.join("one.csv"), format!("a,y\n{rows}")).unwrap();
        let args = format!("train --data one.csv {task} --run-id one");
        let said = ended(path, &args.replace("  ", " "), 1);
        assert!(said.contains(message) && !path.join("results/one").exists(), "{said}");
    }
    // One row of each class is the smallest set; with one feature that is constant, it still trains.
    std::fs::write(path.join("two.csv"), "a,y\n1,x\n1,z\n").unwrap();
    ended(path, "train --data two.csv --epochs 2 --run-id two -q", 0);
    for (settings, message) in [
        ("--batch-size 0", "batch-size is 0"),
        ("--hidden-dims 0", "hidden-dims"),
        ("--threads 0", "threads is 0"),
        ("--learning-rate -1", "learning-rate"),
    ] {
        let said = ended(path, &format!("train --data . {settings} --run-id refused"), 2);
        assert!(said.contains(message) && !path.join("results/refused").exists(), "{settings}: {said}");
    }
}

#[test]
fn the_weights_after_an_epoch_are_frozen() {
    // Checksums of the weights and velocities after one epoch. Other values mean that published seeds give other results.
    let folder = folder();
    let path = folder.path();
    let mut levels = vec![("portable", PORTABLE)];
    if chainrule_kernels::simd_level() >= SimdLevel::Avx2 {
        levels.push(("avx2", AVX2));
    } else {
        left_out("the weights of AVX2 after an epoch", "this processor has no AVX2");
    }
    for (level, frozen) in levels {
        let mut found = [0; 3];
        for (at, settings) in [
            "--dtype f32 --hidden-dims 20 10",
            "--dtype f64 --hidden-dims 20 --activation sigmoid",
            "--dtype f32 --hidden-dims none --momentum 0 --weight-decay 0.01",
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("{level}-{at}");
            let args = format!("train --data . --epochs 1 --batch-size 16 -q {settings} --run-id {id}");
            let output = launch(CHAINRULE, path).args(args.split(' ')).env("CHAINRULE_SIMD", level).output();
            assert!(output.unwrap().status.success(), "{id}");
            let mut sum = flate2::Crc::new();
            sum.update(&elements(&path.join("results").join(&id).join("checkpoint.safetensors")));
            found[at] = sum.sum();
        }
        assert_eq!(found, frozen, "{level}");
    }
}
const PORTABLE: [u32; 3] = [3718857219, 108743758, 2523947277];
const AVX2: [u32; 3] = [4082068932, 702914866, 1033124146];
