//! Matrices rounded to bf16, in pairs for products

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
multiversion! {
    /// Pairs of columns of the rows in `from`, which have `cols` elements
    pub(crate) fn pair_columns(from: &[f32], cols: usize, to: &mut [Pair]) {
        for (from, to) in from.chunks_exact(cols.max(1)).zip(to.chunks_exact_mut(cols.div_ceil(2).max(1))) {
            let (pairs, last) = from.as_chunks::<2>();
            to.iter_mut().zip(pairs).for_each(|(to, &[a, b])| *to = Pair::round(a, b));
            if let (Some(to), &[a]) = (to.last_mut(), last) {
                *to = Pair::round(a, 0.0);
            }
        }
    }
}
multiversion! {
    /// Pairs of rows of the rows in `from`, which have `cols` elements
    fn pair_rows(from: &[f32], cols: usize, to: &mut [Pair]) {
        for (from, to) in from.chunks(2 * cols.max(1)).zip(to.chunks_exact_mut(cols.max(1))) {
            if from.len() > cols {
                let (a, b) = from.split_at(cols);
                to.iter_mut().zip(a).zip(b).for_each(|((to, &a), &b)| *to = Pair::round(a, b));
            } else {
                to.iter_mut().zip(from).for_each(|(to, &a)| *to = Pair::round(a, 0.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::numbers;

    #[test]
    fn elements_are_paired_by_rows_and_by_columns() {
        for (rows, cols) in [(1, 1), (2, 3), (5, 4), (7, 33), (129, 300)] {
            let x = numbers(rows * cols, 1, |x| x as f32);
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
                assert_eq!(*pair, Pair::round(at(i, j), at(i, j + 1)), "{rows}×{cols} {i} {j}");
            }
            for (k, pair) in by_rows.iter().enumerate() {
                let (i, j) = (k / cols * 2, k % cols);
                assert_eq!(*pair, Pair::round(at(i, j), at(i + 1, j)), "{rows}×{cols} {i} {j}");
            }
        }
    }
}
