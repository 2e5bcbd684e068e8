//! Vectors of AVX-512, and of AVX2 with FMA, under one set of names
//!
//! All functions are inlined into callers that have at least their features.

use std::arch::x86_64::*;

use crate::gemm::Update;
pub(crate) use crate::gemm::pair_simd::{avx2_emulated, avx512_bf16};
use crate::number::Number;

/// Starts loading the cache line of `at`, which need not exist, into L1
#[inline(always)]
pub(crate) fn prefetch<T>(at: *const T) {
    // SAFETY: a hint that touches no memory, and SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

macro_rules! vectors {
    ($module:ident, $t:ident, $features:literal, $lanes:literal, $vector:ident, $mask:ty,
     $zero:ident, $splat:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident, $whole:ident, $store_whole:ident,
     |$load_at:ident, $load_mask:ident| $load:expr, |$store_at:ident, $store_mask:ident, $store_value:ident| $store:expr,
     |$count:ident| $make_mask:expr, |$n:ident| $nonzero:expr, |$x:ident, $bound:ident| $at_least:expr) => {
        pub(crate) mod $module {
            use super::*;

            /// Elements of a vector
            pub(crate) const LANES: usize = $lanes;
            /// A vector
            pub(crate) type Vector = $vector;
            /// A set of lanes
            pub(crate) type Mask = $mask;

            /// All lanes 0
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn zero() -> Vector {
                $zero()
            }

            /// All lanes x
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn splat(x: $t) -> Vector {
                $splat(x)
            }

            /// All lanes the element at this place
            ///
            /// # Safety
            /// The element exists.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn broadcast(at: *const $t) -> Vector {
                // SAFETY: the caller keeps the contract.
                splat(unsafe { *at })
            }

            /// `x y + z`, rounded once
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn multiply_add(x: Vector, y: Vector, z: Vector) -> Vector {
                $fma(x, y, z)
            }

            /// The first `count` lanes, at most all
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn first($count: usize) -> Mask {
                $make_mask
            }

            /// The masks of `VECTORS` vectors that hold `width` elements together; only the last may be partial
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn masks<const VECTORS: usize>(width: usize) -> [Mask; VECTORS] {
                let mut masks = [first(LANES); VECTORS];
                masks[VECTORS - 1] = first(width - (VECTORS - 1) * LANES);
                masks
            }

            /// Loads the lanes of the mask, with 0 in the others
            ///
            /// # Safety
            /// The elements of the mask exist.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn load($load_at: *const $t, $load_mask: Mask) -> Vector {
                // SAFETY: the caller keeps the contract.
                unsafe { $load }
            }

            /// The same as [`load`], without the mask if `FULL` (docs/engine.md, row "masked loads")
            ///
            /// # Safety
            /// The elements of the mask exist, and if `FULL` all elements of the vector.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn load_full_or_masked<const FULL: bool>(at: *const $t, mask: Mask) -> Vector {
                // SAFETY: the caller keeps the contract.
                unsafe { if FULL { $whole(at) } else { load(at, mask) } }
            }

            /// Stores the lanes of the mask
            ///
            /// # Safety
            /// The elements of the mask exist, and no other thread accesses them.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn store($store_at: *mut $t, $store_mask: Mask, $store_value: Vector) {
                // SAFETY: the caller keeps the contract.
                unsafe { $store }
            }

            /// Stores all lanes
            ///
            /// # Safety
            /// All elements of the vector exist, and no other thread accesses them.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn store_full(at: *mut $t, x: Vector) {
                // SAFETY: the caller keeps the contract.
                unsafe { $store_whole(at, x) }
            }

            /// Stores all lanes if `full`, which the compiler should know, else those of the mask: a store with a mask
            /// takes processors of AMD many times as long with AVX2 (docs/engine.md, row "masked stores")
            ///
            /// # Safety
            /// The elements of the mask exist, and if `full` all elements of the vector; no other thread accesses them.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn store_full_or_masked(full: bool, at: *mut $t, mask: Mask, x: Vector) {
                // SAFETY: the caller keeps the contract.
                unsafe { if full { store_full(at, x) } else { store(at, mask, x) } }
            }

            /// Which of `len ≤ 64` elements are nonzero (or NaN): bit i is set if element i is
            ///
            /// # Safety
            /// The elements exist.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn nonzeros(at: *const $t, len: usize) -> u64 {
                let bits = |$n: Vector| -> u64 { $nonzero };
                // SAFETY: the caller keeps the contract; lanes from `len` on are masked.
                unsafe {
                    if len == 64 {
                        return (0..64 / LANES)
                            .fold(0, |all, v| all | bits($whole(at.add(v * LANES))) << (v * LANES));
                    }
                    (0..len)
                        .step_by(LANES)
                        .fold(0, |all, i| all | bits(load(at.add(i), first((len - i).min(LANES)))) << i)
                }
            }

            /// Starts loading the weights at `c + at` and their velocities into L1
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn prefetch_weights(update: &Update<$t>, c: *const $t, at: usize) {
                prefetch(c.wrapping_add(at));
                prefetch(update.v.wrapping_add(at));
            }

            /// η, μ and λ, each in all lanes of a vector
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn constants(update: &Update<$t>) -> [Vector; 3] {
                [splat(update.rule.eta), splat(update.rule.mu), splat(update.rule.lambda)]
            }

            /// Applies a step of SGD to the weights at `c + at`
            ///
            /// Nesterov's momentum is a branch here, since a second copy of the caller's loop would make the compiler keep
            /// sums in memory (docs/engine.md, row "Nesterov in the epilogue").
            ///
            /// # Safety
            /// The elements of the mask, and if `full` all elements of the vector, exist there, and in the velocities
            /// unless these are null; no other thread accesses them.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) unsafe fn apply_sgd(
                full: bool,
                update: &Update<$t>,
                [eta, mu, lambda]: [Vector; 3],
                c: *mut $t,
                at: usize,
                mask: Mask,
                gradient: Vector,
            ) {
                // x if |x| is not below the bound (or is NaN), else 0
                let at_least = |$x: Vector, $bound: Vector| -> Vector { $at_least };
                // SAFETY: the caller keeps the contract.
                unsafe {
                    let load = |from: *const $t| if full { $whole(from) } else { load(from, mask) };
                    let w = load(c.add(at));
                    // Without fused operations, so that the bits are those of `sgd.rs`.
                    let mut step = gradient;
                    if update.rule.lambda != 0.0 {
                        step = $add(step, $mul(lambda, w));
                    }
                    if !update.v.is_null() {
                        let decayed = step;
                        let velocity = load(update.v.add(at));
                        step = $add($mul(mu, velocity), step);
                        step = at_least(step, splat(<$t>::NEGLIGIBLE));
                        store_full_or_masked(full, update.v.add(at), mask, step);
                        if update.rule.nesterov {
                            step = $add(decayed, $mul(mu, step));
                        }
                    }
                    store_full_or_masked(full, c.add(at), mask, $sub(w, $mul(eta, step)));
                }
            }
        }
    };
}

vectors!(
    avx512_f32,
    f32,
    "avx512f",
    16,
    __m512,
    __mmask16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    |at, mask| _mm512_maskz_loadu_ps(mask, at),
    |at, mask, x| _mm512_mask_storeu_ps(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask16,
    |x| u64::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_ps())),
    // One instruction instead of two: the upper three bits of the exponent are 0 exactly if |x| < 2^(32 − 127).
    |x, _bound| _mm512_maskz_mov_ps(
        _mm512_test_epi32_mask(_mm512_castps_si512(x), _mm512_set1_epi32(0x7000_0000)),
        x
    )
);
vectors!(
    avx512_f64,
    f64,
    "avx512f",
    8,
    __m512d,
    __mmask8,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    |at, mask| _mm512_maskz_loadu_pd(mask, at),
    |at, mask, x| _mm512_mask_storeu_pd(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask8,
    |x| u64::from(_mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_pd())),
    |x, bound| _mm512_maskz_mov_pd(_mm512_cmp_pd_mask::<_CMP_NLT_UQ>(_mm512_abs_pd(x), bound), x)
);
vectors!(
    avx2_f32,
    f32,
    "avx2,fma",
    8,
    __m256,
    __m256i,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    |at, mask| _mm256_maskload_ps(at, mask),
    |at, mask, x| _mm256_maskstore_ps(at, mask, x),
    |count| _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |x| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(x, _mm256_setzero_ps())) as u64,
    |x, bound| _mm256_and_ps(
        x,
        _mm256_cmp_ps::<_CMP_NLT_UQ>(_mm256_andnot_ps(_mm256_set1_ps(-0.0), x), bound)
    )
);
vectors!(
    avx2_f64,
    f64,
    "avx2,fma",
    4,
    __m256d,
    __m256i,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    |at, mask| _mm256_maskload_pd(at, mask),
    |at, mask, x| _mm256_maskstore_pd(at, mask, x),
    |count| _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |x| _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(x, _mm256_setzero_pd())) as u64,
    |x, bound| _mm256_and_pd(
        x,
        _mm256_cmp_pd::<_CMP_NLT_UQ>(_mm256_andnot_pd(_mm256_set1_pd(-0.0), x), bound)
    )
);
