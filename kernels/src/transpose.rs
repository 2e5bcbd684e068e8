//! Transposition of parts of matrices, in blocks that fit the registers
//!
//! A square block of one vector's length is transposed by butterflies: step s (half the length, a quarter, …, 1)
//! exchanges, between rows i and i + s, the numbers whose place has bit s in one row and not in the other.

use std::arch::x86_64::*;
use std::ops::Range;

macro_rules! transpose {
    ($module:ident, $t:ident, $features:literal, $lanes:literal, $vector:ident, $mask:ty, $zero:ident,
     |$load_at:ident, $load_mask:ident| $load:expr, |$store_at:ident, $store_mask:ident, $store_value:ident| $store:expr,
     |$count:ident| $make_mask:expr, |$step:ident, $a:ident, $b:ident| $exchange:expr) => {
        pub(crate) mod $module {
            use super::*;

            /// Numbers a vector
            const LANES: usize = $lanes;

            /// `to[j, i] ← from[rows.start + i, j]` for the rows and all of `cols` columns
            ///
            /// # Safety
            /// The processor has the features; `from` has `cols` numbers in each of the rows, `stride` apart; `to`
            /// has room for `cols` rows of `rows.len()` numbers, one behind the other, which nobody else touches.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn transpose(
                from: *const $t,
                stride: usize,
                rows: Range<usize>,
                cols: usize,
                to: *mut $t,
            ) {
                for row in rows.clone().step_by(LANES) {
                    let height = (rows.end - row).min(LANES);
                    for col in (0..cols).step_by(LANES) {
                        let width = (cols - col).min(LANES);
                        // SAFETY: the caller's promise; the block lies inside rows × cols.
                        unsafe {
                            let from = from.add(row * stride + col);
                            let to = to.add(col * rows.len() + row - rows.start);
                            block(from, stride, height, width, to, rows.len());
                        }
                    }
                }
            }

            /// `to[i, j] ← from[i, j]` for `rows` rows of `cols` numbers
            ///
            /// # Safety
            /// The processor has the features; `from` has the rows, `stride` apart; `to` has room for them one
            /// behind the other, which nobody else touches.
            #[target_feature(enable = $features)]
            pub(crate) unsafe fn pack(from: *const $t, stride: usize, rows: usize, cols: usize, to: *mut $t) {
                let mask = |$count: usize| -> $mask { $make_mask };
                // SAFETY: called below with places whose unmasked numbers exist.
                let load = |$load_at: *const $t, $load_mask: $mask| -> $vector { unsafe { $load } };
                // SAFETY: as above.
                let store = |$store_at: *mut $t, $store_mask: $mask, $store_value: $vector| unsafe { $store };
                let (whole, last) = (mask(LANES), mask(cols % LANES));
                for i in 0..rows {
                    let (from, to) = (from.wrapping_add(i * stride), to.wrapping_add(i * cols));
                    for j in (0..cols - cols % LANES).step_by(LANES) {
                        store(to.wrapping_add(j), whole, load(from.wrapping_add(j), whole));
                    }
                    if cols % LANES > 0 {
                        let j = cols - cols % LANES;
                        store(to.wrapping_add(j), last, load(from.wrapping_add(j), last));
                    }
                }
            }

            /// One block, `height` × `width`, both at most `LANES`
            ///
            /// # Safety
            /// As `transpose`, for the block alone.
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn block(
                from: *const $t,
                stride: usize,
                height: usize,
                width: usize,
                to: *mut $t,
                to_stride: usize,
            ) {
                let mask = |$count: usize| -> $mask { $make_mask };
                // SAFETY: called below with places whose unmasked numbers exist.
                let load = |$load_at: *const $t, $load_mask: $mask| -> $vector { unsafe { $load } };
                // SAFETY: as above.
                let store = |$store_at: *mut $t, $store_mask: $mask, $store_value: $vector| unsafe { $store };
                let exchange = |$step: usize, $a: $vector, $b: $vector| -> ($vector, $vector) { $exchange };
                let (wide, high) = (mask(width), mask(height));
                let mut rows = [$zero(); LANES];
                for i in 0..LANES {
                    if i < height {
                        rows[i] = load(from.wrapping_add(i * stride), wide);
                    }
                }
                let mut step = LANES / 2;
                while step > 0 {
                    for i in (0..LANES).filter(|i| i & step == 0) {
                        (rows[i], rows[i + step]) = exchange(step, rows[i], rows[i + step]);
                    }
                    step /= 2;
                }
                for j in 0..LANES {
                    if j < width {
                        store(to.wrapping_add(j * to_stride), high, rows[j]);
                    }
                }
            }
        }
    };
}

/// For each place j of the two results of a butterfly of `step`: which of a's (0..) and b's (16..) numbers comes there
const fn places(step: usize, second: bool) -> [i64; 16] {
    let (mut places, mut j) = ([0; 16], 0);
    while j < 16 {
        let own = (j & step == 0) != second;
        places[j] = match (own, second) {
            (true, false) => j as i64,
            (false, false) => 16 + (j - step) as i64,
            (false, true) => (j + step) as i64,
            (true, true) => 16 + j as i64,
        };
        j += 1;
    }
    places
}

/// The same as indices of `permutex2var` for 16 numbers
const fn indices_16(step: usize, second: bool) -> [i32; 16] {
    let (places, mut indices, mut j) = (places(step, second), [0; 16], 0);
    while j < 16 {
        indices[j] = places[j] as i32;
        j += 1;
    }
    indices
}

/// The same for 8 numbers, of which b's count from 8
const fn indices_8(step: usize, second: bool) -> [i64; 8] {
    let (places, mut indices, mut j) = (places(step, second), [0; 8], 0);
    while j < 8 {
        indices[j] = if places[j] < 16 { places[j] } else { places[j] - 8 };
        j += 1;
    }
    indices
}

/// For steps 1, 2, 4 and 8, the indices of both results
const BY_STEP_16: [[[i32; 16]; 2]; 4] = {
    const fn both(step: usize) -> [[i32; 16]; 2] {
        [indices_16(step, false), indices_16(step, true)]
    }
    [both(1), both(2), both(4), both(8)]
};
/// For steps 1, 2 and 4, the indices of both results
const BY_STEP_8: [[[i64; 8]; 2]; 3] = {
    const fn both(step: usize) -> [[i64; 8]; 2] {
        [indices_8(step, false), indices_8(step, true)]
    }
    [both(1), both(2), both(4)]
};

transpose!(
    avx512_f32,
    f32,
    "avx512f",
    16,
    __m512,
    __mmask16,
    _mm512_setzero_ps,
    |at, mask| _mm512_maskz_loadu_ps(mask, at),
    |at, mask, x| _mm512_mask_storeu_ps(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask16,
    |step, a, b| {
        let [first, second] = &BY_STEP_16[step.trailing_zeros() as usize];
        // SAFETY: 16 indices of 32 bits each are read.
        let at = |indices: &[i32; 16]| unsafe { _mm512_loadu_si512(indices.as_ptr().cast()) };
        (_mm512_permutex2var_ps(a, at(first), b), _mm512_permutex2var_ps(a, at(second), b))
    }
);
transpose!(
    avx512_f64,
    f64,
    "avx512f",
    8,
    __m512d,
    __mmask8,
    _mm512_setzero_pd,
    |at, mask| _mm512_maskz_loadu_pd(mask, at),
    |at, mask, x| _mm512_mask_storeu_pd(at, mask, x),
    |count| ((1u32 << count) - 1) as __mmask8,
    |step, a, b| {
        let [first, second] = &BY_STEP_8[step.trailing_zeros() as usize];
        // SAFETY: 8 indices of 64 bits each are read.
        let at = |indices: &[i64; 8]| unsafe { _mm512_loadu_si512(indices.as_ptr().cast()) };
        (_mm512_permutex2var_pd(a, at(first), b), _mm512_permutex2var_pd(a, at(second), b))
    }
);
transpose!(
    avx2_f32,
    f32,
    "avx2,fma",
    8,
    __m256,
    __m256i,
    _mm256_setzero_ps,
    |at, mask| _mm256_maskload_ps(at, mask),
    |at, mask, x| _mm256_maskstore_ps(at, mask, x),
    |count| _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |step, a, b| match step {
        4 => (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b)),
        2 => (_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xee>(a, b)),
        _ => (
            _mm256_blend_ps::<0xaa>(a, _mm256_moveldup_ps(b)),
            _mm256_blend_ps::<0xaa>(_mm256_movehdup_ps(a), b)
        ),
    }
);
transpose!(
    avx2_f64,
    f64,
    "avx2,fma",
    4,
    __m256d,
    __m256i,
    _mm256_setzero_pd,
    |at, mask| _mm256_maskload_pd(at, mask),
    |at, mask, x| _mm256_maskstore_pd(at, mask, x),
    |count| _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |step, a, b| match step {
        2 => (_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b)),
        _ => (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b)),
    }
);
