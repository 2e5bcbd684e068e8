//! The kernels of products, selected by element type and by the processor's instruction set

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::cpu::simd_level::{SimdLevel, has_bf16};
use crate::cpu::simd_level::{multiversion, simd_level};
use crate::gemm::{Gemm, portable};
#[cfg(target_arch = "x86_64")]
use crate::gemm::{microkernel, pack, round, skip_zeros};
use crate::number::factor::Factor;
use crate::number::pair::Pair;

/// A factor whose products our kernels compute
pub trait Operand: Factor {
    /// The kernels for this processor
    ///
    /// # Panics
    /// For `f32` and `f64`, if [`simd_level`] is `Portable`.
    #[doc(hidden)]
    fn kernels() -> Kernels<Self>;

    /// The number of elements that are not 0
    #[doc(hidden)]
    fn count_nonzero(row: &[Self]) -> usize;

    /// The number of factors that are not 0 among those of some rows of numbers, paired along the columns before rounding
    ///
    /// * `rows`: as many rows of `cols` numbers as a factor has numbers, or fewer
    #[doc(hidden)]
    fn count_nonzero_rows(rows: &[Self::Sum], cols: usize) -> usize;
}

/// The kernels for one type of operands and one instruction set
#[derive(Debug)]
pub struct Kernels<O: Operand> {
    /// Computes rows `rows` and columns `cols` of a product by register tiles
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns, and B is not transposed.
    pub tiles: unsafe fn(p: &Gemm<O>, rows: Range<usize>, cols: Range<usize>),
    /// Computes the same as `tiles`, skipping the zeros of A
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns, neither A nor B is transposed, and k ≤ 64.
    pub skip_zeros: unsafe fn(p: &Gemm<O>, rows: Range<usize>, cols: Range<usize>),
    /// The columns whose sums `skip_zeros` keeps in registers
    pub skip_columns: usize,
    /// `to[j, i] ← from[rows.start + i, j]` for j in `0..cols`, with the rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has `cols` elements in each of the rows, which are `stride` apart. `to` is valid for writing
    /// `cols · rows.len()` elements, which no other thread accesses.
    pub transpose: unsafe fn(from: *const O, stride: usize, rows: Range<usize>, cols: usize, to: *mut O),
    /// `to[i, j] ← from[i, j]` for `rows` rows of `cols` elements, with the rows of `to` contiguous
    ///
    /// # Safety
    /// `from` has the rows, `stride` apart. `to` is valid for writing `rows · cols` elements, which no other thread
    /// accesses.
    pub pack: unsafe fn(from: *const O, stride: usize, rows: usize, cols: usize, to: *mut O),
    /// The same as `pack` for numbers that are rounded to factors along the columns: `to[i, j]` is the pair of
    /// `from[2i, j]` and `from[2i + 1, j]`, or of 0 after the last row
    ///
    /// # Safety
    /// As `pack`, where `to` has a row for each factor.
    pub round: unsafe fn(from: *const O::Sum, stride: usize, rows: usize, cols: usize, to: *mut O),
    /// The same as `transpose` for numbers that are rounded to factors along the rows: `to[j, i]` is the pair of
    /// `from[rows.start + i, 2j]` and `from[rows.start + i, 2j + 1]`, or of 0 after the last column
    ///
    /// # Safety
    /// As `transpose`, where `to` has a row for each factor.
    pub transpose_rounded:
        unsafe fn(from: *const O::Sum, stride: usize, rows: Range<usize>, cols: usize, to: *mut O),
    /// The same as `transpose` for numbers that are rounded to factors along the columns: `to[j, i]` is the pair of
    /// `from[2i, j]` and `from[2i + 1, j]`, where `rows` starts at 0
    ///
    /// # Safety
    /// As `transpose`, where `to` has a column for each factor.
    pub transpose_rounded_rows:
        unsafe fn(from: *const O::Sum, stride: usize, rows: Range<usize>, cols: usize, to: *mut O),
}

#[cfg(target_arch = "x86_64")]
macro_rules! kernels {
    ($version:ident, $round:path, $transpose:path, $transpose_rows:path) => {
        Kernels {
            tiles: microkernel::$version::block,
            skip_zeros: skip_zeros::$version::block,
            skip_columns: skip_zeros::$version::COLUMNS,
            transpose: pack::$version::transpose,
            pack: pack::$version::pack,
            round: $round,
            transpose_rounded: $transpose,
            transpose_rounded_rows: $transpose_rows,
        }
    };
    // A number is a factor as it is.
    ($version:ident) => {
        kernels!($version, pack::$version::pack, pack::$version::transpose, pack::$version::transpose)
    };
}

macro_rules! operand {
    ($t:ident, $avx512:ident, $avx2:ident) => {
        impl Operand for $t {
            fn kernels() -> Kernels<Self> {
                #[cfg(target_arch = "x86_64")]
                match simd_level() {
                    SimdLevel::Avx512 => return kernels!($avx512),
                    SimdLevel::Avx2 => return kernels!($avx2),
                    SimdLevel::Portable => {}
                }
                panic!("the kernels of products need AVX2, but the level is {:?}", simd_level())
            }

            fn count_nonzero(row: &[Self]) -> usize {
                count_nonzero(row)
            }

            fn count_nonzero_rows(rows: &[Self], _cols: usize) -> usize {
                count_nonzero(rows)
            }
        }
    };
}

operand!(f32, avx512_f32, avx2_f32);
operand!(f64, avx512_f64, avx2_f64);

multiversion! {
    fn count_nonzero<T>(row: &[T]) -> usize {
        row.iter().map(|&x| u32::from(x != T::ZERO)).sum::<u32>() as usize
    }
}

multiversion! {
    fn count_nonzero_pairs(first: &[f32], second: &[f32]) -> usize {
        first.iter().zip(second).map(|(&x, &y)| u32::from((x != 0.0) | (y != 0.0))).sum::<u32>() as usize
    }
}

impl Operand for Pair {
    fn kernels() -> Kernels<Self> {
        #[cfg(target_arch = "x86_64")]
        match simd_level() {
            SimdLevel::Avx512 if has_bf16() => {
                return kernels!(avx512_bf16, round::rows, round::transpose_columns, round::transpose_rows);
            }
            SimdLevel::Avx512 | SimdLevel::Avx2 => {
                return kernels!(
                    avx2_emulated,
                    portable::round,
                    portable::transpose_rounded,
                    portable::transpose_rounded_rows
                );
            }
            SimdLevel::Portable => {}
        }
        Kernels {
            tiles: portable::block::<false>,
            skip_zeros: portable::block::<true>,
            skip_columns: portable::COLUMNS,
            transpose: portable::transpose,
            pack: portable::pack,
            round: portable::round,
            transpose_rounded: portable::transpose_rounded,
            transpose_rounded_rows: portable::transpose_rounded_rows,
        }
    }

    fn count_nonzero(row: &[Self]) -> usize {
        row.iter().filter(|pair| !pair.is_zero()).count()
    }

    fn count_nonzero_rows(rows: &[f32], cols: usize) -> usize {
        let (first, second) = rows.split_at(cols.min(rows.len()));
        if second.is_empty() { count_nonzero(first) } else { count_nonzero_pairs(first, second) }
    }
}
