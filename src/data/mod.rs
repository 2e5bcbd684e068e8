//! Data sets: pixels and labels in memory, their sources, and how batches are gathered

pub mod array;
pub mod batches;
mod class_names;
mod element;
mod elements;
mod fingerprint;
mod fortran;
mod gzip;
pub mod idx;
mod idx_folder;
pub mod npy;
mod npy_header;
pub mod npz;
mod source;
pub mod source_kind;
mod synthetic;
pub mod validation_split;

use crate::error::Result;
use crate::nn::memory;

/// Images and their labels
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Pixels as bytes, image by image; gathering a batch converts them to floating point
    pub images: Vec<u8>,
    /// The class of each image
    pub labels: Vec<u32>,
    /// Number of pixels of an image
    pub features: usize,
}

impl Split {
    /// Number of images
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A training and a test set with the same pixels and classes
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The path that the set was read from, or `synthetic`
    pub source: String,
    /// Dimensions of an image, such as 28 × 28
    pub image_dims: Vec<usize>,
    /// Names of the classes; label k is `classes[k]`
    pub classes: Vec<String>,
    /// The training set
    pub train: Split,
    /// The test set
    pub test: Split,
}

impl Dataset {
    /// Number of pixels of an image
    pub fn features(&self) -> usize {
        self.train.features
    }

    /// The folder that [`Self::load`] reads for `None`
    ///
    /// # Errors
    /// If `CHAINRULE_DATA` is not set and neither default folder has training images.
    pub fn find() -> Result<String> {
        Ok(idx_folder::find()?.display().to_string())
    }

    /// Loads the set that `--data` names, `synthetic` or a folder
    ///
    /// For `None`, it loads the folder that the variable `CHAINRULE_DATA` names or, if the variable is not set, the
    /// first of `data/fashion-mnist` and `/usr/share/datasets/fashion-mnist` that has training images.
    ///
    /// # Errors
    /// If files are missing or damaged, or don't fit together.
    pub fn load(data: Option<&str>) -> Result<Self> {
        match data {
            Some("synthetic") => {
                memory::check(synthetic::BYTES, || "the synthetic set".to_owned())?;
                Ok(Self::synthetic())
            }
            Some(folder) => idx_folder::load(folder.as_ref()),
            None => idx_folder::load(&idx_folder::find()?),
        }
    }
}
