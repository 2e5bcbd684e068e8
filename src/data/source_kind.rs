//! What kind of data a path has, by its content and not by its name

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::gzip::{self, Members};
use super::{idx, npy};
use crate::error::{Error, Result, open_regular};

/// A kind of data
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory, which may hold IDX files
    Folder,
    /// An IDX file, plain or gzip
    Idx,
    /// An NPY file, plain or gzip
    Npy,
    /// An NPZ file
    Npz,
    /// A model file of this program (safetensors)
    Model,
    /// Text, plain or gzip: a table
    Table,
}

/// Number of bytes at the start of a file that are looked at
const START: u64 = 1024;

/// A ZIP archive begins with its first member or, if it has none, with the end of its directory
const ZIP_MAGICS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Tells the kind of the data at `path`
///
/// # Errors
/// If it can't be read, is neither a directory nor a regular file, is empty, or is of no known kind.
pub fn kind(path: &Path) -> Result<Kind> {
    // A directory is asked for first, since it can't be opened as a file. Errors are those of opening.
    if path.is_dir() {
        return Ok(Kind::Folder);
    }
    let mut file = BufReader::new(open_regular(path)?);
    let mut start = Vec::new();
    if !file.fill_buf().map_err(Error::reading(path))?.starts_with(&gzip::MAGIC) {
        file.take(START).read_to_end(&mut start).map_err(Error::reading(path))?;
        return of_start(&start).map_err(|problem| Error::content(path, problem));
    }
    if let Err(source) = Members::<BufReader<File>>::new(file).take(START).read_to_end(&mut start) {
        return match source.raw_os_error() {
            Some(_) => Err(Error::reading(path)(source)),
            None => Err(Error::Gzip { path: path.to_owned(), after: start.len(), source }),
        };
    }
    match of_start(&start) {
        Ok(Kind::Npz) => Err(Error::content(
            path,
            "is a ZIP archive compressed with gzip, expected it without gzip (gunzip unpacks it)",
        )),
        Ok(Kind::Model) => Err(Error::content(
            path,
            "is a model file compressed with gzip, expected it without gzip (gunzip unpacks it)",
        )),
        kind => kind.map_err(|problem| Error::content(path, format!("{problem} inside gzip"))),
    }
}

/// Tells the kind of the data that come from a stream: a table, or an array that is not compressed; the reader that is
/// returned has all bytes of the stream
///
/// It waits for no more bytes than it needs, since the lines of a table may come one by one.
///
/// # Errors
/// If it can't be read.
pub fn of_stream<R: Read>(mut stream: R) -> io::Result<(Kind, impl Read + use<R>)> {
    let magics = [
        (&npy::MAGIC[..], Kind::Npy),
        (ZIP_MAGICS[0], Kind::Npz),
        (ZIP_MAGICS[1], Kind::Npz),
        (&[0, 0], Kind::Idx),
    ];
    let mut start = Vec::new();
    let kind = loop {
        if let Some((_, kind)) = magics.iter().find(|(magic, _)| *magic == start) {
            break *kind;
        }
        if !magics.iter().any(|(magic, _)| magic.starts_with(&start)) {
            break Kind::Table;
        }
        if stream.by_ref().take(1).read_to_end(&mut start)? == 0 {
            break Kind::Table;
        }
    };
    Ok((kind, io::Cursor::new(start).chain(stream)))
}

/// The kind of a file that begins with these bytes, or what is wrong with it
fn of_start(start: &[u8]) -> std::result::Result<Kind, String> {
    const KNOWN: &str =
        "expected a table of text (CSV), IDX, NPY, NPZ, a model file, or a folder of IDX files";
    match start {
        [] => Err(format!("is empty, {KNOWN}")),
        // A header of less than 4 GiB, in JSON. As an IDX file, its first dimension would be 0.
        [_, _, _, _, 0, 0, 0, 0, b'{', ..] => Ok(Kind::Model),
        // A truncated magic, which the reader of IDX files reports.
        [0, 0] | [0, 0, _] => Ok(Kind::Idx),
        _ if idx::is_idx(start) => Ok(Kind::Idx),
        _ if start.starts_with(npy::MAGIC) => Ok(Kind::Npy),
        // The reader of models says what it expects instead of a file of PyTorch.
        _ if start.starts_with(ZIP_MAGICS[0]) && start.windows(8).any(|at| at == b"data.pkl") => {
            Ok(Kind::Model)
        }
        _ if ZIP_MAGICS.iter().any(|magic| start.starts_with(magic)) => Ok(Kind::Npz),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Err(format!("begins like UTF-16 text; save tables as UTF-8; {KNOWN}"))
        }
        _ if start.contains(&0) => {
            let shown = start[..start.len().min(8)].escape_ascii();
            Err(format!("is binary data of an unknown kind, which begin with \"{shown}\", {KNOWN}"))
        }
        _ => Ok(Kind::Table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_no_further_than_its_kind_needs() {
        for (bytes, kind, needed) in [
            (&b"\x93NUMPY\x01\0rest"[..], Kind::Npy, 6),
            (b"PK\x03\x04rest", Kind::Npz, 4),
            (b"\0\0\x08\x01rest", Kind::Idx, 2),
            (b"a,b\n1,2\n", Kind::Table, 1),
            (b"PK,b\n", Kind::Table, 3),
            (b"P\n", Kind::Table, 2),
            (b"P", Kind::Table, 1),
            (b"", Kind::Table, 0),
            (b"\x1f\x8b", Kind::Table, 1),
        ] {
            let mut stream = bytes;
            let (found, reader) = of_stream(&mut stream).unwrap();
            let mut all = Vec::new();
            assert_eq!(found, kind, "{}", bytes.escape_ascii());
            drop(reader);
            assert_eq!(bytes.len() - stream.len(), needed, "{}", bytes.escape_ascii());
            of_stream(bytes).unwrap().1.read_to_end(&mut all).unwrap();
            assert_eq!(all, bytes);
        }
    }

    #[test]
    fn kinds_are_told_apart_by_their_first_bytes() {
        for (start, kind) in [
            (&b"\0\0\x08\x03\0\0\xea\x60"[..], Kind::Idx),
            (b"\0\0\x0e\x01\0\0\0\x01", Kind::Idx),
            (b"\0\0", Kind::Idx),
            (b"\0\0\x08", Kind::Idx),
            (b"\x93NUMPY\x01\0", Kind::Npy),
            (b"PK\x03\x04\x14\0", Kind::Npz),
            (b"PK\x05\x06\0\0", Kind::Npz),
            (b"\x40\x01\0\0\0\0\0\0{\"__metadata__\"", Kind::Model),
            (b"\0\0\x08\x01\0\0\0\0{\"", Kind::Model),
            (b"a,b\n1,2\n", Kind::Table),
            (b"\xef\xbb\xbfa;b\n", Kind::Table),
            (b"caf\xe9,1\n", Kind::Table),
            (b"{\"a\": 1}", Kind::Table),
        ] {
            assert_eq!(of_start(start), Ok(kind), "{}", start.escape_ascii());
        }
        for (start, found) in [
            (&b""[..], "is empty"),
            (b"\xff\xfea\0,\0", "UTF-16"),
            (b"\x7fELF\x02\x01\x01\0\0", "begin with \"\\x7fELF\\x02\\x01\\x01\\x00\""),
            (b"\0\0\x08\0\0\0", "is binary data"),
            (b"\0\0\x07\x01\0\0", "is binary data"),
        ] {
            let message = of_start(start).unwrap_err();
            assert!(message.contains(found) && message.contains("NPZ, a model file"), "{message}");
        }
    }
}
