//! A folder of four IDX files, the layout of MNIST and similar sets

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use super::array::{Array, Elements};
use super::array_gaps::SetUse;
use super::array_set::{self, Placed};
use super::raw::{RawSet, RawSets};
use super::{class_names, idx};
use crate::config::{TaskChoice, expand_home};
use crate::error::{Error, Result, shell_quoted};

/// The folders that are searched if neither `--data` nor `CHAINRULE_DATA` names one
const DEFAULT_FOLDERS: [&str; 2] = ["data/fashion-mnist", "/usr/share/datasets/fashion-mnist"];
const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";

/// The beginnings of the names of a set's training files; for the test files, MNIST has `t10k` and EMNIST has `test`
const TRAIN: [&str; 1] = ["train"];
const TEST: [&str; 2] = ["t10k", "test"];
const IMAGES: [&str; 2] = ["images", "idx3"];
const LABELS: [&str; 2] = ["labels", "idx1"];

/// The folder that `CHAINRULE_DATA` names, or the first default folder that has training images
///
/// # Errors
/// If `CHAINRULE_DATA` is not set and no default folder has training images, or if it names another user's home folder.
pub fn find() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHAINRULE_DATA").filter(|named| !named.is_empty()) {
        let Some(text) = named.to_str() else { return Ok(named.into()) };
        let expected = |problem| Error::content("CHAINRULE_DATA".as_ref(), problem);
        return Ok(expand_home(text).map_err(expected)?.into());
    }
    let found = DEFAULT_FOLDERS.iter().map(PathBuf::from).find(|folder| Set::at(folder).is_ok());
    found.ok_or_else(|| no_data(TRAIN_IMAGES.to_owned(), DEFAULT_FOLDERS.join(", ")))
}

/// Reads the files of a set, plain or gzip, in parallel, and the names of its classes
///
/// The set has no test set if it has no files of one.
///
/// * `path`: a folder; for a folder with several sets, the folder followed by the prefix of one set's file names, such
///   as `emnist/emnist-letters`
///
/// # Errors
/// If a file is missing or damaged, or the images and labels don't fit together.
pub fn load(path: &Path, for_use: SetUse, task: TaskChoice) -> Result<(RawSets, Option<Vec<String>>)> {
    let set = Set::at(path)?;
    let has_test = [IMAGES, LABELS].into_iter().any(|what| set.file(&TEST, what).is_ok());
    let test = || has_test.then(|| read(&set, &TEST, for_use)).transpose();
    let (train, test) = rayon::join(|| read(&set, &TRAIN, for_use), test);
    let train = train?.raw(for_use, task)?;
    let task = train.labels.task();
    let test = test?.map(|test| test.raw(for_use, task)).transpose()?;
    let named = class_names::read_names(&set.folder.join("classes.txt"))?;
    Ok((RawSets { train, test }, named))
}

/// The arrays of one set
struct Arrays {
    images: (PathBuf, Array),
    labels: (PathBuf, Array),
}

impl Arrays {
    /// The rows with their labels; whole numbers are classes, however many there are
    fn raw(self, for_use: SetUse, task: TaskChoice) -> Result<RawSet> {
        let Self { images: (images_path, images), labels: (labels_path, labels) } = self;
        let are_whole = matches!(labels.elements, Elements::Bytes(_) | Elements::Integers(_));
        let task = if task == TaskChoice::Auto && are_whole { TaskChoice::Classify } else { task };
        let images = Placed { path: &images_path, name: String::new(), array: images };
        let labels = Placed { path: &labels_path, name: String::new(), array: labels };
        array_set::raw(images, labels, for_use, task)
    }
}

/// Reads the images and the labels of one set
fn read(set: &Set, parts: &[&str], for_use: SetUse) -> Result<Arrays> {
    let (images_path, labels_path) = (set.file(parts, IMAGES)?, set.file(parts, LABELS)?);
    let (images, labels) =
        rayon::join(|| idx::read(&images_path, for_use.inputs), || idx::read(&labels_path, for_use.labels));
    Ok(Arrays { images: (images_path, images?), labels: (labels_path, labels?) })
}

fn no_data(file: String, places: String) -> Error {
    Error::NoData { file, places }
}

/// The folder and the file-name prefix of one set
struct Set {
    folder: PathBuf,
    /// The prefix of its file names, such as `emnist-letters-`; often empty
    prefix: String,
}

impl Set {
    /// Finds the set in a folder, or the set of several that `path` names
    ///
    /// # Errors
    /// If there are no training images, or a folder holds several sets and `path` names none of them.
    fn at(path: &Path) -> Result<Self> {
        let no_files = || no_data(TRAIN_IMAGES.to_owned(), path.display().to_string());
        let set = |folder: &Path, prefix: String| Self { folder: folder.to_owned(), prefix };
        if !path.is_dir() {
            let (folder, name) = path.parent().zip(path.file_name()).ok_or_else(no_files)?;
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let named = set(folder, format!("{}-", name.to_string_lossy()));
            return if named.file(&TRAIN, IMAGES).is_ok() { Ok(named) } else { Err(no_files()) };
        }
        let plain = set(path, String::new());
        if plain.file(&TRAIN, IMAGES).is_ok() {
            return Ok(plain);
        }
        let entries = path.read_dir().map_err(Error::reading(path))?;
        let name = |entry: std::io::Result<DirEntry>| entry.ok()?.file_name().into_string().ok();
        let prefix = |name: String| Some(name[..name.find("train-images")?].to_owned());
        let prefixes: BTreeSet<String> = entries.filter_map(name).filter_map(prefix).collect();
        let sets = prefixes.into_iter().map(|prefix| set(path, prefix));
        let mut sets: Vec<Self> = sets.filter(|set| set.file(&TRAIN, IMAGES).is_ok()).collect();
        if sets.len() > 1 {
            let first = shell_quoted(path.join(sets[0].prefix.trim_end_matches('-')));
            let problem = format!("has {} data sets, expected the name of one: --data {first}", sets.len());
            return Err(Error::content(path, problem));
        }
        sets.pop().ok_or_else(no_files)
    }

    /// The path of a file of this set; after the prefix, its name begins with one of `parts`
    ///
    /// The names vary: `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, each also with `.gz`, and each also as a
    /// folder that holds a file of the same name.
    fn file(&self, parts: &[&str], [what, idx]: [&str; 2]) -> Result<PathBuf> {
        let name =
            |part: &str, dot: &str, end: &str| format!("{}{part}-{what}{dot}{idx}-ubyte{end}", self.prefix);
        let mut folders = Vec::new();
        for (part, dot) in parts.iter().flat_map(|part| ["-", "."].map(|dot| (part, dot))) {
            for file in ["", ".gz"].map(|end| name(part, dot, end)) {
                let path = self.folder.join(&file);
                match path.symlink_metadata() {
                    Ok(_) if path.is_dir() => folders.push((path, file)),
                    // A dangling link counts as existing, so that reading it reports the error.
                    Ok(_) => return Ok(path),
                    Err(_) => {}
                }
            }
        }
        let inner = folders.iter().map(|(folder, file)| folder.join(file)).find(|path| path.is_file());
        let found = inner.or_else(|| folders.into_iter().next().map(|(folder, _)| folder));
        found.ok_or_else(|| no_data(name(parts[0], "-", ""), self.folder.display().to_string()))
    }
}
