//! Pieces of C: numbers that read back to the same bits, strings, comments, names

use std::fmt::Write;
use std::path::Path;

use crate::error::printable;

/// Widest line of a list of numbers
const WIDTH: usize = 100;

/// A number as C reads it back to the same bits: the shortest such text, with the suffix `f`; `NAN` for NaN
pub fn float(x: f32) -> String {
    if x.is_nan() { "NAN".to_owned() } else { format!("{x:?}f") }
}

/// A string literal in ASCII; other bytes of UTF-8 are octal
pub fn string(text: &str) -> String {
    let mut literal = "\"".to_owned();
    for byte in text.bytes() {
        match byte {
            // Two question marks would begin a trigraph.
            b'"' | b'\\' | b'?' => literal.extend(['\\', byte.into()]),
            b' '..=b'~' => literal.push(byte.into()),
            _ => literal.extend(format!("\\{byte:03o}").chars()),
        }
    }
    literal + "\""
}

/// A text of a person for a comment, on one line and between double quotes; it can't end the comment
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text).replace("*/", "* /").replace("/*", "/ *"))
}

/// `static const KIND NAME[LEN] = {…};`, with lines of a limited width
pub fn array(kind: &str, name: &str, len: &str, elements: impl Iterator<Item = String>) -> String {
    let mut text = format!("static const {kind} {name}[{len}] = {{\n   ");
    let mut used = 3;
    for element in elements {
        if used > 3 && used + element.len() + 2 > WIDTH {
            text.push_str("\n   ");
            used = 3;
        }
        // Writing to a String never fails.
        let _ = write!(text, " {element},");
        used += element.len() + 2;
    }
    // A comma after the last element is allowed by C.
    text + "\n};\n"
}

/// The prefix of all names in a header: the name of its file without extension, with `_` for what C does not allow
///
/// It is `model` for stdout and where the name has no letter or digit, and starts with `model_` where the name of the
/// file does not start with a letter.
pub fn prefix(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = stem.chars().map(allowed).collect();
    if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
        "model".to_owned()
    } else if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("model_{}", name.trim_start_matches('_'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_literals_of_type_float() {
        for (x, text) in [(0.0, "0.0f"), (-1.5, "-1.5f"), (0.1, "0.1f"), (1e-5, "1e-5f"), (3e30, "3e30f")] {
            assert_eq!(float(x), text);
        }
        assert_eq!(float(f32::NAN), "NAN");
    }

    #[test]
    fn strings_have_no_trigraphs_and_no_bytes_beyond_ascii() {
        assert_eq!(string("a\"b\\??/1"), r#""a\"b\\\?\?/1""#);
        assert_eq!(string("é1\n"), r#""\303\2511\012""#);
        assert_eq!(quoted("*/ /*"), "\"* / / *\"");
        assert_eq!(quoted("/*/"), "\"/ * /\"");
    }

    #[test]
    fn a_prefix_is_a_name_in_c() {
        for (path, name) in [
            ("a/fashion.h", "fashion"),
            ("My net-2.0.h", "My_net_2_0"),
            ("2layers.h", "model_2layers"),
            ("_x.h", "model_x"),
            ("-", "model"),
            ("Kä.h", "K_"),
            ("äö.h", "model"),
        ] {
            assert_eq!(prefix(Path::new(path)), name, "{path}");
        }
    }
}
