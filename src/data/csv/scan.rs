//! Where cells and records end

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::fault::Problem;

/// A cell as it stands in the text
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawCell {
    /// Where its content starts, inside the quotes
    pub start: usize,
    /// Where its content ends, inside the quotes and without spaces around it
    pub end: usize,
    /// Whether it is quoted
    pub is_quoted: bool,
    /// Whether its content has doubled quotes
    pub has_doubled: bool,
    /// Whether it is the last cell of its record
    pub is_last: bool,
    /// Where the next cell or record starts
    pub next: usize,
}

/// The cell that starts at `at` in whole records
///
/// # Errors
/// If its quote is not closed, or is followed by more text.
pub fn cell(text: &[u8], at: usize, separator: u8) -> Result<RawCell, Problem> {
    if text.get(at) == Some(&b'"') {
        return quoted(text, at, separator);
    }
    let (stop, is_last, next) = match memchr2(separator, b'\n', &text[at..]) {
        Some(len) => (at + len, text[at + len] == b'\n', at + len + 1),
        None => (text.len(), true, text.len()),
    };
    let content = &text[at..stop];
    let len = if is_last { len_without(content, |byte| byte == b'\r') } else { content.len() };
    // A carriage return elsewhere belongs to the cell: it stands where another character was.
    let is_space = |byte| matches!(byte, b' ' | b'\t' | b'\x0c');
    let len = len_without(&content[..len], is_space);
    let start = at + content[..len].iter().take_while(|&&byte| is_space(byte)).count();
    Ok(RawCell { start, end: at + len, is_quoted: false, has_doubled: false, is_last, next })
}

/// The length of the text without the bytes at its end for which `is_cut` holds
fn len_without(text: &[u8], is_cut: impl Fn(u8) -> bool) -> usize {
    text.iter().rposition(|&byte| !is_cut(byte)).map_or(0, |last| last + 1)
}

fn quoted(text: &[u8], at: usize, separator: u8) -> Result<RawCell, Problem> {
    let (mut close, mut has_doubled) = (at + 1, false);
    loop {
        close += memchr(b'"', &text[close..]).ok_or(Problem::OpenQuote)?;
        if text.get(close + 1) != Some(&b'"') {
            break;
        }
        (close, has_doubled) = (close + 2, true);
    }
    let cell =
        |is_last, next| RawCell { start: at + 1, end: close, is_quoted: true, has_doubled, is_last, next };
    let mut after = close + 1;
    loop {
        match &text[after..] {
            [] | [b'\r'] => return Ok(cell(true, text.len())),
            [byte, ..] if *byte == separator => return Ok(cell(false, after + 1)),
            [b'\n', ..] => return Ok(cell(true, after + 1)),
            [b'\r', b'\n', ..] => return Ok(cell(true, after + 2)),
            [b' ' | b'\t', ..] => after += 1,
            _ => return Err(Problem::TextAfterQuote),
        }
    }
}

/// Skips lines that are empty or have only spaces; returns where the next record starts and the number of lines skipped
pub fn skip_blank_lines(text: &[u8], mut at: usize, separator: u8) -> (usize, u64) {
    let mut lines = 0;
    loop {
        let blank = |&byte: &u8| matches!(byte, b' ' | b'\t' | b'\r') && byte != separator;
        match text.get(at) {
            Some(b'\n') => (at, lines) = (at + 1, lines + 1),
            Some(byte) if blank(byte) => {
                let Some(len) = text[at..].iter().position(|byte| !blank(byte)) else {
                    return (text.len(), lines);
                };
                if text[at + len] != b'\n' {
                    return (at, lines);
                }
                (at, lines) = (at + len + 1, lines + 1);
            }
            _ => return (at, lines),
        }
    }
}

/// Number of line breaks
pub fn breaks(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

/// Finds the end of the last whole record in a text that grows at its end
///
/// A quote opens a quoted cell only at the start of a cell, so the search goes forward from quote to quote. Each byte is
/// looked at once, however slowly the text grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordEnd {
    /// Length of the text that has been searched
    searched: usize,
    /// Whether a quoted cell is open there
    in_quotes: bool,
    /// End of the last whole record
    end: usize,
}

impl RecordEnd {
    /// The length of the whole records in `text`, which starts with a record
    pub fn find(&mut self, text: &[u8], separator: u8) -> usize {
        while self.searched < text.len() {
            let rest = &text[self.searched..];
            let quote = memchr(b'"', rest);
            if self.in_quotes {
                match quote.map(|at| (at, rest.get(at + 1))) {
                    Some((at, Some(b'"'))) => self.searched += at + 2,
                    Some((at, Some(_))) => (self.searched, self.in_quotes) = (self.searched + at + 1, false),
                    // Whether this quote closes the cell depends on the next byte.
                    Some((at, None)) => {
                        self.searched += at;
                        break;
                    }
                    None => self.searched = text.len(),
                }
                continue;
            }
            let outside = &rest[..quote.unwrap_or(rest.len())];
            if let Some(at) = memrchr(b'\n', outside) {
                self.end = self.searched + at + 1;
            }
            self.searched += outside.len();
            if quote.is_some() {
                let before = self.searched.checked_sub(1).map(|before| text[before]);
                self.in_quotes = before.is_none_or(|byte| byte == separator || byte == b'\n');
                self.searched += 1;
            }
        }
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Vec<(&str, bool)> {
        let (mut at, mut cells) = (0, vec![]);
        loop {
            let cell = cell(text.as_bytes(), at, b',').unwrap();
            cells.push((&text[cell.start..cell.end], cell.is_last));
            at = cell.next;
            if at == text.len() {
                return cells;
            }
        }
    }

    #[test]
    fn cells_end_at_separators_and_line_ends() {
        assert_eq!(contents("a, b ,\r\n"), [("a", false), ("b", false), ("", true)]);
        assert_eq!(contents("\"a,\n\" ,\"\"\"\"\nb\r"), [("a,\n", false), ("\"\"", true), ("b", true)]);
        assert_eq!(contents("5\"1,\" \"\n"), [("5\"1", false), (" ", true)]);
        assert_eq!(contents(" ,\t\r\r\n"), [("", false), ("", true)]);
    }

    #[test]
    fn a_carriage_return_that_ends_no_line_belongs_to_its_cell() {
        assert_eq!(contents("\r1, 2\r,\r\n"), [("\r1", false), ("2\r", false), ("", true)]);
        assert_eq!(contents("a,\rb \r"), [("a", false), ("\rb", true)]);
    }

    #[test]
    fn open_quotes_and_text_after_quotes_are_wrong() {
        assert!(matches!(cell(b"\"a", 0, b','), Err(Problem::OpenQuote)));
        assert!(matches!(cell(b"\"a\"b,", 0, b','), Err(Problem::TextAfterQuote)));
    }

    #[test]
    fn blank_lines_are_counted_and_rows_of_separators_are_not_blank() {
        assert_eq!(skip_blank_lines(b"\n \r\n\r\n a", 0, b','), (6, 3));
        assert_eq!(skip_blank_lines(b"\t\n", 0, b'\t'), (0, 0));
        assert_eq!(skip_blank_lines(b"\n  ", 0, b','), (3, 1));
    }

    #[test]
    fn the_end_of_the_last_record_does_not_depend_on_how_the_text_grows() {
        let text = b"a,\"x\n\"\"y\",5\"\nb\"\n\"\"\n\"q\"\"\n\",1\n\"open\n";
        let whole = text.len() - 6;
        assert_eq!(RecordEnd::default().find(text, b','), whole);
        for step in 1..8 {
            let mut end = RecordEnd::default();
            for len in (0..text.len()).step_by(step) {
                let found = end.find(&text[..len], b',');
                assert_eq!(found, RecordEnd::default().find(&text[..len], b','), "{step} {len}");
            }
            assert_eq!(end.find(text, b','), whole);
        }
    }
}
