//! The text of a number in reports and on the terminal

/// The shortest text that reads back to the same number
pub fn short_number(x: f64) -> String {
    let plain = x.to_string();
    let short = format!("{x:e}");
    let unwieldy = x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e6);
    if unwieldy && short.len() < plain.len() { short } else { plain }
}

/// A number with four significant digits, or with all digits before the point: `0.3512`, `12.35`, `123456`, `1.235e9`
///
/// * `sd`: its deviation, which follows with as many decimals: `0.3512 ± 0.0021`
pub fn four_digits(x: f64, sd: Option<f64>) -> String {
    significant(4, x, sd)
}

/// The same with `digits` significant digits
pub(super) fn significant(digits: usize, x: f64, sd: Option<f64>) -> String {
    const PLAIN: std::ops::Range<f64> = 1e-3..1e6;
    let is_plain = x == 0.0 || PLAIN.contains(&x.abs());
    let magnitude = if x == 0.0 { 0 } else { x.abs().log10().floor().clamp(-3.0, 6.0) as isize };
    let decimals = if x == 0.0 && sd.is_none() { 0 } else { digits.saturating_add_signed(-magnitude - 1) };
    let text =
        if is_plain { format!("{x:.decimals$}") } else { format!("{x:.*e}", digits.saturating_sub(1)) };
    match sd {
        None => text,
        Some(sd) if is_plain && sd < PLAIN.end => format!("{text} ± {sd:.decimals$}"),
        Some(sd) => format!("{text} ± {sd:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_short_and_read_back_the_same() {
        for (x, text) in
            [(0.1, "0.1"), (1e-5, "1e-5"), (0.001, "0.001"), (512.0, "512"), (1e6, "1e6"), (1e30, "1e30")]
        {
            assert_eq!(short_number(x), text);
            assert_eq!(text.parse(), Ok(x));
        }
    }

    #[test]
    fn four_digits_are_kept_of_small_and_large_numbers() {
        for (x, text) in [
            (0.0, "0"),
            (0.5, "0.5000"),
            (0.351_24, "0.3512"),
            (0.001, "0.001000"),
            (-12.345_6, "-12.35"),
            (9999.6, "10000"),
            (123_456.7, "123457"),
            (1.234_56e9, "1.235e9"),
            (4.5e-7, "4.500e-7"),
        ] {
            assert_eq!(four_digits(x, None), text);
        }
        assert_eq!(four_digits(3.25, Some(0.0104)), "3.250 ± 0.010");
        assert_eq!(four_digits(0.0, Some(0.0)), "0.000 ± 0.000");
        assert_eq!(four_digits(2e-6, Some(1.26e-7)), "2.000e-6 ± 1.3e-7");
        assert_eq!(four_digits(2e5, Some(3e7)), "200000 ± 3.0e7");
    }
}
