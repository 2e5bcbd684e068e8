//! Rows of `C ← S + A B` that pass over the zeros of A
//!
//! Half of an image's pixels are 0, and half of what a ReLU leaves, or lets through on the way back. A row of C is
//! the sum of as many rows of B as its row of A has other numbers: they are found as the bits of a mask, first to
//! last, and the row's sums stay in 8 vectors of registers. In a step that is 8 multiply-adds, a chain each, for 9
//! loads: enough to hide a multiply-add's latency of 4, and 9/8 of the time that loads and multiply-adds
//! in balance would take. With half of A being 0, it pays all the same (`operands::MAX_DENSITY`).
//!
//! The bits are those of the tiles: adding 0 · b to a sum does not change it, but for the sign of a zero, and
//! unless b is infinite or NaN. Here 0 times anything is 0. (So that a diverged net is seen as one all the same,
//! training asks after each epoch whether all weights are finite.)

use std::ops::Range;

use crate::gemm::Operands;

macro_rules! rows {
    ($module:ident, $t:ident, $features:literal) => {
        pub(crate) mod $module {
            use super::*;
            use crate::gemm::simd::$module::*;

            /// Vectors of a row's sums that are in registers at a time
            const WIDE: usize = 8;
            /// Numbers a turn of the loop: 0.98 of the time of one a turn, in a loop of rows by itself
            const UNROLL: usize = 4;

            /// Rows `rows` and columns `cols` of C
            ///
            /// # Safety
            /// The processor has the features; k ≤ 64; neither A nor B is transposed; `rows` and `cols` lie inside
            /// C; A, B, C and the start values have all elements that their shapes, pointers and strides say, valid for
            /// reading, C's for writing, and nobody else touches this part of C; the same for the velocities as for C.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn block(p: &Operands<$t>, rows: Range<usize>, cols: Range<usize>) {
                debug_assert!(p.k <= 64 && !p.a_transposed && !p.b_transposed);
                for col in cols.clone().step_by(WIDE * LANES) {
                    let (rows, width) = (rows.clone(), (cols.end - col).min(WIDE * LANES));
                    // SAFETY: the caller's promise; col + width stays inside the range.
                    unsafe {
                        match width.div_ceil(LANES) {
                            1 => columns::<1, false>(p, rows, col, width),
                            2 => columns::<2, false>(p, rows, col, width),
                            3 => columns::<3, false>(p, rows, col, width),
                            4 if width == 4 * LANES => columns::<4, true>(p, rows, col, width),
                            4 => columns::<4, false>(p, rows, col, width),
                            5 => columns::<5, false>(p, rows, col, width),
                            6 => columns::<6, false>(p, rows, col, width),
                            7 => columns::<7, false>(p, rows, col, width),
                            _ if width == WIDE * LANES => columns::<WIDE, true>(p, rows, col, width),
                            _ => columns::<WIDE, false>(p, rows, col, width),
                        }
                    }
                }
            }

            /// All rows, of `VECTORS` vectors, all of them whole if `FULL`
            ///
            /// # Safety
            /// As `block`, for columns col..col + width, width in the last of `VECTORS` vectors.
            #[target_feature(enable = $features)]
            unsafe fn columns<const VECTORS: usize, const FULL: bool>(
                p: &Operands<$t>,
                rows: Range<usize>,
                col: usize,
                width: usize,
            ) {
                let (last, masks) = (rows.end.saturating_sub(1), masks::<VECTORS>(width));
                // SAFETY: the rows of A and the columns of B exist. The mask of the next row (after the last: of itself)
                // is made ahead, so that the length of its loop is known before the loop is reached: 0.88 of the time,
                // in a loop of rows by itself with half of A being 0.
                unsafe {
                    let bits = |row: usize| nonzeros(p.a.wrapping_add(row * p.a_stride), p.k);
                    let mut next = if rows.is_empty() { 0 } else { bits(rows.start) };
                    for i in rows {
                        let left = next;
                        next = bits((i + 1).min(last));
                        row::<VECTORS, FULL>(p, i, left, col, masks);
                    }
                }
            }

            /// One row, for which the bits of `left` tell where A is not 0
            ///
            /// # Safety
            /// As `columns`.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn row<const VECTORS: usize, const FULL: bool>(
                p: &Operands<$t>,
                row: usize,
                mut left: u64,
                col: usize,
                masks: [Mask; VECTORS],
            ) {
                // SAFETY: bits are set below k only, so the numbers of A and the rows of B exist; masked lanes are
                // neither read nor written. A, B, the start values and C may begin outside of what they lie in, as long
                // as the rows and columns that are asked for lie inside, so places are formed without `add`.
                unsafe {
                    let at = |v: usize| row * p.c_stride + col + v * LANES;
                    if let Some(update) = &p.update {
                        // On their way while k runs.
                        (0..VECTORS).for_each(|v| prefetch_weights(update, p.c, at(v)));
                    }
                    let mut sums = [zero(); VECTORS];
                    if !p.start.is_null() {
                        for v in 0..VECTORS {
                            sums[v] =
                                load(p.start.wrapping_add(row * p.start_stride + col + v * LANES), masks[v]);
                        }
                    }
                    let (a, b, count) = (
                        p.a.wrapping_add(row * p.a_stride),
                        p.b.wrapping_add(col),
                        left.count_ones() as usize,
                    );
                    let mut step = || {
                        let k = left.trailing_zeros() as usize;
                        left &= left.wrapping_sub(1);
                        let (x, b) = (splat(*a.add(k)), b.wrapping_add(k * p.b_stride));
                        for v in 0..VECTORS {
                            sums[v] = multiply_add(
                                x,
                                load_full_or_masked::<FULL>(b.wrapping_add(v * LANES), masks[v]),
                                sums[v],
                            );
                        }
                    };
                    for _ in 0..count / UNROLL {
                        (0..UNROLL).for_each(|_| step());
                    }
                    for _ in 0..count % UNROLL {
                        step();
                    }
                    let Some(update) = &p.update else {
                        return (0..VECTORS).for_each(|v| store(p.c.wrapping_add(at(v)), masks[v], sums[v]));
                    };
                    let constants = constants(update);
                    for v in 0..VECTORS {
                        spend(update, constants, p.c, at(v), masks[v], sums[v]);
                    }
                }
            }
        }
    };
}

rows!(avx512_f32, f32, "avx512f,bmi1,popcnt");
rows!(avx512_f64, f64, "avx512f,bmi1,popcnt");
rows!(avx2_f32, f32, "avx2,fma,bmi1,popcnt");
rows!(avx2_f64, f64, "avx2,fma,bmi1,popcnt");
