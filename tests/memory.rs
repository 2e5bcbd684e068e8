//! Readers and training use no more memory than a stated multiple of what they read or compute
//!
//! One test, since the bytes of all threads of a process are counted together.

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use chainrule::config::{Keep, Settings, TrainConfig};
use chainrule::data::run_data::RunData;
use chainrule::data::{DataOptions, Dataset, saved_model};
use chainrule::tables::reader::Table;
use chainrule::train::checkpoint::Checkpoint;
use chainrule::train::dims::{Copies, Dims};
use chainrule::train::optimizer;
use chainrule::train::run::{self, Request, Resume, RunNames};

#[path = "support/counting.rs"]
mod counting;
#[path = "support/idx_files.rs"]
mod idx_files;
#[path = "support/silent.rs"]
mod silent;
#[path = "support/zip_files.rs"]
mod zip_files;

use counting::most_bytes;
use idx_files::{gzip, idx_bytes};
use silent::Silent;
use zip_files::{Packed, zip_bytes};

/// What every reader and training may use beside a multiple of what they read or need, such as buffers: less than a copy of
/// the parameters below
const CONSTANT: usize = 8 << 20;

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_in_order("False", descr, shape, data)
}

/// * `is_fortran`: `True` or `False`
fn npy_in_order(is_fortran: &str, descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {is_fortran}, 'shape': ({shape}), }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// The data set that the settings in a text describe
fn load(folder: &Path, settings: &str) -> Result<Dataset, String> {
    let file = folder.join("load.toml");
    fs::write(&file, settings.replace("FOLDER", folder.to_str().unwrap())).unwrap();
    let config = Settings::from_toml(&file).unwrap().resolve().unwrap();
    Dataset::load(&DataOptions::from(&config)).map_err(|error| error.to_string())
}

/// Measures a reader: it may use `multiple` bytes for each of `bytes`, and a constant
#[track_caller]
fn bounded<R>(what: &str, bytes: usize, multiple: usize, read: impl FnOnce() -> R) -> R {
    let (result, most) = most_bytes(read);
    let allowed = multiple * bytes + CONSTANT;
    println!("{what}: {most} bytes for {bytes}, {:.2} each", most as f64 / bytes.max(1) as f64);
    assert!(most <= allowed, "{what}: {most} bytes, expected {allowed} or less");
    result
}

#[test]
fn memory_is_bounded_by_what_files_hold_and_what_a_net_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    rayon::broadcast(|_| ());
    arrays(path);
    tables(path);
    training(path);
}

/// IDX, NPY and NPZ: whole files, and headers that claim more
fn arrays(path: &Path) {
    const ROWS: usize = 20_000;
    const COLUMNS: usize = 1000;
    let data: Vec<u8> = (0..ROWS * COLUMNS).map(|at| (at / COLUMNS % 7 * 30 + at % 30) as u8).collect();
    let labels: Vec<u8> = (0..ROWS).map(|row| (row % 3) as u8).collect();
    let write = |folder: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(path.join(folder)).unwrap();
        fs::write(path.join(folder).join(name), bytes).unwrap();
    };
    let set = |folder: &str, images: &[u8], is_packed: bool| {
        let images = if is_packed { gzip(images) } else { images.to_vec() };
        write(folder, "train-images-idx3-ubyte", &images);
        write(folder, "train-labels-idx1-ubyte", &idx_bytes(&[ROWS as u32], &labels));
        write(folder, "t10k-images-idx3-ubyte", &idx_bytes(&[3, COLUMNS as u32], &data[..3 * COLUMNS]));
        write(folder, "t10k-labels-idx1-ubyte", &idx_bytes(&[3], &labels[..3]));
    };
    let dims = [ROWS as u32, COLUMNS as u32];
    set("idx", &idx_bytes(&dims, &data), false);
    set("gz", &idx_bytes(&dims, &data), true);
    for folder in ["idx", "gz"] {
        let loaded =
            bounded(folder, data.len(), 2, || load(path, &format!("data = \"FOLDER/{folder}\"")).unwrap());
        assert_eq!(loaded.train.len(), ROWS);
    }
    // 20 MB of zeros behind a header of 3000 bytes, and dimensions without data
    let zeros = vec![0; data.len()];
    set("bomb", &[&idx_bytes(&[3, COLUMNS as u32], &data[..3 * COLUMNS])[..], &zeros].concat(), true);
    set("claims", &idx_bytes(&[u32::MAX, 60_000], &data[..3000]), false);
    set("packed-claims", &idx_bytes(&[u32::MAX, 60_000], &data[..3000]), true);
    for folder in ["bomb", "claims", "packed-claims"] {
        let refused = bounded(folder, 3000, 1, || load(path, &format!("data = \"FOLDER/{folder}\"")).err());
        assert!(refused.is_some_and(|error| error.contains("train-images")), "{folder}");
    }

    // Arrays become f32, whatever their type
    let wide: Vec<u8> = data.iter().flat_map(|&byte| f64::from(byte).to_le_bytes()).collect();
    write(".", "y.npy", &npy("|u1", &format!("{ROWS},"), &labels));
    write(".", "x.npy", &npy("|u1", &format!("{ROWS}, {COLUMNS}"), &data));
    write(".", "wide.npy", &npy("<f8", &format!("{ROWS}, {COLUMNS}"), &wide));
    drop(wide);
    write(".", "claims.npy", &npy("<f8", "4294967296, 4294967296", &[0; 64]));
    for (name, bytes, multiple) in
        [("x.npy", data.len(), 2), ("wide.npy", 8 * data.len(), 1), ("claims.npy", 200, 1)]
    {
        let settings = format!("data = \"FOLDER/{name}\"\ny = \"FOLDER/y.npy\"");
        let loaded = bounded(name, bytes, multiple, || load(path, &settings));
        assert_eq!(loaded.is_ok(), name != "claims.npy", "{:?}", loaded.err());
    }
    let y = npy("|u1", &format!("{ROWS},"), &labels);
    let npz = |name: &str, x: &[u8], packed| {
        write(".", name, &zip_bytes(&[("X.npy", x, packed), ("y.npy", &y, Packed::Stored)]));
    };
    npz("stored.npz", &npy("|u1", &format!("{ROWS}, {COLUMNS}"), &data), Packed::Stored);
    npz("packed.npz", &npy("|u1", &format!("{ROWS}, {COLUMNS}"), &data), Packed::Deflated);
    npz("bomb.npz", &[&npy("|u1", "3, 1000", &data[..3000])[..], &zeros].concat(), Packed::Deflated);
    npz("claims.npz", &npy("|u1", "20000, 4294967296", &data[..3000]), Packed::Deflated);
    for (name, bytes) in
        [("stored.npz", data.len()), ("packed.npz", data.len()), ("bomb.npz", 3000), ("claims.npz", 3000)]
    {
        let loaded = bounded(name, bytes, 2, || load(path, &format!("data = \"FOLDER/{name}\"")));
        assert_eq!(loaded.is_ok(), bytes > 3000, "{name}: {:?}", loaded.err());
    }
    // Arrays in Fortran order need an eighth more.
    let turned = data.iter().flat_map(|&byte| f32::from(byte).to_le_bytes()).collect::<Vec<u8>>();
    let x = npy_in_order("True", "<f4", &format!("{ROWS}, {COLUMNS}"), &turned);
    write(".", "fortran.npy", &x);
    npz("fortran.npz", &x, Packed::Deflated);
    for name in ["fortran.npy\"\ny = \"FOLDER/y.npy", "fortran.npz"] {
        let settings = format!("data = \"FOLDER/{name}\"");
        let loaded = bounded(name, turned.len() / 8 * 9, 1, || load(path, &settings).unwrap());
        assert_eq!(loaded.train.len(), ROWS);
    }
}

/// CSV, and the other texts that are read whole
fn tables(path: &Path) {
    let row = |row: usize| format!("{},{}.5,{},{}\n", row % 10, row % 1000, row % 77, row % 3);
    let text = "a,b,c,target\n".to_owned() + &(0..500_000).map(row).collect::<String>();
    fs::write(path.join("t.csv"), &text).unwrap();
    fs::write(path.join("t.csv.gz"), gzip(text.as_bytes())).unwrap();
    for name in ["t.csv", "t.csv.gz"] {
        // A row of 4 cells is 3 features in f32, its target as number, code and text, and its line.
        let settings = format!("data = \"FOLDER/{name}\"");
        let loaded = bounded(name, text.len(), 6, || load(path, &settings).unwrap());
        assert_eq!(loaded.train.len(), 500_000);
    }
    // A column has a name, a place in the first lines, and a role: at most 450 bytes, which are reserved, for a cell of two.
    let line = "1,".repeat(1_000_000) + "1\n";
    fs::write(path.join("line.csv"), &line).unwrap();
    let settings = "data = \"FOLDER/line.csv\"\nheader = \"no\"\ntarget = \"1\"";
    let refused = bounded("one line", line.len(), 240, || load(path, settings)).unwrap_err();
    assert!(refused.contains("every label is 1"), "{refused}");
    fs::write(path.join("line.csv"), line.trim().repeat(20)).unwrap();
    let refused = bounded("a longer line", 20 * line.len(), 4, || load(path, settings)).unwrap_err();
    assert!(refused.contains("line 1 has more than 10,000,000 cells"), "{refused}");
    for name in ["runs.csv", "c.toml"] {
        let text = "epoch,loss\n".to_owned() + &"1,2\n".repeat(1_000_000);
        fs::write(path.join(name), &text).unwrap();
        match name {
            "runs.csv" => drop(bounded(name, text.len(), 40, || Table::read(&path.join(name)).unwrap())),
            _ => assert!(bounded(name, text.len(), 60, || Settings::from_toml(&path.join(name))).is_err()),
        }
    }
}

/// A run of a large net, which saves as often as it can, what it resumes from, and the readers of its files
fn training(path: &Path) {
    for (name, dtype, optimizer, engine, keep, ema) in [
        ("f32", "f32", "momentum = 0.9", "auto", "both", "0.99"),
        ("plain", "f32", "momentum = 0", "matrixmultiply", "last", "0"),
        ("f64", "f64", "momentum = 0.9", "auto", "best", "0"),
        ("bf16", "bf16", "momentum = 0.9", "auto", "both", "0"),
        ("adamw", "f32", "optimizer = \"adamw\"", "matrixmultiply", "last", "0"),
        ("adamw-fused", "f32", "optimizer = \"adamw\"", "auto", "last", "0"),
    ] {
        let file = path.join("run.toml");
        let settings = format!(
            "data = \"{}/idx\"\nepochs = 1\nhidden_dims = \"1500x1500\"\nbatch_size = 64\ndtype = \"{dtype}\"\n\
             {optimizer}\nengine = \"{engine}\"\nkeep = \"{keep}\"\nema = {ema}\ncheckpoint_every = \"1batches\"\n",
            path.display()
        );
        fs::write(&file, settings).unwrap();
        let config: TrainConfig = Settings::from_toml(&file).unwrap().resolve().unwrap();
        let mut set = Dataset::load(&DataOptions::from(&config)).unwrap();
        set.train = set.train.rows(&(0..256).collect::<Vec<_>>());
        let data = RunData::new(&config, &set).unwrap();
        let dims = Dims(data.dims(&config));
        let (kept, best) = (optimizer::kept(&config), config.keep != Keep::Last);
        let copies = Copies { kept, best, average: config.ema > 0.0 };
        let needed = dims.training_bytes(config.dtype, copies, 64, set.test.len());
        let train = |config: &TrainConfig, resume: Option<&Checkpoint>| {
            let names = RunNames::default();
            let request = Request {
                config,
                data: &data,
                parent: path,
                run_id: Some(name),
                names,
                resume: resume.map(|checkpoint| Resume { checkpoint, copy_of: None }),
                deadline: None,
                halt_after: None,
            };
            let outcome = run::train(&request, &mut Silent, &AtomicBool::new(false)).unwrap();
            assert!(outcome.error.is_none(), "{:?}", outcome.error);
        };
        bounded(&format!("training of {name}"), needed as usize, 1, || train(&config, None));
        let longer = TrainConfig { epochs: 2, ..config.clone() };
        let checkpoint = Checkpoint::read(&path.join(name)).unwrap();
        bounded(&format!("resume of {name}"), needed as usize, 1, || train(&longer, Some(&checkpoint)));
        drop(checkpoint);
        let len = |file: &str| fs::metadata(path.join(name).join(file)).unwrap().len() as usize;
        let model = path.join(name).join("model.safetensors");
        bounded("model", len("model.safetensors"), 4, || saved_model::load::<f32>(&model).unwrap());
        bounded("checkpoint", len("checkpoint.safetensors"), 1, || {
            Checkpoint::read(&path.join(name)).unwrap()
        });
    }
    // Headers that claim more than the file holds
    let header = r#"{"0.weight":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}"#;
    for (name, len) in [("length", 1 << 60), ("tensor", header.len() as u64)] {
        let run = path.join(name);
        fs::create_dir(&run).unwrap();
        let bytes = [&len.to_le_bytes()[..], header.as_bytes()].concat();
        fs::write(run.join("model.safetensors"), &bytes).unwrap();
        fs::write(run.join("checkpoint.safetensors"), &bytes).unwrap();
        let model = run.join("model.safetensors");
        assert!(bounded(name, bytes.len(), 3, || saved_model::load::<f32>(&model)).is_err());
        assert!(bounded(name, bytes.len(), 3, || Checkpoint::read(&run)).is_err());
    }
}
