//! IDX files of unsigned bytes, the format of MNIST and similar sets, plain or compressed with gzip
//!
//! ```text
//! 00 00 08 n     magic: two zero bytes, the element type (08: unsigned bytes), the number of dimensions
//! d₁ … dₙ        the dimensions, each 4 bytes, big-endian
//! d₁·…·dₙ bytes  the data, the last dimension varying fastest; then the file ends
//! ```
//!
//! A header may be wrong. It is compared with the size of the file before memory is reserved, and no more bytes are
//! read than it states.
//!
//! Sources: LeCun, Cortes, Burges, *The MNIST database of handwritten digits* (file formats); RFC 1952 (gzip).

use std::fs::{self, File, FileType};
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use byteorder::{BigEndian, ByteOrder};
use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// The first two bytes of a gzip stream; those of an IDX file are zeros
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Code of the element type unsigned bytes
const UNSIGNED_BYTES: u8 = 0x08;

/// Largest ratio of unpacked to compressed length: the longest match of deflate, 258 bytes, takes at least 2 bits
const DEFLATE_MAX: u64 = 258 * 8 / 2;

/// Size of the reading buffer in bytes; larger ones save less than 1 % of the time (docs/engine.md, "reading buffer")
const BUFFER: usize = 1 << 17;

/// An IDX file of unsigned bytes
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// 1 to 4 dimensions, none of them 0
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
    let (file, len) = open(path)?;
    let mut file = BufReader::with_capacity(BUFFER, file);
    let mut start = Vec::with_capacity(GZIP.len());
    file.by_ref().take(2).read_to_end(&mut start).map_err(Error::reading(path))?;
    file.rewind().map_err(Error::reading(path))?;
    if start == GZIP {
        let holds = Holds::AtMost(len.saturating_mul(DEFLATE_MAX));
        // A gzip file may have several members; `GzDecoder` ends after the first.
        Source { path, reader: MultiGzDecoder::new(file), holds, done: 0 }.idx()
    } else {
        Source { path, reader: file, holds: Holds::Exactly(len), done: 0 }.idx()
    }
}

/// Opens a regular file and returns it with its length in bytes
fn open(path: &Path) -> Result<(File, u64)> {
    // Checked before opening: opening a FIFO waits for its writer, and opening a device may start it.
    let kind = fs::metadata(path).map_err(Error::reading(path))?.file_type();
    if !kind.is_file() {
        return Err(Error::NotAFile { path: path.to_owned(), found: name(kind) });
    }
    let file = File::open(path).map_err(Error::reading(path))?;
    let len = file.metadata().map_err(Error::reading(path))?.len();
    Ok((file, len))
}

/// The name, for messages, of a file type that is not a regular file
fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "FIFO";
        } else if kind.is_socket() {
            return "socket";
        } else if kind.is_block_device() || kind.is_char_device() {
            return "device";
        }
    }
    if kind.is_dir() { "directory" } else { "special file" }
}

/// The length of the unpacked file, header included, as far as it is known before reading
#[derive(Clone, Copy)]
enum Holds {
    /// The length of a plain file
    Exactly(u64),
    /// The largest length that a gzip file can unpack to
    AtMost(u64),
}

/// A reader of the unpacked bytes of the file, with the number of bytes that it has read
struct Source<'a, R> {
    path: &'a Path,
    reader: R,
    holds: Holds,
    done: usize,
}

impl<R: Read> Source<'_, R> {
    /// Reads the whole file
    fn idx(mut self) -> Result<Idx> {
        let dims = self.header()?;
        let expected = self.stated(&dims)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(expected).map_err(|_| Error::Memory {
            what: format!("the data of {}", self.path.display()),
            bytes: expected as u128,
        })?;
        self.fill(&mut bytes, expected)?;
        if bytes.len() < expected {
            return Err(self.length(&dims, expected, bytes.len().to_string()));
        }
        // Reads one byte more, into another vector, since `bytes` is full and would be moved to grow. The decoder
        // compares gzip's checksum and length when it reaches the end of its stream.
        let mut excess = Vec::new();
        self.fill(&mut excess, 1)?;
        if !excess.is_empty() {
            return Err(self.length(&dims, expected, format!("more than {expected}")));
        }
        Ok(Idx { dims: dims.iter().map(|&d| d as usize).collect(), bytes })
    }

    /// Reads the header and returns its dimensions
    fn header(&mut self) -> Result<Vec<u32>> {
        let mut magic = Vec::with_capacity(4);
        self.fill_header(&mut magic, 4)?;
        let wrong = |expected| Error::IdxMagic {
            path: self.path.to_owned(),
            expected,
            found: BigEndian::read_u32(&magic),
        };
        match magic[2] {
            _ if magic[..2] != [0, 0] => return Err(wrong("an IDX file, which starts with two zero bytes")),
            UNSIGNED_BYTES => {}
            0x09 => return Err(wrong("type 0x08, unsigned bytes, not 0x09, signed bytes")),
            0x0b => return Err(wrong("type 0x08, unsigned bytes, not 0x0b, 16-bit integers")),
            0x0c => return Err(wrong("type 0x08, unsigned bytes, not 0x0c, 32-bit integers")),
            0x0d => return Err(wrong("type 0x08, unsigned bytes, not 0x0d, 32-bit floats")),
            0x0e => return Err(wrong("type 0x08, unsigned bytes, not 0x0e, 64-bit floats")),
            _ => return Err(wrong("type 0x08, unsigned bytes, as its third byte")),
        }
        let n = usize::from(magic[3]);
        if !(1..=4).contains(&n) {
            return Err(wrong("1 to 4 dimensions as its last byte"));
        }
        let mut rest = Vec::with_capacity(4 * n);
        self.fill_header(&mut rest, 4 * n)?;
        let mut dims = vec![0; n];
        BigEndian::read_u32_into(&rest, &mut dims);
        Ok(dims)
    }

    /// Number of bytes of data that the dimensions state, if the file can hold them
    fn stated(&self, dims: &[u32]) -> Result<usize> {
        let wrong = |problem| Error::IdxDims { path: self.path.to_owned(), dims: dims.to_vec(), problem };
        if dims.contains(&0) {
            return Err(wrong("contain a 0, expected at least 1 each"));
        }
        let expected = dims
            .iter()
            .try_fold(1_usize, |product, &d| product.checked_mul(usize::try_from(d).ok()?))
            .ok_or_else(|| wrong("have a product that is larger than any memory"))?;
        let behind_header = |len: u64| len.saturating_sub(self.done as u64);
        match self.holds {
            Holds::Exactly(len) if behind_header(len) != expected as u64 => {
                Err(self.length(dims, expected, behind_header(len).to_string()))
            }
            Holds::AtMost(len) if behind_header(len) < expected as u64 => {
                Err(self.length(dims, expected, format!("at most {}", behind_header(len))))
            }
            Holds::Exactly(_) | Holds::AtMost(_) => Ok(expected),
        }
    }

    /// Appends `n` bytes of the header to `into`
    fn fill_header(&mut self, into: &mut Vec<u8>, n: usize) -> Result<()> {
        let expected = self.done + n;
        self.fill(into, n)?;
        if self.done < expected {
            return Err(Error::IdxHeader { path: self.path.to_owned(), expected, found: self.done });
        }
        Ok(())
    }

    /// Appends `n` bytes to `into`, or fewer if the file ends
    ///
    /// If the caller has reserved `n` bytes, `into` is not moved, and memory after the last byte is not touched.
    fn fill(&mut self, into: &mut Vec<u8>, n: usize) -> Result<()> {
        let before = into.len();
        let outcome = self.reader.by_ref().take(n as u64).read_to_end(into);
        self.done += into.len() - before;
        outcome.map(drop).map_err(|source| self.failed(source))
    }

    /// The error for a failed read; those of gzip's decoder have no code of the operating system
    fn failed(&self, source: io::Error) -> Error {
        let path = self.path.to_owned();
        match self.holds {
            Holds::AtMost(_) if source.raw_os_error().is_none() => {
                Error::Gzip { path, after: self.done, source }
            }
            Holds::AtMost(_) | Holds::Exactly(_) => Error::Read { path, source },
        }
    }

    /// The error for a file with more or less data than `dims` state
    fn length(&self, dims: &[u32], expected: usize, found: String) -> Error {
        Error::IdxLength { path: self.path.to_owned(), dims: dims.to_vec(), expected, found }
    }
}
