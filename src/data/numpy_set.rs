//! Sets of rows from NumPy's files: an .npz, or an .npy of inputs and one of labels

use std::path::{Path, PathBuf};

use super::array::{Array, Use};
use super::array_gaps::SetUse;
use super::array_set::{self, Placed};
use super::npy;
use super::npz::Npz;
use super::raw::{RawSet, RawSets};
use crate::config::TaskChoice;
use crate::error::{Error, Result, first_ten, printable, shell_quoted};

/// Names of the arrays of inputs and of labels of a training set, the first pair that is there
const TRAIN: [[&str; 2]; 6] = [
    ["x_train", "y_train"],
    ["X_train", "y_train"],
    ["train_images", "train_labels"],
    ["X", "y"],
    ["x", "y"],
    ["data", "target"],
];

/// Names of the arrays of a test set
const TEST: [[&str; 2]; 3] = [["x_test", "y_test"], ["X_test", "y_test"], ["test_images", "test_labels"]];

/// Reads the sets of an .npz
///
/// * `x`, `y`: names of the arrays of inputs and of labels; without them, the usual names are looked for
/// * `is_training`: whether there must be training data
///
/// # Errors
/// If the file is damaged, or has no arrays of the names, or one of the two of a test set, or they don't fit together.
pub fn from_npz(
    path: &Path,
    [x, y]: [Option<&str>; 2],
    is_training: bool,
    for_use: SetUse,
    task: TaskChoice,
) -> Result<RawSets> {
    let mut file = Npz::open(path)?;
    let names = file.names();
    let is_there = |pair: &&[&str; 2]| pair.iter().all(|name| names.iter().any(|other| other == name));
    // A file of test data alone may have the names of a test set.
    let of_test = TEST.iter().find(is_there);
    let usual = TRAIN.iter().find(is_there).or(of_test.filter(|_| !is_training));
    let train = match (x, y, usual) {
        (None, None, Some(usual)) => *usual,
        (Some(x), Some(y), _) => [x, y],
        (Some(x), None, Some([_, y])) => [x, *y],
        (None, Some(y), Some([x, _])) => [*x, y],
        _ => {
            let found = first_ten(names.iter().map(|name| printable(name).into_owned()), ", ");
            let problem = format!(
                "has the arrays {found}, expected x_train and y_train, or X and y; name others with --x and --y"
            );
            return Err(Error::content(path, problem));
        }
    };
    let of_test = of_test.filter(|_| x.is_none() && y.is_none());
    if let (None, None, None, Some(problem)) = (x, y, of_test, half(|name| names.iter().any(|n| n == name))) {
        let problem = format!("{problem}, or name the arrays, as --x {} --y {}", train[0], train[1]);
        return Err(Error::content(path, problem));
    }
    let test = of_test.filter(|test| **test != train);
    let mut set = |[x, y]: [&str; 2], task| -> Result<RawSet> {
        let inputs = file.read(x, for_use.inputs)?;
        let labels = file.read(y, for_use.labels)?;
        let placed = |name: &str, array: Array| Placed { path, name: format!("{name}: "), array };
        array_set::raw(placed(x, inputs), placed(y, labels), for_use, task)
    };
    let train = set(train, task)?;
    let task = train.labels.task();
    Ok(RawSets { train, test: test.map(|test| set(*test, task)).transpose()? })
}

/// The message for a test set that lacks its inputs or its labels; `None` if it has both or neither
fn half(is_there: impl Fn(&str) -> bool) -> Option<String> {
    if TEST.iter().any(|pair| pair.iter().all(|name| is_there(name))) {
        return None;
    }
    TEST.iter().find_map(|[x, y]| {
        let (found, lacking) = if is_there(x) { (x, y) } else { (y, x) };
        is_there(found).then(|| {
            format!("has {found}, but not {lacking}, so the test set is not whole; add the other, leave {found} out")
        })
    })
}

/// Names of the array of inputs in an .npz that is predicted, the first that is there: a test set comes first
const INPUTS: [&str; 9] =
    ["x_test", "X_test", "test_images", "X", "x", "data", "x_train", "X_train", "train_images"];

/// Reads the array of inputs of an .npz
///
/// * `x`: its name; without it, the usual names are looked for, and a file with one array has no other
///
/// # Errors
/// If the file is damaged, or has no such array.
pub fn inputs(path: &Path, x: Option<&str>, for_use: Use) -> Result<Array> {
    let mut file = Npz::open(path)?;
    let names = file.names();
    let usual = || INPUTS.into_iter().find(|usual| names.iter().any(|name| name == usual));
    let only = || names.first().filter(|_| names.len() == 1).map(String::as_str);
    match x.or_else(usual).or_else(only) {
        Some(name) => file.read(name, for_use),
        None => {
            let found = first_ten(names.iter().map(|name| printable(name).into_owned()), ", ");
            let problem =
                format!("has the arrays {found}, expected x_test or X; name the one to predict with --x");
            Err(Error::content(path, problem))
        }
    }
}

/// Reads the set of an .npy of inputs and one of labels
///
/// # Errors
/// If a file is damaged, or they don't fit together.
pub fn from_npy(x: &Path, y: &Path, for_use: SetUse, task: TaskChoice) -> Result<RawSet> {
    let (inputs, labels) = rayon::join(|| npy::read(x, for_use.inputs), || npy::read(y, for_use.labels));
    let placed = |path, array| Placed { path, name: String::new(), array };
    array_set::raw(placed(x, inputs?), placed(y, labels?), for_use, task)
}

/// The files of a folder that holds `x_train.npy` and `y_train.npy`, or others of the usual names
pub fn files(folder: &Path) -> Option<[PathBuf; 2]> {
    found(folder, &TRAIN)
}

/// Reads the sets of a folder of .npy files of the usual names
///
/// # Errors
/// If a file is damaged, a test set lacks its inputs or its labels, or they don't fit together.
pub fn from_folder(
    folder: &Path,
    [x, y]: &[PathBuf; 2],
    for_use: SetUse,
    task: TaskChoice,
) -> Result<RawSets> {
    if let Some(problem) = half(|name| folder.join(format!("{name}.npy")).is_file()) {
        let files = [x, y].map(|file| file.display().to_string()).join(",");
        let problem = format!("{problem}, or name the files, as --data {}", shell_quoted(files));
        return Err(Error::content(folder, problem));
    }
    let train = from_npy(x, y, for_use, task)?;
    let task = train.labels.task();
    let test = found(folder, &TEST).map(|[x, y]| from_npy(&x, &y, for_use, task)).transpose()?;
    Ok(RawSets { train, test })
}

fn found(folder: &Path, names: &[[&str; 2]]) -> Option<[PathBuf; 2]> {
    let files = names.iter().map(|pair| pair.map(|name| folder.join(format!("{name}.npy"))));
    files.into_iter().find(|files| files.iter().all(|file| file.is_file()))
}
