//! Blocks of `f32` rounded to pairs of bf16 while they are packed into scratch, by the processor's instructions
//!
//! So the weights, and the inputs of `∂L/∂W`, need no pass of their own that rounds them.

use std::ops::Range;

use crate::elementwise::pairs::avx512::{columns, rows as pair_rows};
use crate::gemm::pack::avx512_f32::exchange;
use crate::gemm::simd::avx512_f32::{LANES, first, store, zero};
use crate::gemm::simd::prefetch;
use crate::number::pair::Pair;

/// How many pairs of rows ahead `rows` prefetches, since the processor does not prefetch rows that are far apart;
/// the number matters little (docs/engine.md, section "Tried without success")
const AHEAD: usize = 4;

/// `to[i, j] ←` the pair of `from[2i, j]` and `from[2i + 1, j]`
///
/// # Safety
/// As [`Kernels::round`](crate::gemm::dispatch::Kernels::round); the processor has the features.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn rows(from: *const f32, stride: usize, rows: usize, cols: usize, to: *mut Pair) {
    for i in 0..rows.div_ceil(2) {
        let from = from.wrapping_add(2 * i * stride);
        // The last row may have no partner, and is then paired with 0.
        let has_second = 2 * i + 1 < rows;
        for j in (0..cols).step_by(LANES) {
            let (mask, from) = (first((cols - j).min(LANES)), from.wrapping_add(j));
            prefetch(from.wrapping_add(2 * AHEAD * stride));
            prefetch(from.wrapping_add((2 * AHEAD + 1) * stride));
            // SAFETY: the caller keeps the contract; elements beyond the row are masked.
            unsafe {
                let second = (from.wrapping_add(stride), if has_second { mask } else { 0 });
                store(to.add(i * cols + j).cast(), mask, pair_rows((from, mask), second));
            }
        }
    }
}

/// `to[j, i] ←` the pair of `from[rows.start + i, 2j]` and `from[rows.start + i, 2j + 1]`
///
/// # Safety
/// As [`Kernels::transpose_rounded`](crate::gemm::dispatch::Kernels::transpose_rounded); the processor has the features.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn transpose_columns(
    from: *const f32,
    stride: usize,
    rows: Range<usize>,
    cols: usize,
    to: *mut Pair,
) {
    for row in rows.clone().step_by(LANES) {
        let height = (rows.end - row).min(LANES);
        for col in (0..cols).step_by(2 * LANES) {
            let width = (cols - col).min(2 * LANES);
            let from = from.wrapping_add(row * stride + col);
            let mut square = [zero(); LANES];
            for (i, row) in square.iter_mut().enumerate().take(height) {
                // The next rows may not exist; a prefetch may have any address.
                prefetch(from.wrapping_add((LANES + i) * stride));
                prefetch(from.wrapping_add((LANES + i) * stride + LANES));
                // SAFETY: the caller keeps the contract; `width` numbers are read.
                *row = unsafe { columns(from.wrapping_add(i * stride), width) };
            }
            exchange(&mut square);
            for (j, pairs) in square.iter().enumerate().take(width.div_ceil(2)) {
                let to = to.wrapping_add((col / 2 + j) * rows.len() + row - rows.start);
                // SAFETY: the caller keeps the contract; the column has `height` pairs here.
                unsafe { store(to.cast(), first(height), *pairs) };
            }
        }
    }
}

/// `to[j, i] ←` the pair of `from[2i, j]` and `from[2i + 1, j]`
///
/// # Safety
/// As [`Kernels::transpose_rounded_rows`](crate::gemm::dispatch::Kernels::transpose_rounded_rows); the processor has the
/// features.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn transpose_rows(
    from: *const f32,
    stride: usize,
    rows: Range<usize>,
    cols: usize,
    to: *mut Pair,
) {
    debug_assert!(rows.start == 0);
    let total = rows.end.div_ceil(2);
    for pair in (0..total).step_by(LANES) {
        let height = (total - pair).min(LANES);
        for col in (0..cols).step_by(LANES) {
            let width = (cols - col).min(LANES);
            let mask = first(width);
            let from = from.wrapping_add(2 * pair * stride + col);
            let mut square = [zero(); LANES];
            for (i, row) in square.iter_mut().enumerate().take(height) {
                let has_second = 2 * (pair + i) + 1 < rows.end;
                let from = from.wrapping_add(2 * i * stride);
                let second = (from.wrapping_add(stride), if has_second { mask } else { 0 });
                // SAFETY: the caller keeps the contract; elements beyond the row are masked.
                *row = unsafe { pair_rows((from, mask), second) };
            }
            exchange(&mut square);
            for (j, pairs) in square.iter().enumerate().take(width) {
                // SAFETY: the caller keeps the contract; the column has `height` pairs here.
                unsafe { store(to.wrapping_add((col + j) * total + pair).cast(), first(height), *pairs) };
            }
        }
    }
}
