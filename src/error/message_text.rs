//! Texts of messages: names, paths, counts and lists, for the terminal and for commands that can be copied

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

/// The text with its control characters escaped, so that a terminal shows them instead of obeying them: ESC as `\u{1b}`, a line
/// break as `\n`
///
/// Characters that reverse the direction of text or break lines without being control characters are escaped, too.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_unprintable)
}

/// As [`printable`], for text of several lines: line breaks stay
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && is_unprintable(c))
}

/// A path as [`printable`] text; bytes that are not UTF-8 become U+FFFD
pub fn shown(path: impl AsRef<Path>) -> String {
    printable(&path.as_ref().to_string_lossy()).into_owned()
}

/// A word for a command that can be copied into a shell: quoted where it has to be
///
/// Control characters and bytes that are not UTF-8 are written as `$'\x1b'`, which bash, zsh and ksh read.
pub fn shell_quoted(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_encoded_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:=,+-@%".contains(byte);
    match str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(is_plain) => return text.to_owned(),
        Ok(text) if !text.contains(is_unprintable) => return format!("'{}'", text.replace('\'', r"'\''")),
        _ => {}
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let mut quoted = "$'".to_owned();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => quoted.extend(['\\', c]),
                c if is_unprintable(c) => quoted += &hex(c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => quoted.push(c),
            }
        }
        quoted += &hex(chunk.invalid());
    }
    quoted + "'"
}

/// Whether a character is a control character, is invisible, or changes the direction of text
pub fn is_unprintable(c: char) -> bool {
    // Marks, embeddings and isolates of direction; separators of lines and paragraphs; the byte-order mark.
    let is_hidden =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    c.is_control() || is_hidden
}

/// A count with separated thousands: `60000` as `60,000`
pub fn separated(n: impl TryInto<u128>) -> String {
    let digits = n.try_into().unwrap_or(u128::MAX).to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Joins the first ten names, and says how many more there are
pub fn first_ten(names: impl Iterator<Item = String>, separator: &str) -> String {
    const NAMED: usize = 10;
    let mut names = names.peekable();
    let first: Vec<String> = names.by_ref().take(NAMED).collect();
    let more = if names.peek().is_some() {
        format!(" … and {} more", separated(names.count()))
    } else {
        String::new()
    };
    first.join(separator) + &more
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            c if !is_escaped(c) => escaped.push(c),
            '\n' | '\r' | '\t' => escaped.extend(c.escape_default()),
            c => escaped.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for (text, shown) in [
            ("a b/ü", "a b/ü"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r\0", "a\\nb\\tc\\r\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_lines("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        for (word, quoted) in [
            ("a/b", "a/b"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("a\nb'", r"$'a\x0ab\''"),
            ("ü", "'ü'"),
            ("~/x", "'~/x'"),
        ] {
            assert_eq!(shell_quoted(word), quoted);
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_quoted_one_by_one() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(shell_quoted(OsStr::from_bytes(b"a\xff'")), r"$'a\xff\''");
    }

    #[test]
    fn every_third_digit_is_followed_by_a_comma() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_340_029_798_720_u64, "1,340,029,798,720")]
        {
            assert_eq!(separated(n), text);
        }
    }

    #[test]
    fn lists_end_after_ten() {
        let list = |n: usize| first_ten((0..n).map(|i| i.to_string()), ", ");
        assert_eq!((list(0).as_str(), list(2).as_str()), ("", "0, 1"));
        assert_eq!(list(10), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
        assert_eq!(list(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 … and 2 more");
        assert!(list(1010).ends_with(" … and 1,000 more"));
    }
}
