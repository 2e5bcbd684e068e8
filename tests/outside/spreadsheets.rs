//! CSV files as other programs open them: LibreOffice in two locales, pandas, Python's csv
//!
//! The checks are the scripts in `tests/outside/spreadsheets`, which compare every cell with the file's text.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::installed::{installed, missing};
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;

/// Class names that a spreadsheet would read as formulas or dates, or that need quotes
const HOSTILE: &str = "=1+1\n@SUM(A1)\n-2+3\n+49 30\n=HYPERLINK(\"http://x\";\"y\")\na,b\na;b\n\
                       say \"hi\"\n3/4\n1-2\nKäfer\n'quoted\nT-shirt/top\ntrue\n12:30\n1.2.3\n100%\n";

fn train(folder: &Path, out: &Path, dialect: &str, args: &[&str], code: i32) {
    let mut command = launch(CHAINRULE, folder);
    command.args(["train", "--quiet", "--csv-dialect", dialect, "--out"]).arg(out);
    let output = command.args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Result folders of the same runs in both dialects, with metrics of every kind, empty cells and hostile names
fn results() -> &'static [(&'static str, PathBuf); 2] {
    static RESULTS: OnceLock<[(&str, PathBuf); 2]> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spreadsheets");
        let _ = std::fs::remove_dir_all(&root); // There is none the first time.
        let data = root.join("data");
        std::fs::create_dir_all(&data).unwrap();
        small_data(&data);
        std::fs::write(data.join("classes.txt"), HOSTILE).unwrap();
        ["standard", "excel-eu"].map(|dialect| {
            let out = root.join(dialect);
            let train = |args: &[&str], code| train(&data, &out, dialect, args, code);
            let run = ["--data", "synthetic", "--epochs", "2", "--hidden-dims", "16,8", "--run-id", "t0007"];
            train(&run, 0);
            let small =
                ["--data", ".", "--epochs", "12", "--weight-decay", "1e-7", "--seed", "999999999999999"];
            for (id, dims, rate) in [("hostile", "none", "0.0031622776601683794"), ("narrow", "7", "1")] {
                let own = ["--run-id", id, "--hidden-dims", dims, "--learning-rate", rate];
                train(&[&small[..], &own].concat(), 0);
            }
            train(&["--data", ".", "--learning-rate", "1e30", "--run-id", "diverged"], 3);
            let grid = ["learning_rate=log:1e-3..1e-1:3", "hidden_dims=none,8x4", "val_split=0.1"];
            let mut command = launch(CHAINRULE, &data);
            command.args(["sweep", "--quiet", "--data", ".", "--epochs", "2", "--seeds", "2"]);
            command.args(grid.iter().flat_map(|axis| ["--grid", axis]));
            command.args(["--sweep-id", "rates", "--csv-dialect", dialect, "--out"]).arg(&out);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            (dialect, out)
        })
    })
}

/// Runs a script of `tests/outside/spreadsheets`
fn python(python: &str, script: &str, args: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/spreadsheets").join(script);
    let mut command = Command::new(python);
    command.arg("-B").arg(&script).args(args).stdin(Stdio::null());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{}: {err}", script.display());
}

#[test]
fn libreoffice_shows_every_number_and_word_as_written_in_english_and_german() {
    if !installed(&["python3", "soffice"]) {
        return;
    }
    for (dialect, folder) in results() {
        python("python3", "libreoffice.py", &[Path::new("soffice"), folder, Path::new(dialect)]);
    }
}

#[test]
fn pandas_reads_every_number_and_word_as_written() {
    // Debian's package is for Debian's Python, which may not be the first in the path.
    let has = |python: &&str| {
        let output = Command::new(python).args(["-c", "import pandas"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let Some(with_pandas) = ["python3", "/usr/bin/python3"].into_iter().find(has) else {
        return missing("pandas is not installed");
    };
    for (dialect, folder) in results() {
        python(with_pandas, "with_pandas.py", &[folder, Path::new(dialect)]);
    }
}

#[test]
fn python_reads_the_same_figures_from_both_dialects() {
    if installed(&["python3"]) {
        let [(_, standard), (_, eu)] = results();
        python("python3", "with_csv.py", &[standard, eu]);
    }
}
