//! What files and users can get wrong

use std::io;
use std::path::{Path, PathBuf};

/// The library's result
pub type Result<T> = std::result::Result<T, Error>;

/// Everything the outside world can get wrong; each variant names the place, what was expected and what was found
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
    /// Something other than a regular file stands where a file is needed
    #[error("{} is a {found}, expected a file", .path.display())]
    NotAFile {
        /// Its path
        path: PathBuf,
        /// What it is: `directory`, `FIFO`, …
        found: &'static str,
    },
    /// A data set's files are nowhere to be found
    #[error(
        "no data set: looked for {file} (plain or .gz) in {places}; get Fashion-MNIST with scripts/get-data.sh, name a folder with --data DIR, or use --data synthetic"
    )]
    NoData {
        /// The first file that is missing
        file: &'static str,
        /// Where it was looked for
        places: String,
    },
    /// An IDX file is shorter than its own header
    #[error("{}: truncated header: {found} bytes, expected {expected}", .path.display())]
    IdxHeader {
        /// The file
        path: PathBuf,
        /// Bytes of a header with as many dimensions as this one states
        expected: usize,
        /// Bytes that are there
        found: usize,
    },
    /// An IDX file's first four bytes are not those of a file of this kind
    #[error("{}: IDX magic is {found:#010x}, expected {expected}", .path.display())]
    IdxMagic {
        /// The file
        path: PathBuf,
        /// What they should say, in words
        expected: &'static str,
        /// The four bytes, big-endian
        found: u32,
    },
    /// An IDX file's header can't be true
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
        /// What is there; `more than N` where reading stopped
        found: String,
    },
    /// A gzip stream is damaged
    #[error("{}: damaged gzip stream after {after} unpacked bytes", .path.display())]
    Gzip {
        /// The file
        path: PathBuf,
        /// How many bytes could be unpacked
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
    /// A label is none of the classes
    #[error("{}: label {found} in row {row} (counted from 0) is outside the classes {classes}", .path.display())]
    Label {
        /// The file
        path: PathBuf,
        /// The row, counted from 0
        row: usize,
        /// The label
        found: u32,
        /// Which there are
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
    /// A text file (class names, configuration, CSV) can't be understood
    #[error("{}: {problem}", .path.display())]
    Text {
        /// The file
        path: PathBuf,
        /// The place, what was expected and what was found
        problem: String,
    },
    /// A model file can't be understood
    #[error("{}: {place}: {problem}", .path.display())]
    Model {
        /// The file
        path: PathBuf,
        /// The tensor or the metadata entry
        place: String,
        /// What was expected and what was found
        problem: String,
    },
    /// A CSV file that a row is to be appended to has another header
    #[error("{}: its header is `{found}`, expected `{expected}`; move it away to start a new one", .path.display())]
    CsvHeader {
        /// The file
        path: PathBuf,
        /// The header of the rows to append
        expected: String,
        /// The header that is there
        found: String,
    },
    /// A setting is outside its range
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// The setting's name, as on the command line
        name: &'static str,
        /// What it may be
        expected: String,
        /// What it is
        found: String,
    },
    /// The machine can't give that much memory
    #[error("this needs {bytes} bytes of memory ({what}), more than can be had")]
    Memory {
        /// What the memory is for
        what: String,
        /// How much is needed
        bytes: u128,
    },
    /// The system gives no more threads
    #[error("cannot start {threads} threads: {problem}")]
    Threads {
        /// How many were asked for
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
    /// For `map_err` around reading `path`
    pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// For `map_err` around writing `path`
    pub fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
