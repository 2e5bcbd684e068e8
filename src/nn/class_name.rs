//! Which texts can be the names of classes

use std::collections::HashMap;

use crate::error::{is_unprintable, separated};

/// Largest number of characters of a name; tables and pictures with longer ones could not be read
const CHARS_MAX: usize = 200;

/// The first name that can't be one, by its place, and what is wrong with it; `None` if all are good
///
/// Names are not empty and different from each other. They have no control characters and none that change the direction
/// of text or are not seen, so that they can be shown on a terminal and in one line of a file.
///
/// * `place`: what holds a name, for the message, such as `line`
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
