//! Which byte separates the cells, found from the first two records

use memchr::memchr;

/// The bytes that may separate cells, the most telling one first: commas also stand in numbers and texts
pub const CANDIDATES: [u8; 3] = [b'\t', b';', b','];

/// What the first records say about the separator
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This byte separates cells
    Separator(u8),
    /// No candidate occurs: there is one column
    Single,
    /// Several candidates occur, and not each one as often in both records, or there is only one record
    Unclear,
    /// More of the text is needed
    More,
}

/// Finds the separator in a text that starts with a record; `is_whole`: the file ends with the text
pub fn find(text: &[u8], is_whole: bool, decimal: u8) -> Found {
    let occurs = |counts: [usize; 3]| {
        let all = CANDIDATES.into_iter().zip(counts);
        all.filter(|&(byte, count)| count > 0 && byte != decimal).collect::<Vec<_>>()
    };
    let Some((first, end)) = counts(text, is_whole) else { return Found::More };
    let candidates = match &occurs(first)[..] {
        [] if decimal == b',' && first[2] > 0 => return around_quotes(text, end, is_whole),
        [] => return Found::Single,
        [(byte, _)] => return Found::Separator(*byte),
        several => several.to_vec(),
    };
    let rest = &text[end..];
    let rest = &rest[super::scan::skip_blank_lines(rest, 0, b'\0').0..];
    if rest.is_empty() {
        return if is_whole { Found::Unclear } else { Found::More };
    }
    let Some((second, _)) = counts(rest, is_whole) else { return Found::More };
    let second = occurs(second);
    match candidates.iter().find(|candidate| second.contains(candidate)) {
        Some(&(byte, _)) => Found::Separator(byte),
        None => Found::Unclear,
    }
}

/// Whether commas separate the cells of a table with decimal commas: they do if some cells are quoted
fn around_quotes(text: &[u8], end: usize, is_whole: bool) -> Found {
    let second = match text.get(end..) {
        Some(rest) if !rest.is_empty() => counts(rest, is_whole).map(|(_, len)| end + len),
        _ if is_whole => Some(end),
        _ => None,
    };
    match second {
        None => Found::More,
        Some(end) if text[..end].contains(&b'"') => Found::Separator(b','),
        Some(_) => Found::Single,
    }
}

/// How often each candidate occurs in the first record outside of quotes, and where the record ends
pub fn counts(text: &[u8], is_whole: bool) -> Option<([usize; 3], usize)> {
    let (mut counts, mut at, mut starts_cell) = ([0; 3], 0, true);
    let quote = |from: usize| Some(from + memchr(b'"', text.get(from..)?)?);
    while let Some(&byte) = text.get(at) {
        if byte == b'\n' {
            return Some((counts, at + 1));
        }
        if byte == b'"' && starts_cell {
            // A doubled quote closes and opens the cell again. A quote that is never closed ends at the end of the file.
            let mut close = quote(at + 1);
            while let Some(doubled) = close.filter(|close| text.get(close + 1) == Some(&b'"')) {
                close = quote(doubled + 2);
            }
            let Some(close) = close else { break };
            at = close;
        }
        let candidate = CANDIDATES.iter().position(|&candidate| candidate == byte);
        if let Some(candidate) = candidate {
            counts[candidate] += 1;
        }
        starts_cell = candidate.is_some();
        at += 1;
    }
    is_whole.then_some((counts, text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_found_outside_of_quotes() {
        for (text, found) in [
            ("a,b\n", Found::Separator(b',')),
            ("a\tb\n", Found::Separator(b'\t')),
            ("\"a,\"\"b\n\";c\n", Found::Separator(b';')),
            ("a;b\n1,5;2\n", Found::Separator(b';')),
            ("1,5;2,5\n1,5;2\n", Found::Separator(b';')),
            ("1,5;2\n\n1,5,7;2\n", Found::Separator(b';')),
            ("a;b,c\n1,2\n", Found::Separator(b',')),
            ("a;b,c\n1,2,3\n", Found::Unclear),
            ("a;b,c\n", Found::Unclear),
            ("ab\n", Found::Single),
            ("ab", Found::Single),
            ("a;\"b,\n", Found::Separator(b';')),
        ] {
            assert_eq!(find(text.as_bytes(), true, b'.'), found, "{text}");
        }
        assert_eq!(find(b"1,5;2,5\n", true, b','), Found::Separator(b';'));
        for text in ["a,b", "a,b;c\n", "a,b;c\nd", "\"a\n"] {
            assert_eq!(find(text.as_bytes(), false, b'.'), Found::More, "{text}");
        }
    }
}
