//! The standard sweeps: each varies one setting over values that suit most data

use std::ffi::OsStr;

use anyhow::Result;
use chainrule::error::shell_quoted;
use chainrule::sweep::Axis;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};

/// A standard sweep
struct Standard {
    /// The setting that it varies, which is its name
    name: &'static str,
    /// The values, as on the command line
    values: &'static str,
    /// Setting and values in words
    help: &'static str,
}

static STANDARD: [Standard; 3] = [
    Standard {
        name: "hidden_dim",
        values: "32,64,128,256,512",
        help: "One hidden layer of 32, 64, 128, 256 and 512",
    },
    Standard { name: "num_layers", values: "1..4", help: "1 to 4 hidden layers of 128" },
    Standard {
        name: "learning_rate",
        values: "0.001,0.005,0.01,0.05,0.1",
        help: "0.001, 0.005, 0.01, 0.05 and 0.1",
    },
];

impl Standard {
    fn axis(&self) -> Result<Axis, String> {
        Axis::parse(&format!("{}={}", self.name, self.values))
    }
}

/// Whether a standard sweep has this name, written with `_`
pub fn is_standard(name: &str) -> bool {
    STANDARD.iter().any(|standard| standard.name == name)
}

/// The names of the standard sweeps, as `a, b or c`
pub fn names() -> String {
    let [first, second, third] = STANDARD.each_ref().map(|standard| standard.name);
    format!("{first}, {second} or {third}")
}

/// Parses the name of a standard sweep, written with `_` or `-`
#[derive(Clone)]
pub struct StandardParser;

impl TypedValueParser for StandardParser {
    type Value = Axis;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, text: &OsStr) -> Result<Axis, clap::Error> {
        let text = text.to_string_lossy();
        let name = text.replace('-', "_");
        let standard = STANDARD.iter().find(|standard| standard.name == name);
        let axis = standard.map_or_else(|| Err(not_standard(&text)), Standard::axis);
        axis.map_err(|problem| clap::Error::raw(ErrorKind::InvalidValue, problem + "\n").with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |standard: &Standard| {
            PossibleValue::new(standard.name).alias(standard.name.replace('_', "-")).help(standard.help)
        };
        Some(Box::new(STANDARD.iter().map(value)))
    }
}

/// What to type in place of a word that names no standard sweep
fn not_standard(text: &str) -> String {
    let shown: String = text.escape_debug().take(80).collect();
    let remedy = match (Axis::parse(text), Axis::example(text)) {
        (Ok(_), _) => format!("to vary a setting, type: chainrule sweep --grid {}", shell_quoted(text)),
        (Err(_), Some(axis)) => {
            format!("to vary a setting, name its values: chainrule sweep --grid {axis}")
        }
        (Err(problem), _) if text.contains('=') => {
            format!("to vary a setting, type --grid NAME=VALUES; {problem}")
        }
        _ if text.ends_with(".toml") => {
            format!("to run a plan, type: chainrule sweep --plan {}", shell_quoted(text))
        }
        (Err(problem), _) if problem.contains("did you mean") => problem,
        _ => "to vary another setting, type --grid NAME=VALUES, as --grid momentum=0,0.9".to_owned(),
    };
    format!("`{shown}` is no standard sweep; expected {}; {remedy}", names())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule::config::Settings;
    use chainrule::sweep::Draft;

    #[test]
    fn the_standard_sweeps_resolve_to_their_trials() {
        for (standard, trials) in STANDARD.iter().zip([5, 4, 5]) {
            let base = Settings::default().with("data", "synthetic");
            let grid = vec![standard.axis().unwrap()];
            let plan = Draft { base, grid, ..Draft::default() }.resolve().unwrap();
            assert_eq!(plan.trials.len(), trials);
        }
    }
}
