//! The classes that the labels of a data set are for a model

use std::collections::{BTreeSet, HashMap};

use super::raw::{RawLabels, RawSet};
use crate::error::{Error, Result, first_ten, printable, separated};

/// The class of each row of `set`, given the names of the model's classes
///
/// A label that is the name of a class belongs to it. Other whole numbers belong to the class of that number, counted
/// from 0; if they don't start at 0 and there are as many as classes, such as 1 to 26, to the classes in their order.
///
/// * `train`: the training set of the same source, whose labels show that order
///
/// # Errors
/// If a label belongs to no class; the message names its line or row.
pub fn of_model(names: &[String], set: &RawSet, train: &RawSet) -> Result<Vec<u32>> {
    let by_name: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    match (&set.labels, numbers(names, set)) {
        (_, Some(labels)) => {
            let ranks = ranks(names.len(), &numbers(names, train).unwrap_or_else(|| labels.clone()));
            let class = |label: i64| match &ranks {
                Some(ranks) => ranks.get(&label).copied(),
                None => u32::try_from(label).ok().filter(|&class| (class as usize) < names.len()),
            };
            let class = |(row, &label): (usize, &i64)| {
                class(label).ok_or_else(|| unknown(names, set, row, &label.to_string()))
            };
            labels.iter().enumerate().map(class).collect()
        }
        (RawLabels::Integers(labels), None) => {
            let class = |(row, label): (usize, &i64)| {
                let label = label.to_string();
                by_name.get(&*label).copied().ok_or_else(|| unknown(names, set, row, &label))
            };
            labels.iter().enumerate().map(class).collect()
        }
        (RawLabels::Texts { values, codes }, None) => {
            let class = |(row, &code): (usize, &u32)| {
                let label = &values[code as usize];
                by_name.get(&**label).copied().ok_or_else(|| unknown(names, set, row, label))
            };
            codes.iter().enumerate().map(class).collect()
        }
        (RawLabels::Numbers { .. }, None) => {
            Err(Error::content(&set.path, "labels are numbers to predict, but the model predicts classes"))
        }
    }
}

/// The labels as numbers of classes; `None` if they are names
fn numbers(names: &[String], set: &RawSet) -> Option<Vec<i64>> {
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        return None;
    }
    match &set.labels {
        RawLabels::Integers(labels) => Some(labels.clone()),
        RawLabels::Numbers { .. } => None,
        RawLabels::Texts { values, .. } if values.iter().all(|value| names.contains(value)) => None,
        RawLabels::Texts { values, codes } => {
            let values: Option<Vec<i64>> = values.iter().map(|value| value.parse().ok()).collect();
            values.map(|values| codes.iter().map(|&code| values[code as usize]).collect())
        }
    }
}

/// The class of each label, if labels are outside the numbers of classes, but as many as these
fn ranks(classes: usize, labels: &[i64]) -> Option<HashMap<i64, u32>> {
    let distinct: BTreeSet<i64> = labels.iter().copied().collect();
    let is_outside = |label: &i64| *label < 0 || *label as u64 >= classes as u64;
    (distinct.iter().any(is_outside) && distinct.len() == classes)
        .then(|| distinct.into_iter().zip(0..).collect())
}

fn unknown(names: &[String], set: &RawSet, row: usize, label: &str) -> Error {
    let names_shown = first_ten(names.iter().map(|name| printable(name).into_owned()), ", ");
    let problem = format!(
        "label {} in {} is no class of the model, which has {}: {names_shown}",
        printable(label),
        set.place(row),
        separated(names.len())
    );
    Error::content(&set.path, problem)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::csv::Lines;
    use crate::data::{Cells, Inputs};

    fn set(labels: RawLabels) -> RawSet {
        let lines = matches!(labels, RawLabels::Texts { .. }).then(Lines::default);
        let (inputs, cells) = (Inputs::of_array(&[1]), Cells::Bytes(Vec::new()));
        RawSet {
            inputs,
            cells,
            labels,
            inputs_path: PathBuf::from("t"),
            path: PathBuf::from("t"),
            lines,
            kept: None,
            weights: None,
            targets: Vec::new(),
        }
    }

    fn texts(values: &[&str]) -> RawSet {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        set(RawLabels::Texts { codes: (0..values.len() as u32).collect(), values })
    }

    fn of(names: &[&str], set: &RawSet) -> Result<Vec<u32>> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        of_model(&names, set, set)
    }

    #[test]
    fn labels_are_classes_by_name_or_by_number() {
        assert_eq!(of(&["cat", "dog"], &texts(&["dog", "cat"])).unwrap(), [1, 0]);
        assert_eq!(of(&["-1", "1"], &texts(&["1"])).unwrap(), [1]);
        assert_eq!(of(&["-1", "1"], &set(RawLabels::Integers(vec![1, -1]))).unwrap(), [1, 0]);
        assert_eq!(of(&["cat", "dog"], &set(RawLabels::Integers(vec![1, 0]))).unwrap(), [1, 0]);
        assert_eq!(of(&["cat", "dog"], &texts(&["1", "0"])).unwrap(), [1, 0]);
        assert_eq!(of(&["a", "b"], &set(RawLabels::Integers(vec![2, 1]))).unwrap(), [1, 0]);
    }

    #[test]
    fn an_unknown_label_is_named_with_its_place() {
        let error = of(&["cat", "dog"], &texts(&["dog", "cow"])).unwrap_err().to_string();
        assert_eq!(error, "t: label cow in line 2 is no class of the model, which has 2: cat, dog");
        let error = of(&["0", "1"], &set(RawLabels::Integers(vec![0, 7]))).unwrap_err().to_string();
        assert!(error.contains("label 7 in row 1"), "{error}");
    }
}
