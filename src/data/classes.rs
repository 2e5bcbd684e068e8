//! The classes of a data set, and the class of each label

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::class_name;
use super::raw::{RawLabels, RawSet};
use super::source_kind::{self, Kind};
use crate::error::{Error, Result, first_ten, printable, separated, shown};

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
/// CRC-32 of Fashion-MNIST's 10,000 test labels, which identifies the set in any folder
const FASHION_MNIST_TEST_LABELS: u32 = 0x242b_c73f;

/// A label beyond a gap is a class only if it has at least 1/`RARE` of the average number of training rows per label
///
/// A rarer label is probably damage, which changes one label in thousands.
const RARE: usize = 100;

/// The classes, and the class of each row
#[derive(Debug)]
pub struct Labelled {
    /// Names of the classes; class k is `names[k]`
    pub names: Vec<String>,
    /// The class of each training row
    pub train: Vec<u32>,
    /// The class of each test row
    pub test: Vec<u32>,
}

/// The classes of a training and a test set
///
/// Texts are classes in their order. Whole numbers are the classes `named` (from a folder's `classes.txt`), those of
/// Fashion-MNIST if the test labels are Fashion-MNIST's, or the numbers from 0 to the largest training label.
///
/// If whole numbers are much larger than their number, such as 0 and 255, or below 0, each is a class, in ascending order,
/// if each has enough rows. The same holds if there are as many labels as names in `named`, but they don't start at 0, such
/// as 1 to 26.
///
/// # Errors
/// If all training labels are equal, or a label is outside the classes. If the classes are numbers, a rare label much
/// larger than the number of different labels is an error, not a class.
pub fn classes(train: &RawSet, test: Option<&RawSet>, named: Option<Vec<String>>) -> Result<Labelled> {
    let classes = match &train.labels {
        RawLabels::Integers(labels) => Classes::of_numbers(train, labels, test, named)?,
        RawLabels::Texts { values, .. } => Classes::of_texts(train, values)?,
        RawLabels::Numbers { .. } => return Err(numbers(train)),
    };
    let of_train = classes.of(train)?;
    let of_test = test.map_or(Ok(Vec::new()), |test| classes.of(test))?;
    Ok(Labelled { train: of_train, test: of_test, names: classes.names })
}

struct Classes {
    names: Vec<String>,
    /// The class of each label, as text
    of_label: HashMap<String, u32>,
    /// What a label is outside of, for the message
    outside: Outside,
}

/// What a label that has no class is outside of
enum Outside {
    /// Classes that were found
    Found,
    /// Numbers from 0
    Numbers,
    /// As many names as `classes.txt` has
    Named,
}

impl Classes {
    fn new(names: Vec<String>, labels: impl Iterator<Item = String>, outside: Outside) -> Self {
        Self { names, of_label: labels.zip(0..).collect(), outside }
    }

    fn of_texts(train: &RawSet, values: &[String]) -> Result<Self> {
        if let [only] = values {
            let only = printable(only);
            return Err(Error::content(
                &train.path,
                format!("every label is {only}, expected at least two classes"),
            ));
        }
        if let Some((_, problem)) = class_name::problem(values, "class") {
            return Err(Error::content(&train.path, format!("labels: {problem}")));
        }
        Ok(Self::new(values.to_vec(), values.iter().cloned(), Outside::Found))
    }

    fn of_numbers(
        train: &RawSet,
        labels: &[i64],
        test: Option<&RawSet>,
        named: Option<Vec<String>>,
    ) -> Result<Self> {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        labels.iter().for_each(|&label| *counts.entry(label).or_default() += 1);
        let Some((&first, &largest)) = counts.keys().next().zip(counts.keys().next_back()) else {
            return Ok(Self::new(Vec::new(), std::iter::empty(), Outside::Found));
        };
        if counts.len() == 1 {
            let problem = format!("every label is {first}, expected at least two classes");
            return Err(Error::content(&train.path, problem));
        }
        let fewest = (labels.len() / (RARE * counts.len())).max(2);
        let is_common = counts.values().all(|&count| count >= fewest);
        let used = || counts.keys().map(ToString::to_string);
        let numbered = |names: Vec<String>, outside| {
            let labels = (0..names.len()).map(|label| label.to_string());
            Self::new(names, labels, outside)
        };
        let numbers = |n: usize| numbered((0..n).map(|class| class.to_string()).collect(), Outside::Numbers);
        // Labels may start at 1, and a small set may lack some classes, but most classes must have a row.
        let most = 2 * counts.len() + 8;
        let is_contiguous = first >= 0 && (largest as u64) < most as u64;
        Ok(match named {
            Some(names)
                if (first < 0 || largest as u64 >= names.len() as u64)
                    && counts.len() == names.len()
                    && is_common =>
            {
                Self::new(names, used(), Outside::Found)
            }
            Some(names) => numbered(names, Outside::Named),
            None if test.is_some_and(is_fashion_mnist) => {
                numbered(FASHION_MNIST.map(str::to_owned).to_vec(), Outside::Numbers)
            }
            None if is_contiguous => numbers(largest as usize + 1),
            None if is_common => Self::new(used().collect(), used(), Outside::Found),
            None => numbers(contiguous(&counts).unwrap_or(most)),
        })
    }

    /// The class of each row
    fn of(&self, set: &RawSet) -> Result<Vec<u32>> {
        match &set.labels {
            RawLabels::Integers(labels) => {
                let mut known = HashMap::new();
                let class = |(row, label): (usize, &i64)| match known.get(label) {
                    Some(&class) => Ok(class),
                    None => {
                        let class = self.class(set, &label.to_string(), || row)?;
                        known.insert(*label, class);
                        Ok(class)
                    }
                };
                labels.iter().enumerate().map(class).collect()
            }
            RawLabels::Texts { values, codes } => {
                let first_row =
                    |at: usize| codes.iter().position(|&code| code as usize == at).unwrap_or_default();
                let class = |(at, value): (usize, &String)| self.class(set, value, || first_row(at));
                let classes = values.iter().enumerate().map(class).collect::<Result<Vec<u32>>>()?;
                Ok(codes.iter().map(|&code| classes[code as usize]).collect())
            }
            RawLabels::Numbers { .. } => Err(numbers(set)),
        }
    }

    /// The class of a label; `row` is the first row that has it
    fn class(&self, set: &RawSet, label: &str, row: impl FnOnce() -> usize) -> Result<u32> {
        if let Some(&class) = self.of_label.get(label) {
            return Ok(class);
        }
        let (count, last) = (self.names.len(), self.names.len().saturating_sub(1));
        let outside = match self.outside {
            Outside::Found => {
                let mut labels: Vec<(&u32, &String)> =
                    self.of_label.iter().map(|(label, class)| (class, label)).collect();
                labels.sort_unstable();
                let labels = labels.into_iter().map(|(_, label)| printable(label).into_owned());
                format!("the {} classes, {}", separated(count), first_ten(labels, ", "))
            }
            Outside::Named => {
                let names = shown(set.path.with_file_name("classes.txt"));
                format!("the classes 0 to {last}: {names} has {count} names, one for each label from 0")
            }
            Outside::Numbers if is_numpy(&set.path) => format!(
                "the classes 0 to {last}; if the label is right, number the classes without gaps, as \
                 numpy.unique(y, return_inverse=True)[1] does, or leave out the rows of rare labels"
            ),
            Outside::Numbers => format!(
                "the classes 0 to {last}; if the label is right, write a classes.txt beside this file, with a name on \
                 each line, for the labels from 0 on"
            ),
        };
        let problem = format!("label {} in {} is outside {outside}", printable(label), set.place(row()));
        Err(Error::content(&set.path, problem))
    }
}

/// The error for labels that are numbers to predict
fn numbers(set: &RawSet) -> Error {
    Error::content(&set.path, "labels are numbers to predict, expected classes")
}

/// Whether labels are from a file of NumPy, beside which no classes.txt is read
fn is_numpy(path: &Path) -> bool {
    matches!(source_kind::kind(path), Ok(Kind::Npy | Kind::Npz))
}

fn is_fashion_mnist(test: &RawSet) -> bool {
    let RawLabels::Integers(labels) = &test.labels else { return false };
    let bytes: Option<Vec<u8>> = labels.iter().map(|&label| u8::try_from(label).ok()).collect();
    bytes.is_some_and(|bytes| crc32fast::hash(&bytes) == FASHION_MNIST_TEST_LABELS)
}

/// The number of classes, from 0 to the last label before the first gap of more than eight; `None` if that gap begins at 0
fn contiguous(used: &BTreeMap<i64, usize>) -> Option<usize> {
    let mut last = None;
    for &label in used.keys().filter(|&&label| label >= 0) {
        if label.saturating_sub(last.unwrap_or(-1)) > 8 {
            break;
        }
        last = Some(label);
    }
    last.map(|last| last as usize + 1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::csv::Lines;
    use crate::data::{Cells, Inputs};

    fn raw(path: &str, labels: &[i64]) -> RawSet {
        RawSet {
            inputs: Inputs::of_array(&[1]),
            cells: Cells::Bytes(Vec::new()),
            labels: RawLabels::Integers(labels.to_vec()),
            weights: None,
            inputs_path: PathBuf::from(path),
            path: PathBuf::from(path),
            lines: None,
            targets: Vec::new(),
            kept: None,
        }
    }

    fn of(train: &[i64], test: &[i64], named: Option<&[&str]>) -> Result<Labelled> {
        let named = named.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        super::classes(&raw("train", train), Some(&raw("test", test)), named)
    }

    fn classes(train: &[i64], test: &[i64]) -> Result<usize> {
        of(train, test, None).map(|classes| classes.names.len())
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
        let mut train: Vec<i64> = (0..100).map(|i| i % 10).collect();
        train[37] = 255;
        let error = classes(&train, &[0]).unwrap_err().to_string();
        assert!(error.contains("train: label 255 in row 37") && error.contains("0 to 9"), "{error}");
    }

    #[test]
    fn a_single_class_is_an_error() {
        let error = classes(&[4, 4, 4], &[4]).unwrap_err().to_string();
        assert_eq!(error, "train: every label is 4, expected at least two classes");
    }

    #[test]
    fn labels_with_gaps_are_classes_in_their_order_if_they_are_common() {
        let found = of(&[0, 255, 0, 255], &[255, 0, 255], None).unwrap();
        assert_eq!(
            (&found.names[..], &found.test[..]),
            (&["0", "255"].map(str::to_owned)[..], &[1, 0, 1][..])
        );
        assert_eq!(of(&[-1, 1, 1, -1], &[1], None).unwrap().names, ["-1", "1"]);
        let tens: Vec<i64> = (0..60).map(|i| i % 6 * 10).collect();
        assert_eq!(of(&tens, &[0, 30, 50], None).unwrap().test, [0, 3, 5]);
        let error = of(&[0, 255, 0, 255], &[255, 7], None).unwrap_err().to_string();
        assert_eq!(error, "test: label 7 in row 1 (counted from 0) is outside the 2 classes, 0, 255");
        // A rare label is a mistake, unless classes.txt has a name for it.
        let mut rare: Vec<i64> = (0..100).map(|i| i % 10).collect();
        rare[37] = 255;
        let error = of(&rare, &[0], None).unwrap_err().to_string();
        assert!(error.contains("row 37") && error.contains("classes.txt"), "{error}");
    }

    #[test]
    fn two_large_labels_do_not_make_billions_of_classes() {
        for (labels, row) in [([0x7fff_ffff_ffff, -4], 0), ([-4, i64::MAX], 0), ([1 << 40, 1 + (1 << 40)], 0)]
        {
            let error = classes(&labels, &[0]).unwrap_err().to_string();
            assert!(error.contains(&format!("in row {row} ")) && error.contains("0 to 11"), "{error}");
        }
    }

    #[test]
    fn names_may_be_as_many_as_labels_that_start_at_1_or_have_gaps() {
        let letters: Vec<i64> = (0..52).map(|i| 1 + i % 26).collect();
        let names: Vec<String> = (b'a'..=b'z').map(|c| char::from(c).to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(of(&letters, &[26, 1], Some(&names)).unwrap().test, [25, 0]);
        assert_eq!(of(&[0, 255, 255, 0], &[255], Some(&["sky", "ship"])).unwrap().test, [1]);
        let error = of(&[0, 1, 2, 2, 1, 0], &[0], Some(&["a", "b"])).unwrap_err().to_string();
        assert!(error.contains("label 2 in row 2") && error.contains("classes.txt has 2 names"), "{error}");
    }

    #[test]
    fn texts_are_classes_in_their_order_and_others_are_refused_with_their_line() {
        let texts = |path: &str, rows: &[&str]| {
            let mut values: Vec<String> = rows.iter().map(|&row| row.to_owned()).collect();
            values.sort_unstable();
            values.dedup();
            let code = |row: &&str| values.iter().position(|value| value == row).unwrap() as u32;
            let codes = rows.iter().map(code).collect();
            RawSet {
                labels: RawLabels::Texts { values, codes },
                lines: Some(Lines::default()),
                ..raw(path, &[])
            }
        };
        let train = texts("a.csv", &["dog", "cat", "dog"]);
        let found = super::classes(&train, Some(&texts("b.csv", &["dog", "dog"])), None).unwrap();
        assert_eq!((found.train, found.test), (vec![1, 0, 1], vec![1, 1]));
        assert_eq!(found.names, ["cat", "dog"]);
        let error = super::classes(&train, Some(&texts("b.csv", &["cat", "cow"])), None).unwrap_err();
        assert_eq!(error.to_string(), "b.csv: label cow in line 2 is outside the 2 classes, cat, dog");
        let error = super::classes(&texts("a.csv", &["cat"]), None, None).unwrap_err();
        assert_eq!(error.to_string(), "a.csv: every label is cat, expected at least two classes");
        // Arrays have numbers where tables have texts.
        let numbers = super::classes(&raw("y.npy", &[0, 1, 2]), Some(&texts("b.csv", &["2", "0"])), None);
        assert_eq!(numbers.unwrap().test, [2, 0]);
    }
}
