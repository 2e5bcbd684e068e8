//! Dropout: a random share of the elements becomes 0, and the others are scaled so that the expected value stays
//!
//! Whether an element is dropped is a hash of its index and a key, so a mask takes no memory, and any thread can compute
//! any part of it. The hash has only 32-bit additions, multiplications, shifts and exclusive ors, which give the same bits
//! with every instruction set.
//!
//! Source of dropout: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *Dropout: A Simple Way to Prevent Neural
//! Networks from Overfitting* (2014). Source of the hash's constants: Wellons, *hash-prospector*,
//! <https://github.com/skeeto/hash-prospector> (`triple32`).

use super::CHUNK;
use crate::cpu::simd_level::multiversion;
use crate::number::Number;
use crate::threads::block_mut::BlockMut;
use crate::threads::parallel::for_each_chunk;

/// Which elements are dropped, and what the others are multiplied by
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout<T> {
    key: [u32; 2],
    /// An element is dropped if its hash is below this number
    threshold: u32,
    scale: T,
}

impl<T: Number> Dropout<T> {
    /// Drops about the share 0 ≤ p < 1 of the elements, and multiplies the others by 1 / (1 − p)
    ///
    /// * `key`: chooses the elements; each key has its own mask, and the mask of a smaller share is a part of it
    ///
    /// # Panics
    /// If `share` is outside its range.
    #[track_caller]
    pub fn new(share: f64, key: u64) -> Self {
        assert!((0.0..1.0).contains(&share), "a share of {share} to drop");
        // Below 2³², since the share is below 1.
        let threshold = (share * 2f64.powi(32)) as u32;
        Self { key: [key as u32, (key >> 32) as u32], threshold, scale: T::from_f64(1.0 / (1.0 - share)) }
    }

    /// `x[i] ← 0` if element i is dropped, else `scale · x[i]`, in place
    ///
    /// The derivative is the same function: it turns ∂L/∂y into ∂L/∂x. Indices count modulo 2³².
    pub fn apply(self, x: &mut [T]) {
        for_each_chunk(x, CHUNK, |i, x| drop_block(self, BlockMut::one_row(x), i * CHUNK));
    }

    /// What elements that are not dropped are multiplied by
    pub(crate) fn scale(self) -> T {
        self.scale
    }
}

/// A random number for index `i`, uniform over all numbers of 32 bits
#[inline(always)]
fn hash(i: u32, [a, b]: [u32; 2]) -> u32 {
    let mut h = i.wrapping_add(a);
    h ^= h >> 17;
    h = h.wrapping_mul(0xed5a_d4bb);
    h ^= h >> 11;
    // The second half of the key: without it, all masks would be parts of one sequence.
    h = h.wrapping_add(b).wrapping_mul(0xac4c_1b51);
    h ^= h >> 15;
    h = h.wrapping_mul(0x3184_8bab);
    h ^ h >> 14
}

multiversion! {
    /// Applies dropout to a block of a matrix, whose first element has index `first`
    pub(crate) fn drop_block<T>(dropout: Dropout<T>, x: BlockMut<'_, T>, first: usize) {
        let Dropout { key, threshold, scale } = dropout;
        let stride = x.stride();
        for (i, row) in x.into_rows().enumerate() {
            let mut index = (first + i * stride) as u32;
            for x in row {
                *x = if hash(index, key) < threshold { T::ZERO } else { *x * scale };
                index = index.wrapping_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A random key for each number
    fn key(n: u64) -> u64 {
        crate::numbers::Numbers::new(n).bits()
    }

    /// 1 for each element that is dropped, else 0
    fn mask(share: f64, key: u64, len: usize) -> Vec<f64> {
        let mut x = vec![1.0; len];
        Dropout::new(share, key).apply(&mut x);
        x.iter().map(|&x| if x == 0.0 { 1.0 } else { 0.0 }).collect()
    }

    /// How many standard deviations the count of elements that two masks both drop is from that of independent masks
    fn deviation(a: &[f64], b: &[f64], share: f64) -> f64 {
        let (n, both) = (a.len() as f64, share * share);
        let count: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
        (count - n * both) / (n * both * (1.0 - both)).sqrt()
    }

    #[test]
    fn elements_are_zero_or_scaled_and_a_block_has_the_mask_of_the_whole() {
        for len in [0, 1, 15, 100, CHUNK - 1, 3 * CHUNK + 5] {
            let x: Vec<f32> = (0..len).map(|i| i as f32 + 1.0).collect();
            let (mut y, dropout) = (x.clone(), Dropout::new(0.2, key(7)));
            dropout.apply(&mut y);
            assert!(x.iter().zip(&y).all(|(&x, &y)| y == 0.0 || y == x * 1.25));
        }
        let (rows, cols) = (9, 70);
        let (mut whole, mut parts) = (vec![1.0f64; rows * cols], vec![1.0f64; rows * cols]);
        let dropout = Dropout::new(0.5, key(1));
        dropout.apply(&mut whole);
        for from in [0, 13, 64] {
            let width = [13, 51, 6][[0, 13, 64].iter().position(|&start| start == from).unwrap()];
            for row in [0, 4] {
                let height = if row == 0 { 4 } else { 5 };
                let first = row * cols + from;
                // SAFETY: the blocks lie inside `parts`, and one is used at a time.
                let block = unsafe { BlockMut::new(parts.as_mut_ptr().add(first), height, cols, width) };
                drop_block(dropout, block, first);
            }
        }
        assert_eq!(whole, parts);
    }

    #[test]
    fn the_mean_is_kept_and_the_ends_of_the_range_drop_nothing_and_nearly_all() {
        for share in [0.0, 0.1, 0.5, 0.9] {
            for n in 0..20 {
                let len = 100_000;
                let mut x = vec![1.0f64; len];
                Dropout::new(share, key(n)).apply(&mut x);
                let mean: f64 = x.iter().sum::<f64>() / len as f64;
                let sd = (share / (1.0 - share) / len as f64).sqrt();
                assert!((mean - 1.0).abs() <= 5.0 * sd, "share {share}: mean {mean}");
            }
        }
        assert!(mask(1f64.next_down(), 3, 10_000).iter().all(|&dropped| dropped == 1.0));
    }

    #[test]
    fn neighbours_rows_layers_and_batches_are_independent() {
        // Deviations of independent masks are normal: one of these 960 is above 5 with a probability of 0.06 %.
        for share in [0.1, 0.5, 0.8] {
            for n in 0..20 {
                let len = 64 * 1024;
                let all = mask(share, key(n), len);
                // Neighbours, and the same column of the next rows of layers of these widths
                for width in [1, 2, 3, 10, 64, 100, 128, 500, 512, 784, 1000, 1024, 2048, 4096] {
                    let off = deviation(&all[width..], &all[..len - width], share);
                    assert!(off.abs() < 5.0, "share {share}, key {n}, distance {width}: {off}");
                }
                // Other keys, one that differs in a single bit among them
                for other in [key(n + 1), key(n) ^ 1, key(n) ^ 1 << 40] {
                    let off = deviation(&all, &mask(share, other, len), share);
                    assert!(off.abs() < 5.0, "share {share}, keys {n} and {other}: {off}");
                }
            }
        }
    }
}
