//! The file `classes.txt`, which names the classes of a folder of IDX files

use std::io::Read;
use std::path::Path;

use super::class_name;
use crate::error::{Error, Result, open_regular};

/// The names in a `classes.txt`, one per line, label 0 first; `None` if there is no such file
///
/// A byte-order mark and empty lines at the end are ignored.
///
/// # Errors
/// If the file can't be read, is not UTF-8, has fewer than two names, or has a name that a model file can't hold: one
/// that is empty, occurs twice, is too long, or has a control character.
pub fn read_names(path: &Path) -> Result<Option<Vec<String>>> {
    // A dangling link counts as existing, so that reading it reports the error.
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let problem = |problem: String| Error::content(path, problem);
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes).map_err(Error::reading(path))?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(problem("is UTF-16, expected UTF-8; save it again with that encoding".to_owned()));
    }
    let text = String::from_utf8(bytes)
        .map_err(|e| problem(format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to())))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end_matches(['\n', '\r', ' ']);
    // Line ends and the invisible spaces around a name are not part of it.
    let trim = |line: &str| line.trim_matches(' ').to_owned();
    let names: Vec<String> = text.lines().map(trim).collect();
    if names.len() < 2 {
        return Err(problem(format!("{} class names, expected at least 2", names.len())));
    }
    match class_name::problem(&names, "line") {
        Some((at, found)) => Err(problem(format!("line {}: {found}", at + 1))),
        None => Ok(Some(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_names_may_have_a_mark_and_empty_lines_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_names(&path)
        };
        for text in ["cat\ndog", "\u{feff}cat\ndog\n", "cat\r\ndog\r\n\r\n", " cat\ndog \n \n\n"] {
            assert_eq!(read(text.as_bytes()).unwrap().unwrap(), ["cat", "dog"], "{text:?}");
        }
        for (text, message) in [
            ("cat\n\ndog\n", "line 2: an empty name"),
            ("\n\ncat\ndog", "line 1: an empty name"),
            ("cat\ndog\ncat\n", "line 3: `cat` is also in line 1"),
            ("cat\nd\u{1b}[31mog\n", "line 2: a name with the control character U+001B"),
            ("cat\tsmall\ndog\n", "line 1: a name with the control character U+0009"),
            ("cat\rdog\nbird\n", "line 1: a name with the control character U+000D"),
            ("cat\nd\u{9b}\n", "U+009B"),
            ("cat\n\u{202e}dog\n", "U+202E"),
            ("cat\n\u{feff}\u{feff}\n", "U+FEFF"),
            ("cat\n", "1 class names, expected at least 2"),
            ("\u{feff}\n\n", "0 class names"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(
                error.contains(message) && !error.contains(['\u{1b}', '\t', '\u{9b}']),
                "{text:?}: {error}"
            );
        }
        let error = read(&[b"cat\n", &[b'x'; 100_000][..]].concat()).unwrap_err().to_string();
        assert!(error.len() < 300 && error.contains("line 2: a name of 100,000 characters"), "{error}");
        assert!(read(b"\xff\xfec\0").unwrap_err().to_string().contains("UTF-16"));
        std::fs::remove_file(&path).unwrap();
        assert!(read_names(&path).unwrap().is_none());
    }
}
