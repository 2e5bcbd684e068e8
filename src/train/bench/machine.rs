//! Measurements of the machine's limits: multiply-adds in registers, and reading from L2 and from memory

use std::hint::black_box;

use chainrule_kernels::{has_bf16, peak};

use super::Kind;
use super::measure::{Measurements, seconds};
use crate::config::Dtype;
use crate::tables::BenchRow;

/// Measures the limits, among them the peak with which other measurements are compared
///
/// * `dtype`: the element type whose peak is measured; bf16 uses the f32 peak if the processor has no bf16 instruction
/// * `report`: whether the limits become rows; if not, only the peak is measured
pub fn measure(to: &mut Measurements<'_>, dtype: Dtype, report: bool) {
    let row = |name: &str, operation: &str| BenchRow {
        kind: Kind::Machine.name(),
        name: name.to_owned(),
        operation: operation.to_owned(),
        ..BenchRow::default()
    };
    let rounds = to.effort.fma_rounds;
    let mut peak_of = |name: &str, operation: &str, burst: fn(u64) -> u64| {
        let burst = || rayon::broadcast(|_| burst(rounds)).into_iter().sum::<u64>();
        let gflop = burst() as f64 / 1e9;
        let times = to.effort.times(|| seconds(burst));
        let peak = gflop / times.median;
        to.peak = Some(peak);
        if report {
            to.flops(row(name, operation), times, gflop, None);
        }
        peak
    };
    let single = peak_of("fused multiply-add in registers f32", "fma", peak::fma_burst);
    let bf16 = (has_bf16() && (report || dtype == Dtype::Bf16))
        .then(|| peak_of("multiply-add in registers bf16", "vdpbf16ps", peak::bf16_burst));
    to.peak = bf16.filter(|_| dtype == Dtype::Bf16).or(Some(single));
    if !report {
        return;
    }
    let threads = to.common.threads;
    for (name, operation, bytes, rounds) in [
        ("read from L2", "read_l2", (256 << 10) * threads, to.effort.l2_rounds),
        ("read from memory", "read_memory", to.effort.memory_bytes, 1),
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
        let times = to.effort.times(|| seconds(read));
        to.bytes(row(name, operation), times, 4 * share * threads * rounds);
    }
}
