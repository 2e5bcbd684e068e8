//! Moved images, mixup and label smoothing as a person asks for them

use std::fs;

use crate::cli::epoch_at_level;
use crate::resume::{TABLE, ended, folder};

#[test]
fn every_processor_and_any_number_of_threads_give_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = |level: &str, threads: &str| {
        // The only element type whose products are the same without FMA
        let settings = "--dtype bf16 --hidden-dims 20 --flip=true --shift 2 --distort 0.1 --erase 9 --mixup 0.3 --label-smoothing 0.1";
        let flags: Vec<&str> = settings.split(' ').chain(["--threads", threads]).collect();
        fs::read(epoch_at_level(folder.path(), level, &flags).join("model.safetensors")).unwrap()
    };
    let first = model("avx512", "1");
    for (level, threads) in [("avx512", "3"), ("avx2", "2"), ("portable", "2")] {
        assert!(model(level, threads) == first, "{level} {threads} threads");
    }
}

#[test]
fn what_does_not_fit_the_data_is_a_mistake_in_the_command_line() {
    let folder = folder();
    let path = folder.path();
    for (args, message) in [
        (
            format!("{TABLE} --flip=true"),
            "flip is true, expected false, since rows of 2 numbers are no images",
        ),
        (format!("{TABLE} --label-smoothing 0.1"), "label-smoothing is 0.1, expected 0, since these labels"),
        (
            "--data . --shift 4".to_owned(),
            "shift is 4, expected at most 3, since the images have 4 × 4 pixels",
        ),
        (
            "--data . --erase 5".to_owned(),
            "erase is 5, expected at most 4, since the images have 4 × 4 pixels",
        ),
        (
            format!("{TABLE} --distort 0.1"),
            "distort is 0.1, expected 0, since rows of 2 numbers are no images",
        ),
        ("--data . --distort 0.6".to_owned(), "0 to 0.5"),
        ("--data . --distort 0.000005".to_owned(), "distort is 0.000005, expected 0, or 0.00001 to 0.5"),
        ("--data . --label-smoothing 1".to_owned(), "0 or more and below 1"),
        (
            "--data . --mixup 0.2 --class-weight balanced".to_owned(),
            "mixup is 0.2, expected 0 with --class-weight",
        ),
    ] {
        let stderr = ended(path, &format!("train {args} --epochs 1"), 2);
        assert!(stderr.contains(message), "{args}: {stderr}");
        assert!(!path.join("results").exists(), "{args}");
    }
    let stderr =
        ended(path, &format!("train {TABLE} --mixup 0.2 --batch-size 1 --epochs 1 --run-id alone"), 0);
    assert!(stderr.contains("warning: --mixup has no effect with --batch-size 1"), "{stderr}");
    let stderr = ended(path, &format!("train {TABLE} --mixup 0.2 --epochs 1 --run-id mixed"), 0);
    assert!(!stderr.contains("warning"), "{stderr}");
    let config = fs::read_to_string(path.join("results/mixed/config.toml")).unwrap();
    let settings =
        "\nlabel_smoothing = 0.0\nflip = false\nshift = 0\ndistort = 0.0\nerase = 0\nmixup = 0.2\n";
    assert!(config.contains(settings), "{config}");
}
