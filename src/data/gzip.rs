//! Reading a gzip file: all of its members, and any padding after them

use std::io::ErrorKind::InvalidInput;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The first two bytes of a gzip stream; those of an IDX file are zeros
pub const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The unpacked bytes of all members of a gzip file, one after the other
///
/// Zeros after the last member are padding, which tapes and some copying programs append. Any other bytes there give
/// the error [`BytesBehind`]. `MultiGzDecoder` would report both as a member with a damaged header.
///
/// Source: RFC 1952 (gzip).
#[derive(Debug)]
pub struct Members<R> {
    /// `None` at the end of the file
    member: Option<GzDecoder<R>>,
    /// Whether a member has ended and the next one has not yet unpacked a byte
    between: bool,
}

/// The error for bytes other than zeros after the gzip stream
#[derive(Debug, thiserror::Error)]
#[error(
    "other bytes follow the gzip stream, whose own data are whole; \
     expected the end of the file, or zeros (`gzip -dc` writes the data without those bytes)"
)]
pub struct BytesBehind;

impl<R: BufRead> Members<R> {
    /// A reader of all members in `reader`
    pub fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(reader)), between: false }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let outcome = member.read(into);
            match outcome {
                // What follows the last member is not the header of another one.
                Err(error) if self.between && member.header().is_none() && error.kind() == InvalidInput => {
                    return Err(io::Error::other(BytesBehind));
                }
                Ok(0) if !into.is_empty() => {}
                Ok(n) => {
                    self.between &= n == 0;
                    return Ok(n);
                }
                error => return error,
            }
            let follows = member.get_mut().fill_buf()?;
            let is_member = follows.starts_with(&MAGIC) || follows == &MAGIC[..1];
            let reader = self.member.take().map(GzDecoder::into_inner);
            match reader {
                Some(reader) if is_member => {
                    (self.member, self.between) = (Some(GzDecoder::new(reader)), true);
                }
                Some(padding) => zeros(padding)?,
                None => {}
            }
        }
        Ok(0)
    }
}

/// Reads to the end of the file and checks that all bytes are zero
fn zeros(mut padding: impl BufRead) -> io::Result<()> {
    loop {
        let bytes = padding.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(io::Error::other(BytesBehind));
        }
        let len = bytes.len();
        padding.consume(len);
    }
}
