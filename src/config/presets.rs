//! Presets: settings under a name, which flags, plans and settings files override
//!
//! To add a preset, write `presets/NAME.toml` and add its name to the list below. The first line of the file is a comment
//! that says what the preset is for, and which data it suits; the help shows it.

use std::path::Path;

use super::given::{Settings, toml_problem};
use crate::error::{Error, Result};

/// Settings under a name
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name
    pub name: &'static str,
    /// The text of its TOML file
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal,)*) => {
        /// All presets
        pub static PRESETS: &[Preset] =
            &[$(Preset { name: $name, text: include_str!(concat!("presets/", $name, ".toml")) }),*];
    };
}

presets! {
    "course",
    "good",
    "best",
    "table",
}

impl Preset {
    /// The preset with this name
    ///
    /// # Errors
    /// If there is none; the message lists those that there are.
    pub fn find(name: &str) -> Result<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
            let expected = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(" or ");
            Error::Setting { name: "preset", expected, found: name.to_owned() }
        })
    }

    /// What it is for, and which data it suits
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }

    /// Its settings, each with its line in the preset, so that messages can say where a value is
    ///
    /// # Errors
    /// If its file is not TOML, or has a key or a value that no setting has.
    pub fn settings(&self) -> Result<Settings> {
        let path = format!("preset {}", self.name);
        let path = Path::new(&path);
        let parsed = toml::from_str(self.text).map_err(|e| toml_problem(&e));
        let settings = parsed.and_then(|table| Settings::from_table(table, self.text));
        let problem = |problem| Error::Settings { path: path.to_owned(), problem };
        Ok(settings.map_err(problem)?.placed(path, self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;

    #[test]
    fn every_preset_resolves_and_says_what_it_is_for() {
        for preset in PRESETS {
            let settings = preset.settings().unwrap_or_else(|e| panic!("{e}"));
            settings.resolve().unwrap_or_else(|e| panic!("{e}"));
            assert!(preset.text.starts_with("# ") && preset.about().len() > 20, "{}", preset.name);
            assert!(
                std::ptr::eq(Preset::find(preset.name).unwrap(), preset),
                "{} is there twice",
                preset.name
            );
        }
        let error = Preset::find("curse").unwrap_err().to_string();
        assert!(error.starts_with("preset is curse, expected ") && error.contains("course"), "{error}");
    }

    #[test]
    fn the_course_is_the_default_run() {
        let course = Preset::find("course").unwrap().settings().unwrap();
        assert_eq!(course.resolve().unwrap(), TrainConfig::default());
    }

    #[test]
    fn a_value_of_a_preset_is_named_with_its_place() {
        let course = Preset::find("course").unwrap().settings().unwrap();
        assert_eq!(course.place("hidden_dims"), " in preset course, line 2");
    }
}
