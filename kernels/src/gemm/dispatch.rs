//! The kernels of products, selected by element type and by the processor's instruction set

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
    /// `C ← α A B + β C` by the crate `matrixmultiply`
    #[doc(hidden)]
    const GEMM: RawGemm<Self>;

    /// The kernels for this processor
    ///
    /// # Panics
    /// If [`simd_level`] is `Portable`.
    #[doc(hidden)]
    fn kernels() -> Kernels<Self>;
}

/// The type of `matrixmultiply::sgemm` and `dgemm`; strides count elements
///
/// # Safety
/// Every element of A (m × k), B (k × n) and C (m × n) that the strides reach is valid for reading, and those of C
/// for writing. No two elements of C share an address, and C overlaps neither A nor B.
pub type RawGemm<T> = unsafe fn(
    m: usize,
    k: usize,
    n: usize,
    alpha: T,
    a: *const T,
    a_row_stride: isize,
    a_col_stride: isize,
    b: *const T,
    b_row_stride: isize,
    b_col_stride: isize,
    beta: T,
    c: *mut T,
    c_row_stride: isize,
    c_col_stride: isize,
);

/// The kernels for one element type and one instruction set
#[derive(Debug)]
pub struct Kernels<T> {
    /// Computes rows `rows` and columns `cols` of a product by register tiles
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns, and B is not transposed.
    pub tiles: unsafe fn(p: &Gemm<T>, rows: Range<usize>, cols: Range<usize>),
    /// Computes the same as `tiles`, skipping the zeros of A
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns, neither A nor B is transposed, and k ≤ 64.
    pub skip_zeros: unsafe fn(p: &Gemm<T>, rows: Range<usize>, cols: Range<usize>),
    /// `to[j, i] ← from[rows.start + i, j]` for j in `0..cols`, with the rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has `cols` elements in each of the rows, which are `stride` apart. `to` is valid for writing
    /// `cols · rows.len()` elements, which no other thread accesses.
    pub transpose: unsafe fn(from: *const T, stride: usize, rows: Range<usize>, cols: usize, to: *mut T),
    /// `to[i, j] ← from[i, j]` for `rows` rows of `cols` elements, with the rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has the rows, `stride` apart. `to` is valid for writing `rows · cols` elements, which no other thread
    /// accesses.
    pub pack: unsafe fn(from: *const T, stride: usize, rows: usize, cols: usize, to: *mut T),
}

#[cfg(target_arch = "x86_64")]
macro_rules! kernels {
    ($version:ident) => {
        Kernels {
            tiles: microkernel::$version::block,
            skip_zeros: skip_zeros::$version::block,
            transpose: pack::$version::transpose,
            pack: pack::$version::pack,
        }
    };
}

macro_rules! scalar {
    ($t:ident, $gemm:path, $avx512:ident, $avx2:ident) => {
        impl Scalar for $t {
            const GEMM: RawGemm<Self> = $gemm;

            fn kernels() -> Kernels<Self> {
                #[cfg(target_arch = "x86_64")]
                match simd_level() {
                    SimdLevel::Avx512 => return kernels!($avx512),
                    SimdLevel::Avx2 => return kernels!($avx2),
                    SimdLevel::Portable => {}
                }
                panic!("the kernels of products need AVX2, but the level is {:?}", simd_level())
            }
        }
    };
}

scalar!(f32, matrixmultiply::sgemm, avx512_f32, avx2_f32);
scalar!(f64, matrixmultiply::dgemm, avx512_f64, avx2_f64);
