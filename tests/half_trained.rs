//! Trials of a sweep that were stopped or failed in the middle: what they go on from, and when they do not
//!
//! Sweeps run in this process, too. A child that starts meanwhile has its files open until it runs its own program, and with
//! them their locks. So these tests are a program of their own, and run one after another.

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chainrule::nn::loss::LossSum;
use chainrule::sweep::{Draft, Observer, Options, Plots, Trial};
use chainrule::tables::RunResult;
use chainrule::train::checkpoint::Checkpoint;
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;

#[path = "support/cells.rs"]
mod cells;
#[path = "support/idx_files.rs"]
mod idx_files;
#[path = "support/launch.rs"]
mod launch;
#[path = "support/small_data.rs"]
mod small_data;

use cells::cells;
use launch::{CHAINRULE, launch};
use small_data::small_data;

static ALONE: Mutex<()> = Mutex::new(());

/// Keeps other tests waiting until it is dropped
fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The epoch in which a trial is stopped or fails
const CUT: u32 = 3;

/// What happens in epoch [`CUT`] of the first trial
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The sweep is stopped
    Stop,
    /// The trial panics
    Panic,
    Never,
}

struct Watch {
    cut: Cut,
    stop: AtomicBool,
    /// The epoch in which each trial began, in their order
    begun: Mutex<Vec<u32>>,
}

struct Line<'a> {
    watch: &'a Watch,
    cut: Cut,
    folder: PathBuf,
    has_begun: bool,
}

impl Watch {
    fn new(cut: Cut) -> Self {
        Self { cut, stop: AtomicBool::new(false), begun: Mutex::default() }
    }
}

impl Observer for Watch {
    fn started(&self, _: usize, _: usize) {}
    fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_> {
        let cut = if trial.number == 0 { self.cut } else { Cut::Never };
        Box::new(Line { watch: self, cut, folder: PathBuf::new(), has_begun: false })
    }
    fn ended(&self, _: &Trial, _: &RunResult, _: Option<&str>) {}
}

impl Reporter for Line<'_> {
    fn started(&mut self, folder: &Path, _: usize, _: usize) {
        self.folder = folder.to_owned();
    }
    fn batch(&mut self, epoch: u32, _: usize, _: &LossSum) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.watch.begun.lock().unwrap().push(epoch);
        }
        match self.cut {
            Cut::Stop if epoch == CUT => self.watch.stop.store(true, Ordering::Relaxed),
            Cut::Panic if epoch == CUT => {
                wait_for_checkpoint(&self.folder);
                panic!("a trap");
            }
            _ => {}
        }
    }
    fn epoch(&mut self, _: &EpochMetrics) {}
}

/// Waits until a whole epoch is saved, which a thread of its own does
fn wait_for_checkpoint(folder: &Path) {
    let start = Instant::now();
    while Checkpoint::read(folder).unwrap().saved.last.is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "no epoch is saved");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs the plan in `folder` in this process, in the folder `results/s`; returns the epoch in which each trial began
fn run(folder: &Path, resume: bool, cut: Cut) -> Vec<u32> {
    let watch = Watch::new(cut);
    let plan = Draft::from_toml(&folder.join("plan.toml")).unwrap().resolve().unwrap();
    let options = Options {
        jobs: 1,
        resume,
        retry_failed: resume,
        fail_fast: true,
        deadline: None,
        shard: None,
        plots: Plots::Sweep,
        how_to_resume: String::new(),
    };
    chainrule::sweep::run(&plan, &folder.join("results/s"), &options, &watch, &watch.stop).unwrap();
    watch.begun.into_inner().unwrap()
}

/// Runs the plan in `folder` as a process
fn sweep(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let args = [&["sweep", "--plan", "plan.toml", "--jobs", "1", "-q"], more].concat();
    let output = launch(CHAINRULE, folder).args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Makes the data sets `d` and `e`, and a plan with these lines
fn prepare(folder: &Path, lines: &str) {
    for name in ["d", "e"] {
        std::fs::create_dir(folder.join(name)).unwrap();
        small_data(&folder.join(name));
    }
    let settings = "hidden_dims = [3]\nepochs = 5\nbatch_size = 50\nval_split = 0.1\nseeds = 2\n";
    let lines = lines.replace("DIR", &folder.display().to_string());
    std::fs::write(folder.join("plan.toml"), format!("{settings}{lines}\n")).unwrap();
}

/// Gives a label another class, or its own again
fn change(data: &Path) {
    let labels = data.join("t10k-labels-idx1-ubyte");
    let mut bytes = std::fs::read(&labels).unwrap();
    bytes[8] ^= 1;
    std::fs::write(labels, bytes).unwrap();
}

/// All files of a folder and the folders in it, by their paths
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| {
        if path.is_dir() { files(&path) } else { [(path.clone(), std::fs::read(path).unwrap())].into() }
    };
    entries.flat_map(of).collect()
}

/// Checks that two sweeps have the same tables, except for times, and the same models
fn assert_same(a: &Path, b: &Path) {
    let table = |folder: &Path, name: &str| {
        let rows = cells(&folder.join(name)).concat();
        rows.into_iter().filter(|cell| !cell.starts_with("sweep_id=")).collect::<Vec<_>>()
    };
    for name in ["runs.csv", "epochs.csv"] {
        assert_eq!(table(a, name), table(b, name), "{name}");
    }
    for trial in ["t0000", "t0001"] {
        let model = |folder: &Path| std::fs::read(folder.join(trial).join("model.safetensors")).unwrap();
        assert!(model(a) == model(b), "{trial}");
    }
}

#[test]
fn data_that_changed_since_a_trial_was_stopped_are_refused() {
    let _alone = alone();
    // With several data sets, they are loaded and compared when a trial needs them.
    for lines in ["data = \"DIR/d\"", "[grid]\ndata = [\"DIR/d\", \"DIR/e\"]"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        prepare(path, lines);
        assert_eq!(sweep(path, &["--sweep-id", "whole"]), (Some(0), String::new()));
        assert_eq!(run(path, false, Cut::Stop), [1]);
        let (data, trial) = (path.join("d"), path.join("results/s/t0000"));
        let before = files(&trial);
        let summary = String::from_utf8(before[&trial.join("summary.csv")].clone()).unwrap();
        assert!(summary.contains(",interrupted,"), "{summary}");
        let was = Checkpoint::read(&trial).unwrap().saved.data_hash;
        change(&data);
        for more in [&["--resume"][..], &["--resume", "--retry-failed"]] {
            let (code, said) = sweep(path, &[&["--sweep-id", "s"], more].concat());
            let start = format!("the data have changed since t0000 began: their hash was {was}, and is ");
            let (_, rest) = said.split_once(&start).unwrap_or_else(|| panic!("{said}"));
            let (is, rest) = rest.split_once(';').unwrap();
            assert!(code == Some(1) && is.len() == was.len() && is != was, "{said}");
            assert!(rest.contains("bring the old data back"), "{said}");
            assert_eq!(files(&trial), before);
        }
        change(&data);
        assert_eq!(sweep(path, &["--sweep-id", "s", "--resume"]), (Some(0), String::new()));
        assert_same(&path.join("results/s"), &path.join("results/whole"));
    }
}

/// Makes a plan over a table without a test set
///
/// * `init`: whether its trials start from a model
fn prepare_table(folder: &Path, init: bool) {
    let row = |i: usize| format!("{},{},{}\n", i % 13, i * 7 % 11, ["x", "y"][i * 5 % 7 % 2]);
    std::fs::write(folder.join("t.csv"), "a,b,y\n".to_owned() + &(0..200).map(row).collect::<String>())
        .unwrap();
    let at = |name: &str| format!("\"{}\"", folder.join(name).display());
    let net = if init {
        let train = "train --data t.csv --target y --hidden-dims 3 --epochs 1 -q --run-id first";
        assert!(launch(CHAINRULE, folder).args(train.split(' ')).status().unwrap().success());
        format!("init = {}", at("results/first/model.safetensors"))
    } else {
        "hidden_dims = [3]".to_owned()
    };
    let plan =
        format!("data = {}\ntarget = \"y\"\n{net}\nepochs = 5\nbatch_size = 50\nseeds = 2\n", at("t.csv"));
    std::fs::write(folder.join("plan.toml"), plan).unwrap();
}

#[test]
fn a_trial_that_could_not_begin_again_goes_on_later_also_without_a_test_set() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    prepare_table(path, false);
    assert_eq!(sweep(path, &["--sweep-id", "whole"]), (Some(0), String::new()));
    assert_eq!(run(path, false, Cut::Stop), [1]);
    // No model can take the place of a folder.
    let (model, kept) = (path.join("results/s/t0000/model.safetensors"), path.join("kept"));
    std::fs::rename(&model, &kept).unwrap();
    std::fs::create_dir(&model).unwrap();
    let (code, said) = sweep(path, &["--sweep-id", "s", "--resume"]);
    assert!(code == Some(4) && said.contains("model.safetensors: is a directory"), "{code:?}: {said}");
    std::fs::remove_dir(&model).unwrap();
    std::fs::rename(&kept, &model).unwrap();
    let begun = run(path, true, Cut::Never);
    assert!(begun.len() == 1 && begun[0] > 1, "{begun:?}");
    assert_same(&path.join("results/s"), &path.join("results/whole"));
}

#[test]
fn a_trial_whose_files_are_not_whole_begins_anew() {
    let _alone = alone();
    for damaged in ["epochs.csv", "model.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        prepare_table(path, true);
        assert_eq!(sweep(path, &["--sweep-id", "whole"]), (Some(0), String::new()));
        assert_eq!(run(path, false, Cut::Panic), [1]);
        let file = path.join("results/s/t0000").join(damaged);
        let mut bytes = std::fs::read(&file).unwrap();
        match damaged {
            "epochs.csv" => {
                let at = bytes.windows(2).rposition(|pair| pair == b"0.").unwrap() + 2;
                bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            }
            _ => bytes.truncate(20),
        }
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(run(path, true, Cut::Never), [1, 1], "{damaged}");
        assert_same(&path.join("results/s"), &path.join("results/whole"));
    }
}

#[test]
fn a_trial_that_failed_goes_on_from_its_checkpoint() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    prepare(path, "data = \"DIR/d\"");
    assert_eq!(sweep(path, &["--sweep-id", "whole"]), (Some(0), String::new()));
    assert_eq!(run(path, false, Cut::Panic), [1]);
    let summary = std::fs::read_to_string(path.join("results/s/t0000/summary.csv")).unwrap();
    assert!(summary.contains(",failed,") && summary.contains("panicked: a trap"), "{summary}");
    let begun = run(path, true, Cut::Never);
    assert!(begun.len() == 2 && begun[0] > 1 && begun[1] == 1, "{begun:?}");
    assert_same(&path.join("results/s"), &path.join("results/whole"));
}
