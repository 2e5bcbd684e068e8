//! Vectors of pairs of bf16, under the names of `simd.rs`: by the instruction `vdpbf16ps`, and emulated without it
//!
//! `vdpbf16ps` adds the product of the upper halves to a sum, then that of the lower halves, and rounds each sum to
//! `f32`; subnormal numbers count as 0, and subnormal sums become 0. [`Pair::multiply_add`] computes the same. The
//! emulations use two fused multiply-adds, and call it where a sum is, or may have been rounded from, a subnormal
//! number.

use std::arch::x86_64::*;
use std::mem::transmute;

use crate::number::pair::Pair;

macro_rules! pairs {
    ($module:ident, $single:ident, $features:literal, |$x:ident, $y:ident, $z:ident| $multiply_add:expr,
     |$sum:ident| $initial:expr) => {
        pub(crate) mod $module {
            use super::*;
            use crate::gemm::simd::$single;
            pub(crate) use crate::gemm::simd::$single::{
                LANES, Mask, Vector, apply_sgd, constants, masks, prefetch_weights, store_full_or_masked,
                zero,
            };

            /// All lanes the pair at this place
            ///
            /// # Safety
            /// The pair exists.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn broadcast(at: *const Pair) -> Vector {
                // SAFETY: the caller keeps the contract.
                unsafe { $single::broadcast(at.cast()) }
            }

            /// The sums z of each lane, plus the two products of the pairs x and y
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn multiply_add($x: Vector, $y: Vector, $z: Vector) -> Vector {
                $multiply_add
            }

            /// Loads the sums of the mask, with 0 in the others; a subnormal sum becomes 0 of its sign
            ///
            /// # Safety
            /// The elements of the mask exist.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn load(at: *const f32, mask: Mask) -> Vector {
                // SAFETY: the caller keeps the contract.
                let $sum = unsafe { $single::load(at, mask) };
                $initial
            }

            /// Loads pairs, without the mask if `FULL`
            ///
            /// # Safety
            /// The pairs of the mask exist, and if `FULL` all of the vector.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn load_full_or_masked<const FULL: bool>(
                at: *const Pair,
                mask: Mask,
            ) -> Vector {
                // SAFETY: the caller keeps the contract.
                unsafe { $single::load_full_or_masked::<FULL>(at.cast(), mask) }
            }

            /// Which of `len ≤ 64` pairs are not [`Pair::is_zero`]
            ///
            /// # Safety
            /// The pairs exist.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn nonzeros(at: *const Pair, len: usize) -> u64 {
                // SAFETY: the caller keeps the contract. Only the words 0 and −0 compare equal to 0.
                unsafe { $single::nonzeros(at.cast(), len) }
            }
        }
    };
}

pairs!(
    avx512_bf16,
    avx512_f32,
    "avx512f,avx512bf16",
    // SAFETY: the types have the same size, and all bits are valid for both.
    |x, y, z| unsafe {
        _mm512_dpbf16_ps(z, transmute::<Vector, __m512bh>(x), transmute::<Vector, __m512bh>(y))
    },
    |sum| {
        let (bits, sign) = (_mm512_castps_si512(sum), _mm512_set1_epi32(i32::MIN));
        let magnitude = _mm512_andnot_si512(sign, bits);
        let subnormal = _mm512_cmplt_epi32_mask(magnitude, _mm512_set1_epi32(0x0080_0000));
        _mm512_castsi512_ps(_mm512_mask_and_epi32(bits, subnormal, bits, sign))
    }
);
pairs!(
    avx2_emulated,
    avx2_f32,
    "avx2,fma",
    |x, y, z| {
        let (x, y) = (_mm256_castps_si256(x), _mm256_castps_si256(y));
        let upper = _mm256_set1_epi32(0xffff_0000u32 as i32);
        let sum = _mm256_fmadd_ps(
            _mm256_castsi256_ps(_mm256_and_si256(x, upper)),
            _mm256_castsi256_ps(_mm256_and_si256(y, upper)),
            z,
        );
        let both = _mm256_fmadd_ps(
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(x)),
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(y)),
            sum,
        );
        let tiny = |sum: __m256| {
            let magnitude = _mm256_and_si256(_mm256_castps_si256(sum), _mm256_set1_epi32(0x7fff_ffff));
            _mm256_and_si256(
                _mm256_cmpgt_epi32(_mm256_set1_epi32(0x0080_0001), magnitude),
                _mm256_cmpgt_epi32(magnitude, _mm256_setzero_si256()),
            )
        };
        let any = _mm256_or_si256(tiny(sum), tiny(both));
        if _mm256_testz_si256(any, any) == 1 { both } else { avx2_exact(x, y, z) }
    },
    |sum| {
        let bits = _mm256_castps_si256(sum);
        let magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fff_ffff));
        let subnormal = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x0080_0000), magnitude);
        let without = _mm256_andnot_si256(_mm256_and_si256(subnormal, _mm256_set1_epi32(0x7fff_ffff)), bits);
        _mm256_castsi256_ps(without)
    }
);

/// [`Pair::multiply_add`] of each lane
#[target_feature(enable = "avx2,fma")]
#[cold]
fn avx2_exact(x: __m256i, y: __m256i, z: __m256) -> __m256 {
    // SAFETY: the types have the same size, and all bits are valid for both.
    unsafe {
        let [x, y] = [x, y].map(|pairs| transmute::<__m256i, [Pair; 8]>(pairs));
        let z = transmute::<__m256, [f32; 8]>(z);
        transmute::<[f32; 8], __m256>(std::array::from_fn(|i| Pair::multiply_add(x[i], y[i], z[i])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd_level::{SimdLevel, has_bf16, simd_level};
    use crate::left_out::left_out;
    use crate::numbers::Numbers;

    /// The sums of sixteen lanes by one of the modules
    type Sums = fn(&[Pair; 16], &[Pair; 16], &[f32; 16]) -> [f32; 16];

    macro_rules! sums {
        ($name:ident, $module:ident, $features:literal) => {
            fn $name(x: &[Pair; 16], y: &[Pair; 16], z: &[f32; 16]) -> [f32; 16] {
                #[target_feature(enable = $features)]
                unsafe fn all(x: &[Pair; 16], y: &[Pair; 16], z: &[f32; 16]) -> [f32; 16] {
                    use super::$module::*;
                    let (mut sums, [mask]) = ([0.0; 16], masks::<1>(LANES));
                    for at in (0..16).step_by(LANES) {
                        // SAFETY: all lanes lie inside the arrays.
                        unsafe {
                            let [x, y] =
                                [x, y].map(|x| load_full_or_masked::<true>(x.as_ptr().add(at), mask));
                            let sum = multiply_add(x, y, load(z.as_ptr().add(at), mask));
                            store_full_or_masked(false, sums.as_mut_ptr().add(at), mask, sum);
                        }
                    }
                    sums
                }
                // SAFETY: a test calls this if the processor has the features.
                unsafe { all(x, y, z) }
            }
        };
    }
    sums!(by_instruction, avx512_bf16, "avx512f,avx512bf16");
    sums!(by_avx2, avx2_emulated, "avx2,fma");

    /// A number of any exponent, or one near 1, or near the smallest normal number
    fn number(random: &mut Numbers) -> f32 {
        let bits = random.bits() as u32;
        match bits >> 30 {
            0 => f32::from_bits(random.bits() as u32),
            1 => f32::from_bits(bits & 0x81ff_ffff | 0x3e00_0000),
            2 => f32::from_bits(bits & 0x807f_ffff | (random.bits() as u32 % 40) << 23),
            _ => f32::from_bits(bits & 0x807f_ffff | (40 + random.bits() as u32 % 48) << 23),
        }
    }

    /// The modules with their names, and whether the processor has their instructions
    fn modules() -> [(&'static str, bool, Sums); 2] {
        let has_avx2 = simd_level() >= SimdLevel::Avx2;
        [("vdpbf16ps", has_bf16(), by_instruction), ("AVX2", has_avx2, by_avx2)]
    }

    #[test]
    fn all_instructions_round_as_one_pair_does() {
        let all = modules();
        let count: usize = std::env::var("CHAINRULE_PAIRS").map_or(1_000_000, |n| n.parse().unwrap());
        let mut random = Numbers::new(14);
        let mut tiny = 0;
        for _ in 0..count / 16 {
            let pairs = |random: &mut Numbers| [(); 16].map(|()| Pair::round(number(random), number(random)));
            let (x, y) = (pairs(&mut random), pairs(&mut random));
            let z: [f32; 16] = std::array::from_fn(|i| match i % 4 {
                // Near a sum of 0
                0 => {
                    let ((x1, _), (y1, _)) = (x[i].numbers(), y[i].numbers());
                    f32::from_bits((-x1 * y1).to_bits().wrapping_add(random.bits() as u32 % 4))
                }
                _ => number(&mut random),
            });
            let want: [f32; 16] = std::array::from_fn(|i| Pair::multiply_add(x[i], y[i], z[i]));
            tiny += want.iter().filter(|sum| **sum == 0.0).count();
            for (name, _, sums) in all.iter().filter(|(_, has, _)| *has) {
                let found = sums(&x, &y, &z);
                for i in 0..16 {
                    let same =
                        found[i].to_bits() == want[i].to_bits() || found[i].is_nan() && want[i].is_nan();
                    assert!(
                        same,
                        "{name}: {:?} {:?} + {:e}: {:e}, expected {:e}",
                        x[i].numbers(),
                        y[i].numbers(),
                        z[i],
                        found[i],
                        want[i]
                    );
                }
            }
        }
        assert!(tiny > count / 100, "too few sums are 0: {tiny}");
        for (name, _, _) in all.iter().filter(|(_, has, _)| !*has) {
            left_out(&format!("sums of pairs by {name}"), "the processor has no such instructions");
        }
    }

    #[test]
    fn subnormal_sums_are_0_before_any_product_is_added() {
        macro_rules! loaded {
            ($module:ident, $features:literal) => {{
                #[target_feature(enable = $features)]
                unsafe fn loaded(z: &[f32; 16]) -> [f32; 16] {
                    use super::$module::*;
                    let (mut sums, [mask]) = ([f32::NAN; 16], masks::<1>(LANES));
                    for at in (0..16).step_by(LANES) {
                        // SAFETY: all lanes lie inside the arrays.
                        unsafe {
                            store_full_or_masked(
                                false,
                                sums.as_mut_ptr().add(at),
                                mask,
                                load(z.as_ptr().add(at), mask),
                            )
                        };
                    }
                    sums
                }
                loaded as unsafe fn(&[f32; 16]) -> [f32; 16]
            }};
        }
        let tiny = f32::MIN_POSITIVE;
        let numbers = [0.0, 1e-45, 1e-40, f32::from_bits(0x007f_ffff), tiny, 1.5, f32::INFINITY, f32::NAN];
        let z: [f32; 16] = std::array::from_fn(|i| if i < 8 { numbers[i] } else { -numbers[i - 8] });
        let want = z.map(|z| if z.is_subnormal() { 0.0f32.copysign(z) } else { z });
        let all = [loaded!(avx512_bf16, "avx512f,avx512bf16"), loaded!(avx2_emulated, "avx2,fma")];
        for (loaded, (name, has, _)) in all.into_iter().zip(modules()) {
            if has {
                // SAFETY: the processor has the features.
                let found = unsafe { loaded(&z) };
                assert_eq!(found.map(f32::to_bits), want.map(f32::to_bits), "{name}");
            }
        }
    }
}
