//! Damaged files: no panic, no hang, no raw control characters; an error names the file, and no damage that a reader can
//! know of gives another result without a word
//!
//! `CHAINRULE_CORRUPTIONS=1000 cargo test --release --test program corruption` tries 1000 damages of each file, and
//! `CHAINRULE_CORRUPTIONS=1000..2000` those with these numbers, which are others.

mod damage;
mod oracle;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use self::damage::{Format, damage};
use crate::launch::{CHAINRULE, launch};
use crate::small_data::small_data;
use crate::state_dict::{of, tensors};

/// Damages of each file, without `CHAINRULE_CORRUPTIONS`
const DAMAGES: usize = 60;
/// Time after which a command counts as hanging: it takes a fraction of a second
const LIMIT: Duration = Duration::from_secs(20);
/// Address space that a command may take, KiB
const MEMORY: usize = 4 << 20;
/// Columns that differ from run to run
const TIMES: [&str; 5] = ["epoch_s", "samples_per_s", "train_s", "started_at", "wall_s"];

/// Faults that are known and not mended: a part of the file's path, the start of what is wrong, and what should be
const LEFT_OUT: [(&str, &str, &str); 1] = [(
    "single/runs.csv",
    "other results without a word: no column",
    "a table of another program may have no columns but names and metrics",
)];

/// A file to damage, and a command that reads it
struct Case {
    file: &'static str,
    format: Format,
    /// The folders that the command needs
    needs: &'static [&'static str],
    args: &'static [&'static str],
    /// What a wrong reading would change: files, or the standard output
    results: &'static [&'static str],
    /// The rule that the damaged file breaks, from its path, the undamaged bytes and the damaged ones
    broken: fn(&Path, &[u8], &[u8]) -> Option<String>,
}

const STDOUT: &str = "stdout";
const PLOT_RUN: [&str; 4] = ["plot", "results/one", "--out", "new"];
const PLOT_SWEEP: [&str; 4] = ["plot", "results/sweep", "--out", "new"];
const RESUME: [&str; 8] = ["sweep", "--resume", "--plan", "plan.toml", "--sweep-id", "sweep", "--jobs", "1"];
const RESUME_RUN: [&str; 8] =
    ["train", "--resume", "results/one", "--epochs", "5", "--threads", "1", "--quiet"];
const RESUMED: [&str; 2] = ["results/one/model.safetensors", "results/one/epochs.csv"];
const TABLES: [&str; 2] = ["results/sweep/runs.csv", "results/sweep/epochs.csv"];

const CASES: [Case; 24] = [
    Case {
        file: "results/sweep/runs.csv",
        format: Format::Csv,
        needs: &["results/sweep"],
        args: &PLOT_SWEEP,
        results: &["new/sweep.svg", "new/report.md"],
        broken: oracle::runs,
    },
    Case {
        file: "single/runs.csv",
        format: Format::Csv,
        needs: &["single"],
        args: &["plot", "single", "--out", "new"],
        results: &["new/sweep.svg", "new/report.md"],
        broken: oracle::runs,
    },
    Case {
        file: "results/one/epochs.csv",
        format: Format::Csv,
        needs: &["results/one"],
        args: &PLOT_RUN,
        results: &["new/curves.svg"],
        broken: oracle::epochs,
    },
    Case {
        file: "results/sweep/epochs.csv",
        format: Format::Csv,
        needs: &["results/sweep"],
        args: &PLOT_SWEEP,
        results: &["new/sweep.svg", "new/report.md"],
        broken: oracle::epochs,
    },
    Case {
        file: "results/one/confusion.csv",
        format: Format::Csv,
        needs: &["results/one"],
        args: &PLOT_RUN,
        results: &["new/confusion.svg"],
        broken: oracle::confusion,
    },
    Case {
        file: "results/one/classes.csv",
        format: Format::Csv,
        needs: &["results/one"],
        args: &PLOT_RUN,
        results: &["new/curves.svg", "new/confusion.svg"],
        broken: oracle::other,
    },
    Case {
        file: "results/one/config.toml",
        format: Format::Text,
        needs: &["data", "results/one"],
        // A damaged number of epochs may be valid, and take a year.
        args: &[
            "train",
            "--config",
            "results/one/config.toml",
            "--epochs",
            "2",
            "--run-id",
            "two",
            "--out",
            "new",
        ],
        results: &["new/two/model.safetensors"],
        broken: oracle::settings,
    },
    Case {
        file: "plan.toml",
        format: Format::Text,
        needs: &["data", "plan.toml"],
        args: &["sweep", "--plan", "plan.toml", "--dry-run"],
        results: &[STDOUT],
        broken: oracle::settings,
    },
    Case {
        file: "data/classes.txt",
        format: Format::Text,
        needs: &["data"],
        args: &["info", "data"],
        results: &[STDOUT],
        broken: oracle::class_names,
    },
    Case {
        file: "data/t10k-labels-idx1-ubyte",
        format: Format::Binary,
        needs: &["data"],
        args: &["info", "data"],
        results: &[STDOUT],
        broken: oracle::idx_labels,
    },
    Case {
        file: "plain/train-images-idx3-ubyte",
        format: Format::Binary,
        needs: &["plain"],
        args: &["info", "plain"],
        results: &[STDOUT],
        broken: oracle::idx_images,
    },
    Case {
        file: "data/train-images-idx3-ubyte.gz",
        format: Format::Binary,
        needs: &["data"],
        args: &[
            "train",
            "--data",
            "data",
            "--hidden-dims",
            "8",
            "--epochs",
            "1",
            "--run-id",
            "two",
            "--out",
            "new",
        ],
        results: &["new/two/model.safetensors"],
        broken: oracle::gzip,
    },
    Case {
        file: "results/one/model.safetensors",
        format: Format::Model,
        needs: &["results/one"],
        args: &["info", "results/one/model.safetensors"],
        results: &[STDOUT],
        broken: oracle::model,
    },
    Case {
        file: "results/one/checkpoint.safetensors",
        // Its checksum is that of its bytes: the same JSON in another form is refused.
        format: Format::Binary,
        needs: &["data", "results/one"],
        args: &RESUME_RUN,
        results: &RESUMED,
        broken: oracle::other,
    },
    Case {
        file: "results/one/epochs.csv",
        format: Format::Binary,
        needs: &["data", "results/one"],
        args: &RESUME_RUN,
        results: &RESUMED,
        broken: oracle::kept,
    },
    Case {
        file: "torch.safetensors",
        format: Format::Model,
        needs: &["data"],
        args: &["evaluate", "torch.safetensors", "--data", "data", "--json", "-q"],
        results: &[STDOUT],
        broken: oracle::state_dict,
    },
    Case {
        file: "torch.safetensors",
        format: Format::Model,
        needs: &["data"],
        args: &["predict", "torch.safetensors", "data/t10k-images-idx3-ubyte.gz", "--proba", "-q"],
        results: &[STDOUT],
        broken: oracle::state_dict,
    },
    Case {
        file: "results/sweep/t0001/summary.csv",
        format: Format::Csv,
        needs: &["data", "plan.toml", "results/sweep"],
        args: &RESUME,
        results: &TABLES,
        broken: oracle::summary,
    },
    Case {
        file: "results/sweep/t0001/epochs.csv",
        format: Format::Csv,
        needs: &["data", "plan.toml", "results/sweep"],
        args: &RESUME,
        results: &TABLES,
        broken: oracle::epochs,
    },
    Case {
        file: "results/sweep/runs.csv",
        format: Format::Csv,
        needs: &["data", "plan.toml", "results/sweep"],
        args: &RESUME,
        results: &TABLES,
        broken: oracle::other,
    },
    Case {
        file: "results/sweep/plan.toml",
        format: Format::Text,
        needs: &["data", "plan.toml", "results/sweep"],
        args: &RESUME,
        results: &TABLES,
        broken: oracle::other,
    },
    Case {
        file: "rows.csv",
        format: Format::Data,
        needs: &["models"],
        args: &["predict", "models/table/model.safetensors", "rows.csv"],
        results: &[STDOUT],
        broken: oracle::data_table,
    },
    Case {
        file: "rows.npy",
        format: Format::Binary,
        needs: &["models"],
        args: &["predict", "models/array/model.safetensors", "rows.npy"],
        results: &[STDOUT],
        broken: oracle::npy,
    },
    Case {
        file: "set.npz",
        format: Format::Binary,
        needs: &["models"],
        args: &["evaluate", "models/array/model.safetensors", "--data", "set.npz"],
        results: &[STDOUT],
        broken: oracle::npz,
    },
];

/// How a command ended
struct Ended {
    /// `None`: it was killed after [`LIMIT`]
    status: Option<ExitStatus>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// The bytes of [`Case::results`], without what differs from call to call
    results: Vec<Option<Vec<u8>>>,
}

/// Something that no damage may lead to
struct Finding {
    file: &'static str,
    wrong: String,
    /// File, command and what is wrong: findings with the same cause are counted together
    cause: String,
    /// The damage and the end of the command
    example: String,
}

/// Folders of undamaged files, made by the program
fn undamaged(folder: &Path) {
    let run = |args: &[&str]| {
        let output = launch(CHAINRULE, folder).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for name in ["data", "plain"] {
        std::fs::create_dir(folder.join(name)).unwrap();
        small_data(&folder.join(name));
    }
    std::fs::write(folder.join("data/classes.txt"), "coat\nbag\nankle boot\n").unwrap();
    for name in ["train", "t10k"] {
        let packed = folder.join(format!("plain/{name}-images-idx3-ubyte.gz"));
        let mut unpacked = File::create(packed.with_extension("")).unwrap();
        std::io::copy(&mut flate2::read::GzDecoder::new(File::open(&packed).unwrap()), &mut unpacked)
            .unwrap();
        std::fs::remove_file(packed).unwrap();
    }
    let train =
        ["train", "--data", "data", "--hidden-dims", "8", "--epochs", "4", "--threads", "1", "--quiet"];
    run(&[&train[..], &["--run-id", "one", "--val-split", "0.2"]].concat());
    for (id, rate) in [("low", "0.01"), ("middle", "0.03"), ("high", "0.1")] {
        run(&[&train[..], &["--run-id", id, "--learning-rate", rate, "--out", "single"]].concat());
    }
    let plan = "data = \"data\"\nhidden_dims = [8]\nepochs = 3\nbatch_size = 50\nno_shuffle = false\nseeds = 2\n\n\
                [grid]\nlearning_rate = [0.01, 0.1]\n";
    std::fs::write(folder.join("plan.toml"), plan).unwrap();
    run(&["sweep", "--plan", "plan.toml", "--sweep-id", "sweep", "--quiet"]);
    let model = std::fs::read(folder.join("results/one/model.safetensors")).unwrap();
    let torch = of(&tensors(&model), |name| format!("net.{name}"), &["F32"]);
    std::fs::write(folder.join("torch.safetensors"), torch).unwrap();
    data_rows(folder);
    let train =
        ["train", "--hidden-dims", "8", "--epochs", "4", "--threads", "1", "--quiet", "--out", "models"];
    run(&[&train[..], &["--data", "rows.csv", "--run-id", "table"]].concat());
    run(&[&train[..], &["--data", "set.npz", "--run-id", "array"]].concat());
}

/// The same rows of three numbers and a label as a table, an array of the numbers, and an archive
fn data_rows(folder: &Path) {
    let rows: Vec<[f32; 3]> =
        (0..50_u8).map(|i| [f32::from(i * 5), f32::from(i % 7) / 4.0, f32::from(i % 3) - 1.0]).collect();
    let labels: Vec<u8> = (0..50).map(|i| i % 2).collect();
    let line = |([a, b, c], label): (&[f32; 3], &u8)| format!("{a},{b},{c},{label}\n");
    let table: String = rows.iter().zip(&labels).map(line).collect();
    std::fs::write(folder.join("rows.csv"), format!("height,width,depth,label\n{table}")).unwrap();
    let numbers =
        npy("<f4", "(50, 3)", &rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
    std::fs::write(folder.join("rows.npy"), &numbers).unwrap();
    let mut archive = ZipWriter::new(File::create(folder.join("set.npz")).unwrap());
    for (name, bytes) in [("X.npy", numbers), ("y.npy", npy("|u1", "(50,)", &labels))] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap();
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    [b"\x93NUMPY\x01\0\x76\0", format!("{header:<117}\n").as_bytes(), data].concat()
}

/// Copies a file, or a folder without its pictures
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if !from.extension().is_some_and(|end| end == "svg" || end == "png") {
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
}

/// Waits for a command, and kills it after [`LIMIT`]
fn wait(command: &mut Command) -> Option<ExitStatus> {
    let (mut child, start) = (command.spawn().unwrap(), Instant::now());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The lines of a table without the columns in [`TIMES`], or of a text without a line about times
fn timeless(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    if name == STDOUT {
        return text
            .lines()
            .filter(|line| !line.starts_with("about "))
            .collect::<Vec<_>>()
            .join("\n")
            .into_bytes();
    }
    if !name.ends_with(".csv") {
        return bytes;
    }
    let header: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let keep = |line: &str| {
        let cells = line.split(',').enumerate();
        let kept = cells.filter(|(i, _)| !header.get(*i).is_some_and(|name| TIMES.contains(name)));
        kept.map(|(_, cell)| cell).collect::<Vec<_>>().join(",")
    };
    text.lines().map(keep).collect::<Vec<_>>().join("\n").into_bytes()
}

impl Case {
    /// Runs the command in a folder with these bytes instead of the file
    fn run(&self, undamaged: &Path, folder: &Path, bytes: &[u8]) -> Ended {
        for name in self.needs {
            copy(&undamaged.join(name), &folder.join(name));
        }
        std::fs::write(folder.join(self.file), bytes).unwrap();
        let outputs = [folder.join(".stdout"), folder.join(".stderr")];
        // An allocation on the word of a header alone fails, and does not stop the machine.
        let limited = format!("ulimit -v {MEMORY} 2> /dev/null; exec \"$0\" \"$@\"");
        let mut command = launch("sh", folder);
        command.args(["-c", &limited, CHAINRULE]).args(self.args).env("MALLOC_ARENA_MAX", "2");
        let [stdout, stderr] = outputs.each_ref().map(|path| File::create(path).unwrap());
        let status = wait(command.stdout(stdout).stderr(stderr));
        let [stdout, stderr] = outputs.map(|path| std::fs::read(path).unwrap());
        let read = |name: &&str| match *name {
            STDOUT => Some(timeless(name, stdout.clone())),
            name => std::fs::read(folder.join(name)).ok().map(|bytes| timeless(name, bytes)),
        };
        Ended { status, results: self.results.iter().map(read).collect(), stdout, stderr }
    }

    /// What is wrong with the end of a command
    fn wrong(
        &self,
        undamaged: &Ended,
        ended: &Ended,
        harmless: bool,
        broken: Option<String>,
    ) -> Option<String> {
        let Some(status) = ended.status else { return Some(format!("hangs ({broken:?})")) };
        let stderr = String::from_utf8_lossy(&ended.stderr);
        if stderr.contains("panicked") {
            return Some(format!("panics: {}", stderr.lines().next().unwrap_or_default()));
        }
        let Some(code) = status.code().filter(|code| (0..=4).contains(code)) else {
            return Some(format!("{status}: {}", stderr.lines().next().unwrap_or_default()));
        };
        let files = self.results.iter().zip(&ended.results);
        let texts = files.filter(|(name, _)| name.ends_with(".svg") || name.ends_with(".md"));
        let mut texts: Vec<(&str, &[u8])> =
            texts.filter_map(|(name, bytes)| Some((*name, bytes.as_deref()?))).collect();
        texts.extend([(STDOUT, &ended.stdout[..]), ("stderr", &ended.stderr)]);
        for (name, bytes) in texts {
            let Ok(text) = std::str::from_utf8(bytes) else {
                return Some(format!("bytes that are not UTF-8 in {name}"));
            };
            if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
                return Some(format!("raw control characters in {name}"));
            }
        }
        let named = stderr.contains(self.file);
        let same = ended.results == undamaged.results;
        match code {
            _ if harmless && code != 0 => Some("refused, though it says the same".to_owned()),
            _ if harmless && !same => Some("other results, though it says the same".to_owned()),
            // A value that may stand in the file, as another path of the data, is not the file's fault.
            1 | 2 if !named => broken.map(|_| "an error without the name of the file".to_owned()),
            0 if !same && !named => broken.map(|rule| format!("other results without a word: {rule}")),
            _ => None,
        }
    }

    fn findings(&self, undamaged: &Path, numbers: Range<usize>, add: &(impl Fn(Finding) + Sync)) {
        let original = std::fs::read(undamaged.join(self.file)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let expected = self.run(undamaged, folder.path(), &original);
        assert!(
            expected.status.is_some_and(|status| status.success())
                && expected.results.iter().all(Option::is_some),
            "{}: {}",
            self.file,
            String::from_utf8_lossy(&expected.stderr)
        );
        let next = AtomicUsize::new(numbers.start);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return;
                }
                let damage = damage(self.format, &original, number);
                let folder = tempfile::tempdir().unwrap();
                let ended = self.run(undamaged, folder.path(), &damage.bytes);
                let broken = (self.broken)(&undamaged.join(self.file), &original, &damage.bytes);
                if let Some(wrong) = self.wrong(&expected, &ended, damage.harmless, broken) {
                    let stderr = String::from_utf8_lossy(&ended.stderr).escape_debug().to_string();
                    let shown: String = stderr.chars().take(300).collect();
                    add(Finding {
                        file: self.file,
                        cause: format!("{} ({}): {wrong}", self.file, self.args[0]),
                        wrong,
                        example: format!(
                            "#{number}, {}; {:?}, {shown}",
                            damage.what,
                            ended.status.map(|s| s.code())
                        ),
                    });
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    }
}

/// The numbers of the damages to try, from `CHAINRULE_CORRUPTIONS`
fn numbers() -> Range<usize> {
    let Ok(text) = std::env::var("CHAINRULE_CORRUPTIONS") else { return 0..DAMAGES };
    let (first, end) = text.split_once("..").unwrap_or(("0", &text));
    first.parse().unwrap()..end.parse().unwrap()
}

#[test]
fn a_damaged_file_is_an_error_that_names_it_or_changes_nothing() {
    let numbers = numbers();
    let folder = tempfile::tempdir().unwrap();
    undamaged(folder.path());
    let found: Mutex<BTreeMap<String, Vec<String>>> = Mutex::default();
    let add = |finding: Finding| {
        let left_out = LEFT_OUT
            .iter()
            .any(|(file, wrong, _)| finding.file.contains(file) && finding.wrong.starts_with(wrong));
        if !left_out {
            found.lock().unwrap().entry(finding.cause).or_default().push(finding.example);
        }
    };
    CASES.iter().for_each(|case| case.findings(folder.path(), numbers.clone(), &add));
    let found = found.into_inner().unwrap();
    let lines = found.into_iter().map(|(cause, mut examples)| {
        examples.sort_by_key(String::len);
        format!(
            "{} times {cause}\n    {}\n",
            examples.len(),
            examples[..examples.len().min(3)].join("\n    ")
        )
    });
    let lines = lines.collect::<String>();
    assert!(lines.is_empty(), "damages {numbers:?} of each file:\n{lines}");
}
