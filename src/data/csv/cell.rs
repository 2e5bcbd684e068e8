//! What a cell contains: a number, a text, or none

use std::borrow::Cow;

use fast_float2::FastFloat;

use super::decimal::Decimal;
use super::fault::Problem;
use super::scan::RawCell;
use super::table::Cells;

/// The texts of missing cells; an empty cell is missing, too
const MISSING_TEXTS: [&[u8]; 7] = [b"?", b"NA", b"N/A", b"nan", b"NaN", b"null", b"NULL"];

/// The type of a feature, f32 or f64
pub trait Real: FastFloat + Copy + Send + Sync + 'static {
    /// A missing cell
    const MISSING: Self;
    /// Whether it is finite
    fn is_finite(self) -> bool;
    /// Exactly the code of a category
    fn from_code(code: u32) -> Self;
    /// The code of a category; `None` for a missing cell
    fn code(self) -> Option<usize>;
    /// The number, correctly rounded, if that is simple
    fn from_decimal(decimal: Decimal) -> Option<Self>;
    /// Features of this type
    fn cells(cells: Vec<Self>) -> Cells;
}

macro_rules! real {
    ($type:ident, $cells:ident, $from_decimal:ident) => {
        impl Real for $type {
            const MISSING: Self = $type::NAN;
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            fn from_code(code: u32) -> Self {
                code as $type
            }
            fn code(self) -> Option<usize> {
                (!self.is_nan()).then_some(self as usize)
            }
            #[inline(always)]
            fn from_decimal(decimal: Decimal) -> Option<Self> {
                decimal.$from_decimal()
            }
            fn cells(cells: Vec<Self>) -> Cells {
                Cells::$cells(cells)
            }
        }
    };
}

real!(f32, Single, to_f32);
real!(f64, Double, to_f64);

/// Whether a cell with this content is missing
pub fn is_missing(content: &[u8]) -> bool {
    content.is_empty() || content.len() <= 4 && MISSING_TEXTS.contains(&content)
}

/// The finite number that a whole text is, with `decimal` as its decimal character
pub fn number<T: Real>(content: &[u8], decimal: u8) -> Option<T> {
    let number: T = if decimal == b'.' {
        fast_float2::parse(content).ok()?
    } else {
        // Few numbers are longer, so few are allocated.
        let mut short = [0; 64];
        let mut long = Vec::new();
        let copy = match short.get_mut(..content.len()) {
            Some(copy) => copy,
            None => {
                long.resize(content.len(), 0);
                long.as_mut_slice()
            }
        };
        for (to, &from) in copy.iter_mut().zip(content) {
            *to = match from {
                b'.' => return None,
                _ if from == decimal => b'.',
                _ => from,
            };
        }
        fast_float2::parse(&*copy).ok()?
    };
    number.is_finite().then_some(number)
}

/// The number in a cell, NaN if it is missing
///
/// # Errors
/// If it is something else.
pub fn number_cell<T: Real>(text: &[u8], cell: RawCell, decimal: u8) -> Result<T, Problem> {
    let content = trimmed(text, cell);
    if let Some(number) = number(content, decimal) {
        return Ok(number);
    }
    if is_missing(content) {
        return Ok(T::MISSING);
    }
    Err(not_a_number(content, decimal))
}

/// The content of a cell without spaces around it
pub fn trimmed(text: &[u8], cell: RawCell) -> &[u8] {
    let content = &text[cell.start..cell.end];
    // Others have no spaces, and a carriage return in them is wrong.
    if cell.is_quoted { content.trim_ascii() } else { content }
}

/// The problem that a number column contains this, with a hint if it is nearly a number
#[cold]
fn not_a_number(content: &[u8], decimal: u8) -> Problem {
    let hint = if number::<f64>(content, decimal).is_some() {
        " that f32 can hold, at most 3.4e38"
    } else if decimal == b'.' && is_decimal_comma(content) {
        " (if the comma is a decimal comma, use --decimal ,)"
    } else if decimal == b',' && number::<f64>(content, b'.').is_some() {
        " with a decimal comma (for decimal points, leave out --decimal)"
    } else {
        ""
    };
    Problem::NotANumber { found: shortened(content), hint }
}

/// The text of a cell, without quotes and with single quotes for doubled ones
///
/// # Errors
/// If it is not UTF-8 or, outside of quotes, contains a carriage return; with the index of the byte in `text`.
pub fn text_cell(text: &[u8], cell: RawCell) -> Result<Cow<'_, str>, (Problem, usize)> {
    let content = &text[cell.start..cell.end];
    let content =
        str::from_utf8(content).map_err(|error| (Problem::NotUtf8, cell.start + error.valid_up_to()))?;
    if cell.has_doubled {
        return Ok(content.replace("\"\"", "\"").into());
    }
    match memchr::memchr(b'\r', content.as_bytes()) {
        Some(at) if !cell.is_quoted => Err((Problem::CarriageReturn, cell.start + at)),
        _ => Ok(content.into()),
    }
}

/// Whether a text is a number with one comma as its decimal character
pub fn is_decimal_comma(content: &[u8]) -> bool {
    content.contains(&b',') && number::<f64>(content, b',').is_some()
}

/// At most the first 40 characters of a cell, for a message
pub fn shortened(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(&content[..content.len().min(160)]);
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::csv::scan;

    fn read<T: Real>(text: &str, decimal: u8) -> Result<T, Problem> {
        let cell = scan::cell(text.as_bytes(), 0, b';').unwrap();
        number_cell(text.as_bytes(), cell, decimal)
    }

    #[test]
    fn numbers_are_rounded_as_the_standard_library_does() {
        for text in
            ["0.1", "-1e-3", "16777217", "3.4028235e38", "1e-320", "123456789.123456789", "+5", ".5", "5."]
        {
            assert_eq!(read::<f32>(text, b'.'), Ok(text.parse().unwrap()), "{text}");
            assert_eq!(read::<f64>(text, b'.'), Ok(text.parse().unwrap()), "{text}");
            assert_eq!(read::<f64>(&text.replace('.', ","), b','), Ok(text.parse().unwrap()), "{text}");
        }
        assert_eq!(read::<f64>("\" 2 \"", b'.'), Ok(2.0));
        assert_eq!(read::<f64>(&format!("1,{}", "0".repeat(99)), b','), Ok(1.0));
    }

    #[test]
    fn missing_cells_are_nan() {
        for text in ["", " ", "?", "NA", " N/A ", "nan", "NaN", "null", "NULL", "\"\"", "\"NA\""] {
            assert!(read::<f32>(text, b'.').unwrap().is_nan(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in
            ["inf", "-inf", "Infinity", "1e999", "-nan", "NAN", "1 2", "1x", "0x10", "1_0", "-", "1,5", "ä"]
        {
            assert!(read::<f32>(text, b'.').is_err(), "{text}");
        }
        for text in ["\r5;", "5\r;", "\r;", "\rNA;"] {
            assert!(read::<f32>(text, b'.').is_err(), "{text:?}");
        }
        for text in ["1.5", "1.234,5", "1,2,3", ","] {
            assert!(read::<f32>(text, b',').is_err(), "{text}");
        }
        let hint = |text, decimal| match read::<f32>(text, decimal) {
            Err(Problem::NotANumber { hint, .. }) => hint,
            other => panic!("{other:?}"),
        };
        assert!(hint("1,5", b'.').contains("--decimal ,"));
        assert!(hint("1.5", b',').contains("leave out --decimal"));
        assert!(hint("1e39", b'.').contains("f32"));
        assert_eq!(hint("abc", b'.'), "");
    }

    #[test]
    fn texts_lose_their_quotes() {
        let read =
            |text: &'static str| text_cell(text.as_bytes(), scan::cell(text.as_bytes(), 0, b',').unwrap());
        assert_eq!(read("\" a\"\"b\""), Ok(" a\"b".into()));
        assert_eq!(read(" a "), Ok("a".into()));
        assert_eq!(read("\"a\rb\""), Ok("a\rb".into()));
        assert_eq!(read("a\rb"), Err((Problem::CarriageReturn, 1)));
    }

    #[test]
    fn long_texts_are_shortened() {
        assert_eq!(shortened("ä".repeat(41).as_bytes()), "ä".repeat(40) + "…");
        assert_eq!(shortened("ä".repeat(40).as_bytes()), "ä".repeat(40));
    }
}
