//! The command line that repeats a trial

use crate::config::{Kind, SETTINGS};
use crate::report::analysis::ObservedRun;

/// The command that trains as `trial` was trained, with all settings that are not the defaults, seed and data
///
/// Threads are left out: results don't depend on them.
pub fn train_command(trial: &ObservedRun) -> String {
    let mut command = "chainrule train".to_owned();
    for setting in SETTINGS.iter().filter(|setting| setting.affects_results) {
        let value = if setting.name == "seed" { trial.seed.as_str() } else { trial.setting(setting.name) };
        // Seed and data are always written: the command is also for other machines.
        if value.is_empty() || value == setting.default && setting.name != "seed" {
            continue;
        }
        command += &match setting.kind {
            Kind::Switch if value == "true" => format!(" --{}", setting.flag()),
            _ => format!(" --{} {}", setting.flag(), quoted(value)),
        };
    }
    command
}

/// As a shell takes it for one word
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=,+-@%".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let escaped = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if c.is_control() => c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
        c => c.to_string(),
    };
    format!("$'{}'", word.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        for (word, quoted_word) in
            [("a/b", "a/b"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("a\nb'", r"$'a\x0ab\''")]
        {
            assert_eq!(quoted(word), quoted_word);
        }
    }
}
