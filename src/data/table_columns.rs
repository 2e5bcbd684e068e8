//! Which columns of a table are read for what

use std::collections::HashMap;

use super::Inputs;
use super::csv::{Head, Role};
use super::options::{Categorical, TableOptions};
use crate::config::names;
use crate::error::{Error, Result, first_ten, printable, shell_quoted};

/// Names of the target column if none is given, in any case of letters
pub const TARGETS: [&str; 4] = ["label", "target", "class", "y"];

/// Which columns of a table are read for what
#[derive(Clone, Debug)]
pub struct TableColumns {
    /// The role of each column of the file
    pub roles: Vec<Role>,
    /// The inputs in the order of the file: a name, and whether the column holds categories
    pub inputs: Vec<(String, bool)>,
    /// The place of each target among the columns with the role `Target`, in the order in which they are named
    pub targets: Vec<usize>,
    /// The names of the columns that name a row
    pub ids: Vec<String>,
    /// The place of the weights among the columns with the role `Target`; `None` if rows have no weights
    pub weights: Option<usize>,
}

impl TableColumns {
    /// The columns that the options choose: targets, weights if asked for, and as inputs all columns that they don't leave
    /// out
    ///
    /// # Errors
    /// If an option names no column or several, no column is left, two that are read have one name, or the first rows of
    /// an input hold text.
    pub fn chosen(head: &Head, options: &TableOptions) -> Result<Self> {
        let mut roles = vec![Role::Number; head.names.len()];
        let mut ids = Vec::new();
        for name in &options.ignore {
            roles[column(head, name, "--ignore")?] = Role::Skip;
        }
        for name in &options.keep_as_id {
            let at = column(head, name, "--keep-as-id")?;
            roles[at] = Role::Skip;
            ids.push(head.names[at].clone());
        }
        let targets = targets(head, &options.targets)?;
        targets.iter().for_each(|&target| roles[target] = Role::Target);
        let mut weights = None;
        if let Some(name) = &options.weight_column {
            let at = column(head, name, "--weight-column")?;
            if targets.contains(&at) {
                let problem = format!("--weight-column `{}`: that column is the target", printable(name));
                return Err(Error::content(&head.path, problem));
            }
            roles[at] = Role::Target;
            weights = Some(at);
        }
        match &options.categorical {
            Categorical::Named(names) => {
                for name in names {
                    let at = column(head, name, "--categorical")?;
                    if roles[at] != Role::Number {
                        let name = printable(name);
                        let problem = format!(
                            "--categorical `{name}`: that column is the target, the weights, or left out"
                        );
                        return Err(Error::content(&head.path, problem));
                    }
                    roles[at] = Role::Category;
                }
            }
            Categorical::Auto => {
                for (at, role) in roles.iter_mut().enumerate() {
                    if *role == Role::Number && text(head, at).is_some() {
                        *role = Role::Category;
                    }
                }
            }
        }
        all_differ(head, &roles)?;
        Ok(Self { ids, ..Self::checked(head, roles, &targets, weights)? })
    }

    /// The columns of a table with the same inputs as another, in any order; the others are not read
    ///
    /// * `ignored`: columns that are not read, even if they have the name of an input
    ///
    /// # Errors
    /// If an input is missing or there are several of its name, or the first rows of a column of numbers hold text.
    pub fn like(head: &Head, inputs: &Inputs, targets: &[usize], ignored: &[usize]) -> Result<Self> {
        let mut roles = vec![Role::Skip; head.names.len()];
        for (at, name) in inputs.names.iter().enumerate() {
            let is_category = inputs.categories.get(at).is_some_and(Option::is_some);
            roles[head.column_beside(ignored, name, "the inputs have a column")?] =
                if is_category { Role::Category } else { Role::Number };
        }
        targets.iter().for_each(|&target| roles[target] = Role::Target);
        Self::checked(head, roles, targets, None)
    }

    fn checked(head: &Head, roles: Vec<Role>, targets: &[usize], weights: Option<usize>) -> Result<Self> {
        let is_input = |at: &usize| matches!(roles[*at], Role::Number | Role::Category);
        let places: Vec<usize> = (0..roles.len()).filter(is_input).collect();
        if places.is_empty() {
            return Err(Error::content(
                &head.path,
                "has no column to train on beside the target, the weights and those left out",
            ));
        }
        for &at in places.iter().filter(|&&at| roles[at] == Role::Number) {
            if let Some(found) = text(head, at) {
                let (name, value) = (printable(&head.names[at]), flag_value(&head.names[at]));
                let hint = if head.decimal == b'.' && head.is_decimal_comma(found) {
                    "; if the comma is a decimal comma, add --decimal ,"
                } else {
                    ""
                };
                let problem = format!(
                    "column {name}: `{}` is no number; to make each of its values an input, add --categorical {value}; to \
                     leave it out, add --ignore {value}{hint}",
                    printable(found)
                );
                return Err(Error::content(&head.path, problem));
            }
        }
        let weights = weights.map(|column| place(&roles, column));
        Ok(Self { weights, ..Self::of_roles(head, roles, targets) })
    }

    /// The columns with these roles, as they are
    pub fn of_roles(head: &Head, roles: Vec<Role>, targets: &[usize]) -> Self {
        let is_input = |at: &usize| matches!(roles[*at], Role::Number | Role::Category);
        let input = |at: usize| (head.names[at].clone(), roles[at] == Role::Category);
        let inputs = (0..roles.len()).filter(is_input).map(input).collect();
        let targets = targets.iter().map(|&column| place(&roles, column)).collect();
        Self { roles, inputs, targets, ids: Vec::new(), weights: None }
    }
}

/// The place of a column among those with the role `Target`
fn place(roles: &[Role], column: usize) -> usize {
    roles[..column].iter().filter(|role| **role == Role::Target).count()
}

/// Checks that the columns that are read have different names
///
/// # Errors
/// If two have one name; the message has their positions.
fn all_differ(head: &Head, roles: &[Role]) -> Result<()> {
    let mut known = HashMap::new();
    for (at, name) in head.names.iter().enumerate().filter(|(at, _)| roles[*at] != Role::Skip) {
        if let Some(first) = known.insert(name, at) {
            let (name, first, second) = (printable(name), first + 1, at + 1);
            let problem = format!(
                "columns {first} and {second} are both called `{name}`, expected names that differ; rename one, or leave one \
                 out by its position, as --ignore {second}"
            );
            return Err(Error::content(&head.path, problem));
        }
    }
    Ok(())
}

/// A name as a person types it behind a flag that takes a list of columns
pub fn flag_value(name: &str) -> String {
    shell_quoted(names::join([name]))
}

/// The columns of a table that these options leave out, as far as it has them
pub fn ignored(head: &Head, options: &TableOptions) -> Vec<usize> {
    let names = options.ignore.iter().chain(&options.keep_as_id);
    names.filter_map(|name| column(head, name, "--ignore").ok()).collect()
}

/// The index of the column that `name` names: by its name or, if no column has it, by its position from 1
///
/// # Errors
/// If there is none, or several have the name; the message lists the columns.
pub fn column(head: &Head, name: &str, flag: &str) -> Result<usize> {
    let position = name.parse().ok().filter(|at| (1..=head.names.len()).contains(at));
    match position {
        Some(at) if !head.names.iter().any(|other| other == name) => Ok(at - 1),
        _ => head.column(name, flag),
    }
}

/// The indices of the target columns: those that are named or, if none is, the one that has a usual name
///
/// # Errors
/// If a name names no column or several, or a column is named twice, or none or several have a usual name; the message
/// lists the columns.
pub fn targets(head: &Head, names: &[String]) -> Result<Vec<usize>> {
    let mut targets = Vec::new();
    for name in names {
        let at = column(head, name, "--target")?;
        if targets.contains(&at) {
            let problem = format!("--target names column {} twice", printable(&head.names[at]));
            return Err(Error::content(&head.path, problem));
        }
        targets.push(at);
    }
    if targets.is_empty() { usual_target(head).map(|at| vec![at]) } else { Ok(targets) }
}

/// The column that has a usual name of a target
fn usual_target(head: &Head) -> Result<usize> {
    let is_target = |at: &usize| TARGETS.iter().any(|name| head.names[*at].eq_ignore_ascii_case(name));
    let found: Vec<usize> = (0..head.names.len()).filter(is_target).collect();
    let list = |places: &mut dyn Iterator<Item = usize>| {
        first_ten(places.map(|at| printable(&head.names[at]).into_owned()), ", ")
    };
    match found[..] {
        [one] => Ok(one),
        [] => {
            let columns = list(&mut (0..head.names.len()));
            let problem = format!(
                "no column is called {}; name the one to predict with --target; the columns are {columns}",
                TARGETS.join(", ")
            );
            Err(Error::content(&head.path, problem))
        }
        _ => {
            let columns = list(&mut found.iter().copied());
            let problem = format!("several columns could be the target; name one with --target: {columns}");
            Err(Error::content(&head.path, problem))
        }
    }
}

/// The first cell of a column, in the first rows, that is neither a number nor missing
pub fn text(head: &Head, column: usize) -> Option<&str> {
    let cells = head.first_rows.iter().filter_map(|row| row.get(column));
    // A number that is not finite is no text, nor are bytes that are not UTF-8: the reader refuses them with their line.
    let is_text = |cell: &&str| {
        head.is_text(cell) && cell.parse::<f64>().is_err() && !cell.contains(char::REPLACEMENT_CHARACTER)
    };
    cells.map(String::as_str).find(is_text)
}
