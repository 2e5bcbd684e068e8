//! A block of a product, computed by one thread
//!
//! Both kernels need the rows of B close together. Where they are not, a block of B is packed into scratch first: for
//! tiles, a panel of all k rows and [`NR`] columns. Rows that skip zeros read their block of B once for each row of A,
//! so it has [`KC`] rows and as many columns as the kernel keeps sums of in registers: 32 KiB with AVX-512, 16 KiB with
//! AVX2. Its rows are contiguous, so that they are spread over all sets of L1. Rows of up to [`block_columns`] stay in place (docs/engine.md, row
//! "contiguous blocks").
//!
//! An operand that is not yet rounded to pairs of bf16 is packed in any case, and rounded on the way.

use std::ops::Range;

use crate::aligned::whole_lines;
use crate::cpu::simd_level::{SimdLevel, simd_level};
use crate::gemm::Gemm;
use crate::gemm::dispatch::Operand;
use crate::gemm::kernel::{Kernel, block_columns};

/// Columns of a panel of tiles: two vectors of AVX-512 in f32, two cache lines
pub(crate) const NR: usize = 32;
/// Smallest distance from row to row, in bytes, at which rows are packed where [`AVX2_FAR`] does not hold: each row is
/// then on a page of its own, and all fall into the same few sets of the caches (docs/engine.md, row "packing far rows")
const PAGE: usize = 4096;
/// Rows or columns that must read a panel for packing to pay: more than two tiles of AVX-512 (docs/engine.md, row "uses
/// of a panel")
const MIN_PANEL_USES: usize = 32;
/// [`PAGE`] with AVX2 for rows of B, where A is not transposed (docs/engine.md, row "packing with AVX2")
const AVX2_FAR: usize = 1024;
/// [`MIN_PANEL_USES`] with [`AVX2_FAR`]: two tiles (docs/engine.md, row "packing with AVX2")
const AVX2_MIN_PANEL_USES: usize = 12;
/// Rows of a block of B for skipping zeros: the bits of a mask (docs/engine.md, row "shallower blocks")
const KC: usize = 64;

/// Whether rows that are `stride` elements apart are at least a page apart
pub(crate) fn is_far<O: Operand>(stride: usize) -> bool {
    stride * size_of::<O>() >= PAGE
}

impl<O: Operand> Gemm<O> {
    /// Scratch elements that [`Self::compute_block`] needs for `rows` rows
    pub(crate) fn scratch_len(&self, rows: usize, kernel: Kernel) -> usize {
        let (block, sums) = match kernel {
            Kernel::Dense => (self.k * NR, 0),
            Kernel::SkipZeros => (KC * O::kernels().skip_columns, rows * O::kernels().skip_columns),
        };
        block + sums + if self.a_transposed { whole_lines::<O>(self.k * rows) } else { 0 }
    }

    /// Computes rows `rows` and columns `cols` of C, and calls `done` with each range of columns that is complete
    ///
    /// # Safety
    /// The contract of [`Gemm`] holds for these rows and columns. [`Self::scratch_len`] elements at `scratch` are valid
    /// for reading and writing, and no other thread accesses them.
    pub(crate) unsafe fn compute_block(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        kernel: Kernel,
        scratch: *mut O::Sum,
        done: impl FnMut(Range<usize>),
    ) {
        // SAFETY: the caller keeps the contract.
        unsafe {
            match kernel {
                Kernel::Dense => self.compute_dense(rows, cols, scratch, done),
                Kernel::SkipZeros => self.compute_skipping_zeros(rows, cols, scratch, done),
            }
        }
    }

    /// # Safety
    /// As [`Self::compute_block`].
    unsafe fn compute_dense(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        scratch: *mut O::Sum,
        mut done: impl FnMut(Range<usize>),
    ) {
        let (mut p, scratch) = (*self, scratch.cast::<O>());
        let far = self.a_transposed && is_far::<O>(self.a_stride) && cols.len() >= MIN_PANEL_USES;
        if self.a_unrounded || far {
            let a = scratch.wrapping_add(self.k * NR);
            // SAFETY: these columns of A, k elements each, fit in scratch after the panel.
            unsafe {
                if self.a_unrounded {
                    let from = self.a.cast::<O::Sum>().wrapping_add(rows.start);
                    (O::kernels().round)(from, self.a_stride, self.numbers, rows.len(), a);
                } else {
                    (O::kernels().pack)(
                        self.a.wrapping_add(rows.start),
                        self.a_stride,
                        self.k,
                        rows.len(),
                        a,
                    );
                }
            }
            (p.a, p.a_stride, p.a_unrounded) = (a.wrapping_sub(rows.start), rows.len(), false);
        }
        let (far, uses) = match simd_level() {
            SimdLevel::Avx2 if !self.a_transposed => (AVX2_FAR, AVX2_MIN_PANEL_USES),
            _ => (PAGE, MIN_PANEL_USES),
        };
        let far = self.b_stride * size_of::<O>() >= far && rows.len() >= uses;
        let packed = self.b_transposed || self.b_unrounded || far;
        let step = if packed { NR } else { cols.len().max(1) };
        for first in cols.clone().step_by(step) {
            let cols = first..(first + step).min(cols.end);
            if packed {
                // SAFETY: a panel is at most `NR` columns of the k rows of B.
                unsafe { self.pack_b(0..self.k, cols.clone(), scratch) };
                (p.b, p.b_stride) = (scratch.wrapping_sub(first), cols.len());
                (p.b_transposed, p.b_unrounded) = (false, false);
            }
            // SAFETY: the caller keeps the contract, B is not transposed, and both operands are rounded.
            unsafe { (O::kernels().tiles)(&p, rows.clone(), cols.clone()) };
            done(cols);
        }
    }

    /// # Safety
    /// As [`Self::compute_block`].
    unsafe fn compute_skipping_zeros(
        &self,
        rows: Range<usize>,
        cols: Range<usize>,
        scratch: *mut O::Sum,
        mut done: impl FnMut(Range<usize>),
    ) {
        let width = O::kernels().skip_columns;
        let (block, sums) = (scratch.cast::<O>(), scratch.wrapping_add(KC * width));
        let mut p = *self;
        if self.a_transposed {
            let a = sums.wrapping_add(rows.len() * width).cast::<O>();
            // SAFETY: these columns of A, k elements each, fit in scratch after the block and the sums.
            unsafe {
                if self.a_unrounded {
                    let from = self.a.cast::<O::Sum>().add(rows.start);
                    let transpose = O::kernels().transpose_rounded_rows;
                    transpose(from, self.a_stride, 0..self.numbers, rows.len(), a);
                } else {
                    (O::kernels().transpose)(self.a.add(rows.start), self.a_stride, 0..self.k, rows.len(), a);
                }
            }
            (p.a, p.a_stride) = (a.wrapping_sub(rows.start * self.k), self.k);
            (p.a_transposed, p.a_unrounded) = (false, false);
        }
        for first in cols.clone().step_by(width) {
            let cols = first..(first + width).min(cols.end);
            let sums = sums.wrapping_sub(rows.start * width + first);
            for from in (0..self.k.max(1)).step_by(KC) {
                let depth = from..(from + KC).min(self.k);
                let mut q = Gemm { k: depth.len(), a: p.a.wrapping_add(from), ..p };
                if self.b_transposed || self.b_unrounded || self.b_stride > block_columns::<O>() {
                    // SAFETY: the block holds `KC` rows of `width` elements.
                    unsafe { self.pack_b(depth.clone(), cols.clone(), block) };
                    (q.b, q.b_stride) = (block.wrapping_sub(first), cols.len());
                    (q.b_transposed, q.b_unrounded) = (false, false);
                } else {
                    q.b = self.b.wrapping_add(from * self.b_stride);
                }
                // Between blocks the sums are kept in scratch: rows of C may be a page apart, or hold weights.
                if from > 0 {
                    (q.c_init, q.c_init_stride) = (sums, width);
                }
                if depth.end < self.k {
                    (q.c, q.c_stride, q.update) = (sums, width, None);
                }
                // SAFETY: the caller keeps the contract. Neither A nor B is transposed, k ≤ KC, and the sums have
                // `width` elements for each row.
                unsafe { (O::kernels().skip_zeros)(&q, rows.clone(), cols.clone()) };
            }
            done(cols);
        }
    }

    /// Packs rows `depth` and columns `cols` of B, row after row
    ///
    /// # Safety
    /// The elements exist, and `to` is valid for writing the rows as they are packed, in factors; no other thread accesses it.
    unsafe fn pack_b(&self, depth: Range<usize>, cols: Range<usize>, to: *mut O) {
        // SAFETY: the caller keeps the contract.
        unsafe {
            if self.b_unrounded {
                let numbers = depth.start * O::NUMBERS..(depth.end * O::NUMBERS).min(self.numbers);
                let (kernels, from) = (O::kernels(), self.b.cast::<O::Sum>());
                if self.b_transposed {
                    let from = from.wrapping_add(numbers.start);
                    (kernels.transpose_rounded)(from, self.b_stride, cols, numbers.len(), to);
                } else {
                    let from = from.wrapping_add(numbers.start * self.b_stride + cols.start);
                    (kernels.round)(from, self.b_stride, numbers.len(), cols.len(), to);
                }
            } else if self.b_transposed {
                let from = self.b.wrapping_add(depth.start);
                (O::kernels().transpose)(from, self.b_stride, cols, depth.len(), to);
            } else {
                let from = self.b.wrapping_add(depth.start * self.b_stride + cols.start);
                (O::kernels().pack)(from, self.b_stride, depth.len(), cols.len(), to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::sgd::SgdRule;
    use crate::gemm::Update;
    use crate::left_out::left_out;
    use crate::number::Number;
    use crate::number::pair::Pair;
    use crate::numbers::{numbers, sparse};

    /// An operand that tests make
    trait Element: Operand {
        fn from_f64(x: f64) -> Self;
    }
    impl Element for f32 {
        fn from_f64(x: f64) -> Self {
            x as f32
        }
    }
    impl Element for f64 {
        fn from_f64(x: f64) -> Self {
            x
        }
    }
    impl Element for Pair {
        /// Half of the pairs hold a 0, if x is not 0.
        fn from_f64(x: f64) -> Self {
            let (first, second) = (x.max(0.0), x * 1.37);
            Self::round(if x.is_nan() { f32::NAN } else { first as f32 }, second as f32)
        }
    }

    /// A matrix with `pad` NaN after each row, which must be neither read nor written
    fn padded<T: Copy>(rows: usize, cols: usize, pad: usize, data: &[T], nan: T) -> Vec<T> {
        let row = |i: usize| data[i * cols..][..cols].iter().copied();
        (0..rows).flat_map(|i| row(i).chain((0..pad).map(|_| nan))).collect()
    }

    /// The matrix without its padding
    fn unpadded<T: Number>(cols: usize, pad: usize, data: &[T]) -> Vec<T> {
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
        /// C₀ is a matrix, and not one repeated row
        full_init: bool,
        /// A step of SGD, with Nesterov's momentum if C₀ is a matrix
        step: bool,
    }

    /// C, and the velocities if there is a step
    fn product<O: Element>(case: Case, kernel: Kernel, a: &[O]) -> (Vec<O::Sum>, Vec<O::Sum>) {
        let sums = |rows: usize, cols: usize, pad: usize, seed: u64| {
            padded(rows, cols, pad, &numbers(rows * cols, seed, O::Sum::from_f64), O::Sum::from_f64(f64::NAN))
        };
        let (m, k, n) = case.shape;
        let (a_shape, b_shape) = (
            if case.a_transposed { (k, m) } else { (m, k) },
            if case.b_transposed { (n, k) } else { (k, n) },
        );
        let nan = O::from_f64(f64::NAN);
        let a = padded(a_shape.0, a_shape.1, 3, a, nan);
        let b = padded(b_shape.0, b_shape.1, 5, &numbers(k * n, 2, O::from_f64), nan);
        let c_init = sums(m, n, 1, 3);
        let [mut c, mut v] = [4, 5].map(|seed| sums(m, n, 2, seed));
        let [eta, mu, lambda] = [0.1, 0.9, 0.01].map(O::Sum::from_f64);
        let update =
            Update { rule: SgdRule { eta, mu, lambda, nesterov: case.full_init }, v: v.as_mut_ptr() };
        let p = Gemm {
            a_transposed: case.a_transposed,
            b_stride: b_shape.1 + 5,
            b_transposed: case.b_transposed,
            c_init: c_init.as_ptr(),
            c_init_stride: if case.full_init { n + 1 } else { 0 },
            update: case.step.then_some(update),
            ..Gemm::new(k, a.as_ptr(), a_shape.1 + 3, b.as_ptr(), n + 2, c.as_mut_ptr())
        };
        let len = p.scratch_len(m - m / 3, kernel);
        let mut scratch = vec![O::Sum::from_f64(f64::NAN); len + 100];
        let mut done = 0;
        // In two blocks that don't end with a tile.
        for rows in [0..m / 3, m / 3..m] {
            // SAFETY: all operands have the elements that m, k, n and the strides reach; this is the only thread.
            unsafe { p.compute_block(rows, 0..n, kernel, scratch.as_mut_ptr(), |cols| done += cols.len()) };
        }
        assert_eq!(done, 2 * n, "columns that were done");
        assert!(
            scratch[len..].iter().all(|x| x.to_f64().is_nan()),
            "{case:?} {kernel:?}: wrote beyond its scratch"
        );
        (unpadded(n, 2, &c), unpadded(n, 2, &v))
    }

    const SMALL: [(usize, usize, usize); 6] =
        [(1, 1, 1), (3, 0, 5), (3, 16, 64), (7, 63, 65), (9, 64, 128), (33, 65, 129)];
    const LARGE: [(usize, usize, usize); 3] = [(64, 130, 300), (40, 200, 1100), (1030, 70, 66)];

    /// Whether this processor has kernels for `f32` and `f64`
    fn has_vectors() -> bool {
        let has = simd_level() > SimdLevel::Portable;
        if !has {
            left_out("the kernels of products of f32 and f64", "they need AVX2");
        }
        has
    }

    /// Computes every combination of transposes, start values and steps with both kernels
    fn compare(shapes: &[(usize, usize, usize)]) {
        fn check<O: Element>(case: Case) {
            for density in [0.0, 0.05, 0.5, 1.0] {
                let a = sparse(case.shape.0 * case.shape.1, 1, density, O::from_f64);
                let [dense, skip_zeros] =
                    [Kernel::Dense, Kernel::SkipZeros].map(|kernel| product(case, kernel, &a));
                assert!(dense == skip_zeros, "{case:?} {density}");
            }
        }
        let has_vectors = has_vectors();
        for bits in 0..16 {
            let [a_transposed, b_transposed, full_init, step] = [1, 2, 4, 8].map(|bit| bits & bit > 0);
            for &shape in shapes {
                let case = Case { shape, a_transposed, b_transposed, full_init, step };
                if has_vectors {
                    check::<f32>(case);
                    check::<f64>(case);
                }
                check::<Pair>(case);
            }
        }
    }

    #[test]
    fn both_kernels_give_the_same_numbers_and_stay_inside_small_operands() {
        compare(&SMALL);
    }

    #[test]
    fn both_kernels_give_the_same_numbers_and_stay_inside_large_operands() {
        compare(&LARGE);
    }

    /// Elements beyond the scratch that a product asks for; none may be written
    const GUARD: usize = 64;

    #[test]
    fn operands_that_are_rounded_while_they_are_packed_give_the_same_bits() {
        for (m, numbers, n) in
            [(1, 1, 1), (5, 2, 3), (37, 33, 40), (64, 131, 200), (130, 64, 129), (3, 300, 16)]
        {
            let k = usize::div_ceil(numbers, 2);
            // Rows of A and columns of B, of `numbers` numbers
            let a = sparse(m * numbers, 1, 0.4, |x| x as f32);
            let b = random(n * numbers);
            let pairs = |rows: usize, data: &[f32]| -> Vec<Pair> {
                let pair = |row: &[f32], k: usize| {
                    Pair::round(row[2 * k], row.get(2 * k + 1).copied().unwrap_or_default())
                };
                let row = |row: usize| &data[row * numbers..][..numbers];
                (0..rows).flat_map(|i| (0..k).map(move |k| pair(row(i), k))).collect()
            };
            let (a_pairs, b_pairs) = (pairs(m, &a), pairs(n, &b));
            let a_transposed = transposed(m, numbers, &a);
            let b_rows = transposed(n, numbers, &b);
            for kernel in [Kernel::Dense, Kernel::SkipZeros] {
                let product = |change: &dyn Fn(&mut Gemm<Pair>)| {
                    let mut c = vec![f32::NAN; m * n];
                    let mut p = Gemm {
                        numbers,
                        b_stride: k,
                        b_transposed: true,
                        ..Gemm::new(k, a_pairs.as_ptr(), k, b_pairs.as_ptr(), n, c.as_mut_ptr())
                    };
                    change(&mut p);
                    let len = p.scratch_len(m, kernel);
                    let mut scratch = vec![f32::NAN; len + GUARD];
                    scratch[len..].fill(7.0);
                    // SAFETY: all operands have the elements that m, k, n and the strides reach; this is the only thread.
                    unsafe { p.compute_block(0..m, 0..n, kernel, scratch.as_mut_ptr(), |_| ()) };
                    assert!(
                        scratch[len..].iter().all(|&x| x == 7.0),
                        "scratch, {m} {numbers} {n} {kernel:?}"
                    );
                    c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                let want = product(&|_| ());
                let with_a = product(&|p| {
                    (p.a, p.a_stride) = (a_transposed.as_ptr().cast(), m);
                    (p.a_transposed, p.a_unrounded) = (true, true);
                });
                assert!(want == with_a, "A, {m} {numbers} {n} {kernel:?}");
                let with_b = product(&|p| {
                    (p.b, p.b_stride, p.b_transposed) = (b_rows.as_ptr().cast(), n, false);
                    p.b_unrounded = true;
                });
                assert!(want == with_b, "B, {m} {numbers} {n} {kernel:?}");
                let with_transposed = product(&|p| {
                    (p.b, p.b_stride, p.b_unrounded) = (b.as_ptr().cast(), numbers, true);
                });
                assert!(want == with_transposed, "transposed B, {m} {numbers} {n} {kernel:?}");
            }
        }
    }

    fn random(len: usize) -> Vec<f32> {
        numbers(len, 2, |x| x as f32)
    }

    fn transposed(rows: usize, cols: usize, data: &[f32]) -> Vec<f32> {
        (0..cols).flat_map(|j| (0..rows).map(move |i| data[i * cols + j])).collect()
    }

    #[test]
    fn nan_is_not_skipped() {
        fn check<T: Element>() {
            let (m, k, n) = (20, 130, 70);
            for at in [0, 63, 64, 129] {
                let mut a = sparse(m * k, 1, 0.3, T::from_f64);
                a[5 * k + at] = T::from_f64(f64::NAN);
                let case = Case {
                    shape: (m, k, n),
                    a_transposed: false,
                    b_transposed: false,
                    full_init: false,
                    step: false,
                };
                for kernel in [Kernel::Dense, Kernel::SkipZeros] {
                    let (c, _) = product(case, kernel, &a);
                    let nan = |i: usize| c[i * n..][..n].iter().all(|x| x.to_f64().is_nan());
                    assert!((0..m).all(|i| nan(i) == (i == 5)), "{kernel:?} {at}");
                }
            }
        }
        if has_vectors() {
            check::<f32>();
            check::<f64>();
        }
        check::<Pair>();
    }
}
