//! What the program knows about a setting: the type of its values, and how they are read and written

use clap::builder::PossibleValue;
use toml::Value;

use super::HiddenDims;

/// A setting of a run: a flag, a key of TOML files and, unless it only says where and how files are written, a column of
/// runs.csv
#[derive(Debug)]
pub struct Setting {
    /// Key in TOML files and name of the column; the flag has `-` for `_`
    pub name: &'static str,
    /// The type of its values
    pub kind: Kind,
    /// The default, as on the command line; empty if the program chooses the value
    pub default: &'static str,
    /// The values that are allowed
    pub range: Range,
    /// The unit or symbol of the value, for the help
    pub value_name: &'static str,
    /// One or two sentences, for the help
    pub help: &'static str,
    /// Whether another value can change the files of a run, times aside
    pub affects_results: bool,
    /// Whether a sweep can vary it; such a setting is a column of runs.csv
    pub sweepable: bool,
}

/// The type of a setting's values
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Whole numbers
    Integer,
    /// Numbers
    Number,
    /// Widths of layers, as `128x64`
    Dims,
    /// `true` or `false`
    Switch,
    /// Text, such as a path
    Word,
    /// One of a few names, each with its help
    Choice(fn() -> Vec<PossibleValue>),
}

/// The values that a setting allows
#[derive(Clone, Copy, Debug)]
pub enum Range {
    /// All values of its type
    Any,
    /// Numbers from the first up to and including the second, and the same in words
    Closed(f64, f64, &'static str),
    /// Numbers from the first up to but not including the second, and the same in words
    HalfOpen(f64, f64, &'static str),
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Setting {}

impl Setting {
    /// The name with `-` for `_`
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The default as a value; `None` if the program chooses it
    ///
    /// # Panics
    /// If the table of settings has a default that is no value of the setting.
    pub fn default_value(&self) -> Option<Value> {
        let value = || self.value(self.default).unwrap_or_else(|e| unreachable!("{}: {e}", self.name));
        (!self.default.is_empty()).then(value)
    }

    /// Reads one value as written on the command line
    ///
    /// # Errors
    /// If the text is no value of its type.
    pub fn value(&self, text: &str) -> Result<Value, String> {
        let unfit = || self.unfit(text);
        match self.kind {
            Kind::Integer => text.parse().ok().filter(|n| *n >= 0_i64).map(Value::Integer).ok_or_else(unfit),
            Kind::Number => {
                text.parse().ok().filter(|x: &f64| x.is_finite()).map(Value::Float).ok_or_else(unfit)
            }
            Kind::Dims => text.parse::<HiddenDims>().map(|dims| Value::String(dims.to_string())),
            Kind::Switch => text.parse().map(Value::Boolean).map_err(|_| unfit()),
            Kind::Word => {
                Some(text).filter(|t| !t.is_empty()).map(|t| Value::String(t.to_owned())).ok_or_else(unfit)
            }
            Kind::Choice(names) => {
                let known = names().iter().any(|name| name.get_name() == text);
                known.then(|| Value::String(text.to_owned())).ok_or_else(unfit)
            }
        }
    }

    /// Reads one value of a TOML file
    ///
    /// # Errors
    /// If it is no value of its type.
    pub fn value_from_toml(&self, value: &Value) -> Result<Value, String> {
        match (self.kind, value) {
            (Kind::Number, Value::Integer(n)) => Ok(Value::Float(*n as f64)),
            (Kind::Dims, Value::Array(widths)) if widths.is_empty() => self.value("none"),
            (Kind::Dims, Value::Array(widths)) => {
                self.value(&widths.iter().map(text).collect::<Vec<_>>().join("x"))
            }
            (Kind::Integer | Kind::Dims, Value::Integer(n)) => self.value(&n.to_string()),
            (Kind::Number, Value::Float(_)) | (Kind::Switch, Value::Boolean(_)) => Ok(value.clone()),
            (Kind::Dims | Kind::Word | Kind::Choice(_), Value::String(word)) => self.value(word),
            _ => Err(self.unfit(&text(value))),
        }
    }

    /// What is expected in place of a value outside the range; `None` if the value is within it
    pub fn out_of_range(&self, value: &Value) -> Option<&'static str> {
        let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64))?;
        match self.range {
            Range::Closed(from, to, words) if !(from..=to).contains(&number) => Some(words),
            Range::HalfOpen(from, end, words) if !(from..end).contains(&number) => Some(words),
            _ => None,
        }
    }

    /// The message for text that is no value of this setting
    pub fn unfit(&self, found: &str) -> String {
        format!("{}: `{found}`, expected {}", self.name, self.expected())
    }

    /// The values of its type, in words
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Integer => "a whole number, 0 or more".to_owned(),
            Kind::Number => "a finite number".to_owned(),
            Kind::Dims => "widths, as 128x64, or none".to_owned(),
            Kind::Switch => "true or false".to_owned(),
            Kind::Word => "a word".to_owned(),
            Kind::Choice(names) => {
                names().iter().map(PossibleValue::get_name).collect::<Vec<_>>().join(" or ")
            }
        }
    }
}

/// A value as people write it, without quotes
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(x) => x.to_string(),
        value => value.to_string(),
    }
}
