//! A folder of four IDX files, the layout of MNIST and similar sets

use std::path::{Path, PathBuf};

use super::idx::{self, Idx};
use super::{Dataset, Split, class_names};
use crate::error::{Error, Result};

/// Folders in which Fashion-MNIST is looked for if neither `--data` nor `CHAINRULE_DATA` names one
const USUAL_PLACES: [&str; 2] = ["data/fashion-mnist", "/usr/share/datasets/fashion-mnist"];
const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// The folder that `CHAINRULE_DATA` names, or the first usual place that has training images
///
/// # Errors
/// If `CHAINRULE_DATA` is not set and no usual place has training images.
pub fn find() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHAINRULE_DATA").filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let found = USUAL_PLACES.iter().map(PathBuf::from).find(|place| file(place, TRAIN_IMAGES).is_ok());
    found.ok_or_else(|| Error::NoData { file: TRAIN_IMAGES, places: USUAL_PLACES.join(", ") })
}

/// Reads the four files, plain or gzip, in parallel, and checks that they fit each other
///
/// # Errors
/// If a file is missing or damaged, or the files don't fit each other.
pub fn load(folder: &Path) -> Result<Dataset> {
    let [train_images, train_labels, test_images, test_labels] =
        [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].map(|name| file(folder, name));
    let (train_images, train_labels, test_images, test_labels) =
        (train_images?, train_labels?, test_images?, test_labels?);
    let ((train_x, train_y), (test_x, test_y)) = rayon::join(
        || rayon::join(|| idx::read(&train_images), || idx::read(&train_labels)),
        || rayon::join(|| idx::read(&test_images), || idx::read(&test_labels)),
    );
    let (train_x, train_y, test_x, test_y) = (train_x?, train_y?, test_x?, test_y?);
    pair(&train_images, &train_x, &train_labels, &train_y)?;
    pair(&test_images, &test_x, &test_labels, &test_y)?;
    if train_x.dims[1..] != test_x.dims[1..] {
        return Err(Error::Mismatch {
            path: test_images,
            found: format!("images of {}", times(&test_x.dims[1..])),
            other: train_images,
            expected: format!("images of {}", times(&train_x.dims[1..])),
        });
    }
    let named = class_names::read_names(&folder.join("classes.txt"))?;
    let classes = class_names::names((&train_labels, &train_y.bytes), (&test_labels, &test_y.bytes), named)?;
    let image_dims = train_x.dims[1..].to_vec();
    Ok(Dataset {
        source: folder.display().to_string(),
        image_dims,
        classes,
        train: split(train_x, &train_y),
        test: split(test_x, &test_y),
    })
}

/// The path of `name` or `name.gz` in `folder`, whichever exists
fn file(folder: &Path, name: &'static str) -> Result<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    // A dangling link counts as existing, so that reading it gives the error.
    let there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let found = candidates.into_iter().find(there);
    found.ok_or_else(|| Error::NoData { file: name, places: folder.display().to_string() })
}

/// Checks that the files hold images and as many labels
fn pair(images_path: &Path, images: &Idx, labels_path: &Path, labels: &Idx) -> Result<()> {
    let dims = |path: &Path, idx: &Idx, problem| {
        let dims = idx.dims.iter().map(|&d| u32::try_from(d).unwrap_or(u32::MAX)).collect();
        Err(Error::IdxDims { path: path.to_owned(), dims, problem })
    };
    if images.dims.len() < 2 {
        return dims(images_path, images, "are those of labels, expected images (2 to 4 dimensions)");
    }
    if labels.dims.len() != 1 {
        return dims(labels_path, labels, "are those of images, expected labels (1 dimension)");
    }
    if images.dims[0] != labels.dims[0] {
        return Err(Error::Mismatch {
            path: labels_path.to_owned(),
            found: format!("{} labels", labels.dims[0]),
            other: images_path.to_owned(),
            expected: format!("{} images", images.dims[0]),
        });
    }
    Ok(())
}

fn split(images: Idx, labels: &Idx) -> Split {
    let features = images.dims[1..].iter().product();
    Split { images: images.bytes, labels: labels.bytes.iter().map(|&label| label.into()).collect(), features }
}

/// The dimensions as text: `28×28`
fn times(dims: &[usize]) -> String {
    dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}
