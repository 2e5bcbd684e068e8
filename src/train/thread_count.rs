//! How many threads a net is worth training on

/// What one more thread costs a training step, in multiply-adds: barriers, and lines that go from core to core
///
/// Chosen by epochs of 784-h-10 nets with 1 and 2 threads on two cores with AVX-512: below 2²¹ multiply-adds
/// a step one thread was faster (784-32-10 in batches of 16: by 21 %; 32: by 4 to 12 %), above it two
/// (784-64-10 in batches of 16 by 4 %, of 32 by 12 %; 784-32-10 of 64 by 11 %). Beyond two threads it is the
/// model below that speaks, not a measurement.
const THREAD_COST: usize = 1 << 20;

/// As many of `cores` threads as make a step of the net `dims` (widths from features to classes) faster
///
/// With n threads a step of W multiply-adds takes the time of `W / n + (n − 1) c`, c being what a thread costs;
/// the n-th thread pays while `W / (n (n − 1)) ≥ c`.
pub fn worth(dims: &[usize], batch_size: usize, cores: usize) -> usize {
    // Forward, gradient of W, and, but for the first layer, gradient of the input.
    let layers = dims.windows(2).map(|pair| pair[0].saturating_mul(pair[1]));
    let a_row = layers.enumerate().map(|(l, weights)| weights.saturating_mul(if l == 0 { 2 } else { 3 }));
    let work = a_row.fold(0, usize::saturating_add).saturating_mul(batch_size);
    let pays = |n: usize| n.saturating_mul(n - 1).saturating_mul(THREAD_COST) <= work;
    (1..=cores).take_while(|&n| pays(n)).last().unwrap_or(1)
}

/// How many threads this process can run at once, limits of a container included
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_stay_on_one_thread_and_large_ones_take_all() {
        assert_eq!(worth(&[784, 32, 10], 16, 2), 1);
        assert_eq!(worth(&[784, 128, 64, 10], 64, 2), 2);
        assert_eq!(worth(&[784, 128, 64, 10], 64, 16), 4);
        assert_eq!(worth(&[784, 2048, 2048, 10], 256, 16), 16);
        assert_eq!(worth(&[usize::MAX, usize::MAX], usize::MAX, 3), 3);
        assert_eq!(worth(&[784, 10], 64, 1), 1);
    }
}
