//! The two number types that the kernels work on

use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Range, Sub};

#[cfg(target_arch = "x86_64")]
use crate::SimdLevel;
use crate::elementwise::exp;
use crate::gemm::Operands;
use crate::gemm::{microkernel as tile, pack as transpose, skip_zeros as sparse};
use crate::simd_level;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`
pub trait Scalar:
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
    /// Velocities nearer to 0 than this become 0: 2⁻⁹⁵ or 2⁻¹⁰⁰⁰; see [`sgd`](crate::sgd)
    const NEGLIGIBLE: Self;
    /// Distance from 1 to the next number: 2⁻²³ or 2⁻⁵²
    const EPSILON: f64;
    /// The type's name in Rust: `f32` or `f64`
    const NAME: &'static str;
    /// Size in memory and in files, bytes
    const BYTES: usize;

    /// The nearest number of this type
    fn from_f64(x: f64) -> Self;
    /// The same number, exactly
    fn to_f64(self) -> f64;
    /// `eˣ` by our own polynomial, to within 2 units in the last place; see `exp.rs`
    fn exp(self) -> Self;
    /// `ln x`
    fn ln(self) -> Self;
    /// `byte / 255`, correctly rounded
    fn pixel(byte: u8) -> Self;
    /// Neither infinite nor NaN
    fn is_finite(self) -> bool;
    /// Appends the little-endian bytes
    fn write_le(self, out: &mut Vec<u8>);
    /// The number whose little-endian bytes these are, or nothing if they are not [`Self::BYTES`] long
    fn read_le(bytes: &[u8]) -> Option<Self>;

    /// `C ← α A B + β C` by `matrixmultiply`; strides count elements
    ///
    /// # Safety
    /// Every element of A (m × k), B (k × n) and C (m × n) that the strides reach lies in memory that is
    /// valid for reading, and C's for writing. No two elements of C share an address, and C overlaps
    /// neither A nor B.
    #[doc(hidden)]
    #[expect(clippy::too_many_arguments, reason = "the signature of BLAS")]
    unsafe fn gemm_raw(
        m: usize,
        k: usize,
        n: usize,
        alpha: Self,
        a: *const Self,
        a_strides: (isize, isize),
        b: *const Self,
        b_strides: (isize, isize),
        beta: Self,
        c: *mut Self,
        c_strides: (isize, isize),
    );

    /// Rows `rows` and columns `cols` of a product, by the tiles of this processor's [`SimdLevel`](crate::SimdLevel)
    ///
    /// # Safety
    /// `rows` and `cols` lie inside C, and B is not transposed. A, B, C, the start values and the velocities have all
    /// elements of these rows and columns that their shapes, pointers and strides say, valid for reading, C's and the
    /// velocities' for writing, and nobody else touches this part of these two meanwhile. [`simd_level`] is not
    /// `Portable`.
    #[doc(hidden)]
    unsafe fn tiles(p: &Operands<Self>, rows: Range<usize>, cols: Range<usize>);

    /// As [`Self::tiles`], passing over the zeros of A
    ///
    /// # Safety
    /// As [`Self::tiles`]; A is not transposed either, and k ≤ 64.
    #[doc(hidden)]
    unsafe fn sparse_rows(p: &Operands<Self>, rows: Range<usize>, cols: Range<usize>);

    /// `to[j, i] ← from[rows.start + i, j]` for j in `0..cols`, all rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has `cols` numbers in each of the rows, `stride` apart; `to` has room for `cols · rows.len()`
    /// numbers, which nobody else touches meanwhile. [`simd_level`] is not `Portable`.
    #[doc(hidden)]
    unsafe fn transpose(from: *const Self, stride: usize, rows: Range<usize>, cols: usize, to: *mut Self);

    /// `to[i, j] ← from[i, j]` for `rows` rows of `cols` numbers, all rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has the rows, `stride` apart; `to` has room for `rows · cols` numbers, which nobody else touches
    /// meanwhile. [`simd_level`] is not `Portable`.
    #[doc(hidden)]
    unsafe fn pack(from: *const Self, stride: usize, rows: usize, cols: usize, to: *mut Self);
}

macro_rules! scalar {
    ($t:ident, $exp:path, $gemm:path, $avx512:ident, $avx2:ident, $negligible:expr, $hi:expr, $rest:expr) => {
        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEGLIGIBLE: Self = $negligible;
            const EPSILON: f64 = $t::EPSILON as f64;
            const NAME: &'static str = stringify!($t);
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
                $exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn pixel(byte: u8) -> Self {
                // 1/255 in two parts: HI has so few bits that byte × HI is exact, so only the small part
                // and the sum are rounded. Equal to the division for all 256 bytes (tested), and five
                // times as fast in a vector.
                const HI: $t = $hi;
                const LO: $t = $rest / 255.0;
                let b = byte as $t;
                b * HI + b * LO
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
            unsafe fn gemm_raw(
                m: usize,
                k: usize,
                n: usize,
                alpha: Self,
                a: *const Self,
                (rsa, csa): (isize, isize),
                b: *const Self,
                (rsb, csb): (isize, isize),
                beta: Self,
                c: *mut Self,
                (rsc, csc): (isize, isize),
            ) {
                // SAFETY: the caller keeps this function's contract, which is that of `matrixmultiply`.
                unsafe { $gemm(m, k, n, alpha, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc) }
            }
            #[cfg(target_arch = "x86_64")]
            unsafe fn tiles(p: &Operands<Self>, rows: Range<usize>, cols: Range<usize>) {
                // SAFETY: the caller keeps this function's contract, which is that of the blocks; the level was
                // found on this processor.
                unsafe {
                    match simd_level() {
                        SimdLevel::Avx512 => tile::$avx512::block(p, rows, cols),
                        _ => tile::$avx2::block(p, rows, cols),
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            unsafe fn sparse_rows(p: &Operands<Self>, rows: Range<usize>, cols: Range<usize>) {
                // SAFETY: as above.
                unsafe {
                    match simd_level() {
                        SimdLevel::Avx512 => sparse::$avx512::block(p, rows, cols),
                        _ => sparse::$avx2::block(p, rows, cols),
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            unsafe fn transpose(
                from: *const Self,
                stride: usize,
                rows: Range<usize>,
                cols: usize,
                to: *mut Self,
            ) {
                // SAFETY: as above.
                unsafe {
                    match simd_level() {
                        SimdLevel::Avx512 => transpose::$avx512::transpose(from, stride, rows, cols, to),
                        _ => transpose::$avx2::transpose(from, stride, rows, cols, to),
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            unsafe fn pack(from: *const Self, stride: usize, rows: usize, cols: usize, to: *mut Self) {
                // SAFETY: as above.
                unsafe {
                    match simd_level() {
                        SimdLevel::Avx512 => transpose::$avx512::pack(from, stride, rows, cols, to),
                        _ => transpose::$avx2::pack(from, stride, rows, cols, to),
                    }
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            unsafe fn tiles(_: &Operands<Self>, _: Range<usize>, _: Range<usize>) {
                unreachable!("there are tiles for x86-64 only, and {:?} is no level of it", simd_level());
            }
            #[cfg(not(target_arch = "x86_64"))]
            unsafe fn sparse_rows(_: &Operands<Self>, _: Range<usize>, _: Range<usize>) {
                unreachable!("there are tiles for x86-64 only, and {:?} is no level of it", simd_level());
            }
            #[cfg(not(target_arch = "x86_64"))]
            unsafe fn transpose(_: *const Self, _: usize, _: Range<usize>, _: usize, _: *mut Self) {
                unreachable!("there are tiles for x86-64 only, and {:?} is no level of it", simd_level());
            }
            #[cfg(not(target_arch = "x86_64"))]
            unsafe fn pack(_: *const Self, _: usize, _: usize, _: usize, _: *mut Self) {
                unreachable!("there are tiles for x86-64 only, and {:?} is no level of it", simd_level());
            }
        }
    };
}

// 1/255 cut to 16 bits (f32) and 45 bits (f64), which times the byte's 8 fit 24 and 53; what the cut left
// of it is 2⁻¹⁶/255 and 2⁻⁴⁸/255.
scalar!(
    f32,
    exp::exp_f32,
    matrixmultiply::sgemm,
    avx512_f32,
    avx2_f32,
    f32::from_bits((127 - 95) << 23),
    32896.0 / 8_388_608.0,
    1.0 / 65_536.0
);
scalar!(
    f64,
    exp::exp_f64,
    matrixmultiply::dgemm,
    avx512_f64,
    avx2_f64,
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
    fn numbers_survive_the_way_through_their_bytes() {
        let mut bytes = Vec::new();
        (-1.5f32).write_le(&mut bytes);
        assert_eq!(f32::read_le(&bytes), Some(-1.5));
        assert_eq!(f64::read_le(&bytes), None);
    }
}
