//! NPZ files, the format of `numpy.savez`: ZIP archives of NPY files
//!
//! The crate `zip` reads the directory of the archive and unpacks members. The number of entries that it reserves memory
//! for is at most the number of bytes before the directory.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::array::{Array, Use};
use super::npy;
use super::source::DEFLATE_MAX;
use crate::error::{Error, Result, first_ten, open_regular, printable};

/// How the names of members end that are arrays
const SUFFIX: &str = ".npy";

/// An NPZ file that is open
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    /// Number of bytes of the file
    len: u64,
    /// The name of each array without [`SUFFIX`], and its number in the archive
    arrays: Vec<(String, usize)>,
}

impl Npz {
    /// Opens an NPZ file and reads the directory at its end
    ///
    /// # Errors
    /// If `path` is not a file that can be read, if it is not a ZIP archive, or if two members have one name.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_regular(path)?;
        let len = file.metadata().map_err(Error::reading(path))?.len();
        let directory = |error| match error {
            ZipError::Io(source) if source.raw_os_error().is_some() => Error::reading(path)(source),
            error => Error::content(path, format!("{error}, expected an NPZ file (a ZIP archive)")),
        };
        let archive = ZipArchive::new(BufReader::new(file)).map_err(directory)?;
        let mut arrays = Vec::new();
        for (number, name) in archive.file_names().enumerate() {
            if let Some(array) = name.map_err(directory)?.strip_suffix(SUFFIX) {
                arrays.push((array.to_owned(), number));
            }
        }
        if archive.has_duplicate_names() {
            let names = first_ten(arrays.into_iter().map(|(name, _)| name), ", ");
            let problem =
                format!("has two members of one name, expected names that differ; its arrays: {names}");
            return Err(Error::content(path, problem));
        }
        Ok(Self { path: path.to_owned(), archive, len, arrays })
    }

    /// The names of the arrays, in the order of the file and without `.npy`; other members are not listed
    pub fn names(&self) -> Vec<String> {
        self.arrays.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Reads the array of this name; no more is unpacked than its header states, and one byte
    ///
    /// # Errors
    /// If there is no such array, if it is encrypted, damaged, or compressed other than by deflate, or as for
    /// [`npy::read`].
    pub fn read(&mut self, name: &str, for_use: Use) -> Result<Array> {
        let Some((_, number)) = self.arrays.iter().find(|(array, _)| array == name) else {
            let names = first_ten(self.arrays.iter().map(|(name, _)| name.clone()), ", ");
            let names = if names.is_empty() { "no arrays".to_owned() } else { names };
            let problem = format!("has no array {}, expected one of those it has: {names}", printable(name));
            return Err(Error::content(&self.path, problem));
        };
        let path = &self.path;
        let wrong = |problem: String| Error::content(path, format!("array {}: {problem}", printable(name)));
        let failed = |error| match error {
            ZipError::Io(source) if source.raw_os_error().is_some() => Error::reading(path)(source),
            error => wrong(error.to_string()),
        };
        let entry = self.archive.by_index_data(*number).map_err(failed)?;
        if entry.encrypted() {
            return Err(wrong("is encrypted, expected a member without a password".to_owned()));
        }
        // The directory states both lengths. Neither may be larger than what the file can hold.
        let (packed, unpacked) = (entry.compressed_size(), entry.size());
        if packed > self.len {
            let problem =
                format!("{packed} compressed bytes by the directory, but the file has {}", self.len);
            return Err(wrong(problem));
        }
        let most = match entry.compression() {
            CompressionMethod::Stored => packed,
            CompressionMethod::Deflated => packed.saturating_mul(DEFLATE_MAX),
            other => {
                let problem = format!("is compressed by method {other}, expected Stored or Deflated");
                return Err(wrong(problem));
            }
        };
        if unpacked > most {
            let problem =
                format!("{unpacked} bytes by the directory, but its {packed} bytes unpack to {most} at most");
            return Err(wrong(problem));
        }
        let mut reader = self.archive.by_index(*number).map_err(failed)?;
        npy::read_member(path, name, &mut reader, unpacked, for_use)
    }
}
