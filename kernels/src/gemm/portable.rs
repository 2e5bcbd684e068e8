//! The products of pairs of bf16 without vector instructions, with the bits of the vector kernels

use std::ops::Range;
use std::slice;

use crate::elementwise::pairs::pair_two_rows;
use crate::elementwise::sgd;
use crate::gemm::Gemm;
use crate::number::pair::Pair;

/// Columns that are summed side by side
pub(super) const COLUMNS: usize = 32;

/// Computes rows `rows` and columns `cols` of C; if `SKIP`, pairs of zeros in A are skipped
///
/// # Safety
/// The contract of [`Gemm`] holds for these rows and columns, and B is not transposed.
pub(super) unsafe fn block<const SKIP: bool>(p: &Gemm<Pair>, rows: Range<usize>, cols: Range<usize>) {
    let (row_stride, col_stride) = if p.a_transposed { (1, p.a_stride) } else { (p.a_stride, 1) };
    for first in cols.clone().step_by(COLUMNS) {
        let width = (cols.end - first).min(COLUMNS);
        for row in rows.clone() {
            let mut sums = [0.0; COLUMNS];
            let sums = &mut sums[..width];
            // SAFETY: the elements of this row of A and C, and of these columns of B and C, exist, and no other thread
            // accesses those of C and the velocities, which overlap no operand.
            unsafe {
                if !p.c_init.is_null() {
                    let from = p.c_init.wrapping_add(row * p.c_init_stride + first);
                    sums.copy_from_slice(slice::from_raw_parts(from, width));
                    for sum in sums.iter_mut().filter(|sum| sum.is_subnormal()) {
                        *sum = 0.0f32.copysign(*sum);
                    }
                }
                for k in 0..p.k {
                    let a = *p.a.wrapping_add(row * row_stride + k * col_stride);
                    let b = slice::from_raw_parts(p.b.wrapping_add(k * p.b_stride + first), width);
                    if !(SKIP && a.is_zero()) {
                        add(sums, a, b);
                    }
                }
                let at = row * p.c_stride + first;
                let c = slice::from_raw_parts_mut(p.c.wrapping_add(at), width);
                match &p.update {
                    None => c.copy_from_slice(sums),
                    Some(update) => {
                        let len = if update.v.is_null() { 0 } else { width };
                        let v = if len == 0 {
                            &mut [][..]
                        } else {
                            slice::from_raw_parts_mut(update.v.wrapping_add(at), len)
                        };
                        sgd::step(update.rule, c, v, sums);
                    }
                }
            }
        }
    }
}

/// Adds the products of a pair of A and a row of B to the sums
fn add(sums: &mut [f32], a: Pair, b: &[Pair]) {
    let (first, second) = a.numbers();
    // In vectors, without a branch: whether a number is not what it is with any exponent.
    let (mut new, mut is_doubtful) = ([0.0; COLUMNS], false);
    let doubtful = |x: f32| {
        let magnitude = x.to_bits() & 0x7fff_ffff;
        magnitude.wrapping_sub(1) < 0x0080_0000 || magnitude >= 0x7f80_0000
    };
    for ((new, &sum), b) in new.iter_mut().zip(&*sums).zip(b) {
        let (b1, b2) = b.numbers();
        // The products of bf16 are exact, so each sum is rounded once, as in a fused multiply-add.
        let (p1, p2) = (first * b1, second * b2);
        let half = p2 + sum;
        *new = p1 + half;
        // Too small for any f32: then the sign of a sum of 0 is that of the product.
        let is_lost =
            (p1 == 0.0) & (first != 0.0) & (b1 != 0.0) | (p2 == 0.0) & (second != 0.0) & (b2 != 0.0);
        is_doubtful |= is_lost | doubtful(p1) | doubtful(p2) | doubtful(half) | doubtful(*new);
    }
    if is_doubtful {
        sums.iter_mut().zip(b).for_each(|(sum, &b)| *sum = Pair::multiply_add(a, b, *sum));
    } else {
        sums.copy_from_slice(&new[..sums.len()]);
    }
}

/// `to[j, i] ← from[rows.start + i, j]`
///
/// # Safety
/// As [`Kernels::transpose`](crate::gemm::dispatch::Kernels::transpose).
pub(super) unsafe fn transpose(
    from: *const Pair,
    stride: usize,
    rows: Range<usize>,
    cols: usize,
    to: *mut Pair,
) {
    for i in rows.clone() {
        for j in 0..cols {
            // SAFETY: the caller keeps the contract.
            unsafe { *to.add(j * rows.len() + i - rows.start) = *from.add(i * stride + j) };
        }
    }
}

/// `to[i, j] ← from[i, j]`
///
/// # Safety
/// As [`Kernels::pack`](crate::gemm::dispatch::Kernels::pack).
pub(super) unsafe fn pack(from: *const Pair, stride: usize, rows: usize, cols: usize, to: *mut Pair) {
    for i in 0..rows {
        // SAFETY: the caller keeps the contract.
        unsafe { to.add(i * cols).copy_from_nonoverlapping(from.add(i * stride), cols) };
    }
}

/// `to[i, j] ←` the pair of `from[2i, j]` and `from[2i + 1, j]`
///
/// # Safety
/// As [`Kernels::round`](crate::gemm::dispatch::Kernels::round).
pub(super) unsafe fn round(from: *const f32, stride: usize, rows: usize, cols: usize, to: *mut Pair) {
    for i in (0..rows).step_by(2) {
        // SAFETY: the caller keeps the contract; `to` is scratch, which is no part of the operand.
        unsafe {
            let row = |i: usize| slice::from_raw_parts(from.wrapping_add(i * stride), cols);
            let to = slice::from_raw_parts_mut(to.add(i / 2 * cols), cols);
            pair_two_rows(row(i), if i + 1 < rows { row(i + 1) } else { &[] }, to);
        }
    }
}

/// `to[j, i] ←` the pair of `from[rows.start + i, 2j]` and `from[rows.start + i, 2j + 1]`
///
/// # Safety
/// As [`Kernels::transpose_rounded`](crate::gemm::dispatch::Kernels::transpose_rounded).
pub(super) unsafe fn transpose_rounded(
    from: *const f32,
    stride: usize,
    rows: Range<usize>,
    cols: usize,
    to: *mut Pair,
) {
    for i in rows.clone() {
        for j in (0..cols).step_by(2) {
            // SAFETY: the caller keeps the contract.
            unsafe {
                let first = from.wrapping_add(i * stride + j);
                let second = if j + 1 < cols { *first.add(1) } else { 0.0 };
                *to.add(j / 2 * rows.len() + i - rows.start) = Pair::round(*first, second);
            }
        }
    }
}

/// `to[j, i] ←` the pair of `from[2i, j]` and `from[2i + 1, j]`
///
/// # Safety
/// As [`Kernels::transpose_rounded_rows`](crate::gemm::dispatch::Kernels::transpose_rounded_rows).
pub(super) unsafe fn transpose_rounded_rows(
    from: *const f32,
    stride: usize,
    rows: Range<usize>,
    cols: usize,
    to: *mut Pair,
) {
    debug_assert!(rows.start == 0);
    let height = rows.end.div_ceil(2);
    for i in rows.clone().step_by(2) {
        for j in 0..cols {
            // SAFETY: the caller keeps the contract.
            unsafe {
                let first = from.wrapping_add(i * stride + j);
                let second = if i + 1 < rows.end { *first.wrapping_add(stride) } else { 0.0 };
                *to.add(j * height + i / 2) = Pair::round(*first, second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::Numbers;

    #[test]
    fn sums_are_rounded_as_one_pair_does() {
        let mut random = Numbers::new(3);
        // Exponents at which products and sums are near the smallest normal number, and any others
        let mut number = |n: usize| {
            let bits = random.bits() as u32;
            f32::from_bits(if n.is_multiple_of(3) {
                bits
            } else {
                bits & 0x807f_ffff | (bits >> 24 & 63) << 24
            })
        };
        let mut tiny = 0;
        for n in 0..20_000 {
            let a = Pair::round(number(n), number(n));
            let b: [Pair; 5] = std::array::from_fn(|_| Pair::round(number(n), number(n)));
            let z: [f32; 5] = std::array::from_fn(|i| {
                let z = if (n + i) % 4 == 0 { -a.numbers().1 * b[i].numbers().1 } else { number(n) };
                if z.is_subnormal() { 0.0 } else { z }
            });
            let mut sums = z;
            add(&mut sums, a, &b);
            for i in 0..5 {
                let want = Pair::multiply_add(a, b[i], z[i]);
                let is_same = want.to_bits() == sums[i].to_bits() || want.is_nan() && sums[i].is_nan();
                assert!(
                    is_same,
                    "{:?} {:?} + {:e}: {:e}, not {want:e}",
                    a.numbers(),
                    b[i].numbers(),
                    z[i],
                    sums[i]
                );
                tiny += usize::from(want == 0.0);
            }
        }
        assert!(tiny > 1000, "{tiny} sums are 0");
    }
}
