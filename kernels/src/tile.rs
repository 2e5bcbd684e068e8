//! Register tiles of `C ← 1 bᵀ + A B` that read their operands as they lie, for AVX-512 and AVX2 with FMA
//!
//! A tile is a few rows by two vectors of columns of C, which stay in registers while k runs. Each step
//! loads two vectors of a row of B and one number of each row of A, which may have any strides: A can be
//! transposed, B can't. Nothing is packed.
//!
//! Each element is one accumulator: the start value, then k fused multiply-adds from first to last. So the
//! bits depend neither on the tile's shape nor on the instruction set.
//!
//! Shapes: 8 rows by 2 vectors are 16 accumulators of AVX-512's 32 registers, 6 by 2 are 12 of AVX2's 16:
//! enough fused multiply-adds in flight to hide their latency of 4, and fewer loads than multiply-adds.

use std::arch::x86_64::*;

/// Where a product's operands lie; strides count elements
pub(crate) struct Operands<T> {
    /// Inner dimension
    pub k: usize,
    /// A, m × k
    pub a: *const T,
    /// Strides of A from row to row and from column to column
    pub a_strides: (usize, usize),
    /// B, k × n, rows contiguous
    pub b: *const T,
    /// C, m × n, rows contiguous
    pub c: *mut T,
    /// From row to row of B and of C
    pub n: usize,
    /// Start value of each column, n numbers; null for 0
    pub bias: *const T,
}

macro_rules! tiles {
    ($module:ident, $t:ident, $features:literal, $rows:literal, $lanes:literal,
     $vector:ident, $mask:ty, $zero:ident, $splat:ident, $fma:ident,
     |$load_at:ident, $load_mask:ident| $load:expr, |$store_at:ident, $store_mask:ident, $store_value:ident| $store:expr,
     |$count:ident| $make_mask:expr) => {
        pub(crate) mod $module {
            use super::*;

            /// Rows of a tile
            const ROWS: usize = $rows;
            /// Numbers a vector
            const LANES: usize = $lanes;

            /// Rows `rows` and columns `cols` of C
            ///
            /// # Safety
            /// The processor has the features; `rows` and `cols` lie inside C; A, B and C have all elements
            /// that their shapes, pointers and strides say, valid for reading, C's for writing, and nobody
            /// else touches this part of C.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn block(
                p: &Operands<$t>,
                rows: std::ops::Range<usize>,
                cols: std::ops::Range<usize>,
            ) {
                for col in cols.clone().step_by(2 * LANES) {
                    let width = (cols.end - col).min(2 * LANES);
                    for row in rows.clone().step_by(ROWS) {
                        let height = (rows.end - row).min(ROWS);
                        // SAFETY: the caller's promise; row + height and col + width stay inside the ranges.
                        unsafe {
                            match width > LANES {
                                true => columns::<2>(p, row, height, col, width),
                                false => columns::<1>(p, row, height, col, width),
                            }
                        }
                    }
                }
            }

            /// A tile of `VECTORS` vectors, of as many rows as are left
            ///
            /// # Safety
            /// As `block`, for rows row..row + height, height ≤ `ROWS`, and columns col..col + width, width in
            /// the last of `VECTORS` vectors.
            #[target_feature(enable = $features)]
            unsafe fn columns<const VECTORS: usize>(
                p: &Operands<$t>,
                row: usize,
                height: usize,
                col: usize,
                width: usize,
            ) {
                // SAFETY: the caller's promise, with the number of rows as a constant.
                unsafe {
                    match height {
                        1 => tile::<1, VECTORS>(p, row, col, width),
                        2 => tile::<2, VECTORS>(p, row, col, width),
                        3 => tile::<3, VECTORS>(p, row, col, width),
                        4 => tile::<4, VECTORS>(p, row, col, width),
                        5 => tile::<5, VECTORS>(p, row, col, width),
                        6 => tile::<6, VECTORS>(p, row, col, width),
                        7 => tile::<7, VECTORS>(p, row, col, width),
                        _ => tile::<ROWS, VECTORS>(p, row, col, width),
                    }
                }
            }

            /// # Safety
            /// As `columns`, for `HEIGHT` rows.
            #[target_feature(enable = $features)]
            unsafe fn tile<const HEIGHT: usize, const VECTORS: usize>(
                p: &Operands<$t>,
                row: usize,
                col: usize,
                width: usize,
            ) {
                let mask = |$count: usize| -> $mask { $make_mask };
                // SAFETY: called below with places whose unmasked numbers exist.
                let load = |$load_at: *const $t, $load_mask: $mask| -> $vector { unsafe { $load } };
                // SAFETY: as above.
                let store = |$store_at: *mut $t, $store_mask: $mask, $store_value: $vector| unsafe { $store };
                let mut masks = [mask(LANES); VECTORS];
                masks[VECTORS - 1] = mask(width - (VECTORS - 1) * LANES);
                let (rsa, csa) = p.a_strides;
                // SAFETY: A's rows row..row + HEIGHT and all k columns, B's k rows and C's rows of the tile exist;
                // masked lanes, those beyond col + width, are neither read nor written.
                unsafe {
                    let mut start = [$zero(); VECTORS];
                    if !p.bias.is_null() {
                        for v in 0..VECTORS {
                            start[v] = load(p.bias.add(col + v * LANES), masks[v]);
                        }
                    }
                    let mut sums = [start; HEIGHT];
                    let (mut a, mut b) = (p.a.add(row * rsa), p.b.add(col));
                    for _ in 0..p.k {
                        let mut b_row = start;
                        for v in 0..VECTORS {
                            b_row[v] = load(b.wrapping_add(v * LANES), masks[v]);
                        }
                        for i in 0..HEIGHT {
                            let x = $splat(*a.add(i * rsa));
                            for v in 0..VECTORS {
                                sums[i][v] = $fma(x, b_row[v], sums[i][v]);
                            }
                        }
                        // Past the last row the pointers are formed but not followed.
                        a = a.wrapping_add(csa);
                        b = b.wrapping_add(p.n);
                    }
                    for (i, sums) in sums.iter().enumerate() {
                        for v in 0..VECTORS {
                            store(p.c.add((row + i) * p.n + col + v * LANES), masks[v], sums[v]);
                        }
                    }
                }
            }
        }
    };
}

tiles!(
    avx512_f32,
    f32,
    "avx512f",
    8,
    16,
    __m512,
    __mmask16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    |at, mask| _mm512_maskz_loadu_ps(mask, at),
    |at, mask, x| _mm512_mask_storeu_ps(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask16
);
tiles!(
    avx512_f64,
    f64,
    "avx512f",
    8,
    8,
    __m512d,
    __mmask8,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    |at, mask| _mm512_maskz_loadu_pd(mask, at),
    |at, mask, x| _mm512_mask_storeu_pd(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask8
);
tiles!(
    avx2_f32,
    f32,
    "avx2,fma",
    6,
    8,
    __m256,
    __m256i,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    |at, mask| _mm256_maskload_ps(at, mask),
    |at, mask, x| _mm256_maskstore_ps(at, mask, x),
    |count| _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
);
tiles!(
    avx2_f64,
    f64,
    "avx2,fma",
    6,
    4,
    __m256d,
    __m256i,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    |at, mask| _mm256_maskload_pd(at, mask),
    |at, mask, x| _mm256_maskstore_pd(at, mask, x),
    |count| _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3))
);
