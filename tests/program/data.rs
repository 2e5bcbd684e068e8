//! Data sets, model files and settings as people have them, damaged or unusual

use std::path::Path;
use std::process::Output;

use crate::idx_files::{gzip, idx_bytes};
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

fn chainrule(folder: &Path, args: &[&str]) -> Output {
    launch(CHAINRULE, folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    folder
}

/// Standard output of a command that must succeed
#[track_caller]
fn done(folder: &Path, args: &[&str]) -> String {
    let output = chainrule(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The message of a command that must end with this exit code
#[track_caller]
fn refused(folder: &Path, args: &[&str], code: i32) -> String {
    let output = chainrule(folder, args);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// Moves the four files to other names
fn rename(folder: &Path, to: impl Fn(&str, &str) -> String) {
    for part in ["train", "t10k"] {
        for (what, old) in [("images", "idx3-ubyte.gz"), ("labels", "idx1-ubyte")] {
            std::fs::rename(folder.join(format!("{part}-{what}-{old}")), folder.join(to(part, what)))
                .unwrap();
        }
    }
}

#[test]
fn the_names_that_data_sets_come_with_are_found() {
    let dotted = folder();
    rename(dotted.path(), |part, what| {
        format!("{part}-{what}.idx{}-ubyte", if what == "images" { 3 } else { 1 })
    });
    // Kaggle's copy has folders of the same names beside the files.
    std::fs::create_dir(dotted.path().join("train-images-idx3-ubyte")).unwrap();
    assert!(done(dotted.path(), &["info", "."]).contains("200 images"));
    let emnist = folder();
    let name = |set: &'static str| {
        move |part: &str, what: &str| {
            let (part, n) =
                (if part == "t10k" { "test" } else { part }, if what == "images" { 3 } else { 1 });
            format!("emnist-{set}-{part}-{what}-idx{n}-ubyte")
        }
    };
    rename(emnist.path(), name("letters"));
    assert!(done(emnist.path(), &["info", "."]).contains("200 images"));
    // The number is that of dimensions, where flat images have two, and the type is another where elements are no bytes.
    for number in ["2", "5"] {
        let other = folder();
        rename(other.path(), |part, what| format!("{part}-{what}-idx{number}-ubyte"));
        assert!(done(other.path(), &["info", "."]).contains("test        50 images"), "{number}");
    }
    let typed = folder();
    rename(typed.path(), |part, what| format!("set-{part}-{what}.idx1-float.gz"));
    assert!(done(typed.path(), &["info", "."]).contains("test        50 images"));
    let two = typed.path().join("set-train-images-idx2-double");
    std::fs::copy(typed.path().join("set-train-images.idx1-float.gz"), two).unwrap();
    let message = refused(typed.path(), &["train", "--data", "set"], 1);
    let said =
        "has the files set-train-images-idx2-double, set-train-images.idx1-float, expected one of them";
    assert!(message.contains(said), "{message}");
    let run = ["train", "--epochs", "1", "--quiet", "--data"];
    done(emnist.path(), &[&run[..], &["./emnist-letters"]].concat());
    small_data(emnist.path());
    rename(emnist.path(), name("digits"));
    let message = refused(emnist.path(), &["info", "."], 1);
    assert!(message.contains("has 2 data sets") && message.contains("--data ./emnist-digits"), "{message}");
    done(emnist.path(), &[&run[..], &["emnist-digits"]].concat());
    let message = refused(emnist.path(), &[&run[..], &["emnist-nothing"]].concat(), 1);
    assert!(message.contains("cannot read emnist-nothing"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_path_that_does_not_exist_is_no_folder_without_images() {
    let empty = tempfile::tempdir().unwrap();
    let run = ["train", "--epochs", "1", "--quiet", "--data"];
    assert!(refused(empty.path(), &[&run[..], &["."]].concat(), 1).contains("no data set"));
    std::os::unix::fs::symlink("nowhere", empty.path().join("link")).unwrap();
    for absent in ["nothing", "no/thing", "link"] {
        for more in [&[][..], &["--target", "y"]] {
            let message = refused(empty.path(), &[&run[..], &[absent], more].concat(), 1);
            let said = format!("cannot read {absent}: No such file or directory");
            assert!(message.contains(&said), "{message}");
        }
    }
}

#[test]
fn labels_0_and_255_are_two_classes_that_keep_their_names() {
    let folder = folder();
    for (part, len) in [("train", 200_u32), ("t10k", 50)] {
        let labels: Vec<u8> = (0..len).map(|i| if i % 3 == 0 { 255 } else { 0 }).collect();
        std::fs::write(folder.path().join(format!("{part}-labels-idx1-ubyte")), idx_bytes(&[len], &labels))
            .unwrap();
    }
    done(folder.path(), &["train", "--data", ".", "--epochs", "1", "--run-id", "two", "--quiet"]);
    let classes = std::fs::read_to_string(folder.path().join("results/two/classes.csv")).unwrap();
    let names: Vec<_> = classes.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names, ["0", "255"]);
    assert!(done(folder.path(), &["info", "results/two/model.safetensors"]).contains("16-128-64-2"));
}

#[cfg(unix)]
#[test]
fn a_fifo_as_class_names_is_refused() {
    let folder = folder();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("classes.txt")).status().unwrap();
    assert!(made.success());
    for args in [&["info", "."][..], &["train", "--data", "."]] {
        let message = refused(folder.path(), args, 1);
        assert!(message.contains("classes.txt: is a FIFO, expected a file"), "{message}");
    }
}

#[test]
fn zeros_behind_a_gzip_file_are_padding() {
    let folder = folder();
    let path = folder.path().join("train-images-idx3-ubyte.gz");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &[0; 1024]].concat()).unwrap();
    assert!(done(folder.path(), &["info", "."]).contains("200 images"));
    std::fs::write(&path, [&whole[..], b"\n"].concat()).unwrap();
    assert!(refused(folder.path(), &["info", "."], 1).contains("other bytes follow the gzip stream"));
    std::fs::write(&path, gzip(&whole)).unwrap();
    assert!(refused(folder.path(), &["info", "."], 1).contains("IDX magic"));
}

#[test]
fn a_model_file_with_fields_out_of_range_is_refused_by_their_names() {
    let folder = folder();
    done(
        folder.path(),
        &["train", "--data", ".", "--epochs", "1", "--hidden-dims", "2", "--run-id", "m", "--quiet"],
    );
    let whole = std::fs::read(folder.path().join("results/m/model.safetensors")).unwrap();
    let header_len = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let (header, data) = whole[8..].split_at(header_len);
    let header = text(header);
    for (from, to, message) in [
        ("\"format_version\":\"2\"", "\"format_version\":\"0\"", "`format_version`: is `0`"),
        ("\"features\":\"16\"", "\"features\":\"0\"", "`features`: is `0`"),
        ("\"classes\":\"3\"", "\"classes\":\"0\"", "`classes`: is `0`"),
        ("\"classes\":\"3\"", "\"classes\":\"1\"", "`classes`: is `1`"),
        ("\\\"1\\\"", "\\\"0\\\"", "`class_names`: entry 2: `0`"),
        ("\\\"1\\\"", "\\\"\\\"", "`class_names`: entry 2: an empty name"),
        (
            "\"shape\":[2,16]",
            "\"shape\":[0,18446744073709551615]",
            "0.weight: has shape [0, 18446744073709551615]",
        ),
        ("\"2.bias\":", "\"0.bias\":", "0.bias: is there twice"),
        (
            "\"0.bias\":",
            "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"0.bias\":",
            "0.bias: is there twice",
        ),
    ] {
        let changed = header.replacen(from, to, 1);
        assert_ne!(changed, header, "{from}");
        let bytes = [&(changed.len() as u64).to_le_bytes(), changed.as_bytes(), data].concat();
        std::fs::write(folder.path().join("m.safetensors"), bytes).unwrap();
        let stderr = refused(folder.path(), &["info", "m.safetensors"], 1);
        assert!(stderr.contains(message) && stderr.contains("m.safetensors: "), "{to}: {stderr}");
    }
    let torch = [b"PK\x03\x04", &[0; 26][..], b"net/data.pkl", &[0; 400]].concat();
    std::fs::write(folder.path().join("net.pt"), torch).unwrap();
    let stderr = refused(folder.path(), &["info", "net.pt"], 1);
    assert!(stderr.contains("net.pt: is a PyTorch file"), "{stderr}");
}

#[test]
fn settings_that_f32_cannot_hold_are_refused_wherever_they_are_given() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("config.toml", "momentum = 0.99999999999\n");
    write("plan.toml", "data = \".\"\nepochs = 1\n[grid]\nweight_decay = [0, 1e-60]\n");
    let train = ["train", "--data", ".", "--epochs", "1"];
    let sweep = ["sweep", "--data", ".", "--epochs", "1"];
    for (args, message) in [
        (&[&train[..], &["--learning-rate", "1e-300"]].concat()[..], "1e-300, which is 0 in f32"),
        (&[&train[..], &["--momentum", "0.99999999999"]].concat(), "which is 1 in f32"),
        (&[&train[..], &["--weight-decay", "1e300"]].concat(), "which is infinite in f32"),
        (&[&train[..], &["--learning-rate", "1e-400", "--dtype", "f64"]].concat(), "1e-400"),
        (&[&train[..], &["--config", "config.toml"]].concat(), "which is 1 in f32"),
        (&[&sweep[..], &["--grid", "learning_rate=0.1,1e-300"]].concat(), "which is 0 in f32"),
        (&["sweep", "--plan", "plan.toml"], "which is 0 in f32"),
    ] {
        let stderr = refused(folder.path(), args, 2);
        assert!(stderr.contains(message), "{args:?}: {stderr}");
    }
    done(folder.path(), &[&train[..], &["--learning-rate", "1e-300", "--dtype", "f64", "--quiet"]].concat());
}

#[test]
fn a_weight_decay_that_diverges_is_named() {
    let folder = folder();
    let stderr = refused(folder.path(), &["train", "--data", ".", "--weight-decay", "1e6"], 3);
    assert!(
        stderr.contains("try a --weight-decay") && !stderr.contains("smaller --learning-rate"),
        "{stderr}"
    );
    let stderr = refused(folder.path(), &["train", "--data", ".", "--learning-rate", "1e6"], 3);
    assert!(stderr.contains("try a smaller --learning-rate"), "{stderr}");
}

#[test]
fn memory_is_computed_before_it_is_asked_for() {
    let folder = folder();
    for args in [
        &["gradcheck", "--batch-size", "2147483648"][..],
        &["gradcheck", "--batch-size", "2147483648", "--hidden-dims", "none", "--quiet"],
        &[
            "gradcheck",
            "--features",
            "4000000000",
            "--hidden-dims",
            "none",
            "--classes",
            "2",
            "--batch-size",
            "1000",
        ],
        &["bench", "--quick", "--net", "784-9999999-9999999-10"],
        &["bench", "--quick", "--net", "784-128-10", "--batch-size", "2147483648"],
        &["bench", "--net", "9999999-10"],
        &["train", "--data", ".", "--hidden-dims", "9999999", "9999999"],
    ] {
        let output = chainrule(folder.path(), args);
        let stderr = text(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {stderr}");
        assert!(stderr.contains("memory") || stderr.contains("10^8 parameters"), "{args:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_small_address_space_is_an_error_in_every_command() {
    let folder = folder();
    done(
        folder.path(),
        &["train", "--data", ".", "--epochs", "1", "--hidden-dims", "2", "--run-id", "m", "--quiet"],
    );
    for (limit, args) in [
        (
            600_000,
            &[
                "sweep",
                "--data",
                ".",
                "--epochs",
                "1",
                "--grid",
                "seed=1..1024",
                "--jobs",
                "1024",
                "--sweep-id",
                "s",
            ][..],
        ),
        (
            2_000_000,
            &[
                "sweep",
                "--data",
                ".",
                "--epochs",
                "1",
                "--grid",
                "seed=1..1024",
                "--jobs",
                "1024",
                "--sweep-id",
                "s",
            ],
        ),
        (600_000, &["train", "--data", ".", "--threads", "1024"]),
        (600_000, &["train", "--data", ".", "--hidden-dims", "8000", "8000"]),
        (600_000, &["bench", "--quick", "--threads", "1024"]),
        (600_000, &["gradcheck", "--batch-size", "1000000"]),
        (600_000, &["bench", "--net", "784-20000-10"]),
        (300_000, &["plot", "results/m", "--width", "10000"]),
    ] {
        let limited = format!("ulimit -v {limit}; exec \"$0\" \"$@\"");
        let output =
            launch("sh", folder.path()).args(["-c", &limited, CHAINRULE]).args(args).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{limit} {args:?}: {stderr}");
        assert!(stderr.contains("memory") || stderr.contains("cannot start"), "{args:?}: {stderr}");
        assert!(!folder.path().join("results/s").exists(), "{args:?}");
    }
    // Loads the data on the threads of the default pool.
    for limit in [60_000, 100_000, 200_000, 300_000] {
        for args in [
            &["info", "synthetic"][..],
            &["info", "."],
            &["info", "results/m/model.safetensors"],
            &["gradcheck"],
        ] {
            let limited = format!("ulimit -v {limit}; exec \"$0\" \"$@\"");
            let output =
                launch("sh", folder.path()).args(["-c", &limited, CHAINRULE]).args(args).output().unwrap();
            let stderr = text(&output.stderr);
            assert!(
                matches!(output.status.code(), Some(0 | 1)),
                "{limit} {args:?}: {:?} {stderr}",
                output.status
            );
        }
    }
}

#[test]
fn an_accuracy_is_the_quotient_of_its_counts() {
    let folder = folder();
    done(
        folder.path(),
        &[
            "train",
            "--data",
            ".",
            "--epochs",
            "1",
            "--batch-size",
            "7",
            "--run-id",
            "a",
            "--quiet",
            "--val-split",
            "0.1",
        ],
    );
    let csv = std::fs::read_to_string(folder.path().join("results/a/epochs.csv")).unwrap();
    let cells = |line: usize| csv.lines().nth(line).unwrap().split(',');
    let cell = |name: &str| {
        cells(0).zip(cells(1)).find(|(column, _)| *column == name).unwrap().1.parse::<f64>().unwrap()
    };
    for (name, rows) in [("train_accuracy", 179.0), ("test_accuracy", 50.0), ("val_accuracy", 21.0)] {
        let share = cell(name);
        assert_eq!((share * rows).round() / rows, share, "{name}: {share}");
    }
}

#[test]
fn gradcheck_says_how_it_checks_and_checks_weight_decay() {
    let folder = folder();
    let table = done(folder.path(), &["gradcheck"]);
    assert!(
        table.contains("h = 0.001")
            && table.contains("/ 12h")
            && table.contains("\nat kink: elements that were not checked"),
        "{table}"
    );
    for flags in
        [&["--activation", "sigmoid"][..], &["--hidden-dims", "none"], &["--hidden-dims", "30", "20"]]
    {
        for lambda in ["1e-4", "0.5", "1000"] {
            let table = done(folder.path(), &[&["gradcheck", "--weight-decay", lambda], flags].concat());
            assert!(table.contains("weight decay") && table.contains("gradient check passed"), "{table}");
        }
    }
    for bad in ["-1", "nan", "inf", "x"] {
        refused(folder.path(), &["gradcheck", "--weight-decay", bad], 2);
    }
}
