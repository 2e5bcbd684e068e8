//! Damages to the bytes of a file: each is a pure function of the file and a number

use std::fmt::Write;
use std::ops::Range;

use crate::numbers::Numbers;

/// A damaged file
pub struct Damage {
    /// Its bytes
    pub bytes: Vec<u8>,
    /// What was done to it
    pub what: String,
    /// Whether the file still says the same: a reader must give the same results
    pub harmless: bool,
}

/// What a file holds, which decides how it is damaged
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Cells and lines
    Csv,
    /// Cells and lines of data, in which a row of separators is a row of missing cells
    Data,
    /// Other text
    Text,
    /// IDX files and gzip streams
    Binary,
    /// Length of a JSON header, the header, numbers
    Model,
}

/// One of `from`, chosen at random
fn choose<'a, T: ?Sized>(random: &mut Numbers, from: &[&'a T]) -> &'a T {
    from[random.below(from.len())]
}

/// A random range of at most `longest` bytes in a file of `len`
fn range(random: &mut Numbers, len: usize, longest: usize) -> Range<usize> {
    let start = random.below(len);
    start..(start + 1 + random.below(longest)).min(len)
}

type Change = fn(&mut Numbers, &[u8]) -> (Vec<u8>, String);

/// Changes of any file
const BYTES: [Change; 9] =
    [flip_bit, overwrite, delete_byte, delete_range, cut, duplicate_range, swap_ranges, append, |_, _| {
        (vec![], "empty".to_owned())
    }];
/// Changes of text
const TEXT: [Change; 10] =
    [insert, duplicate_line, swap_lines, delete_line, cut_at_line, number, number, number, number, word];
/// Changes of a table
const TABLE: [Change; 4] = [extremes, extremes, extremes, cell];
/// Changes of the first bytes, where binary files have their headers
const HEADER: [Change; 3] =
    [|random, file| within(random, file, flip_bit), |random, file| within(random, file, overwrite), magic];
/// Changes that leave what a text says as it is
const SAME_TEXT: [Change; 2] = [byte_order_mark, crlf];
/// Changes that leave what a table says as it is
const SAME_TABLE: [Change; 4] = [swap_columns, separators_at_the_end, empty_columns, upper_case_switches];
/// Changes that leave what a table of data says as it is
const SAME_DATA: [Change; 2] = [swap_columns, empty_columns];

/// The damage with this number to a file
pub fn damage(format: Format, file: &[u8], number: usize) -> Damage {
    let mut random = Numbers::new(number as u64);
    let (same, other): (&[&[Change]], &[&[Change]]) = match format {
        Format::Csv => (&[&SAME_TEXT, &SAME_TABLE], &[&BYTES, &TEXT, &TABLE]),
        Format::Data => (&[&SAME_TEXT, &SAME_DATA], &[&BYTES, &TEXT, &TABLE]),
        Format::Text => (&[&SAME_TEXT], &[&BYTES, &TEXT]),
        Format::Binary | Format::Model => (&[], &[&BYTES, &HEADER]),
    };
    let (same, other) = (same.concat(), other.concat());
    // Each kind of change comes once before one comes twice; those that leave the text as it is come once in all.
    if let Some(change) = same.get(number) {
        let (bytes, what) = change(&mut random, file);
        return Damage { bytes, what, harmless: true };
    }
    let number = number - same.len();
    if format == Format::Model && number % 2 == 1 {
        let all = [&BYTES[..], &TEXT].concat();
        let (bytes, what) = in_json(&mut random, file, all[number / 2 % all.len()]);
        return Damage { bytes, what, harmless: false };
    }
    let number = if format == Format::Model { number / 2 } else { number };
    let (bytes, what) = other[number % other.len()](&mut random, file);
    Damage { bytes, what, harmless: false }
}

/// `text` with a mark where the file was changed
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.get(..40).unwrap_or(bytes).utf8_chunks() {
        text += part.valid();
        part.invalid().iter().for_each(|byte| write!(text, "<{byte:02x}>").expect("a string takes all text"));
    }
    format!("`{}`{}", text.escape_debug(), if bytes.len() > 40 { " …" } else { "" })
}

fn place(file: &[u8], at: usize) -> String {
    let line = 1 + file[..at].iter().filter(|byte| **byte == b'\n').count();
    format!("byte {at} (line {line})")
}

fn replaced(file: &[u8], range: Range<usize>, by: &[u8]) -> (Vec<u8>, String) {
    let what = format!("{}: {} becomes {}", place(file, range.start), shown(&file[range.clone()]), shown(by));
    ([&file[..range.start], by, &file[range.end..]].concat(), what)
}

fn flip_bit(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let at = random.below(file.len());
    replaced(file, at..at + 1, &[file[at] ^ (1 << random.below(8))])
}

fn overwrite(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let at = random.below(file.len());
    let by = [
        0, 1, 7, b'\t', b'\n', b'\r', 0x1b, b'"', b'\'', b',', b';', b'=', b'-', b'9', 0x7f, 0x80, 0x9b, 0xff,
    ];
    replaced(file, at..at + 1, &[by[random.below(by.len())]])
}

fn insert(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let at = random.below(file.len());
    let by = [
        "\x1b[31m",
        "\0",
        "\u{9b}31m",
        "\r",
        "\n",
        "\n\n",
        "\"",
        "\"\"",
        ",",
        ";",
        "\u{feff}",
        "\u{202e}",
        "é",
        "\u{7f}",
    ];
    let raw: [&[u8]; 3] = [b"\xff", b"\xc3", b"\xed\xa0\x80"];
    let pick = random.below(by.len() + raw.len());
    replaced(file, at..at, by.get(pick).map_or_else(|| raw[pick - by.len()], |text| text.as_bytes()))
}

fn delete_byte(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let at = random.below(file.len());
    replaced(file, at..at + 1, b"")
}

fn delete_range(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    replaced(file, range(random, file.len(), 60), b"")
}

fn cut(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let at = random.below(file.len());
    (file[..at].to_vec(), format!("cut at {}", place(file, at)))
}

fn duplicate_range(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let range = range(random, file.len(), 60);
    replaced(file, range.clone(), &file[range].repeat(2))
}

fn swap_ranges(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let first = range(random, file.len(), 20);
    let second = first.end..(first.end + 1 + random.below(20)).min(file.len());
    replaced(file, first.start..second.end, &[&file[second], &file[first]].concat())
}

fn append(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let by: [&[u8]; 7] = [b"\0", &[0; 512], b"x", b"\n\n", b"\x1b[2J\n", b"\xff\xff", file];
    replaced(file, file.len()..file.len(), choose(random, &by))
}

fn within(random: &mut Numbers, file: &[u8], change: Change) -> (Vec<u8>, String) {
    let (start, end) = file.split_at(file.len().min(16));
    let (start, what) = change(random, start);
    ([&start, end].concat(), what)
}

fn magic(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let by: [&[u8]; 9] = [
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\x80\x04\x95",
        b"\x7fELF",
        b"\x93NUMPY\x01\0",
        b"\xfd7zXZ\0",
        b"BZh9",
        &[0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 8],
    ];
    let by = choose(random, &by);
    replaced(file, 0..by.len().min(file.len()), by)
}

/// A change of the header of a model, with the right length in front of it
fn in_json(random: &mut Numbers, file: &[u8], change: Change) -> (Vec<u8>, String) {
    let len: [u8; 8] = file[..8].try_into().expect("eight bytes");
    let (json, weights) = file[8..].split_at(u64::from_le_bytes(len) as usize);
    let (json, what) = change(random, json);
    ([&(json.len() as u64).to_le_bytes(), &json[..], weights].concat(), format!("in the header, {what}"))
}

fn lines(file: &[u8]) -> Vec<&[u8]> {
    file.split_inclusive(|byte| *byte == b'\n').collect()
}

fn duplicate_line(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let mut lines = lines(file);
    let (from, to) = (random.below(lines.len()), random.below(lines.len() + 1));
    lines.insert(to, lines[from]);
    (lines.concat(), format!("line {} again before line {}", from + 1, to + 1))
}

fn swap_lines(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let mut lines = lines(file);
    let (a, b) = (random.below(lines.len()), random.below(lines.len()));
    lines.swap(a, b);
    (lines.concat(), format!("lines {} and {} swapped", a + 1, b + 1))
}

fn delete_line(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let mut lines = lines(file);
    let at = random.below(lines.len());
    lines.remove(at);
    (lines.concat(), format!("line {} deleted", at + 1))
}

fn cut_at_line(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let lines = lines(file);
    let kept = random.below(lines.len());
    (lines[..kept].concat(), format!("cut after line {kept}"))
}

/// One of the longest runs of bytes for which `part` is true
fn token(random: &mut Numbers, file: &[u8], part: fn(u8) -> bool) -> Range<usize> {
    let mut tokens = vec![];
    let mut start = None;
    for at in 0..=file.len() {
        match (start, file.get(at).is_some_and(|byte| part(*byte))) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                tokens.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    if tokens.is_empty() { file.len()..file.len() } else { tokens.swap_remove(random.below(tokens.len())) }
}

fn number(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let by = [
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        "-1",
        "",
        " ",
        "0",
        "-0",
        "0x1f",
        "1.5",
        "1,5",
        "1e-320",
        "1e308",
        "-1e308",
        "1_000",
        "2",
        "18446744073709551615",
        "99999999999999999999999",
        "4294967296",
        "0.0000001",
        "1e6",
        "+1",
        "007",
        "1e5",
        "=1+1",
        "?",
    ];
    let range = token(random, file, |byte| byte.is_ascii_digit() || byte == b'.');
    replaced(file, range, choose(random, &by).as_bytes())
}

fn word(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let long = "x".repeat(100_000);
    let by = [
        "okk",
        "",
        "TRUE",
        "=cmd|' /C calc'!A0",
        "../../x",
        "\u{1b}]0;x\u{7}",
        "a\"b",
        "NA",
        "ok",
        "failed",
        "diverged",
        &long,
    ];
    let range = token(random, file, |byte| byte.is_ascii_lowercase());
    replaced(file, range, choose(random, &by).as_bytes())
}

/// A change of the cells of one column
fn in_column(file: &[u8], column: usize, mut change: impl FnMut(usize, &str) -> String) -> (Vec<u8>, String) {
    let mut what = vec![];
    let mut line = 0;
    let changed = map_lines(file, |text| {
        line += 1;
        let mut cells: Vec<String> = text.split(',').map(str::to_owned).collect();
        if line > 1 {
            let new = change(line, &cells[column]);
            if new != cells[column] {
                what.push(format!("line {line}: {} becomes {new:?}", cells[column]));
                cells[column] = new;
            }
        }
        cells.join(",")
    });
    (changed, format!("column {}: {}", column + 1, what.join(", ")))
}

fn columns(file: &[u8]) -> usize {
    lines(file)[0].iter().filter(|byte| **byte == b',').count() + 1
}

/// Numbers that overflow when one is divided by another or subtracted from it, in one column
fn extremes(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let by = ["1e-320", "1e-300", "1e300", "1.797e308", "-1.797e308", "1e9", "0"];
    let column = random.below(columns(file));
    in_column(file, column, |_, old| match random.below(2) {
        0 => choose(random, &by).to_owned(),
        _ => old.to_owned(),
    })
}

/// Another value in one cell
fn cell(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let by = ["", "nan", "-1", "1.5", "okk", "none", "1e999", "x", "8", "2", "0.5", "\u{1b}[1m"];
    let (column, row) = (random.below(columns(file)), 2 + random.below(lines(file).len() - 1));
    in_column(file, column, |line, old| if line == row { choose(random, &by) } else { old }.to_owned())
}

fn byte_order_mark(_: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    replaced(file, 0..0, "\u{feff}".as_bytes())
}

fn crlf(_: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    (String::from_utf8_lossy(file).replace('\n', "\r\n").into_bytes(), "line ends CR LF".to_owned())
}

fn map_lines(file: &[u8], change: impl FnMut(&str) -> String) -> Vec<u8> {
    String::from_utf8_lossy(file).lines().map(change).flat_map(|line| (line + "\n").into_bytes()).collect()
}

fn swap_columns(random: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let count = columns(file);
    let (a, b) = (random.below(count), random.below(count));
    let swapped = map_lines(file, |line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.swap(a, b);
        cells.join(",")
    });
    (swapped, format!("columns {} and {} swapped", a + 1, b + 1))
}

fn separators_at_the_end(_: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    (
        [file, ",".repeat(columns(file) - 1).as_bytes(), b"\n"].concat(),
        "a row of separators at the end".to_owned(),
    )
}

fn empty_columns(_: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    (map_lines(file, |line| format!("{line},,")), "two empty columns at the end".to_owned())
}

fn upper_case_switches(_: &mut Numbers, file: &[u8]) -> (Vec<u8>, String) {
    let upper = map_lines(file, |line| line.replace(",false,", ",FALSE,").replace(",true,", ",TRUE,"));
    (upper, "FALSE for false".to_owned())
}
