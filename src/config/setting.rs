//! What the program knows about a setting: the type of its values, and how they are read and written

use std::ops::RangeInclusive;

use clap::builder::PossibleValue;
use toml::Value;

use super::{Dtype, HiddenDims, expand_home, names};
use crate::error::shell_quoted;

/// A setting of a run: a flag, a key of TOML files and, if a sweep can vary it, a column of runs.csv
#[derive(Debug)]
pub struct Setting {
    /// Key in TOML files and name of the column; the flag has `-` in place of `_`
    pub name: &'static str,
    /// The type of its values
    pub kind: Kind,
    /// The default, as written on the command line; empty if the program chooses the value
    pub default: &'static str,
    /// The range of allowed numbers, and its description in words; `None` if every value of the type is allowed
    pub range: Option<(RangeInclusive<f64>, &'static str)>,
    /// The unit or symbol of the value, for the help
    pub value_name: &'static str,
    /// One or two sentences, for the help
    pub help: &'static str,
    /// The heading above its flag in the help; `None` if it has no flag
    pub heading: Option<&'static str>,
    /// Whether a different value can change what a run writes, times excluded
    pub affects_results: bool,
    /// Whether the net computes with the value, rounded to its element type
    pub is_computed_with: bool,
    /// Whether a sweep can vary it; such a setting is a column of runs.csv
    pub sweepable: bool,
    /// Whether it came after the first plans and tables, which mean its default
    ///
    /// Plans leave it out at its default, so that the hash of an old plan stays.
    pub added: bool,
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
    /// Text
    Word,
    /// A path, or a word that is used in place of one, such as `synthetic`; `~` is the home folder
    Path,
    /// Names separated by commas, such as columns of a table; quoted as in CSV where a name contains one
    Names,
    /// One of a few names, each with its help
    Choice(fn() -> Vec<PossibleValue>),
}

impl Kind {
    /// Whether the values are numbers
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }
}

/// The least number above 0 of f32 with two digits, which rounds to itself there
const LEAST: &str = "1.4e-45";
/// The greatest number of f32 with two digits
const GREATEST: &str = "3.4e38";

/// Largest number of characters of a wrong value in messages; longer values are cut
const FOUND_MAX: usize = 80;

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Setting {}

impl Setting {
    /// The name with `-` in place of `_`
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The default as a value; `None` if the program chooses it
    ///
    /// # Panics
    /// If the table of settings has a default that is not a valid value of the setting.
    pub fn default_value(&self) -> Option<Value> {
        let value = || self.value(self.default).unwrap_or_else(|e| unreachable!("{}: {e}", self.name));
        (!self.default.is_empty()).then(value)
    }

    /// Reads one value as written on the command line
    ///
    /// # Errors
    /// If the text is not a value of the setting's type.
    pub fn value(&self, text: &str) -> Result<Value, String> {
        let value = match self.kind {
            Kind::Integer => text.parse().ok().filter(|n| *n >= 0).map(Value::Integer),
            Kind::Number => {
                let number = text.parse().ok().filter(|x: &f64| x.is_finite());
                number.filter(|&x| x != 0.0 || is_zero(text)).map(Value::Float)
            }
            Kind::Dims => return text.parse::<HiddenDims>().map(|dims| dims.to_string().into()),
            Kind::Switch => text.parse().ok().map(Value::Boolean),
            Kind::Word | Kind::Path if text.is_empty() => None,
            Kind::Word => Some(text.into()),
            Kind::Names => names::parse(text).map(|list| names::join(list.iter().map(String::as_str)).into()),
            Kind::Path => {
                return expand_home(text).map(Value::String).map_err(|e| format!("{}: {e}", self.name));
            }
            Kind::Choice(names) => {
                names().iter().find(|name| name.matches(text, false)).map(|name| name.get_name().into())
            }
        };
        value.ok_or_else(|| self.unfit(text))
    }

    /// Reads one value of a TOML file
    ///
    /// # Errors
    /// If the value does not have the setting's type.
    pub fn value_from_toml(&self, value: &Value) -> Result<Value, String> {
        match (self.kind, value) {
            (Kind::Number, Value::Integer(n)) => Ok(Value::Float(*n as f64)),
            (Kind::Dims, Value::Array(widths)) if widths.is_empty() => self.value("none"),
            (Kind::Dims, Value::Array(widths)) => self.value(&self.items(widths, value)?.join("x")),
            (Kind::Integer | Kind::Dims, Value::Integer(n)) => self.value(&n.to_string()),
            (Kind::Number, Value::Float(_)) | (Kind::Switch, Value::Boolean(_)) => Ok(value.clone()),
            // Each item is one name, whatever it contains.
            (Kind::Names, Value::Array(list)) => {
                let list = self.items(list, value)?;
                self.value(&names::join(list.iter().map(String::as_str)))
            }
            // A column may be given by its position.
            (Kind::Names | Kind::Word, Value::Integer(n)) => self.value(&n.to_string()),
            (Kind::Dims | Kind::Word | Kind::Path | Kind::Names | Kind::Choice(_), Value::String(word)) => {
                self.value(word)
            }
            _ => Err(self.unfit(&text(value))),
        }
    }

    /// The texts of a list of words and whole numbers; a number such as `1e6` is refused, as on the command line
    fn items(&self, list: &[Value], whole: &Value) -> Result<Vec<String>, String> {
        let is_item = |item: &Value| matches!(item, Value::String(_) | Value::Integer(_));
        if list.iter().all(is_item) {
            return Ok(list.iter().map(text).collect());
        }
        Err(self.unfit(&whole.to_string()))
    }

    /// The allowed range in words if the value is outside it; `None` if the value is in range
    pub fn out_of_range(&self, value: &Value) -> Option<&'static str> {
        let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64))?;
        let (range, words) = self.range.as_ref()?;
        (!range.contains(&number)).then_some(words)
    }

    /// What rounding to `dtype` makes of the value, and what is expected instead; `None` if the rounded value is allowed
    ///
    /// In f32, 1e-300 becomes 0, and a learning rate of 0 changes no weight; 0.99999999999 becomes 1.
    pub fn lost_in(&self, value: &Value, dtype: Dtype) -> Option<(String, String)> {
        let x = value.as_float().filter(|_| self.is_computed_with && dtype != Dtype::F64)?;
        let (rounded, found) = (f64::from(x as f32), |what: &str| format!("{x:?}, which is {what} in f32"));
        if rounded == 0.0 && x != 0.0 {
            let takes_0 = self.out_of_range(&Value::Float(0.0)).is_none();
            let expected =
                if takes_0 { "0, or a larger number".to_owned() } else { format!("{LEAST} or more") };
            return Some((found("0"), expected + ", or --dtype f64"));
        }
        if rounded.is_infinite() {
            return Some((found("infinite"), format!("{GREATEST} or less, or --dtype f64")));
        }
        let words = self.out_of_range(&Value::Float(rounded))?;
        Some((found(&rounded.to_string()), format!("{words}, or --dtype f64")))
    }

    /// The message for text that is not a value of this setting
    pub fn unfit(&self, found: &str) -> String {
        let mut shown: String = found.chars().take(FOUND_MAX).collect();
        if shown.len() < found.len() {
            shown += " …";
        }
        format!("{}: `{shown}`, expected {}", self.name, self.expected())
    }

    /// What to type if the text holds several values instead of one; empty for any other text
    pub fn axis_hint(&self, text: &str) -> String {
        let several = text.contains([',', ' ']) || text.contains("..") || text.starts_with("log:");
        let values = text.split([',', ' ']).filter(|value| !value.is_empty()).collect::<Vec<_>>().join(",");
        let axis = shell_quoted(format!("{}={values}", self.name));
        let hint = || format!("; to try several values, type: chainrule sweep --grid {axis}");
        if several && self.sweepable { hint() } else { String::new() }
    }

    /// The values that the setting's type allows, in words
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Integer => "a whole number, 0 or more".to_owned(),
            Kind::Number => "a finite number".to_owned(),
            Kind::Dims => "widths, as 128x64, or none".to_owned(),
            Kind::Switch => "true or false".to_owned(),
            Kind::Word | Kind::Path => "a word".to_owned(),
            Kind::Names => "names separated by commas, or `\"a, b\"` for a name that contains one".to_owned(),
            Kind::Choice(names) => {
                names().iter().map(PossibleValue::get_name).collect::<Vec<_>>().join(" or ")
            }
        }
    }
}

/// Whether all digits of the mantissa are 0; a number such as `1e-400` parses as 0 but is not 0
fn is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    !mantissa.contains(|c: char| ('1'..='9').contains(&c))
}

/// A value as a person writes it, without quotes
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(x) => x.to_string(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use toml::Value;

    use crate::config::{Dtype, SETTINGS, find};

    #[test]
    fn the_number_that_is_advised_in_place_of_one_that_f32_loses_is_allowed() {
        for setting in SETTINGS.iter().filter(|setting| setting.is_computed_with) {
            for lost in [1e-60, 1e300, 1.0_f64.next_down()] {
                let lost = Value::Float(lost);
                let found =
                    setting.lost_in(&lost, Dtype::F32).filter(|_| setting.out_of_range(&lost).is_none());
                let Some((_, expected)) = found else { continue };
                let advised = expected.split([' ', ',']).next().unwrap();
                let value = setting.value(advised).unwrap_or_else(|e| panic!("{expected}: {e}"));
                assert_eq!(setting.out_of_range(&value), None, "{}: {expected}", setting.name);
                assert_eq!(setting.lost_in(&value, Dtype::F32), None, "{}: {expected}", setting.name);
            }
        }
        let (_, expected) = find("epsilon").unwrap().lost_in(&Value::Float(1e-60), Dtype::Bf16).unwrap();
        assert_eq!(expected, "1.4e-45 or more, or --dtype f64");
    }

    #[test]
    fn lists_of_a_file_hold_what_the_command_line_takes() {
        let value = |name: &str, toml: &str| {
            let table: toml::Table = toml::from_str(&format!("x = {toml}")).unwrap();
            find(name).unwrap().value_from_toml(&table["x"])
        };
        for (name, toml, expected) in [
            ("hidden_dims", "[1000000, 8]", "1000000x8"),
            ("hidden_dims", "[\"16\", 8]", "16x8"),
            ("ignore", "[\"a, b\", 3, 'say \"hi\"']", "\"a, b\",3,\"say \"\"hi\"\"\""),
            ("ignore", "\"a, b\"", "a,b"),
        ] {
            assert_eq!(value(name, toml), Ok(expected.into()), "{name} = {toml}");
        }
        for (name, toml) in [
            ("hidden_dims", "[1e6]"),
            ("hidden_dims", "1e6"),
            ("hidden_dims", "[8, 16.0]"),
            ("hidden_dims", "[[8]]"),
            ("ignore", "[1.0]"),
            ("ignore", "[\"a\", true]"),
            ("ignore", "[\"\"]"),
        ] {
            let error = value(name, toml).unwrap_err();
            assert!(error.starts_with(&format!("{name}: `")), "{name} = {toml}: {error}");
        }
    }
}
