//! Rows of `C ← C₀ + A B` that skip the zeros of A
//!
//! Half of an image's pixels are 0, and so is half of what a ReLU returns, forward and backward. A row of C is the sum
//! of the rows of B that belong to the nonzero elements of its row of A. The set bits of a mask are these elements, and
//! the loop takes them from first to last. The sums of the row stay in 8 vector registers. An iteration has 9 loads and
//! 8 multiply-adds, each in a chain of its own: enough to hide the latency of 4 cycles. A tile has fewer loads than
//! multiply-adds, so skipping zeros pays only when enough of A is 0 (`MAX_DENSITY` in `kernel.rs`).
//!
//! The bits are those of the tiles: adding 0 · b to a sum changes only the sign of a zero, unless b is infinite or NaN.
//! Here, 0 times anything is 0. Training checks after each epoch that all weights are finite, so that it still detects
//! divergence.

use std::ops::Range;

use crate::gemm::Gemm;
use crate::number::pair::Pair;

macro_rules! rows {
    ($module:ident, $o:ident, $features:literal) => {
        pub(crate) mod $module {
            use super::*;
            use crate::gemm::simd::$module::*;

            /// Vectors of sums in registers
            const WIDE: usize = 8;
            /// Columns whose sums are in registers
            pub(crate) const COLUMNS: usize = WIDE * LANES;
            /// Elements of A in one iteration (docs/engine.md, row "unrolled rows")
            const UNROLL: usize = 4;

            /// Computes rows `rows` and columns `cols` of C
            ///
            /// # Safety
            /// The contract of [`Gemm`] holds for these rows and columns, neither A nor B is transposed, and k ≤ 64.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn block(p: &Gemm<$o>, rows: Range<usize>, cols: Range<usize>) {
                debug_assert!(p.k <= 64 && !p.a_transposed && !p.b_transposed);
                for col in cols.clone().step_by(COLUMNS) {
                    let (rows, width) = (rows.clone(), (cols.end - col).min(COLUMNS));
                    // SAFETY: the caller keeps the contract; col + width stays inside the range.
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
                            _ if width == COLUMNS => columns::<WIDE, true>(p, rows, col, width),
                            _ => columns::<WIDE, false>(p, rows, col, width),
                        }
                    }
                }
            }

            /// Computes `VECTORS` vectors of columns in all rows; if `FULL`, all vectors are whole
            ///
            /// # Safety
            /// As `block`, for columns col..col + width, which ends in the last of `VECTORS` vectors.
            #[target_feature(enable = $features)]
            unsafe fn columns<const VECTORS: usize, const FULL: bool>(
                p: &Gemm<$o>,
                rows: Range<usize>,
                col: usize,
                width: usize,
            ) {
                let (last, masks) = (rows.end.saturating_sub(1), masks::<VECTORS>(width));
                // SAFETY: the rows of A and the columns of B exist. The mask of the next row (for the last row: its
                // own) is made ahead, so that the processor knows the length of its loop before the loop starts
                // (docs/engine.md, row "mask made ahead").
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

            /// Computes one row; the set bits of `left` are the nonzero elements of A
            ///
            /// # Safety
            /// As `columns`.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn row<const VECTORS: usize, const FULL: bool>(
                p: &Gemm<$o>,
                row: usize,
                mut left: u64,
                col: usize,
                masks: [Mask; VECTORS],
            ) {
                // SAFETY: only bits below k are set, so the elements of A and the rows of B exist. Masked lanes are
                // neither read nor written. Addresses are formed by `wrapping_add`, as the contract of `Gemm` says.
                unsafe {
                    let at = |v: usize| row * p.c_stride + col + v * LANES;
                    if let Some(update) = &p.update {
                        // They arrive during the loop over k.
                        (0..VECTORS).for_each(|v| prefetch_weights(update, p.c, at(v)));
                    }
                    let mut sums = [zero(); VECTORS];
                    if !p.c_init.is_null() {
                        for v in 0..VECTORS {
                            sums[v] = load(
                                p.c_init.wrapping_add(row * p.c_init_stride + col + v * LANES),
                                masks[v],
                            );
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
                        let (x, b) = (broadcast(a.add(k)), b.wrapping_add(k * p.b_stride));
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
                    let full = |v: usize| FULL || v + 1 < VECTORS;
                    let Some(update) = &p.update else {
                        for v in 0..VECTORS {
                            store_full_or_masked(full(v), p.c.wrapping_add(at(v)), masks[v], sums[v]);
                        }
                        return;
                    };
                    let constants = constants(update);
                    for v in 0..VECTORS {
                        apply_sgd(full(v), update, constants, p.c, at(v), masks[v], sums[v]);
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
rows!(avx512_bf16, Pair, "avx512f,avx512bf16,bmi1,popcnt");
rows!(avx2_emulated, Pair, "avx2,fma,bmi1,popcnt");
