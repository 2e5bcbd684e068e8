//! The first seeds of the fuzz targets: a valid file of each kind and form; those that fuzzing found stand beside them
//!
//! `cargo test --test program fuzz_seeds -- --ignored` writes them into `fuzz/seeds/`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ended::ended;
use crate::idx_files::{gzip, idx_bytes};
use crate::small_data::small_data;
use crate::state_dict::{of, tensors};
use crate::state_dicts::state_dict;
use crate::zip_files::{Packed, zip_bytes};

/// Columns of a summary that differ from machine to machine, and what stands there instead
const OF_MACHINE: [(&str, &str); 3] = [("cpu", "a processor"), ("host", "a machine"), ("commit", "")];

#[test]
#[ignore = "it writes into the repository"]
fn seeds_are_written() {
    for (kind, files) in [
        ("idx", arrays_of_idx()),
        ("csv", tables()),
        ("npy", arrays().to_vec()),
        ("npz", archives()),
        ("state_dict", state_dicts()),
        ("config", configs()),
        ("plan", plans()),
        ("table", Vec::new()),
    ] {
        for (name, bytes) in files {
            write(kind, &name, &bytes);
        }
    }
    of_runs();
}

type Files = Vec<(String, Vec<u8>)>;

fn write(kind: &str, name: &str, bytes: &[u8]) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(kind);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn named(name: &str, bytes: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.as_ref().to_vec())
}

fn arrays_of_idx() -> Files {
    let bytes = idx_bytes(&[3, 2, 2], &[0, 128, 255, 7, 0, 128, 255, 7, 1, 2, 3, 4]);
    let of_type = |code: u8, data: &[u8]| [&[0, 0, code, 1, 0, 0, 0, 2], data].concat();
    let two_members = [gzip(&bytes[..9]), gzip(&bytes[9..])].concat();
    vec![
        named("bytes", &bytes),
        named("labels", idx_bytes(&[6], &[0, 1, 2, 0, 1, 2])),
        named("gzip", gzip(&bytes)),
        named("gzip-members", &two_members),
        named("gzip-padded", [&two_members[..], &[0; 5]].concat()),
        named("i8", of_type(0x09, &[0xff, 1])),
        named("i16", of_type(0x0b, &[0xff, 0xff, 0, 1])),
        named("i32", of_type(0x0c, &[0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff])),
        named("f32", of_type(0x0d, &[0x3f, 0x80, 0, 0, 0x7f, 0xc0, 0, 0])),
        named(
            "f64",
            of_type(0x0e, &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xbf, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
        ),
        named("classes", "cat\r\ndog \nankle boot\n\n"),
    ]
}

fn tables() -> Files {
    let plain = "height,width,kind\n1.5,2,cat\n-3e2,NA,dog\n0.1,4,cat\n";
    let european = "\u{feff}height;width;kind\r\n1,5;2;cat\r\n-3e2;;dog\r\n";
    vec![
        named("plain", plain),
        named("gzip", gzip(plain.as_bytes())),
        named("excel-eu", european),
        named("tabs", plain.replace(',', "\t")),
        named("no-header", "1,2,0\n3,4,1\n5,6,1\n"),
        named("quotes", "a,\"b, c\",\"d \"\"e\"\"\"\n\"1\",\" 2 \",\"x\ny\"\n3,4,\"\"\n"),
        named("missing", "a,b,label\n?,1,0\nN/A,2,1.0\nnull,nan,1\n,3,0\n"),
        named(
            "numbers",
            "x,y\n1e999,1\n-0.0,2.5e-3\n0x10,3\n1_000,4\n.5,5\n5.,6\n+7,7\n9007199254740993,8\n",
        ),
        named("blank-lines", "\n\r\na,b\n\n1,2\n \n\n3,4"),
        named("quoted-decimal-commas", "a,b\n\"1,5\",\"2\"\n\"3,25\",\"4\"\n"),
        named("wide", format!("{}label\n{}1\n", "column,".repeat(40), "0.25,".repeat(40))),
        named("decimal-commas", "a;b\n1,5;2,5\n3,5;4\n"),
    ]
}

/// An NPY file of a version
fn npy(version: u8, descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let len = (header.len() as u32).to_le_bytes();
    let len = if version == 1 { &len[..2] } else { &len[..] };
    [&b"\x93NUMPY"[..], &[version, 0], len, header.as_bytes(), data].concat()
}

fn arrays() -> [(String, Vec<u8>); 12] {
    let f8: Vec<u8> =
        [1.0_f64, -2.5, 1e300, 0.1, f64::MIN_POSITIVE, 0.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let f4: Vec<u8> = [1.0_f32, -2.5, f32::NAN, 0.1, 3.0, 0.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n\u{1}\0\0\0\u{2}\0\0\0";
    [
        named("f4", npy(1, "<f4", "False", "(3, 2)", &f4)),
        named("fortran", npy(1, "<f4", "True", "(3, 2)", &f4)),
        named("big-endian", npy(1, ">f8", "False", "(2, 3)", &f8)),
        named("f2", npy(1, "<f2", "False", "(4,)", b"\x00\x3c\x00\xc0\x01\0\xff\x7b")),
        named("version-2", npy(2, "|u1", "False", "(2, 2, 1)", &[0, 1, 2, 255])),
        named("version-3", npy(3, "|b1", "True", "(4, 1)", &[0, 1, 1, 0])),
        named("i8", npy(1, "<i8", "False", "(2,)", &[255; 16])),
        named("u8", npy(1, ">u8", "False", "(2,)", &[0, 0, 0, 0, 0, 0, 1, 0, 0, 32, 0, 0, 0, 0, 0, 1])),
        named("u2", npy(1, "<u2", "False", "(2, 1)", &[1, 0, 255, 255])),
        named("i1-gzip", gzip(&npy(1, "|i1", "True", "(2, 2)", &[1, 2, 3, 255]))),
        named("scalar", npy(1, "<f4", "False", "()", &f4[..4])),
        named("header-alone", header),
    ]
}

fn archives() -> Files {
    let x = npy(1, "<f4", "False", "(4, 2)", &[0; 32]);
    let y = npy(1, "|u1", "False", "(4,)", &[0, 1, 1, 0]);
    let archive = |packed: Packed| zip_bytes(&[("X.npy", &x, packed), ("y.npy", &y, packed)]);
    let four: Vec<_> = ["x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy", "note.txt"]
        .into_iter()
        .zip([&x, &y].into_iter().cycle())
        .map(|(name, bytes)| (name, &bytes[..], Packed::Deflated))
        .collect();
    vec![
        named("stored", archive(Packed::Stored)),
        named("deflated", archive(Packed::Deflated)),
        named("zip64", archive(Packed::Zip64Stored)),
        named("zip64-deflated", archive(Packed::Zip64Deflated)),
        named("encrypted", archive(Packed::Encrypted)),
        named("bzip2", archive(Packed::Method(12))),
        named("with-test-set", zip_bytes(&four)),
        named("empty", zip_bytes(&[])),
        named("arrays-alone", [&x[..], &y, &x, &y].concat()),
    ]
}

/// A safetensors file as a header of one line and its data
fn header_alone(file: &[u8]) -> Vec<u8> {
    let end = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    [file[8..end].trim_ascii_end(), b"\n", &file[end..]].concat()
}

fn state_dicts() -> Files {
    let layer = |prefix: &str, index: usize, out: usize, inputs: usize, dtypes: [&'static str; 2]| {
        let numbers = |n: usize| (0..n).map(|i| i as f64 / 8.0 - 0.5).collect::<Vec<f64>>();
        [
            (format!("{prefix}{index}.weight"), dtypes[0], vec![out, inputs], numbers(out * inputs)),
            (format!("{prefix}{index}.bias"), dtypes[1], vec![out], numbers(out)),
        ]
    };
    let file = |tensors: &[(String, &'static str, Vec<usize>, Vec<f64>)]| {
        let tensors: Vec<_> =
            tensors.iter().map(|(n, d, s, x)| (n.as_str(), *d, s.clone(), x.clone())).collect();
        state_dict(&tensors)
    };
    let single = [layer("", 0, 3, 2, ["F32"; 2]), layer("", 2, 2, 3, ["F32"; 2])].concat();
    let mixed = [layer("net.", 0, 3, 2, ["F16", "F32"]), layer("net.", 3, 2, 3, ["BF16", "F64"])].concat();
    let one = layer("a.b.", 1, 1, 2, ["F64"; 2]);
    vec![
        named("f32", file(&single)),
        named("mixed", file(&mixed)),
        named("one-output", file(&one)),
        named("no-bias", file(&one[..1])),
        named("header-alone", header_alone(&file(&single))),
        named("header-alone-mixed", header_alone(&file(&mixed))),
    ]
}

fn configs() -> Files {
    let all = "data = \"synthetic\"\nhidden_dims = [16, 8]\nactivation = \"sigmoid\"\nepochs = 3\nbatch-size = 7\n\
        learning_rate = 1e-3\nmomentum = 0.5\nweight_decay = 1e-5\nseed = 9\ndtype = \"f64\"\nengine = \"matrixmultiply\"\n\
        val_split = 0.25\nno_shuffle = true\nthreads = 2\ntest_split = 0.1\ncheckpoint_every = \"50batches\"\n";
    let table = "data = 'a \"b\".csv'\ntest_data = \"t\\n.csv\"\ntarget = [\"y, z\", 3]\nheader = \"yes\"\nignore = \"a,b\"\n\
        keep_as_id = \"id\"\ncategorical = \"auto\"\nmissing = \"mean\"\nscale = \"minmax\"\nclass_weight = \"balanced\"\n\
        weight_column = \"w\"\nseparator = \";\"\ndecimal = \"comma\"\ntask = \"regress\"\nloss = \"huber\"\nout = \"~/r\"\n\
        csv_dialect = \"excel-eu\"\n";
    vec![
        named("all", all),
        named("table", table),
        named(
            "arrays",
            "x = \"a\"\ny = \"b\"\nhidden_dims = \"none\"\ninit = \"m.safetensors\"\ncheckpoint_every = \"5m\"\n",
        ),
        named(
            "inline",
            "\"hidden-dims\" = \"128x64\"\nlearning-rate = 0.1 # η\nepochs = 0x10\nseed = 1_000\n",
        ),
        named("wrong", "epochs = -1\nbatch_size = 1.5\n[grid]\nmomentum = nan\n"),
    ]
}

fn plans() -> Files {
    let grid = "data = \"synthetic\"\nbatch-size = 32\nseeds = 2\n[grid]\nweight_decay = [0, 1e-5]\n\
        learning-rate = \"log:1e-3..1e-1:3\"\nhidden_dims = [[8, 4], \"none\"]\n[[trial]]\nnum_layers = 3\nlearning_rate = 1\n\
        [[trial]]\nseed = 7\n";
    vec![
        named("grid", grid),
        named(
            "ranges",
            "data = \"a\"\n[grid]\nepochs = \"1..5\"\nmomentum = \"0..0.9:4\"\nbatch_size = \"16,32\"\n",
        ),
        named(
            "short-forms",
            "data = \"a\"\n[grid]\nhidden_dim = [8, 16]\nnum_layers = [1, 2]\nno_shuffle = [true, false]\n",
        ),
        named(
            "listed",
            "data = \"a\"\n[[trial]]\nactivation = \"sigmoid\"\n[[ trial ]]\ntarget = [\"a\", \"b\"]\ninit = \"m\"\n",
        ),
        named("varied-data", "[grid]\ndata = [\"a\", \"b\"]\ntask = \"classify,regress\"\n"),
        named("inline", "data = \"a\"\ngrid = { epochs = [1, 2] }\ntrial = [{ seed = 1 }]\n"),
        named("wrong", "data = \"a\"\nseeds = 0\n[grid]\nepochs = [1, 1]\nseed = [1, 2]\n"),
    ]
}

/// The files of runs and of a sweep, as the program writes them
fn of_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("data")).unwrap();
    small_data(&folder.join("data"));
    let rows =
        |scale: f64| (0..30).map(|i| format!("{i},{},{}\n", i % 3, f64::from(i) * scale)).collect::<String>();
    fs::write(folder.join("rows.csv"), format!("height,width,y\n{}", rows(0.5))).unwrap();
    fs::write(
        folder.join("three.csv"),
        format!(
            "a,b,c,label\n{}",
            (0..20).map(|i| format!("{i},{},0.5,{}\n", i % 4, ["x", "y"][i % 2])).collect::<String>()
        ),
    )
    .unwrap();
    let run = |args: &str| {
        ended(folder, &args.split(' ').collect::<Vec<_>>(), 0);
    };
    run("train --data data --hidden-dims 2 --epochs 2 --val-split 0.2 --threads 1 -q --run-id one");
    run(
        "train --data data --hidden-dims 2 --epochs 2 --threads 1 -q --run-id eu --csv-dialect excel-eu --out eu",
    );
    run(
        "train --data rows.csv --hidden-dims 3 --epochs 2 --test-split 0.2 --threads 1 -q --run-id price --out price",
    );
    run(
        "train --data three.csv --hidden-dims 5 --epochs 1 --threads 1 -q --run-id three --out three --scale minmax",
    );
    run(
        "train --data three.csv --hidden-dims 5 --epochs 1 --threads 1 -q --run-id f64 --out three --scale standard --dtype f64 --momentum 0",
    );
    run(
        "sweep --data data --hidden-dims 2 --epochs 1 --grid learning_rate=0.01,0.1 --seeds 2 --sweep-id sweep -q --threads 1",
    );
    let read = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        without_machine(&text)
    };
    for run in ["results/one", "eu/eu", "price/price"] {
        let name = run.split_once('/').unwrap().1;
        let mut all = String::new();
        for table in ["summary", "epochs", "confusion", "classes", "predictions", "targets"] {
            if folder.join(run).join(format!("{table}.csv")).exists() {
                let text = read(&format!("{run}/{table}.csv"));
                write("table", &format!("{name}-{table}"), text.as_bytes());
                all += &format!("@{table}.csv\n{text}");
            }
        }
        write("plot", name, all.as_bytes());
    }
    let (runs, epochs) = (read("results/sweep/runs.csv"), read("results/sweep/epochs.csv"));
    write("table", "sweep-runs", runs.as_bytes());
    write("table", "sweep-epochs", epochs.as_bytes());
    write("plot", "sweep", format!("@runs.csv\n{runs}@epochs.csv\n{epochs}").as_bytes());
    write("plot", "single-runs", format!("@runs.csv\n{}", read("results/runs.csv")).as_bytes());
    write("plan", "of-sweep", read("results/sweep/plan.toml").as_bytes());
    write("config", "of-run", read("results/one/config.toml").as_bytes());
    for (name, run) in [
        ("images", "results/one"),
        ("targets", "price/price"),
        ("table", "three/three"),
        ("f64", "three/f64"),
    ] {
        let model = fs::read(folder.join(run).join("model.safetensors")).unwrap();
        write("model", name, &model);
        write("model", &format!("{name}-header-alone"), &header_alone(&model));
        if name == "images" {
            let torch = of(&tensors(&model), |name| format!("net.{name}"), &["F32"]);
            write("state_dict", "of-run", &torch);
        }
        let checkpoint = fs::read(folder.join(run).join("checkpoint.safetensors")).unwrap();
        write("checkpoint", name, &checkpoint);
        write("checkpoint", &format!("{name}-header-alone"), &header_alone(&checkpoint));
    }
}

/// A table without what is only on this machine
fn without_machine(text: &str) -> String {
    let separator = if text.starts_with('\u{feff}') { ';' } else { ',' };
    let mut lines = text.split_inclusive('\n');
    let Some(header) = lines.next() else { return String::new() };
    let names: Vec<&str> = header.split(separator).collect();
    let cell =
        |(name, cell): (&&str, &str)| match OF_MACHINE.iter().find(|(of_machine, _)| of_machine == name) {
            Some((_, text)) => (*text).to_owned(),
            None => cell.to_owned(),
        };
    let line = |line: &str| {
        names.iter().zip(line.split(separator)).map(cell).collect::<Vec<_>>().join(&separator.to_string())
    };
    let lines = lines.map(|text| if names.len() > 1 { line(text) } else { text.to_owned() });
    std::iter::once(header.to_owned()).chain(lines).collect()
}
