//! Two processes on one run or one sweep, and what a process that was killed leaves behind

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::launch::{CHAINRULE, launch};

/// Not a speed limit: after this time a process is stuck
const STUCK: Duration = Duration::from_secs(120);

/// A run or trial of many short epochs, which a test stops
const LONG: &str = "--data synthetic --hidden-dims 8 --batch-size 6000 --epochs 100000 -q";
const SHORT: &str = "--data synthetic --hidden-dims 8 --batch-size 6000 --epochs 3 -q";

/// A process that is killed when the test ends
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path, args: &str) -> Running {
    let mut command = launch(CHAINRULE, folder);
    Running(command.args(args.split(' ')).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
}

/// Exit code and messages of a command
fn ended(folder: &Path, args: &str) -> (Option<i32>, String) {
    let output = launch(CHAINRULE, folder).args(args.split(' ')).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn refused(folder: &Path, args: &str, message: &str) {
    let (code, said) = ended(folder, args);
    assert!(code == Some(1) && said.contains(message), "{args}: {code:?} {said}");
}

/// Waits for rows of an epochs.csv while a process writes them
#[track_caller]
fn await_rows(running: &mut Running, path: &Path, rows: usize) {
    let begun = Instant::now();
    while fs::read_to_string(path).unwrap_or_default().lines().count() <= rows {
        assert_eq!(running.0.try_wait().unwrap(), None, "it has ended before {rows} rows");
        assert!(begun.elapsed() < STUCK, "stuck");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The names of temporary files in a folder and the folders in it
fn leftovers(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            found.extend(leftovers(&entry.path()));
        }
        if name.starts_with(".writing-") {
            found.push(name);
        }
    }
    found
}

/// Starts a command twice at once: one process must end without a word, the other with code 1 and `message`
#[track_caller]
fn assert_one_is_refused(path: &Path, args: &str, message: &str) {
    let both = [start(path, args), start(path, args)];
    let ended = both.map(|mut running| {
        let status = running.0.wait().unwrap();
        (status.code(), std::io::read_to_string(running.0.stderr.take().unwrap()).unwrap())
    });
    let fine = ended.iter().filter(|(code, said)| *code == Some(0) && said.is_empty()).count();
    let refused = ended.iter().filter(|(code, said)| *code == Some(1) && said.contains(message)).count();
    assert_eq!((fine, refused), (1, 1), "{ended:?}");
}

#[test]
fn of_two_new_runs_of_one_name_and_of_two_resumes_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for round in 0..3 {
        let args = format!("train {SHORT} --run-id r{round}");
        assert_one_is_refused(path, &args, "is there already");
        assert_eq!(
            fs::read_to_string(path.join(format!("results/r{round}/epochs.csv"))).unwrap().lines().count(),
            4
        );
    }

    let epochs = path.join("results/long/epochs.csv");
    let mut first = start(path, &format!("train {LONG} --run-id long"));
    await_rows(&mut first, &epochs, 1);
    refused(path, &format!("train {LONG} --run-id long"), "is there already");
    first.kill();
    // A dead process holds no lock, and of two resumes the first keeps the run.
    let mut second = start(path, "train --resume results/long -q");
    let before = fs::read_to_string(&epochs).unwrap().lines().count();
    await_rows(&mut second, &epochs, before + 2);
    for _ in 0..3 {
        refused(path, "train --resume results/long -q", "epochs.csv: another process writes to it");
    }
    assert_eq!(second.0.try_wait().unwrap(), None);
    second.kill();
}

#[test]
fn of_two_copies_of_a_run_one_is_refused_and_a_copy_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(ended(path, &format!("train {SHORT} --run-id a")), (Some(0), String::new()));
    for round in 0..3 {
        let args = format!("train --resume results/a --out other{round} --epochs 4 -q");
        assert_one_is_refused(path, &args, "error: ");
        let epochs = fs::read_to_string(path.join(format!("other{round}/a/epochs.csv"))).unwrap();
        assert_eq!(epochs.lines().count(), 5, "{epochs}");
    }
    if cfg!(unix) {
        // The checkpoint has 25 KB for each of weights and velocities.
        let line = "ulimit -f 20; exec \"$0\" \"$@\"";
        let args =
            ["-c", line, CHAINRULE, "train", "--resume", "results/a", "--out", "full", "--epochs", "4"];
        let output = launch("sh", path).args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("cannot write full/a/"), "{said}");
        assert!(!path.join("full/a").exists());
    }
}

#[test]
fn a_sweep_and_a_shard_or_a_trial_of_it_exclude_each_other_while_they_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let whole = format!("sweep {LONG} --seeds 2 --jobs 1 --sweep-id s");
    let trial = |n: usize| path.join(format!("results/s/t000{n}/epochs.csv"));
    let mut shard = start(path, &format!("{whole} --shard 0/2"));
    await_rows(&mut shard, &trial(0), 1);
    refused(path, &format!("{whole} --resume"), "holds shard 0/2 of this sweep");
    refused(path, &format!("{whole} --shard 0/2 --resume"), "another process is running this sweep");
    refused(path, "sweep merge results/s", "another process is running this sweep");
    refused(path, "train --resume results/s/t0000 -q", "epochs.csv: another process writes to it");
    shard.kill();

    // Of a merged sweep, its shards and the whole can be resumed, but not at once. The plan is what a merge adds.
    let plans = ["results/s/shard-0-of-2.plan.toml", "results/s/plan.toml"].map(|plan| path.join(plan));
    fs::copy(&plans[0], &plans[1]).unwrap();
    let before = fs::read_to_string(trial(0)).unwrap().lines().count();
    let mut shard = start(path, &format!("{whole} --shard 0/2 --resume"));
    await_rows(&mut shard, &trial(0), before + 2);
    refused(path, &format!("{whole} --resume"), "another process is running this sweep");
    shard.kill();
    let before = fs::read_to_string(trial(0)).unwrap().lines().count();
    let mut all = start(path, &format!("{whole} --resume"));
    await_rows(&mut all, &trial(0), before + 2);
    for (shard, message) in
        [("0/2", "another process is running this sweep"), ("1/2", "holds the whole sweep")]
    {
        refused(path, &format!("{whole} --shard {shard} --resume"), message);
    }
    refused(path, &format!("{whole} --resume"), "another process is running this sweep");
    all.kill();
}

#[test]
fn a_merge_and_a_resume_remove_what_killed_shards_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sweep = path.join("results/s");
    let shard = |n: usize| format!("sweep {SHORT} --seeds 4 --plots each --sweep-id s --shard {n}/2");
    let long = format!("sweep {LONG} --seeds 4 --plots each --sweep-id l --shard 0/2");
    let mut running = start(path, &long);
    await_rows(&mut running, &path.join("results/l/t0000/epochs.csv"), 3);
    running.kill();
    for n in [0, 1] {
        assert_eq!(ended(path, &shard(n)), (Some(0), String::new()));
    }
    // As a kill leaves them, also while the pictures of a trial that has ended are drawn
    let leave = || {
        for place in ["", "t0000", "t0003"] {
            fs::write(sweep.join(place).join(".writing-dead"), "half").unwrap();
        }
    };
    leave();
    assert_eq!(ended(path, &format!("{} --resume", shard(1))), (Some(0), String::new()));
    assert!(!sweep.join(".writing-dead").exists() && !sweep.join("t0003/.writing-dead").exists());
    leave();
    // The file of a process that lives stays.
    let living = fs::File::create(sweep.join("t0001/.writing-living")).unwrap();
    living.lock().unwrap();
    assert_eq!(ended(path, "sweep merge results/s -q"), (Some(0), String::new()));
    assert_eq!(leftovers(&sweep), [".writing-living"]);
    living.unlock().unwrap();
    assert_eq!(ended(path, "sweep merge results/s -q"), (Some(0), String::new()));
    assert!(leftovers(&path.join("results/s")).is_empty());
    let resume = format!("sweep {SHORT} --seeds 4 --sweep-id s --resume");
    leave();
    assert_eq!(ended(path, &resume), (Some(0), String::new()));
    assert!(leftovers(&sweep).is_empty());
}
