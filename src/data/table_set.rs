//! A set of rows from a table

use std::io::{Read, stdin};
use std::path::Path;

use super::csv::{self, Head, Missing, Options, Reader, Role, Table};
use super::model_cells::{self, Origin};
use super::model_columns::ModelColumns;
use super::options::{Categorical, TableOptions};
use super::outputs::Outputs;
use super::preprocessing::Preprocessing;
use super::raw::RawSet;
use super::signature::Signature;
use super::source_kind::{self, Kind};
pub use super::table_columns::column;
use super::table_columns::{TableColumns, flag_value, ignored, targets};
use super::table_labels::LabelColumns;
use super::{Cells, DataOptions, Inputs, label_texts, weight_column};
use crate::config::{Decimal, Header, Missing as MissingPolicy};
use crate::error::{Error, Result, printable, separated};

/// What messages call standard input
pub const STDIN: &str = "standard input";

/// Most values of a column of categories that was not named
const AUTO_VALUES: usize = 50;

/// Opens a table; `-` is standard input
///
/// * `names`: columns that the table should have, which show a header that no row follows
///
/// # Errors
/// If it can't be read, is an array, or its first lines are not those of a table.
pub fn open(path: &str, options: &TableOptions, names: &[String]) -> Result<Reader> {
    if path != "-" {
        return Reader::open_for(Path::new(path), form(options)?, names);
    }
    let (kind, stream) = source_kind::of_stream(stdin()).map_err(Error::reading(STDIN.as_ref()))?;
    let found = match kind {
        Kind::Npz => "an .npz, whose directory is at its end; save it to a file",
        Kind::Npy | Kind::Idx => "an array, expected a table; save it to a file",
        Kind::Table | Kind::Folder | Kind::Model => return open_stream(stream, options, names),
    };
    Err(Error::content(STDIN.as_ref(), format!("is {found}")))
}

/// Opens a table on standard input, of which `stream` has all bytes
///
/// # Errors
/// As [`open`].
pub fn open_stream(
    stream: impl Read + Send + 'static,
    options: &TableOptions,
    names: &[String],
) -> Result<Reader> {
    Reader::from_stream_for(STDIN, stream, form(options)?, names)
}

/// What the options say about the form of a table
fn form(options: &TableOptions) -> Result<Options> {
    Ok(Options {
        separator: separator(options.separator.as_deref())?,
        decimal: if options.decimal == Decimal::Comma { b',' } else { b'.' },
        header: match options.header {
            Header::Auto => None,
            Header::Yes => Some(true),
            Header::No => Some(false),
        },
    })
}

/// The byte that a person names as separator
///
/// # Errors
/// If the text is not one character of one byte.
fn separator(text: Option<&str>) -> Result<Option<u8>> {
    match text.map(|text| (text, text.as_bytes())) {
        None => Ok(None),
        Some(("tab" | "\\t", _)) => Ok(Some(b'\t')),
        Some((_, [byte])) => Ok(Some(*byte)),
        Some((text, _)) => {
            let expected = "one character, such as `;`, or tab".to_owned();
            Err(Error::Setting { name: "separator", expected, found: text.to_owned() })
        }
    }
}

/// Which columns of a table are read
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Those that the options choose
    Any,
    /// Those of a training set
    Like(&'a Inputs),
    /// Those of a model, and they are brought to its order
    Model(&'a Signature),
}

/// Reads a table with its labels
///
/// # Errors
/// If the table can't be read, or does not fit the options.
pub fn read(path: &str, options: &DataOptions, wanted: Wanted<'_>) -> Result<RawSet> {
    let DataOptions { table: options, dtype, task, .. } = options;
    let names = match wanted {
        Wanted::Any => &[][..],
        Wanted::Like(like) => &like.names,
        Wanted::Model(model) => &model.preprocessing.names,
    };
    let reader = open(path, options, names)?;
    let head = reader.head().clone();
    let mut of_model = None;
    let columns = match wanted {
        Wanted::Model(model) => {
            let ignore = options.ignore.iter().map(|name| column(&head, name, "--ignore"));
            let ignore = ignore.collect::<Result<Vec<_>>>()?;
            // Columns that named the rows in training may stand elsewhere here.
            let mut left_out = ignored(&head, options);
            left_out
                .retain(|at| ignore.contains(at) || !model.preprocessing.names.contains(&head.names[*at]));
            let targets = model_targets(&head, options, &model.outputs)?;
            let columns = ModelColumns::of(&head, &model.preprocessing, &targets, &left_out)?;
            let found = TableColumns::of_roles(&head, columns.roles.clone(), &targets);
            of_model = Some((&model.preprocessing, columns));
            found
        }
        Wanted::Like(like) if !like.names.is_empty() => {
            let targets = targets(&head, &options.targets)?;
            TableColumns::like(&head, like, &targets, &ignored(&head, options))?
        }
        _ => TableColumns::chosen(&head, options)?,
    };
    let mut table = reader.read(&columns.roles, *dtype)?;
    let weights = columns.weights.map(|at| table.targets[at].clone());
    let weights = weights.map(|weights| {
        let name = options.weight_column.as_deref().unwrap_or_default();
        weight_column::weights(&head, name, weights, &table.lines, options.missing)
    });
    let weights = weights.transpose()?;
    let path = head.path.clone();
    // A model says by itself what replaces a missing number.
    if of_model.is_none() {
        check_missing(&path, &columns, &table, options.missing)?;
    }
    let is_auto = matches!(wanted, Wanted::Any) && options.categorical == Categorical::Auto;
    let mut inputs = inputs(&path, &columns, &table, is_auto)?;
    let mut in_file: Vec<_> = std::mem::take(&mut table.targets).into_iter().map(Some).collect();
    let as_known = |column| match &options.known_labels {
        Some(known) => label_texts::as_known(column, known, &head),
        None => column,
    };
    let targets = columns.targets.iter().filter_map(|&at| in_file[at].take());
    let targets: Vec<_> = targets.map(as_known).collect();
    let is_target = |at: &usize| columns.roles[*at] == Role::Target;
    let of_file: Vec<usize> = (0..head.names.len()).filter(is_target).collect();
    let names: Vec<String> = columns.targets.iter().map(|&at| head.names[of_file[at]].clone()).collect();
    inputs.target = names.first().filter(|_| names.len() == 1).cloned();
    let (missing, task) = (options.missing, *task);
    let (lines, is_of_model) = (&table.lines, of_model.is_some());
    let labels =
        LabelColumns { head: &head, names: &names, lines, missing, task, is_of_model }.labels(targets)?;
    let cells = match table.cells {
        csv::Cells::Single(cells) => Cells::Single(cells),
        csv::Cells::Double(cells) => Cells::Double(cells),
    };
    let set = RawSet {
        inputs,
        cells,
        labels,
        weights,
        inputs_path: path.clone(),
        path,
        targets: names,
        lines: Some(table.lines),
        kept: None,
    };
    let set = if options.missing == MissingPolicy::Drop { without_missing(set)? } else { set };
    match of_model {
        Some((model, columns)) => fitted(set, model, &columns),
        None => Ok(set),
    }
}

/// The target columns of a table for a model: those that are named, those that the model was trained to predict if all are
/// there, or the one that has a usual name
fn model_targets(head: &Head, options: &TableOptions, outputs: &Outputs) -> Result<Vec<usize>> {
    let named = &options.targets;
    let own: Vec<String> = match outputs {
        Outputs::Classes(_) => options.class_column.iter().cloned().collect(),
        Outputs::Targets { targets, .. } => targets.iter().map(|target| target.name.clone()).collect(),
    };
    let are_there = !own.is_empty() && own.iter().all(|name| head.names.contains(name));
    targets(head, if named.is_empty() && are_there { &own } else { named })
}

/// The set with the columns in the order of a model
fn fitted(mut set: RawSet, model: &Preprocessing, columns: &ModelColumns) -> Result<RawSet> {
    let cells = std::mem::replace(&mut set.cells, Cells::Bytes(Vec::new()));
    let place = |row: usize| set.place(row);
    let origin = Origin { path: &set.path, place: &place };
    let cells = model_cells::fit(model, cells, columns.places.as_deref(), origin)?;
    let categories = columns.categories(set.inputs.categories.iter().flatten().cloned().collect());
    let (dims, names, ids) = (model.dims.clone(), model.names.clone(), Vec::new());
    let inputs = Inputs { dims, names, categories, ids, target: None };
    Ok(RawSet { inputs, cells, ..set })
}

/// Refuses missing cells of inputs, unless the policy says what to do with them
///
/// # Errors
/// If there are any; the message names the first.
fn check_missing(path: &Path, columns: &TableColumns, table: &Table, policy: MissingPolicy) -> Result<()> {
    if policy != MissingPolicy::Error {
        return Ok(());
    }
    let of_column = columns.inputs.iter().zip(&table.missing).filter(|(_, missing)| missing.count > 0);
    let Some(((name, _), Missing { first_line, count })) = of_column.min_by_key(|(_, m)| m.first_line) else {
        return Ok(());
    };
    let others = if *count > 1 { format!(" ({} in this column)", separated(*count)) } else { String::new() };
    let problem = format!(
        "line {first_line}, column {}: a missing value{others}, expected a number; add --missing mean, median, zero or drop, or \
         --ignore the column",
        printable(name)
    );
    Err(Error::content(path, problem))
}

fn inputs(path: &Path, columns: &TableColumns, table: &Table, is_auto: bool) -> Result<Inputs> {
    let mut values = table.categories.iter();
    let mut categories = Vec::new();
    for (name, is_category) in &columns.inputs {
        let values = is_category.then(|| values.next().cloned().unwrap_or_default());
        if let Some(values) = values.as_ref().filter(|values| is_auto && values.len() > AUTO_VALUES) {
            let (value, name, count) = (flag_value(name), printable(name), separated(values.len()));
            let problem = format!(
                "column {name}: {count} different texts, more than the {AUTO_VALUES} of --categorical auto; leave it out with \
                 --ignore {value}, or list the columns of categories with it"
            );
            return Err(Error::content(path, problem));
        }
        categories.push(values);
    }
    if categories.iter().all(Option::is_none) {
        categories.clear();
    }
    let names = columns.inputs.iter().map(|(name, _)| name.clone()).collect();
    let ids = columns.ids.clone();
    Ok(Inputs { dims: vec![columns.inputs.len()], names, categories, ids, target: None })
}

/// The set without the rows that lack a cell, the label or the weight
///
/// # Errors
/// If no row is left.
fn without_missing(set: RawSet) -> Result<RawSet> {
    let columns = set.inputs.columns();
    let is_whole = |row: &u32| {
        let start = *row as usize * columns;
        let has_weight = set.weights.as_ref().is_none_or(|weights| !weights[*row as usize].is_nan());
        has_weight
            && !set.labels.is_missing(*row as usize)
            && (start..start + columns).all(|at| !set.cells.get(at).is_nan())
    };
    let rows: Vec<u32> = (0..).take(set.labels.len()).filter(is_whole).collect();
    if rows.is_empty() {
        return Err(Error::content(&set.path, "each row lacks a value, so that --missing drop leaves none"));
    }
    let weights = set.weights.map(|weights| rows.iter().map(|&row| weights[row as usize]).collect());
    let cells = set.cells.rows(&rows, columns);
    Ok(RawSet { cells, weights, labels: set.labels.rows(&rows), kept: Some(rows), ..set })
}
