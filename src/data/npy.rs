//! NPY files, the format of `numpy.save`, plain or compressed with gzip
//!
//! ```text
//! 93 'NUMPY'      magic
//! major minor     version: 1.0, 2.0 or 3.0
//! length          of the header's text, little-endian: 2 bytes in version 1.0, 4 bytes in the others
//! text            a Python dictionary with the keys descr, fortran_order and shape
//! data            the elements; then the file ends
//! ```
//!
//! A header may be wrong. The length that it states is compared with the size of the file before memory is reserved.
//!
//! Source: NumPy, *NEP 1: A simple file format for NumPy arrays*.

use std::io::Read;
use std::path::Path;

use byteorder::{ByteOrder, LittleEndian};

use super::array::{Array, Use};
use super::elements::Layout;
use super::npy_header;
use super::source::Source;
use crate::error::Result;

/// The first bytes of an NPY file
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Largest length of the header's text in bytes; NumPy itself refuses more than 10,000 unless asked
const HEADER_MAX: usize = 1 << 16;

/// Reads an NPY file; its first two bytes, not its name, decide whether it is plain or gzip
///
/// The result is in row-major order. While an array in Fortran order is read, it needs an eighth of its memory more.
///
/// # Errors
/// If `path` is not a file that can be read, if its header is damaged or states a type other than truth values, integers
/// and floating-point numbers, if the file is not exactly the header and the elements that it states, if an element is
/// NaN (unless `for_use` allows it), infinite or too large for a net in f32, or if labels have more than 2 dimensions.
pub fn read(path: &Path, for_use: Use) -> Result<Array> {
    array(&mut Source::open(path)?, for_use)
}

/// Reads an array of an archive
///
/// * `name`: the array's name, for messages
/// * `len`: the number of bytes in `reader`
///
/// # Errors
/// As [`read`].
pub fn read_member(
    path: &Path,
    name: &str,
    reader: &mut (dyn Read + Send),
    len: u64,
    for_use: Use,
) -> Result<Array> {
    array(&mut Source::member(path, name, reader, len), for_use)
}

fn array(source: &mut Source<'_>, for_use: Use) -> Result<Array> {
    let layout = header(source)?;
    if for_use.is_labels() && layout.dims.len() > 2 {
        let problem = format!("{} dimensions, expected 1 or 2 for labels", layout.dims.len());
        return Err(source.error(&problem));
    }
    let elements = layout.elements(source, for_use)?;
    Ok(Array { dims: layout.dims, elements })
}

/// Reads the header of an NPY file or member
///
/// # Errors
/// If it is cut, damaged or too long, or states a type other than truth values, integers and floating-point numbers.
pub(super) fn header(source: &mut Source<'_>) -> Result<Layout> {
    let start = source.header(8)?;
    let (magic, version) = start.split_at(MAGIC.len());
    if magic != MAGIC {
        let problem = format!("begins with \"{}\", expected \"\\x93NUMPY\"", magic.escape_ascii());
        return Err(source.error(&problem));
    }
    let len = match version {
        [1, 0] => LittleEndian::read_u16(&source.header(2)?).into(),
        [2 | 3, 0] => u64::from(LittleEndian::read_u32(&source.header(4)?)),
        version => {
            let [major, minor] = [0, 1].map(|i| version[i]);
            return Err(source.error(&format!("NPY version {major}.{minor}, expected 1.0, 2.0 or 3.0")));
        }
    };
    let Some(len) = usize::try_from(len).ok().filter(|&len| len <= HEADER_MAX) else {
        return Err(source.error(&format!("a header of {len} bytes, expected at most {HEADER_MAX}")));
    };
    let text = source.header(len)?;
    let header = npy_header::parse(&String::from_utf8_lossy(&text)).map_err(|text| source.error(&text))?;
    let (dims, encoding, is_fortran) = (header.shape, header.encoding, header.is_fortran);
    Ok(Layout { dims, encoding, is_fortran, type_name: header.descr })
}
