//! Two numbers of bf16, and their products with the rounding of the instruction `vdpbf16ps`

/// Two numbers of bf16 in a word of 32 bits: the first in the lower half, the second in the upper half
///
/// bf16 is the upper half of an `f32`: 8 bits of exponent, and 8 bits of precision. A pair holds no subnormal number:
/// [`Pair::round`] makes them 0.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair(pub(crate) u32);

/// The smallest magnitude that rounds up to 2⁻¹²⁶, the smallest normal `f32`; smaller sums become 0
const SMALLEST: f64 = f64::from_bits(0x3810_0000_0000_0000) - f64::from_bits(0x3680_0000_0000_0000);

impl Pair {
    /// Both numbers, each rounded to the nearest bf16, ties to even; a subnormal number becomes 0 of its sign
    #[inline(always)]
    pub fn round(first: f32, second: f32) -> Self {
        Self(rounded(first) >> 16 | rounded(second) & 0xffff_0000)
    }

    /// The two numbers
    #[inline(always)]
    pub fn numbers(self) -> (f32, f32) {
        (f32::from_bits(self.0 << 16), f32::from_bits(self.0 & 0xffff_0000))
    }

    /// Whether both numbers are 0 and the first is not −0
    ///
    /// Read as an `f32`, the word is then 0 or −0, so comparing vectors of `f32` with 0 finds it.
    #[inline(always)]
    pub fn is_zero(self) -> bool {
        self.0 & 0x7fff_ffff == 0
    }

    /// `a₂ b₂ + z`, then `a₁ b₁` plus that sum, each rounded once; subnormal z and sums become 0 of their sign
    #[inline(always)]
    pub fn multiply_add(a: Self, b: Self, z: f32) -> f32 {
        let ((a1, a2), (b1, b2)) = (a.numbers(), b.numbers());
        let z = if z.is_subnormal() { 0.0f32.copysign(z) } else { z };
        step(a1, b1, step(a2, b2, z))
    }
}

/// `a b + z`, rounded once, where a and b are bf16
#[inline(always)]
fn step(a: f32, b: f32, z: f32) -> f32 {
    // The product is exact. The sum of two numbers of 24 bits may be rounded to 53 bits first, which does not change
    // how it is rounded to 24 bits (Figueroa, *When is double rounding innocuous?*, 1995).
    let sum = f64::from(a) * f64::from(b) + f64::from(z);
    if sum.abs() < SMALLEST { 0.0f32.copysign(sum as f32) } else { sum as f32 }
}

/// The `f32` whose upper half is the rounded number
#[inline(always)]
fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    // A carry from the lower half goes into the exponent, as it should.
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    let nan = bits | 0x0040_0000;
    let zero = bits & 0x8000_0000;
    if magnitude > 0x7f80_0000 {
        nan
    } else if magnitude < 0x0080_0000 {
        zero
    } else {
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_nearest_ties_to_even() {
        for (x, want) in [
            (1.0, 1.0),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (-1.003_906_4, -1.0 - 2.0 / 256.0),
            (f32::MAX, f32::INFINITY),
            (f32::MIN_POSITIVE, f32::MIN_POSITIVE),
            (f32::from_bits(0x007f_ffff), 0.0),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
        ] {
            let pair = Pair::round(x, -x);
            assert_eq!(pair.numbers(), (want, -want), "{x}");
        }
        let nan = f32::from_bits(0x7f80_0001);
        assert!(Pair::round(nan, 1.0).numbers().0.is_nan() && Pair::round(1.0, nan).numbers().1.is_nan());
        assert!(Pair::round(1e-40, -0.0).is_zero() && !Pair::round(0.0, 1e-30).is_zero());
        assert!(!Pair::round(-0.0, 0.0).is_zero());
    }

    #[test]
    fn the_second_product_is_added_first_and_subnormal_sums_become_0() {
        let pair = |a, b| Pair::round(a, b);
        // 2^24 + 1 is rounded to 2^24, so the order decides.
        let (big, one) = (2f32.powi(24), pair(1.0, 1.0));
        assert_eq!(Pair::multiply_add(pair(-big, 1.0), one, big), 0.0);
        assert_eq!(Pair::multiply_add(pair(1.0, -big), one, big), 1.0);
        let tiny = f32::MIN_POSITIVE;
        assert_eq!(Pair::multiply_add(pair(tiny, tiny), pair(0.5, 0.0), 0.0), 0.0);
        let negative = Pair::multiply_add(pair(-tiny, 0.0), pair(0.75, 0.0), 0.0);
        assert_eq!(negative.to_bits(), (-0.0f32).to_bits());
        assert_eq!(Pair::multiply_add(pair(0.0, 0.0), one, 1e-40).to_bits(), 0);
    }
}
