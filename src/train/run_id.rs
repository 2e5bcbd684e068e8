//! Names of runs and their folders

/// Longest name; a file system takes 255 bytes, and the files beside a run are named after it
const LONGEST: usize = 200;

/// Ends of the names of files that stand beside the folders of runs, such as runs.csv
const FILES: [&str; 9] = ["csv", "svg", "png", "pdf", "md", "toml", "safetensors", "log", "json"];

/// Names of devices on Windows, also with an extension
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Words that spreadsheets or pandas read as a truth value, a missing value or a number
const WORDS: [&str; 17] = [
    "true",
    "false",
    "wahr",
    "falsch",
    "vrai",
    "faux",
    "vero",
    "falso",
    "verdadero",
    "na",
    "nan",
    "null",
    "none",
    "inf",
    "infinity",
    "nil",
    "n.a.",
];

/// Names of months, in English and German, by which spreadsheets know a date; `mar5` becomes 5 March
const MONTHS: &str = "jan january januar feb february februar mar march mrz apr april may mai jun june juni jul july juli \
    aug august sep sept september oct october okt oktober nov november dec december dez dezember";

/// Checks that a name is that of one folder on every system, which no spreadsheet reads as a number, a date or a truth
/// value, and which no file beside it has
///
/// # Errors
/// Says what is wrong with it, and what is expected.
pub fn check(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let lower = name.to_ascii_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    let problem = match () {
        () if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(fits) => {
            "expected letters, digits, `.`, `_` and `-`, starting with a letter or a digit".to_owned()
        }
        () if name.len() > LONGEST => format!("expected at most {LONGEST} characters"),
        () if is_number(&lower) => read_as("a number", name),
        () if is_date_or_time(&lower) => read_as("a date or a time", name),
        () if WORDS.contains(&&*lower) => read_as("a truth value or a missing one", name),
        () if DEVICES.contains(&stem) || is_port(stem) => {
            format!("`{name}` is a device on Windows, expected another name, such as run-{name}")
        }
        () if lower.ends_with('.') => "expected a name that does not end with a point".to_owned(),
        () if lower.rsplit_once('.').is_some_and(|(_, end)| FILES.contains(&end)) => {
            format!("`{name}` is the name of a file beside the runs, expected the name of a folder")
        }
        () => return Ok(name.to_owned()),
    };
    Err(problem)
}

fn read_as(what: &str, name: &str) -> String {
    format!(
        "spreadsheets read `{name}` as {what}; expected another name, starting with a letter, such as run-{name}"
    )
}

/// Whether it has digits alone, or digits before and behind one e
fn is_number(lower: &str) -> bool {
    let digits = |text: &str| {
        text.contains(|c: char| c.is_ascii_digit()) && !text.contains(|c: char| !"0123456789._".contains(c))
    };
    let exponent = |text: &str| digits(text.strip_prefix('-').unwrap_or(text));
    digits(lower) || lower.split_once('e').is_some_and(|(before, behind)| digits(before) && exponent(behind))
}

/// Whether it has parts of digits, of which one may be a month's name, or is an hour with am or pm
fn is_date_or_time(lower: &str) -> bool {
    let hour = lower.strip_suffix("am").or_else(|| lower.strip_suffix("pm"));
    if hour.is_some_and(|hour| !hour.is_empty() && hour.chars().all(|c| c.is_ascii_digit())) {
        return true;
    }
    let is_letter = |c: char| c.is_ascii_alphabetic();
    let words: Vec<&str> = lower.split(|c: char| !is_letter(c)).filter(|word| !word.is_empty()).collect();
    let has_digits = lower.contains(|c: char| c.is_ascii_digit());
    match words[..] {
        [] => true,
        [month] => has_digits && MONTHS.split(' ').any(|name| name == month),
        // 2026-11-23T23:33:04 with other separators
        _ => false,
    }
}

/// Whether it is a serial or parallel port of Windows
fn is_port(stem: &str) -> bool {
    let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    number.is_some_and(|number| number.len() == 1 && number.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_only_if_a_program_reads_them_as_something_else() {
        for name in [
            "exp1",
            "e",
            "e5",
            "t0007",
            "lr0.01",
            "2layers",
            "3e",
            "1e5x",
            "a_b",
            "march-of-progress",
            "may",
            "mayor1",
            "console",
            "com10",
            "truely",
            "run-20261123-233304",
            "learning_rate-0.01-s1",
            "nulls",
            "run.csv.old",
        ] {
            assert_eq!(check(name), Ok(name.to_owned()));
        }
        for (name, message) in [
            ("06e2", "as a number"),
            ("1E5", "as a number"),
            ("1.5e-3", "as a number"),
            ("12", "as a number"),
            ("3.14", "as a number"),
            ("1_000", "as a number"),
            ("10-5", "as a date"),
            ("2026-11-23", "as a date"),
            ("mar-5", "as a date"),
            ("MARCH1", "as a date"),
            ("5dez2026", "as a date"),
            ("12pm", "as a date or a time"),
            ("TRUE", "truth value"),
            ("Wahr", "truth value"),
            ("NaN", "missing"),
            ("CON", "device"),
            ("nul.txt", "device"),
            ("lpt1", "device"),
            ("runs.csv", "a file beside"),
            ("REPORT.MD", "a file beside"),
            ("model.safetensors", "a file beside"),
            ("a.", "point"),
            ("", "expected letters"),
            (".", "expected letters"),
            ("..", "expected letters"),
            ("-a", "expected letters"),
            ("_a", "expected letters"),
            ("a/b", "expected letters"),
            ("a b", "expected letters"),
            ("ä", "expected letters"),
            ("=a", "expected letters"),
        ] {
            let error = check(name).unwrap_err();
            assert!(error.contains(message), "{name}: {error}");
        }
        assert!(check(&"a".repeat(201)).is_err());
    }
}
