//! Timing, and the rows that hold measurements

use std::hint::black_box;
use std::time::Instant;

use crate::tables::BenchRow;
use chainrule_kernels::team;

/// How much time measurements take
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Number of timings for each median
    pub timings: usize,
    /// Shortest duration of a timing of a kernel, s; a timing repeats the kernel until it takes this long
    pub timing_s: f64,
    /// Iterations of multiply-adds in registers in a timing
    pub fma_rounds: u64,
    /// How many times a timing reads the data in L2
    pub l2_rounds: usize,
    /// Number of bytes that a timing reads from memory: more than any cache holds
    pub memory_bytes: usize,
    /// Numbers of training and test images of random sets
    pub images: (usize, usize),
}

impl Effort {
    /// Enough for medians that can be compared; as many images as Fashion-MNIST has
    pub const FULL: Self = Self {
        timings: 15,
        timing_s: 0.01,
        fma_rounds: 2_000_000,
        l2_rounds: 2000,
        memory_bytes: 512 << 20,
        images: (60_000, 10_000),
    };

    /// As little as possible, to check that everything works: the times have no meaning
    pub const QUICK: Self = Self {
        timings: 1,
        timing_s: 0.0,
        fma_rounds: 1000,
        l2_rounds: 1,
        memory_bytes: 1 << 20,
        images: (600, 100),
    };

    /// Times of one call, measured while the pool's threads stay ready for its loops
    pub fn in_team(self, call: impl FnMut() + Send) -> Times {
        team::scope(|| self.repeat(call))
    }

    /// Times of one call, from timings that repeat it until each takes at least [`Self::timing_s`]
    pub fn repeat(self, mut call: impl FnMut()) -> Times {
        call();
        let mut count = 1;
        let mut time = |count: u32| seconds(|| (0..count).for_each(|_| call()));
        while count < 1 << 24 && time(count) < self.timing_s {
            count *= 2;
        }
        self.times(|| time(count) / f64::from(count))
    }

    /// Calls `time` once for each of [`Self::timings`], and summarises the times that it returns
    pub fn times(self, time: impl FnMut() -> f64) -> Times {
        Times::of(std::iter::repeat_with(time).take(self.timings))
    }
}

/// A summary of several times of the same work
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// The median, s; for an even number of times, the larger of the two in the middle
    pub median: f64,
    /// The shortest time, s
    pub min: f64,
    /// Half of the interquartile range, s; `None` for fewer than three times
    pub spread: Option<f64>,
    /// Number of times
    pub count: usize,
}

impl Times {
    /// Summarises at least one time
    pub fn of(times: impl Iterator<Item = f64>) -> Self {
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        let count = times.len();
        let at = |i: usize| times.get(i).copied().unwrap_or(f64::NAN);
        let spread = (count >= 3).then(|| (at((3 * count) / 4) - at(count / 4)) / 2.0);
        Self { median: at(count / 2), min: at(0), spread, count }
    }
}

/// Measures with one number of threads, and reports each measurement as a row
pub struct Measurements<'a> {
    /// How much time each measurement takes
    pub effort: Effort,
    /// The columns that are the same in all rows: threads, machine, program
    pub common: BenchRow,
    /// GFLOP/s of multiply-adds in registers; `None` until measured
    pub peak: Option<f64>,
    /// Called with each row
    pub on_row: &'a mut (dyn FnMut(BenchRow) + Send),
}

impl Measurements<'_> {
    /// Reports work of `gflop` · 10⁹ floating-point operations; the share `skipped` of them was not computed
    ///
    /// * `row`: what was measured
    pub fn flops(&mut self, row: BenchRow, times: Times, gflop: f64, skipped: Option<f64>) {
        let rate = gflop / times.median;
        let done = rate * (1.0 - skipped.unwrap_or(0.0));
        let fraction_of_peak = self.peak.map(|peak| done / peak);
        self.report(BenchRow { gflop_per_s: Some(rate), fraction_of_peak, skipped, ..row }, times);
    }

    /// Reports work that reads and writes `bytes` bytes
    pub fn bytes(&mut self, row: BenchRow, times: Times, bytes: usize) {
        self.report(BenchRow { gb_per_s: Some(bytes as f64 / times.median / 1e9), ..row }, times);
    }

    fn report(&mut self, row: BenchRow, times: Times) {
        let common = self.common.clone();
        (self.on_row)(BenchRow {
            threads: common.threads,
            engine: common.engine,
            simd: common.simd,
            cpu: common.cpu,
            cores: common.cores,
            data: common.data,
            version: common.version,
            date: common.date,
            median_s: times.median,
            min_s: times.min,
            spread_s: times.spread,
            samples: times.count,
            ..row
        });
    }
}

/// Measures the time of a call, s
pub fn seconds<R>(call: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(call());
    start.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_median_and_a_spread() {
        let times = Times::of([4.0, 1.0, 2.0, 5.0, 3.0].into_iter());
        assert_eq!(times, Times { median: 3.0, min: 1.0, spread: Some(1.0), count: 5 });
        assert_eq!(
            Times::of([2.0, 1.0].into_iter()),
            Times { median: 2.0, min: 1.0, spread: None, count: 2 }
        );
    }
}
