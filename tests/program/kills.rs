//! Runs and sweeps that are killed at random moments, compared with those that were never killed

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::images::images;
use crate::numbers::Numbers;
use crate::resume::{assert_same, cells, ended, start};

/// Runs the program, and kills it if it still runs after `wait`; returns its output if it ended before
fn killed_after(path: &Path, args: &str, wait: Duration) -> Option<Output> {
    let begun = Instant::now();
    let mut child = start(path, args);
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() >= wait {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Some(child.wait_with_output().unwrap())
}

/// Kills a run at random moments and lets it go on, until it ends
fn killed(path: &Path, id: &str, train: &str, most: Duration, random: &mut Numbers) -> usize {
    let again = format!("train --resume results/{id} -q");
    let mut kills = 0;
    let mut args = format!("{train} --run-id {id}");
    loop {
        let wait = most.mul_f64((random.symmetric() + 1.0) / 2.0);
        match killed_after(path, &args, wait) {
            Some(Output { status, stderr, .. }) => {
                assert!(status.success(), "{args}: {}", String::from_utf8_lossy(&stderr));
                return kills;
            }
            None => kills += 1,
        }
        let folder = path.join("results").join(id);
        if folder.join("checkpoint.safetensors").exists() {
            args.clone_from(&again);
        } else if folder.exists() {
            // It was killed before it had begun.
            fs::remove_dir_all(&folder).unwrap();
        }
    }
}

/// The number of kills that `CHAINRULE_KILLS` asks for
fn kill_count(default: usize) -> usize {
    std::env::var("CHAINRULE_KILLS").map_or(default, |count| count.parse().unwrap())
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    images(path);
    let mut random = Numbers::new(13);
    let count = kill_count(40);
    let mut kills = 0;
    let mut round = 0;
    let settings = "--data . --hidden-dims 64 --batch-size 32 --epochs 20 --ema 0.99 -q --checkpoint-every";
    ended(path, &format!("train {settings} 1h --run-id whole"), 0);
    let begun = Instant::now();
    ended(path, &format!("train {settings} 1h --run-id timed"), 0);
    let most = begun.elapsed();
    while kills < count {
        let id = format!("killed{round}");
        let every = ["20batches", "5ms", "3batches"][round % 3];
        kills += killed(path, &id, &format!("train {settings} {every}"), most.mul_f64(0.6), &mut random);
        let [part, whole] = [&id, "whole"].map(|id| path.join("results").join(id));
        assert_same(&id, &part, &whole, &[]);
        round += 1;
    }
    println!("{kills} kills in {round} runs");
}

#[test]
fn a_sweep_that_is_killed_again_and_again_ends_with_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    images(path);
    let mut random = Numbers::new(14);
    let (count, mut kills, mut round) = (kill_count(10), 0, 0);
    let sweep = |id: &str| {
        format!(
            "sweep --grid learning_rate=0.02,0.05,0.1 --data . --hidden-dims 32 --batch-size 32 --epochs 20 \
             --checkpoint-every 5batches --jobs 2 -q --sweep-id {id}"
        )
    };
    ended(path, &sweep("whole"), 0);
    let begun = Instant::now();
    ended(path, &sweep("timed"), 0);
    let most = begun.elapsed().mul_f64(0.6);
    let tables = |id: &str| {
        let table = |name: &str| cells(&path.join("results").join(id).join(name)).concat();
        let cells = ["runs.csv", "epochs.csv"].map(table).concat().into_iter();
        cells.filter(|cell| !cell.starts_with("sweep_id=")).collect::<Vec<_>>()
    };
    while kills < count {
        let id = format!("killed{round}");
        let args = sweep(&id) + " --resume";
        let output = loop {
            match killed_after(path, &args, most.mul_f64(random.unit())) {
                Some(output) => break output,
                None => kills += 1,
            }
        };
        assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(tables(&id), tables("whole"), "{id}");
        for trial in ["t0000", "t0001", "t0002"] {
            let [part, whole] = [&id, "whole"].map(|id| path.join("results").join(id).join(trial));
            assert_same(&format!("{id}/{trial}"), &part, &whole, &["sweep_id"]);
        }
        round += 1;
    }
    println!("{kills} kills in {round} sweeps");
}
