//! More spinning threads than cores: training gets slower, never stops, and gives the same bits

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[path = "support/launch.rs"]
mod launch;

use launch::{CHAINRULE, launch};

/// Not a speed limit: a hundred times the usual time, after which the training is stuck
const STUCK: Duration = Duration::from_secs(300);

/// The model file that one epoch on the synthetic set writes; `program` gets `args` first, then the training's
fn model(folder: &Path, run_id: &str, program: &str, args: &[&str], threads: &str) -> Vec<u8> {
    let mut command = launch(program, folder);
    command.args(args);
    command.args(["train", "--quiet", "--data", "synthetic", "--epochs", "1", "--hidden-dims", "48,16"]);
    command.args(["--threads", threads, "--run-id", run_id]);
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > STUCK {
            child.kill().unwrap();
            panic!("{run_id}: stuck for {STUCK:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{run_id}: {status}");
    std::fs::read(folder.join("results").join(run_id).join("model.safetensors")).unwrap()
}

/// The first processor that this process may use
fn a_core() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().split([',', '-']).next().unwrap().to_owned()
}

#[test]
fn one_core_many_threads_and_other_load_end_in_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let alone = model(folder.path(), "alone", CHAINRULE, &[], "1");
    let many = model(folder.path(), "many", CHAINRULE, &[], "16");
    assert!(alone == many, "16 threads");
    let core = a_core();
    let one_core = model(folder.path(), "one-core", "taskset", &["-c", &core, CHAINRULE], "4");
    assert!(alone == one_core, "4 threads on one core");
    let done = AtomicBool::new(false);
    let beside_load = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let run = || model(folder.path(), "loaded", CHAINRULE, &[], "2");
        let model = std::panic::catch_unwind(run);
        done.store(true, Ordering::Relaxed);
        model
    });
    assert!(beside_load.is_ok_and(|model| model == alone), "2 threads beside 4 that never sleep");
}
