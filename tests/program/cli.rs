//! The program as a person runs it

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chainrule_kernels::{SimdLevel, simd_level};

use crate::idx_files::{gzip, idx_bytes};
use crate::images::images;
use crate::launch::{CHAINRULE, launch};
use crate::left_out::left_out;
use crate::small_data::small_data;

fn chainrule(folder: &Path, args: &[&str]) -> Output {
    launch(CHAINRULE, folder).args(args).output().unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    small_data(folder.path());
    folder
}

#[test]
fn a_run_leaves_all_its_files_and_a_row() {
    let folder = folder();
    let output = chainrule(
        folder.path(),
        &["train", "--data", ".", "--epochs", "3", "--run_id=a_b", "--hidden_dims", "8", "4"],
    );
    assert_eq!((code(&output), text(&output.stdout)), (Some(0), String::new()), "{}", text(&output.stderr));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("16-8-4-3") && stderr.contains("epoch 3/3") && stderr.contains("results/a_b"),
        "{stderr}"
    );
    assert!(!stderr.contains(['\r', '\u{1b}']), "no terminal, no control characters: {stderr:?}");
    for (file, lines) in [
        ("epochs.csv", 4),
        ("summary.csv", 2),
        ("confusion.csv", 10),
        ("classes.csv", 4),
        ("class_means.csv", 3),
        ("../runs.csv", 2),
    ] {
        let csv = std::fs::read_to_string(folder.path().join("results/a_b").join(file)).unwrap();
        assert_eq!(csv.lines().count(), lines, "{file}: {csv}");
        assert!(csv.ends_with('\n') && !csv.contains("NaN") && !csv.contains("inf"), "{file}: {csv}");
    }
    for file in
        ["model.safetensors", "config.toml", "curves.svg", "curves.png", "confusion.svg", "confusion.png"]
    {
        assert!(folder.path().join("results/a_b").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_config_file_repeats_the_run_to_the_bit_and_the_command_line_wins() {
    let folder = folder();
    let first = [
        "train",
        "--data",
        ".",
        "--epochs",
        "2",
        "--hidden-dims",
        "8,4",
        "--seed",
        "7",
        "--run-id",
        "first",
        "--quiet",
    ];
    let output = chainrule(folder.path(), &first);
    assert_eq!((code(&output), text(&output.stderr)), (Some(0), String::new()));
    let config = "results/first/config.toml";
    assert_eq!(
        code(&chainrule(
            folder.path(),
            &["train", "--config", config, "--run-id", "again", "--threads", "1"]
        )),
        Some(0)
    );
    assert_eq!(
        code(&chainrule(folder.path(), &["train", "--config", config, "--run-id", "other", "--seed", "8"])),
        Some(0)
    );
    let model =
        |id: &str| std::fs::read(folder.path().join("results").join(id).join("model.safetensors")).unwrap();
    assert_eq!(model("first"), model("again"));
    assert_ne!(model("first"), model("other"));
}

#[test]
fn a_run_of_no_epochs_writes_the_initial_weights() {
    let folder = folder();
    for (dtype, id) in [("f32", "s"), ("f64", "d")] {
        let args = ["train", "--data", ".", "--epochs", "0", "--dtype", dtype, "--run-id", id];
        assert_eq!(code(&chainrule(folder.path(), &args)), Some(0));
        let epochs =
            std::fs::read_to_string(folder.path().join("results").join(id).join("epochs.csv")).unwrap();
        assert_eq!(epochs.lines().count(), 1);
    }
    let info = text(&chainrule(folder.path(), &["info", "results/d/model.safetensors"]).stdout);
    assert!(info.contains("16-128-64-3") && info.contains("f64"), "{info}");
}

/// Where Debian's package installs the data set; the program searches there last
const SYSTEM_DATA: &str = "/usr/share/datasets/fashion-mnist";

/// The data set that a run without epochs names in its config.toml
fn source_of_run(folder: &Path, flags: &[&str], variable: &str) -> String {
    let args = [&["train", "--epochs", "0", "--quiet", "--run-id", "source"], flags].concat();
    let output = launch(CHAINRULE, folder).args(args).env("CHAINRULE_DATA", variable).output().unwrap();
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let config = std::fs::read_to_string(folder.join("results/source/config.toml")).unwrap();
    std::fs::remove_dir_all(folder.join("results")).unwrap();
    let line = config.lines().find_map(|line| line.strip_prefix("data = ")).unwrap();
    line.trim_matches('"').to_owned()
}

#[test]
fn data_are_searched_by_flag_then_variable_then_folder_then_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["flag", "variable", "data/fashion-mnist"] {
        std::fs::create_dir_all(path.join(name)).unwrap();
        small_data(&path.join(name));
    }
    assert_eq!(source_of_run(path, &["--data", "flag"], "variable"), "flag");
    assert_eq!(source_of_run(path, &[], "variable"), "variable");
    assert_eq!(source_of_run(path, &[], ""), "data/fashion-mnist");
    std::fs::remove_dir_all(path.join("data")).unwrap();
    if Path::new(SYSTEM_DATA).join("train-images-idx3-ubyte.gz").is_file() {
        assert_eq!(source_of_run(path, &[], ""), SYSTEM_DATA);
    } else {
        let output = chainrule(path, &["train"]);
        let stderr = text(&output.stderr);
        assert_eq!(code(&output), Some(1), "{stderr}");
        assert!(stderr.contains("scripts/get-data.sh") && stderr.contains(SYSTEM_DATA), "{stderr}");
    }
}

#[test]
fn wrong_usage_missing_data_and_divergence_have_different_exit_codes() {
    let folder = folder();
    let path = folder.path();
    for (args, want, message) in [
        (&["train", "--data", ".", "--learning-rate", "1e30"][..], 3, "diverged"),
        (&["train", "--data", "nowhere"], 1, "cannot read nowhere: No such file"),
        (&["train", "--data", ".", "--learning-rate", "-1"], 2, "learning-rate is -1"),
        (&["train", "--data", ".", "--momentum", "1"], 2, "momentum is 1"),
        (&["train", "--data", ".", "--batch-size", "0"], 2, "batch-size is 0"),
        (&["train", "--data", ".", "--hidden-dims", "0"], 2, "is no width"),
        (
            &["train", "--data", ".", "--hidden-dims", "none", "5"],
            2,
            "type --hidden-dims none, or --hidden-dims 5",
        ),
        (&["train", "--data", ".", "--run-id", "06e2"], 2, "starting with a letter"),
        (&["train", "--data", ".", "--run-id", "runs.csv"], 2, "a file beside the runs"),
        (&["train", "--data", ".", "--tag", "seed=1"], 2, "is a column of the program"),
        (&["train", "--data", ".", "--tag", "a=1", "--tag", "a=2"], 2, "a twice"),
        (&["train", "--data", ".", "--note", "a\nb"], 2, "one line"),
        (&["train", "--nonsense"], 2, "nonsense"),
        (&["train", "--config", "nowhere.toml"], 1, "nowhere.toml"),
        (&["train", "--data", ".", "--out", "/proc/nowhere"], 1, "/proc/nowhere"),
        (&["info", "nowhere"], 1, "nowhere"),
        (&["gradcheck", "--classes", "1"], 2, "classes"),
    ] {
        let output = chainrule(path, args);
        let stderr = text(&output.stderr);
        assert_eq!(code(&output), Some(want), "{args:?}: {stderr}");
        assert!(stderr.contains(message) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}

#[test]
fn inconsistent_data_are_refused_by_file_name_before_a_folder_is_made() {
    let labels = |len: u32, f: fn(u32) -> u8| idx_bytes(&[len], &(0..len).map(f).collect::<Vec<_>>());
    for (file, bytes, messages) in [
        ("train-labels-idx1-ubyte", labels(199, |i| (i % 3) as u8), ["199 labels", "200 images"]),
        ("t10k-labels-idx1-ubyte", labels(50, |i| (i % 4) as u8), ["label 3 in row 3", "0 to 2"]),
        (
            "train-labels-idx1-ubyte",
            labels(200, |i| if i == 9 { 255 } else { (i % 3) as u8 }),
            ["label 255 in row 9", "0 to 2"],
        ),
        ("train-labels-idx1-ubyte", labels(200, |_| 1), ["every label is 1", "two classes"]),
        ("t10k-images-idx3-ubyte.gz", gzip(&idx_bytes(&[50, 4, 5], &[0; 1000])), ["4×5", "4×4"]),
        ("t10k-images-idx3-ubyte.gz", labels(50, |_| 0), ["those of labels", "expected images"]),
        ("classes.txt", b"cat\ncat\n".to_vec(), ["line 2", "no other line has"]),
    ] {
        let folder = folder();
        std::fs::write(folder.path().join(file), bytes).unwrap();
        let output = chainrule(folder.path(), &["train", "--data", "."]);
        let stderr = text(&output.stderr);
        assert_eq!(code(&output), Some(1), "{stderr}");
        assert!(
            messages.iter().all(|message| stderr.contains(message)) && stderr.contains(file),
            "{file}: {stderr}"
        );
        assert!(!folder.path().join("results").exists(), "{file}");
    }
}

#[test]
fn class_names_of_the_folder_reach_the_tables() {
    let folder = folder();
    std::fs::write(folder.path().join("classes.txt"), "cat\n=dog\nKäfer\n").unwrap();
    assert_eq!(
        code(&chainrule(folder.path(), &["train", "--data", ".", "--epochs", "1", "--run-id", "n"])),
        Some(0)
    );
    let classes = std::fs::read_to_string(folder.path().join("results/n/classes.csv")).unwrap();
    let names: Vec<_> = classes.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names, ["class", "cat", "'=dog", "Käfer"]);
}

#[test]
fn a_run_id_that_exists_and_a_table_of_another_dialect_are_refused() {
    let folder = folder();
    let args = ["train", "--data", ".", "--epochs", "1", "--run-id", "one"];
    assert_eq!(code(&chainrule(folder.path(), &args)), Some(0));
    assert_eq!(code(&chainrule(folder.path(), &args)), Some(1));
    let output = chainrule(folder.path(), &["train", "--data", ".", "--csv-dialect", "excel-eu"]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains("has the dialect standard"), "{}", text(&output.stderr));
    let args = [
        "train",
        "--data",
        ".",
        "--csv-dialect",
        "excel-eu",
        "--epochs",
        "2",
        "--out",
        "eu",
        "--run-id",
        "one",
    ];
    assert_eq!(code(&chainrule(folder.path(), &args)), Some(0));
    let csv = std::fs::read_to_string(folder.path().join("eu/one/epochs.csv")).unwrap();
    assert!(csv.starts_with("\u{feff}run_id;epoch;") && csv.contains("\r\none;1;0,01;"), "{csv}");
    assert!(folder.path().join("eu/one/curves.png").is_file());
}

#[test]
fn two_processes_share_runs_csv_without_mixing_lines() {
    let folder = folder();
    let start = || {
        let args = ["train", "--data", ".", "--epochs", "1", "--quiet"];
        launch(CHAINRULE, folder.path()).args(args).spawn().unwrap()
    };
    for mut child in [(); 8].map(|()| start()) {
        assert!(child.wait().unwrap().success());
    }
    let runs = std::fs::read_to_string(folder.path().join("results/runs.csv")).unwrap();
    assert_eq!(runs.lines().count(), 9);
    let cells = |line: &str| line.split(',').count();
    let columns = runs.lines().next().map_or(0, cells);
    assert!(columns > 50 && runs.lines().all(|line| cells(line) == columns), "{runs}");
    assert_eq!(runs.matches("run_id").count(), 1);
}

#[test]
fn gradcheck_prints_a_line_a_tensor() {
    let output =
        chainrule(Path::new("."), &["gradcheck", "--hidden-dims", "5", "4", "--activation", "sigmoid"]);
    let table = text(&output.stdout);
    assert_eq!(code(&output), Some(0), "{table}");
    for tensor in ["logits", "0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"] {
        assert!(
            table.lines().any(|line| line.starts_with(tensor) && line.ends_with("ok")),
            "{tensor}: {table}"
        );
    }
    assert!(table.contains("gradient check passed"));
}

#[test]
fn gradcheck_names_only_the_layers_that_it_checks() {
    let none = ["gradcheck", "--hidden-dims", "none", "--activation", "gelu", "--batch-size", "3"];
    let unused = ["--norm", "batch", "--dropout", "0.5"];
    let one = "warning: --activation gelu has no effect with --hidden-dims none";
    let three =
        "warning: --activation gelu, --norm batch and --dropout 0.5 have no effect with --hidden-dims none";
    for (flags, net, warning) in [
        (&[][..], "net 6-3, batch 3, f64\n", one),
        (&unused, "net 6-3, batch 3, f64\n", three),
        (&["--input-dropout", "0.2"], "net 6-3, input dropout 0.2, batch 3, f64\n", one),
    ] {
        let output = chainrule(Path::new("."), &[&none[..], flags].concat());
        let (table, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(code(&output) == Some(0) && table.starts_with(net), "{table}{stderr}");
        assert!(stderr.starts_with(warning), "{stderr}");
    }
    let output = chainrule(Path::new("."), &[&none[..], &unused, &["--quiet"]].concat());
    assert!(code(&output) == Some(0) && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn info_describes_folders_files_and_the_built_in_set() {
    let folder = folder();
    for (what, message) in
        [(".", "4×4"), ("train-images-idx3-ubyte.gz", "200 images of 4×4"), ("synthetic", "28×28")]
    {
        let output = chainrule(folder.path(), &["info", what]);
        assert!(code(&output) == Some(0) && text(&output.stdout).contains(message), "{what}: {output:?}");
    }
}

#[cfg(unix)]
#[test]
fn sigterm_ends_the_run_with_its_files_whole() {
    let folder = folder();
    let mut command = launch(CHAINRULE, folder.path());
    command.args(["train", "--data", ".", "--epochs", "1000000", "--run-id", "t"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let epochs = folder.path().join("results/t/epochs.csv");
    // Waits for two whole epochs, at most a minute.
    for _ in 0..6000 {
        if std::fs::read_to_string(&epochs).is_ok_and(|csv| csv.lines().count() > 3) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let runs = std::fs::read_to_string(folder.path().join("results/runs.csv")).unwrap();
    assert!(runs.lines().nth(1).unwrap().starts_with("t,interrupted,"), "{runs}");
    assert!(std::fs::read_to_string(&epochs).unwrap().ends_with('\n'));
    let info = chainrule(folder.path(), &["info", "results/t/model.safetensors"]);
    assert_eq!(code(&info), Some(0), "{}", text(&info.stderr));
}

/// Trains one epoch on a few images with `CHAINRULE_SIMD=level` and returns the run's folder
pub fn epoch_at_level(folder: &Path, level: &str, flags: &[&str]) -> PathBuf {
    let data = folder.join("images");
    if !data.exists() {
        std::fs::create_dir(&data).unwrap();
        images(&data);
    }
    let name = [&[level], flags].concat().join("_").replace(',', "x");
    let output = launch(CHAINRULE, folder)
        .args(["train", "--data", "images", "--epochs", "1", "--quiet", "--run-id", "run", "--out"])
        .arg(folder.join(&name))
        .args(flags)
        .env("CHAINRULE_SIMD", level)
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    folder.join(name).join("run")
}

#[test]
fn engines_and_the_portable_path_differ_by_rounding_only() {
    if simd_level() < SimdLevel::Avx2 {
        return left_out(
            "engines and the portable path differ by rounding only",
            "this processor has no AVX2",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let loss_cell = |level: &str, engine: &str| {
        let flags = ["--hidden-dims", "20", "--dtype", "f64", "--engine", engine];
        let run = epoch_at_level(folder.path(), level, &flags);
        let epochs = std::fs::read_to_string(run.join("epochs.csv")).unwrap();
        let (names, row) = (epochs.lines().next().unwrap(), epochs.lines().nth(1).unwrap());
        let column = names.split(',').position(|name| name == "train_loss").unwrap();
        row.split(',').nth(column).unwrap().to_owned()
    };
    let cell = loss_cell("avx512", "matrixmultiply");
    // An f32 resolves 6e-8, which would hide differences at the bound below.
    assert_ne!(cell.parse::<f32>().unwrap().to_string(), cell, "an f64 run writes the digits of an f64");
    let reference: f64 = cell.parse().unwrap();
    for (level, engine) in [("avx512", "auto"), ("avx2", "matrixmultiply"), ("portable", "auto")] {
        let got: f64 = loss_cell(level, engine).parse().unwrap();
        assert!((got - reference).abs() < 1e-10 * reference, "{level}, {engine}: {got}, not {reference}");
    }
}

#[test]
fn an_unknown_simd_level_is_a_usage_error_that_names_the_levels() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        launch(CHAINRULE, folder.path()).args(["info", "."]).env("CHAINRULE_SIMD", "axv2").output().unwrap();
    assert_eq!(code(&output), Some(2));
    let expected = "error: CHAINRULE_SIMD is `axv2`, expected avx512, avx2 or portable\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn avx2_and_avx512_give_the_same_bits() {
    if simd_level() < SimdLevel::Avx512 {
        return left_out("AVX2 and AVX-512 give the same bits", "this processor has no AVX-512");
    }
    let folder = tempfile::tempdir().unwrap();
    for dims in ["128,64", "33,260", "70,1,19", "none"] {
        for dtype in ["f32", "f64"] {
            let flags = ["--hidden-dims", dims, "--dtype", dtype, "--batch-size", "113", "--activation"];
            let model = |level: &str| {
                let activation = match dims {
                    "33,260" => "sigmoid",
                    "70,1,19" => "gelu",
                    _ => "relu",
                };
                let run = epoch_at_level(folder.path(), level, &[&flags[..], &[activation]].concat());
                std::fs::read(run.join("model.safetensors")).unwrap()
            };
            assert!(model("avx2") == model("avx512"), "{dims}, {dtype}");
        }
    }
}

/// Runs `bench` of one small net on one and two threads, as quickly as it can
fn quick_bench(folder: &Path, args: &[&str]) -> Output {
    let common =
        ["bench", "--nets", "6-4-3", "--batch-size", "500", "--epochs", "1", "--threads", "1,2", "--quick"];
    launch(CHAINRULE, folder).args(common).args(args).output().unwrap()
}

#[test]
fn bench_writes_every_measurement_that_it_prints_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = quick_bench(folder.path(), &["--out", "bench.csv"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let out = folder.path().join("bench.csv");
    let csv = std::fs::read_to_string(&out).unwrap();
    assert!(csv.is_ascii());
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert!(
        csv.starts_with("kind,name,threads,median_s,gflop_per_s,gb_per_s,images_per_s,fraction_of_peak,")
    );
    let table = printed.lines().skip_while(|line| !line.starts_with("kind ")).skip(1);
    assert_eq!(csv.lines().count() - 1, table.count());
    for text in ["chainrule 0.", "engine ", "instructions ", "data: "] {
        assert!(printed.contains(text), "{text}: {printed}");
    }
    for threads in ["1", "2"] {
        let cell = |start: &str, column: &str| {
            let line = csv.lines().find(|line| line.starts_with(&format!("{start},{threads},"))).unwrap();
            let at = header.iter().position(|name| *name == column).unwrap();
            line.split(',').nth(at).unwrap().to_owned()
        };
        let number = |start: &str, column: &str| cell(start, column).parse::<f64>().unwrap();
        let peak = number("machine,fused multiply-add in registers f32", "gflop_per_s");
        let epoch = "epoch,6-4-3 batch 500";
        let done = number(epoch, "gflop_per_s") * (1.0 - number(epoch, "skipped"));
        assert!(done > 0.0);
        approx::assert_relative_eq!(number(epoch, "fraction_of_peak"), done / peak, max_relative = 1e-12);
        assert_eq!(cell(epoch, "net"), "6-4-3");
    }
    let again = quick_bench(folder.path(), &["--out", "bench.csv"]);
    assert_eq!(code(&again), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("bench.csv exists"));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), csv);
    assert_eq!(code(&chainrule(folder.path(), &["bench", "--net", "784"])), Some(2));
}

#[test]
fn bench_compares_with_an_earlier_bench_and_prints_json() {
    let folder = tempfile::tempdir().unwrap();
    assert!(quick_bench(folder.path(), &["--only", "epoch,loop", "--out", "old.csv"]).status.success());
    let compared = quick_bench(folder.path(), &["--compare", "old.csv", "--only", "epoch"]);
    let text = String::from_utf8(compared.stdout).unwrap();
    let epochs: Vec<&str> = text.lines().filter(|line| line.starts_with("epoch")).collect();
    assert!(epochs.len() == 2 && epochs.iter().all(|line| line.contains(" times, ")), "{text}");
    assert!(!text.contains("loop "), "{text}");
    let json = quick_bench(folder.path(), &["--compare", "old.csv", "--only", "epoch,machine", "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    let has_bf16 = rows.iter().any(|row| row["operation"] == "vdpbf16ps");
    assert_eq!(rows.iter().filter(|row| row["kind"] == "machine").count(), if has_bf16 { 8 } else { 6 });
    for row in rows.iter().filter(|row| row["kind"] == "epoch") {
        assert!(row["ratio"].as_f64().unwrap() > 0.0 && row["images_per_s"].is_number(), "{row}");
        assert!(row["gb_per_s"].is_null(), "{row}");
    }
}

#[test]
fn bench_warns_of_more_threads_than_cores() {
    let folder = tempfile::tempdir().unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    let threads = format!("1,{}", cores + 1);
    let args = ["bench", "--nets", "6-4-3", "--only", "loop", "--quick", "--threads", &threads];
    let said = text(&chainrule(folder.path(), &args).stderr);
    assert!(said.starts_with(&format!("warning: {} threads on {cores} core", cores + 1)), "{said}");
}

#[test]
fn bench_fails_before_it_measures() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.csv"), "kind,name,threads,median_s\n").unwrap();
    for (args, words) in [
        (&["--out", "nowhere/bench.csv"][..], "cannot write nowhere/bench.csv"),
        (&["--compare", "old.csv"], "old.csv: line 1: no column engine"),
        (&["--compare", "none.csv"], "cannot read none.csv"),
        #[cfg(target_os = "linux")]
        (&["--out", "/dev/full"], "cannot write /dev/full"),
    ] {
        let output = quick_bench(folder.path(), args);
        assert_eq!((code(&output), output.stdout.len()), (Some(1), 0), "{args:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(words), "{args:?}: {message}");
    }
    for (net, batch_size) in [("784-9999999-9999999-10", "64"), ("784-10", "2147483648")] {
        let args = ["bench", "--nets", net, "--batch-size", batch_size, "--quick"];
        let output = chainrule(folder.path(), &args);
        let message = text(&output.stderr);
        let words = format!("to measure {net} batch {batch_size}");
        assert!(code(&output) == Some(1) && message.contains(&words), "{net}: {message}");
    }
    let output = chainrule(folder.path(), &["bench", "--nets", "784-99999999999-99999999999-10", "--quick"]);
    let message = text(&output.stderr);
    assert!(code(&output) == Some(2) && message.contains("each at most 10,000,000"), "{message}");
}
