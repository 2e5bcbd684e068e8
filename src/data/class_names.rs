//! The number of classes and their names

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use super::class_name;
use crate::error::{Error, Result, open_regular, shown};

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

/// A label beyond a gap is a class only if it has at least 1/`RARE` of the average number of training images per label
///
/// A rarer label is probably damage, which changes one label in thousands.
const RARE: usize = 100;

/// The classes of a data set, and the class of each label
#[derive(Debug)]
pub struct Classes {
    /// Names of the classes; class k is `names[k]`
    pub names: Vec<String>,
    /// The class of each of the 256 possible labels; `None` for labels outside the classes
    of_label: Vec<Option<u32>>,
}

impl Classes {
    /// Classes in which label k is class k
    fn numbered(names: Vec<String>) -> Self {
        let of_label = (0..=u8::MAX).map(|label| (usize::from(label) < names.len()).then_some(label.into()));
        Self { of_label: of_label.collect(), names }
    }

    /// One class for each label in `used`, in ascending order
    fn listed(names: Vec<String>, used: &BTreeSet<u8>) -> Self {
        let mut of_label = vec![None; 256];
        used.iter().zip(0..).for_each(|(&label, class)| of_label[usize::from(label)] = Some(class));
        Self { names, of_label }
    }

    /// The class of each label; the caller has checked that every label has one
    pub fn of(&self, labels: &[u8]) -> Vec<u32> {
        labels.iter().map(|&label| self.of_label[usize::from(label)].unwrap_or_default()).collect()
    }
}

/// The classes: `named` (from the folder's `classes.txt`), those of Fashion-MNIST if the test labels are
/// Fashion-MNIST's, or the numbers from 0 to the largest training label
///
/// If the labels are much larger than their number, such as 0 and 255, each is a class, in ascending order, if each has
/// enough images. The same holds if there are as many labels as names in `named`, but they don't start at 0, such as 1
/// to 26.
///
/// # Errors
/// If all training labels are equal, or a label is outside the classes. If the classes are numbers, a rare label much
/// larger than the number of different labels is an error, not a class.
pub fn classes(train: (&Path, &[u8]), test: (&Path, &[u8]), named: Option<Vec<String>>) -> Result<Classes> {
    let mut counts = [0_usize; 256];
    train.1.iter().for_each(|&label| counts[usize::from(label)] += 1);
    let used: BTreeSet<u8> = (0..=u8::MAX).filter(|&label| counts[usize::from(label)] > 0).collect();
    let (Some(&first), Some(&largest)) = (used.first(), used.last()) else {
        return Ok(Classes::numbered(Vec::new()));
    };
    if used.len() == 1 {
        let problem = format!("every label is {first}, expected at least two classes");
        return Err(Error::content(train.0, problem));
    }
    let fewest = (train.1.len() / (RARE * used.len())).max(2);
    let is_common = used.iter().all(|&label| counts[usize::from(label)] >= fewest);
    let mut checksum = flate2::Crc::new();
    checksum.update(test.1);
    let names_given = named.as_ref().map(Vec::len);
    let classes = match named {
        Some(names) if usize::from(largest) >= names.len() && used.len() == names.len() && is_common => {
            Classes::listed(names, &used)
        }
        Some(names) => Classes::numbered(names),
        None if checksum.sum() == FASHION_MNIST_TEST_LABELS => {
            Classes::numbered(FASHION_MNIST.map(str::to_owned).to_vec())
        }
        None => {
            let number = |class: usize| class.to_string();
            // Labels may start at 1, and a small set may lack some classes, but most classes must have an image.
            if usize::from(largest) < 2 * used.len() + 8 {
                Classes::numbered((0..=usize::from(largest)).map(number).collect())
            } else if is_common {
                Classes::listed(used.iter().map(|&label| number(label.into())).collect(), &used)
            } else {
                Classes::numbered((0..contiguous(&used)).map(number).collect())
            }
        }
    };
    for (path, labels) in [train, test] {
        if let Some(row) = labels.iter().position(|&label| classes.of_label[usize::from(label)].is_none()) {
            let (found, count) = (labels[row], classes.names.len());
            let last = count.saturating_sub(1);
            let is_listed = classes.of_label[count..].iter().any(Option::is_some);
            let outside = match (names_given, is_listed) {
                (_, true) => format!("the {count} classes, {}", some(&used)),
                (Some(_), _) => {
                    let names = shown(path.with_file_name("classes.txt"));
                    format!("the classes 0 to {last}: {names} has {count} names, one for each label from 0")
                }
                _ => format!(
                    "the classes 0 to {last}; if the label is right, write a classes.txt beside this file, \
                     with a name on each line, for the labels from 0 on"
                ),
            };
            let problem = format!("label {found} in row {row} (counted from 0) is outside {outside}");
            return Err(Error::content(path, problem));
        }
    }
    Ok(classes)
}

/// The number of classes, from 0 to the last label before the first gap of more than eight
fn contiguous(used: &BTreeSet<u8>) -> usize {
    let gap = used.iter().zip(used.iter().skip(1)).find(|(a, b)| **b - **a > 8);
    gap.or(used.last().map(|last| (last, last))).map_or(0, |(last, _)| usize::from(*last) + 1)
}

/// The first ten labels as text, and how many more there are
fn some(labels: &BTreeSet<u8>) -> String {
    let shown = labels.iter().take(10).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match labels.len() {
        0..=10 => shown,
        n => format!("{shown} … and {} more", n - 10),
    }
}

/// The names in a `classes.txt`, one per line, label 0 first; `None` if there is no such file
///
/// A byte-order mark and empty lines at the end are ignored.
///
/// # Errors
/// If the file can't be read, is not UTF-8, has fewer than two names, or has a name that a model file can't hold: one
/// that is empty, occurs twice, is too long, or has a control character.
pub fn read_names(path: &Path) -> Result<Option<Vec<String>>> {
    // A dangling link counts as existing, so that reading it reports the error.
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let problem = |problem: String| Error::content(path, problem);
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes).map_err(Error::reading(path))?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(problem("is UTF-16, expected UTF-8; save it again with that encoding".to_owned()));
    }
    let text = String::from_utf8(bytes)
        .map_err(|e| problem(format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end_matches(['\n', '\r', ' ']);
    // Line ends and the invisible spaces around a name are not part of it.
    let trim = |line: &str| line.trim_matches(' ').to_owned();
    let names: Vec<String> = text.lines().map(trim).collect();
    if names.len() < 2 {
        return Err(problem(format!("{} class names, expected at least 2", names.len())));
    }
    match class_name::problem(&names, "line") {
        Some((at, found)) => Err(problem(format!("line {}: {found}", at + 1))),
        None => Ok(Some(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(train: &[u8], test: &[u8], named: Option<&[&str]>) -> Result<Classes> {
        let named = named.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        super::classes((Path::new("train"), train), (Path::new("test"), test), named)
    }

    fn classes(train: &[u8], test: &[u8]) -> Result<usize> {
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

    #[test]
    fn labels_with_gaps_are_classes_in_their_order_if_they_are_common() {
        let found = of(&[0, 255, 0, 255], &[255, 0], None).unwrap();
        assert_eq!(
            (&found.names[..], found.of(&[255, 0, 255])),
            (&["0", "255"].map(str::to_owned)[..], vec![1, 0, 1])
        );
        let tens: Vec<u8> = (0..60).map(|i| i % 6 * 10).collect();
        assert_eq!(of(&tens, &[30], None).unwrap().of(&[0, 30, 50]), [0, 3, 5]);
        let error = of(&[0, 255, 0, 255], &[255, 7], None).unwrap_err().to_string();
        assert_eq!(error, "test: label 7 in row 1 (counted from 0) is outside the 2 classes, 0, 255");
        // A rare label is a mistake, unless classes.txt has a name for it.
        let mut rare: Vec<u8> = (0..100).map(|i| i % 10).collect();
        rare[37] = 255;
        let error = of(&rare, &[0], None).unwrap_err().to_string();
        assert!(error.contains("row 37") && error.contains("classes.txt"), "{error}");
    }

    #[test]
    fn names_may_be_as_many_as_labels_that_start_at_1_or_have_gaps() {
        let letters: Vec<u8> = (0..52).map(|i| 1 + i % 26).collect();
        let names: Vec<String> = (b'a'..=b'z').map(|c| char::from(c).to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(of(&letters, &[26, 1], Some(&names)).unwrap().of(&[26, 1]), [25, 0]);
        assert_eq!(of(&[0, 255, 255, 0], &[255], Some(&["sky", "ship"])).unwrap().of(&[255]), [1]);
        let error = of(&[0, 1, 2, 2, 1, 0], &[0], Some(&["a", "b"])).unwrap_err().to_string();
        assert!(error.contains("label 2 in row 2") && error.contains("classes.txt has 2 names"), "{error}");
    }

    #[test]
    fn a_file_of_names_may_have_a_mark_and_empty_lines_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_names(&path)
        };
        for text in ["cat\ndog", "\u{feff}cat\ndog\n", "cat\r\ndog\r\n\r\n", " cat\ndog \n \n\n"] {
            assert_eq!(read(text.as_bytes()).unwrap().unwrap(), ["cat", "dog"], "{text:?}");
        }
        for (text, message) in [
            ("cat\n\ndog\n", "line 2: an empty name"),
            ("\n\ncat\ndog", "line 1: an empty name"),
            ("cat\ndog\ncat\n", "line 3: `cat` is also in line 1"),
            ("cat\nd\u{1b}[31mog\n", "line 2: a name with the control character U+001B"),
            ("cat\tsmall\ndog\n", "line 1: a name with the control character U+0009"),
            ("cat\rdog\nbird\n", "line 1: a name with the control character U+000D"),
            ("cat\nd\u{9b}\n", "U+009B"),
            ("cat\n\u{202e}dog\n", "U+202E"),
            ("cat\n\u{feff}\u{feff}\n", "U+FEFF"),
            ("cat\n", "1 class names, expected at least 2"),
            ("\u{feff}\n\n", "0 class names"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(
                error.contains(message) && !error.contains(['\u{1b}', '\t', '\u{9b}']),
                "{text:?}: {error}"
            );
        }
        let error = read(&[b"cat\n", &[b'x'; 100_000][..]].concat()).unwrap_err().to_string();
        assert!(error.len() < 300 && error.contains("line 2: a name of 100,000 characters"), "{error}");
        assert!(read(b"\xff\xfec\0").unwrap_err().to_string().contains("UTF-16"));
        std::fs::remove_file(&path).unwrap();
        assert!(read_names(&path).unwrap().is_none());
    }
}
