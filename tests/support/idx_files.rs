//! Bytes of IDX files, well-formed or not

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// An IDX file of unsigned bytes whose header states `dims`, whether `data` agrees or not
pub fn idx_bytes(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, u8::try_from(dims.len()).expect("the header counts dimensions in one byte")];
    file.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    file.extend(data);
    file
}

/// One gzip member that unpacks to `bytes`
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}
