//! The two element types of the kernels

mod exp;
pub(crate) mod factor;
mod normal;
pub(crate) mod pair;
mod tanh;

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The arithmetic of `f32` and `f64` that the kernels need
pub trait Number:
    sealed::Sealed
    + Copy
    + Send
    + Sync
    + 'static
    + Default
    + Debug
    + Display
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// The bound below which a velocity is set to 0: 2⁻⁹⁵ or 2⁻¹⁰⁰⁰; see [`sgd`](crate::sgd)
    const NEGLIGIBLE: Self;
    /// The smallest positive number that is not subnormal
    const MIN_POSITIVE: Self;
    /// Distance from 1 to the next number: 2⁻²³ or 2⁻⁵²
    const EPSILON: f64;
    /// Size in memory and in files, in bytes
    const BYTES: usize;

    /// The nearest number of this type
    fn from_f64(x: f64) -> Self;
    /// The same number as `f64`, exactly
    fn to_f64(self) -> f64;
    /// `eˣ` by our own polynomial, within 2 units in the last place
    fn exp(self) -> Self;
    /// `eˣ − 1` by the same polynomial, within 3 units in the last place, also where x is close to 0
    fn exp_m1(self) -> Self;
    /// The hyperbolic tangent of x, within 4 units in the last place
    fn tanh(self) -> Self;
    /// The distribution function Φ(x) of the standard normal distribution, within 4 units in the last place, and its
    /// density φ(x)
    fn normal(self) -> (Self, Self);
    /// `ln x`
    fn ln(self) -> Self;
    /// `|x|`
    fn abs(self) -> Self;
    /// The number with this magnitude and the sign of another
    fn copysign(self, sign: Self) -> Self;
    /// `byte / 255`, correctly rounded
    fn pixel(byte: u8) -> Self;
    /// `√x`, correctly rounded
    fn sqrt(self) -> Self;
    /// Whether the number is NaN
    fn is_nan(self) -> bool;
    /// Whether the number is neither infinite nor NaN
    fn is_finite(self) -> bool;
    /// Appends the little-endian bytes
    fn write_le(self, out: &mut Vec<u8>);
    /// The number with these little-endian bytes, or `None` if there are not [`Self::BYTES`] of them
    fn read_le(bytes: &[u8]) -> Option<Self>;
}

macro_rules! number {
    ($t:ident, $exp:ident, $normal:ident, $negligible:expr, $hi:expr, $rest:expr) => {
        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEGLIGIBLE: Self = $negligible;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;
            const EPSILON: f64 = $t::EPSILON as f64;
            const BYTES: usize = size_of::<$t>();

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn exp(self) -> Self {
                exp::$exp::exp(self)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                exp::$exp::exp_m1(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                tanh::tanh(self)
            }
            #[inline(always)]
            fn normal(self) -> (Self, Self) {
                normal::$normal(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                $t::copysign(self, sign)
            }
            #[inline(always)]
            fn pixel(byte: u8) -> Self {
                // 1/255 in two parts: HI is short enough that byte × HI is exact, so only the product with LO and the
                // sum are rounded. The result equals the division for all 256 bytes (tested).
                const HI: $t = $hi;
                const LO: $t = $rest / 255.0;
                let b = byte as $t;
                b * HI + b * LO
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            fn write_le(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn read_le(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map($t::from_le_bytes)
            }
        }
    };
}

// HI is 1/255 truncated to 16 bits (f32) and 45 bits (f64): times the byte's 8 bits, that fits in 24 and 53. The
// remainders are 2⁻¹⁶/255 and 2⁻⁴⁸/255.
number!(f32, single, normal_f32, f32::from_bits((127 - 95) << 23), 32896.0 / 8_388_608.0, 1.0 / 65_536.0);
number!(
    f64,
    double,
    normal_f64,
    f64::from_bits((1023 - 1000) << 52),
    17_661_175_009_296.0 / 4_503_599_627_370_496.0,
    1.0 / 281_474_976_710_656.0
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_the_quotient_to_the_last_bit() {
        for byte in 0..=255u8 {
            assert_eq!(f32::pixel(byte), f32::from(byte) / 255.0, "{byte}");
            assert_eq!(f64::pixel(byte), f64::from(byte) / 255.0, "{byte}");
        }
    }

    #[test]
    fn numbers_are_the_same_after_writing_and_reading_their_bytes() {
        let mut bytes = Vec::new();
        (-1.5f32).write_le(&mut bytes);
        assert_eq!(f32::read_le(&bytes), Some(-1.5));
        assert_eq!(f64::read_le(&bytes), None);
    }
}
