//! A second Ctrl-C, a run that diverges late, and files that claim more than the memory limit

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use chainrule::tables::reader::Table;

use crate::idx_files::{gzip, idx_bytes};
use crate::launch::{CHAINRULE, launch};
use crate::resume::{elements, ended};
use crate::small_data::small_data;
use crate::zip_files::{Packed, zip_bytes};

/// Not a speed limit: after this time a process is stuck
const STUCK: Duration = Duration::from_secs(300);

/// A column of a table
fn column(path: &Path, name: &str) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let at = table.need(name).unwrap();
    table.rows().map(|row| row.text(at).to_owned()).collect()
}

#[track_caller]
fn assert_same_weights(a: &Path, b: &Path) {
    for file in ["model.safetensors", "checkpoint.safetensors"] {
        assert!(elements(&a.join(file)) == elements(&b.join(file)), "{}: {file}", a.display());
    }
    assert_eq!(column(&a.join("epochs.csv"), "test_loss"), column(&b.join("epochs.csv"), "test_loss"));
}

#[test]
fn a_second_ctrl_c_in_a_long_batch_ends_at_once_and_the_files_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // An epoch is one batch of 27 giga-operations, which takes longer than the signals.
    let net = "--data synthetic --hidden-dims 96 --batch-size 60000 --threads 1 -q";
    ended(path, &format!("train {net} --epochs 1 --run-id whole"), 0);
    ended(path, &format!("sweep {net} --epochs 1 --seeds 1 --jobs 1 --sweep-id all"), 0);
    let train = format!("train {net} --epochs 1 --run-id cut");
    let sweep = format!("sweep {net} --epochs 1 --seeds 1 --jobs 1 --sweep-id some");
    for (args, run, signals, resume) in [
        (train, "cut", ["INT", "INT"], "train --resume results/cut -q".to_owned()),
        (sweep.clone(), "some/t0000", ["TERM", "INT"], format!("{sweep} --resume")),
    ] {
        let run = path.join("results").join(run);
        let mut command = launch(CHAINRULE, path);
        let mut child = command.args(args.split(' ')).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !run.join("checkpoint.safetensors").exists() {
            assert_eq!(child.try_wait().unwrap(), None);
            assert!(begun.elapsed() < STUCK, "stuck");
            std::thread::sleep(Duration::from_millis(1));
        }
        for signal in signals {
            // Two signals that come at the same time are one.
            std::thread::sleep(Duration::from_millis(50));
            let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(sent.unwrap().success());
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{args}: {output:?}");
        // A run that ends by itself writes a summary.
        assert!(!run.join("summary.csv").exists(), "{args}: it ended only after the batch");
        let epochs = fs::read_to_string(run.join("epochs.csv")).unwrap();
        assert!(epochs.ends_with('\n') && epochs.lines().count() == 1, "{epochs}");
        let model = format!(
            "results/{}/model.safetensors",
            run.strip_prefix(path.join("results")).unwrap().display()
        );
        assert_eq!(ended(path, &format!("info {model}"), 0), "");
        ended(path, &resume, 0);
    }
    let results = path.join("results");
    assert_same_weights(&results.join("cut"), &results.join("whole"));
    assert_same_weights(&results.join("some/t0000"), &results.join("all/t0000"));
    let [some, all] = ["some", "all"].map(|sweep| column(&results.join(sweep).join("runs.csv"), "test_loss"));
    assert_eq!(some, all);
}

#[test]
fn a_run_that_diverges_late_keeps_the_epoch_before_and_diverges_again_when_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Each step multiplies the weights by 1 − 0.1 · 24 = −1.4.
    let settings = "--data synthetic --hidden-dims 8 --batch-size 6000 --learning-rate 0.1 --momentum 0 -q";
    let train = format!("train {settings} --weight-decay 24");
    let said = ended(path, &format!("{train} --epochs 6 --run-id bad"), 3);
    let epochs = column(&path.join("results/bad/epochs.csv"), "status");
    let done = epochs.len() - 1;
    assert!(done >= 1 && epochs[done] == "diverged", "{epochs:?}");
    assert!(epochs[..done].iter().all(|status| status == "ok"), "{epochs:?}");
    for part in [
        &format!("in epoch {}, at batch ", done + 1),
        "learning rate 0.1; ",
        "model.safetensors holds the last good weights",
        "try a --weight-decay far below 20",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What is kept is the state of a run with one epoch less.
    ended(path, &format!("{train} --epochs {done} --run-id good"), 0);
    let [bad, good] = ["bad", "good"].map(|run| path.join("results").join(run));
    for file in ["model.safetensors", "checkpoint.safetensors"] {
        assert!(elements(&bad.join(file)) == elements(&good.join(file)), "{file}");
    }
    let weights = elements(&bad.join("model.safetensors"));
    assert!(weights.chunks_exact(4).all(|w| f32::from_le_bytes(w.try_into().unwrap()).is_finite()));
    // A resume diverges at the same batch, and leaves one row of it.
    for _ in 0..2 {
        assert_eq!(ended(path, "train --resume results/bad -q", 3), said);
        assert_eq!(column(&bad.join("epochs.csv"), "status"), epochs);
    }
    assert_eq!(column(&path.join("results/runs.csv"), "status"), ["diverged", "ok"]);
    assert_eq!(column(&bad.join("summary.csv"), "epochs_done"), [done.to_string()]);

    // A sweep goes on, and its line says as much.
    let sweep = format!("sweep {settings} --grid weight_decay=24,0 --jobs 1 --epochs 3 --sweep-id s");
    let said = ended(path, sweep.replace(" -q", "").as_str(), 4);
    for part in ["at batch ", ", learning rate 0.1; ", "try a --weight-decay far below 20"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(column(&path.join("results/s/runs.csv"), "status"), ["diverged", "ok"]);
}

/// Runs a command in an address space of `kib` KiB
#[cfg(target_os = "linux")]
fn limited(folder: &Path, kib: usize, args: &str) -> Output {
    let line = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    // Each arena reserves 64 MB of addresses, and their number depends on the scheduler.
    let mut command = launch("sh", folder);
    command.env("MALLOC_ARENA_MAX", "2").args(["-c", &line, CHAINRULE]).args(args.split(' '));
    command.output().unwrap()
}

/// A command that must end with an error and not by a signal or a panic
#[cfg(target_os = "linux")]
#[track_caller]
fn refused(folder: &Path, kib: usize, args: &str, message: &str) {
    let Output { status, stderr, .. } = limited(folder, kib, args);
    let said = String::from_utf8(stderr).unwrap();
    assert!(matches!(status.code(), Some(1 | 2)), "{args}: {status} {said}");
    assert!(
        said.contains("error: ") && said.contains(message) && !said.contains("panicked"),
        "{args}: {said}"
    );
}

/// A file of which the file system stores the first bytes alone
#[cfg(target_os = "linux")]
fn sparse(path: &Path, start: &[u8], len: u64) {
    fs::write(path, start).unwrap();
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

#[cfg(target_os = "linux")]
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A safetensors file whose header claims a tensor
#[cfg(target_os = "linux")]
fn safetensors(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_claim_or_hold_more_than_a_memory_limit_are_errors() {
    /// The limit, in KiB, under which all commands below run
    const LIMIT: usize = 400_000;
    const GB: u64 = 1 << 30;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    let net = "--epochs 1 --hidden-dims 4 --threads 2 -q";
    let normal = limited(path, LIMIT, &format!("train --data . {net} --run-id m"));
    assert!(normal.status.success(), "{normal:?}");

    // IDX: what the header claims, and what a gzip stream unpacks to
    let idx = |name: &str, images: &[u8]| {
        let folder = path.join(name);
        fs::create_dir(&folder).unwrap();
        small_data(&folder);
        fs::remove_file(folder.join("train-images-idx3-ubyte.gz")).unwrap();
        fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    };
    let zeros = vec![0; 10_000_000];
    let member = gzip(&zeros);
    let members = |first: &[u8]| [&gzip(first)[..], &member.repeat(60)].concat();
    idx("claims", &idx_bytes(&[u32::MAX, 4, 4], &[1; 100]));
    idx("packed-claims", &gzip(&idx_bytes(&[u32::MAX, 4, 4], &[1; 100])));
    idx("bomb", &members(&idx_bytes(&[200, 4, 4], &[1; 3200])));
    idx("large", &members(&idx_bytes(&[600_000, 1000], &[])));
    for (data, message) in [
        ("claims", "train-images-idx3-ubyte"),
        ("packed-claims", "train-images-idx3-ubyte"),
        ("bomb", "more than 3200 bytes"),
        ("large", "memory"),
    ] {
        refused(path, LIMIT, &format!("train --data {data} {net}"), message);
    }

    // Arrays
    fs::write(path.join("claims.npy"), npy("<f4", "1000000000000,", &[0; 64])).unwrap();
    sparse(&path.join("large.npy"), &npy("<f4", &format!("{}, 1024", GB / 4096), &[]), GB + 80);
    fs::write(path.join("y.npy"), npy("|u1", "4,", &[0, 1, 0, 1])).unwrap();
    let labels = npy("|u1", "60, ", &[[0, 1]; 30].concat());
    let claims = npy("<f4", "60, 100000000000", &[0; 64]);
    let large = npy("|i1", "60, 1000000", &vec![0; 60_000_000]);
    let npz = |name: &str, x: &[u8]| {
        let members = [("X.npy", x, Packed::Deflated), ("y.npy", &labels, Packed::Stored)];
        fs::write(path.join(name), zip_bytes(&members)).unwrap();
    };
    npz("claims.npz", &claims);
    npz("large.npz", &large);
    let bomb = [&npy("|i1", "60, 2", &[0; 120])[..], &zeros, &zeros, &zeros, &zeros, &zeros].concat();
    npz("bomb.npz", &bomb);
    for (data, message) in [
        ("claims.npy --y y.npy", "claims.npy"),
        ("large.npy --y y.npy", "large.npy"),
        ("claims.npz", "claims.npz"),
        ("large.npz --dtype f64", "memory"),
        ("bomb.npz", "bomb.npz"),
    ] {
        refused(path, LIMIT, &format!("train --data {data} {net}"), message);
    }

    // Tables: one long line, plain and packed, and one of 400 MB
    let line = "1,".repeat(5_000_000);
    fs::write(path.join("long.csv"), line.repeat(4)).unwrap();
    let packed = gzip(line.as_bytes()).repeat(40);
    fs::write(path.join("long.csv.gz"), packed).unwrap();
    let rows = gzip("1,2\n".repeat(2_500_000).as_bytes()).repeat(40);
    fs::write(path.join("rows.csv.gz"), rows).unwrap();
    sparse(&path.join("zeros.csv"), b"a,b\n1,2\n", GB);
    for data in ["long.csv", "long.csv.gz", "rows.csv.gz", "zeros.csv"] {
        refused(path, LIMIT, &format!("train --data {data} --target 2 {net}"), "");
    }

    // Models and checkpoints: a header of absurd length, a tensor that the file does not hold, and a long file
    let tensor = r#"{"0.weight":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}"#;
    let model = fs::read(path.join("results/m/model.safetensors")).unwrap();
    for (name, bytes, len) in [
        ("absurd", [&(1_u64 << 60).to_le_bytes()[..], b"{}"].concat(), None),
        ("claims", safetensors(tensor), None),
        ("large", safetensors(tensor), Some(GB)),
        ("long", model, Some(GB)),
    ] {
        let run = path.join("results").join(name);
        fs::create_dir(&run).unwrap();
        fs::copy(path.join("results/m/config.toml"), run.join("config.toml")).unwrap();
        fs::copy(path.join("results/m/epochs.csv"), run.join("epochs.csv")).unwrap();
        for file in ["model.safetensors", "checkpoint.safetensors"] {
            sparse(&run.join(file), &bytes, len.unwrap_or(bytes.len() as u64));
        }
        refused(path, LIMIT, &format!("info results/{name}/model.safetensors"), "model.safetensors");
        refused(
            path,
            LIMIT,
            &format!("train --data . --init results/{name}/model.safetensors {net}"),
            "model",
        );
        refused(path, LIMIT, &format!("train --resume results/{name} -q"), "checkpoint.safetensors");
    }

    // Settings, plans and tables of results
    for (file, args) in [
        ("c.toml", "train --config c.toml"),
        ("p.toml", "sweep --plan p.toml"),
        ("r/runs.csv", "runs r"),
        ("r/runs.csv", "plot r"),
    ] {
        fs::create_dir_all(path.join("r")).unwrap();
        sparse(&path.join(file), b"run_id,status\n", GB);
        refused(path, LIMIT, args, file);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_net_too_large_for_a_memory_limit_is_an_error_before_training_and_never_an_abort() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    // A million parameters: with velocities, copies and the bytes of a file, 40 MB
    let net = "--data . --hidden-dims 1000 1000 --epochs 2 --checkpoint-every 1batches --threads 2 -q";
    let mut codes = Vec::new();
    for kib in (40..440).step_by(40).map(|thousands| 1000 * thousands) {
        let id = format!("r{kib}");
        let Output { status, stderr, .. } = limited(path, kib, &format!("train {net} --run-id {id}"));
        let said = String::from_utf8(stderr).unwrap();
        let is_known = ["memory", "cannot start", "Resource temporarily", "Cannot allocate"];
        let is_error = status.code() == Some(1) && is_known.iter().any(|text| said.contains(text));
        assert!(is_error || status.success(), "{kib}: {status} {said}");
        let has_begun = path.join("results").join(&id).exists();
        assert!(status.success() || !has_begun || said.contains("cannot draw"), "{kib}: {said}");
        codes.push(status.code());
    }
    assert!(codes[0] == Some(1) && codes.ends_with(&[Some(0)]), "{codes:?}");
    refused(path, 400_000, "train --data . --hidden-dims 6000 6000 --threads 2", "36,126,003 parameters");
    let sweep = "sweep --data . --grid hidden_dims=8,6000x6000 --threads 1 --jobs 1 --sweep-id s";
    refused(path, 400_000, sweep, "memory");
    assert!(!path.join("results/s").exists());
}
