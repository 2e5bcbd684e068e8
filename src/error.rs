//! Errors in files, settings and the system

pub mod memory;
mod message_text;
mod regular_file;

use std::io;
use std::path::{Path, PathBuf};

pub use message_text::{
    first_ten, is_unprintable, printable, printable_lines, separated, shell_quoted, shown,
};
#[cfg(all(test, unix))]
pub use regular_file::fifo;
pub use regular_file::{kind_name, open_regular};

/// A [`std::result::Result`] with the library's [`Error`]
pub type Result<T> = std::result::Result<T, Error>;

/// An error in a file, a setting or the system; its message names the place, what was expected and what was found
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or read
    #[error("cannot read {}", shown(.path))]
    Read {
        /// The file
        path: PathBuf,
        /// The operating system's answer
        source: io::Error,
    },
    /// A file or folder could not be created or written
    #[error("cannot write {}", shown(.path))]
    Write {
        /// The file
        path: PathBuf,
        /// The operating system's answer
        source: io::Error,
    },
    /// A file is damaged or malformed, or does not fit another file
    #[error("{}: {}", shown(.path), printable_lines(.problem))]
    Content {
        /// The file
        path: PathBuf,
        /// The place in the file, what was expected and what was found
        problem: String,
    },
    /// A settings file, which a person wrote, has a mistake
    #[error("{}: {}", shown(.path), printable_lines(.problem))]
    Settings {
        /// The file
        path: PathBuf,
        /// The place in the file, what was expected and what was found
        problem: String,
    },
    /// No folder has the files of a data set
    #[error(
        "no data set: looked for {file} (plain or .gz) in {places}; get Fashion-MNIST with scripts/get-data.sh, name a folder with --data DIR, or use --data synthetic",
        places = printable(.places)
    )]
    NoData {
        /// The first file that is missing
        file: String,
        /// The folders that were searched
        places: String,
    },
    /// A gzip stream is damaged
    #[error("{}: damaged gzip stream after {} unpacked bytes", shown(.path), separated(*.after))]
    Gzip {
        /// The file
        path: PathBuf,
        /// Number of bytes that were unpacked
        after: usize,
        /// The decoder's answer
        source: io::Error,
    },
    /// A setting is outside its range
    #[error("{} is {}, expected {expected}", .name.replace('_', "-"), printable(.found))]
    Setting {
        /// The setting's name, as on the command line
        name: &'static str,
        /// The accepted values
        expected: String,
        /// The value
        found: String,
    },
    /// The machine does not have enough memory
    #[error(
        "this needs {} bytes of memory ({what}), more than this machine has or this process may use",
        separated(*.bytes)
    )]
    Memory {
        /// The data that need the memory
        what: String,
        /// Number of bytes
        bytes: u128,
    },
    /// The system could not start the threads
    #[error("cannot start {} threads: {problem}", separated(*.threads))]
    Threads {
        /// Number of threads
        threads: usize,
        /// The system's answer
        problem: String,
    },
    /// A picture could not be drawn
    #[error("cannot draw {}: {problem}", shown(.path))]
    Plot {
        /// The picture
        path: PathBuf,
        /// The library's answer
        problem: String,
    },
    /// The command line, or a file that a person wrote, asks for something that can't be done
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// The error for a problem in the file at `path`; `problem` names the place, what was expected and what was found
    pub fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }

    /// The file or folder that it is about; `None` if it is about none, or several
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Read { path, .. }
            | Self::Write { path, .. }
            | Self::Content { path, .. }
            | Self::Settings { path, .. }
            | Self::Gzip { path, .. }
            | Self::Plot { path, .. } => Some(path),
            // One folder that was named, or the default ones
            Self::NoData { places, .. } => Some(Path::new(places)),
            _ => None,
        }
    }

    /// Its message and those of its sources, as one text
    pub fn chain(&self) -> String {
        let errors = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// A function for `map_err` that turns an I/O error into [`Self::Read`]
    pub fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// A function for `map_err` that turns an I/O error into [`Self::Write`]
    pub fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
