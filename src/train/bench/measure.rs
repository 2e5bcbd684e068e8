//! Timing, and the rows that measurements become

use std::hint::black_box;
use std::time::Instant;

use crate::tables::BenchRow;
use chainrule_kernels::team;

/// How much time measurements take
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Samples of each median
    pub samples: usize,
    /// Shortest time of a sample of a kernel, which repeats it until then, s
    pub sample_s: f64,
    /// Iterations of multiply-adds in registers in a sample
    pub fma_rounds: u64,
    /// Times that a sample reads L2
    pub l2_rounds: usize,
    /// Bytes that a sample reads from memory: more than any cache holds
    pub memory_bytes: usize,
    /// Training and test images of made-up sets
    pub images: (usize, usize),
}

impl Effort {
    /// Enough for medians that can be compared; as many images as Fashion-MNIST has
    pub const FULL: Self = Self {
        samples: 15,
        sample_s: 0.01,
        fma_rounds: 2_000_000,
        l2_rounds: 2000,
        memory_bytes: 512 << 20,
        images: (60_000, 10_000),
    };

    /// As little as possible, to see that all works: the times mean nothing
    pub const QUICK: Self = Self {
        samples: 1,
        sample_s: 0.0,
        fma_rounds: 1000,
        l2_rounds: 1,
        memory_bytes: 1 << 20,
        images: (600, 100),
    };

    /// Median time of one call, while the pool's threads wait for its loops, s
    pub fn in_team(self, call: impl FnMut() + Send) -> f64 {
        team::scope(|| self.repeat(call))
    }

    /// Median time of one call, over samples that repeat it until each takes [`Self::sample_s`], s
    pub fn repeat(self, mut call: impl FnMut()) -> f64 {
        call();
        let mut count = 1;
        let mut sample = |count: u32| seconds(|| (0..count).for_each(|_| call()));
        while count < 1 << 24 && sample(count) < self.sample_s {
            count *= 2;
        }
        self.median(|| sample(count)) / f64::from(count)
    }

    /// Median of the samples that `sample` returns
    pub fn median(self, sample: impl FnMut() -> f64) -> f64 {
        median(std::iter::repeat_with(sample).take(self.samples))
    }
}

/// The measurements with one number of threads
pub struct Measurements<'a> {
    /// How long each takes
    pub effort: Effort,
    /// Threads of the current `rayon` pool
    pub threads: usize,
    /// GFLOP/s of multiply-adds in registers, once they are measured
    pub peak: Option<f64>,
    /// Called with each row
    pub on_row: &'a mut (dyn FnMut(BenchRow) + Send),
}

impl Measurements<'_> {
    /// Reports work of `gflop` · 10⁹ floating-point operations, on `images` images if it is on images
    pub fn flops(&mut self, kind: &'static str, name: String, s: f64, gflop: f64, images: Option<f64>) {
        let (threads, median_s, rate) = (self.threads, s, gflop / s);
        let (gflop_per_s, fraction_of_peak) = (Some(rate), self.peak.map(|peak| rate / peak));
        let images_per_s = images.map(|images| images / s);
        let rates = BenchRow { gflop_per_s, fraction_of_peak, images_per_s, ..BenchRow::default() };
        (self.on_row)(BenchRow { kind, name, threads, median_s, ..rates });
    }

    /// Reports work that reads and writes `bytes` bytes
    pub fn bytes(&mut self, kind: &'static str, name: String, median_s: f64, bytes: usize) {
        let (threads, gb_per_s) = (self.threads, Some(bytes as f64 / median_s / 1e9));
        (self.on_row)(BenchRow { kind, name, threads, median_s, gb_per_s, ..BenchRow::default() });
    }
}

/// Time of a call, s
pub fn seconds<R>(call: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(call());
    start.elapsed().as_secs_f64()
}

/// The middle one in size; of an even number, the upper of the two in the middle
pub fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.collect();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
