//! The line of a plan file that sets a key, for messages

use crate::config::line_of;

/// A part of a plan file
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The table `[grid]`
    Grid,
    /// A table `[[trial]]`, counted from 0
    Trial(usize),
}

/// The number of the line where a section assigns `key`, written with `_` or `-`, counted from 1; `None` if it is
/// written in another form, such as an inline table
pub fn line_in(text: &str, section: Section, key: &str) -> Option<usize> {
    let begin = head(text, section)?;
    let is_head = |line: &str| {
        line.trim_start().starts_with('[') && line.trim_end().ends_with(']') && !line.contains('=')
    };
    let rest = || text.lines().skip(begin);
    let len = rest().position(is_head).unwrap_or(usize::MAX);
    let body = rest().take(len).collect::<Vec<_>>().join("\n");
    let found = line_of(&body, key).or_else(|| line_of(&body, &key.replace('_', "-")));
    found.map(|line| begin + line)
}

/// The number of a section's first line, counted from 1
pub fn head(text: &str, section: Section) -> Option<usize> {
    let (name, skip) = match section {
        Section::Grid => ("[grid]", 0),
        Section::Trial(number) => ("[[trial]]", number),
    };
    let bare = |line: &str| line.split('#').next().unwrap_or("").replace([' ', '\t'], "");
    let mut heads = (1..).zip(text.lines()).filter(|(_, line)| bare(line) == name);
    heads.nth(skip).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_own_section() {
        let text = "epochs = 1\n\n[grid] # axes\nmomentum = [\n0, 1]\nbatch-size = [3]\n[[trial]]\nepochs = 2\n[[ trial ]]\nepochs = 3\n";
        assert_eq!(line_in(text, Section::Grid, "batch_size"), Some(6));
        assert_eq!(line_in(text, Section::Grid, "momentum"), Some(4));
        assert_eq!(line_in(text, Section::Grid, "epochs"), None);
        assert_eq!(line_in(text, Section::Trial(1), "epochs"), Some(10));
        assert_eq!((head(text, Section::Trial(0)), head(text, Section::Trial(2))), (Some(7), None));
    }
}
