//! The scripts of `scripts/sweeps` on one machine: loops, GNU parallel, gnuplot, Slurm

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::installed::{installed, missing};
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder with small data in `data`, whose name needs quotes
fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("it's a ").tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    small_data(&folder.path().join("data"));
    folder
}

/// Runs a program with the variables that the scripts read: the program under test, the folder's data, one epoch
fn run(folder: &Path, program: &Path, args: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = launch(program, folder);
    command.args(args).envs([("CHAINRULE", CHAINRULE), ("DATA", "data"), ("EPOCHS", "1")]);
    command.envs(settings.iter().copied()).output().unwrap()
}

fn sweep(folder: &Path, script: &str, args: &[&str], settings: &[(&str, &str)], code: i32) -> String {
    let output = run(folder, &repository("scripts/sweeps").join(script), args, settings);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{script} {args:?}: {stderr}");
    stderr
}

/// Column of a CSV file that holds no quotes
fn column(path: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let at = text.lines().next().unwrap().split(',').position(|column| column == name).unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().to_owned()).collect()
}

const DEPTHS: [&str; 4] = ["128", "128x128", "128x128x128", "128x128x128x128"];

#[test]
fn loops_append_to_one_table_and_skip_finished_runs() {
    let folder = folder();
    let runs = folder.path().join("results/runs.csv");
    let rates = ["0.001", "0.005", "0.01", "0.05", "0.1"];
    for (script, name, values) in [
        ("hidden_dim.sh", "hidden_dims", &["32", "64", "128", "256", "512"][..]),
        ("num_layers.sh", "hidden_dims", &DEPTHS),
        ("learning_rate.sh", "learning_rate", &rates),
    ] {
        let before = if runs.exists() { column(&runs, name).len() } else { 0 };
        sweep(folder.path(), script, &[], &[], 0);
        assert_eq!(&column(&runs, name)[before..], values, "{script}");
        let again = sweep(folder.path(), script, &[], &[], 0);
        assert!(again.contains("there already"), "{again}");
        assert_eq!(column(&runs, name).len(), before + values.len(), "{script}");
    }
    fs::remove_file(folder.path().join("results/num_layers-2-s42/summary.csv")).unwrap();
    let again = sweep(folder.path(), "num_layers.sh", &[], &[], 0);
    assert!(again.contains("num_layers-2-s42: unfinished, starts again"), "{again}");
}

#[test]
fn a_loop_continues_after_a_diverged_run_and_reports_it() {
    let folder = folder();
    let settings = [("SEEDS", "1 2"), ("OUT", "out")];
    let args = ["--momentum=0.9", "--learning-rate=1e30"];
    for _ in 0..2 {
        let stderr = sweep(folder.path(), "num_layers.sh", &args, &settings, 4);
        assert!(stderr.contains("8 runs failed or diverged"), "{stderr}");
        assert_eq!(column(&folder.path().join("out/runs.csv"), "status"), ["diverged"; 8]);
    }
    sweep(folder.path(), "hidden_dim.sh", &["--nonsense"], &settings, 2);
    assert!(!folder.path().join("out/hidden_dim-64-s42.log").exists(), "wrong usage ends the loop");
}

#[test]
fn every_script_has_help() {
    let folder = folder();
    for script in ["hidden_dim.sh", "num_layers.sh", "learning_rate.sh", "parallel.sh", "slurm.sh"] {
        let output = run(folder.path(), &repository("scripts/sweeps").join(script), &["--help"], &[]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && help.contains(script) && help.contains("EPOCHS"), "{help}");
    }
}

#[test]
fn gnu_parallel_gives_the_bits_of_the_loop() {
    if !installed(&["parallel"]) {
        return;
    }
    let folder = folder();
    sweep(folder.path(), "num_layers.sh", &[], &[("OUT", "loop"), ("SEEDS", "1 2")], 0);
    sweep(folder.path(), "parallel.sh", &["num_layers"], &[("SEEDS", "1 2"), ("JOBS", "3")], 0);
    let table = folder.path().join("results/runs.csv");
    let (mut ids, mut wanted) =
        (column(&table, "run_id"), column(&folder.path().join("loop/runs.csv"), "run_id"));
    ids.sort();
    wanted.sort();
    assert_eq!(ids, wanted);
    for id in ids {
        let model =
            |out: &str| fs::read(folder.path().join(out).join(&id).join("model.safetensors")).unwrap();
        assert!(model("loop") == model("results"), "{id}");
    }
    sweep(folder.path(), "parallel.sh", &["momentum"], &[], 2);
}

/// Share of a PNG's pixels that differ from its first
fn ink(path: &Path) -> f64 {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels = bytes[..info.buffer_size()].chunks_exact(info.color_type.samples());
    let (total, first) = (pixels.len(), &bytes[..info.color_type.samples()]);
    pixels.filter(|pixel| *pixel != first).count() as f64 / total as f64
}

/// A gnuplot script of this folder's, with its exit code and its messages
fn gnuplot(folder: &Path, script: &str, args: &[&str]) -> (Option<i32>, String) {
    let script = repository("scripts/sweeps").join(script);
    let all = [&["-c", script.to_str().unwrap()], args].concat();
    let output = run(folder, Path::new("gnuplot"), &all, &[]);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn gnuplot_draws_a_run_and_a_sweep() {
    if !installed(&["gnuplot"]) {
        return;
    }
    let folder = folder();
    sweep(folder.path(), "learning_rate.sh", &[], &[("SEEDS", "1 2"), ("EPOCHS", "4")], 0);
    let epochs = "results/learning_rate-0.01-s1/epochs.csv";
    for kind in ["png", "svg", "pdf"] {
        let (curves, rates) = (format!("curves'.{kind}"), format!("rates'.{kind}"));
        let sweep_args = ["results/runs.csv", &rates, "learning_rate", "test_accuracy"];
        for (script, args) in [("curves.gp", &[epochs, &curves][..]), ("sweep.gp", &sweep_args)] {
            assert_eq!(gnuplot(folder.path(), script, args), (Some(0), String::new()), "{args:?}");
            let picture = folder.path().join(args[1]);
            match kind {
                "png" => assert!(ink(&picture) > 0.01, "{args:?} is blank"),
                "svg" => {
                    let svg = fs::read_to_string(&picture).unwrap();
                    assert!(svg.matches("<path").count() > 10 && svg.contains("</svg>"), "{args:?}");
                }
                _ => assert!(fs::read(&picture).unwrap().starts_with(b"%PDF"), "{args:?}"),
            }
        }
    }
}

#[test]
fn gnuplot_scripts_refuse_to_write_to_what_is_no_picture() {
    if !installed(&["gnuplot"]) {
        return;
    }
    let folder = folder();
    let table = folder.path().join("table.csv");
    fs::write(&table, "epoch,train_loss\n1,0.5\n").unwrap();
    for (script, args) in [
        ("curves.gp", &["picture.svg", "table.csv"][..]),
        ("curves.gp", &["table.csv"]),
        ("curves.gp", &["table.csv", "svg"]),
        ("sweep.gp", &["picture.svg", "table.csv", "learning_rate", "test_accuracy"]),
        ("sweep.gp", &["learning_rate", "table.csv", "test_accuracy", "picture.svg"]),
        ("sweep.gp", &["table.csv", "picture.svg"]),
    ] {
        let (code, message) = gnuplot(folder.path(), script, args);
        assert_eq!(code, Some(2), "{args:?}: {message}");
        assert!(message.starts_with(&format!("usage: gnuplot -c {script} ")), "{args:?}: {message}");
        assert_eq!(fs::read_to_string(&table).unwrap(), "epoch,train_loss\n1,0.5\n", "{args:?}");
        assert!(
            !folder.path().join("picture.svg").exists() && !folder.path().join("svg").exists(),
            "{args:?}"
        );
    }
}

/// A sweep's table without what differs from one time to the next
fn metrics(folder: &Path) -> Vec<Vec<String>> {
    let names = ["trial", "status", "learning_rate", "seed", "test_loss", "test_accuracy"];
    names.map(|name| column(&folder.join("runs.csv"), name)).to_vec()
}

/// Whether Slurm can be tried here; says why not
fn has_slurm() -> bool {
    if !installed(&["sbatch"]) {
        return false;
    }
    if !["/usr/sbin/slurmctld", "/usr/sbin/slurmd"].iter().all(|daemon| Path::new(daemon).is_file()) {
        missing("slurmctld or slurmd is not installed");
        return false;
    }
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout != b"0\n" {
        missing("a Slurm node needs root");
        return false;
    }
    true
}

/// Runs a script on a Slurm cluster of this machine until all jobs have ended; returns what was printed
fn slurm(folder: &Path, script: &str, args: &[&str], settings: &[(&str, &str)]) -> String {
    let script = repository(script);
    let args = [&[script.to_str().unwrap()], args].concat();
    let output = run(folder, &repository("tests/outside/slurm-cluster.sh"), &args, settings);
    assert!(output.status.success(), "{output:?} {:?}", logs(folder));
    String::from_utf8(output.stdout).unwrap()
}

/// What the jobs of a folder printed
fn logs(folder: &Path) -> String {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|file| file.extension().is_some_and(|ending| ending == "log"));
    logs.filter_map(|log| fs::read_to_string(log).ok()).collect()
}

#[test]
fn a_slurm_array_and_its_merge_give_the_table_of_one_sweep() {
    if !has_slurm() {
        return;
    }
    let folder = folder();
    let what = ["learning_rate", "--seeds", "2", "--hidden-dims", "8", "--data", "data", "--epochs", "1"];
    let args = [&["rates"], &what[..5]].concat();
    slurm(folder.path(), "scripts/sweeps/slurm.sh", &args, &[("TASKS", "3")]);
    let alone = [&["sweep"], &what[..], &["--out", "alone", "--sweep-id", "rates", "--quiet"]].concat();
    let alone = run(folder.path(), Path::new(CHAINRULE), &alone, &[]);
    assert!(alone.status.success(), "{alone:?}");
    let merged = metrics(&folder.path().join("results/rates"));
    assert_eq!(merged[0].len(), 10, "{merged:?} {}", logs(folder.path()));
    assert_eq!(merged, metrics(&folder.path().join("alone/rates")));
}

#[test]
fn slurm_tasks_that_a_time_limit_stops_are_requeued_and_end_with_the_bits_of_one_sweep() {
    if !has_slurm() {
        return;
    }
    let folder = folder();
    let path = folder.path();
    let what = ["--grid", "learning_rate=0.01,0.02,0.03", "--hidden-dims", "32", "--batch-size", "16"];
    let args = [&["rates", "2"], &what[..], &["--threads", "1"]].concat();
    let settings = [("DATA", "synthetic"), ("EPOCHS", "8")];
    let jobs = slurm(path, "tests/outside/slurm-requeue.sh", &args, &settings);
    assert_eq!(jobs.matches(" Restarts=1 ").count(), 2, "{jobs} {}", logs(path));
    assert_eq!(jobs.matches(" JobState=COMPLETED ").count(), 3, "{jobs} {}", logs(path));
    let alone = ["--data", "synthetic", "--epochs", "8", "--out", "alone", "--sweep-id", "rates", "--quiet"];
    let alone = run(path, Path::new(CHAINRULE), &[&["sweep"], &what[..], &alone].concat(), &[]);
    assert!(alone.status.success(), "{alone:?}");
    let [requeued, alone] = ["results/rates", "alone/rates"].map(|sweep| path.join(sweep));
    assert_eq!(metrics(&requeued), metrics(&alone), "{}", logs(path));
    for trial in ["t0000", "t0001", "t0002"] {
        let model = |sweep: &Path| fs::read(sweep.join(trial).join("model.safetensors")).unwrap();
        assert!(model(&requeued) == model(&alone), "{trial}");
    }
    // Each task's first trial was interrupted, and went on instead of starting again.
    for (task, trial) in [(0, "t0000"), (1, "t0001")] {
        let before = path.join(format!("interrupted-{task}.csv"));
        let after = requeued.join(trial).join("summary.csv");
        assert_eq!(column(&before, "status"), ["interrupted"]);
        assert_eq!(column(&before, "started_at"), column(&after, "started_at"));
    }
}
