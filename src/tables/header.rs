//! The header of a CSV file: the names of its columns, with the path and the layout of the file

use std::path::PathBuf;

use csv::StringRecord;

use super::layout::Layout;

/// The number of characters of a cell that an error shows
const SHOWN: usize = 100;

/// What all rows of a file share
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub path: PathBuf,
    pub names: StringRecord,
    pub layout: Layout,
}

/// The first characters of a text that may be long, for a message
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).chain(text.chars().nth(SHOWN).map(|_| '…')).collect()
}
