//! A product's operands, and how one thread computes a part of it: by tiles, or passing over zeros
//!
//! Both ways want rows of B near each other. Where they are not, or B is transposed, its part is copied into the
//! thread's room first: for tiles a panel of all of k by 32 columns; for sparse rows, which run over their block of B
//! again and again, 64 of k by 512 bytes, which an L1 holds.

#[cfg(target_arch = "x86_64")]
pub(crate) mod microkernel;
#[cfg(target_arch = "x86_64")]
pub(crate) mod pack;
#[cfg(target_arch = "x86_64")]
pub(crate) mod simd;
#[cfg(target_arch = "x86_64")]
pub(crate) mod skip_zeros;

use std::ops::Range;
use std::ptr;

use crate::aligned::whole_lines;
use crate::cpu::simd_level::multiversion;
use crate::elementwise::sgd::SgdRule;
use crate::{Scalar, View};

/// Columns of a panel of tiles: two vectors of AVX-512 in f32, two cache lines
pub(crate) const COLUMNS: usize = 32;
/// Rows so far apart, bytes, are each on a page of their own and fall into the same few sets of the caches:
/// they are packed. Big's products gain 10 to 40 % by it; at 512 columns of f32, half of this, wide's would
/// lose 5 to 15 %.
const PAGE: usize = 4096;
/// A panel is worth packing when at least so many rows run over it: two tiles of AVX-512 pay for the copy
/// many times
const PANEL_MIN_USES: usize = 32;
/// Inner dimension of a block of sparse rows: the bits of a mask. With 48, 32 and 16, wide's forward product
/// takes 1.05, 1.22 and 1.44 of the time.
const DEPTH: usize = 64;
/// A row of a block, bytes: 8 vectors of AVX-512. A block is 32 KiB then.
const BLOCK_ROW: usize = 512;
/// Up to this part of A being other than 0, products go over sparse rows. By themselves, on Zen 5, the two ways take
/// the same time at 0.72 to 0.80 on small and wide; but whole epochs of small on the synthetic set, whose
/// pixels are 0.66 nonzero, took 1.03 of the time with sparse rows.
const MAX_DENSITY: f64 = 0.6;
/// Shorter sums are left to tiles: making a mask would take as long as the row
const SPARSE_MIN_DEPTH: usize = 16;
/// How many rows of A tell how sparse it is
const SAMPLES: usize = 8;

/// Where a product's operands lie; strides count elements
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "kernels with vectors read them"))]
#[derive(Clone, Copy, Debug)]
pub struct Operands<T> {
    /// Inner dimension
    pub(crate) k: usize,
    /// A, m × k, as it lies or as a transposed matrix
    pub(crate) a: *const T,
    /// From row to row of A or, if it is transposed, from column to column; the other stride is 1
    pub(crate) a_stride: usize,
    /// Whether A's columns are contiguous, and not its rows
    pub(crate) a_transposed: bool,
    /// B, k × n, as it lies or as a transposed matrix
    pub(crate) b: *const T,
    /// From row to row of B or, if it is transposed, from column to column; the other stride is 1
    pub(crate) b_stride: usize,
    /// Whether B's columns are contiguous, and not its rows
    pub(crate) b_transposed: bool,
    /// C, m × n, each row contiguous
    pub(crate) c: *mut T,
    /// From row to row of C
    pub(crate) c_stride: usize,
    /// Start value of element (i, j): `start[i · start_stride + j]`; null for 0
    pub(crate) start: *const T,
    /// 0 repeats one row of start values, as of biases
    pub(crate) start_stride: usize,
    /// If there is one, C holds weights, and the product is their gradient
    pub(crate) update: Option<Update<T>>,
}

/// A step of SGD that a product is spent on
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "kernels with vectors read them"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update<T> {
    /// η, μ, λ
    pub rule: SgdRule<T>,
    /// Velocities, laid out as C; null if there is no momentum
    pub v: *mut T,
}

/// How the elements of a product are computed; the bits are the same, but for the sign of a zero
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By tiles (`tile.rs`)
    Dense,
    /// Row by row, passing over the zeros of A (`sparse.rs`)
    Sparse,
}

impl Way {
    /// The faster one for A, or its transpose, times a matrix of n columns, judged by some of A's rows
    pub(crate) fn of<T: Scalar>(a: View<'_, T>, n: usize) -> Self {
        let (m, k) = a.shape();
        // With less than a block's columns, a row has too few sums to hide the latency of a multiply-add: with sparse rows,
        // epochs of 784-64-10 took 1.06 (batches of 64) to 1.3 (of 16), of tiny 2.0 of the time.
        if n < block_columns::<T>() || k < SPARSE_MIN_DEPTH || m < SPARSE_MIN_DEPTH {
            return Self::Dense;
        }
        let rows = a.data().chunks_exact(k).step_by(m / SAMPLES).take(SAMPLES);
        let nonzero: usize = rows.map(count_nonzero).sum();
        if nonzero as f64 <= MAX_DENSITY * (SAMPLES * k) as f64 { Self::Sparse } else { Self::Dense }
    }
}
multiversion! {
    fn count_nonzero<T>(row: &[T]) -> usize {
        row.iter().map(|&x| u32::from(x != T::ZERO)).sum::<u32>() as usize
    }
}

/// Columns of a block of B that sparse rows run over
pub(crate) fn block_columns<T: Scalar>() -> usize {
    BLOCK_ROW / T::BYTES
}

/// Whether rows `stride` numbers apart are a page apart
pub(crate) fn is_far<T: Scalar>(stride: usize) -> bool {
    stride * T::BYTES >= PAGE
}

impl<T: Scalar> Operands<T> {
    /// Numbers of room that [`Self::part`] takes for up to `rows` rows
    pub(crate) fn room(&self, rows: usize, way: Way) -> usize {
        let (block, sums) = match way {
            Way::Dense => (self.k * COLUMNS, 0),
            Way::Sparse => (DEPTH * block_columns::<T>(), rows * block_columns::<T>()),
        };
        block + sums + if self.a_transposed { whole_lines::<T>(self.k * rows) } else { 0 }
    }

    /// Computes rows `rows` and columns `cols` of C, and calls `done` with columns of which all these rows are there
    ///
    /// # Safety
    /// `rows` and `cols` lie inside C. A, B, C, the start values and the velocities have all elements that their
    /// shapes, pointers and strides say, valid for reading, C's and the velocities' for writing, and nobody else
    /// touches this part of these two meanwhile, nor [`Self::room`] numbers at `room`. [`simd_level`](crate::simd_level)
    /// is not `Portable`.
    pub(crate) unsafe fn part(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        way: Way,
        room: *mut T,
        done: impl FnMut(Range<usize>),
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            match way {
                Way::Dense => self.dense_part(rows, cols, room, done),
                Way::Sparse => self.sparse_part(rows, cols, room, done),
            }
        }
    }

    /// # Safety
    /// As [`Self::part`].
    unsafe fn dense_part(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        room: *mut T,
        mut done: impl FnMut(Range<usize>),
    ) {
        let mut p = *self;
        if self.a_transposed && is_far::<T>(self.a_stride) && cols.len() >= PANEL_MIN_USES {
            let a = room.wrapping_add(self.k * COLUMNS);
            // SAFETY: these columns of A, k numbers each, fit behind the panel.
            unsafe { T::pack(self.a.add(rows.start), self.a_stride, self.k, rows.len(), a) };
            (p.a, p.a_stride) = (a.wrapping_sub(rows.start), rows.len());
        }
        let far = is_far::<T>(self.b_stride) && rows.len() >= PANEL_MIN_USES;
        let copied = self.b_transposed || far;
        let step = if copied { COLUMNS } else { cols.len().max(1) };
        for first in cols.clone().step_by(step) {
            let cols = first..(first + step).min(cols.end);
            if copied {
                // SAFETY: a panel is up to `COLUMNS` columns of B's k rows.
                unsafe { self.copy_b(0..self.k, cols.clone(), room) };
                (p.b, p.b_stride, p.b_transposed) = (room.wrapping_sub(first), cols.len(), false);
            }
            // SAFETY: the caller's promise.
            unsafe { T::tiles(&p, rows.clone(), cols.clone()) };
            done(cols);
        }
    }

    /// # Safety
    /// As [`Self::part`].
    unsafe fn sparse_part(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        room: *mut T,
        mut done: impl FnMut(Range<usize>),
    ) {
        let width = block_columns::<T>();
        let (block, sums) = (room, room.wrapping_add(DEPTH * width));
        let mut p = *self;
        if self.a_transposed {
            let a = sums.wrapping_add(rows.len() * width);
            // SAFETY: these columns of A, k numbers each, fit behind the block and the sums.
            unsafe { T::transpose(self.a.add(rows.start), self.a_stride, 0..self.k, rows.len(), a) };
            (p.a, p.a_stride, p.a_transposed) = (a.wrapping_sub(rows.start * self.k), self.k, false);
        }
        for first in cols.clone().step_by(width) {
            let cols = first..(first + width).min(cols.end);
            let sums = sums.wrapping_sub(rows.start * width + first);
            for from in (0..self.k.max(1)).step_by(DEPTH) {
                let depth = from..(from + DEPTH).min(self.k);
                let mut q = Operands { k: depth.len(), a: p.a.wrapping_add(from), ..p };
                if self.b_transposed || self.b_stride > width {
                    // SAFETY: a block has room for `DEPTH` rows of `width` numbers.
                    unsafe { self.copy_b(depth.clone(), cols.clone(), block) };
                    (q.b, q.b_stride, q.b_transposed) = (block.wrapping_sub(first), cols.len(), false);
                } else {
                    q.b = self.b.wrapping_add(from * self.b_stride);
                }
                // Sums wait between blocks: in rows of C they could be a page apart, or there are weights.
                if from > 0 {
                    (q.start, q.start_stride) = (sums, width);
                }
                if depth.end < self.k {
                    (q.c, q.c_stride, q.update) = (sums, width, None);
                }
                // SAFETY: the caller's promise; k ≤ DEPTH, and the sums have room for `width` numbers of each row.
                unsafe { T::sparse_rows(&q, rows.clone(), cols.clone()) };
            }
            done(cols);
        }
    }

    /// Rows `depth` and columns `cols` of B, row behind row
    ///
    /// # Safety
    /// They exist, and `to` has room for them.
    unsafe fn copy_b(&self, depth: Range<usize>, cols: Range<usize>, to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.b_transposed {
                T::transpose(self.b.add(depth.start), self.b_stride, cols, depth.len(), to);
            } else {
                let from = self.b.add(depth.start * self.b_stride + cols.start);
                T::pack(from, self.b_stride, depth.len(), cols.len(), to);
            }
        }
    }

    /// `C ← A B` of k columns of A, as it lies, and k rows of B, each row of B and C `n` apart
    pub(crate) fn new(k: usize, a: *const T, a_stride: usize, b: *const T, n: usize, c: *mut T) -> Self {
        Self {
            k,
            a,
            a_stride,
            a_transposed: false,
            b,
            b_stride: n,
            b_transposed: false,
            c,
            c_stride: n,
            start: ptr::null(),
            start_stride: 0,
            update: None,
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::{SimdLevel, simd_level};

    /// Numbers in [−1, 1], a part `density` of them not 0
    fn numbers<T: Scalar>(len: usize, salt: usize, density: f64) -> Vec<T> {
        let number = |i: usize| ((i * 7919 + salt * 104_729) % 2003) as f64 / 1001.0 - 1.0;
        let kept = |i: usize| ((i * 40_503 + salt * 977) % 1009) as f64 <= density * 1009.0;
        (0..len).map(|i| T::from_f64(if kept(i) { number(i) } else { 0.0 })).collect()
    }

    /// A matrix with `pad` more numbers behind each row, which nobody may read or write
    fn padded<T: Scalar>(rows: usize, cols: usize, pad: usize, data: &[T]) -> Vec<T> {
        let row = |i: usize| data[i * cols..][..cols].iter().copied();
        (0..rows).flat_map(|i| row(i).chain((0..pad).map(|_| T::from_f64(f64::NAN)))).collect()
    }

    /// The matrix again, if the padding is as it was
    fn unpadded<T: Scalar>(cols: usize, pad: usize, data: &[T]) -> Vec<T> {
        let rows = data.chunks_exact(cols + pad);
        assert!(
            rows.clone().all(|row| row[cols..].iter().all(|x| x.to_f64().is_nan())),
            "padding was written"
        );
        rows.flat_map(|row| row[..cols].iter().copied()).collect()
    }

    #[derive(Clone, Copy, Debug)]
    struct Case {
        shape: (usize, usize, usize),
        a_transposed: bool,
        b_transposed: bool,
        /// Start values are a matrix, and not a row
        starts: bool,
        step: bool,
    }

    /// C, and the velocities if there is a step
    fn product<T: Scalar>(case: Case, way: Way, a: &[T]) -> (Vec<T>, Vec<T>) {
        let (m, k, n) = case.shape;
        let (a_shape, b_shape) = (
            if case.a_transposed { (k, m) } else { (m, k) },
            if case.b_transposed { (n, k) } else { (k, n) },
        );
        let a = padded(a_shape.0, a_shape.1, 3, a);
        let b = padded(b_shape.0, b_shape.1, 5, &numbers::<T>(k * n, 2, 1.0));
        let start = padded(m, n, 1, &numbers::<T>(m * n, 3, 1.0));
        let [mut c, mut v] = [4, 5].map(|salt| padded(m, n, 2, &numbers::<T>(m * n, salt, 1.0)));
        let [eta, mu, lambda] = [0.1, 0.9, 0.01].map(T::from_f64);
        let update = Update { rule: SgdRule { eta, mu, lambda }, v: v.as_mut_ptr() };
        let p = Operands {
            a_transposed: case.a_transposed,
            b_stride: b_shape.1 + 5,
            b_transposed: case.b_transposed,
            start: start.as_ptr(),
            start_stride: if case.starts { n + 1 } else { 0 },
            update: case.step.then_some(update),
            ..Operands::new(k, a.as_ptr(), a_shape.1 + 3, b.as_ptr(), n + 2, c.as_mut_ptr())
        };
        let len = p.room(m - m / 3, way);
        let mut room = vec![T::from_f64(f64::NAN); len + 100];
        let mut told = 0;
        // In two parts that don't end with a tile.
        for rows in [0..m / 3, m / 3..m] {
            // SAFETY: all operands have the numbers that m, k and n and the strides say; this is the only thread.
            unsafe { p.part(rows, 0..n, way, room.as_mut_ptr(), |cols| told += cols.len()) };
        }
        assert_eq!(told, 2 * n, "columns that were done");
        assert!(room[len..].iter().all(|x| x.to_f64().is_nan()), "{case:?} {way:?}: more than its room");
        (unpadded(n, 2, &c), unpadded(n, 2, &v))
    }

    fn cases() -> impl Iterator<Item = Case> {
        let shapes = [
            (1, 1, 1),
            (3, 0, 5),
            (3, 16, 64),
            (7, 63, 65),
            (9, 64, 128),
            (33, 65, 129),
            (64, 130, 300),
            (40, 200, 1100),
            (1030, 70, 66),
        ];
        let cases = move |bits: u8| {
            let [a_transposed, b_transposed, starts, step] = [1, 2, 4, 8].map(|bit| bits & bit > 0);
            shapes.map(|shape| Case { shape, a_transposed, b_transposed, starts, step })
        };
        (0..16).flat_map(cases)
    }

    #[test]
    fn both_ways_give_the_same_numbers_for_any_operands_and_keep_to_them() {
        fn check<T: Scalar>() {
            for case in cases() {
                for density in [0.0, 0.05, 0.5, 1.0] {
                    let a = numbers::<T>(case.shape.0 * case.shape.1, 1, density);
                    let [dense, sparse] = [Way::Dense, Way::Sparse].map(|way| product(case, way, &a));
                    assert!(dense == sparse, "{case:?} {density}");
                }
            }
        }
        if simd_level() > SimdLevel::Portable {
            check::<f32>();
            check::<f64>();
        }
    }

    #[test]
    fn nan_is_not_passed_over() {
        fn check<T: Scalar>() {
            let (m, k, n) = (20, 130, 70);
            for at in [0, 63, 64, 129] {
                let mut a = numbers::<T>(m * k, 1, 0.3);
                a[5 * k + at] = T::from_f64(f64::NAN);
                let case = Case {
                    shape: (m, k, n),
                    a_transposed: false,
                    b_transposed: false,
                    starts: false,
                    step: false,
                };
                for way in [Way::Dense, Way::Sparse] {
                    let (c, _) = product(case, way, &a);
                    let nan = |i: usize| c[i * n..][..n].iter().all(|x| x.to_f64().is_nan());
                    assert!((0..m).all(|i| nan(i) == (i == 5)), "{way:?} {at}");
                }
            }
        }
        if simd_level() > SimdLevel::Portable {
            check::<f32>();
            check::<f64>();
        }
    }

    #[test]
    fn half_zeros_are_passed_over_and_few_or_narrow_ones_are_not() {
        let way = |density: f64, n: usize| {
            let a: Vec<f32> = numbers(64 * 100, 1, density);
            Way::of(View::new(&a, 64, 100), n)
        };
        assert_eq!(way(0.5, 128), Way::Sparse);
        assert_eq!(way(0.9, 128), Way::Dense);
        assert_eq!(way(0.5, 10), Way::Dense);
        assert_eq!(Way::of(View::new(&[0.0f64; 5 * 100], 5, 100), 128), Way::Dense);
        assert_eq!(Way::of(View::new(&[0.0f64; 0], 0, 0), 128), Way::Dense);
        assert_eq!(Way::of(View::new(&[0.0f64; 0], 20, 0), 128), Way::Dense);
    }
}
