//! The labels of a training and a test set: classes, or numbers to predict

use std::mem::take;

use super::classes::{Labelled, classes};
use super::labels::Labels;
use super::raw::{RawLabels, RawSet};
use super::raw_labels::reason;
use super::task::Task;
use crate::config::TaskChoice;
use crate::error::{Error, Result, printable, separated};

/// The task, and the labels of a training and a test set
#[derive(Debug)]
pub struct LabelSets {
    /// What is predicted
    pub task: Task,
    /// Why it is numbers, if a person did not say so
    pub note: Option<String>,
    /// The labels of the training set
    pub train: Labels,
    /// The labels of the test set; without rows if there is none
    pub test: Labels,
}

/// The labels of a training and a test set, whose readers have decided whether they are classes
///
/// Numbers to predict are taken out of the sets.
///
/// * `named`: names of the classes that the source has
/// * `asked`: the task that a person asked for
///
/// # Errors
/// As [`classes`], or if the test set has another number of targets.
pub fn label_sets(
    train: &mut RawSet,
    test: Option<&mut RawSet>,
    named: Option<Vec<String>>,
    asked: TaskChoice,
) -> Result<LabelSets> {
    let RawLabels::Numbers { names, values } = &mut train.labels else {
        let Labelled { names, train, test } = classes(train, test.as_deref(), named)?;
        let [train, test] = [train, test].map(Labels::Classes);
        return Ok(LabelSets { task: Task::Classify(names), note: None, train, test });
    };
    let (names, values) = (take(names), take(values));
    let targets = names.len();
    let note = (asked == TaskChoice::Auto).then(|| note(&names, &values));
    let of_test = match test.map(|test| (&test.path, &mut test.labels)) {
        None => Vec::new(),
        Some((_, RawLabels::Numbers { names, values })) if names.len() == targets => take(values),
        Some((path, labels)) => {
            let found = if let RawLabels::Numbers { names, .. } = labels { names.len() } else { 1 };
            let [found, expected] = [found, targets].map(separated);
            let problem = format!("labels of {found} targets, expected {expected}, as in the training data");
            return Err(Error::content(path, problem));
        }
    };
    let [train, test] = [values, of_test].map(|values| Labels::Numbers { values, targets });
    Ok(LabelSets { task: Task::Regress(names), note, train, test })
}

/// Why labels are numbers to predict
fn note(names: &[String], values: &[f64]) -> String {
    let shown: Vec<_> = names.iter().map(|name| printable(name)).collect();
    match (&shown[..], reason(values)) {
        ([name], Some(reason)) => {
            format!("regression, since the target {name} {reason}; --task classify makes each number a class")
        }
        _ => format!("regression of {} targets: {}", separated(names.len()), shown.join(", ")),
    }
}
