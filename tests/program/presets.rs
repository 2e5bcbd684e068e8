//! `--preset`, and `train --dry-run`

use std::fs;

use chainrule::config::{PRESETS, Settings};

use crate::ended::{ended, ended_line};
use crate::numbers::Numbers;
use crate::small_data::small_data;

fn table(text: &str) -> toml::Table {
    toml::from_str(text).unwrap()
}

#[test]
fn a_dry_run_prints_the_settings_of_a_preset_as_a_config_that_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for preset in PRESETS {
        let (printed, _) = ended(path, &["train", "--preset", preset.name, "--dry-run"], 0);
        fs::write(path.join("printed.toml"), &printed).unwrap();
        let (again, _) = ended(path, &["train", "--config", "printed.toml", "--dry-run"], 0);
        assert_eq!(again, printed, "{}", preset.name);
        let [all, own] = [&printed, preset.text].map(|text| Settings::from_table(table(text), text).unwrap());
        for key in table(preset.text).keys() {
            assert_eq!(all.get(key), own.get(key), "{}: {key}", preset.name);
        }
        let (help, _) = ended(path, &["train", "--help"], 0);
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line(&help).contains(&format!("{}: {}", preset.name, line(preset.about()))), "{help}");
        let (completions, _) = ended(path, &["completions", "fish"], 0);
        assert!(completions.contains(preset.about()), "{}", preset.name);
    }
    assert!(!path.join("results").exists());
}

#[test]
fn flags_and_files_override_a_preset_and_unknown_names_list_the_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("mine.toml"), "epochs = 7\nbatch_size = 32\n").unwrap();
    let args = ["--preset", "course", "--config", "mine.toml", "--batch-size", "16", "--dry-run"];
    let printed = table(&ended(path, &[&["train"], &args[..]].concat(), 0).0);
    let found = ["epochs", "batch_size"].map(|name| printed[name].as_integer());
    assert_eq!((found, printed["momentum"].as_float()), ([Some(7), Some(16)], Some(0.9)));
    let printed = table(&ended(path, &["train", "--preset", "course", "--quick", "--dry-run"], 0).0);
    assert_eq!(printed["epochs"].as_integer(), Some(3));
    for command in ["train", "sweep"] {
        let (_, message) = ended(path, &[command, "--preset", "corse"], 2);
        assert!(message.contains("'corse'") && message.contains("course"), "{message}");
    }
    let table = format!(
        "train --data {} --target species --preset",
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples/trees.csv")
    );
    let (_, message) =
        ended_line(path, &format!("{table} good --ignore id --categorical auto --missing median"), 2);
    assert!(message.contains("flip is true in preset good, line "), "{message}");
    ended(path, &["train", "--resume", "a", "--preset", "course"], 2);
    ended(path, &["train", "--resume", "a", "--dry-run"], 2);
}

#[test]
fn a_dry_run_refuses_and_warns_of_what_a_run_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for given in ["--optimizer adamw --momentum 0.9", "--preset best --momentum 0.9"] {
        let (_, message) = ended_line(path, &format!("train {given} --dry-run"), 2);
        assert!(message.contains("expected no --momentum with --optimizer adamw"), "{message}");
    }
    for (given, warning) in [
        ("--warmup 5 --epochs 2", "--warmup"),
        ("--decay-bias false", "--decay-bias false has no effect without --weight-decay, which is 0"),
        ("--hidden-dims none --activation gelu", "--activation gelu has no effect with --hidden-dims none"),
    ] {
        let (_, stderr) = ended_line(path, &format!("train {given} --dry-run"), 0);
        assert!(stderr.starts_with("warning: ") && stderr.contains(warning), "{given}: {stderr}");
        let (_, stderr) = ended_line(path, &format!("train {given} --dry-run --quiet"), 0);
        assert_eq!(stderr, "", "{given}");
    }
    let (_, stderr) = ended(path, &["train", "--preset", "best", "--dry-run"], 0);
    assert_eq!(stderr, "");
}

#[test]
fn the_presets_for_images_train() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    for preset in ["good", "best"] {
        let train = format!(
            "train -q --data . --preset {preset} --epochs 40 --hidden-dims 32x32x32 --batch-size 20 --print json"
        );
        let summary: serde_json::Value = serde_json::from_str(&ended_line(path, &train, 0).0).unwrap();
        // A third of the images are of each class.
        assert!(summary["test_accuracy"].as_f64().unwrap() > 0.6, "{preset}: {summary}");
    }
}

#[test]
fn a_run_keeps_the_values_of_its_preset_and_its_report_repeats_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    let train = ["train", "--data", ".", "--preset", "course", "--epochs", "2", "--hidden-dims", "5", "-q"];
    ended(path, &[&train[..], &["--run-id", "a"]].concat(), 0);
    let config = fs::read_to_string(path.join("results/a/config.toml")).unwrap();
    assert!(config.contains("learning_rate = 0.01\n") && !config.contains("preset"), "{config}");
    let report = fs::read_to_string(path.join("results/a/report.md")).unwrap();
    let command = report.lines().find_map(|line| line.strip_prefix("    chainrule train ")).unwrap();
    let flags: Vec<&str> = command.split(' ').collect();
    ended(path, &[&["train", "-q", "--run-id", "b"], &flags[..]].concat(), 0);
    let [a, b] =
        ["a", "b"].map(|id| fs::read(path.join("results").join(id).join("model.safetensors")).unwrap());
    assert!(a == b, "{command}");
}

#[test]
fn the_preset_for_tables_learns_a_rule_that_no_line_separates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Two columns in [−1, 1], whose product decides the class, and a third that decides none: no linear rule is right for
    // more than about half of the rows.
    let mut numbers = Numbers::new(1);
    let rows: String = (0..1000)
        .map(|_| {
            let [a, b, c] = std::array::from_fn::<f64, 3, _>(|_| numbers.symmetric());
            format!("{a},{b},{c},{}\n", if a * b > 0.0 { "same" } else { "opposite" })
        })
        .collect();
    fs::write(path.join("signs.csv"), format!("a,b,c,target\n{rows}")).unwrap();
    let train = ["train", "-q", "--data", "signs.csv", "--test-split", "0.3", "--print", "json"];
    let accuracy = |flags: &[&str]| {
        let (printed, _) = ended(path, &[&train[..], flags].concat(), 0);
        serde_json::from_str::<serde_json::Value>(&printed).unwrap()["test_accuracy"].as_f64().unwrap()
    };
    let linear = accuracy(&["--preset", "table", "--hidden-dims", "none"]);
    let table = accuracy(&["--preset", "table", "--seed", "1"]);
    assert!(linear < 0.65 && table > 0.95, "{linear} {table}");
}

#[test]
fn the_preset_for_tables_trains_on_categories_numbers_to_predict_and_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    let trees = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/trees.csv");
    let summary = |flags: &str| {
        let train = ["train", "-q", "--preset", "table", "--print", "json"];
        let (printed, _) = ended(path, &[&train[..], &flags.split(' ').collect::<Vec<_>>()[..]].concat(), 0);
        serde_json::from_str::<serde_json::Value>(&printed).unwrap()
    };
    let table = format!("--data {trees} --ignore id --missing median --test-split 0.3 --seed 1");
    let species = summary(&format!("{table} --target species --categorical auto"));
    assert!(species["test_accuracy"].as_f64().unwrap() > 0.85, "{species}");
    let heights = format!("{table} --target height_m --categorical bark,species");
    let refused = [&["train", "--preset", "table"], &heights.split(' ').collect::<Vec<_>>()[..]].concat();
    let (_, message) = ended(path, &refused, 2);
    assert!(message.contains("label-smoothing is 0.05 in preset table, line "), "{message}");
    assert!(message.contains(", expected 0, since these labels are numbers to predict"), "{message}");
    let heights = summary(&format!("{heights} --label-smoothing 0"));
    assert!(heights["test_r2"].as_f64().unwrap() > 0.9, "{heights}");
    let images = summary("--data . --epochs 20");
    assert!(images["test_accuracy"].as_f64().unwrap() > 0.9, "{images}");
}

#[test]
fn a_sweep_varies_settings_of_a_preset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sweep = ["sweep", "hidden_dim", "--data", "synthetic", "--dry-run"];
    let plain = ended(path, &sweep, 0);
    // The course is the default run, so its sweep has the same plan, whose hash the folder's name has.
    let (stdout, stderr) = ended(path, &[&sweep[..], &["--preset", "course"]].concat(), 0);
    let first = |stderr: &str| stderr.lines().next().unwrap().to_owned();
    assert_eq!((stdout, first(&stderr)), (plain.0, first(&plain.1)));
}
