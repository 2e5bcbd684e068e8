//! Matching the columns of a table to the inputs of a model

use super::csv::{Head, Role};
use super::preprocessing::{Column, Encoding, Preprocessing};
use super::table_columns::{TARGETS, text};
use crate::error::{Error, Result, first_ten, printable, separated};

/// Which columns of a table a model reads
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelColumns {
    /// The role of each column of the table
    pub roles: Vec<Role>,
    /// For each column of the model, its index among the columns that are read; `None` if the order is the same
    pub places: Option<Vec<usize>>,
}

impl ModelColumns {
    /// The columns of a table that have the names of the model's columns, in any order
    ///
    /// A model that was trained on arrays knows no names: it takes all columns of numbers, by their position, except for
    /// one that has a usual name of a target. So does a model of a table without a header, if the columns are as many.
    ///
    /// * `targets`: columns that are read as labels
    /// * `ignored`: columns that are no inputs
    ///
    /// # Errors
    /// If a column is missing or there are several of its name, or the number of columns is another.
    pub fn of(head: &Head, model: &Preprocessing, targets: &[usize], ignored: &[usize]) -> Result<Self> {
        let columns = match is_by_position(head, model) {
            true => by_position(head, model, targets, ignored)?,
            false => by_name(head, model, ignored)?,
        };
        let mut roles = vec![Role::Skip; head.names.len()];
        for (at, &column) in columns.iter().enumerate() {
            let name = printable(&head.names[column]);
            let expected = |what: &str| {
                Error::content(&head.path, format!("column {name} is an input of the model, expected {what}"))
            };
            if targets.contains(&column) {
                return Err(expected("another column as --target"));
            }
            if ignored.contains(&column) {
                return Err(expected("it to be read, not left out by --ignore"));
            }
            roles[column] = if is_category(model, at) { Role::Category } else { Role::Number };
        }
        targets.iter().for_each(|&target| roles[target] = Role::Target);
        let mut read = columns.clone();
        read.sort_unstable();
        let place = |column: &usize| read.binary_search(column).unwrap_or_default();
        let places = (read != columns).then(|| columns.iter().map(place).collect());
        Ok(Self { roles, places })
    }

    /// The values of the model's columns of categories, given those of the columns that are read, in their order
    pub fn categories(&self, read: Vec<Vec<String>>) -> Vec<Option<Vec<String>>> {
        if read.is_empty() {
            return Vec::new();
        }
        let mut read = read.into_iter();
        let is_input = |role: &&Role| matches!(role, Role::Number | Role::Category);
        let in_file: Vec<Option<Vec<String>>> = self
            .roles
            .iter()
            .filter(is_input)
            .map(|role| if *role == Role::Category { read.next() } else { None })
            .collect();
        match &self.places {
            None => in_file,
            Some(places) => places.iter().map(|&place| in_file[place].clone()).collect(),
        }
    }
}

/// Whether a column of the model holds categories
pub fn is_category(model: &Preprocessing, column: usize) -> bool {
    match &model.encoding {
        Encoding::Pixels => false,
        Encoding::Columns { columns, .. } => matches!(columns.get(column), Some(Column::Category(_))),
    }
}

/// Whether the model's columns have no names that the table could have
fn is_by_position(head: &Head, model: &Preprocessing) -> bool {
    let is_number = |name: &String| name.strip_prefix('c').is_some_and(|n| n.parse::<usize>().is_ok());
    let is_there = |name: &String| head.names.contains(name);
    model.names.is_empty()
        || !head.has_header && model.names.iter().all(is_number) && !model.names.iter().all(is_there)
}

fn by_name(head: &Head, model: &Preprocessing, ignored: &[usize]) -> Result<Vec<usize>> {
    let missing: Vec<&String> = model.names.iter().filter(|name| !head.names.contains(name)).collect();
    if missing.is_empty() {
        let column = |name: &String| head.column_beside(ignored, name, "the model has a column");
        return model.names.iter().map(column).collect();
    }
    let list = |names: &mut dyn Iterator<Item = &String>| {
        first_ten(names.map(|name| format!("`{}`", printable(name))), ", ")
    };
    let (count, all) = (separated(missing.len()), separated(model.names.len()));
    let hint = if head.has_header {
        ""
    } else {
        "; the first line was read as data: if it has the names, add --header yes; else write a line of names before it"
    };
    let problem = format!(
        "lacks {count} of the {all} columns of the model: {}; its columns are {}{hint}",
        list(&mut missing.into_iter()),
        list(&mut head.names.iter())
    );
    Err(Error::content(&head.path, problem))
}

fn by_position(
    head: &Head,
    model: &Preprocessing,
    targets: &[usize],
    ignored: &[usize],
) -> Result<Vec<usize>> {
    let expected = model.columns();
    let is_usable = |column: &usize| !targets.contains(column) && !ignored.contains(column);
    let is_read = |column: &usize| model.names.is_empty() && text(head, *column).is_some();
    let found: Vec<usize> =
        (0..head.names.len()).filter(is_usable).filter(|column| !is_read(column)).collect();
    if found.len() == expected {
        return Ok(found);
    }
    let is_target =
        |column: &usize| TARGETS.iter().any(|name| head.names[*column].eq_ignore_ascii_case(name));
    let others: Vec<usize> = found.iter().copied().filter(|column| !is_target(column)).collect();
    if others.len() == expected && found.len() == expected + 1 {
        return Ok(others);
    }
    let (found, expected) = (separated(found.len()), separated(expected));
    let columns = first_ten(head.names.iter().map(|name| format!("`{}`", printable(name))), ", ");
    let problem = format!(
        "has {found} columns of numbers, expected {expected}, which the model takes by their position, or one more that is \
         called {}; its columns are {columns}",
        TARGETS.join(", ")
    );
    Err(Error::content(&head.path, problem))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::Scale;

    fn head(names: &[&str], has_header: bool) -> Head {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let path = PathBuf::from("t.csv");
        Head { path, names, has_header, separator: b',', decimal: b'.', first_rows: vec![] }
    }

    fn model(names: &[&str], columns: usize) -> Preprocessing {
        let number = |at: usize| match at {
            1 if !names.is_empty() => Column::Category(vec!["f".to_owned()]),
            _ => Column::Number { center: 0.0, factor: 1.0, fill: None },
        };
        let columns: Vec<Column> = (0..columns).map(number).collect();
        let dims = vec![columns.len()];
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Preprocessing { dims, names, encoding: Encoding::Columns { scale: Scale::None, columns } }
    }

    #[test]
    fn columns_are_matched_by_name_in_any_order() {
        use Role::{Category, Number, Skip, Target};
        let model = model(&["age", "sex", "fare"], 3);
        let found = ModelColumns::of(&head(&["id", "sex", "fare", "age"], true), &model, &[], &[]).unwrap();
        assert_eq!(found.roles, [Skip, Category, Number, Number]);
        assert_eq!(found.places, Some(vec![2, 0, 1]));
        assert_eq!(found.categories(vec![vec!["m".to_owned()]])[1], Some(vec!["m".to_owned()]));
        let found = ModelColumns::of(&head(&["age", "sex", "y", "fare"], true), &model, &[2], &[]).unwrap();
        assert_eq!((found.roles, found.places), (vec![Number, Category, Target, Number], None));
        let error = |head: &Head| ModelColumns::of(head, &model, &[], &[]).unwrap_err().to_string();
        assert_eq!(
            error(&head(&["Age", "sex"], true)),
            "t.csv: lacks 2 of the 3 columns of the model: `age`, `fare`; its columns are `Age`, `sex`"
        );
        assert!(error(&head(&["age", "sex", "fare", "age"], true)).contains("several columns"));
        assert!(error(&head(&["c1", "c2", "c3"], false)).contains("--header yes"));
    }

    #[test]
    fn columns_without_names_are_matched_by_position() {
        let places = |names: &[&str], has_header, model: &Preprocessing| {
            ModelColumns::of(&head(names, has_header), model, &[], &[]).map(|found| found.roles)
        };
        use Role::{Category, Number, Skip};
        let array = model(&[], 2);
        assert_eq!(places(&["a", "b"], true, &array).unwrap(), [Number, Number]);
        assert_eq!(places(&["Label", "b", "c"], true, &array).unwrap(), [Skip, Number, Number]);
        let error = places(&["a", "b", "c"], true, &array).unwrap_err().to_string();
        assert!(error.contains("has 3 columns of numbers, expected 2"), "{error}");
        // A table whose first column was the target
        let headless = model(&["c2", "c3"], 2);
        assert_eq!(places(&["c1", "c2"], false, &headless).unwrap(), [Number, Category]);
        assert_eq!(places(&["c1", "c2", "c3"], false, &headless).unwrap(), [Skip, Number, Category]);
    }
}
