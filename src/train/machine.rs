//! The machine on which a run was made

use chainrule_kernels::{SimdLevel, simd_level};

/// The vector instructions that the kernels use, by their names in `CHAINRULE_SIMD`
pub(super) fn simd() -> &'static str {
    match simd_level() {
        SimdLevel::Portable => "portable",
        SimdLevel::Avx2 => "avx2",
        SimdLevel::Avx512 => "avx512",
    }
}

/// The name of the processor; `None` if the system does not report it
pub(super) fn cpu() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.trim().strip_prefix(':'));
    let model = model.map(|name| name.trim().to_owned());
    model.or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok()).filter(|name| !name.is_empty())
}

/// The name of the machine in its network
pub(super) fn host() -> Option<String> {
    let name = gethostname::gethostname().to_string_lossy().replace(char::is_control, " ");
    Some(name).filter(|name| !name.is_empty())
}
