//! NPY, NPZ and IDX files of every element type: correct, damaged, and hostile
//!
//! The bytes of all files are written here by hand.

use std::fs;
use std::path::{Path, PathBuf};

use chainrule::config::Dtype;
use chainrule::data::array::{Array, Elements, Use};
use chainrule::data::npz::Npz;
use chainrule::data::source_kind::{Kind, kind};
use chainrule::data::{idx, npy};
use chainrule::error::{Error, Result};
use chainrule::random::{Purpose, Random};
use tempfile::TempDir;

use crate::idx_files::{gzip, idx_bytes};
use crate::zip_files::{Packed, crc, zip_bytes};

const F32: Use = Use::Features(Dtype::F32);
const F64: Use = Use::Features(Dtype::F64);

/// A temporary folder with files that each test case overwrites
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn npy(&self, bytes: &[u8], for_use: Use) -> Result<Array> {
        npy::read(&self.write("file.npy", bytes), for_use)
    }

    fn idx(&self, bytes: &[u8], for_use: Use) -> Result<Array> {
        idx::read(&self.write("file", bytes), for_use)
    }

    fn npz(&self, bytes: &[u8], name: &str, for_use: Use) -> Result<Array> {
        Npz::open(&self.write("file.npz", bytes))?.read(name, for_use)
    }
}

/// The message of an error, which must name the file
#[track_caller]
fn message<T>(outcome: Result<T>) -> String {
    let Err(error) = outcome else { panic!("this file is wrong") };
    let message = error.chain();
    assert!(message.contains("/file"), "no file name in {message}");
    message
}

/// An NPY file of version 1.0, padded as NumPy does
fn npy_bytes(descr: &str, is_fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    npy_with([1, 0], &format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"), data)
}

fn npy_with(version: [u8; 2], header: &str, data: &[u8]) -> Vec<u8> {
    let prefix = if version[0] == 1 { 10 } else { 12 };
    let len = (prefix + header.len() + 1).next_multiple_of(64) - prefix;
    let mut file = [b"\x93NUMPY", &version[..]].concat();
    match version[0] {
        1 => file.extend((len as u16).to_le_bytes()),
        _ => file.extend((len as u32).to_le_bytes()),
    }
    file.extend(format!("{header:<width$}\n", width = len - 1).bytes());
    file.extend(data);
    file
}

fn idx_of(code: u8, dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = idx_bytes(dims, data);
    file[2] = code;
    file
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The bytes of six elements, most significant byte first, and their values
type Sample = (&'static str, &'static [&'static [u8]], [f64; 6]);

const SAMPLES: &[Sample] = &[
    ("i1", &[&[0], &[1], &[0x7f], &[0x80], &[0xff], &[0x9c]], [0.0, 1.0, 127.0, -128.0, -1.0, -100.0]),
    (
        "u2",
        &[&[0, 0], &[0, 1], &[1, 0], &[0x7f, 0xff], &[0x80, 0], &[0xff, 0xff]],
        [0.0, 1.0, 256.0, 32767.0, 32768.0, 65535.0],
    ),
    (
        "i2",
        &[&[0, 0], &[0, 1], &[1, 0], &[0x7f, 0xff], &[0x80, 0], &[0xff, 0xfe]],
        [0.0, 1.0, 256.0, 32767.0, -32768.0, -2.0],
    ),
    (
        "u4",
        &[
            &[0, 0, 0, 1],
            &[0, 1, 0, 0],
            &[1, 2, 3, 0],
            &[0x80, 0, 0, 0],
            &[0, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0],
        ],
        [1.0, 65536.0, 16_909_056.0, 2_147_483_648.0, 0.0, 4_294_967_040.0],
    ),
    (
        "i4",
        &[
            &[0, 0, 0, 1],
            &[0, 1, 0, 0],
            &[1, 2, 3, 0],
            &[0x80, 0, 0, 0],
            &[0, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0],
        ],
        [1.0, 65536.0, 16_909_056.0, -2_147_483_648.0, 0.0, -256.0],
    ),
    (
        "u8",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 1, 0, 0, 0, 0],
            &[0x40, 0, 0, 0, 0, 0, 0, 0],
            &[0x7f, 0xff, 0xff, 0x80, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 1, 2],
            &[0, 0, 0, 0, 0, 0, 0, 0],
        ],
        [1.0, 4_294_967_296.0, 4_611_686_018_427_387_904.0, 9_223_371_487_098_961_920.0, 258.0, 0.0],
    ),
    (
        "i8",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 1, 0, 0, 0, 0],
            &[0x40, 0, 0, 0, 0, 0, 0, 0],
            &[0x80, 0, 0, 0, 0, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd],
            &[0, 0, 0, 0, 0, 0, 0, 0],
        ],
        [1.0, 4_294_967_296.0, 4_611_686_018_427_387_904.0, -9_223_372_036_854_775_808.0, -3.0, 0.0],
    ),
    (
        "f2",
        &[&[0x3c, 0], &[0xc0, 0], &[0x7b, 0xff], &[0x04, 0], &[0, 1], &[0x35, 0x55]],
        [1.0, -2.0, 65504.0, 0.00006103515625, 0.000_000_059_604_644_775_390_63, 0.333251953125],
    ),
    (
        "f4",
        &[
            &[0x3f, 0x80, 0, 0],
            &[0xc0, 0x20, 0, 0],
            &[0x7f, 0x7f, 0xff, 0xff],
            &[0, 0, 0, 1],
            &[0x42, 0xf6, 0xe9, 0x79],
            &[0x80, 0, 0, 0],
        ],
        [1.0, -2.5, 3.402_823_466_385_288_6e38, 1.401_298_464_324_817e-45, 123.45600128173828, -0.0],
    ),
    (
        "f8",
        &[
            &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
            &[0xc0, 0x04, 0, 0, 0, 0, 0, 0],
            &[0x47, 0xd2, 0xce, 0xd3, 0x2a, 0x16, 0xa1, 0xb1],
            &[0x3f, 0xd5, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55],
            &[0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18],
            &[0x80, 0, 0, 0, 0, 0, 0, 0],
        ],
        [1.0, -2.5, 1e38, 1.0 / 3.0, std::f64::consts::PI, -0.0],
    ),
];

/// What reading gives for these values in row-major order
fn right(descr: &str, values: &[f64], for_use: Use) -> Elements {
    let is_float = descr.starts_with('f');
    match for_use {
        Use::Features(Dtype::F32) => Elements::Single(values.iter().map(|&v| v as f32).collect()),
        Use::Labels if !is_float => Elements::Integers(values.iter().map(|&v| v as i64).collect()),
        _ => Elements::Double(values.to_vec()),
    }
}

#[track_caller]
fn assert_same(read: Result<Array>, dims: &[usize], elements: &Elements, case: &str) {
    let read = read.unwrap_or_else(|error| panic!("{case}: {}", error.chain()));
    assert_eq!((&read.dims[..], &read.elements), (dims, elements), "{case}");
}

#[test]
fn every_dtype_byte_order_and_array_order_of_npy_has_the_values_of_its_bits() {
    let desk = Desk::new();
    for (descr, bytes, values) in SAMPLES {
        for is_big in [false, true] {
            let element = |bytes: &&[u8]| {
                let mut bytes = bytes.to_vec();
                if !is_big {
                    bytes.reverse();
                }
                bytes
            };
            let data: Vec<u8> = bytes.iter().flat_map(element).collect();
            let mark = if bytes[0].len() == 1 {
                "|"
            } else if is_big {
                ">"
            } else {
                "<"
            };
            // The file has the six elements in this order; as columns of two, rows take every second one.
            let transposed = [0, 2, 4, 1, 3, 5].map(|i| values[i]);
            for for_use in [F32, F64, Use::Labels] {
                for (is_fortran, shape, dims, values) in [
                    (false, "(6,)", &[6][..], values),
                    (true, "(6,)", &[6], values),
                    (false, "(2, 3)", &[2, 3], values),
                    (true, "(2, 3)", &[2, 3], &transposed),
                    (true, "(1, 6)", &[1, 6], values),
                ] {
                    let file = npy_bytes(&format!("{mark}{descr}"), is_fortran, shape, &data);
                    let case = format!("{mark}{descr} {shape} {is_fortran} {for_use:?}");
                    let elements = right(descr, values, for_use);
                    assert_same(desk.npy(&file, for_use), dims, &elements, &case);
                    assert_same(desk.npy(&gzip(&file), for_use), dims, &elements, &case);
                    let archive = zip_bytes(&[("x.npy", &file, Packed::Deflated)]);
                    assert_same(desk.npz(&archive, "x", for_use), dims, &elements, &case);
                }
            }
        }
    }
}

#[test]
fn bytes_and_truth_values_of_npy_stay_bytes_in_row_major_order() {
    let desk = Desk::new();
    for (descr, data, rows) in [
        ("|u1", [0, 255, 7, 8, 9, 10], [0, 7, 9, 255, 8, 10]),
        ("|b1", [0, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0]),
    ] {
        for for_use in [F32, F64, Use::Labels] {
            let c = npy_bytes(descr, false, "(2, 3)", &data);
            assert_same(desk.npy(&c, for_use), &[2, 3], &Elements::Bytes(data.to_vec()), descr);
            let fortran = npy_bytes(descr, true, "(2, 3)", &data);
            assert_same(desk.npy(&fortran, for_use), &[2, 3], &Elements::Bytes(rows.to_vec()), descr);
        }
    }
    let wrong = message(desk.npy(&npy_bytes("|b1", false, "(2, 2)", &[0, 1, 1, 2]), F32));
    assert!(wrong.ends_with(": row 2, element 2: found a truth value of 2, expected 0 or 1"), "{wrong}");
}

#[test]
fn every_type_of_idx_has_the_values_of_its_bits() {
    let desk = Desk::new();
    for (code, descr) in [(0x09, "i1"), (0x0b, "i2"), (0x0c, "i4"), (0x0d, "f4"), (0x0e, "f8")] {
        let (_, bytes, values) = SAMPLES.iter().find(|(known, ..)| *known == descr).unwrap();
        let file = idx_of(code, &[3, 2], &bytes.concat());
        for for_use in [F32, F64, Use::Labels] {
            let elements = right(descr, values, for_use);
            assert_same(desk.idx(&file, for_use), &[3, 2], &elements, descr);
            assert_same(desk.idx(&gzip(&file), for_use), &[3, 2], &elements, descr);
        }
    }
    let file = idx_bytes(&[2], &[5, 250]);
    for for_use in [F32, F64, Use::Labels] {
        assert_same(desk.idx(&file, for_use), &[2], &Elements::Bytes(vec![5, 250]), "bytes");
    }
}

#[test]
fn idx_files_of_255_dimensions_are_read() {
    let dims = [&[2_u32, 3][..], &[1; 253]].concat();
    let file = idx_of(0x09, &dims, &[1, 2, 3, 4, 5, 255]);
    let read = Desk::new().idx(&file, Use::Labels).unwrap();
    assert_eq!(read.dims.len(), 255);
    assert_eq!(read.elements, Elements::Integers(vec![1, 2, 3, 4, 5, -1]));
}

#[test]
fn arrays_of_several_blocks_are_read_whole_in_both_orders() {
    // 401 · 307 is more than three blocks of 32,768 elements, and fills no block or tile exactly.
    let (rows, columns) = (401, 307);
    let value = |row: usize, column: usize| (row * 1000 + column) as f32;
    let by_row: Vec<f32> = (0..rows * columns).map(|i| value(i / columns, i % columns)).collect();
    let by_column: Vec<f32> = (0..rows * columns).map(|i| value(i % rows, i / rows)).collect();
    let desk = Desk::new();
    for (is_fortran, values) in [(false, &by_row), (true, &by_column)] {
        let wide: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_be_bytes()).collect();
        for (descr, data) in [("<f4", &f32_bytes(values)), (">f8", &wide)] {
            let file = npy_bytes(descr, is_fortran, "(401, 307)", data);
            for bytes in [file.clone(), gzip(&file)] {
                let read = desk.npy(&bytes, F32).unwrap();
                assert!(read.elements == Elements::Single(by_row.clone()), "{descr}, Fortran: {is_fortran}");
            }
            for packed in [Packed::Stored, Packed::Deflated] {
                let read = desk.npz(&zip_bytes(&[("a.npy", &file, packed)]), "a", F32).unwrap();
                assert!(read.elements == Elements::Single(by_row.clone()), "{descr}, Fortran: {is_fortran}");
            }
        }
    }
}

#[test]
fn all_versions_of_npy_are_read_and_others_refused() {
    let desk = Desk::new();
    let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }";
    for version in [[1, 0], [2, 0], [3, 0]] {
        let read = desk.npy(&npy_with(version, header, &[1, 0, 2, 0]), Use::Labels);
        assert_same(read, &[2], &Elements::Integers(vec![1, 2]), "versions");
    }
    for version in [[0, 0], [1, 1], [4, 0], [255, 255]] {
        let text = message(desk.npy(&npy_with(version, header, &[1, 0, 2, 0]), F32));
        let [major, minor] = version;
        assert!(
            text.ends_with(&format!(": NPY version {major}.{minor}, expected 1.0, 2.0 or 3.0")),
            "{text}"
        );
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_with_row_and_value() {
    let desk = Desk::new();
    let nan = f32::NAN.to_bits();
    // Far into the second block, and in the first row.
    for (at, row) in
        [(0, "row 1, element 1"), (50_001, "row 25001, element 2"), (99_998, "row 50000, element 1")]
    {
        for (bits, found) in [(nan, "NaN"), (0x7f80_0000, "inf"), (0xff80_0000, "-inf")] {
            let mut values = vec![0.5_f32; 100_000];
            values[at] = f32::from_bits(bits);
            // A second one: the first is reported, also by several threads.
            values[99_999] = f32::NAN;
            let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            let npy = npy_bytes("<f4", false, "(50000, 2)", &f32_bytes(&values));
            for text in [
                message(desk.npy(&npy, F32)),
                message(desk.npy(&npy, Use::Labels)),
                message(desk.npy(&gzip(&npy), F64)),
                message(desk.idx(&idx_of(0x0d, &[50_000, 2], &big), F32)),
            ] {
                let expected = format!(": {row}: found {found}, expected a finite number");
                let (_, hint) = text.split_once(&expected).unwrap_or_else(|| panic!("{text}"));
                assert_eq!(hint.contains("--missing"), found == "NaN", "{text}");
            }
            let text = message(desk.npz(&zip_bytes(&[("data.npy", &npy, Packed::Stored)]), "data", F32));
            let place = format!("file.npz: array data: {row}: found {found}");
            assert!(text.contains(&place), "{text}");
        }
    }
    // In Fortran order, the second element of the file is in the second row; in three dimensions, the last varies fastest.
    let text =
        message(desk.npy(&npy_bytes("<f4", true, "(2, 2)", &f32_bytes(&[1.0, f32::NAN, 1.0, 1.0])), F32));
    assert!(text.contains(": row 2, element 1: found NaN"), "{text}");
    let mut values = [1.0_f32; 12];
    values[6] = f32::NAN; // Indices 0, 0, 1 of (2, 3, 2)
    let text = message(desk.npy(&npy_bytes("<f4", true, "(2, 3, 2)", &f32_bytes(&values)), F32));
    assert!(text.contains(": row 1, element 2: found NaN"), "{text}");
    // One element in a row needs no place in it.
    let text = message(desk.npy(&npy_bytes("<f2", false, "(2,)", &[0, 0, 0, 0x7e]), Use::Labels));
    assert!(text.contains(": row 2: found NaN, expected a finite number; --missing drop"), "{text}");
}

#[test]
fn values_that_their_type_cannot_hold_are_refused() {
    let desk = Desk::new();
    let wide = |value: f64| [1.0, value].map(f64::to_le_bytes).concat();
    let file = npy_bytes("<f8", false, "(2, 1)", &wide(-1e300));
    let text = message(desk.npy(&file, F32));
    assert!(
        text.ends_with(
            ": row 2: found -1e300, expected at most 3.4028235e38, the largest f32 (train with --dtype f64)"
        ),
        "{text}"
    );
    assert_same(desk.npy(&file, F64), &[2, 1], &Elements::Double(vec![1.0, -1e300]), "f64");
    // The nearest f32 of this number is the largest one.
    let largest = npy_bytes("<f8", false, "(2, 1)", &wide(3.402_823_5e38));
    assert_same(desk.npy(&largest, F32), &[2, 1], &Elements::Single(vec![1.0, f32::MAX]), "largest");
    let text = message(desk.idx(&idx_of(0x0e, &[1], &1e39_f64.to_be_bytes()), F32));
    assert!(text.contains(": row 1: found 1e39, expected at most") && text.contains("--dtype f64"), "{text}");
    let labels = npy_bytes("<u8", false, "(1,)", &(1_u64 << 63).to_le_bytes());
    let text = message(desk.npy(&labels, Use::Labels));
    assert!(
        text.contains(": row 1: found 9223372036854775808, expected at most 9223372036854775807"),
        "{text}"
    );
    assert_same(desk.npy(&labels, F64), &[1], &Elements::Double(vec![9_223_372_036_854_775_808.0]), "u8");
}

#[test]
fn headers_that_are_cut_long_or_of_another_format_are_refused() {
    let desk = Desk::new();
    let file = npy_bytes("<f4", false, "(2, 3)", &[0; 24]);
    for (len, whole) in [(0, 8), (1, 8), (7, 8), (8, 10), (9, 10), (10, 128), (127, 128)] {
        for bytes in [file[..len].to_vec(), gzip(&file[..len])] {
            let text = message(desk.npy(&bytes, F32));
            assert!(text.ends_with(&format!(": truncated header: {len} bytes, expected {whole}")), "{text}");
        }
    }
    let text = message(desk.npy(b"\x93NUMPX\x01\0........", F32));
    assert!(text.contains("begins with \"\\x93NUMPX\", expected"), "{text}");
    for len in [65_537_u32, u32::MAX] {
        let bytes = [b"\x93NUMPY\x02\0", &len.to_le_bytes()[..], b"{'descr'"].concat();
        let text = message(desk.npy(&bytes, F32));
        assert!(text.ends_with(&format!(": a header of {len} bytes, expected at most 65536")), "{text}");
    }
    let padded = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}}{}", " ".repeat(60_000));
    assert_eq!(desk.npy(&npy_with([2, 0], &padded, &[7]), F32).unwrap().elements, Elements::Bytes(vec![7]));
}

#[test]
fn other_dtypes_are_refused_by_name_and_objects_are_not_unpickled() {
    let desk = Desk::new();
    for (descr, found) in [
        (
            "|O",
            "the dtype is '|O' (Python objects, which are never unpickled), expected a bool, an integer (i1,",
        ),
        ("<c16", "the dtype is '<c16' (complex numbers)"),
        ("<f16", "the dtype is '<f16' (floating-point numbers of another size)"),
        ("<U7", "the dtype is '<U7' (strings)"),
    ] {
        let text = message(desk.npy(&npy_bytes(descr, false, "(2,)", b"\x80\x04cos\nsystem\n"), F32));
        assert!(text.contains(found), "{text}");
    }
    let header = "{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (2,), }";
    let text = message(desk.npy(&npy_with([1, 0], header, &[0; 16]), F32));
    assert!(text.contains("[('a', '<f4'), ('b', '<i4')], a structured type"), "{text}");
}

#[test]
fn shapes_that_do_not_fit_are_refused_before_memory_is_reserved() {
    let desk = Desk::new();
    for (shape, found) in [
        ("()", "shape is (), a single number"),
        ("(0,)", "dimensions [0] contain a 0"),
        ("(0, 28)", "dimensions [0, 28] contain a 0"),
        ("(3, 0)", "dimensions [3, 0] contain a 0"),
        ("(-1, 2)", "dimension -1, which is negative"),
        ("(4294967296, 4294967296)", "have a product that is larger than any memory"),
        // 2⁶² elements of 4 bytes wrap to 0 bytes.
        ("(4611686018427387904,)", "have a product that is larger than any memory"),
        ("(18446744073709551616,)", "larger than any memory"),
        ("(1000000000000,)", "24 bytes of data, expected 4000000000000 by dimensions [1000000000000] of <f4"),
        ("(5,)", "24 bytes of data, expected 20 by dimensions [5] of <f4"),
        ("(7,)", "24 bytes of data, expected 28 by dimensions [7] of <f4"),
    ] {
        let file = npy_bytes("<f4", false, shape, &[0; 24]);
        let text = message(desk.npy(&file, F32));
        assert!(text.contains(found), "{shape}: {text}");
        let archive = zip_bytes(&[("x.npy", &file, Packed::Deflated)]);
        let text = message(desk.npz(&archive, "x", F32));
        assert!(text.contains("array x: ") && text.contains(found), "{shape}: {text}");
        let text = message(desk.npy(&gzip(&file), F32));
        let found = match shape {
            "(1000000000000,)" => ": at most ",
            "(5,)" => "more than 20 bytes of data, expected 20",
            _ => found,
        };
        assert!(text.contains(found), "{shape}: {text}");
    }
    for (code, dims, data, found) in [
        (0x0d, &[2, 2][..], 15, "15 bytes of data, expected 16 by dimensions [2, 2] of 32-bit floats"),
        (0x0e, &[2, 2], 33, "33 bytes of data, expected 32 by dimensions [2, 2] of 64-bit floats"),
        (0x0b, &[1 << 31, 1 << 31, 2], 4, "have a product"),
        (0x0e, &[1 << 31, 1 << 30], 4, "have a product"),
        (0x0e, &[1 << 31, 1 << 29], 4, "4 bytes of data, expected 9223372036854775808"),
    ] {
        let text = message(desk.idx(&idx_of(code, dims, &vec![0; data]), F32));
        assert!(text.contains(found), "{text}");
    }
}

#[test]
fn labels_have_one_or_two_dimensions() {
    let desk = Desk::new();
    let file = npy_bytes("<i4", false, "(1, 2, 1)", &[0; 8]);
    let text = message(desk.npy(&file, Use::Labels));
    assert!(text.ends_with(": 3 dimensions, expected 1 or 2 for labels"), "{text}");
    assert!(desk.npy(&file, F32).is_ok());
}

#[test]
fn a_gzip_file_cut_damaged_or_longer_is_refused() {
    let desk = Desk::new();
    let file = npy_bytes("<f4", false, "(2, 3)", &[0; 24]);
    let packed = gzip(&file);
    for len in 2..packed.len() {
        let text = message(desk.npy(&packed[..len], F32));
        assert!(text.contains("damaged gzip"), "{len}: {text}");
    }
    let bomb = gzip(&npy_bytes("<f4", false, "(2, 3)", &vec![0; 50_000_000]));
    // A reader that went to the end would find the second one damaged.
    for bytes in [&bomb[..], &bomb[..bomb.len() - 1000]] {
        let text = message(desk.npy(bytes, F32));
        assert!(text.contains("more than 24 bytes of data, expected 24"), "{text}");
    }
    let text = message(desk.npy(&[&packed[..], b"x"].concat(), F32));
    assert!(text.contains("other bytes follow the gzip stream"), "{text}");
}

// NPZ

#[test]
fn the_checksum_of_these_archives_is_that_of_its_standard_example() {
    assert_eq!(crc(b"123456789"), 0xcbf4_3926);
}

#[test]
fn an_archive_lists_its_arrays_and_reads_each() {
    let desk = Desk::new();
    let (x, y) = (
        npy_bytes("<f4", false, "(2,)", &f32_bytes(&[1.5, -2.0])),
        npy_bytes("|i1", false, "(2,)", &[3, 255]),
    );
    let archive = zip_bytes(&[
        ("x.npy", &x, Packed::Stored),
        ("readme.txt", b"hello", Packed::Stored),
        ("folder/y.npy", &y, Packed::Deflated),
        ("folder/", b"", Packed::Stored),
    ]);
    let mut npz = Npz::open(&desk.write("file.npz", &archive)).unwrap();
    assert_eq!(npz.names(), ["x", "folder/y"]);
    for _ in 0..2 {
        assert_same(npz.read("folder/y", Use::Labels), &[2], &Elements::Integers(vec![3, -1]), "y");
        assert_same(npz.read("x", F32), &[2], &Elements::Single(vec![1.5, -2.0]), "x");
    }
    for name in ["z", "x.npy", "readme.txt", ""] {
        let text = message(npz.read(name, F32));
        let end = format!(": has no array {name}, expected one of those it has: x, folder/y");
        assert!(text.ends_with(&end), "{text}");
    }
    let mut empty = Npz::open(&desk.write("file.npz", &zip_bytes(&[]))).unwrap();
    assert!(empty.names().is_empty());
    let text = message(empty.read("x", F32));
    assert!(text.ends_with("expected one of those it has: no arrays"), "{text}");
}

#[test]
fn two_members_of_one_name_are_refused() {
    let desk = Desk::new();
    let x = npy_bytes("|u1", false, "(1,)", &[1]);
    let archive = zip_bytes(&[("x.npy", &x, Packed::Stored), ("x.npy", &x, Packed::Stored)]);
    let text = message(Npz::open(&desk.write("file.npz", &archive)).map(|_| ()));
    assert!(
        text.ends_with("has two members of one name, expected names that differ; its arrays: x"),
        "{text}"
    );
}

#[test]
fn encrypted_members_and_other_compressions_are_refused() {
    let desk = Desk::new();
    let x = npy_bytes("|u1", false, "(1,)", &[1]);
    for (packed, found) in [
        (Packed::Encrypted, "array x: is encrypted, expected a member without a password"),
        (Packed::Method(12), "array x: is compressed by method Bzip2, expected Stored or Deflated"),
    ] {
        let archive = zip_bytes(&[("x.npy", &x, packed), ("y.npy", &x, Packed::Stored)]);
        let text = message(desk.npz(&archive, "x", F32));
        assert!(text.ends_with(found), "{text}");
        assert!(desk.npz(&archive, "y", F32).is_ok());
    }
}

#[test]
fn archives_with_64_bit_lengths_are_read() {
    let desk = Desk::new();
    let x = npy_bytes("<i2", false, "(2,)", &[1, 0, 2, 0]);
    for packed in [Packed::Zip64Stored, Packed::Zip64Deflated] {
        let archive = zip_bytes(&[("x.npy", &x, packed)]);
        assert_same(desk.npz(&archive, "x", Use::Labels), &[2], &Elements::Integers(vec![1, 2]), "zip64");
    }
}

#[test]
fn an_archive_with_a_directory_that_lies_about_lengths_is_refused() {
    let desk = Desk::new();
    let x = npy_bytes("<f4", false, "(1000000000,)", &[0; 400]);
    for (stored, packed, unpacked, found) in [
        (true, u32::MAX - 1, u32::MAX - 1, "4294967294 compressed bytes by the directory, but the file has"),
        (
            true,
            528,
            4_000_000_128,
            "4000000128 bytes by the directory, but its 528 bytes unpack to 528 at most",
        ),
        (
            false,
            100,
            4_000_000_128,
            "4000000128 bytes by the directory, but its 100 bytes unpack to 103200 at most",
        ),
    ] {
        let kind = if stored { Packed::Stored } else { Packed::Deflated };
        let mut archive = zip_bytes(&[("x.npy", &x, kind)]);
        let entry = archive.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
        archive[entry + 20..][..4].copy_from_slice(&packed.to_le_bytes());
        archive[entry + 24..][..4].copy_from_slice(&unpacked.to_le_bytes());
        let text = message(desk.npz(&archive, "x", F32));
        assert!(text.contains(found), "{text}");
    }
}

#[test]
fn a_zip_bomb_is_unpacked_no_further_than_its_header_states() {
    let desk = Desk::new();
    let bomb = npy_bytes("|u1", false, "(3,)", &vec![0; 50_000_000]);
    let honest = zip_bytes(&[("x.npy", &bomb, Packed::Deflated)]);
    assert!(honest.len() < 60_000, "{}", honest.len());
    let text = message(desk.npz(&honest, "x", F32));
    assert!(text.ends_with("array x: 50000000 bytes of data, expected 3 by dimensions [3] of |u1"), "{text}");
    // The directory and the header agree on 3 bytes; the stream goes on.
    let mut archive = honest;
    let entry = archive.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    let header = (bomb.len() - 50_000_000) as u32;
    archive[entry + 24..][..4].copy_from_slice(&(header + 3).to_le_bytes());
    let text = message(desk.npz(&archive, "x", F32));
    assert!(text.contains("array x: damaged after 131 unpacked bytes: File is larger than"), "{text}");
}

#[test]
fn a_wrong_checksum_or_a_damaged_stream_is_refused() {
    let desk = Desk::new();
    let x = npy_bytes("|u1", false, "(2000,)", &(0..2000).map(|i| (i * i % 251) as u8).collect::<Vec<_>>());
    for packed in [Packed::Stored, Packed::Deflated] {
        let right = zip_bytes(&[("x.npy", &x, packed)]);
        let mut archive = right.clone();
        let entry = archive.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
        archive[entry + 16] ^= 1;
        let text = message(desk.npz(&archive, "x", F32));
        assert!(text.contains("array x: damaged after 2128 unpacked bytes: Invalid checksum"), "{text}");
        let mut archive = right.clone();
        archive[entry - 100] ^= 0x55;
        let text = message(desk.npz(&archive, "x", F32));
        assert!(text.contains("array x: "), "{text}");
        for len in (0..right.len()).step_by(37) {
            let text = message(desk.npz(&right[..len], "x", F32));
            assert!(text.contains("expected an NPZ file (a ZIP archive)"), "{len}: {text}");
        }
    }
}

#[test]
fn a_directory_that_states_absurd_numbers_is_refused() {
    let desk = Desk::new();
    let x = npy_bytes("|u1", false, "(1,)", &[1]);
    let right = zip_bytes(&[("x.npy", &x, Packed::Zip64Stored)]);
    let end = right.windows(4).rposition(|four| four == b"PK\x06\x06").unwrap();
    // Entries on this disk, entries, and the directory's length and place: 8 bytes each.
    for fields in [&[24, 32][..], &[24, 32, 40], &[40], &[48], &[24, 32, 40, 48]] {
        for value in [u64::MAX, 1 << 40, 100] {
            let mut archive = right.clone();
            for field in fields {
                archive[end + field..][..8].copy_from_slice(&value.to_le_bytes());
            }
            // The crate may find the directory by itself, so it may also be right.
            match desk.npz(&archive, "x", F32) {
                Ok(read) => assert_eq!(read.elements, Elements::Bytes(vec![1])),
                outcome => assert!(!message(outcome).is_empty()),
            }
        }
    }
}

// Kinds

#[test]
fn the_kind_of_a_path_is_known_by_its_content() {
    let desk = Desk::new();
    let npy = npy_bytes("|u1", false, "(1,)", &[1]);
    let npz = zip_bytes(&[("x.npy", &npy, Packed::Stored)]);
    let model = b"\x10\0\0\0\0\0\0\0{}              ";
    for (bytes, right) in [
        (idx_bytes(&[1], &[1]), Kind::Idx),
        (gzip(&idx_bytes(&[1], &[1])), Kind::Idx),
        (npy.clone(), Kind::Npy),
        (gzip(&npy), Kind::Npy),
        (npz.clone(), Kind::Npz),
        (zip_bytes(&[]), Kind::Npz),
        (model.to_vec(), Kind::Model),
        (b"a,b\n1,2\n".to_vec(), Kind::Table),
        (gzip(b"a,b\n1,2\n"), Kind::Table),
    ] {
        // The name says something else.
        let path = desk.write("file.csv.gz.npz", &bytes);
        assert_eq!(kind(&path).unwrap(), right, "{}", bytes.escape_ascii());
    }
    assert_eq!(kind(desk.folder.path()).unwrap(), Kind::Folder);
    for (bytes, found) in [
        (vec![], "is empty, expected a table of text (CSV), IDX, NPY, NPZ, a model file, or a folder"),
        (b"\x7fELF\x02\0\0".to_vec(), "is binary data of an unknown kind"),
        (gzip(b"\x7fELF\x02\0\0"), "a folder of IDX files inside gzip"),
        (gzip(&npz), "is a ZIP archive compressed with gzip"),
        (gzip(model), "is a model file compressed with gzip"),
        (gzip(&npy)[..20].to_vec(), "damaged gzip stream"),
    ] {
        let text = message(kind(&desk.write("file", &bytes)));
        assert!(text.contains(found), "{text}");
    }
}

// Paths that are not regular files

/// All readers on one path
fn errors(path: &Path) -> [Error; 4] {
    [
        npy::read(path, F32).unwrap_err(),
        idx::read(path, F32).unwrap_err(),
        Npz::open(path).map(|_| ()).unwrap_err(),
        kind(path).unwrap_err(),
    ]
}

#[cfg(unix)]
#[test]
fn paths_that_are_no_files_are_refused_by_every_reader() {
    let desk = Desk::new();
    let fifo = desk.folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for error in errors(&fifo) {
        assert!(error.to_string().ends_with("/fifo: is a FIFO, expected a file"), "{error}");
    }
    std::os::unix::fs::symlink("nothing", desk.folder.path().join("link")).unwrap();
    for name in ["link", "missing"] {
        for error in errors(&desk.folder.path().join(name)) {
            assert!(matches!(error, Error::Read { .. }) && error.to_string().contains(name), "{error:?}");
        }
    }
}

#[test]
fn a_directory_is_no_array() {
    let desk = Desk::new();
    let path = desk.folder.path();
    for error in [npy::read(path, F32).unwrap_err(), Npz::open(path).map(|_| ()).unwrap_err()] {
        assert!(error.to_string().ends_with("is a directory, expected a file"), "{error}");
    }
}

// Random damage

/// A flip, a cut or an insertion at a random place
fn damaged(random: &mut Random, file: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len().max(1) as u32) as usize;
        match random.below(4) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.below(256) as u8,
            2 => bytes.truncate(at),
            _ => bytes.insert(at, random.below(256) as u8),
        }
    }
    bytes
}

#[test]
fn no_damage_makes_a_reader_panic_or_return_more_than_the_file_holds() {
    let desk = Desk::new();
    let mut random = Random::new(7, Purpose::BenchImages);
    let x = npy_bytes("<f4", true, "(6, 5)", &f32_bytes(&[0.5; 30]));
    let y = npy_bytes(">i2", false, "(6,)", &[1; 12]);
    let members = [
        ("x.npy", &x[..], Packed::Deflated),
        ("y.npy", &y, Packed::Stored),
        ("z.npy", &y, Packed::Zip64Stored),
    ];
    let files = [x.clone(), zip_bytes(&members), idx_of(0x0d, &[6, 5], &[0; 120]), gzip(&x)];
    let check = |outcome: Result<Array>, len: usize| match outcome {
        Ok(read) => {
            assert_eq!(read.dims.iter().product::<usize>(), read.elements.len());
            assert!(!read.dims.contains(&0) && read.elements.len() <= 1032 * len, "{:?}", read.dims);
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("/file"), "{error}");
            // No attempt to reserve memory on the word of a header alone.
            assert!(!matches!(error, Error::Memory { .. }), "{error}");
            false
        }
    };
    let mut read = [0; 4];
    for _ in 0..1000 {
        for (number, file) in files.iter().enumerate() {
            let bytes = damaged(&mut random, file);
            let for_use = [F32, F64, Use::Labels][random.below(3) as usize];
            read[number] += usize::from(match number {
                1 => match Npz::open(&desk.write("file.npz", &bytes)) {
                    Ok(mut npz) => {
                        let names = npz.names();
                        let read = |name: &String| check(npz.read(name, for_use), bytes.len());
                        names.iter().map(read).fold(false, |any, is| any | is)
                    }
                    Err(error) => {
                        assert!(error.to_string().contains("/file"), "{error}");
                        false
                    }
                },
                2 => check(desk.idx(&bytes, for_use), bytes.len()),
                _ => check(desk.npy(&bytes, for_use), bytes.len()),
            });
            let _: Result<Kind> = kind(&desk.write("file", &bytes));
        }
    }
    assert!(read.iter().all(|&count| count > 10), "too few files were read: {read:?}");
}
