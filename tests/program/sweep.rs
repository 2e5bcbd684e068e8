//! `chainrule sweep` as a process: the same bits as `train`, resumes after kills, merges of shards

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chainrule::nn::loss::LossSum;
use chainrule::sweep::{Draft, Observer, Options, Plots, Trial};
use chainrule::tables::{RunResult, Status};
use chainrule::train::metrics::EpochMetrics;
use chainrule::train::run::Reporter;

use crate::launch::{CHAINRULE, launch};
use crate::numbers::Numbers;

/// Settings of small nets and few steps: a trial takes some milliseconds
const BASE: [&str; 8] =
    ["--data", "synthetic", "--hidden-dims", "3", "--batch-size", "6000", "--epochs", "2"];
/// A grid of six trials
const GRID: [&str; 4] = ["--grid", "learning_rate=0.01,0.1,0.5", "--grid", "momentum=0,0.9"];
/// Columns that differ from run to run
const TIMES: [&str; 6] = ["epoch_s", "samples_per_s", "train_s", "wall_s", "started_at", "sweep_id"];

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = launch(CHAINRULE, folder);
    command.args(args);
    command
}

fn chainrule(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(folder, args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(!stderr.contains(['\r', '\u{1b}']), "no terminal, no control characters: {stderr:?}");
    (status.code(), stdout, stderr)
}

/// `chainrule sweep` with the base settings
fn sweep(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let (code, stdout, stderr) = chainrule(folder, &[&["sweep"], &BASE[..], args].concat());
    assert_eq!(stdout, "");
    (code, stderr)
}

/// The rows of a CSV file, header first
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(text.ends_with('\n'));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// The rows of a CSV file without the columns in [`TIMES`], header first
fn timeless(path: &Path) -> Vec<Vec<String>> {
    let rows = rows(path);
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

fn assert_same_tables(a: &Path, b: &Path) {
    for file in ["runs.csv", "epochs.csv"] {
        assert_eq!(timeless(&a.join(file)), timeless(&b.join(file)), "{file}");
    }
}

/// Runs the sweep of [`GRID`] without a kill and returns its folder
fn undisturbed(folder: &Path) -> PathBuf {
    let (code, stderr) = sweep(folder, &[&GRID[..], &["--sweep-id", "whole", "--quiet"]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    folder.join("results/whole")
}

#[test]
fn a_trial_writes_the_same_files_as_train_with_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args = ["--grid", "hidden_dim=4,5", "--seeds", "2", "--sweep-id", "s", "--jobs", "2"];
    let base =
        [&["sweep", "--data", "synthetic", "--batch-size", "6000", "--epochs", "2"], &args[..]].concat();
    let (code, _, stderr) = chainrule(path, &base);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("[4/4] t000") && stderr.contains("trials: 4 ok") && stderr.contains("best: t000"),
        "{stderr}"
    );
    let sweep = path.join("results/s");
    for (trial, dims, seed) in [("t0000", "4", "42"), ("t0003", "5", "43")] {
        let args = ["train", "--data", "synthetic", "--batch-size", "6000", "--epochs", "2", "--quiet"];
        let own = ["--hidden-dims", dims, "--seed", seed, "--run-id", trial, "--threads", "1"];
        assert_eq!(chainrule(path, &[&args[..], &own].concat()).0, Some(0));
        let alone = path.join("results").join(trial);
        for file in ["summary.csv", "epochs.csv", "confusion.csv", "classes.csv"] {
            assert_eq!(
                timeless(&sweep.join(trial).join(file)),
                timeless(&alone.join(file)),
                "{trial}/{file}"
            );
        }
        let model = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert!(model(&sweep.join(trial)) == model(&alone), "{trial}");
        // A trial can be repeated from its config.toml.
        let config = sweep.join(trial).join("config.toml");
        let again =
            ["train", "--quiet", "--run-id", "again", "--out", trial, "--config", config.to_str().unwrap()];
        assert_eq!(chainrule(path, &again).0, Some(0));
        assert!(model(&sweep.join(trial)) == model(&path.join(trial).join("again")), "{trial}");
    }
    let header = &timeless(&sweep.join("epochs.csv"))[0];
    assert_eq!(header[..6], ["run_id", "trial", "hidden_dim", "seed", "epoch", "learning_rate"]);
    assert!(
        timeless(&sweep.join("runs.csv"))[0].ends_with(&["erase", "trial", "hidden_dim"].map(str::to_owned))
    );
    assert_eq!(column(&sweep.join("runs.csv"), "hidden_dim"), ["4", "4", "5", "5"]);
    assert_eq!(column(&sweep.join("runs.csv"), "seed"), ["42", "43", "42", "43"]);
    assert_eq!(column(&sweep.join("epochs.csv"), "trial")[..4], ["t0000", "t0000", "t0001", "t0001"]);
}

#[test]
fn any_number_of_trials_at_once_gives_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let whole = undisturbed(folder.path());
    for jobs in ["1", "3"] {
        let args = [&GRID[..], &["--sweep-id", jobs, "--jobs", jobs]].concat();
        let (code, stderr) = sweep(folder.path(), &args);
        assert_eq!(code, Some(2), "a name that looks like a number: {stderr}");
        let name = format!("jobs{jobs}");
        let args = [&GRID[..], &["--sweep-id", &name, "--jobs", jobs, "--quiet"]].concat();
        assert_eq!(sweep(folder.path(), &args), (Some(0), String::new()));
        assert_same_tables(&folder.path().join("results").join(name), &whole);
    }
}

#[test]
fn a_sweep_that_is_killed_at_any_moment_and_resumed_ends_as_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let whole = undisturbed(path);
    let args =
        [&["sweep"], &BASE[..], &GRID, &["--jobs", "2", "--quiet", "--resume", "--sweep-id", "cut"]].concat();
    let cut = path.join("results/cut");
    let mut random = Numbers::new(1);
    let mut kills = 0;
    while kills < 20 {
        let mut child = command(path, &args).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(700) as u64));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // It ended before it was killed: start again.
            assert_same_tables(&cut, &whole);
            std::fs::remove_dir_all(&cut).unwrap();
            continue;
        }
        kills += 1;
        for table in ["runs.csv", "epochs.csv"].map(|name| cut.join(name)) {
            if table.exists() {
                timeless(&table);
            }
        }
    }
    assert_eq!(chainrule(path, &args), (Some(0), String::new(), String::new()));
    assert_same_tables(&cut, &whole);
    for trial in ["t0000", "t0005"] {
        for file in ["model.safetensors", "classes.csv", "confusion.csv"] {
            let bytes = |folder: &Path| std::fs::read(folder.join(trial).join(file)).unwrap();
            assert!(bytes(&cut) == bytes(&whole), "{trial}/{file}");
        }
    }
    let names =
        std::fs::read_dir(&cut).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with('.')).count(), 0);
}

#[cfg(unix)]
#[test]
fn a_signal_saves_finished_trials_and_prints_how_to_resume() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("USR1", 143)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let args =
            ["sweep", "--data", "synthetic", "--hidden-dims", "3", "--epochs", "1000000", "--seeds", "3"];
        let args = [&args[..], &["--jobs", "2", "--sweep-id", "s"]].concat();
        let child = command(path, &args).stderr(Stdio::piped()).spawn().unwrap();
        let epochs = path.join("results/s/t0000/epochs.csv");
        for _ in 0..6000 {
            if std::fs::read_to_string(&epochs).is_ok_and(|csv| csv.lines().count() > 1) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(
            stderr.contains("2 interrupted, 1 not begun") && stderr.contains("resume with: "),
            "{stderr}"
        );
        assert_eq!(column(&path.join("results/s/runs.csv"), "status"), ["interrupted", "interrupted"]);
    }
}

#[test]
fn shards_make_the_same_sweep_when_merged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let whole = undisturbed(path);
    let merged = path.join("results/parts");
    let merge = || chainrule(path, &["sweep", "merge", "results/parts"]);
    let shard = |shard: &str| sweep(path, &[&GRID[..], &["--sweep-id", "parts", "--shard", shard]].concat());
    assert_eq!(shard("0/3").0, Some(0));
    let (code, _, stderr) = merge();
    assert!(code == Some(1) && stderr.contains("1/3, 2/3"), "{stderr}");
    // The second task of a Slurm array with ids 1 to 3
    let args = [&["sweep"], &BASE[..], &GRID, &["--sweep-id", "parts", "--quiet"]].concat();
    let variables = [("ID", "2"), ("COUNT", "3"), ("MIN", "1"), ("STEP", "1")];
    let variables = variables.map(|(name, value)| (format!("SLURM_ARRAY_TASK_{name}"), value));
    let output = command(path, &args).envs(variables).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(column(&merged.join("shard-1-of-3.runs.csv"), "trial"), ["t0001", "t0004"]);
    let (code, stderr) = shard("0/3");
    assert!(code == Some(1) && stderr.contains("--shard 0/3 --resume"), "{stderr}");
    let (code, stderr) = shard("0/2");
    assert!(code == Some(1) && stderr.contains("holds shard"), "{stderr}");
    assert_eq!(shard("2/3").0, Some(0));
    let lost = merged.join("t0002");
    std::fs::rename(&lost, path.join("aside")).unwrap();
    let (code, _, stderr) = merge();
    assert!(code == Some(1) && stderr.contains("t0002"), "{stderr}");
    std::fs::rename(path.join("aside"), &lost).unwrap();
    let (code, _, stderr) = merge();
    assert!(code == Some(0) && stderr.contains("trials: 6 ok"), "{stderr}");
    assert_same_tables(&merged, &whole);
    // A merged sweep can be resumed.
    let args = [&GRID[..], &["--sweep-id", "parts", "--resume", "--quiet"]].concat();
    assert_eq!(sweep(path, &args), (Some(0), String::new()));
    assert_same_tables(&merged, &whole);
}

#[test]
fn mixed_plans_are_refused_by_merge() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (index, grid) in ["epochs=1,2", "epochs=1,3"].iter().enumerate() {
        let shard = format!("{index}/2");
        let name = format!("p{index}");
        let args = ["sweep", "--data", "synthetic", "--hidden-dims", "3", "--batch-size", "6000", "--quiet"];
        let own = ["--grid", grid, "--shard", &shard, "--sweep-id", &name];
        assert_eq!(chainrule(path, &[&args[..], &own].concat()).0, Some(0));
    }
    let plan = "shard-1-of-2.plan.toml";
    std::fs::copy(path.join("results/p1").join(plan), path.join("results/p0").join(plan)).unwrap();
    let (code, _, stderr) = chainrule(path, &["sweep", "merge", "results/p0"]);
    assert!(code == Some(1) && stderr.contains("expected one plan"), "{stderr}");
    let (code, _, stderr) = chainrule(path, &["sweep", "merge", "."]);
    assert!(code == Some(1) && stderr.contains("shard-I-of-N"), "{stderr}");
}

#[test]
fn a_learning_rate_of_a_million_diverges_in_every_net() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["sweep", "--data", "synthetic", "--epochs", "1", "--learning-rate", "1e6", "--quiet"];
    let nets = ["--grid", "hidden_dims=none,16x16,512,64x32", "--seeds", "2", "--sweep-id", "nets"];
    assert_eq!(chainrule(folder.path(), &[&settings[..], &nets].concat()).0, Some(4));
    assert_eq!(column(&folder.path().join("results/nets/runs.csv"), "status"), ["diverged"; 8]);
}

#[test]
fn a_trial_that_diverges_or_fails_is_a_row_and_the_sweep_continues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let settings = ["sweep", "--hidden-dims", "64,32", "--batch-size", "500", "--epochs", "1", "--jobs", "1"];
    let args = |more: &[&'static str]| [&settings[..], more].concat();
    let rates = ["--data", "synthetic", "--grid", "learning_rate=0.01,1e6,0.1"];
    let (code, _, stderr) = chainrule(path, &args(&[&rates[..], &["--sweep-id", "rates"]].concat()));
    assert!(code == Some(4) && stderr.contains("2 ok, 1 diverged"), "{stderr}");
    let runs = path.join("results/rates/runs.csv");
    assert_eq!(column(&runs, "status"), ["ok", "diverged", "ok"]);
    for name in ["train_loss", "test_accuracy", "best_epoch"] {
        let cells = column(&runs, name);
        assert!(cells[1].is_empty() && !cells[0].is_empty(), "{name}: {cells:?}");
    }
    let fast = args(&[&rates[..], &["--sweep-id", "fast", "--fail-fast"]].concat());
    let (code, _, stderr) = chainrule(path, &fast);
    assert!(code == Some(4) && stderr.contains("1 ok, 1 diverged, 1 not begun"), "{stderr}");
    let report = std::fs::read_to_string(path.join("results/fast/report.md")).unwrap();
    assert!(report.contains("1 `diverged`"), "a sweep that stopped has its report, too: {report}");
    let (code, _, stderr) =
        chainrule(path, &args(&[&rates[..], &["--sweep-id", "fast", "--resume"]].concat()));
    assert!(code == Some(4) && stderr.contains("3 trials, 2 of them ended before"), "{stderr}");
    assert_same_tables(&path.join("results/fast"), &path.join("results/rates"));

    let data = ["--grid", "data=synthetic,nowhere", "--sweep-id", "data"];
    let (code, _, stderr) = chainrule(path, &args(&data));
    assert!(code == Some(4) && stderr.contains("data=nowhere: failed: cannot read nowhere"), "{stderr}");
    let runs = path.join("results/data/runs.csv");
    assert_eq!(column(&runs, "status"), ["ok", "failed"]);
    assert_eq!(column(&runs, "parameters")[1], "");
    let cells = rows(&runs);
    let train_s = cells[0].iter().position(|name| name == "train_s").unwrap();
    assert!(cells[2][train_s].is_empty() && !cells[1][train_s].is_empty(), "{cells:?}");
    assert_eq!(column(&runs, "data"), ["synthetic", "nowhere"]);
    let again = |more: &[&'static str]| chainrule(path, &args(&[&data[..], more].concat())).2;
    assert!(again(&["--resume"]).contains("2 trials, 2 of them ended before"));
    assert!(again(&["--resume", "--retry-failed"]).contains("2 trials, 1 of them ended before"));
}

#[test]
fn a_trial_that_panics_is_a_failed_row_and_the_sweep_continues() {
    /// Panics in the second trial's first batch
    struct Trap;
    struct Line(bool);
    impl Observer for Trap {
        fn started(&self, _: usize, _: usize) {}
        fn trial(&self, trial: &Trial) -> Box<dyn Reporter + '_> {
            Box::new(Line(trial.number == 1))
        }
        fn ended(&self, trial: &Trial, _: &RunResult, problem: Option<&str>) {
            assert_eq!(problem, (trial.number == 1).then_some("panicked: a trap"));
        }
    }
    impl Reporter for Line {
        fn started(&mut self, _: &Path, _: usize, _: usize) {}
        fn batch(&mut self, _: u32, _: usize, _: &LossSum) {
            assert!(!self.0, "a trap");
        }
        fn epoch(&mut self, _: &EpochMetrics) {}
    }
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    std::fs::write(
        &plan,
        "data = \"synthetic\"\nseeds = 3\nepochs = 1\nhidden_dims = [3]\nbatch_size = 6000",
    )
    .unwrap();
    let plan = Draft::from_toml(&plan).unwrap().resolve().unwrap();
    let options = Options {
        jobs: 2,
        resume: false,
        retry_failed: false,
        fail_fast: false,
        deadline: None,
        shard: None,
        plots: Plots::Sweep,
        how_to_resume: String::new(),
    };
    let sweep = folder.path().join("s");
    let ended = chainrule::sweep::run(&plan, &sweep, &options, &Trap, &AtomicBool::new(false)).unwrap();
    assert_eq!(
        (ended.analysis.count(Status::Ok), ended.analysis.count(Status::Failed), ended.left),
        (2, 1, 0)
    );
    assert_eq!(column(&sweep.join("runs.csv"), "status"), ["ok", "failed", "ok"]);
}

#[test]
fn trials_have_pictures_only_with_plots_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pictures = |id: &str, flags: &[&str]| {
        let args = [&["--seeds", "2", "--sweep-id", id, "--quiet"], flags].concat();
        assert_eq!(sweep(path, &args), (Some(0), String::new()));
        let picture = |file: &&str| path.join("results").join(id).join(file).is_file();
        let files = ["sweep.svg", "t0000/curves.svg", "t0001/curves.png", "t0001/confusion.svg"];
        files.into_iter().filter(picture).count()
    };
    assert_eq!(pictures("plain", &[]), 1);
    assert_eq!(pictures("with", &["--plots", "each"]), 4);
    // The first line names the folder.
    let plan = |id: &str| -> Vec<String> {
        let text = std::fs::read_to_string(path.join("results").join(id).join("plan.toml")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(plan("plain"), plan("with"));
}

#[test]
fn an_existing_sweep_continues_only_with_resume_and_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(sweep(path, &["--seeds", "2", "--out", "o", "--quiet"]).0, Some(0));
    let name = std::fs::read_dir(path.join("o")).unwrap().next().unwrap().unwrap().file_name();
    let name = name.to_str().unwrap();
    assert!(name.starts_with("sweep-seed-"), "{name}");
    let (code, stderr) = sweep(path, &["--seeds", "2", "--out", "o"]);
    let resume = format!("chainrule sweep --plan o/{name}/plan.toml --out o --sweep-id {name} --resume");
    assert!(code == Some(1) && stderr.contains(&resume), "{stderr}");
    let words: Vec<&str> = resume.split(' ').skip(1).collect();
    let (code, _, stderr) = chainrule(path, &words);
    assert!(code == Some(0) && stderr.contains("2 trials, 2 of them ended before"), "{stderr}");
    let (code, stderr) = sweep(path, &["--seeds", "3", "--out", "o", "--sweep-id", name, "--resume"]);
    assert!(code == Some(1) && stderr.contains("seeds is 2 there, 3 here;"), "{stderr}");
    std::fs::create_dir(path.join("o/other")).unwrap();
    std::fs::write(path.join("o/other/mine.txt"), "x").unwrap();
    let (code, stderr) = sweep(path, &["--seeds", "2", "--out", "o", "--sweep-id", "other"]);
    assert!(code == Some(1) && stderr.contains("mine.txt"), "{stderr}");
    let plan =
        std::fs::OpenOptions::new().append(true).open(path.join("o").join(name).join("plan.toml")).unwrap();
    plan.lock().unwrap();
    let (code, _, stderr) = chainrule(path, &words);
    assert!(code == Some(1) && stderr.contains("another process is running this sweep"), "{stderr}");
}

#[test]
fn a_dry_run_prints_the_trials_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    let (code, stdout, stderr) = chainrule(folder.path(), &["sweep", "--plan", "plan.toml", "--dry-run"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("5 trials") && stderr.contains("about "), "{stderr}");
    assert_eq!(
        stdout,
        "trial  momentum  hidden_dims  num_layers\nt0000  0         8x4          -\nt0001  0         none         -\n\
         t0002  0.5       8x4          -\nt0003  0.5       none         -\nt0004  -         -            2\n"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
const PLAN: &str = "data = \"synthetic\"\nbatch-size = 6000\n[grid]\nmomentum = [0, 0.5]\n\
    hidden-dims = [[8, 4], \"none\"]\n[[trial]]\nnum_layers = 2\n";

#[test]
fn names_of_axes_may_have_dashes_or_underscores() {
    let folder = tempfile::tempdir().unwrap();
    let table = |grid: &str| {
        let args = ["sweep", "--data", "synthetic", "--dry_run", "--quiet", "--grid", grid];
        chainrule(folder.path(), &args)
    };
    assert_eq!(table("hidden_dims=128x64,256"), table("hidden-dims=128x64,256"));
    assert!(table("hidden_dims=128x64,256").1.contains("t0000  128x64\n"));
}

#[test]
fn the_terminal_and_the_report_name_the_same_winner_over_the_same_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let plan = "data = \"synthetic\"\nbatch-size = 6000\nepochs = 1\nseeds = 2\n[[trial]]\nnum_layers = 1\n\
                [[trial]]\nhidden_dims = \"3\"\n[[trial]]\nhidden_dims = \"64\"\n";
    std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
    let args = ["sweep", "--plan", "plan.toml", "--sweep-id", "s"];
    let (code, _, stderr) = chainrule(folder.path(), &args);
    assert_eq!(code, Some(0), "{stderr}");
    let report = std::fs::read_to_string(folder.path().join("results/s/report.md")).unwrap();
    let after = |text: &str, mark: &str| text.split_once(mark).unwrap().1.lines().next().unwrap().to_owned();
    let (best, winner) = (after(&stderr, "best: "), after(&report, "## Winner\n\n`hidden_dims` "));
    let (dims, rest) = winner.split_once(':').unwrap();
    assert!(best.contains(&format!("(hidden_dims={dims}), mean of 2 seeds, ")), "{best}, {winner}");
    assert!(rest.ends_with(" % over 2 seeds."), "{winner}");
}

#[test]
fn a_run_that_is_repeated_with_the_same_seed_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    for (run_id, seed) in [("a", "1"), ("b", "2"), ("c", "1"), ("d", "2")] {
        let args = ["train", "--quiet", "--run-id", run_id, "--seed", seed];
        assert_eq!(chainrule(folder.path(), &[&args[..], &BASE[..]].concat()).0, Some(0));
    }
    assert_eq!(chainrule(folder.path(), &["plot", "results", "--quiet"]).0, Some(0));
    let report = std::fs::read_to_string(folder.path().join("results/report.md")).unwrap();
    let said = "2 runs repeat another run of the same combination and seed and are counted once.\n";
    assert!(report.contains(said) && report.contains(" % over 2 seeds."), "{report}");
}

#[test]
fn a_validation_split_gives_every_row_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stderr) = sweep(folder.path(), &["--grid", "val_split=0,0.1", "--sweep-id", "v"]);
    assert!(code == Some(0) && stderr.contains("validation accuracy"), "{stderr}");
    let epochs = folder.path().join("results/v/epochs.csv");
    assert_eq!(column(&epochs, "val_split"), ["0", "0", "0.1", "0.1"]);
    let val = column(&epochs, "val_accuracy");
    assert!(val[0].is_empty() && !val[3].is_empty(), "{val:?}");
    assert_eq!(column(&folder.path().join("results/v/runs.csv"), "val_accuracy")[1], val[3]);
}

#[test]
fn test_and_validation_accuracies_are_not_compared_with_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let args =
        ["sweep", "--data", "synthetic", "--hidden-dims", "8", "--epochs", "1", "--batch-size", "1000"];
    let (code, _, stderr) = chainrule(
        folder.path(),
        &[&args[..], &["--grid", "val_split=0,0.1", "--sweep-id", "mixed"]].concat(),
    );
    assert!(code == Some(0) && stderr.contains("which also picked it"), "{stderr}");
    let test = column(&folder.path().join("results/mixed/runs.csv"), "test_accuracy");
    let test: Vec<f64> = test.iter().map(|cell| cell.parse().unwrap()).collect();
    let best = if test[1] > test[0] { "best: t0001" } else { "best: t0000" };
    assert!(stderr.contains(best), "{test:?}: {stderr}");
}

#[test]
fn the_european_dialect_holds_in_all_tables_and_after_a_resume() {
    let folder = tempfile::tempdir().unwrap();
    let args =
        ["--grid", "momentum=0.5,0.9", "--csv-dialect", "excel-eu", "--sweep-id", "dialect", "--quiet"];
    assert_eq!(sweep(folder.path(), &args), (Some(0), String::new()));
    let read =
        |name: &str| std::fs::read_to_string(folder.path().join("results/dialect").join(name)).unwrap();
    let tables = || [read("runs.csv"), read("epochs.csv")];
    let before = tables();
    assert!(before[0].starts_with("\u{feff}run_id;status;") && before[0].contains(";0,01;0,5;0;42;"));
    assert!(
        before[1].starts_with("\u{feff}run_id;trial;momentum;epoch;")
            && before[1].contains("\r\nt0001;t0001;0,9;1;")
    );
    assert!(before.iter().all(|text| text.matches('\u{feff}').count() == 1 && text.ends_with("\r\n")));
    assert_eq!(sweep(folder.path(), &[&args[..], &["--resume"]].concat()), (Some(0), String::new()));
    assert_eq!(tables(), before);
}

#[test]
fn wrong_usage_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (args, message) in [
        (&["--grid", "learnign_rate=1"][..], "can't be varied"),
        (&["--grid", "learning_rate=0.1,x"], "`x`"),
        (&["--grid", "learning_rate=0.1,-1"], "learning-rate is -1"),
        (&["--grid", "activation=rleu"], "rleu"),
        (&["--grid", "epochs=1,2", "--grid", "epochs=3"], "epochs twice"),
        (&["--grid", "hidden_dim=1", "--hidden-dims", "3"], "both a flag and an axis"),
        (&["--grid", "hidden_dim=1", "--grid", "hidden_dims=3"], "not both"),
        (&["learning_rate", "--learning-rate", "1"], "both a flag and an axis"),
        (&["--grid", "seed=1,2", "--seeds", "2"], "not both"),
        (&["--seeds", "2", "--shard", "2/2"], "expected i/n"),
        (&["--seeds", "2", "--retry-failed"], "--resume"),
        (&["--seeds", "0"], "--seeds"),
        (&["width"], "hidden_dim"),
        (&[], "--grid"),
    ] {
        let (code, _, stderr) = chainrule(folder.path(), &[&["sweep", "--data", "synthetic"], args].concat());
        assert_eq!(code, Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(message) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
    let (code, _, stderr) = chainrule(folder.path(), &["sweep", "learning_rate", "--data", "nowhere"]);
    assert!(code == Some(1) && stderr.contains("cannot read nowhere"), "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
