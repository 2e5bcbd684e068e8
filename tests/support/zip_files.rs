//! Bytes of ZIP archives, written by hand so that every field can be wrong
//!
//! Source: PKWARE, *APPNOTE.TXT: .ZIP File Format Specification*, version 6.3.9.

use std::io::Write;

use flate2::{Compression, write::DeflateEncoder};

/// How a member is stored
#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code, reason = "not every test program needs all of them")]
pub enum Packed {
    Stored,
    Deflated,
    /// With lengths and place in fields of 64 bits, and an end record of that kind
    Zip64Stored,
    Zip64Deflated,
    /// Stored, with the flag of encryption
    Encrypted,
    /// Stored, with the number of another method
    Method(u16),
}

/// An archive with these members: name, data, and how they are stored
pub fn zip_bytes(members: &[(&str, &[u8], Packed)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let is_64 =
        members.iter().any(|(.., packed)| matches!(packed, Packed::Zip64Stored | Packed::Zip64Deflated));
    for (name, data, packed) in members {
        let place = file.len() as u64;
        let is_long = matches!(packed, Packed::Zip64Stored | Packed::Zip64Deflated);
        let is_deflated = matches!(packed, Packed::Deflated | Packed::Zip64Deflated);
        let content = if is_deflated { deflate(data) } else { data.to_vec() };
        let method: u16 = match packed {
            Packed::Method(method) => *method,
            _ => {
                if is_deflated {
                    8
                } else {
                    0
                }
            }
        };
        let lengths = [data.len() as u64, content.len() as u64];
        let field = |value: u64| if is_long { u32::MAX } else { value as u32 };
        // Version, flags, method, time, date, checksum, both lengths, length of the name.
        let mut common = Vec::new();
        common.extend(45_u16.to_le_bytes());
        common.extend(u16::from(*packed == Packed::Encrypted).to_le_bytes());
        common.extend(method.to_le_bytes());
        common.extend([0, 0, 0x21, 0]);
        common.extend(crc(data).to_le_bytes());
        common.extend(field(lengths[1]).to_le_bytes());
        common.extend(field(lengths[0]).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        let extra = |values: &[u64]| {
            let mut extra = Vec::new();
            if is_long {
                extra.extend(1_u16.to_le_bytes());
                extra.extend((8 * values.len() as u16).to_le_bytes());
                values.iter().for_each(|value| extra.extend(value.to_le_bytes()));
            }
            extra
        };
        let (local, central) = (extra(&lengths), extra(&[lengths[0], lengths[1], place]));
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend((local.len() as u16).to_le_bytes());
        file.extend(name.bytes());
        file.extend(local);
        file.extend(content);
        directory.extend(b"PK\x01\x02");
        directory.extend(45_u16.to_le_bytes());
        directory.extend(&common);
        directory.extend((central.len() as u16).to_le_bytes());
        // No comment, first disk, attributes.
        directory.extend([0; 10]);
        directory.extend(field(place).to_le_bytes());
        directory.extend(name.bytes());
        directory.extend(central);
    }
    let [count, len, place] = [members.len(), directory.len(), file.len()].map(|n| n as u64);
    file.extend(directory);
    if is_64 {
        let record = file.len() as u64;
        file.extend(b"PK\x06\x06");
        file.extend(44_u64.to_le_bytes());
        file.extend([45, 0, 45, 0]);
        file.extend([0; 8]);
        [count, count, len, place].iter().for_each(|value| file.extend(value.to_le_bytes()));
        file.extend(b"PK\x06\x07");
        file.extend([0; 4]);
        file.extend(record.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
    }
    file.extend(b"PK\x05\x06");
    file.extend([0; 4]);
    let short = |value: u64| if is_64 { u16::MAX } else { value as u16 };
    let long = |value: u64| if is_64 { u32::MAX } else { value as u32 };
    file.extend(short(count).to_le_bytes());
    file.extend(short(count).to_le_bytes());
    file.extend(long(len).to_le_bytes());
    file.extend(long(place).to_le_bytes());
    file.extend([0; 2]);
    file
}

/// The CRC-32 of ZIP and gzip
pub fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}
