//! IDX files, the format of MNIST and similar sets, plain or compressed with gzip
//!
//! ```text
//! 00 00 type n   magic: two zero bytes, the element type (08: unsigned bytes), the number of dimensions
//! d₁ … dₙ        the dimensions, each 4 bytes, big-endian
//! data           d₁·…·dₙ elements, big-endian, the last dimension varying fastest; then the file ends
//! ```
//!
//! A header may be wrong. The length that it states is compared with the size of the file before memory is reserved,
//! and at most one byte more than that is read.
//!
//! Sources: LeCun, Cortes, Burges, *The MNIST database of handwritten digits* (file formats); RFC 1952 (gzip).

use std::path::Path;

use byteorder::{BigEndian, ByteOrder};

use super::array::{Array, Use};
use super::element::{ElementType, Encoding};
use super::elements::Layout;
use super::source::Source;
use crate::error::Result;

/// The codes of the element types, with their names
const TYPES: [(u8, ElementType, &str); 6] = [
    (0x08, ElementType::U8, "unsigned bytes"),
    (0x09, ElementType::I8, "signed bytes"),
    (0x0b, ElementType::I16, "16-bit integers"),
    (0x0c, ElementType::I32, "32-bit integers"),
    (0x0d, ElementType::F32, "32-bit floats"),
    (0x0e, ElementType::F64, "64-bit floats"),
];

/// Whether a file that begins with these bytes is an IDX file of a known type
pub fn is_idx(start: &[u8]) -> bool {
    matches!(start, [0, 0, code, n, ..] if *n > 0 && TYPES.iter().any(|(known, ..)| known == code))
}

/// Reads an IDX file; its first two bytes, not its name, decide whether it is plain or gzip
///
/// # Errors
/// If `path` is not a file that can be read, if the gzip stream is damaged, if the file is not exactly a header followed
/// by as many elements as the header states, or if an element is NaN (unless `for_use` allows it), infinite or too
/// large for a net in f32.
pub fn read(path: &Path, for_use: Use) -> Result<Array> {
    let mut source = Source::open(path)?;
    let layout = header(&mut source)?;
    let elements = layout.elements(&mut source, for_use)?;
    Ok(Array { dims: layout.dims, elements })
}

/// Reads the header of an IDX file
///
/// # Errors
/// If it is cut, or states another format or a type that the format does not have.
pub(super) fn header(source: &mut Source<'_>) -> Result<Layout> {
    let magic = BigEndian::read_u32(&source.header(4)?);
    let expected = match magic.to_be_bytes() {
        [0, 0, code, n] => match TYPES.iter().find(|(known, ..)| *known == code) {
            Some((_, element, name)) if n > 0 => {
                let mut dims = vec![0; n.into()];
                BigEndian::read_u32_into(&source.header(4 * usize::from(n))?, &mut dims);
                // A dimension that does not fit is larger than any file.
                let dims = dims.into_iter().map(|d| usize::try_from(d).unwrap_or(usize::MAX)).collect();
                let encoding = Encoding { element: *element, is_big_endian: true };
                return Ok(Layout { dims, encoding, is_fortran: false, type_name: (*name).to_owned() });
            }
            Some(_) => "1 to 255 dimensions as its last byte".to_owned(),
            None => {
                let types = TYPES.map(|(code, _, name)| format!("{code:#04x} ({name})")).join(", ");
                format!("one of these types as its third byte: {types}")
            }
        },
        _ => "an IDX file, which starts with two zero bytes".to_owned(),
    };
    Err(source.error(&format!("IDX magic is {magic:#010x}, expected {expected}")))
}
