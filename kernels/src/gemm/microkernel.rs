//! Register tiles of `C ← S + A B` that read their operands as they lie
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

use std::ops::Range;

use crate::gemm::Operands;
use crate::gemm::simd::prefetch;

macro_rules! tiles {
    ($module:ident, $t:ident, $features:literal, $rows:literal) => {
        pub(crate) mod $module {
            use super::*;
            use crate::gemm::simd::$module::*;

            /// Rows of a tile
            const ROWS: usize = $rows;
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
            /// The processor has the features; `rows` and `cols` lie inside C; B is not transposed; A, B, C and the
            /// start values have all elements that their shapes, pointers and strides say, valid for reading, C's
            /// for writing, and nobody else touches this part of C; the same for the velocities as for C.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn block(p: &Operands<$t>, rows: Range<usize>, cols: Range<usize>) {
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
                rows: Range<usize>,
                cols: Range<usize>,
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
                rows: Range<usize>,
                cols: Range<usize>,
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
                let masks = masks::<VECTORS>(width);
                // One of them a constant, or the loop would spend its loads on addresses that have no register.
                let (rsa, csa) = if TRANSPOSED { (1, p.a_stride) } else { (p.a_stride, 1) };
                // SAFETY: A's rows row..row + HEIGHT and all k columns, B's k rows and C's and the start values' rows of
                // the tile exist; masked lanes, those beyond col + width, are neither read nor written.
                unsafe {
                    let at = |i: usize, v: usize| (row + i) * p.c_stride + col + v * LANES;
                    if let Some(update) = &p.update {
                        // On their way while k runs.
                        for i in 0..HEIGHT {
                            (0..VECTORS).for_each(|v| prefetch_weights(update, p.c, at(i, v)));
                        }
                    }
                    let mut sums = [[zero(); VECTORS]; HEIGHT];
                    if !p.start.is_null() {
                        for i in 0..HEIGHT {
                            for v in 0..VECTORS {
                                let at = (row + i) * p.start_stride + col + v * LANES;
                                sums[i][v] = load(p.start.add(at), masks[v]);
                            }
                        }
                    }
                    let (mut a, mut b) = (p.a.wrapping_add(row * rsa), p.b.wrapping_add(col));
                    let mut step = || {
                        if FAR {
                            for v in 0..VECTORS {
                                prefetch(b.wrapping_add(UNROLL * p.b_stride + v * LANES));
                            }
                            prefetch(a.wrapping_add(UNROLL * csa));
                        }
                        let mut b_row = [zero(); VECTORS];
                        for v in 0..VECTORS {
                            b_row[v] = load_full_or_masked::<FULL>(b.wrapping_add(v * LANES), masks[v]);
                        }
                        for i in 0..HEIGHT {
                            let x = splat(*a.add(i * rsa));
                            for v in 0..VECTORS {
                                sums[i][v] = multiply_add(x, b_row[v], sums[i][v]);
                            }
                        }
                        // Past the last row the pointers are formed but not followed.
                        a = a.wrapping_add(csa);
                        b = b.wrapping_add(p.b_stride);
                    };
                    for _ in 0..p.k / UNROLL {
                        (0..UNROLL).for_each(|_| step());
                    }
                    for _ in 0..p.k % UNROLL {
                        step();
                    }
                    let Some(update) = &p.update else {
                        for i in 0..HEIGHT {
                            (0..VECTORS).for_each(|v| store(p.c.add(at(i, v)), masks[v], sums[i][v]));
                        }
                        return;
                    };
                    let constants = constants(update);
                    for i in 0..HEIGHT {
                        for v in 0..VECTORS {
                            spend(update, constants, p.c, at(i, v), masks[v], sums[i][v]);
                        }
                    }
                }
            }
        }
    };
}

tiles!(avx512_f32, f32, "avx512f", 8);
tiles!(avx512_f64, f64, "avx512f", 8);
tiles!(avx2_f32, f32, "avx2,fma", 6);
tiles!(avx2_f64, f64, "avx2,fma", 6);
