//! `chainrule plot`: pictures and reports from CSV files alone

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use chainrule::plot::folder_pictures::redraw;

use crate::launch::{CHAINRULE, launch};

const RUNS: &str = "run_id,status,hidden_dims,activation,epochs,batch_size,learning_rate,momentum,weight_decay,seed,\
                    parameters,train_loss,train_accuracy,test_loss,test_accuracy,best_epoch,best_accuracy,train_s,\
                    samples_per_s,threads,started_at,version,val_split,val_loss,val_accuracy,dtype,engine,no_shuffle,data,trial";
const EPOCHS: &str = "epoch,learning_rate,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,epoch_s,\
                      samples_per_s,status";

fn plot(folder: &Path, args: &[&str]) -> Output {
    launch(CHAINRULE, folder).arg("plot").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Ten epochs of a run, as lines that start with `head`; nothing but a diverged one without an accuracy
fn epochs(head: &str, accuracy: Option<f64>) -> String {
    let Some(accuracy) = accuracy else { return format!("{head},1,1000000,,,,,,,,,diverged\n") };
    (1..=10).fold(String::new(), |mut lines, epoch| {
        let (loss, share) = (0.3 + 0.3 / f64::from(epoch), accuracy - 0.1 / f64::from(epoch));
        writeln!(lines, "{head},{epoch},0.01,{loss},{share},{loss},{share},{loss},{share},0.2,300000,ok")
            .unwrap();
        lines
    })
}

/// A sweep over these pairs of hidden_dims and learning_rate, two seeds each; an accuracy below 0 is a divergence
fn sweep(folder: &Path, settings: &[(&str, &str, f64)]) {
    let (mut runs, mut all) = (format!("{RUNS}\n"), format!("run_id,trial,{EPOCHS}\n"));
    let both = settings.iter().flat_map(|setting| [(setting, 42), (setting, 43)]);
    for (i, ((dims, rate, accuracy), seed)) in both.enumerate() {
        let accuracy = (*accuracy >= 0.0).then_some(accuracy + 0.002 * f64::from(seed - 42));
        let shown = accuracy.map_or(String::new(), |accuracy| accuracy.to_string());
        let status = if accuracy.is_some() { "ok" } else { "diverged" };
        let id = format!("t{i:04}");
        writeln!(
            runs,
            "{id},{status},{dims},relu,10,64,{rate},0.9,0,{seed},1000,0.1,{shown},0.2,{shown},10,{shown},2.5,300000,1,\
             2026-11-24T20:00:00Z,0.1.0,0.1,0.2,{shown},f32,auto,false,data/fashion-mnist,{id}"
        )
        .unwrap();
        all += &epochs(&format!("{id},{id}"), accuracy);
    }
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("runs.csv"), runs).unwrap();
    std::fs::write(folder.join("epochs.csv"), all).unwrap();
}

/// A run's folder with a confusion matrix of these classes
fn run(folder: &Path, id: &str, classes: &[&str]) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("epochs.csv"), format!("run_id,{EPOCHS}\n{}", epochs(id, Some(0.88))))
        .unwrap();
    let mut confusion = "true,predicted,count\n".to_owned();
    for (i, label) in classes.iter().enumerate() {
        for (j, predicted) in classes.iter().enumerate() {
            writeln!(confusion, "{label},{predicted},{}", if i == j { 900 } else { i + j }).unwrap();
        }
    }
    std::fs::write(folder.join("confusion.csv"), confusion).unwrap();
}

/// The same file as a European Excel has it
fn to_excel(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace(',', ";").replace('.', ",").replace('\n', "\r\n");
    std::fs::write(path, format!("\u{feff}{text}")).unwrap();
}

const TWO: [(&str, &str, f64); 6] = [
    ("none", "0.01", 0.84),
    ("none", "0.1", 0.83),
    ("none", "1000000", -1.0),
    ("128x64", "0.01", 0.88),
    ("128x64", "0.1", 0.87),
    ("128x64", "1000000", -1.0),
];

fn names(written: &[PathBuf]) -> Vec<&str> {
    written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
}

/// Tags nest, attributes are quoted, every `&` starts an entity, and no control character is in it
fn is_xml(svg: &str) {
    let mut open = vec![];
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(
            !text.contains('>') && !tag.contains('&') && tag.matches('"').count() % 2 == 0,
            "{tag}: {text}"
        );
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        for entity in text.split('&').skip(1) {
            let name = entity.split_once(';').unwrap().0;
            assert!(["lt", "gt", "amp", "quot", "apos"].contains(&name), "{name}");
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.extend(tag.split(' ').next()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Well-formed SVG, and a PNG twice as many pixels wide as the SVG is units
fn is_picture(folder: &Path, name: &str) {
    let svg = std::fs::read_to_string(folder.join(name).with_extension("svg")).unwrap();
    is_xml(&svg);
    let size = |attribute: &str| -> u32 {
        svg.split_once(&format!(" {attribute}=\"")).unwrap().1.split_once('"').unwrap().0.parse().unwrap()
    };
    let png = std::fs::File::open(folder.join(name).with_extension("png")).unwrap();
    let png = png::Decoder::new(std::io::BufReader::new(png)).read_info().unwrap();
    assert_eq!((png.info().width, png.info().height), (2 * size("width"), 2 * size("height")), "{name}");
    assert_eq!(size("width"), 800);
}

#[test]
fn every_kind_of_picture_is_drawn_and_named() {
    let folder = tempfile::tempdir().unwrap();
    sweep(&folder.path().join("s"), &TWO);
    run(&folder.path().join("r"), "r", &["cat", "dog"]);
    run(&folder.path().join("q"), "q", &["cat", "dog"]);
    for (args, files) in [
        (&["s"][..], &["s/sweep.svg", "s/sweep.png", "s/heatmap.svg", "s/heatmap.png", "s/report.md"][..]),
        (&["r"], &["r/curves.svg", "r/curves.png", "r/confusion.svg", "r/confusion.png"]),
        (&["r", "q"], &["./overlay.svg", "./overlay.png"]),
        (&["r", "q", "--out", "new/o"], &["new/o/overlay.svg", "new/o/overlay.png"]),
        (&["r", "--out", "o"], &["o/curves.svg", "o/curves.png", "o/confusion.svg", "o/confusion.png"]),
    ] {
        let output = plot(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(
            (text(&output.stdout), text(&output.stderr)),
            (String::new(), format!("wrote {}\n", files.join(", ")))
        );
        for file in files.iter().filter(|file| file.ends_with("svg")) {
            is_picture(folder.path(), file);
        }
    }
    let quiet = plot(folder.path(), &["s", "--quiet"]);
    assert_eq!((quiet.status.code(), text(&quiet.stderr)), (Some(0), String::new()));
}

#[test]
fn the_same_csvs_give_the_same_bytes_in_either_dialect() {
    let (plain, again, excel) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folders = [plain.path(), again.path(), excel.path()];
    for folder in folders {
        sweep(folder, &TWO);
    }
    ["runs.csv", "epochs.csv"].iter().for_each(|name| to_excel(&excel.path().join(name)));
    let written = folders.map(|folder| redraw(folder).unwrap());
    assert_eq!(names(&written[0]), ["sweep.svg", "sweep.png", "heatmap.svg", "heatmap.png", "report.md"]);
    for name in names(&written[0]) {
        let bytes = folders.map(|folder| std::fs::read(folder.join(name)).unwrap());
        assert!(bytes[0] == bytes[1], "{name} differs from one time to the next");
        assert!(bytes[0] == bytes[2], "{name} differs from dialect to dialect");
    }
}

#[test]
fn settings_from_the_smallest_to_the_largest_numbers_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    for (i, [column, low, high]) in [
        ["learning_rate", "1e-300", "1e9"],
        ["learning_rate", "1e-320", "0.1"],
        ["weight_decay", "0", "1.797e308"],
    ]
    .iter()
    .enumerate()
    {
        let path = folder.path().join(i.to_string());
        let mut runs = format!("trial,run_id,status,hidden_dims,{column},seed,test_accuracy\n");
        let mut all = format!("trial,run_id,{EPOCHS}\n");
        for (j, value) in [low, high, "0.2"].iter().enumerate() {
            for (k, dims) in ["8", "9"].iter().enumerate() {
                let id = format!("t{j}{k}");
                writeln!(runs, "{id},{id},ok,{dims},{value},1,0.8{j}").unwrap();
                all += &epochs(&format!("{id},{id}"), Some(0.8));
            }
        }
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("runs.csv"), runs).unwrap();
        std::fs::write(path.join("epochs.csv"), all).unwrap();
        // An endless loop would end the machine: no more than a minute and 4 GB.
        let limited = ["-c", "ulimit -v 4000000; exec timeout 60 \"$0\" plot .", CHAINRULE];
        let output = launch("sh", &path).args(limited).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{column} {low} {high}: {}", text(&output.stderr));
        is_picture(&path, "sweep.svg");
        assert!(!std::fs::read_to_string(path.join("sweep.svg")).unwrap().contains("NaN"));
    }
}

#[test]
fn names_of_classes_and_runs_are_escaped_in_pictures_and_report() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "<script>&\"\"'\u{1}</text>";
    let classes =
        [format!("\"{hostile}\""), "'=cmd|' /C calc'!A0".to_owned(), "m".repeat(500), "図表".to_owned()];
    let id = "\"<&\"\"'>]]></text><script>\u{0}\u{1b}\u{ffff}\n\"";
    run(folder.path(), id, &classes.iter().map(String::as_str).collect::<Vec<_>>());
    redraw(folder.path()).unwrap();
    is_picture(folder.path(), "curves.svg");
    is_picture(folder.path(), "confusion.svg");
    let svg = std::fs::read_to_string(folder.path().join("curves.svg")).unwrap();
    assert!(svg.contains("&lt;&amp;&quot;&apos;&gt;]]&gt;&lt;/text&gt;&lt;script&gt;"), "{svg}");
    let svg = std::fs::read_to_string(folder.path().join("confusion.svg")).unwrap();
    assert!(svg.contains("&lt;&amp;&quot;&apos;&gt;") && !svg.contains("<script>"), "{svg}");
    // The apostrophe that keeps a spreadsheet from running it is not part of the name.
    assert!(svg.contains(">=cmd|&apos; /C calc&apos;!A0</text>"), "{svg}");
    let sweep_folder = tempfile::tempdir().unwrap();
    sweep(sweep_folder.path(), &[("8", "0.1", 0.8), ("9", "0.1", 0.7)]);
    let runs = sweep_folder.path().join("runs.csv");
    let named = std::fs::read_to_string(&runs).unwrap().replace("data/fashion-mnist", "\"<b>|x `y`\"");
    std::fs::write(&runs, named).unwrap();
    redraw(sweep_folder.path()).unwrap();
    is_picture(sweep_folder.path(), "sweep.svg");
    let report = std::fs::read_to_string(sweep_folder.path().join("report.md")).unwrap();
    assert!(report.contains("\\<b\\>\\|x") && report.contains("\\`y\\`"), "{report}");
}

#[test]
fn a_sweep_of_nothing_but_divergence_has_pictures_and_a_report_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &[("8", "10", -1.0), ("8", "100", -1.0), ("9", "10", -1.0), ("9", "100", -1.0)]);
    redraw(folder.path()).unwrap();
    is_picture(folder.path(), "sweep.svg");
    is_picture(folder.path(), "heatmap.svg");
    let heatmap = std::fs::read_to_string(folder.path().join("heatmap.svg")).unwrap();
    assert_eq!(heatmap.matches(">diverged</text>").count(), 4);
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(report.contains("8 trials of 4 combinations: 8 `diverged`."), "{report}");
    assert!(report.contains("no trial ended with metrics"), "{report}");
}

#[test]
fn the_report_names_the_winner_the_command_and_how_it_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &TWO);
    redraw(folder.path()).unwrap();
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    for part in [
        "12 trials of 6 combinations: 8 `ok`, 4 `diverged`.",
        "`hidden_dims` 128x64, `learning_rate` 0.01: validation accuracy 88.10 ± 0.14 % over 2 seeds.",
        "    chainrule train --hidden-dims 128x64 --learning-rate 0.01 --epochs 10 --val-split 0.1 --seed 42 --data data/fashion-mnist\n",
        "`--seed 43`",
        "It was chosen by validation accuracy.",
        "4.00 percentage points better",
        "![Accuracy by both settings](heatmap.svg)",
        "| t0004 | diverged | `hidden_dims` none, `learning_rate` 1e6 | 42 |",
    ] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

#[test]
fn errors_name_the_folder_the_file_and_the_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    run(&path.join("r"), "r", &["a", "b"]);
    std::fs::create_dir(path.join("empty")).unwrap();
    for (name, csv) in [
        ("column", "run_id,epoch,train_loss\nr,1,0.5\n"),
        ("cell", "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy\nr,1,x,,,\n"),
        ("header", "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy\n"),
    ] {
        std::fs::create_dir(path.join(name)).unwrap();
        std::fs::write(path.join(name).join("epochs.csv"), csv).unwrap();
    }
    std::fs::create_dir(path.join("runs")).unwrap();
    std::fs::write(path.join("runs/runs.csv"), "run_id,status,test_accuracy\n").unwrap();
    std::fs::create_dir(path.join("no-accuracy")).unwrap();
    std::fs::write(path.join("no-accuracy/runs.csv"), "trial,run_id,status\nt0000,r,ok\n").unwrap();
    for (args, code, messages) in [
        (&[][..], 2, &["<DIR>"][..]),
        (&["nowhere"], 1, &["cannot read nowhere"]),
        (&["empty"], 1, &["empty: expected a run's folder", "found none of these"]),
        (&["column"], 1, &["column/epochs.csv: line 1: expected a column train_accuracy, found run_id"]),
        (&["cell"], 1, &["cell/epochs.csv: line 2, column train_loss: expected a loss", "found `x`"]),
        (&["header"], 1, &["header: nothing to draw"]),
        (&["runs"], 1, &["runs: nothing to draw"]),
        (&["no-accuracy"], 1, &["no-accuracy/runs.csv: line 1: expected a column test_accuracy"]),
        (&["r", "empty"], 1, &["empty: expected a run's folder with an epochs.csv"]),
        (&["header", "header"], 1, &["no epoch of any run has a metric"]),
        (&["r", "--out", "/proc/nowhere"], 1, &["cannot write /proc/nowhere"]),
    ] {
        let output = plot(path, args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(messages.iter().all(|message| stderr.contains(message)), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn tables_that_do_not_fit_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    run(&path.join("r"), "r", &["a", "b"]);
    let rows = epochs("r", Some(0.88)).lines().count();
    let summary = |epochs: usize, classes: usize, samples: usize, accuracy: &str| {
        let head = "run_id,status,epochs,epochs_done,classes,test_samples,test_accuracy";
        let row = format!("r,ok,{epochs},{epochs},{classes},{samples},{accuracy}");
        std::fs::write(path.join("r/summary.csv"), format!("{head}\n{row}\n")).unwrap();
        let output = plot(path, &["r"]);
        (output.status.code(), text(&output.stderr))
    };
    let accuracy = (1800.0_f64 / 1802.0).to_string();
    assert_eq!(summary(rows, 2, 1802, &accuracy).0, Some(0));
    for (found, message) in [
        (summary(rows + 1, 2, 1802, &accuracy), "r/epochs.csv: expected "),
        (
            summary(rows, 3, 1802, &accuracy),
            "r/confusion.csv: expected 3 classes, as r/summary.csv says, found 2",
        ),
        (summary(rows, 2, 1803, &accuracy), "r/confusion.csv: expected 1803 test samples"),
        (summary(rows, 2, 1802, "0.9"), "r/confusion.csv: expected a test accuracy of 0.9"),
    ] {
        assert!(found.0 == Some(1) && found.1.contains(message), "{message}: {}", found.1);
    }
    sweep(&path.join("s"), &TWO);
    let runs = std::fs::read_to_string(path.join("s/runs.csv")).unwrap();
    let lines: Vec<&str> = runs.lines().collect();
    std::fs::write(path.join("s/runs.csv"), lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    let output = plot(path, &["s"]);
    let stderr = text(&output.stderr);
    assert!(output.status.code() == Some(1) && stderr.contains("s/runs.csv: no row for `t"), "{stderr}");
}

#[test]
fn runs_that_a_shell_loop_started_are_drawn_as_a_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs = "run_id,status,hidden_dims,seed,test_accuracy\n".to_owned();
    for (width, accuracy) in [("32", 0.8), ("64", 0.85), ("128", 0.86)] {
        run(&folder.path().join(format!("w{width}")), &format!("w{width}"), &["a", "b"]);
        writeln!(runs, "w{width},ok,{width},42,{accuracy}").unwrap();
    }
    std::fs::write(folder.path().join("runs.csv"), runs + "../w32,ok,256,42,0.87\n").unwrap();
    let written = redraw(folder.path()).unwrap();
    assert_eq!(names(&written), ["sweep.svg", "sweep.png", "report.md"]);
    let svg = std::fs::read_to_string(folder.path().join("sweep.svg")).unwrap();
    assert!(
        svg.contains(">hidden_dims (units, layer by layer, log scale)</text>")
            && svg.contains(">Epoch</text>"),
        "{svg}"
    );
}

#[test]
fn a_folder_without_metrics_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(redraw(folder.path()).unwrap(), [] as [PathBuf; 0]);
    std::fs::write(folder.path().join("runs.csv"), format!("{RUNS}\n")).unwrap();
    assert_eq!(redraw(folder.path()).unwrap(), [] as [PathBuf; 0]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn pictures_have_the_formats_title_and_width_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &TWO);
    let args = [".", "--format", "svg,pdf", "--title", "a < \u{1b}b", "--width", "800", "--out", "o"];
    assert_eq!(plot(folder.path(), &args).status.code(), Some(0));
    let svg = std::fs::read_to_string(folder.path().join("o/sweep.svg")).unwrap();
    is_xml(&svg);
    for part in [
        "<svg width=\"400\"",
        "<title>a &lt; \\u{1b}b</title>",
        "<desc>12 trials; ",
        ">a &lt; \\u{1b}b</text>",
    ] {
        assert!(svg.contains(part), "{part} is not in {svg}");
    }
    let pdf = std::fs::read(folder.path().join("o/sweep.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    assert!(!folder.path().join("o/sweep.png").exists());
    assert_eq!(plot(folder.path(), &[".", "--format", "gif"]).status.code(), Some(2));
    assert_eq!(plot(folder.path(), &[".", "--width", "1"]).status.code(), Some(2));
}

#[test]
fn several_sweeps_are_told_that_overlays_take_runs() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b", "c"] {
        sweep(&folder.path().join(name), &TWO);
    }
    run(&folder.path().join("a b/t0003"), "t0003", &["a", "b"]);
    let output = plot(folder.path(), &["a b", "c"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("each is a run's, such as a b/t0003; `chainrule plot 'a b'` draws the sweep"),
        "{stderr}"
    );
}

#[test]
fn one_setting_has_neither_a_winner_nor_a_best() {
    let folder = tempfile::tempdir().unwrap();
    sweep(folder.path(), &[("8", "1e-5", 0.5)]);
    redraw(folder.path()).unwrap();
    let all =
        ["report.md", "sweep.svg"].map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
    for word in ["best", "picked", "Winner", "winner", "0.00001"] {
        assert!(all.iter().all(|text| !text.contains(word)), "{word} is in {all:?}");
    }
}

#[test]
fn more_than_three_varied_settings_are_a_table_and_each_sweep_of_a_file_has_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut runs =
        "run_id,status,hidden_dims,learning_rate,momentum,batch_size,threads,seed,test_accuracy,sweep_id\n"
            .to_owned();
    for i in 0..16 {
        let [a, b, c, d] = [i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3];
        writeln!(runs, "r{i},ok,{},0.{},0.{c},{},{},1,0.8{i:02},s{d}", 8 + a, 1 + b, 16 << d, 1 + i).unwrap();
    }
    std::fs::write(folder.path().join("runs.csv"), runs).unwrap();
    let written = redraw(folder.path()).unwrap();
    assert_eq!(names(&written)[2..6], ["sweep-s0.svg", "sweep-s0.png", "sweep-s1.svg", "sweep-s1.png"]);
    let axes = |name: &str| {
        let svg = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(!svg.contains("threads"), "{svg}");
        svg.matches(">Test accuracy (%)</text>").count()
    };
    assert_eq!((axes("sweep.svg"), axes("sweep-s0.svg")), (0, 3));
}
