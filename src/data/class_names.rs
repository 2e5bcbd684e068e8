//! The number of classes and their names

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, Result};

/// Names of Fashion-MNIST's classes, from the README of the data set
const FASHION_MNIST: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];
/// CRC-32 of Fashion-MNIST's 10,000 test labels, by which the set is recognized in any folder
const FASHION_MNIST_TEST_LABELS: u32 = 0x242b_c73f;

/// The names of the classes: `named` (from the folder's `classes.txt`), those of Fashion-MNIST if the test labels are
/// Fashion-MNIST's, or the numbers from 0 to the largest training label
///
/// # Errors
/// If all training labels are equal, or a label is outside the classes. If the classes are numbers, a label much larger
/// than the number of different labels is an error, not a class.
pub fn names(train: (&Path, &[u8]), test: (&Path, &[u8]), named: Option<Vec<String>>) -> Result<Vec<String>> {
    let used: BTreeSet<u8> = train.1.iter().copied().collect();
    let (Some(&first), Some(&largest)) = (used.first(), used.last()) else {
        return Ok(Vec::new());
    };
    if used.len() == 1 {
        let problem = format!("every label is {first}, expected at least two classes");
        return Err(Error::content(train.0, problem));
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(test.1);
    let names = match named {
        Some(names) => names,
        None if checksum.sum() == FASHION_MNIST_TEST_LABELS => FASHION_MNIST.map(str::to_owned).to_vec(),
        None => {
            // Labels may start at 1, and small sets may lack some classes. But most classes must have an image.
            let plausible = |count: usize| usize::from(largest) < 2 * count + 8;
            let count = if plausible(used.len()) { usize::from(largest) + 1 } else { contiguous(&used) };
            (0..count).map(|class| class.to_string()).collect()
        }
    };
    for (path, labels) in [train, test] {
        if let Some(row) = labels.iter().position(|&label| usize::from(label) >= names.len()) {
            let (found, last) = (labels[row], names.len().saturating_sub(1));
            let problem =
                format!("label {found} in row {row} (counted from 0) is outside the classes 0 to {last}");
            return Err(Error::content(path, problem));
        }
    }
    Ok(names)
}

/// The number of classes that ends before the first gap of more than eight labels
fn contiguous(used: &BTreeSet<u8>) -> usize {
    let gap = used.iter().zip(used.iter().skip(1)).find(|(a, b)| **b - **a > 8);
    gap.or(used.last().map(|last| (last, last))).map_or(0, |(last, _)| usize::from(*last) + 1)
}

/// The names in a `classes.txt`, one per line, label 0 first; `None` if there is no such file
///
/// # Errors
/// If the file can't be read, is not UTF-8, has fewer than two names, or has an empty name or the same name twice.
pub fn read_names(path: &Path) -> Result<Option<Vec<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let problem = |problem: String| Error::content(path, problem);
    let bytes = std::fs::read(path).map_err(Error::reading(path))?;
    let text = String::from_utf8(bytes)
        .map_err(|e| problem(format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to())))?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || names[..i].contains(name) {
            return Err(problem(format!("line {}: `{name}`, expected a name that no other line has", i + 1)));
        }
    }
    match names.len() {
        0 | 1 => Err(problem(format!("{} class names, expected at least 2", names.len()))),
        _ => Ok(Some(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(train: &[u8], test: &[u8]) -> Result<usize> {
        names((Path::new("train"), train), (Path::new("test"), test), None).map(|names| names.len())
    }

    #[test]
    fn the_largest_training_label_is_the_last_class() {
        assert_eq!(classes(&[0, 1, 2, 1], &[2, 0]).unwrap(), 3);
        assert!(classes(&[1, 26, 7], &[26]).unwrap_err().to_string().contains("label 26 in row 1"));
        assert_eq!(classes(&(1..=26).collect::<Vec<_>>(), &[26]).unwrap(), 27);
        assert_eq!(classes(&[0, 9], &[9]).unwrap(), 10);
    }

    #[test]
    fn a_label_outside_the_classes_is_named_with_its_row() {
        let error = classes(&[0, 1, 2], &[0, 3]).unwrap_err().to_string();
        assert!(error.contains("test: label 3 in row 1") && error.contains("0 to 2"), "{error}");
        let mut train: Vec<u8> = (0..100).map(|i| i % 10).collect();
        train[37] = 255;
        let error = classes(&train, &[0]).unwrap_err().to_string();
        assert!(error.contains("train: label 255 in row 37") && error.contains("0 to 9"), "{error}");
    }

    #[test]
    fn a_single_class_is_an_error() {
        let error = classes(&[4, 4, 4], &[4]).unwrap_err().to_string();
        assert_eq!(error, "train: every label is 4, expected at least two classes");
    }
}
