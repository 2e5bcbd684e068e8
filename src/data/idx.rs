//! IDX files of unsigned bytes, the format of MNIST and similar sets, plain or compressed with gzip
//!
//! ```text
//! 00 00 08 n     magic: two zero bytes, the element type (08: unsigned bytes), the number of dimensions
//! d₁ … dₙ        the dimensions, each 4 bytes, big-endian
//! d₁·…·dₙ bytes  the data, the last dimension varying fastest; then the file ends
//! ```
//!
//! A header may be wrong. The length that it states is compared with the size of the file before memory is reserved,
//! and at most one byte more than that is read.
//!
//! Sources: LeCun, Cortes, Burges, *The MNIST database of handwritten digits* (file formats); RFC 1952 (gzip).

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use byteorder::{BigEndian, ByteOrder};

use super::gzip::{self, BytesBehind, Members};
use crate::error::{Error, Result, open_regular};

/// Code of the element type "unsigned byte"
const UNSIGNED_BYTES: u8 = 0x08;

/// The codes of the other element types
const OTHER_TYPES: [(u8, &str); 5] = [
    (0x09, "signed bytes"),
    (0x0b, "16-bit integers"),
    (0x0c, "32-bit integers"),
    (0x0d, "32-bit floats"),
    (0x0e, "64-bit floats"),
];

/// Largest ratio of unpacked to compressed length: the longest match of deflate, 258 bytes, takes at least 2 bits
const DEFLATE_MAX: u64 = 258 * 8 / 2;

/// Size of the reading buffer in bytes; larger ones save no time (docs/engine.md, row "reading buffer")
const BUFFER: usize = 1 << 17;

/// An IDX file of unsigned bytes
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The 1 to 4 dimensions, none of which is 0
    pub dims: Vec<usize>,
    /// The elements, the last dimension varying fastest; their number is the product of `dims`
    pub bytes: Vec<u8>,
}

/// Reads an IDX file of unsigned bytes; its first two bytes, not its name, decide whether it is plain or gzip
///
/// # Errors
/// If `path` is not a file that can be read, if the gzip stream is damaged, or if the file is not exactly a
/// header followed by as many bytes as the header states.
pub fn read(path: &Path) -> Result<Idx> {
    let file = open_regular(path)?;
    let len = file.metadata().map_err(Error::reading(path))?.len();
    let mut file = BufReader::with_capacity(BUFFER, file);
    let is_gzip = file.fill_buf().map_err(Error::reading(path))?.starts_with(&gzip::MAGIC);
    if is_gzip {
        let (reader, len) = (Members::new(file), len.saturating_mul(DEFLATE_MAX));
        Source { path, reader, is_gzip, len, done: 0 }.idx()
    } else {
        Source { path, reader: file, is_gzip, len, done: 0 }.idx()
    }
}

/// A reader of the unpacked bytes of a file
struct Source<'a, R> {
    path: &'a Path,
    reader: R,
    is_gzip: bool,
    /// The length of a plain file, or the largest length that a gzip file can unpack to, including the header
    len: u64,
    /// Number of bytes that have been read
    done: usize,
}

impl<R: Read> Source<'_, R> {
    /// Reads the whole file
    fn idx(mut self) -> Result<Idx> {
        let dims = self.header()?;
        let expected = self.data_len(&dims)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(expected).map_err(|_| Error::Memory {
            what: format!("the data of {}", self.path.display()),
            bytes: expected as u128,
        })?;
        self.fill(&mut bytes, expected)?;
        if bytes.len() < expected {
            return Err(self.wrong_length(&dims, expected, bytes.len().to_string()));
        }
        // Tries to read one more byte, into another vector, since `bytes` is full and would be moved to grow. This also
        // makes gzip's decoder reach the end of its stream, where it compares checksum and length.
        let mut excess = Vec::new();
        self.fill(&mut excess, 1)?;
        if !excess.is_empty() {
            return Err(self.wrong_length(&dims, expected, format!("more than {expected}")));
        }
        Ok(Idx { dims: dims.iter().map(|&d| d as usize).collect(), bytes })
    }

    /// Reads the header and returns its dimensions
    fn header(&mut self) -> Result<Vec<u32>> {
        let magic = self.numbers(1)?[0];
        let expected = match magic.to_be_bytes() {
            [0, 0, UNSIGNED_BYTES, n @ 1..=4] => return self.numbers(n.into()),
            [0, 0, UNSIGNED_BYTES, _] => "1 to 4 dimensions as its last byte".to_owned(),
            [0, 0, code, _] => match OTHER_TYPES.iter().find(|(other, _)| *other == code) {
                Some((_, name)) => format!("type 0x08, unsigned bytes, not {code:#04x}, {name}"),
                None => "type 0x08, unsigned bytes, as its third byte".to_owned(),
            },
            _ => "an IDX file, which starts with two zero bytes".to_owned(),
        };
        Err(Error::content(self.path, format!("IDX magic is {magic:#010x}, expected {expected}")))
    }

    /// The number of data bytes that the dimensions state; an error if the file can't hold as many
    fn data_len(&self, dims: &[u32]) -> Result<usize> {
        let wrong = |problem| Error::content(self.path, format!("dimensions {dims:?} {problem}"));
        if dims.contains(&0) {
            return Err(wrong("contain a 0, expected at least 1 each"));
        }
        let expected = dims
            .iter()
            .try_fold(1_usize, |product, &d| product.checked_mul(usize::try_from(d).ok()?))
            .ok_or_else(|| wrong("have a product that is larger than any memory"))?;
        let left = self.len.saturating_sub(self.done as u64);
        match self.is_gzip {
            false if left != expected as u64 => Err(self.wrong_length(dims, expected, left.to_string())),
            true if left < expected as u64 => {
                Err(self.wrong_length(dims, expected, format!("at most {left}")))
            }
            _ => Ok(expected),
        }
    }

    /// Reads `n` numbers of the header, each 4 bytes, big-endian
    fn numbers(&mut self, n: usize) -> Result<Vec<u32>> {
        let (mut bytes, expected) = (Vec::with_capacity(4 * n), self.done + 4 * n);
        self.fill(&mut bytes, 4 * n)?;
        if self.done < expected {
            let problem = format!("truncated header: {} bytes, expected {expected}", self.done);
            return Err(Error::content(self.path, problem));
        }
        let mut numbers = vec![0; n];
        BigEndian::read_u32_into(&bytes, &mut numbers);
        Ok(numbers)
    }

    /// Appends `n` bytes to `into`, or fewer if the file ends
    ///
    /// If the caller has reserved `n` bytes, `into` is not moved, and memory after the last byte is not touched.
    fn fill(&mut self, into: &mut Vec<u8>, n: usize) -> Result<()> {
        let before = into.len();
        let outcome = self.reader.by_ref().take(n as u64).read_to_end(into);
        self.done += into.len() - before;
        match outcome {
            Ok(_) => Ok(()),
            Err(source) if source.get_ref().is_some_and(|inner| inner.is::<BytesBehind>()) => {
                Err(Error::content(self.path, source.to_string()))
            }
            // Errors of gzip's decoder have no error code of the operating system.
            Err(source) if self.is_gzip && source.raw_os_error().is_none() => {
                Err(Error::Gzip { path: self.path.to_owned(), after: self.done, source })
            }
            Err(source) => Err(Error::reading(self.path)(source)),
        }
    }

    /// The error for a file with more or less data than `dims` state
    fn wrong_length(&self, dims: &[u32], expected: usize, found: String) -> Error {
        let problem = format!("{found} bytes of data, expected {expected} by dimensions {dims:?}");
        Error::content(self.path, problem)
    }
}
