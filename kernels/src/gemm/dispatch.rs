//! The trait that selects a kernel by element type and by the processor's instruction set

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::cpu::simd_level::SimdLevel;
use crate::cpu::simd_level::simd_level;
use crate::gemm::Gemm;
#[cfg(target_arch = "x86_64")]
use crate::gemm::{microkernel, pack, skip_zeros};
use crate::number::Number;

/// An element type of matrices: `f32` or `f64`
pub trait Scalar: Number {
    /// `C ← α A B + β C` by the crate `matrixmultiply`; strides count elements
    ///
    /// # Safety
    /// Every element of A (m × k), B (k × n) and C (m × n) that the strides reach is valid for reading, and those of C
    /// for writing. No two elements of C share an address, and C overlaps neither A nor B.
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

    /// Computes rows `rows` and columns `cols` of a product by register tiles
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns, and B is not transposed.
    #[doc(hidden)]
    unsafe fn tiles(p: &Gemm<Self>, rows: Range<usize>, cols: Range<usize>);

    /// Computes the same as [`Self::tiles`], skipping the zeros of A
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns, neither A nor B is transposed, and k ≤ 64.
    #[doc(hidden)]
    unsafe fn skip_zeros(p: &Gemm<Self>, rows: Range<usize>, cols: Range<usize>);

    /// `to[j, i] ← from[rows.start + i, j]` for j in `0..cols`, with the rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has `cols` elements in each of the rows, which are `stride` apart. `to` is valid for writing
    /// `cols · rows.len()` elements, which no other thread accesses. [`simd_level`] is not `Portable`.
    #[doc(hidden)]
    unsafe fn transpose(from: *const Self, stride: usize, rows: Range<usize>, cols: usize, to: *mut Self);

    /// `to[i, j] ← from[i, j]` for `rows` rows of `cols` elements, with the rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has the rows, `stride` apart. `to` is valid for writing `rows · cols` elements, which no other thread
    /// accesses. [`simd_level`] is not `Portable`.
    #[doc(hidden)]
    unsafe fn pack(from: *const Self, stride: usize, rows: usize, cols: usize, to: *mut Self);
}

/// Calls the version of a kernel for this processor's [`SimdLevel`](crate::SimdLevel), which is not `Portable`
macro_rules! by_level {
    ($avx512:ident, $avx2:ident, $module:ident::$kernel:ident($($arg:ident),*)) => {{
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller keeps the kernel's contract, and `simd_level` returns only what this processor has.
        unsafe {
            match simd_level() {
                SimdLevel::Avx512 => $module::$avx512::$kernel($($arg),*),
                _ => $module::$avx2::$kernel($($arg),*),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("vector kernels exist for x86-64 only: {:?}, {:?}", simd_level(), ($($arg),*))
    }};
}

macro_rules! scalar {
    ($t:ident, $gemm:path, $avx512:ident, $avx2:ident) => {
        impl Scalar for $t {
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
            unsafe fn tiles(p: &Gemm<Self>, rows: Range<usize>, cols: Range<usize>) {
                by_level!($avx512, $avx2, microkernel::block(p, rows, cols))
            }
            unsafe fn skip_zeros(p: &Gemm<Self>, rows: Range<usize>, cols: Range<usize>) {
                by_level!($avx512, $avx2, skip_zeros::block(p, rows, cols))
            }
            unsafe fn transpose(
                from: *const Self,
                stride: usize,
                rows: Range<usize>,
                cols: usize,
                to: *mut Self,
            ) {
                by_level!($avx512, $avx2, pack::transpose(from, stride, rows, cols, to))
            }
            unsafe fn pack(from: *const Self, stride: usize, rows: usize, cols: usize, to: *mut Self) {
                by_level!($avx512, $avx2, pack::pack(from, stride, rows, cols, to))
            }
        }
    };
}

scalar!(f32, matrixmultiply::sgemm, avx512_f32, avx2_f32);
scalar!(f64, matrixmultiply::dgemm, avx512_f64, avx2_f64);
