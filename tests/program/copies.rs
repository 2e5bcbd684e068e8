//! `evaluate`, `ensemble` and `predict` with moved copies of each image, compared with copies that the test makes

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use chainrule::tables::reader::Table;
use flate2::read::GzDecoder;

use crate::arrays::npy;
use crate::ended::ended_line;
use crate::idx_files::{gzip, idx_bytes};
use crate::state_dicts::{Tensor, state_dict};

const SIDE: i32 = 4;
/// More than two batches of prediction
const IMAGES: usize = 300;
const MODELS: [&str; 2] = ["results/a/model.safetensors", "results/b/model.safetensors"];
const TEST: &str = "t10k-images-idx3-ubyte.gz";

/// Images in three classes that can't be told by the sum of their pixels, so that their places count; trains `a` in f32 and `b`
/// in f64
fn trained(folder: &Path) {
    let pixel = |at: usize| ((at / 16 % 3 + 1) * (at % 16 + 2) * 37 % 251) as u8;
    for (name, len) in [("train", 200), ("t10k", IMAGES)] {
        let pixels: Vec<u8> = (0..len * 16).map(pixel).collect();
        let file = gzip(&idx_bytes(&[len as u32, SIDE as u32, SIDE as u32], &pixels));
        fs::write(folder.join(format!("{name}-images-idx3-ubyte.gz")), file).unwrap();
        let labels: Vec<u8> = (0..len).map(|i| (i % 3) as u8).collect();
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx_bytes(&[len as u32], &labels))
            .unwrap();
    }
    for (id, dtype) in [("a", "f32"), ("b", "f64")] {
        let args =
            format!("train --data . --hidden-dims 6 --epochs 1 --dtype {dtype} --seed 3 --run-id {id} -q");
        ended_line(folder, &args, 0);
    }
}

/// The test images, flipped and then shifted
fn moved(folder: &Path, flip: bool, down: i32, right: i32) -> Vec<u8> {
    let file = File::open(folder.join(TEST)).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    let of_image = |image: &[u8]| {
        let mut moved = vec![0; image.len()];
        for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
            let (to_y, to_x) = (y + down, if flip { SIDE - 1 - x } else { x } + right);
            if (0..SIDE).contains(&to_y) && (0..SIDE).contains(&to_x) {
                moved[(to_y * SIDE + to_x) as usize] = image[(y * SIDE + x) as usize];
            }
        }
        moved
    };
    bytes[16..].chunks((SIDE * SIDE) as usize).flat_map(of_image).collect()
}

/// The probabilities in predictions, row by row; the digits of an f32 read back to the same f32, not to the same f64
fn probabilities(csv: &str, is_single: bool) -> Vec<Vec<f64>> {
    let cell = |cell: &str| {
        let p: f64 = cell.parse().unwrap();
        if is_single { f64::from(p as f32) } else { p }
    };
    csv.lines().skip(1).map(|line| line.split(',').skip(3).map(cell).collect()).collect()
}

/// The means of several lists of rows, added in their order
fn means(of: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let mean = |row: usize, at: usize| of.iter().map(|rows| rows[row][at]).sum::<f64>() / of.len() as f64;
    (0..of[0].len()).map(|row| (0..of[0][row].len()).map(|at| mean(row, at)).collect()).collect()
}

/// The mean over the copies of what a model predicts, from one run of `predict` for each
fn copied(folder: &Path, model: usize, flips: &[bool], shift: i32) -> Vec<Vec<f64>> {
    let mut copies = Vec::new();
    for &flip in flips {
        for (down, right) in (-shift..=shift).flat_map(|y| (-shift..=shift).map(move |x| (y, x))) {
            let pixels = moved(folder, flip, down, right);
            let file = idx_bytes(&[IMAGES as u32, SIDE as u32, SIDE as u32], &pixels);
            fs::write(folder.join("moved.idx"), file).unwrap();
            let (csv, _) = ended_line(folder, &format!("predict {} moved.idx --proba", MODELS[model]), 0);
            copies.push(probabilities(&csv, model == 0));
        }
    }
    means(&copies)
}

/// Cells of row `row` of e/metrics.csv
fn metrics(folder: &Path, row: usize, names: &[&str]) -> Vec<String> {
    let table = Table::read(&folder.join("e/metrics.csv")).unwrap();
    let row = table.rows().nth(row).unwrap();
    names.iter().map(|name| row.text(table.need(name).unwrap()).to_owned()).collect()
}

#[test]
fn predictions_are_the_mean_of_those_of_the_copies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    trained(path);
    let plain = ended_line(path, &format!("predict {} {TEST} --proba", MODELS[0]), 0).0;
    for (flags, flips, shift) in [
        ("--flip", &[false, true][..], 0),
        ("--shift 1", &[false], 1),
        ("--flip --shift 1", &[false, true], 1),
        ("--shift 3", &[false], 3),
    ] {
        let of_models = [0, 1].map(|model| copied(path, model, flips, shift));
        for model in [0, 1] {
            let args = format!("predict {} {TEST} --proba {flags}", MODELS[model]);
            let (csv, stderr) = ended_line(path, &args, 0);
            assert_eq!(stderr, "");
            assert!(probabilities(&csv, false) == of_models[model], "{args}");
            assert!(csv != plain, "{flags}");
            assert_eq!(csv, ended_line(path, &format!("{args} --threads 3"), 0).0);
        }
        let (csv, _) =
            ended_line(path, &format!("predict {} {} {TEST} --proba {flags}", MODELS[0], MODELS[1]), 0);
        assert!(probabilities(&csv, false) == means(&of_models), "{flags}");
    }
}

#[test]
fn metrics_are_those_of_the_mean_of_the_copies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    trained(path);
    let of_models = [0, 1].map(|model| copied(path, model, &[false, true], 1));
    let best = |row: &[f64]| (1..3).fold(0, |best, at| if row[at] > row[best] { at } else { best });
    let expected = |means: &[Vec<f64>]| {
        let correct = means.iter().enumerate().filter(|(i, row)| best(row) == i % 3).count();
        let loss = means.iter().enumerate().map(|(i, row)| -row[i % 3].ln()).sum::<f64>() / IMAGES as f64;
        (correct.to_string(), loss)
    };
    let check = |row: usize, (correct, loss): (String, f64), dtype: &str| {
        let found = metrics(path, row, &["correct", "loss", "copies", "dtype"]);
        assert_eq!((&found[0], &found[2][..], &found[3][..]), (&correct, "18", dtype));
        approx::assert_relative_eq!(found[1].parse::<f64>().unwrap(), loss, max_relative = 1e-7);
    };
    for (model, dtype) in [(0, "f32"), (1, "f64")] {
        let (text, _) =
            ended_line(path, &format!("evaluate {} --flip --shift 1 --out e --threads 2", MODELS[model]), 0);
        assert!(text.contains("\ncopies      18 of each image, whose predictions are averaged\n"), "{text}");
        check(0, expected(&of_models[model]), dtype);
    }
    let args = "ensemble results/a results/b --flip --shift 1 --out e";
    let (text, _) = ended_line(path, args, 0);
    assert!(text.contains("\ncopies      18 of each image"), "{text}");
    for (model, dtype) in [(0, "f32"), (1, "f64")] {
        check(model, expected(&of_models[model]), dtype);
    }
    check(2, expected(&means(&of_models)), "f64");
    let json = ended_line(path, &format!("{args} --json --threads 3"), 0).0;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["copies"], &json["members"][0]["copies"]), (&18.into(), &18.into()));
    ended_line(path, &format!("evaluate {} --out e", MODELS[0]), 0);
    assert_eq!(metrics(path, 0, &["copies"]), ["1"]);
}

#[test]
fn rows_that_are_no_images_have_no_copies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    trained(path);
    fs::write(path.join("t.csv"), "a,b,label\n1,2,x\n2,1,y\n3,4,x\n4,3,y\n").unwrap();
    ended_line(path, "train --data t.csv --hidden-dims none --epochs 1 --run-id t -q", 0);
    for (args, message) in [
        ("evaluate results/t/model.safetensors --flip", "leave out --flip\n"),
        ("evaluate results/t/model.safetensors --shift 1 --flip", "leave out --flip and --shift\n"),
        ("predict results/t/model.safetensors t.csv --shift 1", "leave out --shift\n"),
        ("evaluate results/a/model.safetensors --shift 4", "at most 3, since the images have 4 × 4 pixels"),
        ("ensemble results/a results/b --shift 9", "shift is 9, expected at most 3"),
    ] {
        let (stdout, stderr) = ended_line(path, args, 2);
        assert!(stderr.contains(message) && stdout.is_empty(), "{args}: {stderr}");
        let is_table = args.contains("results/t");
        assert_eq!(stderr.contains("rows of 2 numbers are no images: give an array"), is_table, "{stderr}");
    }
}

#[test]
fn rows_are_images_if_the_model_or_the_data_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    trained(path);
    // A state dict knows the number of pixels only, and a table has a column for each.
    let weight: Vec<f64> = (0..48).map(|at| f64::from(at * 7 % 11) / 8.0 - 0.5).collect();
    let tensors: [Tensor<'_>; 2] =
        [("0.weight", "F32", vec![3, 16], weight), ("0.bias", "F32", vec![3], vec![0.0; 3])];
    fs::write(path.join("net.safetensors"), state_dict(&tensors)).unwrap();
    for command in [
        "evaluate net.safetensors --data . --json".to_owned(),
        format!("predict net.safetensors {TEST} --proba"),
    ] {
        let [alone, flipped] =
            ["", " --flip"].map(|flag| ended_line(path, &format!("{command} -q{flag}"), 0).0);
        assert!(alone != flipped, "{command}");
    }
    let pixels = moved(path, false, 0, 0);
    let line = |image: &[u8]| image.iter().map(|x| format!("{x}")).collect::<Vec<_>>().join(",") + "\n";
    let header = (0..16).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",") + "\n";
    fs::write(path.join("t.csv"), header + &pixels.chunks(16).map(line).collect::<String>()).unwrap();
    let predicted = |input: &str| {
        ended_line(path, &format!("predict {} {input} --proba --flip --shift 1", MODELS[0]), 0).0
    };
    assert_eq!(predicted("t.csv"), predicted(TEST));
}

#[test]
fn places_with_scales_of_their_own_have_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    trained(path);
    ended_line(path, "train --data . --scale standard --hidden-dims 4 --epochs 1 --run-id s -q", 0);
    let model = "results/s/model.safetensors";
    let warning = "warning: --shift moves pixels, and each place of the image has its own scale";
    for command in [format!("evaluate {model}"), format!("predict {model} {TEST} -o p.csv")] {
        let (_, stderr) = ended_line(path, &format!("{command} --shift 1"), 0);
        assert!(stderr.contains(warning), "{stderr}");
        let (_, stderr) = ended_line(path, &command, 0);
        assert!(!stderr.contains("warning"), "{stderr}");
        let (_, stderr) = ended_line(path, &format!("{command} --shift 1 -q"), 0);
        assert_eq!(stderr, "");
    }
    // One scale for all places is none of their own.
    let weight: Vec<f64> = (0..48).map(|at| f64::from(at % 5) / 8.0).collect();
    let tensors: [Tensor<'_>; 2] =
        [("0.weight", "F32", vec![3, 16], weight), ("0.bias", "F32", vec![3], vec![0.0; 3])];
    fs::write(path.join("net.safetensors"), state_dict(&tensors)).unwrap();
    let (_, stderr) = ended_line(
        path,
        &format!("predict net.safetensors {TEST} --mean 0.3 --std 0.4 --shift 1 -o p.csv"),
        0,
    );
    assert!(!stderr.contains("warning"), "{stderr}");
    // One of two models is enough.
    let (_, stderr) =
        ended_line(path, &format!("predict net.safetensors {model} {TEST} --shift 1 -o p.csv"), 0);
    assert!(stderr.contains(warning), "{stderr}");
}

#[test]
fn numbers_are_averaged_over_the_copies_and_have_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    trained(path);
    let (pixels, mirrored) = (moved(path, false, 0, 0), moved(path, true, 0, 0));
    let dims = [IMAGES, SIDE as usize, SIDE as usize];
    fs::write(path.join("x.npy"), npy("|u1", false, &dims, &pixels)).unwrap();
    fs::write(path.join("flipped.npy"), npy("|u1", false, &dims, &mirrored)).unwrap();
    let truth: Vec<f64> = (0..IMAGES).map(|i| (i * 7 % 31) as f64 / 4.0).collect();
    let bytes: Vec<u8> = truth.iter().flat_map(|y| y.to_le_bytes()).collect();
    fs::write(path.join("y.npy"), npy("<f8", false, &[IMAGES], &bytes)).unwrap();
    ended_line(
        path,
        "train --data x.npy,y.npy --task regress --hidden-dims 5 --epochs 1 --dtype f64 --run-id n -q",
        0,
    );
    let model = "results/n/model.safetensors";
    let predicted = |args: &str| -> Vec<f64> {
        let (csv, _) = ended_line(path, &format!("predict {model} {args}"), 0);
        csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect()
    };
    let (alone, flipped) = (predicted("x.npy"), predicted("flipped.npy"));
    let expected: Vec<f64> = alone.iter().zip(&flipped).map(|(a, b)| (a + b) / 2.0).collect();
    assert!(predicted("x.npy --flip") == expected);
    ended_line(path, &format!("evaluate {model} --flip --out e"), 0);
    let squared: f64 = expected.iter().zip(&truth).map(|(found, y)| (found - y) * (found - y)).sum();
    let found = metrics(path, 0, &["rmse", "loss", "copies"]);
    approx::assert_relative_eq!(
        found[0].parse::<f64>().unwrap(),
        (squared / IMAGES as f64).sqrt(),
        max_relative = 1e-12
    );
    assert_eq!(found[1..], ["", "2"]);
    ended_line(path, &format!("evaluate {model} --out e"), 0);
    assert_ne!(metrics(path, 0, &["loss"]), [""]);
}
