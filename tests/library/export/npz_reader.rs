//! A reader of NPZ files that knows only what the exports contain

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// An array: its type, its shape as Python writes it, and its bytes
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub kind: String,
    pub shape: String,
    pub bytes: Vec<u8>,
}

impl Array {
    pub fn numbers(&self) -> Vec<f64> {
        let (kind, bytes) = (self.kind.as_str(), &self.bytes);
        match kind {
            "<f4" => {
                bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()).into()).collect()
            }
            "<f8" => bytes.chunks_exact(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect(),
            "<i8" => {
                bytes.chunks_exact(8).map(|x| i64::from_le_bytes(x.try_into().unwrap()) as f64).collect()
            }
            "|b1" => bytes.iter().map(|&x| x.into()).collect(),
            other => panic!("type {other}"),
        }
    }

    pub fn texts(&self) -> Vec<String> {
        let width: usize = self.kind.strip_prefix("<U").unwrap().parse().unwrap();
        let char = |x: &[u8]| char::from_u32(u32::from_le_bytes(x.try_into().unwrap())).unwrap();
        let text = |bytes: &[u8]| bytes.chunks_exact(4).map(char).collect::<String>();
        self.bytes
            .chunks_exact(4 * width)
            .map(|bytes| text(bytes).trim_end_matches('\0').to_owned())
            .collect()
    }
}

/// The arrays of an archive by their names, each uncompressed and of 1980
pub fn arrays(bytes: Vec<u8>) -> BTreeMap<String, Array> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let members = archive.len();
    let array = |at| {
        let mut member = archive.by_index(at).unwrap();
        assert_eq!(member.compression(), zip::CompressionMethod::Stored);
        assert_eq!(member.last_modified().unwrap().year(), 1980);
        let (name, mut bytes) = (member.name().unwrap().strip_suffix(".npy").unwrap().to_owned(), Vec::new());
        member.read_to_end(&mut bytes).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((end % 64, bytes[end - 1]), (0, b'\n'));
        let header = String::from_utf8(bytes[10..end].to_vec()).unwrap();
        let (kind, shape) = header.split_once("', 'fortran_order': False, 'shape': ").unwrap();
        let kind = kind.strip_prefix("{'descr': '").unwrap().to_owned();
        let shape = shape.trim_end().strip_suffix(", }").unwrap().to_owned();
        (name, Array { kind, shape, bytes: bytes[end..].to_vec() })
    };
    (0..members).map(array).collect()
}
