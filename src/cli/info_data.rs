//! What `chainrule info` shows of data: a set with its classes, an array

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use chainrule::config::Dtype;
use chainrule::data::array::{Array, Elements, Use};
use chainrule::data::npz::Npz;
use chainrule::data::options::TableOptions;
use chainrule::data::source_kind::Kind;
use chainrule::data::{Cells, DataOptions, Dataset, Split, Task, idx, npy};
use chainrule::error::printable;
use serde_json::{Value, json};

use super::format::{Shown, columns, count, times};
use super::info_table;

/// Arrays are read with their missing numbers, which are counted
const WITH_GAPS: Use = Use::FeaturesOrNan(Dtype::F64);

/// A file of data of a kind that its content shows
///
/// * `form`: how a table is written
pub fn file(what: &str, kind: Kind, form: &TableOptions) -> Result<Shown> {
    let path = Path::new(what);
    match kind {
        Kind::Idx => array("IDX", what, &idx::read(path, WITH_GAPS)?),
        Kind::Npy => array("NPY", what, &npy::read(path, WITH_GAPS)?),
        Kind::Npz => npz(what),
        Kind::Table => info_table::table(what, form),
        Kind::Folder | Kind::Model => dataset(what),
    }
}

/// A folder of files, or the built-in set: its samples by classes
pub fn dataset(what: &str) -> Result<Shown> {
    let data = Dataset::load(&DataOptions { data: Some(what.to_owned()), ..DataOptions::default() })?;
    let dims = times(&data.inputs.dims);
    let (noun, content) = match &data.train.cells {
        Cells::Bytes(_) => {
            ("images", format!("images      {dims}, one byte a pixel; training divides them by 255"))
        }
        Cells::Single(_) | Cells::Double(_) => {
            ("rows", format!("rows        {dims} numbers; training standardises each column"))
        }
    };
    let mut text = format!("data set    {}\n{content}\n", printable(&data.source));
    let (train_len, test_len) = (data.train.len(), data.test.len());
    writeln!(text, "training    {} {noun}\ntest        {} {noun}\n", count(train_len), count(test_len))?;
    let json = |labels: Value| {
        json!({
            "kind": "data", "source": data.source, "image_dims": data.inputs.dims, "train_samples": train_len,
            "test_samples": test_len, "classes": labels,
        })
    };
    if let Task::Regress(names) = &data.task {
        let names: Vec<_> = names.iter().map(|name| printable(name)).collect();
        writeln!(text, "targets     {}", names.join(", "))?;
        let mut json = json(Value::Null);
        json["targets"] = data.task.names().into();
        return Ok((text, json));
    }
    let counts = |split: &Split| {
        let mut counts = vec![0; data.task.outputs()];
        split.labels.classes().iter().for_each(|&label| counts[label as usize] += 1);
        counts
    };
    let (train, test): (Vec<usize>, Vec<usize>) = (counts(&data.train), counts(&data.test));
    let names: Vec<_> = data.task.classes().iter().map(|name| printable(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
    writeln!(text, "label  {:<width$}  training    test", "class")?;
    for (label, name) in names.iter().enumerate() {
        writeln!(text, "{label:>5}  {name:<width$}  {:>8}  {:>6}", count(train[label]), count(test[label]))?;
    }
    let classes = data.task.classes().iter().enumerate().map(|(label, name)| {
        json!({"label": label, "name": name, "train_samples": train[label], "test_samples": test[label]})
    });
    Ok((text, json(classes.collect())))
}

/// What an array of these dimensions holds
fn content(dims: &[usize]) -> String {
    match dims {
        [images, sizes @ ..] if sizes.len() > 1 => format!("{} images of {}", count(*images), times(sizes)),
        [rows, columns] => format!("{} rows of {}", count(*rows), count(*columns)),
        labels => format!("{} labels", labels.iter().map(|&n| count(n)).collect::<Vec<_>>().join("×")),
    }
}

/// One array: its dimensions, and the range of its elements
fn array(format: &str, name: &str, array: &Array) -> Result<Shown> {
    let content = content(&array.dims);
    fn range<T: Copy + PartialOrd + Into<Value>>(elements: &[T]) -> [Value; 2] {
        // Only NaN differs from itself.
        let present = || elements.iter().copied().filter(|x| x.partial_cmp(x).is_some());
        let first = |choose: fn(&T, &T) -> bool| present().reduce(|a, b| if choose(&b, &a) { b } else { a });
        [first(T::lt), first(T::gt)].map(|value| value.map_or(Value::Null, Into::into))
    }
    let (kind, [least, most]) = match &array.elements {
        Elements::Bytes(elements) => ("unsigned bytes", range(elements)),
        Elements::Integers(elements) => ("integers", range(elements)),
        Elements::Single(elements) => ("numbers", range(elements)),
        Elements::Double(elements) => ("numbers", range(elements)),
    };
    let missing = missing(&array.elements);
    // A number that a file has in f32 is shown with the digits of f32.
    let short = |value: &Value| match value.as_f64().map(|x| (x, x as f32)) {
        Some((x, single)) if value.is_f64() && f64::from(single) == x => single.to_string(),
        _ => value.to_string(),
    };
    let text = format!(
        "{:<11} {}\ncontent     {content}, {kind}\nvalues      {} to {}{}\n",
        format!("{format} file"),
        printable(name),
        short(&least),
        short(&most),
        missing_shown(missing)
    );
    let format = format.to_ascii_lowercase();
    let json = json!({
        "kind": format, "path": name, "dims": array.dims, "least": least, "greatest": most, "missing": missing,
    });
    Ok((text, json))
}

/// The number of missing elements
fn missing(elements: &Elements) -> usize {
    match elements {
        Elements::Bytes(_) | Elements::Integers(_) => 0,
        Elements::Single(elements) => elements.iter().filter(|x| x.is_nan()).count(),
        Elements::Double(elements) => elements.iter().filter(|x| x.is_nan()).count(),
    }
}

/// The number of missing elements as a part of a line; empty if there are none
fn missing_shown(missing: usize) -> String {
    if missing == 0 { String::new() } else { format!(", {} missing", count(missing)) }
}

/// The arrays of an .npz
fn npz(what: &str) -> Result<Shown> {
    let mut file = Npz::open(Path::new(what))?;
    let (mut lines, mut arrays) = (vec![["array", "content"].map(str::to_owned).to_vec()], Vec::new());
    for name in file.names() {
        let array = file.read(&name, WITH_GAPS)?;
        let missing = missing(&array.elements);
        let shown = content(&array.dims) + &missing_shown(missing);
        lines.push(vec![printable(&name).into_owned(), shown]);
        arrays.push(json!({"name": name, "dims": array.dims, "missing": missing}));
    }
    let text = format!("NPZ file    {}\n\n{}", printable(what), columns(&lines));
    Ok((text, json!({"kind": "npz", "path": what, "arrays": arrays})))
}
