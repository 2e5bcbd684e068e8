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
    let run = ["train", "--epochs", "1", "--quiet", "--data"];
    done(emnist.path(), &[&run[..], &["./emnist-letters"]].concat());
    small_data(emnist.path());
    rename(emnist.path(), name("digits"));
    let message = refused(emnist.path(), &["info", "."], 1);
    assert!(message.contains("has 2 data sets") && message.contains("--data ./emnist-digits"), "{message}");
    done(emnist.path(), &[&run[..], &["emnist-digits"]].concat());
    let message = refused(emnist.path(), &[&run[..], &["emnist-nothing"]].concat(), 1);
    assert!(message.contains("no data set"), "{message}");
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
