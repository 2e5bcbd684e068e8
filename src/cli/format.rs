//! Numbers as text for the terminal

/// A share in percent: `0.8831` as `88.31 %`
pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A number with separated thousands: `285714.3` as `285,714`
pub fn thousands(x: f64) -> String {
    let digits = format!("{x:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A measured time, with three or four digits in the unit that fits it
pub fn duration(s: f64) -> String {
    match s {
        _ if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        _ if s < 1.0 => format!("{:.2} ms", s * 1e3),
        _ => format!("{s:.3} s"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (x, text) in [(0.0, "0"), (999.4, "999"), (1000.0, "1,000"), (1_234_567.0, "1,234,567")] {
            assert_eq!(thousands(x), text);
        }
    }

    #[test]
    fn durations_are_short() {
        for (s, text) in [(0.2, "1 s"), (75.4, "75 s"), (600.0, "10 min"), (9000.0, "2.5 h")] {
            assert_eq!(rough_duration(s), text);
        }
        for (s, text) in [(1.5e-6, "1.50 µs"), (0.0123, "12.30 ms"), (2.0, "2.000 s")] {
            assert_eq!(duration(s), text);
        }
    }
}
