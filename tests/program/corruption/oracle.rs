//! Which damages a reader can know of: the rules that every undamaged file keeps
//!
//! A digit that became another is not among them. Each function returns the rule that the damaged file breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// What a column or setting may hold
#[derive(Clone, Copy)]
enum Rule {
    /// A finite number from the first to the second
    Number(f64, f64),
    /// A finite number from the first to below the second
    Below(f64, f64),
    /// A whole number from the first to the second
    Whole(u64, u64),
    Switch,
    Dims,
    OneOf(&'static [&'static str]),
}

use Rule::{Below, Dims, Number, OneOf, Switch, Whole};

const ANY: Rule = Number(0.0, f64::MAX);
const SHARE: Rule = Number(0.0, 1.0);
const RULES: [(&str, Rule); 30] = [
    ("status", OneOf(&["ok", "diverged", "failed", "interrupted"])),
    ("hidden_dims", Dims),
    ("hidden_dim", Whole(1, u64::MAX)),
    ("activation", OneOf(&["relu", "sigmoid", "tanh", "leaky-relu", "gelu", "silu", "selu"])),
    ("epochs", Whole(0, u32::MAX as u64)),
    ("epoch", Whole(1, u32::MAX as u64)),
    ("batch_size", Whole(1, u64::MAX)),
    ("learning_rate", ANY),
    ("momentum", Below(0.0, 1.0)),
    ("weight_decay", ANY),
    ("seed", Whole(0, 999_999_999_999_999)),
    ("seeds", Whole(1, u64::MAX)),
    ("parameters", Whole(0, u64::MAX)),
    ("train_loss", ANY),
    ("train_accuracy", SHARE),
    ("val_loss", ANY),
    ("val_accuracy", SHARE),
    ("test_loss", ANY),
    ("test_accuracy", SHARE),
    ("best_accuracy", SHARE),
    ("best_epoch", Whole(0, u32::MAX as u64)),
    ("train_s", ANY),
    ("epoch_s", ANY),
    ("samples_per_s", ANY),
    ("threads", Whole(1, 1024)),
    ("val_split", Below(0.0, 1.0)),
    ("dtype", OneOf(&["f32", "f64"])),
    ("engine", OneOf(&["auto", "fused", "matrixmultiply"])),
    ("no_shuffle", Switch),
    ("count", Whole(0, u64::MAX)),
];

/// Whether `text` is a value of the column or setting `name`
fn keeps_rule(name: &str, text: &str) -> bool {
    let number = || text.parse::<f64>().ok().filter(|x| x.is_finite());
    let Some((_, rule)) = RULES.iter().find(|(found, _)| *found == name) else { return true };
    match *rule {
        Number(low, high) => number().is_some_and(|x| (low..=high).contains(&x)),
        Below(low, high) => number().is_some_and(|x| (low..high).contains(&x)),
        Whole(low, high) => match text.parse::<u64>() {
            Ok(x) => (low..=high).contains(&x),
            // 1e5, as spreadsheets and people write it
            Err(_) => number().is_some_and(|x| x.fract() == 0.0 && (low as f64..=high as f64).contains(&x)),
        },
        Switch => ["true", "false"].contains(&text.to_lowercase().as_str()),
        Dims => text == "none" || text.split('x').all(|width| width.parse::<u32>().is_ok_and(|w| w > 0)),
        // Readers of tables take `ReLU` as `relu`, and `OK` as `ok`.
        OneOf(names) => names.iter().any(|name| name.eq_ignore_ascii_case(text)),
    }
}

/// The cells of a CSV file by the names of its columns
struct Rows {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read(path).unwrap()).unwrap_or_else(|rule| panic!("{}: {rule}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8")?;
        let text = text.trim_start_matches('\u{feff}');
        let european = text.lines().next().is_some_and(|header| header.contains(';'));
        if unclosed_quote(text, if european { ';' } else { ',' }) {
            return Err("a quote that is not closed, or text behind a quote".to_owned());
        }
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(if european { b';' } else { b',' }).from_reader(text.as_bytes());
        let ragged = |_| "a row with more or fewer cells".to_owned();
        let names: Vec<String> = reader.headers().map_err(ragged)?.iter().map(str::to_owned).collect();
        let mut rows = vec![];
        for record in reader.records() {
            let row: Vec<String> =
                record.map_err(ragged)?.iter().map(|cell| cell.trim().to_owned()).collect();
            if row.iter().any(|cell| !cell.is_empty()) {
                rows.push(row);
            }
        }
        let named: BTreeSet<&String> = names.iter().filter(|name| !name.is_empty()).collect();
        if named.len() != names.iter().filter(|name| !name.is_empty()).count() {
            return Err("a column twice".to_owned());
        }
        let rows = Self { names, rows };
        for row in &rows.rows {
            for (name, cell) in rows.names.iter().zip(row) {
                if !cell.is_empty() && !keeps_rule(name, cell) {
                    return Err(format!("{name} out of range"));
                }
            }
        }
        Ok(rows)
    }

    /// The cells of some columns
    ///
    /// # Errors
    /// If there is no such column, or a cell is empty.
    fn cells<const N: usize>(&self, names: [&str; N]) -> Result<Vec<[&str; N]>, String> {
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = self.names.iter().position(|found| found == name).ok_or(format!("no column {name}"))?;
        }
        let row = |row: &'_ Vec<String>| places.map(|place| row[place].len());
        if let Some(at) = self.rows.iter().find_map(|cells| row(cells).iter().position(|len| *len == 0)) {
            return Err(format!("an empty cell in {}", names[at]));
        }
        Ok(self.rows.iter().map(|row| places.map(|place| row[place].as_str())).collect())
    }
}

fn unclosed_quote(text: &str, separator: char) -> bool {
    let (mut quoted, mut start, mut closed) = (false, true, false);
    for c in text.chars() {
        if quoted {
            (quoted, closed) = (c != '"', c == '"');
        } else if closed && c == '"' {
            (quoted, closed) = (true, false);
        } else if closed && c != separator && c != '\n' && c != '\r' {
            return true;
        } else {
            (quoted, closed) = (start && c == '"', false);
        }
        start = !quoted && (c == separator || c == '\n' || c == '\r');
    }
    quoted
}

fn broken(checked: Result<(), String>) -> Option<String> {
    checked.err()
}

fn parent(file: &Path) -> &Path {
    file.parent().unwrap()
}

/// The runs.csv of a sweep or of single runs
pub fn runs(file: &Path, _: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let rows = Rows::parse(damaged)?;
        let id = if rows.names.iter().any(|name| name == "trial") { "trial" } else { "run_id" };
        let runs = rows.cells([id, "status", "test_accuracy", "epochs"])?;
        let ids: BTreeSet<&str> = runs.iter().map(|run| run[0]).collect();
        if ids.len() != runs.len() {
            return Err("a run twice".to_owned());
        }
        let epochs = parent(file).join("epochs.csv");
        if epochs.exists() {
            let epochs = Rows::read(&epochs);
            let epochs = epochs.cells(["trial"])?;
            if id != "trial" || epochs.iter().any(|[id]| !ids.contains(id)) {
                return Err("no row for a trial of epochs.csv".to_owned());
            }
            for [id, _, _, count] in &runs {
                let found = epochs.iter().filter(|[other]| other == id).count();
                if found == 0 {
                    return Err("a trial without epochs in epochs.csv".to_owned());
                }
                if found.to_string() != *count {
                    return Err("another number of epochs than in epochs.csv".to_owned());
                }
            }
        }
        Ok(())
    };
    broken(check())
}

/// The epochs.csv of a run or a sweep
pub fn epochs(file: &Path, _: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let rows = Rows::parse(damaged)?;
        let runs = parent(file).join("runs.csv");
        let (id, runs) = match runs.exists() {
            true => ("trial", Rows::read(&runs)),
            false => ("run_id", Rows::read(&parent(file).join("summary.csv"))),
        };
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for [id, epoch, ..] in
            rows.cells([id, "epoch", "status", "train_loss", "train_accuracy", "test_loss", "test_accuracy"])?
        {
            let last = found.entry(id).or_default();
            if epoch != (*last + 1).to_string() {
                return Err("an epoch that is missing, double or in another order".to_owned());
            }
            *last += 1;
        }
        for [id, epochs] in runs.cells([id, "epochs"])? {
            if found.remove(id).unwrap_or_default().to_string() != epochs {
                return Err("fewer epochs than the run has by its summary.csv or runs.csv".to_owned());
            }
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err("epochs of a run that is in no summary.csv or runs.csv".to_owned())
        }
    };
    broken(check())
}

/// A confusion.csv
pub fn confusion(_: &Path, _: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let rows = Rows::parse(damaged)?;
        let rows = rows.cells(["true", "predicted", "count"])?;
        let pairs: BTreeSet<(&str, &str)> = rows.iter().map(|row| (row[0], row[1])).collect();
        let classes: BTreeSet<&str> = rows.iter().flat_map(|row| [row[0], row[1]]).collect();
        if pairs.len() != rows.len() {
            return Err("a pair of classes twice".to_owned());
        }
        if classes.len() < 2 || pairs.len() != classes.len().pow(2) {
            return Err("a pair of classes without a row".to_owned());
        }
        Ok(())
    };
    broken(check())
}

/// A cell as it is compared: `.9` is the number `0.9`
fn value(cell: &str) -> String {
    cell.parse::<f64>().map_or_else(|_| cell.to_owned(), |number| number.to_string())
}

/// The summary.csv of a trial
pub fn summary(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let (original, damaged) = (Rows::parse(original)?, Rows::parse(damaged)?);
        if damaged.rows.len() != 1 {
            return Err("no row, or more than one".to_owned());
        }
        damaged.cells(["run_id", "status", "test_accuracy"])?;
        for name in [
            "run_id",
            "hidden_dims",
            "activation",
            "epochs",
            "batch_size",
            "learning_rate",
            "momentum",
            "weight_decay",
            "seed",
        ] {
            let values = [&original, &damaged].map(|rows| Ok::<_, String>(value(rows.cells([name])?[0][0])));
            let [planned, found] = values;
            if planned? != found? {
                return Err(format!("another {name} than in the plan"));
            }
        }
        Ok(())
    };
    broken(check())
}

/// A file that the command makes anew from others, or does not read
pub fn other(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    (original != damaged).then(|| "the file is not needed".to_owned())
}

/// The epochs.csv that a run goes on with: all bytes that it had at the last checkpoint are known
pub fn kept(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    (!damaged.starts_with(original)).then(|| "other rows than the run wrote".to_owned())
}

/// A config.toml or a plan
pub fn settings(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let parse = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8".to_owned())?;
        text.trim_start_matches('\u{feff}').parse::<toml::Table>().map_err(|_| "not TOML".to_owned())
    };
    let check = || {
        let (original, damaged) = (parse(original)?, parse(damaged)?);
        let axes = ["grid", "seeds", "trial"];
        if axes.iter().any(|name| original.contains_key(*name))
            && !axes.iter().any(|name| damaged.contains_key(*name))
        {
            return Err("nothing to sweep".to_owned());
        }
        let beyond_f32 = |value: &toml::Value| value.as_float().is_some_and(|x| x > f32::MAX.into());
        let mut names = BTreeSet::new();
        for (name, value) in &damaged {
            let name = name.replace('-', "_");
            let known = original.get(&name).or(original.get("grid").and_then(|grid| grid.get(&name)));
            let Some(known) = known else {
                match RULES.iter().any(|(rule, _)| *rule == name)
                    || ["grid", "data", "out"].contains(&name.as_str())
                {
                    true => continue,
                    false => return Err("an unknown setting".to_owned()),
                }
            };
            let number = |value: &toml::Value| value.is_integer() || value.is_float();
            if !(known.same_type(value) || known.is_array() || number(known) && number(value)) {
                return Err(format!("{name} of another type"));
            }
            let values = match value {
                toml::Value::Table(axes) => {
                    axes.iter().map(|(name, values)| (name.replace('-', "_"), values)).collect()
                }
                value => vec![(name.clone(), value)],
            };
            for (name, value) in values {
                let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let text = |value: &toml::Value| value.as_str().map_or(value.to_string(), str::to_owned);
                if all.iter().any(|value| !keeps_rule(&name, &text(value)) || beyond_f32(value)) {
                    return Err(format!("{name} out of range"));
                }
            }
            if !names.insert(name) {
                return Err("a setting twice".to_owned());
            }
        }
        Ok(())
    };
    broken(check())
}

/// A classes.txt
pub fn class_names(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(damaged) else { return Some("bytes that are not UTF-8".to_owned()) };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n', ' ']);
    let names: Vec<&str> = text.lines().map(str::trim).collect();
    let different: BTreeSet<&&str> = names.iter().collect();
    let lines = original.iter().filter(|byte| **byte == b'\n').count();
    if names.len() < lines || different.len() != names.len() || different.contains(&"") {
        return Some("a name that is empty, double or missing".to_owned());
    }
    text.contains(|c: char| c.is_control() && c != '\n' && c != '\r')
        .then(|| "a control character".to_owned())
}

/// Labels of three classes, with as many bytes as the undamaged file
pub fn idx_labels(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let wrong = damaged.len() != original.len() || damaged[..8] != original[..8];
    if wrong {
        return Some("another header or length".to_owned());
    }
    damaged[8..].iter().any(|label| *label > 2).then(|| "a label outside the classes".to_owned())
}

/// Images in bytes; bytes with a sign, whose type is 9 in place of 8, are not known to be wrong
pub fn idx_images(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let header = |file: &[u8]| {
        let kind = if file[2] == 8 { 9 } else { file[2] };
        [&file[..2], &[kind], &file[3..16]].concat()
    };
    let wrong = damaged.len() != original.len() || header(damaged) != header(original);
    wrong.then(|| "another header or length".to_owned())
}

/// A gzip stream, whose checksum shows every other content
pub fn gzip(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let unpack = |bytes: &[u8]| {
        let mut content = vec![];
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut content).map(|_| content).ok()
    };
    (unpack(original) != unpack(damaged))
        .then(|| "other content, a wrong checksum or bytes behind the end".to_owned())
}

/// The header of a model file, and the weights after it
fn split(bytes: &[u8]) -> Option<(serde_json::Map<String, Value>, Vec<u8>)> {
    let len: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    let end = usize::try_from(u64::from_le_bytes(len)).ok()?.checked_add(8)?;
    Some((serde_json::from_slice(bytes.get(8..end)?).ok()?, bytes[end..].to_vec()))
}

fn all_finite(weights: &[u8]) -> Result<(), String> {
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    match weights.chunks_exact(4).any(|bytes| !number(bytes).is_finite()) {
        true => Err("a weight that is not finite".to_owned()),
        false => Ok(()),
    }
}

/// A state dict, whose metadata say nothing about the net
pub fn state_dict(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let (mut known, weights) = split(original).ok_or("not a state dict")?;
        let (mut header, found) = split(damaged).ok_or("no header")?;
        known.remove("__metadata__");
        header.remove("__metadata__");
        if known != header || weights.len() != found.len() {
            return Err("other tensors".to_owned());
        }
        all_finite(&found)
    };
    broken(check())
}

/// A model
pub fn model(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let (mut known, weights) = split(original).ok_or("not a model")?;
        let (mut header, found) = split(damaged).ok_or("no header")?;
        let (known_metadata, metadata) = (known.remove("__metadata__"), header.remove("__metadata__"));
        if known != header || weights.len() != found.len() {
            return Err("other tensors".to_owned());
        }
        let object = |value: Option<Value>| value.and_then(|value| value.as_object().cloned());
        let (Some(known), Some(metadata)) = (object(known_metadata), object(metadata)) else {
            return Err("no metadata".to_owned());
        };
        for (name, value) in &known {
            match (name.as_str(), metadata.get(name)) {
                ("producer" | "version", _) => {}
                ("class_names", Some(Value::String(list))) => {
                    let names: Vec<String> =
                        serde_json::from_str(list).map_err(|_| "class_names are no list")?;
                    let different: BTreeSet<&str> = names.iter().map(|name| name.trim()).collect();
                    if different.len() != 3 || names.len() != 3 || different.contains("") {
                        return Err("a name that is empty, double or missing".to_owned());
                    }
                }
                (_, found) if found == Some(value) => {}
                _ => return Err(format!("another {name}")),
            }
        }
        all_finite(&found)
    };
    broken(check())
}

/// A table of data whose columns height, width and depth a model reads
pub fn data_table(_: &Path, _: &[u8], damaged: &[u8]) -> Option<String> {
    let check = || {
        let rows = Rows::parse(damaged)?;
        for cells in rows.cells(["height", "width", "depth"])? {
            if cells.iter().any(|cell| !cell.parse::<f32>().is_ok_and(f32::is_finite)) {
                return Err("a cell that is no number".to_owned());
            }
        }
        Ok(())
    };
    broken(check())
}

/// An NPY file with a header of 128 bytes and numbers in f32; a type of the same size is not known to be wrong
pub fn npy(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    if damaged.len() != original.len() || damaged[..10] != original[..10] {
        return Some("another magic or length".to_owned());
    }
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let is_wrong = damaged[..128] == original[..128]
        && damaged[128..].chunks_exact(4).any(|bytes| !number(bytes).is_finite());
    is_wrong.then(|| "a number that is not finite".to_owned())
}

/// An archive, whose checksums show every other content
pub fn npz(_: &Path, original: &[u8], damaged: &[u8]) -> Option<String> {
    let unpack = |bytes: &[u8], name: &str| {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).ok()?;
        let (mut content, mut member) = (vec![], archive.by_name(name).ok()?);
        member.read_to_end(&mut content).ok().map(|_| content)
    };
    let differs = |name: &&str| unpack(original, name) != unpack(damaged, name);
    let mut names = ["X.npy", "y.npy"].into_iter();
    names.find(differs).map(|name| format!("{name} has other content or a wrong checksum"))
}
