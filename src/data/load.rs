//! Loading a data set: which source the options name

use super::{DataOptions, Dataset, idx_folder, synthetic};
use crate::error::Result;
use crate::error::memory;

impl Dataset {
    /// The path of the data that `--data` leaves to the program
    ///
    /// # Errors
    /// If `CHAINRULE_DATA` is not set and neither default folder has training images.
    pub fn find() -> Result<String> {
        Ok(idx_folder::find()?.display().to_string())
    }

    /// Loads the set that the options describe
    ///
    /// Without `data`, it loads what the variable `CHAINRULE_DATA` names or, if the variable is not set, the first of
    /// `data/fashion-mnist` and `/usr/share/datasets/fashion-mnist` that has training images.
    ///
    /// # Errors
    /// If files are missing or damaged, or don't fit together or the options.
    pub fn load(options: &DataOptions) -> Result<Self> {
        match options.data.as_deref() {
            Some("synthetic") => {
                memory::check(synthetic::BYTES, || "the synthetic set".to_owned())?;
                Ok(Self::synthetic())
            }
            Some(folder) => idx_folder::load(folder.as_ref()),
            None => idx_folder::load(&idx_folder::find()?),
        }
    }
}
