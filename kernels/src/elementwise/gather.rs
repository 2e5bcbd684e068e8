//! The rows of a batch, gathered from bytes

use std::ops::Range;

use super::same_len;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::{SendPtr, parallel_for};
use crate::threads::partition::{MAX_TASKS, Partition, inner_blocks};

/// Work of gathering a number from memory, in multiply-adds of a product (docs/engine.md, row "gathering rows")
pub(super) const GATHER_WORK: usize = 64;

/// `out[i, :] ← bytes[rows[i], :] / 255`, correctly rounded: scales the pixels of chosen images to [0, 1]
///
/// * `bytes` and `out` are row-major with `cols` columns
/// * a task gathers one block of columns, of those into which the first layer's product is divided, so that the core
///   which multiplies a block already has it in its cache; or some rows, if there is one block
/// * `next`: the rows of the next call, or empty; they are prefetched, since they lie anywhere in memory
///
/// # Panics
/// If `out` is not `rows.len()` rows of `cols`, or a row is beyond `bytes`.
#[track_caller]
pub fn scale_rows<T: Number>(bytes: &[u8], rows: &[u32], next: &[u32], out: &mut [T], cols: usize) {
    same_len("scale_rows", out.len(), rows.len() * cols);
    for_each_block(rows, next, out, cols, |rows, next, out, columns| {
        scale_block(bytes, rows, next, out, columns, cols);
    });
}

/// Calls `f` with each block into which the gathering of a batch is divided: its rows, as many of the next batch, the
/// block of `out`, which has `cols` columns, and its columns
///
/// # Panics
/// If `out` is not a row of `cols` numbers for each of `rows`.
#[track_caller]
pub(super) fn for_each_block<T: Number>(
    rows: &[u32],
    next: &[u32],
    out: &mut [T],
    cols: usize,
    f: impl Fn(&[u32], &[u32], BlockMut<'_, T>, Range<usize>) + Sync,
) {
    assert!(out.len() == rows.len() * cols, "{} rows of {cols} in {} numbers", rows.len(), out.len());
    let columns = inner_blocks(cols);
    let max = if columns.count() == 1 { MAX_TASKS } else { 1 };
    let parts = Partition::by_work(rows.len(), 1, cols * GATHER_WORK, max);
    let out = SendPtr(out.as_mut_ptr());
    parallel_for(columns.count() * parts.count(), |i| {
        let (columns, part) = (columns.range(i / parts.count()), parts.range(i % parts.count()));
        let next = &next[part.start.min(next.len())..part.end.min(next.len())];
        let start = out.get().wrapping_add(part.start * cols + columns.start);
        // SAFETY: unless it has no rows, the block lies inside `out`, which has a row of `cols` elements for each of `rows`,
        // and is borrowed mutably until the loop ends. Blocks of different i share no element, and each i is called once.
        let out = unsafe { BlockMut::new(start, part.len(), cols, columns.len()) };
        f(&rows[part], next, out, columns);
    });
}

multiversion! {
    fn scale_block<T>(
        bytes: &[u8],
        rows: &[u32],
        next: &[u32],
        out: BlockMut<'_, T>,
        columns: Range<usize>,
        cols: usize,
    ) {
        let part = |row: u32| &bytes[row as usize * cols..][..cols][columns.clone()];
        let mut next = next.iter();
        for (out, &row) in out.into_rows().zip(rows) {
            if let Some(&row) = next.next() {
                prefetch(part(row));
            }
            let bytes = part(row);
            for (out, &byte) in out.iter_mut().zip(bytes) {
                *out = T::pixel(byte);
            }
        }
    }
}

/// Bytes of a cache line
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Starts loading the cache lines of `elements` into L2
#[inline(always)]
pub(super) fn prefetch<T>(elements: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // The first element may lie within its line, so the lines are counted from the start of that line.
        let range = elements.as_ptr_range();
        let before = range.start.addr() % LINE;
        for at in (0..before + size_of_val(elements)).step_by(LINE) {
            let line = range.start.cast::<i8>().wrapping_sub(before).wrapping_add(at);
            // SAFETY: a hint that touches no memory, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = elements;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_rows_of_bytes_are_scaled_in_every_column() {
        // Narrow rows are divided by rows, where there are many, and wide ones by columns.
        let chosen: Vec<u32> = (0..150).map(|i| i * 3 % 5).collect();
        for (count, cols) in
            [(0, 5), (0, 784), (4, 0), (1, 1), (4, 15), (4, 300), (4, 784), (3, 2100), (100, 28), (150, 255)]
        {
            let bytes: Vec<u8> = (0..5 * cols).map(|at| (at * 7 % 256) as u8).collect();
            let rows = &chosen[..count];
            for next in [&[4, 1][..], &chosen] {
                let mut out = vec![f32::NAN; rows.len() * cols];
                scale_rows(&bytes, rows, next, &mut out, cols);
                for (i, &row) in rows.iter().enumerate() {
                    let want =
                        bytes[row as usize * cols..][..cols].iter().map(|&byte| f32::from(byte) / 255.0);
                    assert!(out[i * cols..][..cols].iter().copied().eq(want), "{count}×{cols}");
                }
            }
        }
    }
}
