//! `eˣ` and `eˣ − 1` without branches, so that the compiler can vectorise a loop over them
//!
//! `eˣ = 2ᵏ eʳ` with `k = round(x / ln 2)` and `r = x − k ln 2`, `|r| ≤ ln 2 / 2`. `ln 2` is stored in two
//! parts, of which the first is short enough for its product with `k` to be exact. `eʳ` is a Taylor polynomial, of a
//! degree at which the remainder `rⁿ⁺¹/(n+1)!` is below a sixth of a unit in the last place (ulp). `2ᵏ` is made from
//! exponent bits, in two factors, so that too large results become infinite and too small ones subnormal.
//!
//! Error of `eˣ`: below 2 ulp for normal results (tested: `exp_is_within_two_ulp`). Infinite above 88.73 (f32) and
//! 709.79 (f64); 0 below −104 and −746; NaN stays NaN.
//!
//! `eˣ − 1 = 2ᵏ (eʳ − 1) + (2ᵏ − 1)`, where `eʳ − 1` is the polynomial without its constant. Nothing cancels if k is 0,
//! so the relative error is below 3 ulp also for x close to 0 (tested: `exp_m1_is_within_three_ulp`).
//!
//! Source: Cody and Waite, *Software Manual for the Elementary Functions* (1980), chapter 6.

macro_rules! exp {
    ($name:ident, $t:ident, $int:ident, $bits:literal, $bias:literal, $magic:literal,
     $low:literal, $high:literal, $ln2_hi:expr, $ln2_lo:expr, [$($coefficient:expr),+]) => {
        /// The functions of this type
        pub(crate) mod $name {
            /// `eˣ`
            #[inline(always)]
            pub(crate) fn exp(x: $t) -> $t {
                let (k, r) = reduce(x);
                let half = k >> 1;
                (polynomial(r) * r + 1.0) * power(half) * power(k.wrapping_sub(half))
            }

            /// `e^(x + low)`, where `low` is small: it is added to r, so that x may have more digits than its type
            #[inline(always)]
            pub(crate) fn exp_sum(x: $t, low: $t) -> $t {
                let (k, r) = reduce(x);
                let (half, r) = (k >> 1, r + low);
                (polynomial(r) * r + 1.0) * power(half) * power(k.wrapping_sub(half))
            }

            /// `eˣ − 1`
            #[inline(always)]
            pub(crate) fn exp_m1(x: $t) -> $t {
                let (k, r) = reduce(x);
                let half = k >> 1;
                // Both factors of 2ᵏ are finite where 2ᵏ is not: 2ᵏ − 1 is the second times (the first − 1 / the second).
                let (first, second) = (power(half), power(k.wrapping_sub(half)));
                let inverse = power(half.wrapping_sub(k));
                (first * (polynomial(r) * r) + (first - inverse)) * second
            }

            /// k and r; x counts as the smallest or largest x that makes a difference if it is beyond that
            #[inline(always)]
            fn reduce(x: $t) -> ($int, $t) {
                // Comparisons, since min and max would turn NaN into a number.
                let x = if x < $low { $low } else { x };
                let x = if x > $high { $high } else { x };
                // Adding 1.5·2^(mantissa bits) rounds to an integer, which is then in the lowest bits.
                let shifted = x * std::$t::consts::LOG2_E + $magic;
                let k = (shifted.to_bits() as $int).wrapping_sub(($magic as $t).to_bits() as $int);
                let whole = shifted - $magic;
                (k, (x - whole * $ln2_hi) - whole * $ln2_lo)
            }

            /// `(eʳ − 1) / r`
            #[inline(always)]
            fn polynomial(r: $t) -> $t {
                let mut p: $t = 0.0;
                $(p = p * r + $coefficient;)+ // Horner, highest power first
                p
            }

            /// `2ᵉ`
            #[inline(always)]
            fn power(e: $int) -> $t {
                $t::from_bits((e.wrapping_add($bias) << $bits) as _)
            }
        }
    };
}

// The remainder is 0.3466⁸/8! = 0.09 ulp of f32.
exp!(
    single,
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
    double,
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
                worst = worst.max((f64::from(single::exp(x)) - want).abs() / ulp);
            }
        }
        assert!(worst < 2.0, "f32: {worst} ulp");
        // f64 against the standard library, whose error of at most 1 ulp is added to the bound.
        let mut worst = 0f64;
        for i in -7_080_000..=7_090_000 {
            let x = f64::from(i) * 1.0000001e-4;
            let want = x.exp();
            worst = worst.max((double::exp(x) - want).abs() / (want.next_up() - want));
        }
        assert!(worst < 3.0, "f64: {worst} ulp");
    }

    #[test]
    fn exp_m1_is_within_three_ulp() {
        let mut worst = 0f64;
        for sign in [0u32, 1 << 31] {
            for bits in (1..=88.7f32.to_bits()).step_by(97) {
                let x = f32::from_bits(bits | sign);
                let want = f64::from(x).exp_m1();
                let ulp = f64::from((want.abs() as f32).next_up()) - f64::from(want.abs() as f32);
                worst = worst.max((f64::from(single::exp_m1(x)) - want).abs() / ulp);
            }
        }
        assert!(worst < 3.0, "f32: {worst} ulp");
        // f64 against the standard library, whose error of at most 1 ulp is added to the bound.
        let mut worst = 0f64;
        for i in -1000..=1000 {
            for scale in [1.0000001e-9, 1.0000001e-3, 0.05, 0.7] {
                let x = f64::from(i) * scale;
                let want = x.exp_m1();
                worst = worst.max((double::exp_m1(x) - want).abs() / (want.abs().next_up() - want.abs()));
            }
        }
        assert!(worst < 4.0, "f64: {worst} ulp");
        for (x, want) in
            [(f32::NEG_INFINITY, -1.0), (-200.0, -1.0), (-0.0, 0.0), (f32::INFINITY, f32::INFINITY)]
        {
            assert_eq!(single::exp_m1(x), want);
            assert_eq!(double::exp_m1(x.into()), want.into());
        }
        assert!(single::exp_m1(f32::NAN).is_nan() && double::exp_m1(f64::NAN).is_nan());
    }

    #[test]
    fn the_ends_of_the_range_are_zero_infinity_and_nan() {
        assert_eq!(single::exp(0.0), 1.0);
        assert_eq!(single::exp(89.0), f32::INFINITY);
        assert_eq!(single::exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(single::exp(f32::NEG_INFINITY), 0.0);
        assert!(single::exp(f32::NAN).is_nan());
        assert_eq!(double::exp(0.0), 1.0);
        assert_eq!(double::exp(f64::INFINITY), f64::INFINITY);
        assert_eq!(double::exp(f64::NEG_INFINITY), 0.0);
        assert!(double::exp(f64::NAN).is_nan());
    }

    #[test]
    fn results_below_the_smallest_normal_number_are_subnormal_not_zero() {
        let x = -100.0f32;
        let want = f64::from(x).exp();
        // One step of a subnormal f32 is 2⁻¹⁴⁹.
        assert!((f64::from(single::exp(x)) - want).abs() <= 1.5 * 2f64.powi(-149));
    }
}
