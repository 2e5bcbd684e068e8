//! Help, usage messages, signals, `info`, `runs`, `completions` and `man`

use std::path::Path;
use std::process::{Output, Stdio};

use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

fn chainrule(folder: &Path, args: &[&str]) -> Output {
    launch(CHAINRULE, folder).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with data
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    folder
}

const SMALL: [&str; 6] = ["train", "--data", ".", "--epochs", "2", "--hidden-dims=4"];

fn train(folder: &Path, flags: &[&str]) -> Output {
    chainrule(folder, &[&SMALL, flags].concat())
}

const COMMANDS: [&str; 11] = [
    "train",
    "sweep",
    "gradcheck",
    "ensemble",
    "bench",
    "info",
    "export",
    "runs",
    "plot",
    "completions",
    "man",
];

#[test]
fn help_fits_80_columns_and_ends_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    for command in
        [&[][..], &["sweep", "merge"]].into_iter().chain(COMMANDS.each_ref().map(std::slice::from_ref))
    {
        for flag in ["-h", "--help"] {
            let output = chainrule(folder.path(), &[command, &[flag]].concat());
            assert_eq!(code(&output), 0);
            let help = text(&output.stdout);
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{command:?}: {line}");
            }
            assert!(help.contains("Examples:\n") || command.len() == 2, "{help}");
            let examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
            let mut examples = examples.take_while(|line| !line.is_empty());
            assert!(examples.all(|line| line.starts_with("  chainrule")), "{help}");
        }
    }
    let help = text(&chainrule(folder.path(), &["train", "--help"]).stdout);
    for heading in ["Net:", "Training:", "Computation:", "Data and files:"] {
        assert!(help.contains(&format!("\n{heading}\n")), "{help}");
    }
}

#[test]
fn usage_errors_say_what_to_type() {
    let folder = folder();
    for (args, typed) in [
        (&["train", "--sweep", "hidden_dim"][..], "chainrule sweep hidden_dim"),
        (&["train", "--sweep=learning-rate"], "chainrule sweep learning_rate"),
        (&["--quick"], "chainrule train --quick"),
        (&["--epochs", "3"], "chainrule train --epochs 3"),
        (&["completions"], "chainrule completions bash"),
        (&["man"], "chainrule man "),
        (&["export", "model.safetensors"], "chainrule export MODEL --onnx FILE.onnx"),
        (&["export", "m", "--onnx", "a", "--c", "./a"], "--onnx and --c name the same file"),
        (&["export", "m", "--npz", "m"], "name another file"),
        (&["train", "--optimizer", "adam"], "[possible values: sgd, adamw]"),
        (&["train", "--adam"], "--optimizer adamw"),
        (&["train", "--lr-schedule", "cosine"], "--schedule constant, step, cosine"),
        (&["train", "--optimizer", "adamw", "--momentum", "0.9"], "no --momentum with --optimizer adamw"),
        (
            &["train", "--beta1", "0.9"],
            "no --beta1 with --optimizer sgd, which has none, or --optimizer adamw",
        ),
        (&["train", "--schedule", "one-cycle", "--warmup", "1"], "warm-up of its own"),
        (&["train", "--nesterov", "--momentum", "0"], "--momentum above 0"),
        (
            &["sweep", "--data", ".", "--grid", "epochs=1,2", "--optimizer", "adamw", "--momentum", "0.9"],
            "no --momentum with",
        ),
        (&["train", "--l1", "0.5"], "--weight-decay"),
        (&["train", "--batch-norm"], "--norm batch"),
        (&["train", "--lr", "0.5"], "--learning-rate"),
        (&["train", "--grid", "epochs=1,2"], "`sweep` has"),
        (&["train", "--hidden-dims", "none", "3"], "--hidden-dims none"),
        (&["train", "--hidden-dims", "784-128-10"], "128x64"),
        (
            &["sweep", "hidden_dim", "learning_rate"],
            "--grid hidden_dim=32,64,128,256,512 --grid learning_rate=",
        ),
        (&["train", "."], "chainrule train --data ."),
        (&["hidden-dim"], "chainrule sweep hidden_dim"),
    ] {
        let output = chainrule(folder.path(), args);
        let stderr = text(&output.stderr);
        assert_eq!(code(&output), 2, "{args:?}: {stderr}");
        assert!(stderr.contains(typed) && stderr.starts_with("error: "), "{args:?}: {stderr}");
        assert!(!stderr.contains("Usage: chainrule <COMMAND>"), "{args:?}: {stderr}");
    }
}

#[test]
fn a_mistake_in_a_config_file_exits_with_2() {
    let folder = folder();
    for config in ["epochs = \"many\"", "epochs = -1", "momentum = 7", "epochz = 1", "epochs = ["] {
        let config = format!("data = \".\"\n{config}");
        std::fs::write(folder.path().join("c.toml"), &config).unwrap();
        let output = chainrule(folder.path(), &["train", "--config", "c.toml"]);
        assert_eq!(code(&output), 2, "{config}: {}", text(&output.stderr));
        std::fs::write(folder.path().join("p.toml"), format!("{config}\n[grid]\nseed = [1, 2]\n")).unwrap();
        let output = chainrule(folder.path(), &["sweep", "--plan", "p.toml"]);
        assert_eq!(code(&output), 2, "{config}: {}", text(&output.stderr));
    }
}

#[test]
fn control_characters_reach_neither_the_terminal_nor_the_config() {
    let folder = folder();
    let out = "a\n[grid]\nb\u{1b}[31m 'c";
    let output = train(folder.path(), &["--out", out, "--run-id", "first"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains(['\u{1b}', '\r']) && text(&output.stderr).contains("\\n[grid]"));
    let config = folder.path().join(out).join("first/config.toml");
    let written = std::fs::read_to_string(&config).unwrap();
    assert!(!written.lines().any(|line| line == "[grid]"), "{written}");
    assert_eq!(
        code(&chainrule(
            folder.path(),
            &["train", "--config", config.to_str().unwrap(), "--run-id", "second"]
        )),
        0
    );
    for args in [
        &["train", "--data", "x\u{1b}[31m\ny"][..],
        &["train", "--\u{1b}[31m"],
        &["train", "--run-id", "\u{1b}[31m"],
        &["train", "--config", "\u{1b}[31m"],
        &["train", "--activation", "\u{1b}[31m"],
        &["info", "\u{1b}[31m"],
        &["info", out],
        &["plot", "\u{1b}[31m"],
        &["runs", "\u{1b}[31m"],
        &["bench", "--quick", "--nets", "tiny", "--only", "predict", "--data", "\u{1b}[31m"],
        &["\u{1b}[31m"],
    ] {
        let output = chainrule(folder.path(), args);
        let shown = text(&output.stderr) + &text(&output.stdout);
        assert!(!shown.contains('\u{1b}'), "{args:?}: {shown:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_command_in_a_config_file_can_be_copied() {
    let folder = folder();
    let output = train(folder.path(), &["--out", "my 'results'", "--run-id", "first", "--quiet"]);
    assert_eq!(code(&output), 0);
    let config = std::fs::read_to_string(folder.path().join("my 'results'/first/config.toml")).unwrap();
    let command = config.lines().next().unwrap().split_once("repeat with: ").unwrap().1;
    let line = format!("chainrule() {{ '{CHAINRULE}' \"$@\"; }}; {command} --run-id second");
    let output = launch("bash", folder.path()).args(["-c", &line]).output().unwrap();
    assert_eq!(code(&output), 0, "{command}: {}", text(&output.stderr));
}

#[test]
fn a_tilde_is_the_home_folder_wherever_a_path_is_given() {
    let folder = folder();
    let home = folder.path();
    std::fs::write(home.join("c.toml"), "data = \"~\"\nout = \"~/r\"\nepochs = 1\nhidden_dims = \"4\"\n")
        .unwrap();
    for args in [
        &["train", "--config=~/c.toml", "--run-id", "a"][..],
        &["train", "--data=~/", "--out=~/r", "--epochs=1", "--run-id", "b"],
        &["info", "~/r/a"],
        &["runs", "~/r"],
        &["plot", "~/r/a", "--out=~/drawn"],
        &["man", "~/man"],
    ] {
        let output = launch(CHAINRULE, home).args(args).env("HOME", home).output().unwrap();
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    }
    let variable = launch(CHAINRULE, home)
        .args(["train", "--out=~/r", "--epochs=1", "--run-id", "c"])
        .env("HOME", home)
        .env("CHAINRULE_DATA", "~/.")
        .output()
        .unwrap();
    assert_eq!(code(&variable), 0, "{}", text(&variable.stderr));
    assert!(
        !home.join("~").exists()
            && home.join("r/b/summary.csv").is_file()
            && home.join("drawn/curves.svg").is_file()
    );
    let output =
        launch(CHAINRULE, home).args(["train", "--out=~nobody/x"]).env("HOME", home).output().unwrap();
    assert!(code(&output) == 2 && text(&output.stderr).contains("~nobody/x"), "{}", text(&output.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_terminal_ends_a_run_as_sigterm_does() {
    let folder = folder();
    let args = ["train", "--data", ".", "--epochs", "1000000", "--hidden-dims", "4", "--run-id", "long"];
    // Under nohup, tests and what they start ignore SIGHUP, as a run then should.
    let mut child = launch("env", folder.path())
        .args(["--default-signal=HUP", CHAINRULE])
        .args(args)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let epochs = folder.path().join("results/long/epochs.csv");
    while std::fs::read_to_string(&epochs).unwrap_or_default().lines().count() < 3 {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(
        launch("kill", folder.path()).args(["-HUP", &child.id().to_string()]).status().unwrap().success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let summary = std::fs::read_to_string(folder.path().join("results/long/summary.csv")).unwrap();
    assert!(summary.contains("interrupted"), "{summary}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_beyond_the_size_limit_is_an_error_of_its_write() {
    let folder = folder();
    let line =
        format!("ulimit -f 4; exec '{CHAINRULE}' train --data . --hidden-dims 512 --epochs 1 --run-id big");
    let output = launch("bash", folder.path()).args(["-c", &line]).output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write") && stderr.contains("too large"), "{stderr}");
}

#[test]
fn numbers_on_the_terminal_are_separated_and_say_what_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let args =
        ["train", "--data", "synthetic", "--epochs", "1", "--hidden-dims", "none", "--val-split", "0.1"];
    let stderr = text(&chainrule(folder.path(), &args).stderr);
    let first = stderr.lines().next().unwrap();
    assert!(first.contains(" training, ") && first.contains(" validation and "), "{first}");
    assert!(first.contains(" parameters") && !first.contains("relu"), "{first}");
    assert!(first.contains(" test samples; ") && !first.contains("images"), "{first}");
    assert!(
        !first.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 4 || digits.len() == 5),
        "{first}"
    );
}

#[test]
fn info_shows_the_machine_a_run_and_a_sweep() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(code(&train(path, &["--run-id", "first"])), 0);
    let sweep =
        ["sweep", "--data", ".", "--epochs", "1", "--grid", "learning_rate=0.1,0.01", "--sweep-id", "rates"];
    assert_eq!(code(&chainrule(path, &sweep)), 0);
    for (args, words) in [
        (&["info"][..], &["cores", "engine", "chainrule"][..]),
        (
            &["info", "results/first"],
            &["run_id", "status", "ok", "test_accuracy", "curves.svg", "chainrule train --config"],
        ),
        (&["info", "results/rates"], &["2 ok", "learning_rate: 0.01, 0.1", "chainrule runs"]),
        (&["info", "."], &["images", "255"]),
        (&["info", "results/first/model.safetensors"], &["16-4-3"]),
        (&["info", "t10k-labels-idx1-ubyte"], &["50 labels"]),
        (&["info", "synthetic"], &["60,000 images"]),
    ] {
        let output = chainrule(path, args);
        let shown = text(&output.stdout);
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
        assert!(words.iter().all(|word| shown.contains(word)), "{args:?}: {shown}");
        let json = text(&chainrule(path, &[args, &["--json"]].concat()).stdout);
        assert!(json.starts_with('{') && json.trim_end().ends_with('}'), "{args:?}: {json}");
    }
}

#[test]
fn runs_sorts_and_chooses_columns() {
    let folder = folder();
    let path = folder.path();
    for (id, rate) in [("slow", "0.0001"), ("good", "0.1"), ("bad", "0.001")] {
        assert_eq!(code(&train(path, &["--run-id", id, "--learning-rate", rate, "--quiet"])), 0);
    }
    let runs = |args: &[&str]| {
        let output = chainrule(path, &[&["runs"], args].concat());
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let all = runs(&[]);
    assert_eq!(all.lines().count(), 4, "{all}");
    assert!(all.lines().next().unwrap().contains("learning_rate") && all.contains("1e-4"), "{all}");
    let columns = ["--sort", "learning-rate", "--columns", "run_id,learning_rate"];
    assert_eq!(
        runs(&columns),
        "run_id  learning_rate\nslow             1e-4\nbad             0.001\ngood              0.1\n"
    );
    let best = runs(&["results", "--sort", "test_accuracy", "--top", "1"]);
    assert!(best.lines().count() == 2 && best.contains("good"), "{best}");
    assert!(runs(&["--json", "--top", "1"]).contains("\"run_id\": \"slow\""));
    let output = chainrule(path, &["runs", "--sort", "acuracy"]);
    assert!(code(&output) == 2 && text(&output.stderr).contains("--columns all"), "{}", text(&output.stderr));
    std::fs::remove_file(path.join("results/runs.csv")).unwrap();
    let output = chainrule(path, &["runs"]);
    assert!(text(&output.stderr).contains("chainrule runs results --rebuild"), "{}", text(&output.stderr));
    assert_eq!(runs(&["results", "--rebuild", "--columns", "run_id"]).lines().count(), 4);
}

#[test]
fn completions_and_man_pages_are_written() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = chainrule(folder.path(), &["completions", shell]);
        let script = text(&output.stdout);
        assert!(
            code(&output) == 0 && script.contains("learning-rate") && script.contains("gradcheck"),
            "{shell}"
        );
    }
    let output = chainrule(folder.path(), &["man", "share/man1"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    for page in ["chainrule.1", "chainrule-train.1", "chainrule-sweep-merge.1", "chainrule-runs.1"] {
        let page = std::fs::read_to_string(folder.path().join("share/man1").join(page)).unwrap();
        assert!(page.contains(".TH"), "{page}");
    }
}
