//! A folder of four IDX files, the layout of MNIST and similar sets

use std::path::{Path, PathBuf};

use super::idx::{self, Idx};
use super::{Dataset, Split, class_names};
use crate::error::{Error, Result};

/// The folders that are searched if neither `--data` nor `CHAINRULE_DATA` names one
const DEFAULT_FOLDERS: [&str; 2] = ["data/fashion-mnist", "/usr/share/datasets/fashion-mnist"];
const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// The folder that `CHAINRULE_DATA` names, or the first default folder that has training images
///
/// # Errors
/// If `CHAINRULE_DATA` is not set and no default folder has training images.
pub fn find() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHAINRULE_DATA").filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let found = DEFAULT_FOLDERS.iter().map(PathBuf::from).find(|folder| file(folder, TRAIN_IMAGES).is_ok());
    found.ok_or_else(|| Error::NoData { file: TRAIN_IMAGES, places: DEFAULT_FOLDERS.join(", ") })
}

/// Reads the four files, plain or gzip, in parallel, and checks that they fit each other
///
/// # Errors
/// If a file is missing or damaged, or the files don't fit each other.
pub fn load(folder: &Path) -> Result<Dataset> {
    let (train, test) = rayon::join(
        || Pair::read(folder, TRAIN_IMAGES, TRAIN_LABELS),
        || Pair::read(folder, TEST_IMAGES, TEST_LABELS),
    );
    let (train, test) = (train?, test?);
    let image_dims = train.images.dims[1..].to_vec();
    if test.images.dims[1..] != image_dims {
        let [found, expected] = [&test.images.dims[1..], &image_dims[..]].map(times);
        let train_images = train.images_path.display();
        let problem = format!("images of {found}, but {train_images} has images of {expected}");
        return Err(Error::content(&test.images_path, problem));
    }
    let named = class_names::read_names(&folder.join("classes.txt"))?;
    let classes = class_names::names(
        (&train.labels_path, &train.labels.bytes),
        (&test.labels_path, &test.labels.bytes),
        named,
    )?;
    let source = folder.display().to_string();
    Ok(Dataset { source, image_dims, classes, train: train.split(), test: test.split() })
}

/// The path of `name` or `name.gz` in `folder`, whichever exists
fn file(folder: &Path, name: &'static str) -> Result<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    // A dangling link counts as existing, so that reading it gives the error.
    let found = candidates.into_iter().find(|path| path.symlink_metadata().is_ok());
    found.ok_or_else(|| Error::NoData { file: name, places: folder.display().to_string() })
}

/// A file of images and the file of their labels
struct Pair {
    images_path: PathBuf,
    images: Idx,
    labels_path: PathBuf,
    labels: Idx,
}

impl Pair {
    /// Reads the files, and checks that they hold images and as many labels
    fn read(folder: &Path, images: &'static str, labels: &'static str) -> Result<Self> {
        let (images_path, labels_path) = (file(folder, images)?, file(folder, labels)?);
        let (images, labels) = rayon::join(|| idx::read(&images_path), || idx::read(&labels_path));
        let (images, labels) = (images?, labels?);
        let wrong = |path: &Path, dims: &[usize], problem| {
            Err(Error::content(path, format!("dimensions {dims:?} {problem}")))
        };
        if images.dims.len() < 2 {
            let problem = "are those of labels, expected images (2 to 4 dimensions)";
            return wrong(&images_path, &images.dims, problem);
        }
        if labels.dims.len() != 1 {
            return wrong(&labels_path, &labels.dims, "are those of images, expected labels (1 dimension)");
        }
        if images.dims[0] != labels.dims[0] {
            let (found, expected) = (labels.dims[0], images.dims[0]);
            let problem = format!("{found} labels, but {} has {expected} images", images_path.display());
            return Err(Error::content(&labels_path, problem));
        }
        Ok(Self { images_path, images, labels_path, labels })
    }

    fn split(self) -> Split {
        let features = self.images.dims[1..].iter().product();
        let labels = self.labels.bytes.into_iter().map(u32::from).collect();
        Split { images: self.images.bytes, labels, features }
    }
}

/// The dimensions as text: `28×28`
fn times(dims: &[usize]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}
