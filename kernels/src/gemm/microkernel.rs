//! Register tiles of `C ← C₀ + A B`, which read their operands where they are: in place, or packed (`blocking.rs`)
//!
//! A tile is `MR` rows by two vectors of columns of C, which stay in registers during the loop over k. Each iteration
//! loads two vectors of a row of B and one element of each row of A. A may be transposed; B may not.
//!
//! Each element is one accumulator: C₀, then k fused multiply-adds from first to last. So the bits depend neither on the
//! shape of the tile nor on the instruction set. The epilogue stores the tile or, if C holds weights, applies the step
//! of SGD to them while the gradient is in registers: the gradient is never written to memory.
//!
//! `MR` is 8 with AVX-512, whose 32 registers then hold 16 accumulators, and 6 with AVX2, whose 16 registers hold 12.
//! These are enough independent multiply-adds to hide their latency of 4 cycles, and more multiply-adds than loads.

use std::ops::Range;

use crate::gemm::Gemm;
use crate::gemm::simd::prefetch;
use crate::number::pair::Pair;

macro_rules! tiles {
    ($module:ident, $o:ident, $features:literal, $mr:literal) => {
        pub(crate) mod $module {
            use super::*;
            use crate::gemm::simd::$module::*;

            /// Rows of a tile
            const MR: usize = $mr;
            /// The largest number of rows for which tiles of 1 row by [`WIDE`] vectors are used
            const SINGLE_ROW_MAX: usize = 2;
            /// Vectors of a single-row tile
            const WIDE: usize = 8;
            /// Smallest distance of rows of B, in bytes, at which the processor does not prefetch them by itself
            /// (docs/engine.md, row "prefetching far rows")
            const FAR_BYTES: usize = 1024;
            /// Steps over k in one iteration, since the instructions of the loop itself compete with the multiply-adds
            /// for ports; far rows are prefetched this number of steps ahead
            const UNROLL: usize = 4;

            /// Computes rows `rows` and columns `cols` of C
            ///
            /// # Safety
            /// The contract of [`Gemm`] holds for these rows and columns, and B is not transposed.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn block(p: &Gemm<$o>, rows: Range<usize>, cols: Range<usize>) {
                // SAFETY: the caller keeps the contract.
                unsafe {
                    match (rows.len() <= SINGLE_ROW_MAX, p.a_transposed) {
                        (true, false) => single_row_tiles::<false>(p, rows, cols),
                        (true, true) => single_row_tiles::<true>(p, rows, cols),
                        (false, false) => full_tiles::<false>(p, rows, cols),
                        (false, true) => full_tiles::<true>(p, rows, cols),
                    }
                }
            }

            /// The same as `block` with tiles of `MR` rows; whether A is transposed is a constant
            ///
            /// # Safety
            /// As `block`.
            #[target_feature(enable = $features)]
            unsafe fn full_tiles<const TRANSPOSED: bool>(
                p: &Gemm<$o>,
                rows: Range<usize>,
                cols: Range<usize>,
            ) {
                let far = p.b_stride * size_of::<$o>() >= FAR_BYTES;
                for col in cols.clone().step_by(2 * LANES) {
                    let width = (cols.end - col).min(2 * LANES);
                    for row in rows.clone().step_by(MR) {
                        let height = (rows.end - row).min(MR);
                        // SAFETY: the caller keeps the contract; row + height and col + width stay inside the ranges.
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

            /// The same as `block` for few rows: a wide tile has as many independent sums as a high one
            ///
            /// # Safety
            /// As `block`.
            #[target_feature(enable = $features)]
            unsafe fn single_row_tiles<const TRANSPOSED: bool>(
                p: &Gemm<$o>,
                rows: Range<usize>,
                cols: Range<usize>,
            ) {
                for col in cols.clone().step_by(WIDE * LANES) {
                    let width = (cols.end - col).min(WIDE * LANES);
                    for row in rows.clone() {
                        // SAFETY: the caller keeps the contract; col + width stays inside the range.
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

            /// Calls [`tile`] with the number of rows as a constant
            ///
            /// # Safety
            /// As `block`, for rows row..row + height, height ≤ `MR`, and columns col..col + width, which ends in the
            /// last of `VECTORS` vectors.
            #[target_feature(enable = $features)]
            unsafe fn columns<
                const TRANSPOSED: bool,
                const VECTORS: usize,
                const FULL: bool,
                const FAR: bool,
            >(
                p: &Gemm<$o>,
                row: usize,
                height: usize,
                col: usize,
                width: usize,
            ) {
                // SAFETY: the caller keeps the contract; `height` is the constant.
                unsafe {
                    match height {
                        1 => tile::<TRANSPOSED, 1, VECTORS, FULL, FAR>(p, row, col, width),
                        2 => tile::<TRANSPOSED, 2, VECTORS, FULL, FAR>(p, row, col, width),
                        3 => tile::<TRANSPOSED, 3, VECTORS, FULL, FAR>(p, row, col, width),
                        4 => tile::<TRANSPOSED, 4, VECTORS, FULL, FAR>(p, row, col, width),
                        5 => tile::<TRANSPOSED, 5, VECTORS, FULL, FAR>(p, row, col, width),
                        6 => tile::<TRANSPOSED, 6, VECTORS, FULL, FAR>(p, row, col, width),
                        7 => tile::<TRANSPOSED, 7, VECTORS, FULL, FAR>(p, row, col, width),
                        _ => tile::<TRANSPOSED, MR, VECTORS, FULL, FAR>(p, row, col, width),
                    }
                }
            }

            /// Computes a tile of `HEIGHT` rows by `VECTORS` vectors; if `FULL`, all vectors are whole; if `FAR`, rows
            /// of B are prefetched
            ///
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
                p: &Gemm<$o>,
                row: usize,
                col: usize,
                width: usize,
            ) {
                let masks = masks::<VECTORS>(width);
                // One stride is a constant, since two variable strides would need more registers than there are.
                let (rsa, csa) = if TRANSPOSED { (1, p.a_stride) } else { (p.a_stride, 1) };
                // SAFETY: the elements of the tile, of its rows of A and of its columns of B exist. Masked lanes, those
                // beyond col + width, are neither read nor written.
                unsafe {
                    let at = |i: usize, v: usize| (row + i) * p.c_stride + col + v * LANES;
                    let mut sums = [[zero(); VECTORS]; HEIGHT];
                    if !p.c_init.is_null() {
                        for i in 0..HEIGHT {
                            for v in 0..VECTORS {
                                let at = (row + i) * p.c_init_stride + col + v * LANES;
                                sums[i][v] = load(p.c_init.add(at), masks[v]);
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
                            let x = broadcast(a.add(i * rsa));
                            for v in 0..VECTORS {
                                sums[i][v] = multiply_add(x, b_row[v], sums[i][v]);
                            }
                        }
                        // After the last row the pointers are formed but not dereferenced.
                        a = a.wrapping_add(csa);
                        b = b.wrapping_add(p.b_stride);
                    };
                    let mut left = p.k / UNROLL;
                    if let Some(update) = &p.update {
                        // Row by row, since more requests at once than the processor can track delay those for A and B
                        // (docs/engine.md, row "spread prefetches").
                        for i in 0..HEIGHT.min(left) {
                            (0..VECTORS).for_each(|v| prefetch_weights(update, p.c, at(i, v)));
                            (0..UNROLL).for_each(|_| step());
                        }
                        left = left.saturating_sub(HEIGHT);
                    }
                    for _ in 0..left {
                        (0..UNROLL).for_each(|_| step());
                    }
                    for _ in 0..p.k % UNROLL {
                        step();
                    }
                    let full = |v: usize| FULL || v + 1 < VECTORS;
                    let Some(update) = &p.update else {
                        for i in 0..HEIGHT {
                            for v in 0..VECTORS {
                                store_full_or_masked(full(v), p.c.add(at(i, v)), masks[v], sums[i][v]);
                            }
                        }
                        return;
                    };
                    let constants = constants(update);
                    for i in 0..HEIGHT {
                        for v in 0..VECTORS {
                            apply_sgd(full(v), update, constants, p.c, at(i, v), masks[v], sums[i][v]);
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
tiles!(avx512_bf16, Pair, "avx512f,avx512bf16", 8);
tiles!(avx2_emulated, Pair, "avx2,fma", 6);
