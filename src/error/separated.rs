//! Counts as text for a person

/// A count with separated thousands: `60000` as `60,000`
pub fn separated(n: impl TryInto<u128>) -> String {
    let digits = n.try_into().unwrap_or(u128::MAX).to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_digit_is_followed_by_a_comma() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_340_029_798_720_u64, "1,340,029,798,720")]
        {
            assert_eq!(separated(n), text);
        }
    }
}
