//! `chainrule sweep --sample` and `--halving`: the same trials and the same bits, whatever the jobs, shards and stops

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chainrule::nn::loss::LossSum;
use chainrule::sweep::{Draft, Observer, Options, Plots, Trial};
use chainrule::tables::RunResult;
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;

use crate::launch::{CHAINRULE, launch};
use crate::resume::folder;

/// Columns that differ from run to run
const TIMES: [&str; 6] = ["epoch_s", "samples_per_s", "train_s", "wall_s", "started_at", "sweep_id"];
/// Settings of a small net on the small set
const BASE: [&str; 10] =
    ["--data", ".", "--hidden-dims", "9", "--batch-size", "32", "--epochs", "4", "--val-split", "0.3"];
/// Four combinations: with --halving 2, rungs of 4, 2 and 1 end after epochs 1, 2 and 4
const RATES: [&str; 2] = ["--grid", "learning_rate=0.0001,0.1,0.01,0.03"];

fn chainrule(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = launch(CHAINRULE, folder).args(args).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Runs the halving in `results/NAME` and returns what it printed
fn halve(folder: &Path, name: &str, more: &[&str]) -> String {
    // The test may read the plan from another folder.
    let base = BASE.map(|word| if word == "." { folder.to_str().unwrap() } else { word });
    let args = [&["sweep"], &base[..], &RATES, &["--halving", "2", "--sweep-id", name], more].concat();
    let (code, _, stderr) = chainrule(folder, &args);
    assert_eq!(code, Some(0), "{stderr}");
    stderr
}

/// The rows of a CSV file without times, header first
fn timeless(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let keep = |row: &Vec<String>| {
        let kept = rows[0].iter().zip(row).filter(|(name, _)| !TIMES.contains(&name.as_str()));
        kept.map(|(_, cell)| cell.clone()).collect()
    };
    rows.iter().map(keep).collect()
}

/// The cells of a column
fn column(path: &Path, name: &str) -> Vec<String> {
    let mut rows = timeless(path);
    let header = rows.remove(0);
    let place = header.iter().position(|other| other == name).unwrap_or_else(|| panic!("no {name}"));
    rows.into_iter().map(|row| row[place].clone()).collect()
}

fn assert_same_sweeps(a: &Path, b: &Path) {
    for file in ["runs.csv", "epochs.csv"] {
        assert_eq!(timeless(&a.join(file)), timeless(&b.join(file)), "{file}");
    }
    for trial in ["t0000", "t0001", "t0002", "t0003"] {
        for file in ["model.safetensors", "confusion.csv"] {
            let bytes = |folder: &Path| std::fs::read(folder.join(trial).join(file)).unwrap();
            assert!(bytes(a) == bytes(b), "{trial}/{file}");
        }
    }
}

#[test]
fn the_best_of_each_rung_go_on_to_the_bits_of_a_run_that_was_never_halted() {
    let folder = folder();
    let path = folder.path();
    let stderr = halve(path, "h", &["--jobs", "2"]);
    for part in [
        "rung 1 of 3: 4 trials to epoch 1\n",
        "rung 2 of 3: 2 trials to epoch 2\n",
        "rung 3 of 3: 1 trial to epoch 4\n",
        "trials: 1 ok, 3 halted\n",
        "rungs: 4 trials to epoch 1, 2 to 2, 1 to 4; 8 of 16 epochs (50 %)\n",
    ] {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
    let sweep = path.join("results/h");
    let runs = sweep.join("runs.csv");
    let [status, rung, done] = ["status", "rung", "epochs_done"].map(|name| column(&runs, name));
    assert!(status.iter().zip(&rung).all(|(status, rung)| (status == "ok") == (rung == "3")), "{status:?}");
    let mut ends: Vec<_> = rung.iter().zip(&done).collect();
    ends.sort_unstable();
    let ends: Vec<String> = ends.into_iter().map(|(rung, done)| format!("{rung} {done}")).collect();
    assert_eq!(ends, ["1 1", "1 1", "2 2", "3 4"]);
    assert_eq!(timeless(&runs)[0].last().map(String::as_str), Some("rung"));
    // The decision follows the validation accuracies after the first epoch.
    let scores: Vec<f64> = (0..4)
        .map(|i| column(&sweep.join(format!("t000{i}/epochs.csv")), "val_accuracy")[0].parse().unwrap())
        .collect();
    let worst_on = (0..4).filter(|&i| rung[i] != "1").map(|i| scores[i]).fold(1.0, f64::min);
    assert!((0..4).filter(|&i| rung[i] == "1").all(|i| scores[i] <= worst_on), "{scores:?}, {rung:?}");
    let winner = status.iter().position(|status| status == "ok").unwrap();
    assert!(stderr.contains(&format!("best: t000{winner} ")), "{stderr}");
    let id = format!("t000{winner}");
    let rate = column(&runs, "learning_rate")[winner].clone();
    let alone = ["--learning-rate", &rate, "--run-id", &id, "--threads", "1", "--quiet"];
    assert_eq!(chainrule(path, &[&["train"], &BASE[..], &alone].concat()).0, Some(0));
    for file in ["model.safetensors", "confusion.csv"] {
        let bytes = |folder: PathBuf| std::fs::read(folder.join(&id).join(file)).unwrap();
        assert!(bytes(sweep.clone()) == bytes(path.join("results")), "{file}");
    }
    let epochs = |folder: PathBuf| timeless(&folder.join(&id).join("epochs.csv"));
    assert_eq!(epochs(sweep.clone()), epochs(path.join("results")));
    let report = std::fs::read_to_string(sweep.join("report.md")).unwrap();
    assert!(report.contains("## Rungs") && report.contains("| 3 | 4 | 1 | 0 |"), "{report}");
    assert!(report.contains("1, halted at rung 2") && !report.contains("Trials that are not ok"), "{report}");
    assert!(sweep.join("halving.png").is_file() && !sweep.join("samples.png").exists());
    let (_, info, _) = chainrule(path, &["info", "results/h"]);
    assert!(
        info.contains("rungs       4 trials to epoch 1, 2 to 2, 1 to 4; 8 of 16 epochs (50 %)\n"),
        "{info}"
    );
    // Nothing is left to do.
    let again = halve(path, "h", &["--resume"]);
    assert!(again.contains("4 of them ended before") && !again.contains("rung 1 of 3"), "{again}");
    halve(path, "one", &["--jobs", "1", "--quiet"]);
    assert_same_sweeps(&path.join("results/one"), &sweep);
}

#[test]
fn a_halving_that_is_stopped_in_the_middle_of_any_epoch_and_resumed_ends_as_one_that_was_not() {
    /// Stops the sweep after this number of batches
    struct StopAfter<'a>(AtomicUsize, &'a AtomicBool);
    struct Line<'a>(&'a StopAfter<'a>);
    impl Observer for StopAfter<'_> {
        fn started(&self, _: usize, _: usize) {}
        fn trial(&self, _: &Trial) -> Box<dyn Reporter + '_> {
            Box::new(Line(self))
        }
        fn ended(&self, _: &Trial, _: &RunResult, _: Option<&str>) {}
    }
    impl Reporter for Line<'_> {
        fn started(&mut self, _: &Path, _: usize, _: usize) {}
        fn batch(&mut self, _: u32, _: usize, _: &LossSum) {
            if self.0.0.fetch_sub(1, Ordering::Relaxed) == 1 {
                self.0.1.store(true, Ordering::Relaxed);
            }
        }
        fn epoch(&mut self, _: &EpochMetrics) {}
    }
    let folder = folder();
    let path = folder.path();
    halve(path, "whole", &["--quiet", "--jobs", "1"]);
    let whole = path.join("results/whole");
    let plan = Draft::from_toml(&whole.join("plan.toml")).unwrap().resolve().unwrap();
    let cut = path.join("cut");
    let mut stops = 0;
    for resume in [false].into_iter().chain(std::iter::repeat(true)) {
        let options = Options {
            jobs: 1,
            resume,
            retry_failed: false,
            fail_fast: false,
            deadline: None,
            shard: None,
            plots: Plots::Sweep,
            how_to_resume: String::new(),
        };
        let stop = AtomicBool::new(false);
        let observer = StopAfter(AtomicUsize::new(7), &stop);
        let ended = chainrule::sweep::run(&plan, &cut, &options, &observer, &stop).unwrap();
        assert_eq!(timeless(&cut.join("runs.csv"))[0].last().map(String::as_str), Some("rung"));
        if !stop.load(Ordering::Relaxed) {
            break;
        }
        assert!(ended.left + ended.analysis.stopped() > 0, "stop {stops}");
        stops += 1;
    }
    assert!(stops > 4, "{stops}");
    assert_same_sweeps(&cut, &whole);
}

#[test]
fn shards_of_a_halving_wait_for_each_other_and_merge_to_the_same_sweep() {
    let folder = folder();
    let path = folder.path();
    halve(path, "whole", &["--quiet"]);
    let shard = |shard: &str, resume: bool| {
        halve(path, "parts", &[&["--shard", shard][..], if resume { &["--resume"] } else { &[] }].concat())
    };
    let first = shard("0/2", false);
    let said = "this shard has ended rung 1, and others have not; when they have, go on with: chainrule sweep --plan \
                results/parts/shard-0-of-2.plan.toml";
    assert!(first.contains(said) && first.contains("--shard 0/2 --resume"), "{first}");
    let merge = || chainrule(path, &["sweep", "merge", "results/parts"]);
    let mut last = shard("1/2", false);
    let (code, _, stderr) = merge();
    assert!(code == Some(1) && stderr.contains("rung 2 of 3 has not ended"), "{stderr}");
    for round in 0.. {
        let other = shard(if round % 2 == 0 { "0/2" } else { "1/2" }, true);
        if [&last, &other]
            .iter()
            .all(|text| text.contains("when all shards have ended: chainrule sweep merge"))
        {
            break;
        }
        assert!(round < 8, "{last}{other}");
        last = other;
    }
    let (code, _, stderr) = merge();
    assert!(code == Some(0) && stderr.contains("trials: 1 ok, 3 halted"), "{stderr}");
    assert_same_sweeps(&path.join("results/parts"), &path.join("results/whole"));
}

#[test]
fn a_shard_whose_only_trial_went_on_says_after_which_epochs_its_rungs_ended() {
    let folder = folder();
    let path = folder.path();
    let shards = ["0/4", "1/4", "2/4", "3/4"];
    let run = |more: &[&str]| {
        shards.map(|shard| halve(path, "parts", &[&["--shard", shard], more].concat())).concat()
    };
    run(&[]);
    run(&["--resume"]);
    let stderr = run(&["--resume"]);
    assert!(
        stderr.contains("rungs: 1 trial to epoch 1, 1 to 2, 1 to 4; 4 of 4 epochs (100 %)\n"),
        "{stderr}"
    );
}

#[test]
fn no_rung_begins_after_the_time_limit_and_a_resume_goes_on() {
    let folder = folder();
    let path = folder.path();
    halve(path, "whole", &["--quiet"]);
    let stderr = halve(path, "cut", &["--max-time", "1ms"]);
    assert!(stderr.contains("trials: 4 not begun") && stderr.contains("resume with: "), "{stderr}");
    halve(path, "cut", &["--quiet", "--resume"]);
    assert_same_sweeps(&path.join("results/cut"), &path.join("results/whole"));
}

#[test]
fn a_sample_is_the_same_each_time_and_every_trial_of_it_is_in_the_plan() {
    let folder = folder();
    let path = folder.path();
    let base = ["sweep", "--data", ".", "--hidden-dims", "3", "--epochs", "1"];
    let axes = [
        "--grid",
        "learning_rate=log:1e-3..1e-1",
        "--grid",
        "momentum=0..0.9",
        "--grid",
        "activation=relu,sigmoid",
    ];
    let of = |more: &[&str]| chainrule(path, &[&base[..], &axes, more].concat());
    let table = |more: &[&str]| of(&[more, &["--dry-run", "--quiet"]].concat()).1;
    let random = table(&["--sample", "9"]);
    assert_eq!(
        (random.lines().count(), table(&["--sample", "9", "--sampling", "random"])),
        (10, random.clone())
    );
    for other in [&["--sample", "9", "--sampling", "quasi"][..], &["--sample", "9", "--seed", "7"]] {
        assert_ne!(table(other), random);
    }
    assert_eq!(table(&["--sample", "9", "--seeds", "2"]).lines().count(), 19);
    let (code, _, stderr) = of(&["--sample", "9", "--quiet", "--sweep-id", "s"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let sweep = path.join("results/s");
    let runs = sweep.join("runs.csv");
    let rates = column(&runs, "learning_rate");
    for (line, rate) in random.lines().skip(1).zip(&rates) {
        assert_eq!(line.split_whitespace().nth(1), Some(rate.as_str()));
        let rate: f64 = rate.parse().unwrap();
        assert!((1e-3..=1e-1).contains(&rate) && format!("{rate:.3e}").parse() == Ok(rate), "{rate}");
    }
    assert!(sweep.join("samples.png").is_file() && !sweep.join("heatmap.png").exists());
    let report = std::fs::read_to_string(sweep.join("report.md")).unwrap();
    assert!(report.contains("- `learning_rate`: 9 values from "), "{report}");
    let plan = std::fs::read_to_string(sweep.join("plan.toml")).unwrap();
    assert_eq!((plan.matches("[[trial]]").count(), plan.contains("sample =")), (9, false), "{plan}");
    // The command and the plan name the same sweep.
    let (code, _, stderr) = of(&["--sample", "9", "--resume", "--sweep-id", "s"]);
    assert!(code == Some(0) && stderr.contains("9 trials, 9 of them ended before"), "{stderr}");
    let toml = "data = \".\"\nhidden_dims = [3]\nepochs = 1\nsample = 9\nsampling = \"random\"\n\
                [grid]\nlearning_rate = \"log:1e-3..1e-1\"\nmomentum = \"0..0.9\"\nactivation = [\"relu\", \"sigmoid\"]\n";
    std::fs::write(path.join("plan.toml"), toml).unwrap();
    for plan in ["plan.toml", "results/s/plan.toml"] {
        let (code, _, stderr) = chainrule(path, &["sweep", "--plan", plan, "--resume", "--sweep-id", "s"]);
        assert!(code == Some(0) && stderr.contains("9 trials, 9 of them ended before"), "{plan}: {stderr}");
    }
}

#[test]
fn what_can_t_be_sampled_or_halved_is_refused_with_what_to_type() {
    let folder = folder();
    let rates = ["--grid", "learning_rate=0.1,0.2,0.3,0.4"];
    let halving = [&rates[..], &["--halving", "2"]].concat();
    for (args, message) in [
        (&["--grid", "learning_rate=log:1e-3..1e-1"][..], "type --grid learning_rate=log:0.001..0.1:5"),
        (&["--grid", "momentum=0..0.5"], "from which --sample 30 draws"),
        (&["--grid", "momentum=0..1", "--sample", "3"], "momentum is 1"),
        (&["--grid", "momentum=0,0.5", "--sample", "3"], "2 different combinations, and --sample asks for 3"),
        (&["--seeds", "3", "--sample", "3"], "add one, as --grid"),
        (&["--grid", "momentum=0,0.5", "--sampling", "quasi"], "add --sample 30"),
        (&["--grid", "momentum=0,0.5", "--sample", "200000"], "100,000 at most"),
        (&halving, "--val-split 0.1"),
        (&[&halving[..], &["--val-split", "0.1", "--patience", "3"]].concat(), "keep one, not both"),
        (&[&halving[..], &["--val-split", "0.1", "--epochs", "1"]].concat(), "found 4 and 1"),
        (&["--grid", "epochs=1..4", "--halving", "2", "--val-split", "0.1"], "as --epochs 30"),
        (&["--seeds", "2", "--halving", "1"], "--halving"),
    ] {
        let (code, _, stderr) = chainrule(folder.path(), &[&["sweep", "--data", "synthetic"], args].concat());
        assert!(code == Some(2) && stderr.contains(message), "{args:?}: {stderr}");
    }
    for (toml, message) in [
        ("sample = 0\n", "line 1: sample is 0, expected a whole number, 1 or more"),
        ("\nhalving = 1\n", "line 2: halving is 1, expected a whole number, 2 or more"),
        ("sampling = \"sobol\"\n", "line 1: sampling is `sobol`, expected random or quasi"),
        ("sample = 3\n[grid]\nmomentum = \"0..1\"\n", "momentum is 1 in plan.toml, line 3"),
    ] {
        std::fs::write(folder.path().join("plan.toml"), toml).unwrap();
        let args = ["sweep", "--plan", "plan.toml", "--data", "synthetic"];
        let (code, _, stderr) = chainrule(folder.path(), &args);
        assert!(code == Some(2) && stderr.contains(message), "{toml}: {stderr}");
    }
}
