//! The command line that repeats a trial

use crate::config::Settings;
use crate::report::analysis::{ObservedRun, short_number};

/// The command that trains as `trial` was trained, with all settings that are not the defaults, seed and data
///
/// Threads are left out: results don't depend on them.
pub fn train_command(trial: &ObservedRun) -> String {
    let default = Settings::default()
        .resolve()
        .unwrap_or_else(|e| unreachable!("the defaults are within their ranges: {e}"));
    let defaults = [
        ("hidden_dims", default.hidden_dims.to_string()),
        ("activation", default.activation.to_string()),
        ("epochs", default.epochs.to_string()),
        ("batch_size", default.batch_size.to_string()),
        ("learning_rate", short_number(default.learning_rate)),
        ("momentum", short_number(default.momentum)),
        ("weight_decay", short_number(default.weight_decay)),
        ("dtype", "f32".to_owned()),
        ("engine", default.engine.to_string()),
        ("val_split", "0".to_owned()),
    ];
    let mut command = "chainrule train".to_owned();
    for (name, default) in defaults {
        let value = trial.setting(name);
        if !value.is_empty() && value != default {
            command += &format!(" --{} {}", name.replace('_', "-"), quoted(value));
        }
    }
    if trial.setting("no_shuffle") == "true" {
        command += " --no-shuffle";
    }
    for (flag, value) in [("seed", trial.seed.as_str()), ("data", trial.setting("data"))] {
        if !value.is_empty() {
            command += &format!(" --{flag} {}", quoted(value));
        }
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
