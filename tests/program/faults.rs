//! Every call that changes a file made to fail in turn, and the program killed before each of them
//!
//! `tests/support/faults.c` describes the faults. Each test runs the program once for each number of a call, until there
//! is no call of that number. `CHAINRULE_FAULTS` is the step from one number to the next, or `all` for each number;
//! without it, a few numbers are tried, with a random start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use chainrule::tables::reader::Table;
use safetensors::SafeTensors;

use crate::installed::installed;
use crate::launch::{CHAINRULE, launch};
use crate::resume::{assert_same, cells, ended};

/// Ways in which a call does not succeed
const MODES: [&str; 6] = ["fail", "full", "readonly", "short", "kill", "tear"];

/// The row of a run that has no folder any more, in a table of an older version
const OLD_ROW: &str = "run_id,status,epochs\nold,ok,7\n";

/// Settings of a small net, and of data that [`folder`] makes
const SETTINGS: &str = "--data t.csv --target y --test-split 0.2 --val-split 0.2 --hidden-dims 5 --batch-size 16 \
     --checkpoint-every 2batches --threads 1 -q";

/// A folder with a table of three classes, and its path without symbolic links
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let row = |i: usize| format!("{},{},{}\n", i % 13, i * 7 % 11, ["x", "y", "z"][i % 3]);
    fs::write(path.join("t.csv"), "a,b,y\n".to_owned() + &(0..120).map(row).collect::<String>()).unwrap();
    (folder, path)
}

/// Builds the library that makes calls fail; `None` without a C compiler
fn library(folder: &Path) -> Option<PathBuf> {
    if !installed(&["cc"]) {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/faults.c");
    let library = folder.join("faults.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).args([&library, &source]).arg("-ldl");
    let output = cc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(library)
}

/// A program that ended after a fault
struct Ended {
    /// Mode, number, and the calls that were counted
    what: String,
    /// The exit code; `None` after a signal
    code: Option<i32>,
    stderr: String,
    /// The counted calls, one a line; the line before `HIT` is the one that did not succeed
    log: String,
}

impl Ended {
    /// Whether there was a call of that number
    fn is_hit(&self) -> bool {
        self.log.lines().any(|line| line.trim() == "HIT")
    }

    /// The call that did not succeed, such as `write`, and the path of its file
    fn call(&self) -> (&str, &Path) {
        let at = self.log.lines().position(|line| line.trim() == "HIT").unwrap();
        let (call, path) = self.log.lines().nth(at - 1).unwrap().split_once(' ').unwrap();
        (call, Path::new(path))
    }

    /// How it ended, in words
    fn code(&self) -> String {
        self.code.map_or("killed".to_owned(), |code| format!("exit {code}"))
    }
}

/// Runs the program with a fault in the calls on files in `folder/results`
fn with_fault(folder: &Path, library: &Path, args: &str, mode: &str, number: usize) -> Ended {
    let log = folder.join("log");
    let _ = fs::remove_file(&log);
    let mut command = launch(CHAINRULE, folder);
    command.args(args.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.env("LD_PRELOAD", library).env("FAULTS_BELOW", folder.join("results")).env("FAULTS_LOG", &log);
    command.env("FAULTS_MODE", mode).env("FAULTS_AT", number.to_string());
    let (mut child, begun) = (command.spawn().unwrap(), Instant::now());
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{mode} {number}: hangs, after {}", fs::read_to_string(&log).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let log = fs::read_to_string(&log).unwrap_or_default();
    let what = format!("{mode} {number}, {:?}: {stderr}\n{log}", output.status);
    Ended { what, code: output.status.code(), stderr, log }
}

/// Runs the program without a fault, and without waiting for the disk; returns standard error
#[track_caller]
fn without_fault(folder: &Path, library: &Path, args: &str, code: i32) -> String {
    let ended = with_fault(folder, library, args, "fail", 0);
    assert_eq!(ended.code, Some(code), "{args}: {}", ended.what);
    ended.stderr
}

/// All files below a folder, by paths relative to it; none if there is no folder
fn files(folder: &Path) -> Vec<String> {
    fn visit(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                visit(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = vec![];
    visit(folder, "", &mut found);
    found.sort();
    found
}

/// Asserts that a file is whole
#[track_caller]
fn check_whole(what: &str, path: &Path) {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let is_whole = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => text.ends_with('\n') && Table::read(path).is_ok(),
        Some("safetensors") => SafeTensors::deserialize(&bytes).is_ok(),
        Some("toml") => {
            text.ends_with('\n') && text.parse::<toml::Table>().is_ok_and(|table| !table.is_empty())
        }
        Some("svg") => text.contains("<svg") && text.trim_end().ends_with("</svg>"),
        Some("png") => bytes.starts_with(b"\x89PNG") && bytes[..bytes.len() - 4].ends_with(b"IEND"),
        Some("md") => text.starts_with("# ") && text.ends_with('\n'),
        _ => false,
    };
    assert!(is_whole, "{} is not whole; {what}", path.display());
}

/// Asserts what holds of the program and its files after any fault
///
/// * `codes`: the exit codes that are expected
#[track_caller]
fn check(results: &Path, mode: &str, codes: &[i32], ended: &Ended) {
    let Ended { what, code, stderr, .. } = ended;
    assert!(!stderr.contains("panicked"), "{what}");
    let is_killed = ["kill", "tear"].contains(&mode);
    match code {
        None => assert!(is_killed, "{what}"),
        Some(0) => {}
        Some(code) => {
            assert!(codes.contains(code), "{what}");
            assert!(stderr.lines().any(|line| line.starts_with("error: ")), "{what}");
            // A temporary file is no path that a reader can find: its folder is.
            let is_found = |path: &&Path| !path.to_str().unwrap().contains(".writing-");
            let later = ended.log.lines().filter_map(|line| line.strip_prefix("ALSO ")).map(Path::new);
            let mut paths = later.chain([ended.call().1]);
            let is_named = paths.any(|path| {
                let path = path.ancestors().find(is_found).unwrap();
                let path = path.strip_prefix(results.parent().unwrap()).unwrap();
                stderr.contains(path.to_str().unwrap())
            });
            assert!(is_named && !stderr.contains(".writing-"), "{what}");
        }
    }
    for name in files(results) {
        if name.contains(".writing-") {
            // Only a clean-up that fails leaves one.
            let can_clean =
                !is_killed && mode != "readonly" && !["unlink", "rmdir"].contains(&ended.call().0);
            assert!(!can_clean, "{name}; {what}");
        } else if mode != "tear" || !name.ends_with("epochs.csv") && !name.ends_with("runs.csv") {
            check_whole(what, &results.join(name));
        }
    }
}

/// Tries faults: each number of a call, or some of them
///
/// * `step`: from one number to the next, unless `CHAINRULE_FAULTS` says it
/// * `attempt`: runs the program with this mode and number, and checks what comes of it
fn each_fault(step: usize, mut attempt: impl FnMut(&str, usize) -> Ended) {
    let step = match std::env::var("CHAINRULE_FAULTS") {
        Ok(all) if all == "all" => 1,
        Ok(step) => step.parse().unwrap(),
        Err(_) => step,
    };
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
    for mode in MODES {
        // Fewer calls are counted than in the other modes.
        let step = if ["short", "tear"].contains(&mode) { step.div_ceil(3) } else { step };
        let mut counts = BTreeMap::<(String, String), usize>::new();
        let mut number = 1 + nanos as usize % step;
        loop {
            let ended = attempt(mode, number);
            if !ended.is_hit() {
                assert_eq!(ended.code, Some(0), "{}", ended.what);
                break;
            }
            *counts.entry((ended.call().0.to_owned(), ended.code())).or_default() += 1;
            number += step;
        }
        assert!(!counts.is_empty(), "{mode}: no call was seen");
        let all: usize = counts.values().sum();
        let list = counts.iter().map(|((call, code), count)| format!("{count} {call}: {code}"));
        println!("{mode}, one of {step}: {all}: {}", list.collect::<Vec<_>>().join(", "));
    }
}

/// Copies a folder with its files and folders
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// Tries faults in a command that trains the run `a` in a folder `results`, which is a copy of `begun` at first
fn check_run(path: &Path, command: &str, begun: &Path) {
    let Some(library) = library(path) else { return };
    let (results, whole) = (path.join("results"), path.join("whole"));
    copy(begun, &results);
    ended(path, command, 0);
    fs::rename(&results, &whole).unwrap();
    // The row of a run that failed and was removed stays.
    let rows = |results: &Path| {
        let table = Table::read(&results.join("runs.csv")).unwrap();
        let [id, status] = ["run_id", "status"].map(|name| table.need(name).unwrap());
        let ids = table.rows().map(|row| (row.text(id).to_owned(), row.text(status).to_owned()));
        let rows = cells(&results.join("runs.csv")).into_iter().zip(ids);
        rows.filter(|(_, (_, status))| status != "failed").collect::<Vec<_>>()
    };
    each_fault(8, |mode, number| {
        let _ = fs::remove_dir_all(&results);
        copy(begun, &results);
        let fault = with_fault(path, &library, command, mode, number);
        let what = &fault.what;
        check(&results, mode, &[1], &fault);
        let run = results.join("a");
        if fault.code == Some(0) {
            // The fault was harmless.
        } else if run.join("checkpoint.safetensors").exists() {
            without_fault(path, &library, "train --resume results/a --epochs 2 -q", 0);
        } else {
            if run.exists() {
                let is_unable = ["kill", "tear", "readonly"].contains(&mode);
                assert!(is_unable, "a new run that failed leaves its folder; {what}");
                let stderr = without_fault(path, &library, command, 1);
                assert!(stderr.contains("first remove or rename results/a"), "{stderr}; {what}");
                fs::remove_dir_all(&run).unwrap();
            }
            without_fault(path, &library, command, 0);
        }
        assert_same(what, &run, &whole.join("a"), &[]);
        assert_eq!(rows(&results), rows(&whole), "{what}");
        // A folder that was never renamed stays for ten minutes.
        let mut found = files(&results);
        found.retain(|name| !(name.starts_with(".writing-") && name.contains('/')));
        assert_eq!(found, files(&whole), "{what}");
        found.iter().for_each(|name| check_whole(what, &results.join(name)));
        fault
    });
}

#[test]
fn a_run_survives_a_fault_in_any_call_that_changes_a_file() {
    let (_folder, path) = folder();
    let begun = path.join("begun");
    fs::create_dir(&begun).unwrap();
    fs::write(begun.join("runs.csv"), OLD_ROW).unwrap();
    check_run(&path, &format!("train {SETTINGS} --epochs 2 --keep both --run-id a"), &begun);
}

#[test]
fn a_run_that_goes_on_survives_a_fault_in_any_call_that_changes_a_file() {
    let (_folder, path) = folder();
    let begun = begin(&path, &[&format!("train {SETTINGS} --epochs 1 --run-id a")]);
    check_run(&path, "train --resume results/a --epochs 2 -q", &begun);
}

#[test]
fn a_copy_that_goes_on_survives_a_fault_in_any_call_that_changes_a_file() {
    let (_folder, path) = folder();
    ended(&path, &format!("train {SETTINGS} --epochs 1 --run-id a"), 0);
    fs::rename(path.join("results"), path.join("original")).unwrap();
    let begun = path.join("begun");
    fs::create_dir(&begun).unwrap();
    fs::write(begun.join("runs.csv"), OLD_ROW).unwrap();
    check_run(&path, "train --resume original/a --out results --epochs 2 -q", &begun);
}

/// A sweep of two trials on data that [`folder`] makes
fn sweep() -> String {
    format!("sweep {SETTINGS} --epochs 2 --grid learning_rate=0.01,0.05 --jobs 1 --sweep-id s")
}

/// Tries faults in a command that works on the sweep `s` in a folder `results`
///
/// * `begun`: what the folder holds at first; `None` if it is not there
/// * `step`: as of [`each_fault`]
/// * `again`: the command after a fault
/// * `after`: commands that complete the sweep
fn check_sweep(path: &Path, step: usize, begun: Option<&Path>, command: &str, again: &str, after: &[&str]) {
    let Some(library) = library(path) else { return };
    let (results, whole) = (path.join("results"), path.join("whole"));
    begun.inspect(|begun| copy(begun, &results));
    [&[command], after].concat().into_iter().for_each(|command| _ = ended(path, command, 0));
    fs::rename(&results, &whole).unwrap();
    each_fault(step, |mode, number| {
        let _ = fs::remove_dir_all(&results);
        begun.inspect(|begun| copy(begun, &results));
        let fault = with_fault(path, &library, command, mode, number);
        let what = &fault.what;
        check(&results, mode, &[1, 4], &fault);
        if fault.code != Some(0) {
            without_fault(path, &library, again, 0);
        }
        for command in after {
            without_fault(path, &library, command, 0);
        }
        for trial in ["t0000", "t0001"] {
            let [part, whole] = [&results, &whole].map(|folder| folder.join("s").join(trial));
            assert_same(&format!("{trial}, {what}"), &part, &whole, &[]);
        }
        for table in ["s/runs.csv", "s/epochs.csv"] {
            assert_eq!(cells(&results.join(table)), cells(&whole.join(table)), "{table}, {what}");
        }
        // A folder that was never renamed stays for ten minutes.
        let mut found = files(&results);
        found.retain(|name| !name.starts_with(".writing-"));
        assert_eq!(found, files(&whole), "{what}");
        found.iter().for_each(|name| check_whole(what, &results.join(name)));
        fault
    });
}

/// Runs commands that work in `results`, and renames this folder to `begun`; returns its path
fn begin(path: &Path, commands: &[&str]) -> PathBuf {
    let begun = path.join("begun");
    commands.iter().for_each(|command| _ = ended(path, command, 0));
    fs::rename(path.join("results"), &begun).unwrap();
    begun
}

#[test]
fn a_sweep_survives_a_fault_in_any_call_that_changes_a_file() {
    let (_folder, path) = folder();
    check_sweep(&path, 19, None, &sweep(), &format!("{} --resume --retry-failed", sweep()), &[]);
}

#[test]
fn a_shard_survives_a_fault_in_any_call_that_changes_a_file() {
    let (_folder, path) = folder();
    let [first, second] = [0, 1].map(|shard| format!("{} --shard {shard}/2", sweep()));
    let begun = begin(&path, &[&first]);
    let again = format!("{second} --resume --retry-failed");
    check_sweep(&path, 23, Some(&begun), &second, &again, &["sweep merge results/s -q"]);
}

#[test]
fn a_merge_survives_a_fault_in_any_call_that_changes_a_file() {
    let (_folder, path) = folder();
    let [first, second] = [0, 1].map(|shard| format!("{} --shard {shard}/2", sweep()));
    let begun = begin(&path, &[&first, &second]);
    let merge = "sweep merge results/s -q";
    check_sweep(&path, 9, Some(&begun), merge, merge, &[]);
}

#[test]
fn a_checkpoint_takes_its_place_after_the_rows_that_it_counts_are_on_disk() {
    let (_folder, path) = folder();
    let Some(library) = library(&path) else { return };
    let train = format!("train {SETTINGS} --epochs 2 --run-id a");
    let ended = with_fault(&path, &library, &train, "fail", 0);
    assert_eq!(ended.code, Some(0), "{}", ended.what);
    // An entry of a folder that was synced with it survives, too.
    let results = path.join("results").display().to_string();
    assert!(ended.log.contains(&format!("mkdir {results}/a\nfsync {results}\n")), "{}", ended.log);
    let (mut checkpoints, mut is_synced) = (0, false);
    for line in ended.log.lines() {
        let (call, file) = line.split_once(' ').unwrap();
        match (call, file.rsplit('/').next().unwrap()) {
            ("fsync", "epochs.csv") => is_synced = true,
            ("rename", "checkpoint.safetensors") => {
                assert!(std::mem::take(&mut is_synced), "{}", ended.log);
                checkpoints += 1;
            }
            _ => {}
        }
    }
    assert!(checkpoints >= 2, "{}", ended.log);
}
