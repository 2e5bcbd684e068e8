//! Which vector instructions this processor has, found out once, and loops compiled for each of them

use std::sync::OnceLock;

/// Vector instructions that the kernels are compiled for
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What the target guarantees: SSE2 on x86-64
    Portable,
    /// 256-bit vectors, fused multiply-add and the first set of bit manipulations
    Avx2,
    /// 512-bit vectors, with the byte/word, double/quad and variable-length extensions
    Avx512,
}

/// The widest level that both this processor and the kernels have
///
/// `CHAINRULE_SIMD=portable|avx2|avx512` lowers it (it can't be raised above what the processor has), to
/// compare the levels on one machine. Read once per process.
pub fn simd_level() -> SimdLevel {
    static LEVEL: OnceLock<SimdLevel> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let wanted = match std::env::var("CHAINRULE_SIMD").as_deref() {
            Ok("portable") => SimdLevel::Portable,
            Ok("avx2") => SimdLevel::Avx2,
            _ => SimdLevel::Avx512,
        };
        detect().min(wanted)
    })
}

#[cfg(target_arch = "x86_64")]
fn detect() -> SimdLevel {
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => SimdLevel::Avx512,
        (true, false) => SimdLevel::Avx2,
        (false, _) => SimdLevel::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> SimdLevel {
    SimdLevel::Portable
}

/// Compiles one safe loop for every [`SimdLevel`] and calls the one that fits the processor
///
/// The body is plain Rust that the compiler turns into vectors. Since it holds no fused operation and no
/// reordered sum, all versions give the same bits.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$t:ident>($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name<$t: $crate::Scalar>($($arg: $ty),*) $(-> $out)? {
            #[inline(always)]
            fn portable<$t: $crate::Scalar>($($arg: $ty),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2<$t: $crate::Scalar>($($arg: $ty),*) $(-> $out)? {
                    portable($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512<$t: $crate::Scalar>($($arg: $ty),*) $(-> $out)? {
                    portable($($arg),*)
                }
                match $crate::simd_level() {
                    // SAFETY: the function is safe but for its instructions, and `simd_level` answers a
                    // level only if the processor reports all of its features.
                    $crate::SimdLevel::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::SimdLevel::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::SimdLevel::Portable => {}
                }
            }
            portable($($arg),*)
        }
    };
}
pub(crate) use multiversion;
