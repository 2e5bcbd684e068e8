//! Cells of a table of predictions, appended to its text

use std::io::Write;

use chainrule_kernels::Scalar;

use crate::tables::FORMULA;

/// Appends a text as a cell: quoted where it has to be, and with an apostrophe before text that a spreadsheet would run
///
/// A text that is a number, such as the class `-1`, gets no apostrophe.
pub fn push_text(line: &mut Vec<u8>, text: &str) {
    let is_number = || text.parse::<f64>().is_ok_and(f64::is_finite);
    let apostrophe = if text.starts_with(FORMULA) && !is_number() { "'" } else { "" };
    if !text.contains(['"', ',', '\n', '\r']) {
        line.extend([apostrophe, text].concat().as_bytes());
        return;
    }
    line.push(b'"');
    line.extend(apostrophe.as_bytes());
    line.extend(text.replace('"', "\"\"").as_bytes());
    line.push(b'"');
}

/// Appends a probability: the shortest text that reads back to the same number, empty for NaN
pub fn push_probability<T: Scalar>(line: &mut Vec<u8>, p: T) {
    let x = p.to_f64();
    if !x.is_finite() {
        return;
    }
    // Writing to a vector can't fail.
    let _ = match (x > 0.0 && x < 1e-5, T::BYTES) {
        (true, 4) => write!(line, "{:e}", x as f32),
        (true, _) => write!(line, "{x:e}"),
        (false, _) => write!(line, "{p}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_defused_as_in_other_tables() {
        let cell = |text: &str| {
            let mut line = Vec::new();
            push_text(&mut line, text);
            String::from_utf8(line).unwrap()
        };
        for (text, found) in [
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("a \"b\"\n", "\"a \"\"b\"\"\n\""),
            ("=1+1", "'=1+1"),
            ("@a,b", "\"'@a,b\""),
            ("-1", "-1"),
            ("", ""),
        ] {
            assert_eq!(cell(text), found);
        }
    }

    #[test]
    fn probabilities_read_back_to_the_same_number() {
        let cell = |p: f32| {
            let mut line = Vec::new();
            push_probability(&mut line, p);
            String::from_utf8(line).unwrap()
        };
        for (p, found) in [(1.0, "1"), (0.25, "0.25"), (1e-7, "1e-7"), (0.0, "0"), (f32::NAN, "")] {
            assert_eq!(cell(p), found);
        }
        assert_eq!(cell(1.234_567e-30).parse::<f32>().unwrap(), 1.234_567e-30);
    }
}
