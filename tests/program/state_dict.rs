//! State dicts of PyTorch: `evaluate`, `predict`, `export` and `info`, compared with a model file of the same weights

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::ended::ended;
use crate::small_data::small_data;
use crate::state_dicts::{Tensor, state_dict};

/// A tensor of a model file: its name, dimensions and numbers
pub type Weights = Vec<(String, Vec<usize>, Vec<f64>)>;

/// Trains a net of these hidden widths on the small set, with weights that F16 and BF16 have exactly, in
/// `results/a/model.safetensors`; returns its tensors
pub fn trained(folder: &Path, hidden: &[&str]) -> Weights {
    small_data(folder);
    let args = ["train", "--data", ".", "--epochs", "1", "--run-id", "a", "-q", "--hidden-dims"];
    ended(folder, &[&args[..], hidden].concat(), 0);
    let path = folder.join("results/a/model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    for number in bytes[end..].chunks_exact_mut(4) {
        let x = f32::from_le_bytes(number.try_into().unwrap());
        number.copy_from_slice(&((x * 64.0).round() / 64.0).clamp(-1.0, 1.0).to_le_bytes());
    }
    fs::write(&path, &bytes).unwrap();
    tensors(&bytes)
}

/// The tensors of a model file in f32, in the order of its data
pub fn tensors(bytes: &[u8]) -> Weights {
    let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..end]).unwrap();
    let of_tensor = |(name, info): (&String, &Value)| {
        let [from, to] = [0, 1].map(|at| end + info["data_offsets"][at].as_u64().unwrap() as usize);
        let number = |bytes: &[u8]| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()));
        let shape = info["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        (name.clone(), shape, bytes[from..to].chunks_exact(4).map(number).collect())
    };
    let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    tensors.map(of_tensor).collect()
}

/// The bytes of a state dict with these tensors under the names that `named` gives them, and the types `dtypes` in turn
pub fn of(weights: &Weights, named: impl Fn(&str) -> String, dtypes: &[&str]) -> Vec<u8> {
    let names: Vec<String> = weights.iter().map(|(name, ..)| named(name)).collect();
    let tensor = |(at, (_, shape, numbers)): (usize, &(String, Vec<usize>, Vec<f64>))| {
        (names[at].as_str(), dtypes[at % dtypes.len()], shape.clone(), numbers.clone())
    };
    state_dict(&weights.iter().enumerate().map(tensor).collect::<Vec<Tensor<'_>>>())
}

/// A name of this program's model files with other indices
fn renamed(name: &str, prefix: &str, indices: [usize; 3]) -> String {
    let (index, kind) = name.split_once('.').unwrap();
    format!("{prefix}{}.{kind}", indices[index.parse::<usize>().unwrap() / 2])
}

const IMAGES: &str = "t10k-images-idx3-ubyte.gz";

/// What `evaluate` and `predict` say of a model, without its name
fn results(folder: &Path, model: &str, more: &[&str]) -> (Value, String) {
    let args = [&["evaluate", model, "--data", ".", "--json", "-q"], more].concat();
    let mut json: Value = serde_json::from_str(&ended(folder, &args, 0).0).unwrap();
    json.as_object_mut().unwrap().remove("model").unwrap();
    (json, ended(folder, &[&["predict", model, IMAGES, "--proba", "-q"], more].concat(), 0).0)
}

#[test]
fn a_state_dict_gives_the_results_of_the_same_weights_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let weights = trained(path, &["7", "5"]);
    let expected = results(path, "results/a/model.safetensors", &[]);
    for (prefix, indices, dtypes) in [
        ("", [0, 2, 4], &["F32"][..]),
        // Flatten, Linear, ReLU, Dropout, Linear, BatchNorm without parameters, ReLU, Dropout, Linear
        ("", [1, 4, 8], &["F32"]),
        ("model.", [0, 2, 4], &["F16"]),
        ("net.layers.", [0, 2, 4], &["BF16"]),
        ("module.10.", [9, 11, 100], &["F16", "F32", "BF16"]),
    ] {
        let bytes = of(&weights, |name| renamed(name, prefix, indices), dtypes);
        fs::write(path.join("s.safetensors"), bytes).unwrap();
        assert!(results(path, "s.safetensors", &[]) == expected, "{prefix} {indices:?} {dtypes:?}");
    }
    // In f64, the same numbers give other digits of the loss, and the same classes.
    let bytes = of(&weights, str::to_owned, &["F32", "F64"]);
    fs::write(path.join("s.safetensors"), bytes).unwrap();
    let double = results(path, "s.safetensors", &[]).0;
    assert_eq!((&double["dtype"], &double["confusion"]), (&"f64".into(), &expected.0["confusion"]));
    let difference = double["loss"].as_f64().unwrap() - expected.0["loss"].as_f64().unwrap();
    assert!(difference != 0.0 && difference.abs() < 1e-6, "{difference}");
    // A file without any metadata, as other programs write it
    let bytes = of(&weights, str::to_owned, &["F32"]);
    let metadata = b",\"__metadata__\":{\"format\":\"pt\"}";
    let at = bytes.windows(metadata.len()).position(|window| window == metadata).unwrap();
    let spaces = " ".repeat(metadata.len());
    let bare = [&bytes[..at], spaces.as_bytes(), &bytes[at + metadata.len()..]].concat();
    fs::write(path.join("s.safetensors"), bare).unwrap();
    assert!(results(path, "s.safetensors", &[]) == expected);
}

#[test]
fn a_layer_without_a_bias_has_bias_0_and_indices_without_a_gap_no_activation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let weights = trained(path, &["7", "5"]);
    let write = |name: &str, bytes: Vec<u8>| fs::write(path.join(name), bytes).unwrap();
    let none: Weights = weights.iter().filter(|(name, ..)| !name.ends_with("bias")).cloned().collect();
    let mut zero = weights.clone();
    zero.iter_mut().filter(|(name, ..)| name.ends_with("bias")).for_each(|(_, _, bias)| bias.fill(0.0));
    write("none.safetensors", of(&none, str::to_owned, &["F32"]));
    write("zero.safetensors", of(&zero, str::to_owned, &["F32"]));
    assert!(results(path, "none.safetensors", &[]) == results(path, "zero.safetensors", &[]));
    let info = ended(path, &["info", "none.safetensors"], 0).0;
    assert!(!info.contains("bias") && info.contains("4.weight"), "{info}");
    // Without activations, three layers are one: W₃ W₂ W₁, whose elements f64 has to within rounding.
    let product = |a: &(String, Vec<usize>, Vec<f64>), b: &(String, Vec<usize>, Vec<f64>)| {
        let (rows, inner, cols) = (a.1[0], a.1[1], b.1[1]);
        let element = |at: usize| -> f64 {
            (0..inner).map(|k| a.2[at / cols * inner + k] * b.2[k * cols + at % cols]).sum()
        };
        ("0.weight".to_owned(), vec![rows, cols], (0..rows * cols).map(element).collect::<Vec<_>>())
    };
    let one = product(&product(&none[2], &none[1]), &none[0]);
    write("one.safetensors", of(&vec![one], str::to_owned, &["F64"]));
    write("three.safetensors", of(&none, |name| renamed(name, "", [3, 4, 5]), &["F64"]));
    let [one, three] = ["one", "three"].map(|name| results(path, &format!("{name}.safetensors"), &[]).0);
    assert_eq!((&one["confusion"], &three["net"]), (&three["confusion"], &"16-7-5-3".into()));
    let [one, three] = [one, three].map(|json| json["loss"].as_f64().unwrap());
    assert!((one - three).abs() < 1e-12, "{one} {three}");
    // The activation is that of the flag, and a note says if nobody said it.
    let sigmoid = results(path, "zero.safetensors", &["--activation", "sigmoid"]).0;
    assert_ne!(sigmoid["loss"], results(path, "zero.safetensors", &["--activation", "relu"]).0["loss"]);
    let note = |args: &[&str]| ended(path, &[&["info", "--inputs", "none"], args].concat(), 0).1;
    let names = "--class-names=a,b,c";
    assert!(note(&["zero.safetensors", names]).contains("assumed: relu between its layers (--activation)\n"));
    assert!(note(&["zero.safetensors"]).contains("classes 0 to 2 (--class-names)"));
    assert_eq!(note(&["zero.safetensors", names, "--activation", "relu"]), "");
    assert_eq!(note(&["one.safetensors", names]), "");
}

#[test]
fn a_file_that_is_no_state_dict_of_linear_layers_is_refused_by_the_name_of_a_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_data(path);
    type Change<'a> = Vec<Tensor<'a>>;
    let good = || -> Change<'static> {
        vec![
            ("0.weight", "F32", vec![4, 16], vec![0.5; 64]),
            ("0.bias", "F32", vec![4], vec![0.5; 4]),
            ("2.weight", "F32", vec![3, 4], vec![0.25; 12]),
            ("2.bias", "F32", vec![3], vec![0.0; 3]),
        ]
    };
    let with = |tensor: Tensor<'static>| good().into_iter().chain([tensor]).collect::<Change<'_>>();
    let changed = |at: usize, tensor: Tensor<'static>| {
        let mut all = good();
        all[at] = tensor;
        all
    };
    fs::write(path.join("s.safetensors"), state_dict(&good())).unwrap();
    ended(path, &["evaluate", "s.safetensors", "--data", "."], 0);
    let expected = "expected the state dict of an nn.Sequential of Linear layers";
    for (tensors, messages) in [
        (
            with(("1.running_mean", "F32", vec![4], vec![0.0; 4])),
            ["1.running_mean: there is no 1.weight", expected],
        ),
        (
            with(("1.num_batches_tracked", "I64", vec![], vec![7.0])),
            ["1.num_batches_tracked: there is no 1.weight", expected],
        ),
        (with(("1.weight", "F32", vec![4], vec![1.0; 4])), ["1.bias: missing", expected]),
        (
            with(("3.weight", "F32", vec![4], vec![1.0; 4])),
            [
                "3.weight: has shape [4], as BatchNorm and LayerNorm have",
                "the module before it is no Linear layer of 4 outputs",
            ],
        ),
        (
            vec![("0.weight", "F32", vec![16], vec![1.0; 16]), ("0.bias", "F32", vec![16], vec![0.0; 16])],
            [
                "0.weight: has shape [16], as BatchNorm",
                "the module before it is no Linear layer of 16 outputs",
            ],
        ),
        (
            with(("0.running_var", "F32", vec![4], vec![1.0; 4])),
            ["0.running_var: belongs to a BatchNorm layer, but 0.weight to a Linear one", ""],
        ),
        (
            changed(0, ("0.weight", "F32", vec![4, 4, 2, 2], vec![0.5; 64])),
            ["0.weight: has shape [4, 4, 2, 2], as convolutions have", "expected [outputs, inputs]"],
        ),
        (
            changed(1, ("0.bias", "F32", vec![4, 1], vec![0.5; 4])),
            ["0.bias: has shape [4, 1], expected [outputs]", "of a Linear layer"],
        ),
        (with(("fc.weight", "F32", vec![3, 3], vec![0.5; 9])), ["fc.weight: is no name", expected]),
        (with(("scale", "F32", vec![3], vec![0.5; 3])), ["scale: is no name", expected]),
        (with(("0.gamma", "F32", vec![3], vec![0.5; 3])), ["0.gamma: is no name", expected]),
        (with(("04.weight", "F32", vec![3, 3], vec![0.5; 9])), ["04.weight: is no name", expected]),
        (
            with(("head.4.weight", "F32", vec![3, 3], vec![0.5; 9])),
            ["head.4.weight: other names begin with ``", expected],
        ),
        (with(("4.bias", "F32", vec![3], vec![0.5; 3])), ["4.bias: there is no 4.weight", expected]),
        (
            changed(2, ("2.weight", "F32", vec![3, 5], vec![0.5; 15])),
            ["2.weight: has shape [3, 5], expected [3, 4], since 0.weight has 4 outputs", ""],
        ),
        (changed(3, ("2.bias", "F32", vec![2], vec![0.0; 2])), ["2.bias: has shape [2], expected [3]", ""]),
        (
            changed(3, ("2.bias", "I64", vec![3], vec![0.0; 3])),
            ["2.bias: is I64, expected F16, BF16, F32 or F64", ""],
        ),
        (
            changed(2, ("2.weight", "F16", vec![3, 4], vec![f64::INFINITY; 12])),
            ["2.weight: element 0 is inf, expected a finite number", ""],
        ),
        (
            changed(2, ("2.weight", "BF16", vec![3, 4], vec![f64::NAN; 12])),
            ["2.weight: element 0 is NaN, expected a finite number", ""],
        ),
        (good()[..2].to_vec(), ["", ""]),
        (vec![], ["there are no tensors", ""]),
    ] {
        let is_good = messages[0].is_empty();
        fs::write(path.join("s.safetensors"), state_dict(&tensors)).unwrap();
        for args in [&["evaluate", "s.safetensors", "--data", "."][..], &["predict", "s.safetensors", IMAGES]]
        {
            // Four outputs are more classes than labels, which is no error.
            let (stdout, stderr) = ended(path, args, i32::from(!is_good));
            assert!(is_good || stdout.is_empty() && stderr.contains("s.safetensors: "), "{stderr}");
            assert!(messages.iter().all(|message| stderr.contains(message)), "{messages:?}: {stderr}");
        }
    }
    // PyTorch's own format is named.
    let torch = [b"PK\x03\x04", &[0; 26][..], b"net/data.pkl", &[0; 400]].concat();
    fs::write(path.join("net.pt"), torch).unwrap();
    let stderr = ended(path, &["predict", "net.pt", IMAGES], 1).1;
    assert!(stderr.contains("a pickle") && stderr.contains("safetensors.torch saved"), "{stderr}");
}

#[test]
fn flags_say_how_cells_become_inputs_and_what_the_classes_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let weights = trained(path, &["7"]);
    fs::write(path.join("s.safetensors"), of(&weights, str::to_owned, &["F32"])).unwrap();
    let predict = |input: &str, more: &str| {
        let args = format!("predict s.safetensors {input} -q --proba {more}");
        ended(path, &args.split_whitespace().collect::<Vec<_>>(), 0).0
    };
    // The test images as a table, and the same numbers divided by 256, which is exact
    let pixels = |at: u32| at / 16 % 3 * 80 + at * 7 % 50;
    let header: Vec<String> = (0..16).map(|k| format!("p{k}")).collect();
    let table = |unit: f64| {
        let cell = |at: u32| (f64::from(pixels(at)) / unit).to_string();
        let row = |row: u32| (0..16).map(|k| cell(row * 16 + k)).collect::<Vec<_>>().join(",") + "\n";
        header.join(",") + "\n" + &(0..50).map(row).collect::<String>()
    };
    fs::write(path.join("pixels.csv"), table(1.0)).unwrap();
    fs::write(path.join("shares.csv"), table(256.0)).unwrap();
    // Bytes are pixels, other numbers are not, unless a flag says so.
    let of_images = predict(IMAGES, "");
    assert_eq!(predict(IMAGES, "--inputs pixels"), of_images);
    assert_eq!(predict("pixels.csv", "--inputs pixels"), of_images);
    assert_eq!(predict("pixels.csv", "--inputs none"), predict("pixels.csv", ""));
    assert_ne!(predict("pixels.csv", ""), of_images);
    assert_eq!(predict(IMAGES, "--inputs none"), predict("pixels.csv", ""));
    assert_eq!(predict("pixels.csv", "--mean 0 --std 256"), predict("shares.csv", ""));
    // (x / 255 − m) / s, as for x in units of 255
    let normalized = predict(IMAGES, "--mean 0.5 --std 0.25");
    assert_eq!(predict("pixels.csv", "--mean 127.5 --std 63.75"), normalized);
    let each = ["--mean", &["0.5"; 16].join(","), "--std", &["0.25"; 16].join(",")].join(" ");
    assert_eq!(predict(IMAGES, &format!("--inputs pixels {each}")), normalized);
    assert_ne!(normalized, of_images);
    // Another model's inputs, and its names
    let like =
        predict(IMAGES, "--inputs results/a/model.safetensors --class-names results/a/model.safetensors");
    assert_eq!(like, of_images);
    fs::write(path.join("names.txt"), "coat\nankle boot\nbag\n").unwrap();
    let named = predict(IMAGES, "--class-names names.txt");
    assert!(named.starts_with("row,predicted,confidence,p_coat,p_ankle boot,p_bag\n"), "{named}");
    assert_eq!(predict(IMAGES, "--class-names=coat,x,bag"), named.replace("ankle boot", "x"));
    let export =
        ["export", "s.safetensors", "--inputs", "pixels", "--class-names", "names.txt", "--c", "-", "-q"];
    let header = ended(path, &export, 0).0;
    assert!(header.contains("\"ankle boot\"") && header.contains("/= 255.0f"), "{header}");
    let info = ended(path, &["info", "s.safetensors", "--json"], 0).0;
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["state_dict"].to_string(), "{\"dtypes\":[\"F32\"],\"prefix\":\"\"}");
    assert_eq!((&info["net"], info["tensors"].as_array().unwrap().len()), (&"16-7-3".into(), 4));
    for (args, code, message) in [
        ("--mean 1", 2, "--std"),
        (
            "--mean 1,2 --std 1",
            2,
            "--mean gives 2 numbers, expected 1, or 16: one for each input of s.safetensors",
        ),
        ("--mean 1 --std 0", 2, "expected a number above 0"),
        ("--mean nan --std 1", 2, "expected a finite number"),
        ("--mean 1 --std 1e-300", 2, "expected a number above 0"),
        ("--inputs pixel", 2, "--inputs is pixel, expected pixels, none, or a model.safetensors"),
        (
            "--inputs s.safetensors",
            1,
            "s.safetensors: is a state dict of PyTorch, expected a model.safetensors",
        ),
        ("--inputs results/a/model.safetensors --mean 1 --std 1", 2, "leave out --mean and --std"),
        ("--class-names a,b", 2, "--class-names gives 2 names, but s.safetensors has 3 outputs"),
        ("--class-names a,b,a", 2, "--class-names: name 3: `a` is also in name 1"),
        ("--class-names names", 2, "--class-names is names, which is no file"),
        ("--activation softplus", 2, "softplus"),
    ] {
        let args = format!("predict s.safetensors {IMAGES} {args}");
        let stderr = ended(path, &args.split(' ').collect::<Vec<_>>(), code).1;
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
    // A model file of this program says all of it itself.
    let all = "--activation relu --inputs none --mean 0 --std 1 --class-names a,b,c";
    for args in [
        format!("info results/a/model.safetensors {all}"),
        format!("evaluate results/a/model.safetensors {all}"),
        format!("predict results/a/model.safetensors {IMAGES} {all}"),
        format!("export results/a/model.safetensors --npz m.npz {all}"),
    ] {
        let stderr = ended(path, &args.split(' ').collect::<Vec<_>>(), 2).1;
        let message = "leave out --activation, --inputs, --mean, --class-names";
        assert!(stderr.contains(message), "{args}: {stderr}");
    }
    assert!(!path.join("m.npz").exists());
}

#[test]
fn a_table_is_read_by_the_columns_of_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let row = |i: usize| format!("{},{},{}\n", i * 7 % 30, ["red", "blue"][i % 2], ["x", "y", "z"][i % 3]);
    fs::write(path.join("t.csv"), "size,color,kind\n".to_owned() + &(0..90).map(row).collect::<String>())
        .unwrap();
    let train =
        "train --data t.csv --target kind --categorical color --hidden-dims 4 --epochs 2 --run-id a -q";
    ended(path, &train.split(' ').collect::<Vec<_>>(), 0);
    let model = "results/a/model.safetensors";
    let weights = tensors(&fs::read(path.join(model)).unwrap());
    fs::write(path.join("s.safetensors"), of(&weights, str::to_owned, &["F32"])).unwrap();
    let evaluate = |args: &[&str]| {
        let args = [&["evaluate", "--data", "t.csv", "--target", "kind", "--json", "-q"], args].concat();
        let mut json: Value = serde_json::from_str(&ended(path, &args, 0).0).unwrap();
        // Only the model of a run knows the rows that it was trained on.
        for key in ["model", "warnings"] {
            json.as_object_mut().unwrap().remove(key).unwrap();
        }
        json
    };
    let like = ["s.safetensors", "--inputs", model, "--class-names", "x,y,z"];
    assert_eq!(evaluate(&like), evaluate(&[model]));
    // Without its columns, the table has no third number.
    let stderr = ended(path, &["predict", "s.safetensors", "t.csv"], 1).1;
    assert!(stderr.contains("t.csv: has 1 columns of numbers, expected 3"), "{stderr}");
}

#[test]
fn a_state_dict_of_numbers_gives_targets_in_their_units_and_a_run_starts_from_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let row = |i: usize| format!("{},{},{}.5\n", i % 13, i * 7 % 11, 1000 + 30 * (i % 13) + i * 7 % 11);
    fs::write(path.join("t.csv"), "a,b,price\n".to_owned() + &(0..90).map(row).collect::<String>()).unwrap();
    let train = ["train", "--data", "t.csv", "--target", "price", "--hidden-dims", "6", "-q", "--run-id"];
    ended(path, &[&train[..], &["a", "--epochs", "3"]].concat(), 0);
    let model = "results/a/model.safetensors";
    let info: Value = serde_json::from_str(&ended(path, &["info", model, "--json"], 0).0).unwrap();
    let target = &info["targets"][0];
    let [mean, std] = ["center", "scale"].map(|name| target[name].to_string());
    let weights = tensors(&fs::read(path.join(model)).unwrap());
    fs::write(path.join("net.st"), of(&weights, str::to_owned, &["F32"])).unwrap();
    let flags = ["--inputs", model, "--target-names", "price", "--target-mean", &mean, "--target-std", &std];
    let predict = |model: &str, more: &[&str]| {
        ended(path, &[&["predict", model, "t.csv", "-q", "--keep", "price"], more].concat(), 0).0
    };
    assert_eq!(predict("net.st", &flags), predict(model, &[]));
    let metric = |model: &str, more: &[&str]| {
        let args = [&["evaluate", model, "--data", "t.csv", "--json", "-q"], more].concat();
        let json: Value = serde_json::from_str(&ended(path, &args, 0).0).unwrap();
        ["rmse", "mae", "r2"].map(|name| json[name].clone())
    };
    assert_eq!(metric("net.st", &flags), metric(model, &[]));
    // One output is a number, whose unit nobody said.
    let (_, stderr) = ended(path, &["predict", "net.st", "t.csv", "--inputs", model], 0);
    assert!(stderr.contains("outputs that are numbers: y (--target-names)"), "{stderr}");
    for (more, message) in [
        (&["--class-names", "x,y"][..], "--class-names is for classes"),
        (&["--target-names", "x,y"], "--target-names gives 2, but net.st has 1 outputs"),
    ] {
        let (_, stderr) = ended(path, &[&["info", "net.st"], more].concat(), 2);
        assert!(stderr.contains(message), "{stderr}");
    }
    ended(path, &[&train[..], &["b", "--epochs", "0", "--init", model, "--test-data", "t.csv"]].concat(), 0);
    let own = tensors(&fs::read(path.join("results/b/model.safetensors")).unwrap());
    assert_eq!(own, weights);
    let summary = chainrule::tables::reader::Table::read(&path.join("results/b/summary.csv")).unwrap();
    let rmse = summary.rows().next().unwrap().number(summary.need("test_rmse").unwrap()).unwrap();
    assert_eq!(rmse, metric(model, &[])[0].as_f64());
}
