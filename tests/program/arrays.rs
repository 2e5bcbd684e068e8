//! Arrays of people's own, in NPY, NPZ and IDX files: missing numbers, settings that are for tables, and arrays that are
//! larger than memory

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use chainrule::tables::reader::Table;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::ended::ended_line;
use crate::idx_files::{gzip, idx_bytes};
use crate::launch::{CHAINRULE, launch};

const MODEL: &str = "results/a/model.safetensors";

/// An NPY file of this type and these dimensions
pub fn npy(descr: &str, is_fortran: bool, dims: &[usize], data: &[u8]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    let shape: String = dims.iter().map(|dim| format!("{dim},")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn floats(numbers: impl IntoIterator<Item = f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Rows of three numbers of two classes; the second number of every tenth row is missing
fn numbers(rows: usize) -> Vec<f32> {
    let row = |i: usize| {
        let x = (i * 37 % 100) as f32 / 10.0 + (i % 2) as f32;
        [x, if i % 10 == 3 { f32::NAN } else { 2.0 * x }, (i % 2) as f32 * 4.0 - x]
    };
    (0..rows).flat_map(row).collect()
}

fn labels(rows: usize) -> Vec<u8> {
    (0..rows).map(|i| (i % 2) as u8).collect()
}

/// Writes the same rows as .npz, .npy, a folder of IDX files and a table
fn write_rows(folder: &Path, rows: usize) {
    let x = npy("<f4", false, &[rows, 3], &floats(numbers(rows)));
    let y = npy("|u1", false, &[rows], &labels(rows));
    fs::write(folder.join("x.npy"), &x).unwrap();
    fs::write(folder.join("y.npy"), &y).unwrap();
    fs::write(folder.join("both.npz"), npz(&[("X", x), ("y", y)])).unwrap();
    fs::create_dir_all(folder.join("idx")).unwrap();
    let data: Vec<u8> = numbers(rows).into_iter().flat_map(f32::to_be_bytes).collect();
    let mut images = idx_bytes(&[rows as u32, 3], &data);
    images[2] = 0x0d;
    fs::write(folder.join("idx/train-images-idx3-ubyte"), images).unwrap();
    fs::write(folder.join("idx/train-labels-idx1-ubyte"), idx_bytes(&[rows as u32], &labels(rows))).unwrap();
    let line = |(row, label): (&[f32], u8)| format!("{},{},{},{label}\n", row[0], row[1], row[2]);
    let table: String = numbers(rows).chunks(3).zip(labels(rows)).map(line).collect();
    fs::write(folder.join("rows.csv"), format!("a,b,c,label\n{}", table.replace("NaN", ""))).unwrap();
}

#[test]
fn missing_numbers_of_arrays_are_refused_filled_or_left_out_as_those_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_rows(path, 200);
    let net = "--epochs 2 --hidden-dims 4 --test-split 0.2";
    for (data, place) in [
        ("both.npz", "both.npz: array X: row 4, element 2: found NaN"),
        ("x.npy,y.npy", "x.npy: row 4, element 2: found NaN"),
        ("idx", "train-images-idx3-ubyte: row 4, element 2: found NaN"),
    ] {
        let message = ended_line(path, &format!("train --data {data} {net}"), 1).1;
        assert!(
            message.contains(place) && message.contains("--missing mean, median, zero or drop"),
            "{message}"
        );
    }
    let metrics = |stdout: &str| stdout.lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    for missing in ["mean", "median", "zero", "drop"] {
        let run = |data: &str| {
            format!(
                "train --data {data} {net} --missing {missing} --run-id {missing}-{}",
                data.replace('.', "-")
            )
        };
        let stderr = ended_line(path, &run("rows.csv"), 0).1;
        let samples = if missing == "drop" { "144 training and 36 test" } else { "160 training and 40 test" };
        assert!(stderr.contains(samples), "{stderr}");
        let evaluated = |data: &str| {
            metrics(
                &ended_line(
                    path,
                    &format!("evaluate results/{missing}-{}/model.safetensors", data.replace('.', "-")),
                    0,
                )
                .0,
            )
        };
        let expected = evaluated("rows.csv");
        for data in ["both.npz", "idx"] {
            let stderr = ended_line(path, &run(data), 0).1;
            assert!(stderr.contains(samples), "{missing} {data}: {stderr}");
            assert_eq!(evaluated(data), expected, "{missing} {data}");
        }
    }
    // The model says what replaces a missing number.
    let with_median =
        |input: &str| format!("predict results/median-both-npz/model.safetensors {input} --proba");
    let expected = ended_line(path, &with_median("rows.csv"), 0).0;
    assert_eq!(expected.lines().count(), 201);
    for input in ["x.npy", "idx/train-images-idx3-ubyte"] {
        assert_eq!(ended_line(path, &with_median(input), 0).0, expected, "{input}");
    }
    let message = ended_line(path, "predict results/drop-both-npz/model.safetensors x.npy", 1).1;
    assert!(message.contains("x.npy: row 4, column 2: a missing value, expected a number"), "{message}");
    let message = ended_line(path, "evaluate results/drop-both-npz/model.safetensors --data both.npz", 1).1;
    assert!(message.contains("row 3 (counted from 0), column 2: a missing value"), "{message}");
    let (stdout, _) = ended_line(
        path,
        "evaluate results/drop-both-npz/model.safetensors --data both.npz --missing drop",
        0,
    );
    assert!(stdout.contains("180 samples"), "{stdout}");
    ended_line(
        path,
        "sweep --data both.npz --epochs 1 --test-split 0.2 --grid missing=mean,drop --sweep-id s",
        0,
    );
    let runs = Table::read(&path.join("results/s/runs.csv")).unwrap();
    let column = runs.need("train_samples").unwrap();
    assert!(runs.rows().map(|row| row.text(column)).eq(["160", "144"]));
}

#[test]
fn infinite_numbers_and_arrays_without_a_whole_row_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let y = npy("<f8", false, &[2], &[0.0_f64, 1.0].map(f64::to_le_bytes).concat());
    let write = |x: [f32; 4], y: &[u8]| {
        let x = npy("<f4", false, &[2, 2], &floats(x));
        fs::write(path.join("a.npz"), npz(&[("X", x), ("y", y.to_vec())])).unwrap();
    };
    write([1.0, f32::INFINITY, f32::NAN, 2.0], &y);
    let message = ended_line(path, "train --data a.npz --missing mean", 1).1;
    assert!(message.contains("array X: row 1, element 2: found inf, expected a finite number"), "{message}");
    write([1.0, f32::NAN, f32::NAN, 2.0], &y);
    let message = ended_line(path, "train --data a.npz --missing drop", 1).1;
    assert!(message.contains("a.npz: X: each row lacks a value"), "{message}");
    let y = npy("<f8", false, &[2], &[0.0, f64::NAN].map(f64::to_le_bytes).concat());
    write([1.0, 2.0, 3.0, 4.0], &y);
    let message = ended_line(path, "train --data a.npz --missing mean", 1).1;
    assert!(message.contains("array y: row 2: found NaN") && message.contains("--missing drop"), "{message}");
}

#[test]
fn settings_that_do_not_fit_the_kind_of_the_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_rows(path, 60);
    for (data, flag, expected) in [
        (
            "both.npz",
            "--target y",
            "target is y, expected none, since both.npz is an .npz, and --target is for tables",
        ),
        ("both.npz", "--ignore a,b", "ignore is a,b, expected none"),
        ("both.npz", "--keep-as-id a", "keep-as-id is a, expected none"),
        ("both.npz", "--categorical auto", "categorical is auto, expected none"),
        (
            "x.npy,y.npy",
            "--header yes",
            "header is yes, expected none, since x.npy,y.npy is arrays in .npy files",
        ),
        ("idx", "--separator ;", "separator is ;, expected none, since idx is a set of IDX files"),
        ("idx", "--decimal ,", "decimal is ,, expected none"),
        ("synthetic", "--target y", "since synthetic is the built-in set"),
        (
            "rows.csv",
            "--x a",
            "x is a, expected none, since rows.csv is a table, and --x is for an .npz: leave it out",
        ),
        ("rows.csv", "--y label", "y is label, expected none, since rows.csv is a table"),
        ("x.npy,y.npy", "--y y.npy", "y is y.npy, expected none"),
        ("idx", "--x a", "x is a, expected none"),
    ] {
        let message = ended_line(path, &format!("train --data {data} {flag} --missing mean"), 2).1;
        assert!(message.contains(expected), "{data} {flag}: {message}");
        assert!(!path.join("results").exists(), "{data} {flag} left files");
    }
    ended_line(path, "train --data both.npz --missing mean --epochs 1 --run-id a", 0);
    let message = ended_line(path, &format!("evaluate {MODEL} --data both.npz --target y"), 2).1;
    assert!(message.contains("--target is for tables: leave it out"), "{message}");
    // Each setting fits one of two sources; a config.toml has the defaults of all settings.
    ended_line(
        path,
        "train --data both.npz --test-data rows.csv --target label --missing mean --epochs 1 --run-id b",
        0,
    );
    ended_line(path, "train --config results/a/config.toml --run-id c", 0);
    let sweep = "sweep --missing mean --epochs 1 --sweep-id s --grid data=both.npz,rows.csv";
    ended_line(path, sweep, 0);
    let message = ended_line(path, &format!("{} --target label", sweep.replace("-id s", "-id t")), 4).1;
    assert!(message.contains("since both.npz is an .npz"), "{message}");
}

#[test]
fn a_rare_label_of_an_array_is_refused_with_what_helps_for_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let x = npy("<f4", false, &[300, 1], &floats((0..300).map(|i| i as f32)));
    let y: Vec<u8> = (0..300_u16).flat_map(|i| (if i == 7 { 999 } else { i % 3 }).to_le_bytes()).collect();
    fs::write(path.join("a.npz"), npz(&[("X", x), ("y", npy("<u2", false, &[300], &y))])).unwrap();
    let message = ended_line(path, "train --data a.npz", 1).1;
    assert!(
        message.contains("label 999 in row 7 (counted from 0) is outside the classes 0 to 2"),
        "{message}"
    );
    assert!(message.contains("numpy.unique(y, return_inverse=True)[1]"), "{message}");
    assert!(!message.contains("classes.txt"), "{message}");
}

#[test]
fn info_shows_arrays_with_missing_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_rows(path, 60);
    let stdout = ended_line(path, "info x.npy", 0).0;
    assert!(stdout.contains("60 rows of 3, numbers\nvalues      -9.8 to 21.8, 6 missing"), "{stdout}");
    let stdout = ended_line(path, "info both.npz", 0).0;
    assert!(stdout.contains("60 rows of 3, 6 missing"), "{stdout}");
    ended_line(path, "info idx/train-images-idx3-ubyte", 0);
}

#[test]
fn arrays_are_predicted_block_by_block_in_every_order_and_packing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_rows(path, 200);
    ended_line(path, "train --data both.npz --missing mean --epochs 1 --hidden-dims 4 --run-id a --quiet", 0);
    // More rows than a block has.
    let rows = 40_000;
    let numbers = numbers(rows);
    let x = npy("<f4", false, &[rows, 3], &floats(numbers.clone()));
    let by_column = (0..3).flat_map(|column| numbers.chunks(3).map(move |row| row[column]));
    let fortran = npy("<f4", true, &[rows, 3], &floats(by_column));
    let wide = |x: &f32| f64::from(*x).to_be_bytes();
    let big = npy(">f8", false, &[rows, 1, 3], &numbers.iter().flat_map(wide).collect::<Vec<_>>());
    for (name, bytes) in [
        ("x.npy", x.clone()),
        ("x.gz", gzip(&x)),
        ("fortran.npy", fortran.clone()),
        ("fortran.gz", gzip(&fortran)),
        ("big.npy", big),
    ] {
        fs::write(path.join(name), bytes).unwrap();
    }
    let expected = ended_line(path, &format!("predict {MODEL} x.npy --proba"), 0).0;
    assert_eq!(expected.lines().count(), rows + 1);
    for name in ["x.gz", "fortran.npy", "fortran.gz", "big.npy"] {
        assert!(
            ended_line(path, &format!("predict {MODEL} {name} --proba --threads 3"), 0).0 == expected,
            "{name}"
        );
    }
    // The place of a wrong element, and a file that is cut or longer.
    let mut wrong = x.clone();
    let at = x.len() - 4 * (3 * 10_000 - 1);
    wrong[at..at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let mut turned = fortran.clone();
    let at = fortran.len() - 4 * (rows + 10_000);
    turned[at..at + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    for (name, bytes, message) in [
        ("wrong.npy", wrong.clone(), "wrong.npy: row 30001, element 2: found inf"),
        ("wrong.gz", gzip(&wrong), "wrong.gz: row 30001, element 2: found inf"),
        ("turned.npy", turned, "turned.npy: row 30001, element 2: found inf"),
        ("cut.npy", x[..x.len() - 5].to_vec(), "479995 bytes of data, expected 480000"),
        ("cut.gz", gzip(&x[..x.len() - 5]), "479995 bytes of data, expected 480000"),
        ("long.gz", gzip(&[&x[..], &[0]].concat()), "more than 480000 bytes of data"),
    ] {
        fs::write(path.join(name), bytes).unwrap();
        let found = ended_line(path, &format!("predict {MODEL} {name} -o out.csv"), 1).1;
        assert!(found.contains(message) && !path.join("out.csv").exists(), "{name}: {found}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_array_larger_than_memory_is_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (rows, columns) = (2_000, 20_000);
    let x = npy(
        "|u1",
        false,
        &[20, columns],
        &(0..20 * columns).map(|i| (i / columns % 2) as u8).collect::<Vec<_>>(),
    );
    let y = npy("|u1", false, &[20], &labels(20));
    fs::write(path.join("small.npz"), npz(&[("X", x), ("y", y)])).unwrap();
    ended_line(
        path,
        "train --data small.npz --scale standard --epochs 1 --hidden-dims 1 --run-id a --quiet",
        0,
    );
    // 320 MB, of which the file system stores the header alone.
    for (name, is_fortran) in [("large.npy", false), ("turned.npy", true)] {
        let header = npy("<f8", is_fortran, &[rows, columns], &[]);
        let file = fs::File::create(path.join(name)).unwrap();
        (&file).write_all(&header).unwrap();
        file.set_len((header.len() + rows * columns * 8) as u64).unwrap();
        let limited = format!("ulimit -v 300000; exec \"$0\" predict {MODEL} {name} --threads 2");
        let mut command = launch("sh", path);
        let output = command.args(["-c", &limited, CHAINRULE]).env("MALLOC_ARENA_MAX", "2").output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), rows + 1, "{name}");
    }
}

#[test]
fn half_a_test_set_is_refused_rather_than_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let x = || npy("<f4", false, &[40, 3], &floats((0..120).map(|i| (i * 7 % 31) as f32)));
    let y = || npy("|u1", false, &[40], &labels(40));
    fs::create_dir(path.join("files")).unwrap();
    let run = "--epochs 1 --hidden-dims 4";
    for (name, array, lacking) in [("x_test", x(), "y_test"), ("test_labels", y(), "test_images")] {
        let members = [("x_train", x()), ("y_train", y()), (name, array.clone())];
        fs::write(path.join("half.npz"), npz(&members)).unwrap();
        let said = format!("half.npz: has {name}, but not {lacking}");
        let stderr = ended_line(path, &format!("train --data half.npz {run}"), 1).1;
        assert!(stderr.contains(&said) && stderr.contains("--x x_train --y y_train"), "{stderr}");
        let stderr = ended_line(path, &format!("train --data half.npz --x x_train --y y_train {run}"), 0).1;
        assert!(stderr.contains("40 training and 0 test samples"), "{stderr}");
        for (name, array) in members {
            fs::write(path.join(format!("files/{name}.npy")), array).unwrap();
        }
        let stderr = ended_line(path, &format!("train --data files {run}"), 1).1;
        let advice = "--data files/x_train.npy,files/y_train.npy";
        assert!(stderr.contains(&format!("has {name}, but not {lacking}")), "{stderr}");
        assert!(stderr.contains(advice), "{stderr}");
        fs::remove_file(path.join(format!("files/{name}.npy"))).unwrap();
    }
}

#[test]
fn arrays_of_an_npz_and_of_standard_input_are_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_rows(path, 200);
    ended_line(path, "train --data both.npz --missing mean --epochs 1 --hidden-dims 4 --run-id a --quiet", 0);
    let expected = ended_line(path, &format!("predict {MODEL} x.npy"), 0).0;
    assert_eq!(expected.lines().count(), 201);
    let x = |rows| npy("<f4", false, &[rows, 3], &floats(numbers(rows)));
    let y = npy("|u1", false, &[200], &labels(200));
    // A test set comes first, and a file with one array has no other.
    fs::write(path.join("sets.npz"), npz(&[("x_train", x(7)), ("y_train", y.clone()), ("x_test", x(200))]))
        .unwrap();
    fs::write(path.join("only.npz"), npz(&[("rows", x(200))])).unwrap();
    fs::write(path.join("odd.npz"), npz(&[("a", x(7)), ("b", x(200)), ("c", y)])).unwrap();
    for input in ["both.npz", "sets.npz", "only.npz", "odd.npz --x b"] {
        assert_eq!(ended_line(path, &format!("predict {MODEL} {input}"), 0).0, expected, "{input}");
    }
    let train = ended_line(path, &format!("predict {MODEL} sets.npz --x x_train"), 0).0;
    assert!(expected.starts_with(&train) && train.lines().count() == 8, "{train}");
    for (input, code, said) in [
        (
            "odd.npz",
            1,
            "odd.npz: has the arrays a, b, c, expected x_test or X; name the one to predict with --x",
        ),
        ("odd.npz --x z", 1, "has no array z"),
        ("odd.npz --x c", 1, "has 200 rows of 1 number, as labels have, expected rows of 3"),
        ("x.npy --x a", 2, "x.npy is no .npz, and --x is for an .npz"),
        ("- --x a", 2, "standard input is no .npz"),
    ] {
        let message = ended_line(path, &format!("predict {MODEL} {input}"), code).1;
        assert!(message.contains(said), "{input}: {message}");
    }

    let piped = |args: &str, file: &str| {
        let input = fs::File::open(path.join(file)).unwrap();
        let output = launch(CHAINRULE, path).args(args.split(' ')).stdin(input).output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), stdout, stderr)
    };
    let by_column: Vec<f32> = (0..3)
        .flat_map(|column| numbers(200).into_iter().skip(column).step_by(3).collect::<Vec<_>>())
        .collect();
    fs::write(path.join("fortran.npy"), npy("<f4", true, &[200, 3], &floats(by_column))).unwrap();
    fs::write(path.join("cut.npy"), &x(200)[..1500]).unwrap();
    let huge = npy("<f4", false, &[1 << 40, 3], &floats(numbers(1)));
    fs::write(path.join("huge.npy"), huge).unwrap();
    let predict = format!("predict {MODEL} -");
    for file in ["x.npy", "fortran.npy", "idx/train-images-idx3-ubyte", "rows.csv"] {
        assert_eq!(piped(&predict, file).1, expected, "{file}");
    }
    for (args, file, said) in [
        (&*predict, "cut.npy", "standard input: "),
        (&predict, "huge.npy", "standard input: "),
        (
            &predict,
            "both.npz",
            "standard input: is an .npz, whose directory is at its end; save it to a file",
        ),
        ("train --data -", "both.npz", "standard input: is an .npz"),
        ("train --data -", "x.npy", "standard input: is an array, expected a table"),
    ] {
        let (code, _, stderr) = piped(args, file);
        assert!(code == Some(1) && stderr.contains(said), "{args} < {file}: {stderr}");
    }
}

#[test]
fn labels_from_1_are_numbers_of_classes_in_an_array_and_names_of_classes_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let labels: Vec<u8> = (0..100).map(|i| 1 + i % 10).collect();
    let x = npy("<f4", false, &[100, 3], &floats(numbers(100)));
    fs::write(path.join("t.npz"), npz(&[("X", x), ("y", npy("|u1", false, &[100], &labels))])).unwrap();
    let rows: String = labels.iter().map(|label| format!("{},{},{label}\n", label % 3, label % 4)).collect();
    fs::write(path.join("t.csv"), format!("a,b,label\n{rows}")).unwrap();
    for (data, net) in [("t.npz --missing mean", "net 3-4-11,"), ("t.csv", "net 2-4-10,")] {
        let run = net.replace([' ', ','], "-") + "run";
        let args = format!("train --data {data} --epochs 1 --hidden-dims 4 --run-id {run}");
        let stderr = ended_line(path, &args, 0).1;
        assert!(stderr.contains(net), "{data}: {stderr}");
    }
}
