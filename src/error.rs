//! Errors in files, settings and the system

use std::io;
use std::path::{Path, PathBuf};

/// A result with the library's error
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the outside world; each variant names the place, what was expected and what was found
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or read
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file
        path: PathBuf,
        /// The operating system's answer
        source: io::Error,
    },
    /// A file or folder could not be created or written
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file
        path: PathBuf,
        /// The operating system's answer
        source: io::Error,
    },
    /// A path is not a regular file
    #[error("{} is a {found}, expected a file", .path.display())]
    NotAFile {
        /// The path
        path: PathBuf,
        /// What it is: `directory`, `FIFO`, …
        found: &'static str,
    },
    /// No folder has the files of a data set
    #[error(
        "no data set: looked for {file} (plain or .gz) in {places}; get Fashion-MNIST with scripts/get-data.sh, name a folder with --data DIR, or use --data synthetic"
    )]
    NoData {
        /// The first file that is missing
        file: &'static str,
        /// The folders that were searched
        places: String,
    },
    /// An IDX file is shorter than its header
    #[error("{}: truncated header: {found} bytes, expected {expected}", .path.display())]
    IdxHeader {
        /// The file
        path: PathBuf,
        /// Length of the header in bytes, by the number of dimensions that it states
        expected: usize,
        /// Length of the file in bytes
        found: usize,
    },
    /// The first four bytes of an IDX file are not those of unsigned bytes in 1 to 4 dimensions
    #[error("{}: IDX magic is {found:#010x}, expected {expected}", .path.display())]
    IdxMagic {
        /// The file
        path: PathBuf,
        /// Their expected content, in words
        expected: &'static str,
        /// The four bytes, big-endian
        found: u32,
    },
    /// The dimensions of an IDX file are impossible or of the wrong kind
    #[error("{}: dimensions {dims:?} {problem}", .path.display())]
    IdxDims {
        /// The file
        path: PathBuf,
        /// The dimensions that the header states
        dims: Vec<u32>,
        /// What is wrong with them
        problem: &'static str,
    },
    /// An IDX file holds more or less data than its header states
    #[error("{}: {found} bytes of data, expected {expected} by dimensions {dims:?}", .path.display())]
    IdxLength {
        /// The file
        path: PathBuf,
        /// The dimensions that the header states
        dims: Vec<u32>,
        /// Their product
        expected: usize,
        /// Number of bytes in the file; `more than N` if reading stopped there
        found: String,
    },
    /// A gzip stream is damaged
    #[error("{}: damaged gzip stream after {after} unpacked bytes", .path.display())]
    Gzip {
        /// The file
        path: PathBuf,
        /// Number of bytes that were unpacked
        after: usize,
        /// The decoder's answer
        source: io::Error,
    },
    /// Two files that belong together don't fit each other
    #[error("{}: {found}, but {}: {expected}", .path.display(), .other.display())]
    Mismatch {
        /// The file that was read later
        path: PathBuf,
        /// What it holds
        found: String,
        /// The file it should fit
        other: PathBuf,
        /// What that one holds
        expected: String,
    },
    /// A label is outside the classes
    #[error("{}: label {found} in row {row} (counted from 0) is outside the classes {classes}", .path.display())]
    Label {
        /// The file
        path: PathBuf,
        /// The row, counted from 0
        row: usize,
        /// The label
        found: u32,
        /// The classes, as `0 to 9`
        classes: String,
    },
    /// All training labels are the same
    #[error("{}: every label is {label}, expected at least two classes", .path.display())]
    OneClass {
        /// The file
        path: PathBuf,
        /// The only label
        label: u32,
    },
    /// A text file (class names, configuration, CSV) is malformed
    #[error("{}: {problem}", .path.display())]
    Text {
        /// The file
        path: PathBuf,
        /// The place, what was expected and what was found
        problem: String,
    },
    /// A model file is damaged
    #[error("{}: {place}: {problem}", .path.display())]
    Model {
        /// The file
        path: PathBuf,
        /// The tensor or the metadata entry
        place: String,
        /// What was expected and what was found
        problem: String,
    },
    /// A row can't be appended to a CSV file, because the file has a different header
    #[error("{}: its header is `{found}`, expected `{expected}`; move it away to start a new one", .path.display())]
    CsvHeader {
        /// The file
        path: PathBuf,
        /// The header of the rows to append
        expected: String,
        /// The header of the file
        found: String,
    },
    /// A setting is outside its range
    #[error("{} is {found}, expected {expected}", .name.replace('_', "-"))]
    Setting {
        /// The setting's name, as on the command line
        name: &'static str,
        /// The accepted values
        expected: String,
        /// The value
        found: String,
    },
    /// The machine has not enough memory
    #[error("this needs {bytes} bytes of memory ({what}), more than this machine has")]
    Memory {
        /// The data that need the memory
        what: String,
        /// Number of bytes
        bytes: u128,
    },
    /// The system can't start the threads
    #[error("cannot start {threads} threads: {problem}")]
    Threads {
        /// Number of threads
        threads: usize,
        /// The system's answer
        problem: String,
    },
    /// A picture could not be drawn
    #[error("cannot draw {}: {problem}", .path.display())]
    Plot {
        /// The picture
        path: PathBuf,
        /// The library's answer
        problem: String,
    },
}

impl Error {
    /// A function for `map_err` that turns an I/O error into [`Self::Read`]
    pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// A function for `map_err` that turns an I/O error into [`Self::Write`]
    pub fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
