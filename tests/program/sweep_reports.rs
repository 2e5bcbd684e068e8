//! What a sweep says of its trials: on the terminal, in report.md and in its pictures

use std::fs;
use std::path::Path;
use std::process::Output;

use chainrule::tables::reader::Table;

use crate::launch::{CHAINRULE, launch};

/// Settings of a small net on a small table with test data
const BASE: [&str; 6] = ["--data", "t.csv", "--hidden-dims", "3", "--test-split", "0.2"];
/// Settings of a small net on a table without test data
const UNTESTED: [&str; 6] = ["--data", "t.csv", "--hidden-dims", "3", "--epochs", "2"];

/// Runs a command that ends with this exit code, and returns standard error
fn ended(folder: &Path, args: &[&str], code: i32) -> String {
    let Output { status, stderr, .. } = launch(CHAINRULE, folder).args(args).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{args:?}: {stderr}");
    stderr
}

/// Runs a sweep with the base settings in `results/NAME`, and returns standard error
fn sweep(folder: &Path, name: &str, more: &[&str], code: i32) -> String {
    let epochs = if more.contains(&"--epochs") { &[][..] } else { &["--epochs", "2"] };
    ended(folder, &[&["sweep"], &BASE[..], epochs, more, &["--sweep-id", name]].concat(), code)
}

/// The cells of a column
fn column(path: &Path, name: &str) -> Vec<String> {
    let table = Table::read(path).unwrap();
    let column = table.need(name).unwrap();
    table.rows().map(|row| row.text(column).to_owned()).collect()
}

fn report(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("results").join(name).join("report.md")).unwrap()
}

fn write_table(folder: &Path) {
    let row = |i: usize| format!("{},{},{}\n", i % 7, i % 5, ["a", "b"][i % 2]);
    let rows: String = (0..60).map(row).collect();
    fs::write(folder.join("t.csv"), format!("x1,x2,label\n{rows}")).unwrap();
}

#[test]
fn a_halving_in_which_all_trials_diverge_says_so_and_has_no_empty_cells_or_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let halving = ["--halving", "2", "--val-split", "0.3", "--epochs", "4"];
    let rates = |rates| ["--grid", rates];
    let stderr = sweep(path, "all", &[&halving[..], &rates("learning_rate=1e6,2e6,3e6,4e6")].concat(), 4);
    assert!(
        stderr.contains("rungs: 4 trials in rung 1, which none ended; 0 of 16 epochs (0 %)\n"),
        "{stderr}"
    );
    let text = report(path, "all");
    for part in [
        "None: no trial ended with metrics.",
        "No trial has ended the first rung, so none went on.",
        "| 1 | none ended it | 4 | 4 |\n",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!path.join("results/all/halving.png").exists() && !text.contains("halving.svg"), "{text}");
    // Where some go on, the picture is there. The plan knows after which epoch the rung ended at which none stayed.
    let stderr = sweep(path, "some", &[&halving[..], &rates("learning_rate=1e6,0.1,0.01,4e6")].concat(), 4);
    assert!(stderr.contains("rungs: 4 trials to epoch 1, 2 to 2, 1 to 4; "), "{stderr}");
    let text = report(path, "some");
    assert!(text.contains("| 1 | 1 | 4 | 2 |\n") && text.contains("halving.svg"), "{text}");
    let picture = fs::read_to_string(path.join("results/some/halving.svg")).unwrap();
    assert!(picture.contains(">2 diverged (2 unscored)<"), "{picture}");
    assert!(path.join("results/some/halving.png").is_file());
    let info = launch(CHAINRULE, path).args(["info", "results/some"]).output().unwrap().stdout;
    let info = String::from_utf8(info).unwrap();
    assert!(info.contains("rungs       4 trials to epoch 1, 2 to 2, 1 to 4; "), "{info}");
}

#[test]
fn a_sample_over_optimizers_and_their_settings_trains_each_with_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let axes = ["--grid", "optimizer=sgd,adamw", "--grid", "momentum=0..0.8", "--grid", "beta1=0.1..0.8"];
    let stderr = sweep(path, "grid", &[&axes[..2], &["--grid", "momentum=0,0.5"]].concat(), 2);
    let said = "optimizer adamw does not use momentum, so trials that differ in momentum would be equal; --sample 30 draws";
    assert!(stderr.contains(said), "{stderr}");
    sweep(path, "drawn", &[&axes[..], &["--sample", "6", "--quiet"]].concat(), 0);
    let runs = path.join("results/drawn/runs.csv");
    let [optimizer, momentum, beta1] = ["optimizer", "momentum", "beta1"].map(|name| column(&runs, name));
    for ((optimizer, momentum), beta1) in optimizer.iter().zip(&momentum).zip(&beta1) {
        let unused = if optimizer == "sgd" { [beta1, momentum] } else { [momentum, beta1] };
        assert!(unused[0] == "0.9" && unused[1] != "0.9", "{optimizer} {momentum} {beta1}");
    }
    assert!(["sgd", "adamw"].iter().all(|name| optimizer.iter().any(|other| other == name)), "{optimizer:?}");
    // The plan reads back to the same trials.
    let again = ["sweep", "--plan", "results/drawn/plan.toml", "--sweep-id", "drawn", "--resume"];
    assert!(ended(path, &again, 0).contains("6 trials, 6 of them ended before"));
}

#[test]
fn the_plan_says_whether_trials_were_drawn_and_without_it_their_number_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let axes = ["--grid", "learning_rate=log:1e-3..1e-1", "--grid", "momentum=0..0.9", "--quiet"];
    sweep(path, "drawn", &[&axes[..], &["--sample", "3"]].concat(), 0);
    let is_there = |name: &str, file: &str| path.join("results").join(name).join(file).is_file();
    assert!(is_there("drawn", "samples.png") && !is_there("drawn", "heatmap.png"));
    let plan = path.join("results/drawn/plan.toml");
    assert!(fs::read_to_string(&plan).unwrap().lines().nth(1) == Some("sampled = true"));
    // A person's own list of trials, of which each has another value, was not drawn.
    let trial = |i: u32| format!("[[trial]]\nlearning_rate = 0.0{i}\nmomentum = 0.{i}\n");
    let listed: String = (1..=8).map(trial).collect();
    fs::write(path.join("plan.toml"), listed).unwrap();
    sweep(path, "listed", &["--plan", "plan.toml", "--quiet"], 0);
    assert!(!is_there("listed", "samples.png") && is_there("listed", "heatmap.png"));
    let text = report(path, "listed");
    assert!(text.contains("- `momentum`: 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8\n"), "{text}");
    // Without plans, many values are taken for a sample, and few for a list.
    for (name, picture) in [("drawn", "heatmap.png"), ("listed", "samples.png")] {
        fs::remove_file(path.join("results").join(name).join("plan.toml")).unwrap();
        ended(path, &["plot", &format!("results/{name}"), "--quiet"], 0);
        assert!(is_there(name, picture), "{name}");
    }
}

#[test]
fn trials_without_validation_and_test_samples_have_nothing_to_be_compared_by() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let args = [&["sweep"], &UNTESTED[..], &["--grid", "learning_rate=0.01,0.1", "--sweep-id", "s"]].concat();
    let stderr = ended(path, &args, 0);
    let said = "trials have neither validation samples nor test samples, so there is nothing to compare them by; --val-split \
                0.1 holds out training samples for it, or give --test-data or --test-split";
    assert!(stderr.contains(&format!("no best: {said}\n")), "{stderr}");
    let text = report(path, "s");
    assert!(text.contains(&format!("None: {said}.\n")) && !text.contains("ended with metrics"), "{text}");
    let Output { stdout, .. } = launch(CHAINRULE, path).args(["info", "results/s"]).output().unwrap();
    assert!(String::from_utf8(stdout).unwrap().contains(&format!("no best: {said}\n")));
}

#[test]
fn the_best_epoch_without_samples_to_find_it_on_is_an_error_without_a_warning_of_the_test_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    for (command, code) in [(&["train"][..], 2), (&["sweep", "--seeds", "2"], 4)] {
        let stderr = ended(path, &[command, &UNTESTED, &["--keep", "best"]].concat(), code);
        assert!(stderr.contains("samples to compare epochs on") && !stderr.contains("warning"), "{stderr}");
    }
}

#[test]
fn a_warm_up_or_an_average_that_the_epochs_do_not_reach_has_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let of = |command: &[&str], more: &[&str]| {
        ended(path, &[command, &BASE, &["--epochs", "2"], more].concat(), 0)
    };
    let warning = "warning: --warmup 2 is as long as the training, so only the last batch has the full learning rate, with \
                   --epochs 2; give a smaller --warmup or more --epochs\n";
    assert!(of(&["train"], &["--warmup", "2"]).contains(warning));
    assert!(!of(&["train"], &["--warmup", "1.9"]).contains("warning"));
    let dry = ["sweep", "--dry-run"];
    let stderr = of(&dry, &["--warmup", "2", "--seeds", "3"]);
    assert!(stderr.contains(warning) && stderr.matches("warning").count() == 1, "{stderr}");
    let stderr = of(&dry, &["--grid", "warmup=0,1,2,3"]);
    assert!(stderr.contains("warning: t0002: --warmup 2 is as long"), "{stderr}");
    assert!(stderr.contains("more --epochs (and 1 other trial has a warning like it)\n"), "{stderr}");
    let stderr = of(&dry, &["--grid", "warmup=0,2", "--seeds", "3"]);
    assert!(stderr.contains("warning: t0003 and 2 other trials: --warmup 2 is as long"), "{stderr}");
    assert!(stderr.contains("more --epochs\n") && !stderr.contains("like it"), "{stderr}");
    let stderr = of(&dry, &["--grid", "swa=0,2,3"]);
    assert!(stderr.contains("warning: t0002: --swa 3 averages from epoch 3 on"), "{stderr}");
    assert!(of(&dry, &["--grid", "swa=0,3", "--quiet"]).is_empty());
}

#[test]
fn settings_of_hidden_layers_without_hidden_layers_have_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let of = |command: &[&str], more: &[&str]| {
        ended(
            path,
            &[command, &["--data", "t.csv", "--test-split", "0.2", "--epochs", "1"], more].concat(),
            0,
        )
    };
    let none = ["--hidden-dims", "none", "--norm", "batch"];
    let warning = "warning: --norm batch has no effect with --hidden-dims none, which has no hidden layers\n";
    assert!(of(&["train"], &none).contains(warning));
    let stderr = of(&["train"], &[&none[..], &["--dropout", "0.2"]].concat());
    assert!(stderr.contains("warning: --norm batch and --dropout 0.2 have no effect"), "{stderr}");
    for accepted in [&["--norm", "batch"][..], &["--hidden-dims", "none", "--input-dropout", "0.1"]] {
        assert!(!of(&["train"], accepted).contains("warning"));
    }
    let grid = ["--norm", "layer", "--grid", "hidden_dims=none,8"];
    let stderr = of(&["sweep", "--dry-run"], &grid);
    assert!(stderr.contains("warning: t0000: --norm layer has no effect"), "{stderr}");
    let grid = ["--hidden-dims", "none", "--grid", "dropout=0,0.1,0.2"];
    let stderr = of(&["sweep", "--dry-run"], &grid);
    assert!(stderr.contains("warning: t0001: --dropout 0.1 has no effect"), "{stderr}");
    assert!(stderr.contains("(and 1 other trial has a warning like it)"), "{stderr}");
}

#[test]
fn the_report_lists_the_settings_that_are_not_the_defaults_and_those_that_matter_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    let more = ["--grid", "momentum=0,0.5", "--weight-decay", "1e-4", "--val-split", "0.3", "--epochs", "1"];
    sweep(path, "s", &[&more[..], &["--quiet"]].concat(), 0);
    let text = report(path, "s");
    let line =
        text.lines().find(|line| line.starts_with("- the same for all: `hidden_dims` 3, `activation` relu,"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    for part in
        ["`learning_rate` 0.01", "`weight_decay` 1e-4", "`val_split` 0.3", "`optimizer` sgd", "`data` t.csv"]
    {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(
        !line.contains("patience")
            && line.ends_with("; all other settings have their defaults, which `runs.csv` lists")
    );
}
