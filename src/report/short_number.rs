//! The text of a number in reports and on the terminal

/// The shortest text that reads back to the same number
pub fn short_number(x: f64) -> String {
    let plain = x.to_string();
    let short = format!("{x:e}");
    let unwieldy = x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e6);
    if unwieldy && short.len() < plain.len() { short } else { plain }
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
}
