//! Levels of vector instructions, and safe loops that are compiled for each level

use std::ffi::OsStr;
use std::sync::OnceLock;

/// Vector instructions that the kernels are compiled for
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What the compilation target guarantees: SSE2 on x86-64
    Portable,
    /// 256-bit vectors with fused multiply-add, and BMI1
    Avx2,
    /// 512-bit vectors with the byte/word, double/quad and variable-length extensions
    Avx512,
}

impl SimdLevel {
    /// The widest level that both this processor and `CHAINRULE_SIMD` (`avx512`, `avx2` or `portable`) allow
    ///
    /// The variable cannot raise the level above what the processor has. It serves to compare levels on one machine.
    ///
    /// # Errors
    /// If the variable is set to anything else: the text names the variable, its value and the expected ones.
    pub fn from_env() -> Result<Self, String> {
        Self::at_most(std::env::var_os("CHAINRULE_SIMD").as_deref())
    }

    fn at_most(limit: Option<&OsStr>) -> Result<Self, String> {
        let limit = match limit.map(|limit| limit.to_str().unwrap_or_default()) {
            None | Some("avx512") => Self::Avx512,
            Some("avx2") => Self::Avx2,
            Some("portable") => Self::Portable,
            Some(_) => {
                let found = limit.unwrap_or_default().display();
                return Err(format!("CHAINRULE_SIMD is `{found}`, expected avx512, avx2 or portable"));
            }
        };
        Ok(detect().min(limit))
    }
}

/// [`SimdLevel::from_env`], read once per process
///
/// # Panics
/// If the variable is set to an unknown level. A program checks it with [`SimdLevel::from_env`] when it starts.
pub fn simd_level() -> SimdLevel {
    static LEVEL: OnceLock<SimdLevel> = OnceLock::new();
    *LEVEL.get_or_init(|| SimdLevel::from_env().unwrap_or_else(|error| panic!("{error}")))
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

/// Whether products of bf16 are computed by the processor's instruction for them: AVX512-BF16
///
/// The results are the same without it.
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has && simd_level() == SimdLevel::Avx512
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> SimdLevel {
    SimdLevel::Portable
}

/// Compiles one safe loop for every [`SimdLevel`] and calls the version for this processor
///
/// The body is plain Rust that the compiler vectorises. It holds no fused operation and no reordered sum, so all
/// versions give the same bits.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident$(<$t:ident>)?($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name$(<$t: $crate::number::Number>)?($($arg: $ty),*) $(-> $out)? {
            #[inline(always)]
            fn portable$(<$t: $crate::number::Number>)?($($arg: $ty),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2$(<$t: $crate::number::Number>)?($($arg: $ty),*) $(-> $out)? {
                    portable($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512$(<$t: $crate::number::Number>)?($($arg: $ty),*) $(-> $out)? {
                    portable($($arg),*)
                }
                match $crate::cpu::simd_level::simd_level() {
                    // SAFETY: only the instructions make the call unsafe, and `simd_level` returns a level only if
                    // the processor reports all of its features.
                    $crate::cpu::simd_level::SimdLevel::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::cpu::simd_level::SimdLevel::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::cpu::simd_level::SimdLevel::Portable => {}
                }
            }
            portable($($arg),*)
        }
    };
}
pub(crate) use multiversion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_level_is_refused_with_the_known_ones() {
        for wrong in ["axv2", "", "AVX2"] {
            let error = SimdLevel::at_most(Some(OsStr::new(wrong))).unwrap_err();
            assert_eq!(error, format!("CHAINRULE_SIMD is `{wrong}`, expected avx512, avx2 or portable"));
        }
    }

    #[test]
    fn the_variable_lowers_the_level_and_does_not_raise_it() {
        let at_most = |limit: &str| SimdLevel::at_most(Some(OsStr::new(limit))).unwrap();
        assert_eq!(at_most("portable"), SimdLevel::Portable);
        assert_eq!(at_most("avx2"), detect().min(SimdLevel::Avx2));
        assert_eq!(at_most("avx512"), SimdLevel::at_most(None).unwrap());
    }
}
