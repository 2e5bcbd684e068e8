//! Limits of the machine: multiply-adds in registers, and reading from L2 and from memory

use std::hint::black_box;

use chainrule_kernels::peak;

use super::measure::{Measurements, seconds};

/// Measures the limits; the peak that other measurements are compared with is one of them
pub fn measure(to: &mut Measurements<'_>) {
    let rounds = to.effort.fma_rounds;
    let burst = || rayon::broadcast(|_| peak::fma_burst(rounds)).into_iter().sum::<u64>();
    let gflop = burst() as f64 / 1e9;
    let median_s = to.effort.median(|| seconds(burst));
    to.flops("machine", "fused multiply-add in registers, f32".to_owned(), median_s, gflop, None);
    to.peak = Some(gflop / median_s);
    let threads = to.threads;
    for (name, bytes, rounds) in [
        ("read from L2", (256 << 10) * threads, to.effort.l2_rounds),
        ("read from memory", to.effort.memory_bytes, 1),
    ] {
        let data = vec![1.0f32; bytes / 4];
        let share = data.len() / threads;
        let read = || {
            rayon::broadcast(|thread| {
                let share = &data[thread.index() * share..][..share];
                for _ in 0..rounds {
                    black_box(peak::read(black_box(share)));
                }
            })
        };
        let median_s = to.effort.median(|| seconds(read));
        to.bytes("machine", name.to_owned(), median_s, 4 * share * threads * rounds);
    }
}
