//! What each fuzz target does with the bytes that it gets: reads them as one kind of file, and checks what it read
//!
//! The fuzz targets in `fuzz/` call these functions with bytes that libFuzzer makes, and `tests/library/fuzz.rs` calls them
//! with the files in `fuzz/seeds/`. No bytes may lead to a panic. Where a file is read, the same content in another form
//! must read the same: packed with gzip, in blocks, or written again by the program.

use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chainrule::config::{CsvDialect, Dtype, Header, Missing, Settings, TaskChoice, TrainConfig, find};
use chainrule::data::array::{Array, Elements, Use};
use chainrule::data::array_stream::ArrayStream;
use chainrule::data::csv::{Head, Options, Reader, Role, Table as DataTable};
use chainrule::data::import::{Import, ImportedInputs, Normalize};
use chainrule::data::npz::Npz;
use chainrule::data::options::{Categorical, TableOptions};
use chainrule::data::source_kind::Kind;
use chainrule::data::{
    Cells, DataOptions, Dataset, class_names, idx as idx_file, npy as npy_file, saved_model,
};
use chainrule::nn::layers::Activation;
use chainrule::nn::mlp::Mlp;
use chainrule::nn::model_file::{self, ModelFile};
use chainrule::nn::optimizer::Kept;
use chainrule::plot::folder_pictures::{Format, PictureStyle, overlay, redraw_into};
use chainrule::report::analysis::Analysis;
use chainrule::report::markdown::report;
use chainrule::report::run_report::{RunSummary, run_report};
use chainrule::sweep::{Draft, Plan, Trial};
use chainrule::tables::reader::Table;
use chainrule::tables::{Cell, is_text};
use chainrule::train::checkpoint::{CHECKPOINT, Checkpoint, Holds, Saved, Tensors};
use chainrule_kernels::Scalar;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::zip_files::{Packed, zip_bytes};

/// A kind of file, and what is done with its bytes
pub type Case = (&'static str, fn(&[u8]));

/// All kinds; each has a fuzz target and a folder of seeds of this name
pub const CASES: [Case; 11] = [
    ("checkpoint", checkpoint),
    ("config", config),
    ("csv", csv),
    ("idx", idx),
    ("model", model),
    ("npy", npy),
    ("npz", npz),
    ("plan", plan),
    ("plot", plot),
    ("state_dict", state_dict),
    ("table", table),
];

/// What an array file is read for
const USES: [Use; 6] = [
    Use::Features(Dtype::F32),
    Use::Features(Dtype::F64),
    Use::FeaturesOrNan(Dtype::F32),
    Use::FeaturesOrNan(Dtype::F64),
    Use::Labels,
    Use::LabelsOrNan,
];

/// Most trials of a plan that is resolved; more only take longer
const TRIALS: usize = 200;

thread_local! {
    /// The folder of this thread's files, in memory where there is such a folder
    static FOLDER: TempDir = {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        folder.expect("a temporary folder can be made")
    };
}

/// The path of a name in this thread's folder
fn at(name: &str) -> PathBuf {
    FOLDER.with(|folder| folder.path().join(name))
}

/// Writes a file into this thread's folder
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = at(name);
    fs::create_dir_all(path.parent().expect("the path has a folder")).expect("a folder can be made");
    fs::write(&path, bytes).expect("a temporary file can be written");
    path
}

/// An empty folder in this thread's folder
fn emptied(name: &str) -> PathBuf {
    let path = at(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder can be made");
    path
}

/// The value; an error must have a message
fn checked<T, E: ToString>(result: Result<T, E>) -> Option<T> {
    result.map_err(|error| assert!(!error.to_string().is_empty())).ok()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Asserts that two values are the same, NaN included
#[track_caller]
fn assert_same<T: Debug>(what: &str, a: &T, b: &T) {
    let (a, b) = (format!("{a:?}"), format!("{b:?}"));
    assert!(a == b, "{what}:\n{a}\n{b}");
}

/// The part of the bytes before the first line break, and the part after it
fn line_and_rest(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    (&bytes[..end], &bytes[bytes.len().min(end + 1)..])
}

/// A set of IDX files in which the bytes are the images, and one in which they are the labels
pub fn idx(bytes: &[u8]) {
    let path = file("a.idx", bytes);
    let mut rows = None;
    for for_use in USES {
        let read = checked(idx_file::read(&path, for_use));
        if let Some(array) = &read {
            check_array(array, for_use);
            rows = Some(array.dims[0]);
            if for_use.allows_nan() {
                check_stream(&path, Kind::Idx, for_use, array);
            }
        }
        if !is_gzip(bytes) && for_use == USES[3] {
            let packed = file("packed", &gzip(bytes));
            assert_same("gzip", &read, &checked(idx_file::read(&packed, for_use)));
        }
    }
    let rows = rows.unwrap_or(2).min(1 << 16);
    let header = |dims: &[u32]| -> Vec<u8> {
        let start = [0, 0, 8, dims.len() as u8];
        start.into_iter().chain(dims.iter().flat_map(|dim| dim.to_be_bytes())).collect()
    };
    let numbers = |rows: usize| (0..rows).map(|row| (row % 2) as u8);
    let labels: Vec<u8> = header(&[rows as u32]).into_iter().chain(numbers(rows)).collect();
    let images: Vec<u8> = header(&[rows as u32, 1, 2]).into_iter().chain(numbers(2 * rows)).collect();
    // The length chooses one of several ways to load, which take longer than to read.
    let missing = [Missing::Error, Missing::Drop, Missing::Mean][bytes.len() % 3];
    for (folder, images, labels) in [("images", bytes, &labels[..]), ("labels", &images[..], bytes)] {
        file(&format!("{folder}/train-images-idx3-ubyte"), images);
        let labels = file(&format!("{folder}/train-labels-idx1-ubyte"), labels);
        let folder = labels.parent().expect("the path has a folder");
        let table = TableOptions { missing, ..TableOptions::default() };
        load(&DataOptions { data: Some(folder.display().to_string()), table, ..DataOptions::default() });
    }
}

/// Checks that an array is what its type promises
fn check_array(array: &Array, for_use: Use) {
    assert!(!array.dims.is_empty() && !array.dims.contains(&0), "{:?}", array.dims);
    assert_eq!(array.dims.iter().product::<usize>(), array.elements.len());
    let is_valid = |x: f64| x.is_finite() || for_use.allows_nan() && x.is_nan();
    assert!(match &array.elements {
        Elements::Single(numbers) => numbers.iter().all(|&x| is_valid(x.into())),
        Elements::Double(numbers) => numbers.iter().all(|&x| is_valid(x)),
        Elements::Bytes(_) | Elements::Integers(_) => true,
    });
}

/// Checks that an array has the same elements if it is read block by block
fn check_stream(path: &Path, kind: Kind, for_use: Use, array: &Array) {
    let mut stream = ArrayStream::open(path, kind, for_use).expect("the whole file was read");
    let (mut rows, mut cells) = (0, Vec::new());
    while let Some((more, block)) = stream.next_block().expect("the whole file was read") {
        rows += more;
        cells.extend((0..block.len()).map(|at| block.get(at)));
    }
    let whole = Cells::from(array.elements.clone());
    assert_eq!((rows, stream.dims()), (array.dims[0], &array.dims[..]));
    assert_same("rows", &cells, &(0..whole.len()).map(|at| whole.get(at)).collect());
}

/// Loads a data set, whose splits must have as many cells and labels as rows
fn load(options: &DataOptions) {
    let Some(set) = checked(Dataset::load(options)) else { return };
    for split in [&set.train, &set.test] {
        assert_eq!(split.cells.len(), split.len() * split.columns);
        assert_eq!(split.columns, set.inputs.columns());
    }
    assert!(!set.train.is_empty());
}

/// A table with rows to learn, in the forms that a person may say or that are found
pub fn csv(bytes: &[u8]) {
    let path = file("t.csv", bytes);
    let _ = checked(class_names::read_names(&path));
    let options = |separator, decimal, header| Options { separator, decimal, header };
    for options in [
        Options::default(),
        options(None, b'.', Some(true)),
        options(None, b',', None),
        options(Some(b';'), b',', Some(false)),
        options(Some(b'\t'), b'.', Some(false)),
        options(Some(b','), b',', Some(true)),
    ] {
        check_rows(&path, bytes, options);
    }
    let data = Some(path.display().to_string());
    let table = TableOptions {
        missing: Missing::Mean,
        categorical: Categorical::Auto,
        targets: vec!["1".to_owned()],
        ..TableOptions::default()
    };
    let forms = [
        (TaskChoice::Auto, TableOptions::default()),
        (TaskChoice::Auto, table.clone()),
        (TaskChoice::Classify, TableOptions { missing: Missing::Drop, ..table.clone() }),
        (TaskChoice::Regress, TableOptions { missing: Missing::Median, header: Header::No, ..table }),
    ];
    let (task, table) = forms[bytes.len() % forms.len()].clone();
    load(&DataOptions { data: data.clone(), test_data: data, task, table, ..DataOptions::default() });
}

/// Reads the rows of a table at once, in small chunks, in blocks, from gzip, and as they are written again
fn check_rows(path: &Path, bytes: &[u8], options: Options) {
    let open = |path: &Path, chunk| Reader::open_with_chunks(path, options, chunk);
    let Some(reader) = checked(open(path, 4096)) else { return };
    let head = reader.head().clone();
    let columns = head.names.len();
    let roles: [Vec<Role>; 3] = [
        vec![Role::Keep; columns],
        (0..columns).map(|at| if at + 1 < columns { Role::Number } else { Role::Target }).collect(),
        [Role::Category, Role::Skip, Role::Target].into_iter().cycle().take(columns).collect(),
    ];
    for roles in &roles {
        let read = |reader: Reader| checked(reader.read(roles, Dtype::F64));
        let whole = read(open(path, 4096).expect("the head was read before"));
        // In the first line of data alone, a text such as `1,5` may look like a number with a decimal comma.
        let chunks = checked(open(path, 5));
        if let Some(chunks) = chunks {
            let parts = |head: &Head| (head.names.clone(), head.has_header, head.separator);
            assert_eq!(parts(chunks.head()), parts(&head));
            assert_same("chunks", &whole, &read(chunks));
        }
        if !is_gzip(bytes) && roles[0] == Role::Keep && options == Options::default() {
            let packed = file("packed", &gzip(bytes));
            assert_same("gzip", &whole, &read(open(&packed, 4096).expect("the head was read before")));
        }
        let blocks = checked(open(path, 16)).map(|reader| reader.blocks(roles, Dtype::F64));
        let Some(whole) = whole else { continue };
        check_table(&whole, roles);
        if let Some(mut blocks) = blocks {
            let mut rows = 0;
            while let Some(block) = blocks.next_block().expect("all rows were read before") {
                rows += block.rows;
            }
            assert_eq!(rows, whole.rows);
        }
        if roles[0] == Role::Keep {
            let again = file("again.csv", &written(&head.names, &whole, head.separator));
            let options = Options { separator: Some(head.separator), header: Some(true), ..options };
            let again = Reader::open_with_chunks(&again, options, 4096).expect("it was written");
            let again = again.read(roles, Dtype::F64).expect("it was written");
            for (kept, again) in whole.kept.iter().zip(&again.kept) {
                assert!(kept.iter().eq(again.iter()), "{kept:?} {again:?}");
            }
        }
    }
}

/// Checks that the parts of a table have as many rows as it has
fn check_table(table: &DataTable, roles: &[Role]) {
    let count = |wanted: &[Role]| roles.iter().filter(|role| wanted.contains(role)).count();
    assert_eq!(table.features, count(&[Role::Number, Role::Category]));
    assert_eq!(table.cells.len(), table.rows * table.features);
    assert!(
        table.kept.len() == count(&[Role::Keep]) && table.kept.iter().all(|kept| kept.len() == table.rows)
    );
    for target in &table.targets {
        assert!(target.numbers.as_ref().is_none_or(|numbers| numbers.len() == table.rows));
        assert!(target.texts.is_empty() || target.codes.len() == table.rows);
    }
}

/// The texts of a table as CSV, each in quotes
fn written(names: &[String], table: &DataTable, separator: u8) -> Vec<u8> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let separator = char::from(separator).to_string();
        cells.map(quoted).collect::<Vec<_>>().join(&separator) + "\n"
    };
    let rows = (0..table.rows).map(|row| line(&mut table.kept.iter().map(|kept| kept.text(row))));
    let names = line(&mut names.iter().map(String::as_str));
    std::iter::once(names).chain(rows).collect::<String>().into_bytes()
}

/// An NPY file; bytes that begin with `{` are a header of one line and the data after it
pub fn npy(bytes: &[u8]) {
    let made;
    let bytes = if bytes.starts_with(b"{") {
        let (header, data) = line_and_rest(bytes);
        made =
            [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16 + 1).to_le_bytes(), header, b"\n", data].concat();
        &made
    } else {
        bytes
    };
    let path = file("x.npy", bytes);
    let mut rows = None;
    for for_use in USES {
        let read = checked(npy_file::read(&path, for_use));
        if let Some(array) = &read {
            check_array(array, for_use);
            rows = Some(array.dims[0]);
            if for_use.allows_nan() {
                check_stream(&path, Kind::Npy, for_use, array);
                let again = file("again.npy", &npy_bytes(array));
                let again = npy_file::read(&again, for_use);
                assert_same("written again", array, &again.expect("it was written"));
            }
        }
        if !is_gzip(bytes) && for_use == USES[3] {
            let packed = file("packed", &gzip(bytes));
            assert_same("gzip", &read, &checked(npy_file::read(&packed, for_use)));
        }
    }
    let rows = rows.unwrap_or(2).min(1 << 16);
    let of_rows = |columns: usize| {
        let elements = Elements::Bytes((0..rows * columns).map(|at| (at % 2) as u8).collect());
        npy_bytes(&Array { dims: vec![rows, columns], elements })
    };
    let other = file("other.npy", &of_rows(1));
    let missing = [Missing::Error, Missing::Drop, Missing::Mean][bytes.len() % 3];
    for [x, y] in [[&path, &other], [&other, &path]] {
        let [data, y] = [x, y].map(|path| Some(path.display().to_string()));
        let table = TableOptions { missing, ..TableOptions::default() };
        load(&DataOptions { data, y, table, ..DataOptions::default() });
    }
}

/// The bytes of a NPY file with this array
fn npy_bytes(array: &Array) -> Vec<u8> {
    fn all<T: Copy, const N: usize>(numbers: &[T], bytes: fn(T) -> [u8; N]) -> Vec<u8> {
        numbers.iter().flat_map(|&number| bytes(number)).collect()
    }
    let (descr, data) = match &array.elements {
        Elements::Bytes(bytes) => ("|u1", bytes.clone()),
        Elements::Integers(integers) => ("<i8", all(integers, i64::to_le_bytes)),
        Elements::Single(numbers) => ("<f4", all(numbers, f32::to_le_bytes)),
        Elements::Double(numbers) => ("<f8", all(numbers, f64::to_le_bytes)),
    };
    let dims: String = array.dims.iter().map(|dim| format!("{dim},")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims})}}\n");
    [&b"\x93NUMPY\x02\0"[..], &(header.len() as u32).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// An NPZ file; bytes that begin with the magic of NPY are arrays one after the other, which get usual names
pub fn npz(bytes: &[u8]) {
    const MAGIC: &[u8] = b"\x93NUMPY";
    let made;
    let bytes = if bytes.starts_with(MAGIC) {
        let starts = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(MAGIC)).collect::<Vec<_>>();
        let ends = starts[1..].iter().copied().chain([bytes.len()]);
        let names = ["X.npy", "y.npy", "x_test.npy", "y_test.npy"];
        let arrays = starts.iter().zip(ends).map(|(&start, end)| &bytes[start..end]);
        let packed = [Packed::Stored, Packed::Deflated, Packed::Zip64Stored, Packed::Zip64Deflated];
        let members = names.into_iter().zip(arrays).zip(packed);
        made = zip_bytes(&members.map(|((name, array), packed)| (name, array, packed)).collect::<Vec<_>>());
        &made
    } else {
        bytes
    };
    let path = file("a.npz", bytes);
    if let Some(mut archive) = checked(Npz::open(&path)) {
        for name in archive.names() {
            for for_use in USES {
                if let Some(array) = checked(archive.read(&name, for_use)) {
                    check_array(&array, for_use);
                }
            }
        }
        let _ = checked(archive.read("none", USES[0]));
    }
    for task in [TaskChoice::Auto, TaskChoice::Regress] {
        load(&DataOptions { data: Some(path.display().to_string()), task, ..DataOptions::default() });
    }
}

/// A file in the format safetensors; bytes that begin with `{` are a header of one line and the data after it
fn tensors(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(b"{") {
        return bytes.to_vec();
    }
    let (header, data) = line_and_rest(bytes);
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// A model file of this program
pub fn model(bytes: &[u8]) {
    check_model(bytes, &[Import::default()]);
}

/// A state dict, with several answers to what it does not say
pub fn state_dict(bytes: &[u8]) {
    let of = |mean: &[f64]| Some(Normalize { mean: mean.to_vec(), std: vec![0.5; mean.len()] });
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    check_model(
        bytes,
        &[
            Import::default(),
            Import {
                activation: Some(Activation::Sigmoid),
                inputs: Some(ImportedInputs::Pixels),
                normalize: of(&[0.5]),
                class_names: names(&["a", "b"]),
                ..Import::default()
            },
            Import {
                inputs: Some(ImportedInputs::Numbers),
                normalize: of(&[0.5, 1.0]),
                target_names: names(&["t"]),
                target_scale: of(&[2.0]),
                ..Import::default()
            },
        ],
    );
}

/// Reads a model and the meaning of its inputs and outputs, and the model again as the program writes it
fn check_model(bytes: &[u8], imports: &[Import]) {
    let path = file("model.safetensors", &tensors(bytes));
    for import in imports {
        let _ = checked(saved_model::load_any(&path, import));
    }
    let activation = imports.last().and_then(|import| import.activation).unwrap_or_default();
    let Some(found) = checked(model_file::load::<f64>(&path, activation)) else { return };
    let parts = |found: &ModelFile<f64>| {
        let layers: Vec<_> = found.model.layers().iter().map(ToString::to_string).collect();
        let tensors: Vec<_> = found.model.tensors().map(|t| (t.name(), t.shape, t.data.to_vec())).collect();
        format!("{layers:?} {tensors:?}")
    };
    assert!(found.model.is_finite());
    let written = model_file::to_bytes(&found.model, found.metadata.clone());
    let again = file("again.safetensors", &written);
    let again = model_file::load::<f64>(&again, activation).expect("the program wrote it");
    assert_eq!(parts(&found), parts(&again));
    assert_eq!(written, model_file::to_bytes(&again.model, again.metadata.clone()));
}

/// The checkpoint of a net 3-5-2
pub fn checkpoint(bytes: &[u8]) {
    let folder = at("run");
    file(&format!("run/{CHECKPOINT}"), &tensors(bytes));
    let Some(found) = checked(Checkpoint::read(&folder)) else { return };
    check_state::<f32>(&found);
    check_state::<f64>(&found);
}

fn check_state<T: Scalar>(found: &Checkpoint) {
    let model = Mlp::<T>::new(3, &[5], 2, Activation::Relu, 1);
    let kinds = [Kept::Velocity, Kept::None, Kept::Moments];
    for (kept, n) in kinds.map(|kept| (0..4).map(move |n| (kept, n))).into_iter().flatten() {
        let holds = Holds { kept, best: n & 1 > 0, average: n & 2 > 0 };
        let Some(state) = checked(found.state(&model, holds)) else { continue };
        let mut written = Vec::new();
        let tensors = Tensors::of(&model);
        tensors.write_checkpoint(&mut written, &found.saved, &state).expect("a vector takes all bytes");
        let path = file(&format!("again/{CHECKPOINT}"), &written);
        let again = Checkpoint::read(path.parent().expect("the path has a folder"));
        let again = again.expect("the program wrote it");
        assert_same("tensors", &state, &again.state(&model, holds).expect("the program wrote it"));
        let expected = Saved { version: again.saved.version, ..found.saved.clone() };
        assert_eq!(again.saved, expected);
    }
}

/// A config.toml, which is written as it was read
pub fn config(bytes: &[u8]) {
    let path = file("config.toml", bytes);
    let Some(settings) = checked(Settings::from_toml(&path)) else { return };
    let Some(config) = checked(settings.resolve()) else { return };
    let text = config.to_toml().expect("all paths are UTF-8");
    let again = Settings::from_toml(&file("again.toml", text.as_bytes())).expect("the program wrote it");
    assert_eq!(again.resolve().expect("the program wrote it"), config, "{text}");
    let _ = DataOptions::from(&config);
}

/// The plan of a sweep, which is written as it was read
pub fn plan(bytes: &[u8]) {
    let Some(plan) = resolved(&file("plan.toml", bytes)) else { return };
    let Some(plan) = checked(plan) else { return };
    let path = at("folder\n/again.toml");
    let again = resolved(&file("folder\n/again.toml", plan.file(&path).as_bytes()));
    let again = again.expect("the program wrote it").expect("the program wrote it");
    assert_eq!((&again.text, &again.hash), (&plan.text, &plan.hash));
    let trials = |plan: &Plan| {
        let parts = |trial: &Trial| (trial.id.clone(), trial.label(), trial.config.clone());
        plan.trials.iter().map(parts).collect::<Vec<(String, String, TrainConfig)>>()
    };
    assert_eq!(trials(&again), trials(&plan));
}

/// The plan in a file, with its trials; `None` if it can't be read or has many trials
fn resolved(path: &Path) -> Option<chainrule::Result<Plan>> {
    let draft = checked(Draft::from_toml(path))?;
    let of_grid = draft.grid.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    let seeds = draft.seeds.unwrap_or(1) as usize;
    let trials = of_grid.saturating_add(draft.listed.len()).saturating_mul(seeds);
    (trials <= TRIALS).then(|| draft.resolve())
}

/// A table of results, which is written as it was read, and the reports on the runs that it lists
pub fn table(bytes: &[u8]) {
    let Some(table) = checked(Table::parse(Path::new("t.csv"), bytes)) else { return };
    let names: Vec<String> = table.names().map(str::to_owned).collect();
    for (row, column) in table.rows().flat_map(|row| (0..names.len()).map(move |column| (row, column))) {
        let _ = (row.text(column), row.line(), checked(row.number(column)), checked(row.status(column)));
        let _ = (checked(row.whole::<u32>(column)), checked(row.whole::<usize>(column)));
        if let Some(setting) = find(&names[column]) {
            let _ = checked(row.setting(column, setting));
        }
    }
    let _ = checked(table.run_names());
    for dialect in [CsvDialect::Standard, CsvDialect::ExcelEu] {
        check_written(&table, &names, dialect);
    }
    if let Some(analysis) = checked(Analysis::from_table(&table))
        && !analysis.trials.is_empty()
    {
        let _ = (report(&analysis, &[]), checked(Analysis::sweeps(&table)));
    }
    if let Some(Some(summary)) = checked(RunSummary::read(&table)) {
        let _ = checked(run_report(&summary, None, None, &[]));
        let _ = checked(run_report(&summary, Some(&table), Some(&table), &[]));
    }
}

/// Checks that a table has the same numbers, and in columns of text the same text, after it is written in a dialect
fn check_written(table: &Table, names: &[String], dialect: CsvDialect) {
    let columns: Vec<usize> = (0..names.len()).filter(|&column| !names[column].trim().is_empty()).collect();
    // A header of one name does not show the dialect, and a name with one of these characters may show another.
    if columns.len() < 2 || names.iter().any(|name| name.contains([';', '\r', '\n', '\u{feff}'])) {
        return;
    }
    let header = columns.iter().map(|&column| Cell::Verbatim(names[column].clone()));
    let lines = table.rows().map(|row| dialect.line(row.record(dialect).0.into_iter().map(|(_, cell)| cell)));
    let written: Vec<u8> = std::iter::once(dialect.line(header)).chain(lines).flatten().collect();
    let again = Table::parse(Path::new("again.csv"), &written).expect("the program wrote it");
    assert_eq!((again.dialect(), again.rows().len()), (dialect, table.rows().len()));
    for (row, other) in table.rows().zip(again.rows()) {
        for (place, &column) in columns.iter().enumerate() {
            // A text such as `1,5` is a number in one dialect alone.
            if row.as_number(column).is_some() && !is_text(&names[column]) {
                assert_eq!(row.as_number(column), other.as_number(place), "{row:?} {other:?}");
            } else {
                assert_eq!(row.text(column), other.text(place), "{row:?} {other:?}");
            }
        }
    }
}

/// The CSV files of a folder, whose pictures and report are made; a line `@NAME` begins the file of this name
pub fn plot(bytes: &[u8]) {
    const FILES: [&str; 8] = [
        "summary.csv",
        "epochs.csv",
        "confusion.csv",
        "classes.csv",
        "predictions.csv",
        "targets.csv",
        "runs.csv",
        "t0000/epochs.csv",
    ];
    let folder = emptied("results");
    let starts: Vec<usize> =
        (0..bytes.len()).filter(|&at| bytes[at] == b'@' && (at == 0 || bytes[at - 1] == b'\n')).collect();
    for (place, &start) in starts.iter().enumerate() {
        let end = starts.get(place + 1).map_or(bytes.len(), |&next| next);
        let (name, content) = line_and_rest(&bytes[start + 1..end]);
        if let Some(name) = FILES.iter().find(|file| file.as_bytes() == name) {
            file(&format!("results/{name}"), content);
        }
    }
    let style = PictureStyle { formats: vec![Format::Pdf], ..PictureStyle::default() };
    let out = at("pictures");
    let _ = checked(redraw_into(&folder, &out, &style));
    if folder.join("epochs.csv").exists() {
        let _ = checked(overlay(&[folder.clone(), folder], &out, &style));
    }
}
