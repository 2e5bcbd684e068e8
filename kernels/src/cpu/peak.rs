//! Loops that measure the limits of the machine: fused multiply-adds and bytes from memory per second
//!
//! No product can be faster than its multiply-adds alone, with all operands in registers.

use crate::cpu::simd_level::{SimdLevel, has_bf16, multiversion, simd_level};

/// Runs `rounds` rounds of independent multiply-adds in registers on this thread; returns the number of flops
///
/// A multiply-add is 2 flops. Enough chains run side by side to hide the latency of the widest vectors. On a processor
/// without the fused instruction, each is a multiplication and an addition.
pub fn fma_burst(rounds: u64) -> u64 {
    #[cfg(target_arch = "x86_64")]
    match simd_level() {
        // SAFETY: `simd_level` returns a level only if the processor reports its features.
        SimdLevel::Avx512 => return unsafe { burst::avx512(rounds) },
        // SAFETY: as above.
        SimdLevel::Avx2 => return unsafe { burst::avx2(rounds) },
        SimdLevel::Portable => {}
    }
    debug_assert!(simd_level() == SimdLevel::Portable);
    const CHAINS: usize = 64;
    let (x, y) = (std::hint::black_box(0.999f32), std::hint::black_box(0.001f32));
    let mut sums = [1.0f32; CHAINS];
    for _ in 0..rounds {
        sums.iter_mut().for_each(|sum| *sum = *sum * x + y);
    }
    std::hint::black_box(sums);
    rounds * CHAINS as u64 * 2
}

/// Runs `rounds` rounds of independent products of pairs of bf16 in registers on this thread, each added to a sum;
/// returns the number of flops, 4 for each pair
///
/// # Panics
/// If the processor has no instruction for them: see [`has_bf16`].
pub fn bf16_burst(rounds: u64) -> u64 {
    assert!(has_bf16(), "no AVX512-BF16");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the processor reports the features.
    return unsafe { burst::bf16(rounds) };
    #[cfg(not(target_arch = "x86_64"))]
    return rounds;
}

#[cfg(target_arch = "x86_64")]
mod burst {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    macro_rules! burst {
        ($level:ident, $features:literal, $chains:literal, $lanes:literal, $splat:ident, $fma:ident) => {
            #[target_feature(enable = $features)]
            pub(super) fn $level(rounds: u64) -> u64 {
                let (x, y) = ($splat(black_box(0.999)), $splat(black_box(0.001)));
                let mut sums = [$splat(black_box(1.0)); $chains];
                for _ in 0..rounds {
                    sums.iter_mut().for_each(|sum| *sum = $fma(*sum, x, y));
                }
                black_box(sums);
                rounds * $chains * $lanes * 2
            }
        };
    }
    burst!(avx512, "avx512f", 24, 16, _mm512_set1_ps, _mm512_fmadd_ps);
    /// As many chains as of [`avx512`]
    #[target_feature(enable = "avx512f,avx512bf16")]
    pub(super) fn bf16(rounds: u64) -> u64 {
        const CHAINS: usize = 24;
        // SAFETY: the types have the same size, and all bits are valid for both.
        let x =
            unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(black_box(0x3f00_3f00))) };
        let mut sums = [_mm512_set1_ps(black_box(1.0)); CHAINS];
        for _ in 0..rounds {
            sums.iter_mut().for_each(|sum| *sum = _mm512_dpbf16_ps(*sum, x, x));
        }
        black_box(sums);
        rounds * CHAINS as u64 * 16 * 4
    }
    burst!(avx2, "avx2,fma", 12, 8, _mm256_set1_ps, _mm256_fmadd_ps);
}

multiversion! {
    /// The sum of `x`, read once, in an order of additions that is not specified
    pub fn read<T>(x: &[T]) -> T {
        const CHAINS: usize = 64;
        let mut sums = [T::ZERO; CHAINS];
        for chunk in x.chunks_exact(CHAINS) {
            sums.iter_mut().zip(chunk).for_each(|(sum, &x)| *sum += x);
        }
        sums.iter().fold(T::ZERO, |sum, &x| sum + x)
    }
}
