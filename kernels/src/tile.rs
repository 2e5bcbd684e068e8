//! Register tiles of `C ← 1 bᵀ + A B` that read their operands as they lie, for AVX-512 and AVX2 with FMA
//!
//! A tile is a few rows by two vectors of columns of C, which stay in registers while k runs. Each step
//! loads two vectors of a row of B and one number of each row of A, which can be transposed; B can't. Nothing
//! is packed.
//!
//! Each element is one accumulator: the start value, then k fused multiply-adds from first to last. So the
//! bits depend neither on the tile's shape nor on the instruction set. A tile is stored as it is, or, being
//! the gradient of the weights in its place, spent on a step of SGD while it is in registers: the gradient
//! never sees memory.
//!
//! Shapes: 8 rows by 2 vectors are 16 accumulators of AVX-512's 32 registers, 6 by 2 are 12 of AVX2's 16:
//! enough fused multiply-adds in flight to hide their latency of 4, and fewer loads than multiply-adds.

use std::arch::x86_64::*;

use crate::Scalar;
use crate::fused::{Operands, Update};

macro_rules! tiles {
    ($module:ident, $t:ident, $features:literal, $rows:literal, $lanes:literal,
     $vector:ident, $mask:ty, $zero:ident, $splat:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident,
     $whole:ident, |$load_at:ident, $load_mask:ident| $load:expr, |$store_at:ident, $store_mask:ident, $store_value:ident| $store:expr,
     |$count:ident| $make_mask:expr, |$x:ident, $bound:ident| $at_least:expr) => {
        pub(crate) mod $module {
            use super::*;

            /// Rows of a tile
            const ROWS: usize = $rows;
            /// Numbers a vector
            const LANES: usize = $lanes;
            /// Up to so many rows, a tile is one row
            const LOW: usize = 2;
            /// and so many vectors
            const WIDE: usize = 8;
            /// From here on, B's rows are so far apart, bytes, that the processor does not fetch them ahead
            /// by itself; measured on the layers of wide and big, where asking for them saves 5 to 30 %; with
            /// nearer rows it costs 3 %
            const FAR_BYTES: usize = 1024;
            /// Steps of k a turn of the loop, whose own instructions compete with the multiply-adds for
            /// ports; also how far ahead far rows are asked for
            const UNROLL: usize = 4;

            /// Rows `rows` and columns `cols` of C
            ///
            /// # Safety
            /// The processor has the features; `rows` and `cols` lie inside C; A, B and C have all elements
            /// that their shapes, pointers and strides say, valid for reading, C's for writing, and nobody
            /// else touches this part of C; the same for the velocities as for C.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn block(
                p: &Operands<$t>,
                rows: std::ops::Range<usize>,
                cols: std::ops::Range<usize>,
            ) {
                // SAFETY: the caller's promise.
                unsafe {
                    match (rows.len() <= LOW, p.a_transposed) {
                        (true, false) => low_block::<false>(p, rows, cols),
                        (true, true) => low_block::<true>(p, rows, cols),
                        (false, false) => high_block::<false>(p, rows, cols),
                        (false, true) => high_block::<true>(p, rows, cols),
                    }
                }
            }

            /// As `block`, with the side along which A is contiguous as a constant
            ///
            /// # Safety
            /// As `block`.
            #[target_feature(enable = $features)]
            unsafe fn high_block<const TRANSPOSED: bool>(
                p: &Operands<$t>,
                rows: std::ops::Range<usize>,
                cols: std::ops::Range<usize>,
            ) {
                let far = p.b_stride * size_of::<$t>() >= FAR_BYTES;
                for col in cols.clone().step_by(2 * LANES) {
                    let width = (cols.end - col).min(2 * LANES);
                    for row in rows.clone().step_by(ROWS) {
                        let height = (rows.end - row).min(ROWS);
                        // SAFETY: the caller's promise; row + height and col + width stay inside the ranges.
                        unsafe {
                            match width {
                                _ if width == 2 * LANES && far => {
                                    columns::<TRANSPOSED, 2, true, true>(p, row, height, col, width)
                                }
                                _ if width == 2 * LANES => {
                                    columns::<TRANSPOSED, 2, true, false>(p, row, height, col, width)
                                }
                                _ if width > LANES => {
                                    columns::<TRANSPOSED, 2, false, false>(p, row, height, col, width)
                                }
                                _ => columns::<TRANSPOSED, 1, false, false>(p, row, height, col, width),
                            }
                        }
                    }
                }
            }

            /// As `block`, for at most `LOW` rows: wide tiles have as many sums on their way as high ones
            ///
            /// # Safety
            /// As `block`.
            #[target_feature(enable = $features)]
            unsafe fn low_block<const TRANSPOSED: bool>(
                p: &Operands<$t>,
                rows: std::ops::Range<usize>,
                cols: std::ops::Range<usize>,
            ) {
                for col in cols.clone().step_by(WIDE * LANES) {
                    let width = (cols.end - col).min(WIDE * LANES);
                    for row in rows.clone() {
                        // SAFETY: the caller's promise; col + width stays inside the range.
                        unsafe {
                            match width.div_ceil(LANES) {
                                1 => tile::<TRANSPOSED, 1, 1, false, false>(p, row, col, width),
                                2 => tile::<TRANSPOSED, 1, 2, false, false>(p, row, col, width),
                                3 => tile::<TRANSPOSED, 1, 3, false, false>(p, row, col, width),
                                4 => tile::<TRANSPOSED, 1, 4, false, false>(p, row, col, width),
                                5 => tile::<TRANSPOSED, 1, 5, false, false>(p, row, col, width),
                                6 => tile::<TRANSPOSED, 1, 6, false, false>(p, row, col, width),
                                7 => tile::<TRANSPOSED, 1, 7, false, false>(p, row, col, width),
                                _ if width == WIDE * LANES => {
                                    tile::<TRANSPOSED, 1, WIDE, true, false>(p, row, col, width)
                                }
                                _ => tile::<TRANSPOSED, 1, WIDE, false, false>(p, row, col, width),
                            }
                        }
                    }
                }
            }

            /// A tile of `VECTORS` vectors, all of them whole if `FULL`, B's rows `FAR` apart, of as many
            /// rows as are left
            ///
            /// # Safety
            /// As `block`, for rows row..row + height, height ≤ `ROWS`, and columns col..col + width, width in
            /// the last of `VECTORS` vectors.
            #[target_feature(enable = $features)]
            unsafe fn columns<
                const TRANSPOSED: bool,
                const VECTORS: usize,
                const FULL: bool,
                const FAR: bool,
            >(
                p: &Operands<$t>,
                row: usize,
                height: usize,
                col: usize,
                width: usize,
            ) {
                // SAFETY: the caller's promise, with the number of rows as a constant.
                unsafe {
                    match height {
                        1 => tile::<TRANSPOSED, 1, VECTORS, FULL, FAR>(p, row, col, width),
                        2 => tile::<TRANSPOSED, 2, VECTORS, FULL, FAR>(p, row, col, width),
                        3 => tile::<TRANSPOSED, 3, VECTORS, FULL, FAR>(p, row, col, width),
                        4 => tile::<TRANSPOSED, 4, VECTORS, FULL, FAR>(p, row, col, width),
                        5 => tile::<TRANSPOSED, 5, VECTORS, FULL, FAR>(p, row, col, width),
                        6 => tile::<TRANSPOSED, 6, VECTORS, FULL, FAR>(p, row, col, width),
                        7 => tile::<TRANSPOSED, 7, VECTORS, FULL, FAR>(p, row, col, width),
                        _ => tile::<TRANSPOSED, ROWS, VECTORS, FULL, FAR>(p, row, col, width),
                    }
                }
            }

            /// # Safety
            /// As `columns`, for `HEIGHT` rows.
            #[target_feature(enable = $features)]
            unsafe fn tile<
                const TRANSPOSED: bool,
                const HEIGHT: usize,
                const VECTORS: usize,
                const FULL: bool,
                const FAR: bool,
            >(
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
                // x where |x| is not below the bound (also NaN), else 0
                let at_least = |$x: $vector, $bound: $vector| -> $vector { $at_least };
                // A whole vector is loaded without a mask, which would cost as much as a multiply-add.
                let fetch = |at: *const $t, mask: $mask| -> $vector {
                    // SAFETY: called below with places whose numbers exist, all of them or those of the mask.
                    unsafe { if FULL { $whole(at) } else { load(at, mask) } }
                };
                let mut masks = [mask(LANES); VECTORS];
                masks[VECTORS - 1] = mask(width - (VECTORS - 1) * LANES);
                // One of them a constant, or the loop would spend its loads on addresses that have no register.
                let (rsa, csa) = if TRANSPOSED { (1, p.a_stride) } else { (p.a_stride, 1) };
                // SAFETY: A's rows row..row + HEIGHT and all k columns, B's k rows and C's rows of the tile exist;
                // masked lanes, those beyond col + width, are neither read nor written.
                unsafe {
                    let mut start = [$zero(); VECTORS];
                    if !p.bias.is_null() {
                        for v in 0..VECTORS {
                            start[v] = load(p.bias.add(col + v * LANES), masks[v]);
                        }
                    }
                    if let Some(update) = &p.update {
                        // On their way into L1 while k runs.
                        for i in 0..HEIGHT {
                            for v in 0..VECTORS {
                                let at = (row + i) * p.c_stride + col + v * LANES;
                                _mm_prefetch::<_MM_HINT_T0>(p.c.wrapping_add(at).cast());
                                _mm_prefetch::<_MM_HINT_T0>(update.v.wrapping_add(at).cast());
                            }
                        }
                    }
                    let mut sums = [start; HEIGHT];
                    let (mut a, mut b) = (p.a.wrapping_add(row * rsa), p.b.wrapping_add(col));
                    let mut multiply_add = || {
                        if FAR {
                            for v in 0..VECTORS {
                                let at = b.wrapping_add(UNROLL * p.b_stride + v * LANES);
                                _mm_prefetch::<_MM_HINT_T0>(at.cast());
                            }
                            _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(UNROLL * csa).cast());
                        }
                        let mut b_row = start;
                        for v in 0..VECTORS {
                            b_row[v] = fetch(b.wrapping_add(v * LANES), masks[v]);
                        }
                        for i in 0..HEIGHT {
                            let x = $splat(*a.add(i * rsa));
                            for v in 0..VECTORS {
                                sums[i][v] = $fma(x, b_row[v], sums[i][v]);
                            }
                        }
                        // Past the last row the pointers are formed but not followed.
                        a = a.wrapping_add(csa);
                        b = b.wrapping_add(p.b_stride);
                    };
                    for _ in 0..p.k / UNROLL {
                        (0..UNROLL).for_each(|_| multiply_add());
                    }
                    for _ in 0..p.k % UNROLL {
                        multiply_add();
                    }
                    let Some(Update { rule, v: velocities }) = &p.update else {
                        for i in 0..HEIGHT {
                            for v in 0..VECTORS {
                                store(
                                    p.c.add((row + i) * p.c_stride + col + v * LANES),
                                    masks[v],
                                    sums[i][v],
                                );
                            }
                        }
                        return;
                    };
                    let negligible = $splat(<$t>::NEGLIGIBLE);
                    let [eta, mu, lambda] = [$splat(rule.eta), $splat(rule.mu), $splat(rule.lambda)];
                    for i in 0..HEIGHT {
                        for v in 0..VECTORS {
                            let at = (row + i) * p.c_stride + col + v * LANES;
                            let w = load(p.c.add(at), masks[v]);
                            // Not fused, so that the bits are those of `sgd.rs`.
                            let mut step = sums[i][v];
                            if rule.lambda != 0.0 {
                                step = $add(step, $mul(lambda, w));
                            }
                            if !velocities.is_null() {
                                step = $add($mul(mu, load(velocities.add(at), masks[v])), step);
                                step = at_least(step, negligible);
                                store(velocities.add(at), masks[v], step);
                            }
                            store(p.c.add(at), masks[v], $sub(w, $mul(eta, step)));
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
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_loadu_ps,
    |at, mask| _mm512_maskz_loadu_ps(mask, at),
    |at, mask, x| _mm512_mask_storeu_ps(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask16,
    // One instruction instead of two: the upper three bits of the exponent say whether it is at least 32 − 127.
    |x, _bound| _mm512_maskz_mov_ps(
        _mm512_test_epi32_mask(_mm512_castps_si512(x), _mm512_set1_epi32(0x7000_0000)),
        x
    )
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
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_loadu_pd,
    |at, mask| _mm512_maskz_loadu_pd(mask, at),
    |at, mask, x| _mm512_mask_storeu_pd(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask8,
    |x, bound| _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_NLT_UQ>(_mm512_abs_pd(x), bound), x)
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
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_loadu_ps,
    |at, mask| _mm256_maskload_ps(at, mask),
    |at, mask, x| _mm256_maskstore_ps(at, mask, x),
    |count| _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |x, bound| _mm256_and_ps(
        x,
        _mm256_cmp_ps::<_CMP_NLT_UQ>(_mm256_andnot_ps(_mm256_set1_ps(-0.0), x), bound)
    )
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
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_loadu_pd,
    |at, mask| _mm256_maskload_pd(at, mask),
    |at, mask, x| _mm256_maskstore_pd(at, mask, x),
    |count| _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |x, bound| _mm256_and_pd(
        x,
        _mm256_cmp_pd::<_CMP_NLT_UQ>(_mm256_andnot_pd(_mm256_set1_pd(-0.0), x), bound)
    )
);
