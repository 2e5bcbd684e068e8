//! The parts of a report's text: rows of tables, escapes, and numbers with their deviations

use super::spread::Spread;
use crate::error::separated;

/// A row of a table
pub fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// A mean with its deviation, as `0.3512 ± 0.0021`; empty where there is none
pub fn decimals(spread: Option<Spread>, digits: usize) -> String {
    // Losses of runs that nearly diverged: their decimals carry no information.
    let text = |x: f64| if x.abs() < 1e4 { format!("{x:.digits$}") } else { format!("{x:.2e}") };
    match spread {
        Some(Spread { mean, sd: Some(sd), .. }) => format!("{} ± {}", text(mean), text(sd)),
        Some(Spread { mean, .. }) => text(mean),
        None => String::new(),
    }
}

/// A time with three digits at least: `0.0123`, `1.23`, `12.3`, `123.4`
pub fn seconds(spread: Option<Spread>) -> String {
    let digits =
        spread.filter(|s| s.mean > 0.0).map_or(1, |s| 2 - s.mean.log10().floor().clamp(-4.0, 1.0) as i32);
    decimals(spread, digits.max(1) as usize)
}

/// A number with its noun: `1 trial`, `1,200 trials`
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", separated(count)) }
}

/// Escapes text so that Markdown shows it unchanged, also in a table's cell
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if "\\`*_{}[]<>#|~&!".contains(c) {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
    }
    escaped
}
