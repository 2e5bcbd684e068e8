//! A set of rows from a table

use std::io::stdin;
use std::path::Path;

use super::csv::{self, Lines, Missing, NO_CODE, Options, Reader, Table};
use super::model_cells::{self, Origin};
use super::model_columns::ModelColumns;
use super::options::{Categorical, TableOptions};
use super::preprocessing::Preprocessing;
use super::raw::{RawLabels, RawSet};
pub use super::table_columns::column;
use super::table_columns::{TableColumns, flag_value, ignored, target};
use super::{Cells, Inputs, label_texts, weight_column};
use crate::config::{Decimal, Dtype, Header, Missing as MissingPolicy};
use crate::error::{Error, Result, printable, separated};

/// Most values of a column of categories that was not named
const AUTO_VALUES: usize = 50;

/// Most different labels of a target of numbers that is taken for classes
const NUMBER_CLASSES: usize = 100;

/// Opens a table; `-` is standard input
///
/// # Errors
/// If it can't be read, or its first lines are not those of a table.
pub fn open(path: &str, options: &TableOptions) -> Result<Reader> {
    let form = Options {
        separator: separator(options.separator.as_deref())?,
        decimal: if options.decimal == Decimal::Comma { b',' } else { b'.' },
        header: match options.header {
            Header::Auto => None,
            Header::Yes => Some(true),
            Header::No => Some(false),
        },
    };
    match path {
        "-" => Reader::from_stream("standard input", stdin(), form),
        path => Reader::open(Path::new(path), form),
    }
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
    Model(&'a Preprocessing),
}

/// Reads a table with its labels
///
/// # Errors
/// If the table can't be read, or does not fit the options.
pub fn read(path: &str, options: &TableOptions, dtype: Dtype, wanted: Wanted<'_>) -> Result<RawSet> {
    let reader = open(path, options)?;
    let head = reader.head().clone();
    let mut of_model = None;
    let columns = match wanted {
        Wanted::Model(model) => {
            let ignore = options.ignore.iter().map(|name| column(&head, name, "--ignore"));
            let ignore = ignore.collect::<Result<Vec<_>>>()?;
            // Columns that named the rows in training may stand elsewhere here.
            let mut left_out = ignored(&head, options);
            left_out.retain(|at| ignore.contains(at) || !model.names.contains(&head.names[*at]));
            let target = target(&head, options.target.as_deref())?;
            let columns = ModelColumns::of(&head, model, Some(target), &left_out)?;
            let found = TableColumns::of_roles(&head, columns.roles.clone());
            of_model = Some((model, columns));
            found
        }
        Wanted::Like(like) if !like.names.is_empty() => {
            let target = target(&head, options.target.as_deref())?;
            TableColumns::like(&head, like, Some(target), &ignored(&head, options))?
        }
        _ => TableColumns::chosen(&head, options)?,
    };
    let mut table = reader.read(&columns.roles, dtype)?;
    let weights = columns.weights.map(|at| table.targets.remove(at));
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
    let inputs = inputs(&path, &columns, &table, is_auto)?;
    let labels_column = table.targets.into_iter().next();
    let labels_column = labels_column.ok_or_else(|| Error::content(&path, "has no target column"))?;
    let labels_column = match &options.known_labels {
        Some(known) => label_texts::as_known(labels_column, known, &head),
        None => labels_column,
    };
    let labels = labels(&path, labels_column, &table.lines, options.missing)?;
    let cells = match table.cells {
        csv::Cells::Single(cells) => Cells::Single(cells),
        csv::Cells::Double(cells) => Cells::Double(cells),
    };
    let target = Some(head.names[target(&head, options.target.as_deref())?].clone());
    let set = RawSet {
        inputs,
        cells,
        labels,
        weights,
        inputs_path: path.clone(),
        path,
        target,
        lines: Some(table.lines),
        kept: None,
    };
    let set = if options.missing == MissingPolicy::Drop { without_missing(set)? } else { set };
    match of_model {
        Some((model, columns)) => fitted(set, model, &columns),
        None => Ok(set),
    }
}

/// The set with the columns in the order of a model
fn fitted(mut set: RawSet, model: &Preprocessing, columns: &ModelColumns) -> Result<RawSet> {
    let cells = std::mem::replace(&mut set.cells, Cells::Bytes(Vec::new()));
    let place = |row: usize| set.place(row);
    let origin = Origin { path: &set.path, place: &place };
    let cells = model_cells::fit(model, cells, columns.places.as_deref(), origin)?;
    let categories = columns.categories(set.inputs.categories.iter().flatten().cloned().collect());
    let (dims, names, ids) = (model.dims.clone(), model.names.clone(), Vec::new());
    let inputs = Inputs { dims, names, categories, ids };
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
        "line {first_line}, column {}: a missing value{others}, expected a number; add --missing mean, median or drop, or \
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
    Ok(Inputs { dims: vec![columns.inputs.len()], names, categories, ids })
}

/// The labels of a target column
///
/// # Errors
/// If a label is missing, or the target is a number to predict rather than a class.
fn labels(path: &Path, target: csv::Target, lines: &Lines, policy: MissingPolicy) -> Result<RawLabels> {
    if target.missing.count > 0 && policy != MissingPolicy::Drop {
        let problem = format!(
            "line {}: the label is missing; --missing drop leaves such rows out",
            target.missing.first_line
        );
        return Err(Error::content(path, problem));
    }
    if let Some(numbers) = &target.numbers {
        let fraction = numbers.iter().position(|x| x.fract() != 0.0 && !x.is_nan());
        let found = match fraction {
            Some(row) => format!("is {} in line {}", numbers[row], lines.line(row)),
            None if target.texts.is_empty() => {
                format!("has more than {} different values", csv::Target::MAX_TEXTS)
            }
            None if target.texts.len() > NUMBER_CLASSES => {
                format!("has {} different values", target.texts.len())
            }
            None => String::new(),
        };
        if !found.is_empty() {
            let problem = format!(
                "the target {found}, expected classes: up to {NUMBER_CLASSES} whole numbers, or texts"
            );
            return Err(Error::content(path, problem));
        }
    }
    Ok(RawLabels::Texts { values: target.texts, codes: target.codes })
}

/// The set without the rows that lack a cell, the label or the weight
///
/// # Errors
/// If no row is left.
fn without_missing(set: RawSet) -> Result<RawSet> {
    let columns = set.inputs.columns();
    let RawLabels::Texts { values, codes } = set.labels else { return Ok(set) };
    let is_whole = |row: &u32| {
        let start = *row as usize * columns;
        let has_weight = set.weights.as_ref().is_none_or(|weights| !weights[*row as usize].is_nan());
        has_weight
            && codes[*row as usize] != NO_CODE
            && (start..start + columns).all(|at| !set.cells.get(at).is_nan())
    };
    let rows: Vec<u32> = (0..).take(codes.len()).filter(is_whole).collect();
    if rows.is_empty() {
        return Err(Error::content(&set.path, "each row lacks a value, so that --missing drop leaves none"));
    }
    let codes: Vec<u32> = rows.iter().map(|&row| codes[row as usize]).collect();
    let (values, codes) = used(values, codes);
    let weights = set.weights.map(|weights| rows.iter().map(|&row| weights[row as usize]).collect());
    let cells = set.cells.rows(&rows, columns);
    Ok(RawSet { cells, weights, labels: RawLabels::Texts { values, codes }, kept: Some(rows), ..set })
}

/// The labels that rows have, in their order, and the index of each row's own
fn used(values: Vec<String>, codes: Vec<u32>) -> (Vec<String>, Vec<u32>) {
    let mut places = vec![None; values.len()];
    codes.iter().for_each(|&code| places[code as usize] = Some(0));
    for (place, index) in places.iter_mut().flatten().zip(0..) {
        *place = index;
    }
    let is_used = |at: &usize| places[*at].is_some();
    let kept = (0..values.len()).filter(is_used).map(|at| values[at].clone()).collect();
    (kept, codes.iter().filter_map(|&code| places[code as usize]).collect())
}
