//! An axis of a sweep: a setting and its values, given as a list, a range or a logarithmic range; or the range that a sample
//! draws them from

use std::collections::HashSet;

use toml::Value;

use super::axis_name::named;
use super::range::Range;
use crate::config::{Kind, SHORT_FORMS, Setting, names, text};
use crate::error::separated;

/// Maximum number of values of an axis; more are probably a typing error
const VALUES_MAX: u64 = 100_000;
/// The setting that `hidden_dim` and `num_layers` set
pub(super) const HIDDEN_DIMS: &str = "hidden_dims";

/// One setting and the values that a grid gives it
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The setting that is varied
    pub setting: &'static Setting,
    /// Its values, in order, each once; none if a sample draws them from `range`
    pub values: Vec<Value>,
    /// The range that a sample draws from; `None`: from `values`
    pub range: Option<Range>,
}

/// What is written in place of an axis's values
enum Choices {
    Values(Vec<Value>),
    Range(Range),
}

impl Axis {
    /// Returns the name of the setting that its values set: `hidden_dims` for the short forms
    pub fn decides(&self) -> &'static str {
        if SHORT_FORMS.contains(self.setting) { HIDDEN_DIMS } else { self.setting.name }
    }

    /// Creates an axis; fails if there are no values, or one is listed twice
    fn new(setting: &'static Setting, choices: Choices) -> Result<Self, String> {
        let values = match choices {
            Choices::Values(values) => values,
            Choices::Range(range) => return Ok(Self { setting, values: vec![], range: Some(range) }),
        };
        if values.is_empty() {
            return Err(format!("{}: expected one or more values, found none", setting.name));
        }
        let mut known = HashSet::new();
        // -0 equals 0.
        let key = |value: &Value| value.as_float().map_or_else(|| text(value), |x| (x + 0.0).to_string());
        match values.iter().find(|value| !known.insert(key(value))) {
            Some(value) => Err(format!("{}: {} is listed twice", setting.name, text(value))),
            None => Ok(Self { setting, values, range: None }),
        }
    }

    /// Parses `NAME=VALUES`, as on the command line
    ///
    /// # Errors
    /// If a sweep can vary no setting of this name, or a value does not fit it.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let Some((name, values)) = spec.split_once('=') else {
            return Err(format!("expected NAME=VALUES, as --grid {}", example(named(spec)?)));
        };
        let setting = named(name)?;
        Self::new(setting, choices(setting, values)?)
    }

    /// An axis of the setting with this name, as on the command line; `None` if a sweep can vary no such setting
    pub fn example(name: &str) -> Option<String> {
        named(name).ok().map(example)
    }

    /// Reads an axis from TOML: an array, one value, or text as on the command line
    ///
    /// # Errors
    /// If a value does not fit the setting, or is listed twice.
    pub fn from_toml(setting: &'static Setting, values: &Value) -> Result<Self, String> {
        if let Value::Array(values) = values {
            few_enough(setting, values.len())?;
        }
        let choices = match values {
            Value::Array(values) => {
                let values: Result<_, _> =
                    values.iter().map(|value| setting.value_from_toml(value)).collect();
                values.map(Choices::Values)
            }
            Value::String(values) => choices(setting, values),
            value => setting.value_from_toml(value).map(|value| Choices::Values(vec![value])),
        };
        Self::new(setting, choices?)
    }
}

/// Parses a list, a range `1..4` or `0..0.5`, or a logarithmic range `log:1e-3..1e-1:5` or `log:1e-3..1e-1`
fn choices(setting: &'static Setting, values: &str) -> Result<Choices, String> {
    let values = values.trim();
    if !matches!(setting.kind, Kind::Word | Kind::Path | Kind::Names | Kind::Choice(_)) {
        let log = values.strip_prefix("log:");
        match (log, log.unwrap_or(values).split_once("..")) {
            (Some(_), Some((from, to))) if setting.kind.is_number() && !to.contains(':') => {
                return Range::parse(setting, true, from, to).map(Choices::Range);
            }
            (Some(range), _) => return log_range(setting, range).map(Choices::Values),
            (None, Some((from, to))) if matches!(setting.kind, Kind::Number) => {
                return Range::parse(setting, false, from, to).map(Choices::Range);
            }
            (None, Some((from, to))) => return integers(setting, from, to).map(Choices::Values),
            (None, None) => {}
        }
    }
    let items = match setting.kind {
        // A name may contain a comma inside quotes.
        Kind::Names => names::items(values).ok_or_else(|| setting.unfit(values))?,
        _ => values.split(',').map(str::trim).collect(),
    };
    few_enough(setting, items.len())?;
    let values: Result<_, _> = items.into_iter().map(|value| setting.value(value)).collect();
    values.map(Choices::Values)
}

/// Checks the number of an axis's values before they are read
fn few_enough(setting: &Setting, count: usize) -> Result<(), String> {
    if count as u64 <= VALUES_MAX {
        return Ok(());
    }
    Err(format!("{}: {} values, expected {} at most", setting.name, separated(count), separated(VALUES_MAX)))
}

/// An axis of a setting, as an example
fn example(setting: &Setting) -> String {
    let values = match (setting.name, setting.kind) {
        ("learning_rate", _) => "0.01,0.1",
        (HIDDEN_DIMS, _) => "none,128,128x64",
        ("hidden_dim", _) => "32,64",
        ("num_layers", _) => "1,2",
        ("activation", _) => "relu,sigmoid",
        (_, Kind::Number) => "0,0.5",
        (_, Kind::Integer) => "1,2,4",
        (_, Kind::Switch) => "false,true",
        _ => "A,B",
    };
    format!("{}={values}", setting.name)
}

/// The whole numbers from `from` to `to`, both included
fn integers(setting: &'static Setting, from: &str, to: &str) -> Result<Vec<Value>, String> {
    let whole = format!("{from}..{to}");
    if !matches!(setting.kind, Kind::Integer | Kind::Dims) {
        return Err(setting.unfit(&whole));
    }
    let end = |text: &str| text.trim().parse::<u32>().map_err(|_| setting.unfit(&whole));
    let (from, to) = (end(from)?, end(to)?);
    if from > to || u64::from(to - from) >= VALUES_MAX {
        return Err(format!(
            "{}: `{whole}`, expected a range that ascends, with at most {} values",
            setting.name,
            separated(VALUES_MAX)
        ));
    }
    (from..=to).map(|n| setting.value(&n.to_string())).collect()
}

/// Parses `FROM..TO:COUNT`; the values between the ends are computed from both ends, so that errors do not add up
fn log_range(setting: &'static Setting, range: &str) -> Result<Vec<Value>, String> {
    let expected = || {
        let name = setting.name;
        format!(
            "{name}: `log:{range}`, expected log:FROM..TO:COUNT with two different ends above 0 and a count of 2 or more"
        )
    };
    let (from, rest) = range.split_once("..").ok_or_else(expected)?;
    let (to, count) = rest.split_once(':').ok_or_else(expected)?;
    let end = |text: &str| text.trim().parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0);
    let (from, to) = (end(from).ok_or_else(expected)?, end(to).ok_or_else(expected)?);
    let count: u32 = count.trim().parse().map_err(|_| expected())?;
    if from == to || count < 2 || u64::from(count) > VALUES_MAX {
        return Err(expected());
    }
    let at = |i: u32| match i {
        0 => from,
        i if i == count - 1 => to,
        i => {
            let share = f64::from(i) / f64::from(count - 1);
            twelve_digits((from.ln() * (1.0 - share) + to.ln() * share).exp())
        }
    };
    let value = |x: f64| match setting.kind {
        Kind::Number => Ok(Value::Float(x)),
        Kind::Integer => setting.value(&x.round().to_string()),
        _ => Err(expected()),
    };
    (0..count).map(|i| value(at(i))).collect()
}

/// Rounds to 12 significant digits, which hides rounding errors: else 0.01 would not print as 0.01
fn twelve_digits(x: f64) -> f64 {
    format!("{x:.11e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spec: &str) -> Vec<String> {
        Axis::parse(spec).unwrap().values.iter().map(text).collect()
    }

    #[test]
    fn lists_and_ranges_give_their_values() {
        assert_eq!(texts("learning_rate=0.01,0.1,1"), ["0.01", "0.1", "1"]);
        assert_eq!(texts("num_layers=1..4"), ["1", "2", "3", "4"]);
        assert_eq!(texts("hidden-dims=128x64, none,256"), ["128x64", "none", "256"]);
        assert_eq!(texts("activation=relu,sigmoid"), ["relu", "sigmoid"]);
        assert_eq!(texts("no_shuffle=false,true"), ["false", "true"]);
        assert_eq!(texts("data=../a..b,synthetic"), ["../a..b", "synthetic"]);
    }

    #[test]
    fn ranges_without_a_count_are_kept_for_a_sample() {
        for (spec, from, to, is_log) in [
            ("learning_rate=log:1e-4..1e-1", 1e-4, 1e-1, true),
            ("momentum=0..0.5", 0.0, 0.5, false),
            ("batch_size=log:16..512", 16.0, 512.0, true),
        ] {
            let axis = Axis::parse(spec).unwrap();
            assert_eq!((axis.range, axis.values.len()), (Some(Range { from, to, is_log }), 0), "{spec}");
        }
        assert_eq!(
            (Axis::parse("epochs=1..4").unwrap().range, texts("epochs=1..2")),
            (None, vec!["1".into(), "2".into()])
        );
    }

    #[test]
    fn logarithmic_values_print_as_people_write_them() {
        assert_eq!(
            texts("learning_rate=log:1e-3..1e-1:5"),
            ["0.001", "0.00316227766017", "0.01", "0.0316227766017", "0.1"]
        );
        assert_eq!(
            texts("weight_decay=log:1e-1..1e-7:7")[1..6],
            ["0.01", "0.001", "0.0001", "0.00001", "0.000001"]
        );
        assert_eq!(texts("batch_size=log:16..1024:4"), ["16", "64", "256", "1024"]);
    }

    #[test]
    fn printed_values_read_back_to_the_same() {
        for value in Axis::parse("learning_rate=log:1e-9..3e7:99").unwrap().values {
            let printed: f64 = text(&value).parse().unwrap();
            assert_eq!(Value::Float(printed), value);
        }
    }

    #[test]
    fn an_error_names_what_is_wrong_with_an_axis() {
        for (spec, message) in [
            ("learning_rate", "NAME=VALUES"),
            ("learnign_rate=1", "can't be varied; did you mean learning_rate?"),
            ("lr=1", "did you mean learning_rate?"),
            ("batchsize=1", "did you mean batch_size?"),
            ("epoch=1", "did you mean epochs?"),
            ("frobnicate=1", "expected one of hidden_dims, "),
            ("width", "did you mean hidden_dim?"),
            ("momentum", "--grid momentum=0,0.5"),
            ("out=a", "can't be varied"),
            ("activation=rleu", "relu or sigmoid"),
            ("learning_rate=", "``"),
            ("learning_rate=0.1,abc", "`abc`"),
            ("learning_rate=nan", "`nan`"),
            ("learning_rate=0.1,1e-1", "twice"),
            ("learning_rate=4..1", "`4..1`, expected two numbers that ascend"),
            ("learning_rate=0.1..x", "`0.1..x`"),
            ("learning_rate=log:0..1", "numbers above 0"),
            ("batch_size=log:1.5..9", "whole numbers above 0"),
            ("hidden_dims=log:1..9", "log:FROM..TO:COUNT"),
            ("epochs=4..1", "ascends"),
            ("epochs=1..4000000000", "at most 100,000 values"),
            ("epochs=-1", "`-1`"),
            ("batch_size=log:1..4:9", "twice"),
            ("learning_rate=log:0..1:3", "above 0"),
            ("learning_rate=log:1..1:3", "different"),
            ("learning_rate=log:1..2:1", "2 or more"),
            ("hidden_dims=12x0", "no width"),
        ] {
            let error = Axis::parse(spec).unwrap_err();
            assert!(error.contains(message), "{spec}: {error}");
        }
    }

    #[test]
    fn toml_gives_the_same_values_as_the_command_line() {
        let table: toml::Table = toml::from_str(
            "learning_rate = [1, 0.1]\nhidden_dims = [[128, 64], \"none\", 32]\nepochs = \"1..2\"",
        )
        .unwrap();
        for spec in ["learning_rate=1,0.1", "hidden_dims=128x64,none,32", "epochs=1,2"] {
            let axis = Axis::parse(spec).unwrap();
            let values = &table[axis.setting.name];
            assert_eq!(Axis::from_toml(axis.setting, values).unwrap(), axis);
        }
    }
}
