//! The bytes of a table, plain or unpacked, in chunks that end where records end

use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::scan::RecordEnd;
use crate::data::gzip::{self, BytesBehind, Members};
use crate::error::{Error, Result, open_regular};

/// Size in bytes of the buffer between a compressed file and its decoder
const BUFFER: usize = 1 << 17;

/// The bytes of a table, from a file or a stream
pub struct Source {
    path: PathBuf,
    stream: Box<dyn Read + Send>,
    is_gzip: bool,
    /// Whether the bytes come when they are written, so that reading on may wait
    is_live: bool,
    /// Length of a plain file
    size: Option<u64>,
    /// Number of unpacked bytes that were read
    read: u64,
    /// Bytes that were read and not yet returned
    carry: Vec<u8>,
    has_ended: bool,
    most: usize,
}

/// The outcome of [`Source::next`]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Whole records, as many bytes of the buffer
    Records(usize),
    /// No records are left
    End,
    /// The next record is longer than [`Source::most`]
    TooLong,
}

impl Source {
    /// Most bytes of a record; a longer one is more probably a quote that is not closed
    pub const MOST: usize = 256 << 20;

    /// Opens a file; its first two bytes decide whether it is plain or gzip
    ///
    /// # Errors
    /// If `path` is not a file that can be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_regular(path)?;
        let size = file.metadata().map_err(Error::reading(path))?.len();
        let mut source = Self::of(path, file)?;
        source.size = (!source.is_gzip).then_some(size);
        source.is_live = false;
        Ok(source)
    }

    /// A source of the bytes of a stream, plain or gzip
    ///
    /// # Errors
    /// If it can't be read.
    pub fn of(path: &Path, mut stream: impl Read + Send + 'static) -> Result<Self> {
        let mut magic = Vec::new();
        stream.by_ref().take(2).read_to_end(&mut magic).map_err(Error::reading(path))?;
        let is_gzip = magic == gzip::MAGIC;
        let stream = Cursor::new(magic).chain(stream);
        let stream: Box<dyn Read + Send> = if is_gzip {
            Box::new(Members::new(BufReader::with_capacity(BUFFER, stream)))
        } else {
            Box::new(stream)
        };
        let path = path.to_owned();
        let (size, carry, most) = (None, Vec::new(), Self::MOST);
        Ok(Self { path, stream, is_gzip, is_live: true, size, read: 0, carry, has_ended: false, most })
    }

    /// The file, for messages
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of a plain file; `None` if it isn't known how many bytes will come
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Whether the bytes come when they are written, so that reading on may wait
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Whether all bytes were read
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Most bytes of a record
    pub fn most(&self) -> usize {
        self.most
    }

    /// Number of unpacked bytes before those that the next call of [`Self::next`] returns
    pub fn offset(&self) -> u64 {
        self.read - self.carry.len() as u64
    }

    /// Reads into `buffer` behind its first `filled` bytes, until it has `len` or the file ends; returns how many it has
    ///
    /// With `once`, it returns after the first read that has bytes.
    ///
    /// # Errors
    /// If the file can't be read, or its gzip stream is damaged.
    pub fn fill(&mut self, buffer: &mut Vec<u8>, mut filled: usize, len: usize, once: bool) -> Result<usize> {
        if buffer.len() < len {
            let missing = len - buffer.len();
            let (what, bytes) = (format!("a part of {}", self.path.display()), missing as u128);
            buffer.try_reserve_exact(missing).map_err(|_| Error::Memory { what, bytes })?;
            buffer.resize(len, 0);
        }
        while filled < len && !self.has_ended {
            match self.stream.read(&mut buffer[filled..len]) {
                Ok(n) => {
                    (filled, self.read, self.has_ended) = (filled + n, self.read + n as u64, n == 0);
                    if once {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(filled)
    }

    /// Gives bytes back, which [`Self::fill`] has read; the next call returns them again
    pub fn give_back(&mut self, bytes: &[u8]) {
        self.carry.splice(..0, bytes.iter().copied());
    }

    /// Reads the next records into `buffer`: about `len` bytes, more if a record is longer, or, with `once`, those that
    /// one read returns
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub fn next(&mut self, buffer: &mut Vec<u8>, len: usize, separator: u8, once: bool) -> Result<Chunk> {
        let mut filled = self.carry.len();
        let mut len = len.max(filled);
        if buffer.len() < filled {
            buffer.resize(filled, 0);
        }
        buffer[..filled].copy_from_slice(&self.carry);
        self.carry.clear();
        let mut record_end = RecordEnd::default();
        let mut end = if once { record_end.find(&buffer[..filled], separator) } else { 0 };
        while end == 0 {
            if !self.has_ended {
                filled = self.fill(buffer, filled, len, once)?;
            }
            end = if self.has_ended { filled } else { record_end.find(&buffer[..filled], separator) };
            if end == 0 && self.has_ended {
                return Ok(Chunk::End);
            }
            if end == 0 && filled > self.most || end > 0 && self.is_one_long_record(&buffer[..end], separator)
            {
                return Ok(Chunk::TooLong);
            }
            if filled == len {
                len = (2 * len).min(self.most + 1);
            }
        }
        self.carry.extend_from_slice(&buffer[end..filled]);
        Ok(Chunk::Records(end))
    }

    /// Whether the last bytes of a file are one record that is too long; other records are found while they are read
    fn is_one_long_record(&self, text: &[u8], separator: u8) -> bool {
        self.has_ended && text.len() > self.most && RecordEnd::default().find(text, separator) == 0
    }

    /// The error for an I/O error of the stream
    fn error(&self, source: io::Error) -> Error {
        if source.get_ref().is_some_and(|inner| inner.is::<BytesBehind>()) {
            return Error::content(&self.path, source.to_string());
        }
        // Errors of gzip's decoder have no error code of the operating system.
        if self.is_gzip && source.raw_os_error().is_none() {
            let after = usize::try_from(self.read).unwrap_or(usize::MAX);
            return Error::Gzip { path: self.path.clone(), after, source };
        }
        Error::reading(&self.path)(source)
    }

    /// Changes the longest record, so that a test can be short
    #[cfg(test)]
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Source {
        Source::of(Path::new("t.csv"), Cursor::new(bytes.to_vec())).unwrap()
    }

    #[test]
    fn chunks_end_at_records_whatever_their_size() {
        let text = b"a,b\n\"x\ny\",2\r\n\n3,4";
        for len in 1..20 {
            for once in [false, true] {
                let (mut source, mut buffer, mut all) = (source(text), vec![], vec![]);
                while let Chunk::Records(end) = source.next(&mut buffer, len, b',', once).unwrap() {
                    assert!(buffer[..end].ends_with(b"\n") || source.has_ended());
                    assert_ne!(&buffer[..end], b"\"x\n");
                    all.extend_from_slice(&buffer[..end]);
                    assert_eq!(source.offset(), all.len() as u64);
                }
                assert_eq!(all, text);
            }
        }
    }

    #[test]
    fn bytes_that_are_given_back_come_again() {
        let (mut source, mut buffer) = (source(b"ab\ncd\n"), vec![]);
        assert_eq!(source.fill(&mut buffer, 0, 5, false).unwrap(), 5);
        source.give_back(b"b\ncd");
        assert_eq!(source.next(&mut buffer, 1, b',', false).unwrap(), Chunk::Records(2));
        assert_eq!(&buffer[..2], b"b\n");
        assert_eq!(source.next(&mut buffer, 1, b',', false).unwrap(), Chunk::Records(3));
        assert_eq!(source.next(&mut buffer, 1, b',', false).unwrap(), Chunk::End);
    }

    #[test]
    fn a_record_that_is_too_long_is_refused_and_memory_stays_bounded() {
        for text in ["1".repeat(1000), format!("\"{}", "\n".repeat(1000)), "1".repeat(101)] {
            let (mut source, mut buffer) = (source(text.as_bytes()), vec![]);
            source.set_most(100);
            assert_eq!(source.next(&mut buffer, 10, b',', false).unwrap(), Chunk::TooLong);
            assert!(buffer.len() <= 101);
        }
        let (mut source, mut buffer) = (source("1".repeat(100).as_bytes()), vec![]);
        source.set_most(100);
        assert_eq!(source.next(&mut buffer, 10, b',', false).unwrap(), Chunk::Records(100));
    }
}
