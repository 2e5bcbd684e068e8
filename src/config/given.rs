//! The settings that a person gives on the command line or in a TOML file; any of them may be left out

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::{fs, io};

use toml::map::Entry;
use toml::{Table, Value};

use super::agreement;
use super::setting::text;
use super::settings::find;
use super::train_config::TrainConfig;
use crate::error::{Error, Result};

/// Largest number of characters that a message quotes from a line
const LINE_SHOWN: usize = 100;

/// The settings that name files and folders
const PATHS: [&str; 5] = ["data", "test_data", "init", "y", "out"];

/// The values of the given settings, by name
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    values: Table,
    /// For messages: the file and line of each value that comes from a file
    places: BTreeMap<String, String>,
}

impl Settings {
    /// The settings of `--quick`: three epochs, which take a few seconds even on a small machine
    pub fn quick() -> Self {
        Self::default().with("epochs", 3)
    }

    /// These settings with `name` set to `value`
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self.places.remove(name);
        self
    }

    /// These settings without `name`
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.values.remove(name);
        self.places.remove(name);
        self
    }

    /// These settings with those of `below` that are not given
    ///
    /// Where `self` chooses an optimizer or a schedule, settings in `below` that it does not use are left out, since they are
    /// part of the choice that it replaces.
    #[must_use]
    pub fn above(self, below: Self) -> Self {
        let unused = self.values.iter().flat_map(|(name, value)| agreement::unused(name, value));
        let below = unused.fold(below, |below, name| below.without(name));
        self.or(below)
    }

    /// The value that was given for a setting; `None` if it was left out
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Reads a TOML file whose keys are the flags' names, with `_` or `-`; `-` is standard input
    ///
    /// # Errors
    /// If the file can't be read or is not TOML, a key is not the name of a setting, a value does not fit its setting,
    /// or a setting is given twice.
    pub fn from_toml(path: &Path) -> Result<Self> {
        let parse = |text: &str| -> std::result::Result<Self, String> {
            let table: Table = toml::from_str(text).map_err(|e| toml_problem(&e))?;
            Ok(Self::from_table(table, text)?.placed(path, text))
        };
        parse(&read(path)?).map_err(|problem| Error::Settings { path: path.to_owned(), problem })
    }

    /// Reads a table whose keys are the flags' names, with `_` or `-`
    ///
    /// * `text`: the text of the file that the table comes from, in which messages find the line
    ///
    /// # Errors
    /// If a key is not the name of a setting, a value does not fit it, or a setting is given twice.
    pub fn from_table(table: Table, text: &str) -> std::result::Result<Self, String> {
        let mut given = Table::new();
        for (key, value) in table {
            let at = |problem: String| match line_of(text, &key) {
                Some(line) => format!("line {line}: {problem}"),
                None => problem,
            };
            let Some(setting) = find(&key) else {
                if ["grid", "trial", "seeds", "sample", "sampling", "sampled", "halving"]
                    .contains(&key.as_str())
                {
                    return Err(at(format!(
                        "`{key}` belongs to a sweep; to run its plan, type: chainrule sweep --plan FILE"
                    )));
                }
                let key: String = key.chars().take(40).collect();
                return Err(at(format!(
                    "`{key}` is no setting; to see all of them, type: chainrule train --help"
                )));
            };
            let value = setting.value_from_toml(&value).map_err(&at)?;
            if given.insert(setting.name.to_owned(), value).is_some() {
                let (name, flag) = (setting.name, setting.flag());
                return Err(at(format!("{name} is given twice, as `{name}` and as `{flag}`; keep one")));
            }
        }
        Ok(Self { values: given, places: BTreeMap::new() })
    }

    /// These settings, and those of `other` that are not set here
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (name, value) in other.values {
            if let Entry::Vacant(entry) = self.values.entry(name.clone()) {
                entry.insert(value);
                self.places.extend(other.places.get_key_value(&name).map(|(k, v)| (k.clone(), v.clone())));
            }
        }
        self
    }

    /// These settings, each with the file and line that it comes from, so that messages can say where a value is
    ///
    /// * `text`: the text of the file
    #[must_use]
    pub fn placed(mut self, path: &Path, text: &str) -> Self {
        for name in self.values.keys() {
            let line = line_of(text, name).or_else(|| line_of(text, &name.replace('_', "-")));
            let line = line.map_or(String::new(), |line| format!(", line {line}"));
            self.places.insert(name.clone(), format!("{}{line}", path.display()));
        }
        self
    }

    /// The file and line that a value comes from, for the end of a message; empty if it comes from the command line
    pub fn place(&self, name: &str) -> String {
        self.places.get(name).map_or(String::new(), |place| format!(" in {place}"))
    }

    /// The setting that names `path` or a folder above it, with the file and line of its value, for the start of a message
    ///
    /// `None` if no setting does, or its value comes from the command line.
    pub fn origin(&self, path: &Path) -> Option<String> {
        let name = self.names(path)?;
        self.places.get(name).map(|place| format!("{name} in {place}"))
    }

    /// The name of the setting that names the file at `path`, or the folder that it is in; `None` if no setting does
    ///
    /// `out` matches only the folder itself: errors in files inside it are not caused by the setting.
    pub fn names(&self, path: &Path) -> Option<&'static str> {
        let values = PATHS.into_iter().filter_map(|name| Some((name, self.get(name)?.as_str()?)));
        let named = values.filter(|(name, value)| match *name {
            "out" => path == Path::new(value),
            _ => path.starts_with(value) || value.split(',').any(|part| path == Path::new(part)),
        });
        named.max_by_key(|(_, value)| value.len()).map(|(name, _)| name)
    }

    /// All settings, with defaults for those that are missing
    ///
    /// # Errors
    /// If a value is outside its range, or does not fit the others. The message names the file and line if the value comes
    /// from a file.
    pub fn resolve(self) -> Result<TrainConfig> {
        TrainConfig::from_values(&self.values).map_err(|error| self.placed_error(error))
    }

    /// As [`Self::resolve`], but the values may not fit each other: those of a sweep, whose trials change some of them
    ///
    /// # Errors
    /// If a value is outside its range.
    pub fn resolve_each(self) -> Result<TrainConfig> {
        TrainConfig::each_from_values(&self.values).map_err(|error| self.placed_error(error))
    }

    /// Checks that each of these settings of an optimizer is one that at least one of the runs uses, also if its value is
    /// the default
    ///
    /// It is for settings that a person gave for these runs; a file of settings may have all.
    ///
    /// * `configs`: the settings of the runs
    ///
    /// # Errors
    /// If the optimizer of no run has it.
    pub fn check_used<'a>(&self, configs: impl Iterator<Item = &'a TrainConfig> + Clone) -> Result<()> {
        let Some(first) = configs.clone().next() else { return Ok(()) };
        for name in first.optimizer.unused() {
            let is_unused = configs.clone().all(|config| config.optimizer.unused().contains(name));
            if let Some(value) = self.get(name).filter(|_| is_unused) {
                return Err(first.optimizer.lacks(name, text(value)));
            }
        }
        Ok(())
    }

    /// An error about a value, with the file and line that the value comes from, unless it names them already
    pub fn placed_error(&self, error: Error) -> Error {
        match error {
            Error::Setting { name, expected, mut found } => {
                let place = self.place(&name.replace('-', "_"));
                if !found.ends_with(&place) {
                    found += &place;
                }
                Error::Setting { name, expected, found }
            }
            error => error,
        }
    }
}

/// Reads the text of a settings file, or standard input if the path is `-`
///
/// # Errors
/// If it can't be read, or is not UTF-8.
pub fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let is_stdin = path.as_os_str() == "-";
    let read = if is_stdin { io::stdin().read_to_end(&mut bytes) } else { read_file(path, &mut bytes) };
    read.map_err(Error::reading(path))?;
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    String::from_utf8(bytes).map_err(|e| {
        let problem = match is_utf16 {
            true => "is UTF-16, expected UTF-8; save it again with that encoding".to_owned(),
            false => format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to()),
        };
        Error::Settings { path: path.to_owned(), problem }
    })
}

fn read_file(path: &Path, bytes: &mut Vec<u8>) -> io::Result<usize> {
    fs::File::open(path)?.read_to_end(bytes)
}

/// The message of a TOML error, in which long lines, such as a quoted line of the file, are cut
pub fn toml_problem(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let short = |line: &str| -> String {
        line.chars().take(LINE_SHOWN).chain(line.chars().nth(LINE_SHOWN).map(|_| '…')).collect()
    };
    text.trim_end().lines().map(short).collect::<Vec<_>>().join("\n")
}

/// The number of the first line that begins with `key`, counted from 1
pub fn line_of(text: &str, key: &str) -> Option<usize> {
    let begins = |line: &str| {
        let rest = line.trim_start().trim_start_matches(['"', '\'']).strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with('='))
    };
    text.lines().position(begins).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CsvDialect, Dtype};

    fn parse(text: &str) -> std::result::Result<Settings, String> {
        Settings::from_table(toml::from_str(text).unwrap(), text)
    }

    #[test]
    fn a_written_config_reads_back_to_the_same() {
        for (dims, data) in
            [("none", "some \"where\""), ("7", "a\n[b]\n\u{1b}\u{7f}\"'\\c\t"), ("128x64", "'ü'")]
        {
            let config = TrainConfig {
                data: Some(data.to_owned()),
                hidden_dims: dims.parse().unwrap(),
                learning_rate: 0.1 + 0.2,
                dtype: Dtype::F64,
                csv_dialect: CsvDialect::ExcelEu,
                ..TrainConfig::default()
            };
            let settings = config.to_values().unwrap().len();
            assert_eq!(config.to_toml().unwrap().lines().count(), settings, "one line a setting");
            let again = parse(&config.to_toml().unwrap()).unwrap().resolve().unwrap();
            assert_eq!(again, config);
        }
    }

    #[test]
    fn toml_keys_may_be_written_like_the_flags() {
        let config = parse("batch-size = 7\nhidden-dims = \"32x16\"").unwrap().resolve().unwrap();
        assert_eq!((config.batch_size, config.hidden_dims.to_string()), (7, "32x16".to_owned()));
    }

    #[test]
    fn unknown_keys_wrong_types_and_doubled_settings_are_named_with_their_line() {
        for (text, message) in [
            ("epochs = 1\nlearnign_rate = 1.0", "line 2: `learnign_rate` is no setting"),
            ("epochs = \"a\"", "line 1: epochs: `a`"),
            ("\"batch-size\" = 1.5", "line 1: batch_size: `1.5`"),
            ("batch_size = 1\nbatch-size = 2", "line 2: batch_size is given twice"),
            ("activation = \"rleu\"", "relu or sigmoid"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_outside_its_range_is_named_with_its_file_and_line() {
        let text = "epochs = 3\nbatch-size = 0\nmomentum = 7";
        let file = || parse(text).unwrap().placed(Path::new("a/c.toml"), text);
        let error = file().resolve().unwrap_err().to_string();
        assert_eq!(error, "momentum is 7 in a/c.toml, line 3, expected 0 or more and below 1");
        let flags = Settings::default().with("momentum", 0.5);
        let error = flags.clone().or(file()).resolve().unwrap_err().to_string();
        assert_eq!(error, "batch-size is 0 in a/c.toml, line 2, expected 1 or more");
        let error = flags.with("batch_size", -1).or(file()).resolve().unwrap_err().to_string();
        assert_eq!(error, "batch-size is -1, expected 1 or more");
    }

    #[test]
    fn a_flag_with_the_default_is_refused_where_no_run_uses_it() {
        let [sgd, adamw] =
            ["sgd", "adamw"].map(|name| Settings::default().with("optimizer", name).resolve().unwrap());
        let check = |name: &str, value: f64, configs: &[&TrainConfig]| {
            Settings::default().with(name, value).check_used(configs.iter().copied()).is_ok()
        };
        assert!(!check("momentum", 0.9, &[&adamw, &adamw]) && !check("beta1", 0.9, &[&sgd]));
        assert!(check("momentum", 0.9, &[&sgd]) && check("beta1", 0.9, &[&adamw]));
        assert!(check("momentum", 0.9, &[&adamw, &sgd]) && check("beta1", 0.9, &[&sgd, &adamw]));
        assert!(check("weight_decay", 0.1, &[&adamw]) && check("momentum", 0.9, &[]));
    }

    #[test]
    fn a_path_is_named_with_the_setting_and_the_file_and_line_that_it_comes_from() {
        let text = "data = \"a\"\ninit = \"a/m\"\nout = \"o\"\ny = \"p.npy,q.npy\"";
        let file = parse(text).unwrap().placed(Path::new("c.toml"), text);
        let origin = |settings: &Settings, path: &str| settings.origin(Path::new(path));
        for (path, expected) in [
            ("a", "data in c.toml, line 1"),
            ("a/train-images", "data in c.toml, line 1"),
            ("a/m", "init in c.toml, line 2"),
            ("o", "out in c.toml, line 3"),
            ("q.npy", "y in c.toml, line 4"),
        ] {
            assert_eq!(origin(&file, path), Some(expected.to_owned()));
        }
        for path in ["b", "ab", "o/run"] {
            assert_eq!(origin(&file, path), None, "{path}");
        }
        let flags = Settings::default().with("init", "a/m").or(file);
        assert_eq!(origin(&flags, "a/m"), None, "from the command line");
    }

    #[test]
    fn values_outside_their_range_are_refused() {
        for bad in [
            "batch_size = 0",
            "learning_rate = -0.1",
            "learning_rate = nan",
            "learning_rate = inf",
            "momentum = 1.0",
            "momentum = -0.5",
            "weight_decay = -1.0",
            "val_split = 1.0",
            "val_split = -0.1",
            "seed = 1000000000000000",
            "threads = 0",
            "epochs = 4294967296",
        ] {
            let error = parse(bad).unwrap().resolve().unwrap_err();
            assert!(matches!(error, Error::Setting { .. }), "{bad}: {error}");
        }
    }
}
