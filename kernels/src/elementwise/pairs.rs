//! Matrices rounded to bf16, in pairs for products

#[cfg(target_arch = "x86_64")]
use crate::cpu::simd_level::has_bf16;
use crate::cpu::simd_level::multiversion;
use crate::elementwise::CHUNK;
use crate::number::pair::Pair;
use crate::threads::parallel::{SendPtr, parallel_for};
use crate::view::View;

/// Which two elements of a matrix are a pair
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// Columns 2j and 2j + 1 of a row: m × n becomes m × ⌈n / 2⌉
    Columns,
    /// Rows 2i and 2i + 1 of a column: m × n becomes ⌈m / 2⌉ × n
    Rows,
}

impl Pairing {
    /// The number of rows and of columns of the pairs of a matrix
    pub(crate) fn shape(self, (rows, cols): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Columns => (rows, cols.div_ceil(2)),
            Self::Rows => (rows.div_ceil(2), cols),
        }
    }
}

/// Writes the pairs of several matrices, in one parallel loop; an element without a partner is paired with 0
///
/// # Panics
/// If an output has not the number of pairs, or a matrix is transposed.
#[track_caller]
pub(crate) fn pair_up<const N: usize>(mut matrices: [(View<'_, f32>, Pairing, &mut [Pair]); N]) {
    let parts = matrices.each_mut().map(|(from, pairing, to)| {
        let (rows, cols) = pairing.shape(from.shape());
        assert!(
            from.is_row_major() && to.len() == rows * cols,
            "pair_up: {} pairs of {rows}×{cols}",
            to.len()
        );
        let height = (CHUNK / cols.max(1)).max(1);
        (*from, *pairing, SendPtr(to.as_mut_ptr()), cols, height, rows.div_ceil(height))
    });
    parallel_for(parts.iter().map(|part| part.5).sum(), |mut i| {
        for (from, pairing, to, cols, height, count) in &parts {
            if i >= *count {
                i -= count;
                continue;
            }
            let total = pairing.shape(from.shape()).0;
            let rows = i * height..((i + 1) * height).min(total);
            // SAFETY: the rows lie inside the output, which is borrowed mutably until the loop ends, and each task has
            // others.
            let to =
                unsafe { std::slice::from_raw_parts_mut(to.get().add(rows.start * cols), rows.len() * cols) };
            let (source_rows, source_cols) = from.shape();
            match pairing {
                Pairing::Columns => {
                    pair_columns(
                        &from.data()[rows.start * source_cols..rows.end * source_cols],
                        source_cols,
                        to,
                    );
                }
                Pairing::Rows => {
                    let end = (2 * rows.end).min(source_rows);
                    pair_rows(&from.data()[2 * rows.start * source_cols..end * source_cols], source_cols, to);
                }
            }
            return;
        }
    });
}
/// Pairs of columns of the rows in `from`, which have `cols` elements
fn pair_columns(from: &[f32], cols: usize, to: &mut [Pair]) {
    for (from, to) in from.chunks_exact(cols.max(1)).zip(to.chunks_exact_mut(cols.div_ceil(2).max(1))) {
        #[cfg(target_arch = "x86_64")]
        if has_bf16() {
            // SAFETY: the processor has the instructions.
            unsafe { avx512::pair_row(from, to) };
            continue;
        }
        pair_row(from, to);
    }
}
multiversion! {
    /// Pairs of the columns of a row; a last one without partner is paired with 0
    fn pair_row(from: &[f32], to: &mut [Pair]) {
        let (pairs, last) = from.as_chunks::<2>();
        to.iter_mut().zip(pairs).for_each(|(to, &[a, b])| *to = Pair::round(a, b));
        if let (Some(to), &[a]) = (to.last_mut(), last) {
            *to = Pair::round(a, 0.0);
        }
    }
}

/// Pairs of rows of the rows in `from`, which have `cols` elements
fn pair_rows(from: &[f32], cols: usize, to: &mut [Pair]) {
    for (from, to) in from.chunks(2 * cols.max(1)).zip(to.chunks_exact_mut(cols.max(1))) {
        let (first, second) = from.split_at(cols);
        #[cfg(target_arch = "x86_64")]
        if has_bf16() {
            // SAFETY: the processor has the instructions.
            unsafe { avx512::pair_two_rows(first, second, to) };
            continue;
        }
        pair_two_rows(first, second, to);
    }
}
multiversion! {
    /// Pairs of two rows of the same length, or of one row and zeros if the second is empty
    pub(crate) fn pair_two_rows(first: &[f32], second: &[f32], to: &mut [Pair]) {
        if second.is_empty() {
            to.iter_mut().zip(first).for_each(|(to, &a)| *to = Pair::round(a, 0.0));
        } else {
            to.iter_mut().zip(first).zip(second).for_each(|((to, &a), &b)| *to = Pair::round(a, b));
        }
    }
}

/// Vectors of pairs by the instruction `vcvtne2ps2bf16`, which rounds as [`Pair::round`] does
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512 {
    use std::arch::x86_64::*;
    use std::mem::transmute;

    use super::*;

    /// Pairs in a vector
    const LANES: usize = 16;

    /// The first `count` lanes, at most all
    #[inline(always)]
    fn first(count: usize) -> __mmask16 {
        ((1u32 << count.min(LANES)) - 1) as __mmask16
    }

    /// The pairs of the `len ≤ 32` neighbours at this place, and of zeros after them
    ///
    /// # Safety
    /// The numbers exist.
    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    pub(crate) unsafe fn columns(at: *const f32, len: usize) -> __m512 {
        // SAFETY: the caller keeps the contract; lanes from `len` on are masked. The types have the same size, and all bits are
        // valid for both.
        unsafe {
            let low = _mm512_maskz_loadu_ps(first(len), at);
            let high = _mm512_maskz_loadu_ps(first(len.saturating_sub(LANES)), at.wrapping_add(LANES));
            transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low))
        }
    }

    /// The pairs of the numbers at two places, and of zeros where a mask has no lane
    ///
    /// # Safety
    /// The numbers of the masks exist.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    pub(crate) unsafe fn rows(
        (first, first_mask): (*const f32, __mmask16),
        (second, second_mask): (*const f32, __mmask16),
    ) -> __m512 {
        /// The halves of pair i: lane i of the first vector, and lane i of the second
        const INTERLEAVED: [u16; 32] = {
            let mut lanes = [0; 32];
            let mut i = 0;
            while i < 32 {
                lanes[i] = (i / 2 + i % 2 * 16) as u16;
                i += 1;
            }
            lanes
        };
        // SAFETY: the caller keeps the contract; other lanes are masked. The types have the same size, and all bits are valid
        // for both.
        unsafe {
            let first = _mm512_maskz_loadu_ps(first_mask, first);
            let second = _mm512_maskz_loadu_ps(second_mask, second);
            let halves = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first));
            let lanes = transmute::<[u16; 32], __m512i>(INTERLEAVED);
            _mm512_castsi512_ps(_mm512_permutexvar_epi16(lanes, halves))
        }
    }

    /// The same as [`super::pair_row`]
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn pair_row(from: &[f32], to: &mut [Pair]) {
        for (from, to) in from.chunks(2 * LANES).zip(to.chunks_mut(LANES)) {
            // SAFETY: the numbers of the chunk exist; as many pairs are written as the other chunk holds.
            unsafe {
                _mm512_mask_storeu_ps(
                    to.as_mut_ptr().cast(),
                    first(to.len()),
                    columns(from.as_ptr(), from.len()),
                );
            }
        }
    }

    /// The same as [`super::pair_two_rows`]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn pair_two_rows(above: &[f32], below: &[f32], to: &mut [Pair]) {
        assert!(above.len() >= to.len() && (below.is_empty() || below.len() >= to.len()));
        for (j, to) in to.chunks_mut(LANES).enumerate() {
            let (at, mask) = (j * LANES, first(to.len()));
            let below_mask = if below.is_empty() { 0 } else { mask };
            // SAFETY: the rows have as many numbers as there are pairs, or the second has none and is masked.
            unsafe {
                let pairs = rows(
                    (above.as_ptr().wrapping_add(at), mask),
                    (below.as_ptr().wrapping_add(at), below_mask),
                );
                _mm512_mask_storeu_ps(to.as_mut_ptr().cast(), mask, pairs);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    /// Numbers that are not finite, subnormal ones, ties between two bf16, and the largest number, which rounds to infinity
    const SPECIAL: [f32; 13] = [
        f32::NAN,
        -f32::NAN,
        f32::from_bits(0x7f80_0001),
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        0.0,
        -0.0,
        1e-40,
        -1e-45,
        f32::MIN_POSITIVE,
        f32::from_bits(0x3f80_8000),
        f32::from_bits(0x3f81_8000),
    ];

    #[test]
    fn elements_are_paired_by_rows_and_by_columns() {
        for (rows, cols) in [(1, 1), (2, 3), (5, 4), (7, 33), (129, 300)] {
            let mut x = numbers(rows * cols, 1, |x| x as f32);
            // The instruction that rounds must treat these as `Pair::round` does, in every lane.
            for (x, &special) in x.iter_mut().step_by(3).zip(SPECIAL.iter().cycle()) {
                *x = special;
            }
            let at = |i: usize, j: usize| if i < rows && j < cols { x[i * cols + j] } else { 0.0 };
            let view = View::new(&x, rows, cols);
            let len = |pairing: Pairing| {
                let (rows, cols) = pairing.shape((rows, cols));
                rows * cols
            };
            let mut by_columns = vec![Pair::round(7.0, 7.0); len(Pairing::Columns)];
            let mut by_rows = vec![Pair::round(7.0, 7.0); len(Pairing::Rows)];
            pair_up([(view, Pairing::Columns, &mut by_columns), (view, Pairing::Rows, &mut by_rows)]);
            for (k, pair) in by_columns.iter().enumerate() {
                let (i, j) = (k / cols.div_ceil(2), k % cols.div_ceil(2) * 2);
                assert_eq!(pair.0, Pair::round(at(i, j), at(i, j + 1)).0, "{rows}×{cols} {i} {j}");
            }
            for (k, pair) in by_rows.iter().enumerate() {
                let (i, j) = (k / cols * 2, k % cols);
                assert_eq!(*pair, Pair::round(at(i, j), at(i + 1, j)), "{rows}×{cols} {i} {j}");
            }
        }
    }
}
