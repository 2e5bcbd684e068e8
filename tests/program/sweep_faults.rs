//! `chainrule sweep` when files contradict the plan, processes start at once, and command lines are wrong

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

/// Settings of small nets and few steps
const BASE: [&str; 9] =
    ["sweep", "--data", "synthetic", "--hidden-dims", "3", "--batch-size", "6000", "--epochs", "2"];

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = launch(CHAINRULE, folder);
    command.args(args);
    command
}

fn ended(output: Output) -> (Option<i32>, String) {
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

fn chainrule(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    ended(command(folder, args).output().unwrap())
}

fn sweep(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    chainrule(folder, &[&BASE[..], args].concat())
}

/// Replaces the first occurrence of a text in a file
fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// The columns of a table without times
fn timeless(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let header = cells(text.lines().next().unwrap());
    let stays = |name: &str| !["train_s", "samples_per_s", "started_at", "epoch_s", "wall_s"].contains(&name);
    let line = |line| {
        header
            .iter()
            .zip(cells(line))
            .filter(|(name, _)| stays(name))
            .map(|(_, cell)| cell)
            .collect::<Vec<_>>()
            .join(",")
    };
    text.lines().map(line).collect()
}

#[test]
fn a_trial_that_contradicts_the_plan_is_named_and_run_again_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args = ["--seeds", "2", "--sweep-id", "s"];
    assert_eq!(sweep(path, &args).0, Some(0));
    let (runs, trial) = (path.join("results/s/runs.csv"), path.join("results/s/t0001"));
    let before = timeless(&runs);
    let resume = |more: &[&str]| sweep(path, &[&args[..], &["--resume"], more].concat());
    let damages: [(&str, &str, &str, &str); 12] = [
        ("summary.csv", ",6000,", ",128,", "line 2: batch_size is 128, the plan says 6000"),
        ("summary.csv", ",0.01,", ",0.02,", "line 2: learning_rate is 0.02, the plan says 0.01"),
        ("summary.csv", ",43,", ",44,", "line 2: seed is 44, the plan says 43"),
        ("summary.csv", ",relu,", ",sigmoid,", "line 2: activation is sigmoid"),
        ("summary.csv", ",3,relu,", ",3x3,relu,", "line 2: hidden_dims is 3x3, the plan says 3"),
        ("summary.csv", "\nt0001,", "\nt0007,", "line 2: run_id is t0007, the plan says t0001"),
        ("summary.csv", ",ok,", ",okk,", "line 2, column status"),
        ("epochs.csv", "\nt0001,1,", "\nt0001,2,", "line 2, column epoch: expected epoch 1, found `2`"),
        ("epochs.csv", "\nt0001,1,", "\nt0001,+1,", "line 2, column epoch: expected epoch 1, found `+1`"),
        ("epochs.csv", "\nt0001,2,", "\nt0001,02,", "line 3, column epoch: expected epoch 2, found `02`"),
        ("epochs.csv", ",1,0.01,", ",1,0.0.1,", "line 2, column learning_rate: expected a finite number"),
        ("summary.csv", ",f32,", ",f64,", "line 2: dtype is f64"),
    ];
    for (file, from, to, message) in damages {
        edit(&trial.join(file), from, to);
        let damaged = std::fs::read_to_string(trial.join(file)).unwrap();
        let (code, said) = resume(&[]);
        assert!(code == Some(1) && said.contains(message), "{message}: {said}");
        assert!(
            said.contains(&format!("t0001/{file}")) && said.contains("--resume --retry-failed"),
            "{said}"
        );
        assert_eq!(std::fs::read_to_string(trial.join(file)).unwrap(), damaged, "nothing is changed");
        let (code, said) = resume(&["--retry-failed"]);
        assert!(code == Some(0) && said.contains("2 trials, 1 of them ended before"), "{said}");
        assert_eq!(timeless(&runs), before, "{message}");
    }
    // An epoch that is missing at the end, and a file that is gone
    let epochs = std::fs::read_to_string(trial.join("epochs.csv")).unwrap();
    let cut = epochs.lines().take(2).map(|line| line.to_owned() + "\n").collect::<String>();
    std::fs::write(trial.join("epochs.csv"), cut).unwrap();
    assert!(resume(&[]).1.contains("expected 2 epochs, found 1"));
    std::fs::remove_file(trial.join("epochs.csv")).unwrap();
    assert!(resume(&[]).1.contains("epochs.csv is missing"));
    assert_eq!(resume(&["--retry-failed"]).0, Some(0));
    assert_eq!(timeless(&runs), before);
}

#[test]
fn trials_without_an_epoch_are_kept_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args =
        ["sweep", "--data", "synthetic", "--hidden-dims", "3", "--grid", "epochs=0,1", "--sweep-id", "s"];
    assert_eq!(chainrule(path, &[&args[..], &["-q"]].concat()).0, Some(0));
    let (code, said) = chainrule(path, &[&args[..], &["--resume"]].concat());
    assert!(code == Some(0) && said.contains("2 trials, 2 of them ended before"), "{said}");
    assert_eq!(chainrule(path, &["plot", "results/s", "-q"]), (Some(0), String::new()));
    assert_eq!(chainrule(path, &["plot", "results/s/t0000", "-q"]), (Some(0), String::new()));
}

#[test]
fn tables_of_several_sweeps_and_single_runs_can_be_joined() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let base = ["--data", "synthetic", "--hidden-dims", "3", "--epochs", "1", "--batch-size", "6000"];
    let run =
        |args: &[&str]| assert_eq!(chainrule(path, &[args, &base, &["-q"]].concat()).0, Some(0), "{args:?}");
    run(&["sweep", "--grid", "momentum=0,0.5", "--sweep-id", "m"]);
    run(&["sweep", "--grid", "learning_rate=0.1,0.2", "--sweep-id", "r"]);
    let (code, said) = chainrule(path, &["runs"]);
    assert!(
        code == Some(1) && said.contains("results/m, results/r; type: chainrule runs results/m"),
        "{said}"
    );
    let (code, said) = chainrule(path, &["plot", "results"]);
    assert!(
        code == Some(1) && said.contains("a folder of sweeps; to draw one, type: chainrule plot results/m"),
        "{said}"
    );

    run(&["train", "--run-id", "single"]);
    let read =
        |name: &str| std::fs::read_to_string(path.join("results").join(name).join("runs.csv")).unwrap();
    // As a script would join them: every column of every table, by name
    let (mut names, mut rows) = (Vec::<String>::new(), Vec::new());
    for text in [read("."), read("m"), read("r")] {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        header.iter().for_each(|name| {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned())
            }
        });
        rows.extend(reader.records().map(|row| (header.clone(), row.unwrap())));
    }
    let mut writer = csv::Writer::from_path(path.join("results/runs.csv")).unwrap();
    writer.write_record(&names).unwrap();
    for (header, row) in &rows {
        let cell = |name: &String| header.iter().position(|other| other == name).map_or("", |i| &row[i]);
        writer.write_record(names.iter().map(cell)).unwrap();
    }
    drop(writer);
    let (code, said) = chainrule(path, &["plot", "results"]);
    assert!(code == Some(0) && said.contains("sweep-m.svg") && said.contains("sweep-r.svg"), "{said}");
    let report = std::fs::read_to_string(path.join("results/report.md")).unwrap();
    assert!(report.contains("5 trials") || report.contains("5 runs"), "{report}");
    let svg = std::fs::read_to_string(path.join("results/sweep.svg")).unwrap();
    assert!(svg.contains("Epoch"), "the curves of m/t0000 and others are found");
}

#[test]
fn data_that_changed_since_a_trial_ended_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    let args =
        ["sweep", "--data", ".", "--hidden-dims", "3", "--epochs", "1", "--seeds", "2", "--sweep-id", "s"];
    let sweep = |more: &[&str]| chainrule(path, &[&args[..], more].concat());
    let change = || {
        let labels = path.join("t10k-labels-idx1-ubyte");
        let mut bytes = std::fs::read(&labels).unwrap();
        bytes[8] ^= 1;
        std::fs::write(labels, bytes).unwrap();
    };
    assert_eq!(sweep(&["-q"]).0, Some(0));
    std::fs::remove_dir_all(path.join("results/s/t0001")).unwrap();
    change();
    let (code, said) = sweep(&["--resume"]);
    let expected = "the data have changed since t0000 ended: their hash was ";
    assert!(code == Some(1) && said.contains(expected) && said.contains("--sweep-id"), "{said}");
    change();
    assert_eq!(sweep(&["--resume", "-q"]).0, Some(0));

    let shard = |name| {
        let last = args.len() - 1;
        chainrule(path, &[&args[..last], &["m", "-q", "--shard", name]].concat())
    };
    assert_eq!(shard("0/2").0, Some(0));
    change();
    assert_eq!(shard("1/2").0, Some(0));
    let (code, said) = chainrule(path, &["sweep", "merge", "results/m"]);
    assert!(code == Some(1) && said.contains("t0001 (data_hash is "), "{said}");
}

#[test]
fn merge_names_a_trial_that_contradicts_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for shard in ["0/2", "1/2"] {
        assert_eq!(sweep(path, &["--seeds", "2", "--sweep-id", "s", "-q", "--shard", shard]).0, Some(0));
    }
    edit(&path.join("results/s/t0001/summary.csv"), ",6000,", ",128,");
    let (code, said) = chainrule(path, &["sweep", "merge", "results/s"]);
    assert!(code == Some(1) && said.contains("t0001/summary.csv: line 2: batch_size is 128"), "{said}");
    assert!(!path.join("results/s/runs.csv").exists());
    let again = ["--seeds", "2", "--sweep-id", "s", "-q", "--shard", "1/2", "--resume", "--retry-failed"];
    assert_eq!(sweep(path, &again).0, Some(0));
    assert_eq!(chainrule(path, &["sweep", "merge", "results/s", "-q"]), (Some(0), String::new()));
}

#[test]
fn of_a_sweep_and_a_shard_that_start_at_once_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let id = format!("s{round}");
        let start = |more: &[&str]| {
            let args = [&BASE[..], &["--seeds", "4", "--quiet", "--sweep-id", &id], more].concat();
            command(folder.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let children = [start(&[]), start(&["--shard", "0/2"])];
        let ended = children.map(|child| ended(child.wait_with_output().unwrap()));
        let fine = ended.iter().filter(|(code, said)| *code == Some(0) && said.is_empty()).count();
        let refused = ended
            .iter()
            .filter(|(code, said)| *code == Some(1) && said.contains("can't be run in it"))
            .count();
        assert_eq!((fine, refused), (1, 1), "{ended:?}");
    }
}

#[test]
fn a_task_of_a_scheduler_runs_its_shard_and_says_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = |variables: &[(&str, &str)], more: &[&str]| {
        let args = [&BASE[..], &["--seeds", "4", "--sweep-id", "s"], more].concat();
        ended(command(path, &args).envs(variables.iter().copied()).output().unwrap())
    };
    let (code, said) = run(&[("SLURM_ARRAY_TASK_ID", "1")], &[]);
    assert!(code == Some(2) && said.contains("SLURM_ARRAY_TASK_COUNT is missing"), "{said}");
    let (code, said) = run(&[], &["--shard", "auto"]);
    assert!(code == Some(2) && said.contains("no scheduler"), "{said}");
    let (code, said) = run(&[("JOB_COMPLETION_INDEX", "1")], &["--shard", "auto"]);
    assert!(code == Some(2) && said.contains("--shards N"), "{said}");
    let two = [("JOB_COMPLETION_INDEX", "1"), ("BATCH_TASK_INDEX", "0"), ("BATCH_TASK_COUNT", "2")];
    let (code, said) = run(&two, &["--shard", "auto", "--shards", "2"]);
    assert!(code == Some(2) && said.contains("two schedulers disagree"), "{said}");
    assert!(!path.join("results").exists());
    let (code, said) = run(&[("JOB_COMPLETION_INDEX", "1")], &["--shard", "auto", "--shards", "2"]);
    assert!(
        code == Some(0) && said.starts_with("shard 1/2, taken from Kubernetes (JOB_COMPLETION_INDEX=1)\n"),
        "{said}"
    );
    let (code, said) = run(&[("LSB_JOBINDEX", "1"), ("LSB_JOBINDEX_END", "2")], &["--shard", "auto"]);
    assert!(code == Some(0) && said.contains("shard 0/2, taken from LSF"), "{said}");
    // Submitted again alone
    let lone = [("ID", "1"), ("COUNT", "1"), ("MIN", "1"), ("MAX", "1"), ("STEP", "1")]
        .map(|(name, text)| (format!("SLURM_ARRAY_TASK_{name}"), text));
    let lone: Vec<(&str, &str)> = lone.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let (code, said) = run(&lone, &[]);
    assert!(code == Some(2) && said.contains("--shard 1/2 --resume"), "{said}");
    assert_eq!(run(&lone, &["--shard", "1/2", "--resume", "-q"]), (Some(0), String::new()));
    assert_eq!(chainrule(path, &["sweep", "merge", "results/s", "-q"]), (Some(0), String::new()));
    let (code, said) = run(&[("LSB_JOBINDEX", "0")], &["--shard", "auto", "--resume"]);
    assert!(code == Some(0) && said.contains("no job array, so the whole sweep"), "{said}");
}

#[test]
fn variables_limit_the_threads_before_the_number_of_cores() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = |variables: &[(&str, &str)]| {
        let args = [&BASE[..], &["--seeds", "9", "--dry-run"]].concat();
        ended(command(folder.path(), &args).envs(variables.iter().copied()).output().unwrap())
    };
    assert!(
        jobs(&[("CHAINRULE_THREADS", "1"), ("SLURM_CPUS_PER_TASK", "7")]).1.contains("9 trials, 1 at once")
    );
    assert!(jobs(&[("SLURM_CPUS_PER_TASK", "7")]).1.contains("9 trials, 7 at once"));
    assert!(jobs(&[("NSLOTS", "1")]).1.contains("9 trials, 1 at once"));
    let (code, said) = jobs(&[("CHAINRULE_THREADS", "many")]);
    assert!(code == Some(2) && said.contains("CHAINRULE_THREADS is `many`"), "{said}");
    let (_, said) = sweep(folder.path(), &["--seeds", "2", "--threads", "999", "--dry-run"]);
    assert!(said.contains("warning: 999 threads on "), "{said}");
}

#[test]
fn limits_are_checked_before_work_and_messages_stay_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let many = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let settings: String = (0..100_000).map(|i| format!("key{i} = 1\n")).collect();
    let trials: String = (0..100_001).map(|i| format!("[[trial]]\nseed = {i}\n")).collect();
    for (plan, message) in [
        (
            format!("[grid]\nseed = [{}]", many(2_000_000)),
            "line 2: [grid] seed: 2,000,000 values, expected 100,000 at most",
        ),
        (format!("[grid]\nseed = \"{}\"", many(2_000_000)), "line 2: [grid] seed: 2,000,000 values"),
        (format!("seed = [{}]", many(2_000_000)), "line 1: seed is a list of 2,000,000 values"),
        (format!("seeds = [{}]", many(2_000_000)), "line 1: seeds is ["),
        (format!("[[trial]]\nseed = [{}]", many(2_000_000)), "line 2: [[trial]] 1: seed: `["),
        (settings, "line 1: `key0` is no setting"),
        (format!("epochs = {}", "x".repeat(3_000_000)), "TOML parse error at line 1"),
        (trials, "100,001 tables [[trial]]"),
        (
            "[grid]\nepochs = \"1..2000\"\nbatch_size = \"1..2000\"".to_owned(),
            "2,000 of epochs, 2,000 of batch_size; 100,000 at most",
        ),
    ] {
        std::fs::write(path.join("p.toml"), plan).unwrap();
        let (code, said) = chainrule(path, &["sweep", "--plan", "p.toml", "--data", "synthetic"]);
        assert!(
            code.is_some_and(|code| code == 1 || code == 2) && said.contains(message),
            "{message}: {:.500}",
            said
        );
        assert!(said.contains("p.toml") && said.len() < 500, "{:.900}", said);
    }
    // The message of another plan lists ten values.
    std::fs::create_dir_all(path.join("results")).unwrap();
    assert_eq!(sweep(path, &["--grid", "seed=1..30", "--epochs", "0", "--sweep-id", "s", "-q"]).0, Some(2));
    let base = ["sweep", "--data", "synthetic", "--hidden-dims", "3", "--epochs", "0", "--sweep-id", "s"];
    assert_eq!(chainrule(path, &[&base[..], &["--grid", "seed=1..30", "-q"]].concat()).0, Some(0));
    let (code, said) = chainrule(path, &[&base[..], &["--grid", "seed=2..31"]].concat());
    assert!(
        code == Some(1) && said.contains("holds another sweep, 30 trials: grid is { seed = [1, 2, 3,"),
        "{said}"
    );
    assert!(said.contains("10 … and 20 more") && said.contains("--sweep-id"), "{said}");
}

#[test]
fn a_wrong_value_in_a_file_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("c.toml"), "epochs = 1\nbatch_size = 0\n").unwrap();
    for command in [&["train", "--config", "c.toml"][..], &["sweep", "learning_rate", "--config", "c.toml"]] {
        let (code, said) = chainrule(path, &[command, &["--data", "synthetic"]].concat());
        assert!(
            code == Some(2) && said.contains("batch-size is 0 in c.toml, line 2, expected 1 or more"),
            "{said}"
        );
    }
    for (plan, message) in [
        ("epochs = 1\n", "p.toml: the plan ends at line 1 and has no axis"),
        ("momentum = 1\n[grid]\nepochs = [1]\n", "momentum is 1 in p.toml, line 1"),
        ("[grid]\nepochs = [1]\nmomentum = [0, 1]\n", "momentum is 1 in p.toml, line 3"),
        ("[[trial]]\nmomentum = 0\n[[trial]]\nmomentum = 1\n", "momentum is 1 in p.toml, line 4"),
        ("[grid]\nhidden_dim = [0]\n", "hidden-dim is 0 in p.toml, line 2"),
        ("learning_rate = 0.5\n[grid]\nlearning_rate = [1, 2]\n", "p.toml: line 3: learning_rate is an axis"),
        (
            "hidden_dims = \"8\"\n[grid]\nnum_layers = [1, 2]\n",
            "p.toml: line 3: num_layers is an axis, and hidden_dims",
        ),
        (
            "[grid]\nlearning-rate = [0.1]\nmomentum = [0]\nlearning_rate = [0.2]\n",
            "p.toml: lines 2 and 4: [grid] has learning_rate twice; give all its values at once, as learning_rate = [0.",
        ),
        (
            "[[trial]]\nseed = 1\n[[trial]]\nseed = 1\n",
            "p.toml: trials t0000 (seed=1) and t0001 (seed=1) have",
        ),
    ] {
        std::fs::write(path.join("p.toml"), plan).unwrap();
        let (code, said) = chainrule(path, &["sweep", "--plan", "p.toml", "--data", "synthetic"]);
        assert!(code == Some(2) && said.contains(message), "{plan}: {said}");
        assert!(!said.contains("--grid has"), "{plan}: {said}");
    }
    for (file, command) in [("c.toml", "--config"), ("p.toml", "--plan")] {
        std::fs::write(path.join(file), b"\xff\xfee\0p\0o\0").unwrap();
        let name = if command == "--plan" { "sweep" } else { "train" };
        let (code, said) = chainrule(path, &[name, command, file]);
        assert!(code == Some(2) && said.contains(&format!("{file}: is UTF-16, expected UTF-8")), "{said}");
    }
    std::fs::write(path.join("p.toml"), "[grid]\nlearning-rate = [0.1]\n").unwrap();
    let (code, said) = sweep(path, &["--plan", "p.toml", "--grid", "learning_rate=0.2"]);
    let message = "p.toml: line 2: [grid] has learning_rate, and so has the command line; keep one, not both";
    assert!(code == Some(2) && said.contains(message), "{said}");
}

#[test]
fn wrong_command_lines_are_told_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    for (args, message) in [
        (
            &["hidden_dim", "learning_rate"][..],
            "--grid hidden_dim=32,64,128,256,512 --grid learning_rate=0.001,0.005,",
        ),
        (&["--learning-rate", "0.01,0.1"], "type: chainrule sweep --grid learning_rate=0.01,0.1"),
        (&["--activation", "relu,sigmoid"], "type: chainrule sweep --grid activation=relu,sigmoid"),
        (&["--momentum", "0, 0.9"], "type: chainrule sweep --grid momentum=0,0.9"),
        (&["--epochs", "1..4"], "type: chainrule sweep --grid epochs=1..4"),
        (&["--grid", "lr=0.01,0.1"], "did you mean learning_rate?"),
        (&["--grid", "batchsize=1"], "did you mean batch_size?"),
        (&["--grid", "out=a,b"], "give one value for the whole sweep, as --out VALUE"),
        (&["--grid", "learning_rate"], "--grid learning_rate=0.01,0.1"),
        (
            &["--grid", "hidden_dims=3", "--grid", "num_layers=1..3"],
            "type --grid hidden_dim=64,128 --grid num_layers=1..3",
        ),
        (&["num_layers", "--hidden-dims", "64"], "type --grid hidden_dim=64 --grid num_layers=1,2,3,4"),
        (&["momentum"], "chainrule sweep --grid momentum=0,0.5"),
        (&["momentum=0,0.9"], "type: chainrule sweep --grid momentum=0,0.9"),
        (&["width"], "did you mean hidden_dim?"),
        (&["plan.toml"], "type: chainrule sweep --plan plan.toml"),
        (&["my plan.toml"], "type: chainrule sweep --plan 'my plan.toml'"),
        (&["learning_rate=0.1, 0.2"], "type: chainrule sweep --grid 'learning_rate=0.1, 0.2'"),
        (&["--activation", "relu,$HOME"], "type: chainrule sweep --grid 'activation=relu,$HOME'"),
        (&["--seeds", "2", "--shard", "3/2"], "as 0/3, 1/3 and 2/3, or auto"),
        (&["--seeds", "2", "--shard", "0/2", "--shards", "3"], "leave --shards out"),
        (&[], "for example, type: chainrule sweep learning_rate"),
    ] {
        let (code, said) = chainrule(folder.path(), &[&["sweep", "--data", "synthetic"], args].concat());
        assert!(code == Some(2) && said.contains(message), "{args:?}: {said}");
        assert!(!said.contains("grid is both"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn quiet_names_the_trials_that_failed_and_the_resume_command_keeps_its_flags() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args = [
        "sweep",
        "--data",
        "synthetic",
        "--epochs",
        "1",
        "--batch-size",
        "6000",
        "--grid",
        "learning_rate=0.01,1e7,1e8",
    ];
    let flags = ["--sweep-id", "s", "--jobs", "2", "--threads", "1", "--plots", "each"];
    let (code, said) = chainrule(path, &[&args[..], &flags, &["-q"]].concat());
    assert_eq!(code, Some(4));
    let resume = "chainrule sweep --plan results/s/plan.toml --out results --sweep-id s --threads 1 --jobs 2 --plots each --resume";
    let expected = "error: 2 of 3 trials failed or diverged: t0001 (learning_rate=1e7) diverged, t0002 \
        (learning_rate=1e8) diverged; to run them again: ";
    assert_eq!(said, format!("{expected}{resume} --retry-failed\n"));
    let (code, said) = chainrule(path, &[&args[..], &flags].concat());
    assert!(code == Some(1) && said.contains(&format!("resume with: {resume}\n")), "{said}");
    let (_, said) = chainrule(path, &[&args[..], &flags, &["--fail-fast", "-q"]].concat());
    assert!(said.contains("--jobs 2 --fail-fast --plots each --resume"), "{said}");
}

#[test]
fn merge_names_the_trials_that_failed_and_how_to_run_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args = ["--grid", "learning_rate=0.01,1e8", "--sweep-id", "s", "-q", "--shard"];
    assert_eq!(sweep(path, &[&args[..], &["0/2"]].concat()), (Some(0), String::new()));
    assert_eq!(sweep(path, &[&args[..], &["1/2"]].concat()).0, Some(4));
    let (resume, retry) = ("chainrule sweep --plan", "--resume --retry-failed\n");
    let failed =
        "error: 1 of 2 trials failed or diverged: t0001 (learning_rate=1e8) diverged; to run them again: ";
    let (code, said) = chainrule(path, &["sweep", "merge", "results/s", "-q"]);
    let whole = format!("{failed}{resume} results/s/plan.toml --out results --sweep-id s {retry}");
    assert_eq!((code, said), (Some(4), whole.clone()));
    let (code, said) = chainrule(path, &["sweep", "merge", "results/s"]);
    assert!(
        code == Some(4) && said.starts_with(&whole) && said.contains("trials: 1 ok, 1 diverged"),
        "{said}"
    );
    let (_, said) = chainrule(&path.join("results"), &["sweep", "merge", "s", "-q"]);
    assert_eq!(said, format!("{failed}{resume} s/plan.toml --out . --sweep-id s {retry}"));
    // The command runs the trial again.
    let words = whole.split_once("again: chainrule ").unwrap().1.split_whitespace().collect::<Vec<_>>();
    let (code, said) = chainrule(path, &words);
    assert!(code == Some(4) && said.contains("[2/2] t0001"), "{said}");
}

#[test]
fn the_table_of_trials_has_short_numbers_as_the_report_has() {
    let folder = tempfile::tempdir().unwrap();
    let axes = ["--grid", "learning_rate=0.00001,0.1", "--grid", "weight_decay=1e30"];
    let (code, said) = sweep(folder.path(), &[&axes[..], &["--dry-run", "--quiet"]].concat());
    let table =
        "trial  learning_rate  weight_decay\nt0000  1e-5           1e30\nt0001  0.1            1e30\n";
    assert_eq!((code, said.as_str()), (Some(0), table));
}

#[test]
fn one_setting_has_no_best() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = sweep(folder.path(), &["--seeds", "2"]);
    assert!(code == Some(0) && said.contains("\nmean of 2 seeds, test accuracy "), "{said}");
    assert!(!said.contains("best") && !said.contains("picked"), "{said}");
}

#[test]
fn the_example_plan_lists_its_trials() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/plan.toml");
    let args = ["sweep", "--plan", plan.to_str().unwrap(), "--data", "synthetic", "--dry-run", "--quiet"];
    let (code, said) = chainrule(folder.path(), &args);
    assert!(code == Some(0) && said.lines().count() == 1 + (9 + 2) * 3, "{said}");
    assert!(said.contains("t0032  0.005          512x256"), "{said}");
}
