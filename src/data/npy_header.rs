//! The header of an NPY file: a Python dictionary as text, of which the format uses three keys
//!
//! ```text
//! {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }
//! ```
//!
//! The text is parsed, never evaluated.
//!
//! Source: NumPy, *NEP 1: A simple file format for NumPy arrays* (versions 1.0 to 3.0).

use super::element::{ElementType, Encoding};

/// The accepted types, for messages
const ACCEPTED: &str =
    "a bool, an integer (i1, i2, i4, i8, u1, u2, u4, u8) or a floating-point number (f2, f4, f8)";

/// Greatest depth of nested tuples and lists, so that a hostile header can't exhaust the stack
const DEPTH: usize = 16;

/// The kind of a type, its number of bytes, and what it means here
const TYPES: [(char, &str, ElementType); 12] = [
    ('b', "1", ElementType::Bool),
    ('i', "1", ElementType::I8),
    ('i', "2", ElementType::I16),
    ('i', "4", ElementType::I32),
    ('i', "8", ElementType::I64),
    ('u', "1", ElementType::U8),
    ('u', "2", ElementType::U16),
    ('u', "4", ElementType::U32),
    ('u', "8", ElementType::U64),
    ('f', "2", ElementType::F16),
    ('f', "4", ElementType::F32),
    ('f', "8", ElementType::F64),
];

/// What a header states
#[derive(Debug, PartialEq)]
pub struct Header {
    /// The type as the file writes it, such as `<f4`
    pub descr: String,
    /// The type
    pub encoding: Encoding,
    /// Whether the first dimension varies fastest
    pub is_fortran: bool,
    /// The dimensions
    pub shape: Vec<usize>,
}

/// Parses the text of a header
///
/// # Errors
/// If it is not a dictionary with exactly the three keys, or a value is not accepted; the text says what was found.
pub fn parse(text: &str) -> Result<Header, String> {
    let mut parser = Parser { text, at: 0 };
    let (mut descr, mut order, mut shape) = (None, None, None);
    parser.expect('{')?;
    while !parser.take('}') {
        let at = parser.at;
        let Value::Text(key) = parser.value(0)? else { return Err(parser.wrong(at, "a key in quotes")) };
        parser.expect(':')?;
        let start = parser.start();
        let value = parser.value(0)?;
        let written = &text[start..parser.at];
        let slot = match key {
            "descr" => &mut descr,
            "fortran_order" => &mut order,
            "shape" => &mut shape,
            _ => {
                let problem = format!("{:?}, expected 'descr', 'fortran_order' and 'shape'", cut(key));
                return Err(format!("the header has the key {problem}"));
            }
        };
        if slot.replace((value, written)).is_some() {
            return Err(format!("the header has the key '{key}' twice"));
        }
        if !parser.take(',') {
            parser.expect('}')?;
            break;
        }
    }
    if !text[parser.start()..].is_empty() {
        return Err(parser.wrong(parser.start(), "the end of the header"));
    }
    let missing = |key| format!("the header has no key '{key}'");
    let (descr, order, shape) = (
        descr.ok_or_else(|| missing("descr"))?,
        order.ok_or_else(|| missing("fortran_order"))?,
        shape.ok_or_else(|| missing("shape"))?,
    );
    let encoding = encoding(&descr.0, descr.1)?;
    let Value::Truth(is_fortran) = order.0 else {
        return Err(format!("fortran_order is {}, expected True or False", cut(order.1)));
    };
    let shape = dims(&shape.0, shape.1)?;
    Ok(Header { descr: descr.1.trim_matches(['\'', '"']).to_owned(), encoding, is_fortran, shape })
}

/// The type that a `descr` names
fn encoding(descr: &Value<'_>, written: &str) -> Result<Encoding, String> {
    let Value::Text(name) = descr else {
        let what = if matches!(descr, Value::List) { "a structured type" } else { "no type" };
        return Err(format!("the dtype is {}, {what}, expected {ACCEPTED}", cut(written)));
    };
    let mut rest = name.chars();
    let (order, kind, bytes) = (rest.next(), rest.next(), rest.as_str());
    let found = TYPES.iter().find(|(known, size, _)| Some(*known) == kind && *size == bytes);
    match (order, found) {
        (Some(order @ ('<' | '>')), Some((.., element))) => {
            Ok(Encoding { element: *element, is_big_endian: order == '>' })
        }
        (Some('|'), Some((_, "1", element))) => Ok(Encoding { element: *element, is_big_endian: false }),
        (_, Some(_)) => {
            Err(format!("the dtype '{}' does not state the order of its bytes, expected < or >", cut(name)))
        }
        _ => {
            let what = match kind {
                Some('O') => " (Python objects, which are never unpickled)",
                Some('c') => " (complex numbers)",
                Some('f') => " (floating-point numbers of another size)",
                Some('S' | 'a' | 'U') => " (strings)",
                Some('M' | 'm') => " (dates or times)",
                Some('V') => " (raw bytes)",
                _ => "",
            };
            Err(format!("the dtype is '{}'{what}, expected {ACCEPTED}", cut(name)))
        }
    }
}

/// The dimensions that a `shape` states
fn dims(shape: &Value<'_>, written: &str) -> Result<Vec<usize>, String> {
    let Value::Tuple(items) = shape else {
        return Err(format!("shape is {}, expected a tuple of dimensions", cut(written)));
    };
    if items.is_empty() {
        return Err("shape is (), a single number, expected an array of 1 dimension or more".to_owned());
    }
    let dim = |item: &Value<'_>| match item {
        Value::Whole(digits) => digits.parse().map_err(|_| {
            let digits = cut(digits);
            format!("shape has the dimension {digits}, which is negative or larger than any memory")
        }),
        _ => Err(format!("shape is {}, expected whole numbers", cut(written))),
    };
    items.iter().map(dim).collect()
}

/// The beginning of a text, for a message
fn cut(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut chars = text.chars();
    let first: String = chars.by_ref().take(SHOWN).collect();
    if chars.next().is_some() { first + " …" } else { first }
}

/// A Python literal
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Text(&'a str),
    Truth(bool),
    /// The digits of a whole number, with its sign
    Whole(&'a str),
    Tuple(Vec<Value<'a>>),
    /// A list, which describes a structured type; its items have been parsed and dropped
    List,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    /// Where the next token starts
    fn start(&self) -> usize {
        self.text.len() - self.text[self.at..].trim_start_matches([' ', '\t', '\n', '\r']).len()
    }

    /// Skips `c` if it is the next token
    fn take(&mut self, c: char) -> bool {
        let start = self.start();
        let is_next = self.text[start..].starts_with(c);
        if is_next {
            self.at = start + c.len_utf8();
        }
        is_next
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.take(c) { Ok(()) } else { Err(self.wrong(self.start(), &format!("'{c}'"))) }
    }

    fn wrong(&self, at: usize, expected: &str) -> String {
        match &self.text[at..] {
            "" => format!("the header ends at byte {at}, expected {expected}"),
            rest => format!("byte {at} of the header is {:?}, expected {expected}", cut(rest)),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, String> {
        self.at = self.start();
        let (start, rest) = (self.at, &self.text[self.at..]);
        if depth > DEPTH {
            return Err(self.wrong(start, &format!("at most {DEPTH} nested tuples or lists")));
        }
        for (word, is) in [("True", true), ("False", false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(Value::Truth(is));
            }
        }
        match rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let inner = &rest[1..];
                match inner.find([quote, '\\', '\n']) {
                    Some(len) if inner[len..].starts_with(quote) => {
                        self.at += len + 2;
                        Ok(Value::Text(&inner[..len]))
                    }
                    _ => Err(self.wrong(start, "a text in quotes without a backslash or line break")),
                }
            }
            Some(c @ ('(' | '[')) => {
                self.at += 1;
                let close = if c == '(' { ')' } else { ']' };
                let (mut items, mut has_comma) = (Vec::new(), false);
                while !self.take(close) {
                    items.push(self.value(depth + 1)?);
                    has_comma = self.take(',');
                    if !has_comma {
                        self.expect(close)?;
                        break;
                    }
                }
                match (c, items.len()) {
                    ('[', _) => Ok(Value::List),
                    // In Python, (3) is a number and (3,) a tuple.
                    ('(', 1) if !has_comma => Ok(items.remove(0)),
                    _ => Ok(Value::Tuple(items)),
                }
            }
            Some(c) if c == '-' || c.is_ascii_digit() => {
                let digits = &rest[1..];
                let len = 1 + digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                self.at += len;
                // Python 2 wrote long numbers as 10L.
                self.at += usize::from(rest[len..].starts_with('L'));
                Ok(Value::Whole(&rest[..len]))
            }
            _ => Err(self.wrong(start, "a text, a number, True, False, a tuple or a list")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}")
    }

    fn error(text: &str) -> String {
        parse(text).expect_err(text)
    }

    #[test]
    fn keys_stand_in_any_order_with_any_space_and_quotes() {
        let right = Header {
            descr: "<f4".to_owned(),
            encoding: Encoding { element: ElementType::F32, is_big_endian: false },
            is_fortran: false,
            shape: vec![2, 3],
        };
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
            "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}",
            "\n { \"shape\" : ( 2 , 3 , ) , 'descr' : \"<f4\" ,\t'fortran_order' : False , } ",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}\n",
        ] {
            assert_eq!(
                parse(text),
                Ok(Header { descr: right.descr.clone(), shape: vec![2, 3], ..right }),
                "{text}"
            );
        }
        assert_eq!(
            parse(&header("'>i2'", "True", "(7,)")).map(|h| (h.shape, h.is_fortran)),
            Ok((vec![7], true))
        );
    }

    #[test]
    fn other_dtypes_are_named() {
        for (descr, found) in [
            ("'|O'", "'|O' (Python objects, which are never unpickled), expected a bool"),
            ("'<c8'", "'<c8' (complex numbers)"),
            ("'<f16'", "'<f16' (floating-point numbers of another size)"),
            ("'<U5'", "'<U5' (strings)"),
            ("'|S3'", "'|S3' (strings)"),
            ("'<M8[ns]'", "'<M8[ns]' (dates or times)"),
            ("'|V2'", "'|V2' (raw bytes)"),
            (
                "[('a', '<f4'), ('b', '<i8', (2, 2))]",
                "[('a', '<f4'), ('b', '<i8', (2, 2))], a structured type",
            ),
            ("'<i3'", "'<i3', expected"),
            ("''", "'', expected"),
            ("'=f4'", "'=f4' does not state the order of its bytes"),
            ("'|f4'", "'|f4' does not state"),
            ("7", "7, no type"),
        ] {
            let message = error(&header(descr, "False", "(2,)"));
            assert!(message.contains(found), "{message}");
        }
    }

    #[test]
    fn wrong_values_and_keys_are_named() {
        for (text, found) in [
            (header("'<f4'", "0", "(2,)"), "fortran_order is 0, expected True or False"),
            (header("'<f4'", "False", "(2)"), "shape is (2), expected a tuple"),
            (header("'<f4'", "False", "()"), "shape is ()"),
            (header("'<f4'", "False", "(2, 'a')"), "expected whole numbers"),
            (header("'<f4'", "False", "(-2,)"), "dimension -2, which is negative"),
            (header("'<f4'", "False", "(99999999999999999999,)"), "99999999999999999999, which is"),
            (header("'<f4'", "False", "(2 3)"), "byte 53 of the header is \"3), }\", expected ')'"),
            ("{'descr': '<f4', 'fortran_order': False}".to_owned(), "no key 'shape'"),
            ("{}".to_owned(), "no key 'descr'"),
            ("{'descr': '<f4', 'descr': '<f4'}".to_owned(), "the key 'descr' twice"),
            ("{'shape': (2,), 'x': 1}".to_owned(), "the key \"x\", expected"),
            ("{1: 2}".to_owned(), "expected a key in quotes"),
            (String::new(), "the header ends at byte 0, expected '{'"),
            ("{'descr".to_owned(), "expected a text in quotes"),
            (r"{'de\x73cr': '<f4'}".to_owned(), "without a backslash"),
            (header("'<f4'", "False", "(2,)") + "x", "expected the end of the header"),
            (header("__import__('os')", "False", "(2,)"), "expected a text, a number"),
            (header(&"(".repeat(60_000), "False", "(2,)"), "at most 16 nested"),
        ] {
            let message = error(&text);
            assert!(message.contains(found), "{message}");
            assert!(message.len() < 400, "{message}");
        }
    }
}
