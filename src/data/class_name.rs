//! The rules for names of classes

use std::collections::HashMap;

use crate::error::{is_unprintable, separated};

/// Largest number of characters of a name; longer names would make tables and pictures unreadable
const CHARS_MAX: usize = 200;

/// The index of the first invalid name, and what is wrong with it; `None` if all names are valid
///
/// Names must be unique and not empty. They must have no control characters, and no characters that are invisible or
/// change the direction of text, so that they can be shown on a terminal and on one line of a file.
///
/// * `place`: the message's word for where a name is, such as `line`
pub fn problem(names: &[String], place: &str) -> Option<(usize, String)> {
    let mut known = HashMap::new();
    names.iter().enumerate().find_map(|(at, name)| {
        let problem = match name.chars().count() {
            0 => Some("an empty name".to_owned()),
            n if n > CHARS_MAX => {
                Some(format!("a name of {} characters, expected at most {CHARS_MAX}", separated(n)))
            }
            _ if name.trim().is_empty() => Some("an empty name".to_owned()),
            _ => name.chars().find(|&c| is_unprintable(c)).map(|found| {
                format!("a name with the control character U+{:04X}, expected text", u32::from(found))
            }),
        };
        let twice = known.insert(name, at).map(|first| {
            format!("`{name}` is also in {place} {}, expected a name that no other {place} has", first + 1)
        });
        problem.or(twice).map(|problem| (at, problem))
    })
}
