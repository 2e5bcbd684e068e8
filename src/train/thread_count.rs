//! How many threads to train on, and pools of that size

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::dims::Dims;
use crate::error::{Error, Result};

/// Cost of one more thread in a training step, in multiply-adds: barriers, and cache lines that move between cores
///
/// Chosen by measurement for the second thread (docs/engine.md, row "one thread or two"). For more threads it is
/// the model of [`useful_threads`], not a measurement.
const THREAD_COST: f64 = (1 << 20) as f64;

/// The largest number of threads, up to `cores`, that still makes a training step faster
///
/// With n threads a step of W multiply-adds takes the time of `W / n + (n − 1) c`, where c is the cost of a thread.
/// The n-th thread helps while `W / (n (n − 1)) ≥ c`.
pub fn useful_threads(dims: &Dims, batch_size: usize, cores: usize) -> usize {
    let work = dims.step_multiply_adds() * batch_size as f64;
    let helps = |n: usize| n as f64 * (n as f64 - 1.0) * THREAD_COST <= work;
    (1..=cores).take_while(|&n| helps(n)).last().unwrap_or(1)
}

/// How many threads this process can run at once, limits of a container included
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A pool of `threads` threads to compute on
///
/// # Errors
/// If the system can't start them.
pub fn pool(threads: usize) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|e| Error::Threads { threads, problem: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_stay_on_one_thread_and_large_ones_take_all() {
        let useful =
            |dims: &[usize], batch_size, cores| useful_threads(&Dims(dims.to_vec()), batch_size, cores);
        assert_eq!(useful(&[784, 32, 10], 16, 2), 1);
        assert_eq!(useful(&[784, 128, 64, 10], 64, 2), 2);
        assert_eq!(useful(&[784, 128, 64, 10], 64, 16), 4);
        assert_eq!(useful(&[784, 2048, 2048, 10], 256, 16), 16);
        assert_eq!(useful(&[usize::MAX, usize::MAX], usize::MAX, 3), 3);
        assert_eq!(useful(&[784, 10], 64, 1), 1);
    }
}
