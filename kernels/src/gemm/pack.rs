//! Blocks of matrices packed into scratch: transposed, in squares that fit in registers, or row after row
//!
//! A square as wide as a vector is transposed by butterflies. Step s (half the width, a quarter, …, 1) takes rows i and
//! i + s: it exchanges the elements of row i whose column has bit s set with the elements of row i + s whose column has
//! it not set.

use std::arch::x86_64::*;
use std::ops::Range;

use crate::gemm::simd::prefetch;
use crate::number::pair::Pair;

macro_rules! transpose {
    ($module:ident, $t:ident, $features:literal, |$step:ident, $a:ident, $b:ident| $exchange:expr) => {
        pub(crate) mod $module {
            use super::*;
            use crate::gemm::simd::$module::*;

            /// How many rows ahead `pack` prefetches, since the processor does not prefetch rows that are far apart
            /// (docs/engine.md, row "rows ahead in packing")
            const AHEAD: usize = 8;

            /// `to[j, i] ← from[rows.start + i, j]` for the rows and all of `cols` columns
            ///
            /// # Safety
            /// As [`Kernels::transpose`](crate::gemm::dispatch::Kernels::transpose); the processor has the features.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn transpose(
                from: *const $t,
                stride: usize,
                rows: Range<usize>,
                cols: usize,
                to: *mut $t,
            ) {
                for row in rows.clone().step_by(LANES) {
                    let height = (rows.end - row).min(LANES);
                    for col in (0..cols).step_by(LANES) {
                        let width = (cols - col).min(LANES);
                        let (from, to_stride) = (from.wrapping_add(row * stride + col), rows.len());
                        let to = to.wrapping_add(col * to_stride + row - rows.start);
                        // The next square may not exist; a prefetch may have any address.
                        for i in 0..LANES {
                            prefetch(from.wrapping_add((LANES + i) * stride));
                        }
                        // SAFETY: the caller keeps the contract; the square lies inside rows × cols.
                        unsafe {
                            if height == LANES && width == LANES {
                                block::<true>(from, stride, LANES, LANES, to, to_stride);
                            } else {
                                block::<false>(from, stride, height, width, to, to_stride);
                            }
                        }
                    }
                }
            }

            /// `to[i, j] ← from[i, j]` for `rows` rows of `cols` elements
            ///
            /// # Safety
            /// As [`Kernels::pack`](crate::gemm::dispatch::Kernels::pack); the processor has the features.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn pack(from: *const $t, stride: usize, rows: usize, cols: usize, to: *mut $t) {
                let (whole, last) = (first(LANES), first(cols % LANES));
                for i in 0..rows {
                    let (from, to) = (from.wrapping_add(i * stride), to.wrapping_add(i * cols));
                    // SAFETY: the caller keeps the contract; the last vector of a row is masked.
                    unsafe {
                        for j in (0..cols - cols % LANES).step_by(LANES) {
                            prefetch(from.wrapping_add(AHEAD * stride + j));
                            store_full(to.add(j), load_full_or_masked::<true>(from.add(j), whole));
                        }
                        if cols % LANES > 0 {
                            let j = cols - cols % LANES;
                            store(to.add(j), last, load(from.add(j), last));
                        }
                    }
                }
            }

            /// Transposes one square or, unless `FULL`, its first `width` elements of `height` rows
            ///
            /// # Safety
            /// As `transpose`, for this part.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn block<const FULL: bool>(
                from: *const $t,
                stride: usize,
                height: usize,
                width: usize,
                to: *mut $t,
                to_stride: usize,
            ) {
                let (wide, high) = (first(width), first(height));
                let mut rows = [zero(); LANES];
                for i in 0..LANES {
                    if FULL || i < height {
                        // SAFETY: the caller keeps the contract.
                        rows[i] = unsafe { load_full_or_masked::<FULL>(from.add(i * stride), wide) };
                    }
                }
                exchange(&mut rows);
                for j in 0..LANES {
                    if FULL || j < width {
                        // SAFETY: the caller keeps the contract.
                        unsafe { store_full_or_masked(FULL, to.add(j * to_stride), high, rows[j]) };
                    }
                }
            }

            /// Transposes a square
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn exchange(rows: &mut [Vector; LANES]) {
                butterfly::<8>(rows);
                butterfly::<4>(rows);
                butterfly::<2>(rows);
                butterfly::<1>(rows);
            }

            /// Exchanges elements between rows that are `STEP` apart; does nothing if `STEP` is too long for the square
            #[target_feature(enable = $features)]
            #[inline]
            fn butterfly<const STEP: usize>(rows: &mut [Vector; LANES]) {
                let exchange = |$step: usize, $a: Vector, $b: Vector| -> (Vector, Vector) { $exchange };
                if STEP < LANES {
                    for pair in 0..LANES / 2 {
                        let i = pair / STEP * 2 * STEP + pair % STEP;
                        (rows[i], rows[i + STEP]) = exchange(STEP, rows[i], rows[i + STEP]);
                    }
                }
            }
        }
    };
}

transpose!(avx512_f32, f32, "avx512f", |step, a, b| match step {
    8 => (_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xee>(a, b)),
    4 => (
        _mm512_mask_shuffle_f32x4::<0xa0>(a, 0xf0f0, b, b),
        _mm512_mask_shuffle_f32x4::<0xf5>(b, 0x0f0f, a, a)
    ),
    2 => (_mm512_shuffle_ps::<0x44>(a, b), _mm512_shuffle_ps::<0xee>(a, b)),
    _ => (_mm512_mask_moveldup_ps(a, 0xaaaa, b), _mm512_mask_movehdup_ps(b, 0x5555, a)),
});
transpose!(avx512_f64, f64, "avx512f", |step, a, b| match step {
    4 => (_mm512_shuffle_f64x2::<0x44>(a, b), _mm512_shuffle_f64x2::<0xee>(a, b)),
    2 => (_mm512_mask_shuffle_f64x2::<0xa0>(a, 0xcc, b, b), _mm512_mask_shuffle_f64x2::<0xf5>(b, 0x33, a, a)),
    _ => (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b)),
});
transpose!(avx2_f32, f32, "avx2,fma", |step, a, b| match step {
    4 => (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b)),
    2 => (_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xee>(a, b)),
    _ =>
        (_mm256_blend_ps::<0xaa>(a, _mm256_moveldup_ps(b)), _mm256_blend_ps::<0xaa>(_mm256_movehdup_ps(a), b)),
});
transpose!(avx2_f64, f64, "avx2,fma", |step, a, b| match step {
    2 => (_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b)),
    _ => (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b)),
});

/// Functions for pairs, which move their words as those of `f32`
macro_rules! pairs {
    ($module:ident, $single:ident, $features:literal) => {
        pub(crate) mod $module {
            use super::*;

            /// Calls `transpose` for `f32`
            ///
            /// # Safety
            /// As of [`Kernels::transpose`](crate::gemm::dispatch::Kernels::transpose).
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn transpose(
                from: *const Pair,
                stride: usize,
                rows: Range<usize>,
                cols: usize,
                to: *mut Pair,
            ) {
                // SAFETY: the caller keeps the contract; vectors keep all bits.
                unsafe { $single::transpose(from.cast(), stride, rows, cols, to.cast()) }
            }

            /// Calls `pack` for `f32`
            ///
            /// # Safety
            /// As of [`Kernels::pack`](crate::gemm::dispatch::Kernels::pack).
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn pack(
                from: *const Pair,
                stride: usize,
                rows: usize,
                cols: usize,
                to: *mut Pair,
            ) {
                // SAFETY: the caller keeps the contract; vectors keep all bits.
                unsafe { $single::pack(from.cast(), stride, rows, cols, to.cast()) }
            }
        }
    };
}

pairs!(avx512_bf16, avx512_f32, "avx512f");
pairs!(avx2_emulated, avx2_f32, "avx2,fma");
