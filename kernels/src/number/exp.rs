//! `eˣ` without branches, so that the compiler can vectorise a loop over it
//!
//! `eˣ = 2ᵏ eʳ` with `k = round(x / ln 2)` and `r = x − k ln 2`, `|r| ≤ ln 2 / 2`. `ln 2` is stored in two
//! parts, of which the first is short enough for its product with `k` to be exact. `eʳ` is a Taylor polynomial, of a
//! degree at which the remainder `rⁿ⁺¹/(n+1)!` is below a sixth of a unit in the last place (ulp). `2ᵏ` is made from
//! exponent bits, in two factors, so that too large results become infinite and too small ones subnormal.
//!
//! Error: below 2 ulp for normal results (tested: `exp_is_within_two_ulp`). Infinite above 88.73 (f32) and
//! 709.79 (f64); 0 below −104 and −746; NaN stays NaN.
//!
//! Source: Cody and Waite, *Software Manual for the Elementary Functions* (1980), chapter 6.

macro_rules! exp {
    ($name:ident, $t:ident, $int:ident, $bits:literal, $bias:literal, $magic:literal,
     $low:literal, $high:literal, $ln2_hi:expr, $ln2_lo:expr, [$($coefficient:expr),+]) => {
        #[inline(always)]
        pub(crate) fn $name(x: $t) -> $t {
            // Comparisons, since min and max would turn NaN into a number.
            let x = if x < $low { $low } else { x };
            let x = if x > $high { $high } else { x };
            // Adding 1.5·2^(mantissa bits) rounds to an integer, which is then in the lowest bits.
            let shifted = x * std::$t::consts::LOG2_E + $magic;
            let k = (shifted.to_bits() as $int).wrapping_sub(($magic as $t).to_bits() as $int);
            let whole = shifted - $magic;
            let r = (x - whole * $ln2_hi) - whole * $ln2_lo;
            let mut p: $t = 0.0;
            $(p = p * r + $coefficient;)+ // Horner, highest power first
            let half = k >> 1;
            let power = |e: $int| $t::from_bits((e.wrapping_add($bias) << $bits) as _);
            (p * r + 1.0) * power(half) * power(k.wrapping_sub(half))
        }
    };
}

// The remainder is 0.3466⁸/8! = 0.09 ulp of f32.
exp!(
    exp_f32,
    f32,
    i32,
    23,
    127,
    12_582_912.0,
    -104.0,
    89.0,
    355.0 / 512.0,
    -2.121_944_4e-4,
    [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0]
);
// The remainder is 0.3466¹⁴/14! = 0.02 ulp of f64. The parts of ln 2 have 32 and 53 bits.
exp!(
    exp_f64,
    f64,
    i64,
    52,
    1023,
    6_755_399_441_055_744.0,
    -746.0,
    710.0,
    f64::from_bits(0x3fe6_2e42_fee0_0000),
    f64::from_bits(0x3dea_39ef_3579_3c76),
    [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_ulp() {
        // Every 97th f32 whose exponential is a normal number, against the standard library in f64,
        // whose own error (below 1 ulp of f64) does not count here.
        let mut worst = 0f64;
        for sign in [0u32, 1 << 31] {
            for bits in (0..=88.7f32.to_bits()).step_by(97) {
                let x = f32::from_bits(bits | sign);
                if x < -87.3 {
                    break;
                }
                let want = f64::from(x).exp();
                let ulp = f64::from((want as f32).next_up()) - f64::from(want as f32);
                worst = worst.max((f64::from(exp_f32(x)) - want).abs() / ulp);
            }
        }
        assert!(worst < 2.0, "f32: {worst} ulp");
        // f64 against the standard library, whose error of at most 1 ulp is added to the bound.
        let mut worst = 0f64;
        for i in -7_080_000..=7_090_000 {
            let x = f64::from(i) * 1.0000001e-4;
            let want = x.exp();
            worst = worst.max((exp_f64(x) - want).abs() / (want.next_up() - want));
        }
        assert!(worst < 3.0, "f64: {worst} ulp");
    }

    #[test]
    fn the_ends_of_the_range_are_zero_infinity_and_nan() {
        assert_eq!(exp_f32(0.0), 1.0);
        assert_eq!(exp_f32(89.0), f32::INFINITY);
        assert_eq!(exp_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert!(exp_f32(f32::NAN).is_nan());
        assert_eq!(exp_f64(0.0), 1.0);
        assert_eq!(exp_f64(f64::INFINITY), f64::INFINITY);
        assert_eq!(exp_f64(f64::NEG_INFINITY), 0.0);
        assert!(exp_f64(f64::NAN).is_nan());
    }

    #[test]
    fn results_below_the_smallest_normal_number_are_subnormal_not_zero() {
        let x = -100.0f32;
        let want = f64::from(x).exp();
        // One step of a subnormal f32 is 2⁻¹⁴⁹.
        assert!((f64::from(exp_f32(x)) - want).abs() <= 1.5 * 2f64.powi(-149));
    }
}
