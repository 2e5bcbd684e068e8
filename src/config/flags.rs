//! The flags of the command line, one for each row of the table of settings

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use toml::Value;

use super::given::Settings;
use super::setting::{Kind, Setting, text};
use super::settings::SETTINGS;

impl clap::Args for Settings {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| command.arg(arg(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut settings = Self::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        self.read(SETTINGS.iter(), matches)
    }
}

impl Settings {
    /// Takes the flags of some settings from the command line
    fn read(
        &mut self,
        settings: impl Iterator<Item = &'static Setting>,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        for setting in settings {
            let Some(values) = matches.get_many::<Value>(setting.name) else { continue };
            // Only widths and names can have several values here. Each width is valid by itself, but together they may not be.
            let given: Vec<String> = values.map(text).collect();
            let separator = if matches!(setting.kind, Kind::Names) { "," } else { "x" };
            let value = setting.value(&given.join(separator)).map_err(|_| {
                let layers =
                    given.iter().filter(|width| *width != "none").cloned().collect::<Vec<_>>().join(" ");
                let message = format!(
                    "--hidden-dims is `{}`, expected widths or `none`, not both: type --hidden-dims none, or \
                     --hidden-dims {layers}\n",
                    given.join(" ")
                );
                clap::Error::raw(clap::error::ErrorKind::ValueValidation, message)
            })?;
            *self = std::mem::take(self).with(setting.name, value);
        }
        Ok(())
    }
}

/// The flags of some of the settings: a type that holds what is given, and a list of their names
macro_rules! flags_of {
    ($(#[$doc:meta])* $flags:ident, $names:ident, $arg:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $flags(pub Settings);

        impl $flags {
            fn settings() -> impl Iterator<Item = &'static Setting> {
                SETTINGS.iter().filter(|setting| $names.contains(&setting.name))
            }
        }

        impl clap::Args for $flags {
            fn augment_args(command: Command) -> Command {
                let arg: fn(&'static Setting) -> Arg = $arg;
                Self::settings().fold(command, |command, setting| command.arg(arg(setting)))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl clap::FromArgMatches for $flags {
            fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
                let mut settings = Self::default();
                settings.update_from_arg_matches(matches)?;
                Ok(settings)
            }

            fn update_from_arg_matches(
                &mut self,
                matches: &ArgMatches,
            ) -> std::result::Result<(), clap::Error> {
                self.0.read(Self::settings(), matches)
            }
        }
    };
}

flags_of!(
    /// The flags of the settings that say which data are read, for commands that do not train
    DataFlags,
    DATA,
    arg
);

const DATA: [&str; 12] = [
    "data",
    "test_data",
    "test_split",
    "seed",
    "target",
    "header",
    "ignore",
    "missing",
    "separator",
    "decimal",
    "x",
    "y",
];

flags_of!(
    /// The flags of the settings that say how a training set becomes a batch; all but `--data` need it
    BatchFlags,
    BATCH,
    |setting| match setting.name {
        "data" => arg(setting).help("Take the first rows of these data, as train reads them, instead of random rows"),
        _ => arg(setting).requires("data"),
    }
);

const BATCH: [&str; 13] = [
    "data",
    "target",
    "header",
    "ignore",
    "keep_as_id",
    "categorical",
    "missing",
    "scale",
    "separator",
    "decimal",
    "x",
    "y",
    "task",
];

fn arg(setting: &'static Setting) -> Arg {
    let help = match (setting.default, setting.kind) {
        ("" | "false", _) => setting.help.to_owned(),
        // On the command line, widths are separated by spaces.
        (widths, Kind::Dims) => format!("{} [default: {}]", setting.help, widths.replace('x', " ")),
        (default, _) => format!("{} [default: {default}]", setting.help),
    };
    // clap puts the flag and its value before the message. The message for widths also names the wrong width.
    let parse = |text: &str| match setting.kind {
        Kind::Dims | Kind::Word | Kind::Path | Kind::Names => setting.value(text),
        _ => setting
            .value(text)
            .map_err(|_| format!("expected {}{}", setting.expected(), setting.axis_hint(text))),
    };
    let arg = Arg::new(setting.name).long(setting.flag()).value_name(setting.value_name).help(help);
    let arg = arg.help_heading(setting.heading);
    match setting.kind {
        Kind::Choice(names) => {
            arg.value_parser(Choice { setting, names: PossibleValuesParser::new(names()) })
        }
        Kind::Dims => arg.num_args(1..).value_delimiter(',').action(ArgAction::Append).value_parser(parse),
        // Without a value, it would say what is so anyway.
        Kind::Switch if setting.default == "true" => arg.value_parser(parse),
        Kind::Switch => {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_parser(parse)
        }
        Kind::Integer | Kind::Number => arg.allow_negative_numbers(true).value_parser(parse),
        Kind::Names => arg.num_args(1..).action(ArgAction::Append).value_parser(parse),
        Kind::Word => arg.value_parser(ValueParser::new(parse)),
        Kind::Path => arg.value_hint(ValueHint::AnyPath).value_parser(ValueParser::new(parse)),
    }
}

/// Parses one of a few names; if several are given, the message says how to vary the setting in a sweep
#[derive(Clone)]
struct Choice {
    setting: &'static Setting,
    names: PossibleValuesParser,
}

impl TypedValueParser for Choice {
    type Value = Value;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        text: &OsStr,
    ) -> std::result::Result<Value, clap::Error> {
        let (flag, shown) = (self.setting.flag(), text.to_string_lossy());
        let hint = self.setting.axis_hint(&shown);
        if hint.is_empty() {
            return self.names.parse_ref(command, arg, text).map(Value::String);
        }
        let expected = self.setting.expected();
        let message = format!("invalid value '{shown}' for '--{flag}': expected {expected}{hint}\n");
        Err(clap::Error::raw(clap::error::ErrorKind::InvalidValue, message).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.names.possible_values()
    }
}
