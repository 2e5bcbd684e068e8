//! The unpacked bytes of an array file, read in order, with errors that name the file and the array

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::gzip::{self, BytesBehind, Members};
use crate::error::{Error, Result, open_regular, printable};

/// Largest ratio of unpacked to compressed length: the longest match of deflate, 258 bytes, takes at least 2 bits
pub const DEFLATE_MAX: u64 = 258 * 8 / 2;

/// Size of the reading buffer in bytes; larger ones save no time (docs/engine.md, row "reading buffer")
const BUFFER: usize = 1 << 17;

/// The bytes of one array: a plain file, a gzip file, a member of an archive, or a stream
pub struct Source<'a> {
    path: Cow<'a, Path>,
    /// The name of the array in messages; `None` if the file holds one array
    array: Option<&'a str>,
    reader: Reader<'a>,
    len: Len,
    /// Number of bytes that have been read
    done: usize,
}

enum Reader<'a> {
    Plain(BufReader<File>),
    Gzip(Box<Members<BufReader<File>>>),
    Member(&'a mut (dyn Read + Send)),
    Stream(Box<dyn Read + Send>),
}

/// The number of bytes of a source, including the header
#[derive(Clone, Copy)]
enum Len {
    Exactly(u64),
    /// The largest length that a gzip file can unpack to; that of a stream is not limited
    AtMost(u64),
}

impl<'a> Source<'a> {
    /// Opens a file; its first two bytes, not its name, decide whether it is plain or gzip
    ///
    /// # Errors
    /// If `path` is not a file that can be read.
    pub fn open(path: &'a Path) -> Result<Self> {
        Self::of(path.into())
    }

    fn of(path: Cow<'a, Path>) -> Result<Self> {
        let file = open_regular(&path)?;
        let len = file.metadata().map_err(Error::reading(&path))?.len();
        let mut file = BufReader::with_capacity(BUFFER, file);
        let is_gzip = file.fill_buf().map_err(Error::reading(&path))?.starts_with(&gzip::MAGIC);
        let (reader, len) = if is_gzip {
            (Reader::Gzip(Box::new(Members::new(file))), Len::AtMost(len.saturating_mul(DEFLATE_MAX)))
        } else {
            (Reader::Plain(file), Len::Exactly(len))
        };
        Ok(Self { path, array: None, reader, len, done: 0 })
    }

    /// Opens a file as [`Self::open`] does, and keeps its path
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_owned(path: PathBuf) -> Result<Source<'static>> {
        Source::of(path.into())
    }

    /// The array of this name in an archive, whose unpacked length is `len`
    pub fn member(path: &'a Path, array: &'a str, reader: &'a mut (dyn Read + Send), len: u64) -> Self {
        let (path, reader) = (path.into(), Reader::Member(reader));
        Self { path, array: Some(array), reader, len: Len::Exactly(len), done: 0 }
    }

    /// An array that comes from a stream, such as standard input, whose length is not known; messages call it `name`
    pub fn stream(name: &str, stream: impl Read + Send + 'static) -> Source<'static> {
        let stream = BufReader::with_capacity(BUFFER, stream);
        let (path, reader) = (PathBuf::from(name).into(), Reader::Stream(Box::new(stream)));
        Source { path, array: None, reader, len: Len::AtMost(u64::MAX), done: 0 }
    }

    /// The error for a problem in this array
    pub fn error(&self, problem: &str) -> Error {
        match self.array {
            Some(array) => Error::content(&self.path, format!("array {}: {problem}", printable(array))),
            None => Error::content(&self.path, problem),
        }
    }

    /// The error for memory that can't be reserved
    pub fn no_memory(&self, bytes: u128) -> Error {
        let array = self.array.map_or_else(String::new, |array| format!("array {} of ", printable(array)));
        Error::Memory { what: format!("the data of {array}{}", self.path.display()), bytes }
    }

    /// Checks that `expected` bytes can follow what has been read, before memory is reserved for them
    ///
    /// * `by`: what states that number, such as `dimensions [2, 3]`
    ///
    /// # Errors
    /// If the source has another length, or can't unpack to as many bytes.
    pub fn check_left(&self, expected: usize, by: &str) -> Result<()> {
        let left = |len: u64| len.saturating_sub(self.done as u64);
        match self.len {
            Len::Exactly(len) if left(len) != expected as u64 => {
                Err(self.wrong_length(&left(len).to_string(), expected, by))
            }
            Len::AtMost(len) if left(len) < expected as u64 => {
                Err(self.wrong_length(&format!("at most {}", left(len)), expected, by))
            }
            _ => Ok(()),
        }
    }

    /// The error for a source with more or fewer data bytes than expected
    pub fn wrong_length(&self, found: &str, expected: usize, by: &str) -> Error {
        self.error(&format!("{found} bytes of data, expected {expected} by {by}"))
    }

    /// Reads `n` bytes of the header
    ///
    /// # Errors
    /// If there are fewer, or they can't be read.
    pub fn header(&mut self, n: usize) -> Result<Vec<u8>> {
        let (mut bytes, expected) = (Vec::new(), self.done + n);
        self.append(&mut bytes, n)?;
        if self.done < expected {
            let problem = format!("truncated header: {} bytes, expected {expected}", self.done);
            return Err(self.error(&problem));
        }
        Ok(bytes)
    }

    /// Appends `n` bytes to `into`, or fewer if the source ends
    ///
    /// If the caller has reserved `n` bytes, `into` is not moved, and memory after the last byte is not touched.
    ///
    /// # Errors
    /// If the bytes can't be read or unpacked.
    pub fn append(&mut self, into: &mut Vec<u8>, n: usize) -> Result<()> {
        let before = into.len();
        // By type: a reader that wraps all three would clear memory before each read.
        let outcome = match &mut self.reader {
            Reader::Plain(file) => file.take(n as u64).read_to_end(into),
            Reader::Gzip(members) => members.take(n as u64).read_to_end(into),
            Reader::Member(reader) => reader.take(n as u64).read_to_end(into),
            Reader::Stream(stream) => stream.take(n as u64).read_to_end(into),
        };
        self.done += into.len() - before;
        outcome.map(drop).map_err(|error| self.reading(error))
    }

    /// Fills `into`, or less of it if the source ends, and returns how many bytes that are
    ///
    /// # Errors
    /// If the bytes can't be read or unpacked.
    pub fn fill(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.reader.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(n) => (filled, self.done) = (filled + n, self.done + n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.reading(error)),
            }
        }
        Ok(filled)
    }

    /// Checks that the source has ended
    ///
    /// It tries to read one more byte, which also makes a decoder reach the end of its stream, where it compares
    /// checksum and length.
    ///
    /// # Errors
    /// If it has more bytes, or its end is damaged.
    pub fn end(&mut self, expected: usize, by: &str) -> Result<()> {
        let mut excess = Vec::new();
        self.append(&mut excess, 1)?;
        let found = format!("more than {expected}");
        if excess.is_empty() { Ok(()) } else { Err(self.wrong_length(&found, expected, by)) }
    }

    /// Whether bytes can be read at any place
    pub fn is_plain(&self) -> bool {
        cfg!(unix) && matches!(self.reader, Reader::Plain(_))
    }

    /// A plain file and the number of its bytes that have been read
    #[cfg(unix)]
    pub fn plain(&self) -> Option<(&File, u64)> {
        match &self.reader {
            Reader::Plain(file) => Some((file.get_ref(), self.done as u64)),
            _ => None,
        }
    }

    /// The error for a failed read
    pub fn reading(&self, source: io::Error) -> Error {
        // Errors of a decoder have no error code of the operating system.
        let is_decoder = source.raw_os_error().is_none();
        match &self.reader {
            Reader::Gzip(_) if source.get_ref().is_some_and(|inner| inner.is::<BytesBehind>()) => {
                self.error(&source.to_string())
            }
            Reader::Gzip(_) if is_decoder => {
                Error::Gzip { path: self.path.clone().into_owned(), after: self.done, source }
            }
            Reader::Member(_) if is_decoder => {
                self.error(&format!("damaged after {} unpacked bytes: {source}", self.done))
            }
            _ => Error::reading(&self.path)(source),
        }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(into),
            Self::Gzip(members) => members.read(into),
            Self::Member(reader) => reader.read(into),
            Self::Stream(stream) => stream.read(into),
        }
    }
}
