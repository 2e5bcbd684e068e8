//! Numbers and tables as text for the terminal

use chainrule::error::printable;
pub use chainrule::error::separated as count;
use chainrule::report::analysis::{four_digits, short_number};
use chainrule::tables::reader::TableRow;

/// What `info` shows, as text for people and as JSON
pub type Shown = (String, serde_json::Value);

/// A share in percent: `0.8831` as `88.31 %`
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// Several things, or one: `2 threads`
pub fn several(n: usize, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// The number in a cell of a table as the terminal shows it, and any other cell as it is
///
/// Losses, accuracies and R² have four digits after the point, times have three. RMSEs and MAEs have four significant digits.
pub fn cell(name: &str, row: TableRow, column: usize) -> String {
    let digits = match name {
        _ if name.ends_with("loss") || name.ends_with("accuracy") || name.ends_with("_r2") => Some(4),
        _ if name.ends_with("_s") => Some(3),
        _ => None,
    };
    match row.as_number(column) {
        Some(x) if name.ends_with("_per_s") || name.ends_with("_samples") || name == "parameters" => {
            thousands(x)
        }
        Some(x) if name.ends_with("_rmse") || name.ends_with("_mae") => four_digits(x, None),
        Some(x) if digits.is_some() && x.abs() < 1e6 => format!("{x:.*}", digits.unwrap_or_default()),
        Some(x) if x.fract() != 0.0 => short_number(x),
        _ => printable(row.text(column).trim()).into_owned(),
    }
}

/// Lines of cells as a table, whose first line holds the names: numbers to the right, text to the left
pub fn columns(lines: &[Vec<String>]) -> String {
    let mut text = vec![String::new(); lines.len()];
    for column in 0..lines.first().map_or(0, Vec::len) {
        let cells = || lines.iter().map(|line| line[column].as_str());
        let width = cells().map(|cell| cell.chars().count()).max().unwrap_or(0);
        let is_number = |cell: &str| cell.is_empty() || cell.replace(',', "").parse::<f64>().is_ok();
        let right = cells().skip(1).all(is_number);
        for (line, cell) in text.iter_mut().zip(cells()) {
            *line += &if right { format!("{cell:>width$}  ") } else { format!("{cell:width$}  ") };
        }
    }
    text.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A number with separated thousands: `285714.3` as `285,714`
pub fn thousands(x: f64) -> String {
    // The conversion makes negative numbers 0, and saturates at the largest.
    count(x.round() as u128)
}

/// A measured time, with three or four digits in the unit that fits it
pub fn duration(s: f64) -> String {
    match s {
        _ if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        _ if s < 1.0 => format!("{:.2} ms", s * 1e3),
        _ if s < 10.0 => format!("{s:.3} s"),
        _ if s < 100.0 => format!("{s:.2} s"),
        _ => format!("{s:.1} s"),
    }
}

/// An estimated time, whole or with one digit after the point
pub fn rough_duration(s: f64) -> String {
    match s {
        s if s < 1.0 => "1 s".to_owned(),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Sizes of an array, as `28×28`
pub fn times(sizes: &[usize]) -> String {
    sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// A number with five digits, as a person would write it
pub fn significant(x: f64) -> String {
    let magnitude = x.abs().log10().floor();
    if x == 0.0 || !(-4.0..12.0).contains(&magnitude) {
        let text = format!("{x:.4e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return if x == 0.0 { "0".to_owned() } else { format!("{digits}e{exponent}") };
    }
    let text = format!("{x:.*}", (4.0 - magnitude).max(0.0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (x, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(x), text);
        }
        assert_eq!(
            (several(1, "thread"), several(1000, "trial")),
            ("1 thread".to_owned(), "1,000 trials".to_owned())
        );
    }

    #[test]
    fn tables_are_aligned() {
        let line = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = columns(&[line(["run", "rate"]), line(["a", "0.5"]), line(["long", ""])]);
        assert_eq!(table, "run   rate\na      0.5\nlong\n");
    }

    #[test]
    fn durations_are_short() {
        for (s, text) in [(0.2, "1 s"), (75.4, "75 s"), (600.0, "10 min"), (9000.0, "2.5 h")] {
            assert_eq!(rough_duration(s), text);
        }
        for (s, text) in [
            (1.5e-6, "1.50 µs"),
            (0.0123, "12.30 ms"),
            (2.0, "2.000 s"),
            (10.832, "10.83 s"),
            (123.45, "123.5 s"),
        ] {
            assert_eq!(duration(s), text);
        }
    }

    #[test]
    fn numbers_have_five_digits() {
        for (x, text) in [
            (5.847_500_002, "5.8475"),
            (0.1, "0.1"),
            (-39.0, "-39"),
            (123_456.7, "123457"),
            (1e-7, "1e-7"),
            (2.345_678e20, "2.3457e20"),
            (0.0, "0"),
        ] {
            assert_eq!(significant(x), text);
        }
    }
}
