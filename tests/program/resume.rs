//! Runs that go on from their checkpoints, stopped at any moment, compared with runs that were never stopped

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use chainrule::tables::reader::Table;
use chainrule::train::checkpoint::CHECKPOINT;

pub use crate::cells::cells;
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

/// Starts the program with these arguments, which contain no spaces
pub fn start(folder: &Path, args: &str) -> Child {
    let mut command = launch(CHAINRULE, folder);
    command.args(args.split(' ')).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Standard error of a command that must end with this exit code
#[track_caller]
pub fn ended(folder: &Path, args: &str, code: i32) -> String {
    let Output { status, stderr, .. } = start(folder, args).wait_with_output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{args}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// The elements of the tensors of a safetensors file, without the checksum of a checkpoint, which depends on times
pub fn elements(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let (header, elements) = bytes[8..].split_at(header);
    let is_sealed = String::from_utf8_lossy(header).contains("\"crc32\":");
    elements[..elements.len() - if is_sealed { 4 } else { 0 }].to_vec()
}

/// Asserts that two runs ended with the same files, times aside
///
/// * `but`: columns of the summary that may differ
#[track_caller]
pub fn assert_same(what: &str, a: &Path, b: &Path, but: &[&str]) {
    assert!(
        elements(&a.join("model.safetensors")) == elements(&b.join("model.safetensors")),
        "{what}: weights"
    );
    let [x, y] = [a, b].map(|folder| folder.join("model-average.safetensors"));
    assert!(x.exists() == y.exists() && (!x.exists() || elements(&x) == elements(&y)), "{what}: average");
    let [x, y] = [a, b].map(|folder| elements(&folder.join("checkpoint.safetensors")));
    assert!(x == y, "{what}: velocities");
    assert_eq!(cells(&a.join("epochs.csv")), cells(&b.join("epochs.csv")), "{what}");
    let summary = |folder: &Path| {
        let row = cells(&folder.join("summary.csv")).remove(0);
        let is_kept = |cell: &String| !but.iter().any(|name| cell.starts_with(&format!("{name}=")));
        row.into_iter().filter(is_kept).collect::<Vec<_>>()
    };
    assert_eq!(summary(a), summary(b), "{what}");
    for name in ["confusion.csv", "classes.csv", "class_means.csv", "targets.csv", "predictions.csv"] {
        assert_eq!(fs::read(a.join(name)).ok(), fs::read(b.join(name)).ok(), "{what}: {name}");
    }
}

/// A folder with the small set and a table of numbers
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    let row = |i: usize| format!("{},{},{}.5\n", i % 13, i * 7 % 11, 3 * (i % 13) + i * 5 % 7);
    let table = "a,b,price\n".to_owned() + &(0..300).map(row).collect::<String>();
    fs::write(folder.path().join("t.csv"), table).unwrap();
    folder
}

pub const IMAGES: &str = "--data .";
pub const TABLE: &str = "--data t.csv --target price --test-split 0.2";

#[test]
fn a_run_that_goes_on_ends_as_one_that_was_never_stopped() {
    let folder = folder();
    let path = folder.path();
    let mut wholes = 0;
    for (n, (settings, threads)) in [
        ("--hidden-dims 9 7 --batch-size 16", 1),
        ("--hidden-dims 9 7 --batch-size 16 --momentum 0 --dtype f64", 3),
        ("--hidden-dims 12 --activation sigmoid --batch-size 64 --weight-decay 0.01", 2),
        ("--hidden-dims none --batch-size 7 --val-split 0.2", 1),
        ("--hidden-dims 9 --batch-size 1000 --no-shuffle=true --momentum 0.5", 2),
        ("--hidden-dims 9 --class-weight balanced --engine matrixmultiply", 1),
        ("--hidden-dims 10 5 --keep both --val-split 0.25 --patience 9 --batch-size 32", 2),
        ("--hidden-dims 19 7 --batch-size 33 --dtype bf16", 3),
        ("--hidden-dims 9 7 --optimizer adamw --weight-decay 0.1 --decay-bias false --warmup 1.5 --keep both", 2),
        ("--hidden-dims 9 --nesterov --weight-decay 0.01 --decay-bias=false --engine matrixmultiply", 3),
        ("--hidden-dims 9 7 --batch-size 16 --ema 0.95 --val-split 0.2", 2),
        ("--hidden-dims 9 7 --batch-size 16 --swa 2 --keep best", 1),
        ("--hidden-dims 9 --batch-size 16 --flip --shift 1 --distort 0.1 --erase 2 --mixup 0.3 --label-smoothing 0.1", 2),
        ("--hidden-dims 11 8 --batch-size 40 --activation gelu", 2),
    ]
    .into_iter()
    .enumerate()
    {
        for data in [IMAGES, TABLE] {
            if data == TABLE && (settings.contains("class-weight") || settings.contains("flip")) {
                continue;
            }
            let kind = if data == TABLE { "t" } else { "i" };
            let name = |what: &str| format!("{what}{n}{kind}");
            let train = format!("train {data} {settings} -q");
            ended(path, &format!("{train} --epochs 5 --threads 1 --run-id {}", name("whole")), 0);
            wholes += 1;
            for stop in [0, 1, 3, 5] {
                let id = format!("{}-{stop}", name("part"));
                ended(path, &format!("{train} --epochs {stop} --threads 1 --run-id {id}"), 0);
                let again = format!("train --resume results/{id} --epochs 5 --threads {threads} -q");
                ended(path, &again, 0);
                let [part, whole] = [id, name("whole")].map(|id| path.join("results").join(id));
                assert_same(&format!("{train}, {stop} epochs first"), &part, &whole, &["threads"]);
            }
        }
    }
    // Each run has one row, in which its last end is.
    let runs = Table::read(&path.join("results/runs.csv")).unwrap();
    let (id, done) = (runs.need("run_id").unwrap(), runs.need("epochs_done").unwrap());
    let mut names: Vec<&str> = runs.rows().map(|row| row.text(id)).collect();
    assert!(runs.rows().all(|row| row.text(done) == "5"));
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!((count, names.len()), (wholes * 5, wholes * 5));
}

#[test]
fn a_run_that_was_killed_before_it_wrote_its_predictions_writes_them() {
    let folder = folder();
    let path = folder.path();
    let whole = path.join("results/whole");
    for (n, settings) in [
        format!("{IMAGES} --epochs 2"),
        format!("{TABLE} --epochs 2"),
        format!("{IMAGES} --val-split 0.3 --learning-rate 0.03 --epochs 40 --patience 2 --keep best"),
        format!("{TABLE} --val-split 0.3 --learning-rate 0.03 --epochs 40 --patience 2"),
    ]
    .iter()
    .enumerate()
    {
        let train =
            format!("train {settings} --hidden-dims 16 --batch-size 4 --threads 1 -q --run-id killed{n}");
        ended(path, &train, 0);
        let run = path.join("results").join(format!("killed{n}"));
        fs::rename(&run, &whole).unwrap();
        fs::create_dir(&run).unwrap();
        for name in ["config.toml", "epochs.csv", "model.safetensors", "checkpoint.safetensors"] {
            fs::copy(whole.join(name), run.join(name)).unwrap();
        }
        ended(path, &format!("train --resume results/killed{n} -q"), 0);
        assert_same(&train, &run, &whole, &[]);
        fs::remove_dir_all(&whole).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn a_run_that_a_signal_stops_goes_on_within_its_epoch() {
    let folder = folder();
    let path = folder.path();
    let settings = "train --data synthetic --hidden-dims 64 --batch-size 8 --epochs 3 --val-split 0.1";
    let adamw = " --optimizer adamw --schedule cosine --warmup 0.5";
    let rounds = [("INT", 130, ""), ("TERM", 143, adamw), ("USR1", 143, "")];
    for (round, (signal, code, more)) in rounds.into_iter().enumerate() {
        let (id, whole) = (format!("cut{round}"), if more.is_empty() { "whole" } else { "adamw" });
        if !path.join("results").join(whole).exists() {
            ended(path, &format!("{settings}{more} -q --run-id {whole}"), 0);
        }
        let child = start(path, &format!("{settings}{more} -q --run-id {id}"));
        let run = path.join("results").join(&id);
        while !run.join("checkpoint.safetensors").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20 + 60 * round as u64));
        let kill = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        assert_eq!(status.code(), Some(code), "{}", String::from_utf8_lossy(&stderr));
        ended(path, &format!("train --resume results/{id} -q"), 0);
        assert_same(&id, &run, &path.join("results").join(whole), &[]);
    }
}

#[test]
fn what_would_change_a_run_that_goes_on_is_refused() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("train {IMAGES} --hidden-dims 9 --epochs 2 --run-id a -q --tag place=here"), 0);
    let before = fs::read(path.join("results/a/checkpoint.safetensors")).unwrap();
    for (args, code, messages) in [
        (
            "--learning-rate 0.5 --momentum 0",
            2,
            &["learning-rate was 0.01, and is 0.5", "momentum was 0.9, and is 0"][..],
        ),
        ("--epochs 1", 2, &["epochs is 1, expected 2 or more"]),
        ("--run-id b", 2, &["--run-id"]),
        ("--data synthetic", 1, &["the data have changed since the run began"]),
        ("--data nowhere --out elsewhere", 1, &["nowhere"]),
        ("--data synthetic --out elsewhere", 1, &["the data have changed since the run began"]),
        ("--checkpoint-every 5x", 2, &["checkpoint-every is 5x, expected a time, as 30s"]),
        ("--schedule cosine", 2, &["schedule was constant, and is cosine"]),
        ("--optimizer adamw", 2, &["optimizer was sgd, and is adamw"]),
    ] {
        let stderr = ended(path, &format!("train --resume results/a {args}"), code);
        assert!(messages.iter().all(|message| stderr.contains(message)), "{args}: {stderr}");
    }
    // Rates that depend on the number of epochs
    ended(path, &format!("train {IMAGES} --hidden-dims 9 --epochs 2 --schedule cosine --run-id c -q"), 0);
    let stderr = ended(path, "train --resume results/c --epochs 3", 2);
    let message = "epochs is 3, expected 2, as before, since the rates of --schedule cosine depend on it";
    assert!(stderr.contains(message), "{stderr}");
    ended(path, "train --resume results/c --epochs 2 -q", 0);
    // What is refused copies nothing.
    assert!(!path.join("elsewhere").exists());
    for (folder, message) in
        [("results", "has no checkpoint.safetensors"), ("nowhere", "has no checkpoint.safetensors")]
    {
        let stderr = ended(path, &format!("train --resume {folder}"), 1);
        assert!(stderr.contains(message), "{stderr}");
    }
    // The same settings, given again, are no difference.
    ended(path, "train --resume results/a/ --hidden-dims 9 --learning-rate 1e-2 --epochs 3 -q", 0);
    assert_ne!(fs::read(path.join("results/a/checkpoint.safetensors")).unwrap(), before);
    let summary = cells(&path.join("results/a/summary.csv")).remove(0);
    assert!(summary.contains(&"place=here".to_owned()), "{summary:?}");
    // A copy goes on elsewhere, and the run stays as it is.
    let old = fs::read(path.join("results/a/checkpoint.safetensors")).unwrap();
    #[cfg(unix)]
    for file in fs::read_dir(path.join("results/a")).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
    }
    ended(path, "train --resume results/a --out elsewhere --epochs 4 -q", 0);
    for file in fs::read_dir(path.join("elsewhere/a")).unwrap() {
        assert!(!file.unwrap().metadata().unwrap().permissions().readonly());
    }
    assert_eq!(fs::read(path.join("results/a/checkpoint.safetensors")).unwrap(), old);
    assert_eq!(cells(&path.join("elsewhere/a/epochs.csv")).len(), 4);
    assert_eq!(Table::read(&path.join("elsewhere/runs.csv")).unwrap().rows().len(), 1);
    let stderr = ended(path, "train --resume results/a --out elsewhere --epochs 4 -q", 1);
    assert!(stderr.contains("elsewhere/a: is there already"), "{stderr}");
    assert!(stderr.contains("type: chainrule train --resume elsewhere/a"), "{stderr}");

    // Other data are refused.
    ended(path, &format!("train {TABLE} --epochs 1 --run-id t -q"), 0);
    let table = fs::read_to_string(path.join("t.csv")).unwrap();
    fs::write(path.join("t.csv"), table.replacen("0,", "1,", 1)).unwrap();
    let stderr = ended(path, "train --resume results/t --epochs 2", 1);
    assert!(stderr.contains("the data have changed since the run began: their hash was"), "{stderr}");
    // The same data elsewhere are the same.
    fs::write(path.join("moved.csv"), table).unwrap();
    ended(path, "train --resume results/t --epochs 2 -q --data moved.csv", 0);
    ended(path, "train --resume results/t --epochs 3 -q", 0);
}

#[test]
fn a_run_goes_on_without_the_model_that_it_started_from() {
    let folder = folder();
    let path = folder.path();
    let train = format!("train {TABLE} --hidden-dims 6 -q");
    ended(path, &format!("{train} --epochs 2 --run-id first"), 0);
    fs::copy(path.join("results/first/model.safetensors"), path.join("start.safetensors")).unwrap();
    let second = format!("train {TABLE} -q --init start.safetensors");
    ended(path, &format!("{second} --epochs 4 --run-id whole"), 0);
    for (id, out) in [("part", ""), ("copy", " --out other")] {
        ended(path, &format!("{second} --epochs 2 --run-id {id}"), 0);
        let moved = path.join("moved");
        fs::rename(path.join("start.safetensors"), &moved).unwrap();
        ended(path, &format!("train --resume results/{id} --epochs 4 -q{out}"), 0);
        fs::rename(moved, path.join("start.safetensors")).unwrap();
        let parent = if out.is_empty() { "results" } else { "other" };
        assert_same(id, &path.join(parent).join(id), &path.join("results/whole"), &[]);
    }
}

#[test]
fn a_damaged_checkpoint_or_other_rows_than_the_run_wrote_are_refused() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("train {IMAGES} --hidden-dims 9 --epochs 2 --run-id a -q"), 0);
    let run = path.join("results/a");
    let resume = "train --resume results/a --epochs 3 -q";
    let refused = |name: &str, bytes: Option<&[u8]>, message: &str| {
        let before = fs::read(run.join(name)).unwrap();
        match bytes {
            Some(bytes) => fs::write(run.join(name), bytes).unwrap(),
            None => fs::remove_file(run.join(name)).unwrap(),
        }
        let stderr = ended(path, resume, 1);
        assert!(stderr.contains(name) && stderr.contains(message), "{name}: {stderr}");
        fs::write(run.join(name), before).unwrap();
    };
    let mut checkpoint = fs::read(run.join(CHECKPOINT)).unwrap();
    for at in [checkpoint.len() - 1, checkpoint.len() - 1000, 8 + 300] {
        checkpoint[at] ^= 1;
        refused(CHECKPOINT, Some(&checkpoint), "is damaged");
        checkpoint[at] ^= 1;
    }
    let rows = fs::read_to_string(run.join("epochs.csv")).unwrap();
    let digit = rows.replacen("0.0", "0.1", 1);
    assert_ne!(digit, rows);
    refused("epochs.csv", Some(digit.as_bytes()), "has changed since the checkpoint was saved");
    refused("epochs.csv", Some(&rows.as_bytes()[..rows.len() - 3]), "bytes long, expected");
    refused("epochs.csv", None, "is missing");
    // What came after the checkpoint is written again.
    fs::write(run.join("epochs.csv"), rows.clone() + "half a row").unwrap();
    ended(path, resume, 0);
    assert_eq!(cells(&run.join("epochs.csv")).len(), 3);
    assert!(fs::read_to_string(run.join("epochs.csv")).unwrap().starts_with(&rows));
}

#[cfg(unix)]
#[test]
fn a_signal_while_data_are_read_ends_the_program_at_once() {
    let folder = folder();
    let path = folder.path();
    for args in
        ["train --data - --target y --run-id a", "sweep --data - --target y --grid epochs=1,2 --sweep-id a"]
    {
        let mut command = launch(CHAINRULE, path);
        command.args(args.split(' ')).stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        // More than a pipe holds: when all is written, the program reads, and waits for the end that does not come.
        child.stdin.as_mut().unwrap().write_all(b"a,y\n").unwrap();
        child.stdin.as_mut().unwrap().write_all("1,y\n".repeat(100_000).as_bytes()).unwrap();
        let sent = std::process::Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        // The input stays open until the program has ended.
        let input = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(input);
        assert_eq!(output.status.code(), Some(130), "{args}: {output:?}");
        assert!(!path.join("results/a").exists());
    }
}

#[test]
fn a_second_process_on_a_run_is_refused_and_a_dead_one_leaves_no_lock() {
    let folder = folder();
    let path = folder.path();
    let settings = "train --data synthetic --hidden-dims 64 --batch-size 8 --epochs 500 -q --run-id a";
    let mut child = start(path, settings);
    while !path.join("results/a/checkpoint.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let stderr = ended(path, "train --resume results/a", 1);
    assert!(stderr.contains("epochs.csv: another process writes to it"), "{stderr}");
    child.kill().unwrap();
    child.wait().unwrap();
    let done = cells(&path.join("results/a/epochs.csv")).len().max(1);
    ended(path, &format!("train --resume results/a --epochs {} -q", done + 1), 0);
    assert_eq!(cells(&path.join("results/a/epochs.csv")).len(), done + 1);
}

#[test]
fn a_sweep_that_was_killed_goes_on_within_its_trials() {
    let folder = folder();
    let path = folder.path();
    let sweep = |id: &str, more: &str| {
        format!(
            "sweep --grid learning_rate=0.02,0.05 --data synthetic --hidden-dims 32 --batch-size 16 --epochs 6 --jobs 2 -q --sweep-id {id}{more}"
        )
    };
    ended(path, &sweep("whole", ""), 0);
    let mut child = start(path, &sweep("cut", ""));
    let run = |id: &str, trial: &str| path.join("results").join(id).join(trial);
    let rows = |trial: &str| {
        let text = fs::read_to_string(run("cut", trial).join("epochs.csv")).unwrap_or_default();
        text.lines().count().saturating_sub(1)
    };
    while ["t0000", "t0001"].iter().any(|trial| rows(trial) < 2) {
        assert!(child.try_wait().unwrap().is_none(), "the sweep has ended before it could be killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let started = |trial: &str| {
        let text = fs::read(run("cut", trial).join("checkpoint.safetensors")).unwrap();
        let text = String::from_utf8_lossy(&text[..2000.min(text.len())]).into_owned();
        let at = text.find("started_at").unwrap();
        text[at..].split('"').nth(2).unwrap().trim_end_matches('\\').to_owned()
    };
    let before = ["t0000", "t0001"].map(started);
    ended(path, &sweep("cut", " --resume"), 0);
    for (trial, before) in ["t0000", "t0001"].into_iter().zip(before) {
        assert_same(trial, &run("cut", trial), &run("whole", trial), &["sweep_id"]);
        let summary = Table::read(&run("cut", trial).join("summary.csv")).unwrap();
        let started_at = summary.need("started_at").unwrap();
        assert_eq!(summary.rows().next().unwrap().text(started_at), before, "{trial} began again");
    }
    let [cut, whole] = ["cut", "whole"].map(|id| {
        let rows = cells(&path.join("results").join(id).join("runs.csv"));
        rows.concat().into_iter().filter(|cell| !cell.starts_with("sweep_id=")).collect::<Vec<_>>()
    });
    assert_eq!(cut, whole);
}

#[test]
fn a_run_behind_a_link_goes_on_and_one_of_another_name_is_refused() {
    let folder = folder();
    let path = folder.path();
    let train = format!("train {IMAGES} --hidden-dims 5 -q --run-id a");
    ended(path, &format!("{train} --epochs 1 --out archive"), 0);
    ended(path, &format!("{train} --epochs 3 --seed 2"), 0);
    let read = |run: &str| {
        ["epochs.csv", "config.toml", CHECKPOINT].map(|name| fs::read(path.join(run).join(name)).unwrap())
    };
    let other = read("results/a");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../archive/a", path.join("results/latest")).unwrap();
        ended(path, "train --resume results/latest --epochs 2 -q", 0);
        assert_eq!(Table::read(&path.join("archive/a/epochs.csv")).unwrap().rows().len(), 2);
        assert!(read("results/a") == other, "the run beside the link is another one");
    }
    fs::rename(path.join("results/a"), path.join("results/b")).unwrap();
    let stderr = ended(path, "train --resume results/b --epochs 4 -q", 1);
    assert!(stderr.contains("rename it to a"), "{stderr}");
    assert!(read("results/b") == other);
}

#[test]
fn a_run_whose_config_was_edited_is_refused_with_the_differences() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("train {IMAGES} --hidden-dims 5 -q --run-id a --epochs 1"), 0);
    let config = path.join("results/a/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("learning_rate = 0.01", "learning_rate = 0.5").replace("seed = 42", "seed = 7"),
    )
    .unwrap();
    let stderr = ended(path, "train --resume results/a --epochs 2 -q", 2);
    assert!(stderr.contains("learning_rate was 0.01, and is 0.5; seed was 42, and is 7"), "{stderr}");
    fs::write(&config, text.replace("csv_dialect = \"standard\"", "csv_dialect = \"excel-eu\"")).unwrap();
    fs::remove_file(path.join("results/runs.csv")).unwrap();
    let stderr = ended(path, "train --resume results/a --epochs 2 -q", 2);
    assert!(stderr.contains("csv_dialect was standard, and is excel-eu"), "{stderr}");
    fs::write(&config, text).unwrap();
    ended(path, "train --resume results/a --epochs 2 -q", 0);
}

#[test]
fn a_run_that_can_not_go_on_stays_as_it_was() {
    let folder = folder();
    let path = folder.path();
    ended(path, &format!("train {IMAGES} --hidden-dims 5 -q --run-id a --epochs 2"), 0);
    let read = || {
        let names = ["config.toml", "epochs.csv", "summary.csv", CHECKPOINT];
        names.map(|name| fs::read(path.join("results/a").join(name)).unwrap())
    };
    let before = read();
    // No model can take the place of a folder.
    let (model, kept) = (path.join("results/a/model.safetensors"), path.join("kept"));
    fs::rename(&model, &kept).unwrap();
    fs::create_dir(&model).unwrap();
    let stderr = ended(path, "train --resume results/a --epochs 3 -q", 1);
    assert!(stderr.contains("model.safetensors: is a directory"), "{stderr}");
    assert!(read() == before);
    fs::remove_dir(&model).unwrap();
    fs::rename(&kept, &model).unwrap();
    ended(path, "train --resume results/a --epochs 3 -q", 0);
    assert_eq!(cells(&path.join("results/a/epochs.csv")).len(), 3);
}

#[test]
fn a_run_that_went_on_while_another_process_read_its_data_loses_nothing() {
    let folder = folder();
    let path = folder.path();
    let rows: String =
        (0..60).map(|i| format!("{},{},{}\n", i % 13, i * 7 % 11, ["x", "y"][i % 2])).collect();
    let table = format!("a,b,y\n{rows}");
    let piped = |args: &str| {
        let mut command = launch(CHAINRULE, path);
        command.args(args.split(' ')).stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    };
    let finish = |mut child: Child| {
        child.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let first = piped("train --data - --hidden-dims 3 --epochs 2 -q --run-id a");
    assert!(finish(first).status.success());
    let slow = piped("train --resume results/a --epochs 3 -q");
    // It has read the checkpoint by then; otherwise it finds the newer one.
    std::thread::sleep(Duration::from_millis(500));
    assert!(finish(piped("train --resume results/a --epochs 9 -q")).status.success());
    let Output { status, stderr, .. } = finish(slow);
    assert!(!status.success(), "{}", String::from_utf8_lossy(&stderr));
    assert_eq!(Table::read(&path.join("results/a/epochs.csv")).unwrap().rows().len(), 9);
}
