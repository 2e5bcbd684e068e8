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
use crate::error::{Error, Result, first_ten, shell_quoted};

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

/// Whether `path` is a folder with training images, or names such a set of a folder
pub fn is_there(path: &Path) -> bool {
    Set::at(path).is_ok()
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
    let has_test = [IMAGES, LABELS].into_iter().any(|what| set.has(&TEST, what));
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
    /// If there are no training images, or a folder holds several sets and `path` names none of them, or `path` is neither a
    /// folder nor the beginning of such names.
    fn at(path: &Path) -> Result<Self> {
        let no_files = || no_data(TRAIN_IMAGES.to_owned(), path.display().to_string());
        let set = |folder: &Path, prefix: String| Self { folder: folder.to_owned(), prefix };
        if !path.is_dir() {
            let (folder, name) = path.parent().zip(path.file_name()).ok_or_else(no_files)?;
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let named = set(folder, format!("{}-", name.to_string_lossy()));
            if named.has(&TRAIN, IMAGES) {
                return Ok(named);
            }
            // A dangling link does not exist, either.
            path.metadata().map_err(Error::reading(path))?;
            return Err(no_files());
        }
        let plain = set(path, String::new());
        if plain.has(&TRAIN, IMAGES) {
            return Ok(plain);
        }
        let entries = path.read_dir().map_err(Error::reading(path))?;
        let name = |entry: std::io::Result<DirEntry>| entry.ok()?.file_name().into_string().ok();
        let prefix = |name: String| Some(name[..name.find("train-images")?].to_owned());
        let prefixes: BTreeSet<String> = entries.filter_map(name).filter_map(prefix).collect();
        let sets = prefixes.into_iter().map(|prefix| set(path, prefix));
        let mut sets: Vec<Self> = sets.filter(|set| set.has(&TRAIN, IMAGES)).collect();
        if sets.len() > 1 {
            let first = shell_quoted(path.join(sets[0].prefix.trim_end_matches('-')));
            let problem = format!("has {} data sets, expected the name of one: --data {first}", sets.len());
            return Err(Error::content(path, problem));
        }
        sets.pop().ok_or_else(no_files)
    }

    /// Whether there is such a file, or several of which one has to be chosen
    fn has(&self, parts: &[&str], names: [&str; 2]) -> bool {
        !matches!(self.file(parts, names), Err(Error::NoData { .. }))
    }

    /// The path of a file of this set; after the prefix, its name begins with one of `parts`
    ///
    /// The names vary: `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, each also with `.gz`, and each also as a
    /// folder that holds a file of the same name. If there is none, the number of dimensions and the type can be others, as
    /// in `train-images-idx2-float`.
    ///
    /// # Errors
    /// If there is no such file, or several have other numbers or types.
    fn file(&self, parts: &[&str], [what, idx]: [&str; 2]) -> Result<PathBuf> {
        let name =
            |part: &str, dot: &str, end: &str| format!("{}{part}-{what}{dot}{idx}-ubyte{end}", self.prefix);
        let mut folders = Vec::new();
        let mut find = |stem: String| {
            ["", ".gz"].map(|end| stem.clone() + end).into_iter().find_map(|file| {
                let path = self.folder.join(&file);
                // A dangling link counts as existing, so that reading it reports the error.
                path.symlink_metadata().ok()?;
                if path.is_dir() {
                    folders.push((path, file));
                    return None;
                }
                Some(path)
            })
        };
        let mut usual = parts.iter().flat_map(|part| ["-", "."].map(|dot| name(part, dot, "")));
        if let Some(path) = usual.find_map(&mut find) {
            return Ok(path);
        }
        if let Some(path) = self.other_name(parts, what)?.and_then(find) {
            return Ok(path);
        }
        let inner = folders.iter().map(|(folder, file)| folder.join(file)).find(|path| path.is_file());
        let found = inner.or_else(|| folders.into_iter().next().map(|(folder, _)| folder));
        found.ok_or_else(|| no_data(name(parts[0], "-", ""), self.folder.display().to_string()))
    }

    /// The name without `.gz` of a file whose number of dimensions or type is not the usual one; `None` if there is none
    ///
    /// # Errors
    /// If there are several, and none has the usual name.
    fn other_name(&self, parts: &[&str], what: &str) -> Result<Option<String>> {
        let usual = if what == IMAGES[0] { IMAGES[1] } else { LABELS[1] };
        let names = self.folder.read_dir().into_iter().flatten();
        let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let stem = |name: String| {
            let rest = name.strip_prefix(&self.prefix)?;
            let rest = parts.iter().find_map(|part| rest.strip_prefix(part))?.strip_prefix('-')?;
            let form = rest.strip_prefix(what)?.strip_prefix(['-', '.'])?;
            let form = form.strip_suffix(".gz").unwrap_or(form);
            let (number, element) = form.strip_prefix("idx")?.split_once('-')?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let is_type = !element.is_empty() && element.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let stem = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
            (is_number && is_type).then_some(stem)
        };
        let stems: BTreeSet<String> = names.filter_map(stem).collect();
        let end = format!("{usual}-ubyte");
        match stems.len() {
            2.. if !stems.iter().any(|stem| stem.ends_with(&end)) => {
                let stems = first_ten(stems.into_iter(), ", ");
                let problem = format!("has the files {stems}, expected one of them");
                Err(Error::content(&self.folder, problem))
            }
            _ => Ok(stems.into_iter().next()),
        }
    }
}
