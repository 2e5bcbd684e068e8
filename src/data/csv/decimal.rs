//! Numbers of at most 19 digits, the usual ones, eight digits at a time
//!
//! A number is m · 10ᵉ with an integer m. If |e| ≤ 22, then 10^|e| is an f64 without error, and if m ≤ 2⁵³, one
//! division or multiplication in f64 rounds correctly (Clinger). For f32, a product in f64 with m and 10ᵉ, each rounded,
//! has an error of at most 3 units in the last place, which is enough except close to the middle between two f32.
//! `fast_float2` parses all other numbers.
//!
//! Sources: Clinger, *How to read floating point numbers accurately* (1990); Lemire, *Number parsing at a gigabyte per
//! second* (2021).

/// 10⁰ to 10²², the powers of ten that are f64 without error
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The exponent of the last one
const LARGEST: i32 = POWERS.len() as i32 - 1;

/// 10⁻²² to 10²², each with an error of at most half a unit in the last place
const SIGNED_POWERS: [f64; 45] = {
    let mut powers = [1.0; 45];
    let mut exponent = 1;
    while exponent < POWERS.len() {
        powers[POWERS.len() - 1 + exponent] = POWERS[exponent];
        powers[POWERS.len() - 1 - exponent] = 1.0 / POWERS[exponent];
        exponent += 1;
    }
    powers
};

/// 10⁰ to 10⁸
const SHIFTS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// A decimal number, ± mantissa · 10^exponent
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: u64,
    exponent: i32,
    is_negative: bool,
}

impl Decimal {
    /// The number at the start of a text, and its length
    ///
    /// `None` if there is none, or it has more than 19 digits, or the text ends within 8 bytes of a digit.
    #[inline(always)]
    pub fn parse(text: &[u8]) -> Option<(Self, usize)> {
        let is_negative = *text.first()? == b'-';
        let start = usize::from(is_negative);
        let (mut mantissa, mut at) = digits(text, start, 0)?;
        let mut count = at - start;
        let mut exponent = 0;
        if text.get(at) == Some(&b'.') {
            let point = at + 1;
            (mantissa, at) = digits(text, point, mantissa)?;
            exponent = -((at - point) as i32);
            count += at - point;
        }
        // 19 digits fit into 64 bits.
        if count == 0 || count > 19 {
            return None;
        }
        if let Some(b'e' | b'E') = text.get(at) {
            let sign = text.get(at + 1)?;
            let first = at + 1 + usize::from(matches!(sign, b'-' | b'+'));
            let (power, end) = digits(text, first, 0)?;
            if !(1..=4).contains(&(end - first)) {
                return None;
            }
            exponent += if *sign == b'-' { -(power as i32) } else { power as i32 };
            at = end;
        }
        Some((Self { mantissa, exponent, is_negative }, at))
    }

    /// The number, correctly rounded; `None` if that takes more than one operation
    #[inline(always)]
    pub fn to_f64(self) -> Option<f64> {
        let power = *POWERS.get(self.exponent.unsigned_abs() as usize)?;
        let mantissa = self.mantissa as f64;
        let number = if self.exponent < 0 { mantissa / power } else { mantissa * power };
        (self.mantissa <= 1 << 53).then_some(self.signed(number))
    }

    /// The number, correctly rounded; `None` if it may be the middle between two numbers, or is not a normal one
    #[inline(always)]
    pub fn to_f32(self) -> Option<f32> {
        let power = SIGNED_POWERS.get((self.exponent + LARGEST) as usize)?;
        let number = self.mantissa as f64 * power;
        // An f32 has 29 bits less than an f64. Far enough from their middle, both sides of the error round alike.
        let rest = number.to_bits() & ((1 << 29) - 1);
        let is_clear = rest.abs_diff(1 << 28) > 4;
        let is_normal = (1e-37..1e38).contains(&number) || self.mantissa == 0;
        (is_clear && is_normal).then_some(self.signed(number) as f32)
    }

    /// A number without sign, with the sign; signs are random, and a branch would often be predicted wrongly
    #[inline(always)]
    fn signed(self, number: f64) -> f64 {
        f64::from_bits(number.to_bits() | u64::from(self.is_negative) << 63)
    }
}

/// Appends the digits at `at` to a number, which wraps around if there are more than 19; returns it and where they end
#[inline(always)]
fn digits(text: &[u8], mut at: usize, mut number: u64) -> Option<(u64, usize)> {
    loop {
        let bytes = u64::from_le_bytes(*text.get(at..)?.first_chunk()?);
        // Digits become 0 to 9. Adding 0x76 sets the high bit of all larger bytes; a carry changes only later ones.
        let values = bytes ^ 0x3030_3030_3030_3030;
        let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
        let count = others.trailing_zeros() as usize / 8;
        if count == 0 {
            return Some((number, at));
        }
        // The first digit is the lowest byte: zeros before it make eight digits of any count.
        let eight = values << (64 - 8 * count);
        number = number.wrapping_mul(SHIFTS[count]).wrapping_add(eight_digits(eight));
        at += count;
        if count < 8 {
            return Some((number, at));
        }
    }
}

/// The number with these eight digits, the lowest byte first: pairs, then groups of four, then all
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Random};

    fn parse(text: &str) -> Option<(Decimal, usize)> {
        Decimal::parse(format!("{text},       ,").as_bytes())
    }

    /// Compares with the standard library; returns whether each type was decided here
    fn check(text: &str) -> (bool, bool) {
        let Some((decimal, len)) = parse(text) else { return (false, false) };
        assert_eq!(len, text.len(), "{text}");
        let (single, double) = (decimal.to_f32(), decimal.to_f64());
        if let Some(single) = single {
            assert_eq!(single.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{text}");
        }
        if let Some(double) = double {
            assert_eq!(double.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
        (single.is_some(), double.is_some())
    }

    #[test]
    fn usual_numbers_are_decided_and_rounded_correctly() {
        for text in [
            "0",
            "-0",
            "1",
            "-2.5",
            ".5",
            "5.",
            "00012",
            "12345678",
            "123456789012345",
            "1e5",
            "-1.5E-3",
            "1e+0",
        ] {
            assert_eq!(check(text), (true, true), "{text}");
        }
        for text in ["0.1234567890123456789", "9.075421094894409180e-01", "12345678901234567.89"] {
            assert_eq!(check(text), (text != "0.1234567890123456789", false), "{text}");
        }
    }

    #[test]
    fn the_middle_between_two_numbers_is_left_to_others() {
        for text in ["16777217", "16777219", "1.00000005960464477539", "8388608.5", "1e-44", "1e39", "1e23"] {
            assert!(!check(text).0, "{text}");
        }
    }

    #[test]
    fn random_decimals_are_rounded_as_the_standard_library_does() {
        let mut random = Random::new(4, Purpose::GradientCheck);
        let mut decided = [0, 0];
        for _ in 0..100_000 {
            let digits = |random: &mut Random, most| -> String {
                (0..random.below(most)).map(|_| char::from(b'0' + random.below(10) as u8)).collect()
            };
            let mut text = if random.below(2) == 0 { "-" } else { "" }.to_owned();
            text += &digits(&mut random, 10);
            text += ".";
            text += &digits(&mut random, 12);
            if random.below(3) == 0 {
                text += &format!("e{}", random.below(60) as i32 - 30);
            }
            if text.parse::<f64>().is_ok() {
                let (single, double) = check(&text);
                decided[0] += u32::from(single);
                decided[1] += u32::from(double);
            } else {
                assert_eq!(parse(&text), None, "{text}");
            }
        }
        assert!(decided[0] > 70_000 && decided[1] > 50_000, "{decided:?}");
    }

    #[test]
    fn other_texts_are_not_numbers() {
        for text in ["", "-", ".", "-.", "x", "e5", "1e", "1e+", "--1", "1e12345", "12345678901234567890"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for (text, len) in [("1x", 1), ("1.2.3", 3), ("1 ", 1)] {
            assert_eq!(parse(text).unwrap().1, len, "{text}");
        }
    }
}
