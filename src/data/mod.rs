//! Data sets: bytes and labels in memory, where they come from, and how batches are gathered

pub mod batches;
mod class_names;
pub mod idx;
mod idx_folder;
mod synthetic;
pub mod validation_split;

use crate::error::Result;

/// Images and their labels
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Pixels as they were in the file, one image after another: they become numbers when a batch is gathered
    pub images: Vec<u8>,
    /// A class for each image
    pub labels: Vec<u32>,
    /// Pixels an image
    pub features: usize,
}

impl Split {
    /// How many images there are
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// A training and a test set with the same pixels and classes
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Where it came from, in words
    pub source: String,
    /// Size of an image, for example 28 × 28
    pub image_dims: Vec<usize>,
    /// Names of the classes; label k is the k-th
    pub classes: Vec<String>,
    /// What is learnt from
    pub train: Split,
    /// What is tested on
    pub test: Split,
}

impl Dataset {
    /// Pixels an image
    pub fn features(&self) -> usize {
        self.train.features
    }

    /// The built-in set, which needs no file and is always the same
    pub fn synthetic() -> Self {
        synthetic::dataset()
    }

    /// The folder that [`Self::load`] takes when none is named
    ///
    /// # Errors
    /// If there is none.
    pub fn find() -> Result<String> {
        Ok(idx_folder::find()?.display().to_string())
    }

    /// Loads what `--data` names: `synthetic`, a folder, or nothing for the usual places
    ///
    /// The usual places are, in this order: the variable `CHAINRULE_DATA`, `data/fashion-mnist`,
    /// `/usr/share/datasets/fashion-mnist`.
    ///
    /// # Errors
    /// If the files are nowhere, damaged, or don't fit each other.
    pub fn load(data: Option<&str>) -> Result<Self> {
        match data {
            Some("synthetic") => Ok(Self::synthetic()),
            Some(folder) => idx_folder::load(folder.as_ref()),
            None => idx_folder::load(&idx_folder::find()?),
        }
    }
}
