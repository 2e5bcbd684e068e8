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

/// Appends a number: the shortest text that reads back to the same `T`, empty if it is not finite
///
/// Numbers from 10¹⁶ on, and those below 10⁻⁵, have an exponent.
pub fn push_number<T: Scalar>(line: &mut Vec<u8>, x: f64) {
    let x = T::from_f64(x);
    let size = x.to_f64().abs();
    if !size.is_finite() {
        return;
    }
    // Writing to a vector can't fail.
    let _ = match (size > 0.0 && size < 1e-5 || size >= 1e16, T::BYTES) {
        (true, 4) => write!(line, "{:e}", x.to_f64() as f32),
        (true, _) => write!(line, "{:e}", x.to_f64()),
        (false, _) => write!(line, "{x}"),
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
    fn numbers_read_back_to_the_same_number() {
        let cell = |p: f64| {
            let mut line = Vec::new();
            push_number::<f32>(&mut line, p);
            String::from_utf8(line).unwrap()
        };
        for (p, found) in
            [(1.0, "1"), (0.25, "0.25"), (1e-7, "1e-7"), (0.0, "0"), (f64::NAN, ""), (-2.5e17, "-2.5e17")]
        {
            assert_eq!(cell(p), found);
        }
        assert_eq!(cell(1.234_567e-30).parse::<f32>().unwrap(), 1.234_567e-30);
        assert_eq!(cell(0.1 + 0.2), "0.3");
    }
}
