//! Checks that there is enough memory before it is allocated, since an allocation that fails ends the process

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Error, Result, separated};

/// Bytes reserved for what no estimate counts, such as tables and the allocator's own data
const RESERVE: u128 = 16 << 20;
/// Address space of a thread's stack with its guard pages
const STACK: u128 = (2 << 20) + 8192;
/// Address space of an arena, which glibc reserves for a thread's small allocations; there are at most eight per core
const ARENA: u128 = 64 << 20;

/// Checks that the machine has `bytes` bytes of memory and that this process may use them
///
/// # Errors
/// If the machine has less memory, or this process may use less; `what` says what needs the memory.
pub fn check(bytes: u128, what: impl FnOnce() -> String) -> Result<()> {
    check_with_threads(bytes, 0, what)
}

/// Like [`check`], for a process that will start `threads` more threads
///
/// # Errors
/// As [`check`].
pub fn check_with_threads(bytes: u128, threads: usize, what: impl FnOnce() -> String) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let space = bytes + RESERVE + threads as u128 * STACK + threads.min(8 * cores) as u128 * ARENA;
    let fits = machine_bytes().is_none_or(|most| bytes <= most)
        && free_address_space().is_none_or(|free| space <= free)
        && usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if fits { Ok(()) } else { Err(Error::Memory { what: what(), bytes }) }
}

/// Checks that this process may use the address space of the stacks of `threads` more threads
///
/// A thread that gets its stack and no memory beside it panics, which the caller can't prevent.
///
/// # Errors
/// If it may not.
pub fn check_stacks(threads: usize) -> Result<()> {
    let bytes = threads as u128 * STACK;
    if free_address_space().is_none_or(|free| bytes + RESERVE <= free) {
        return Ok(());
    }
    Err(Error::Memory { what: format!("the stacks of {} threads", separated(threads)), bytes })
}

/// The memory and swap of this machine, or a lower limit of a control group; `None` if the memory is not known
fn machine_bytes() -> Option<u128> {
    static BYTES: OnceLock<Option<u128>> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let kib = |name: &str| -> Option<u128> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_end_matches("kB").trim().parse().ok()
        };
        let machine = 1024 * (kib("MemTotal:")? + kib("SwapTotal:").unwrap_or(0));
        Some(group_limits().into_iter().fold(machine, u128::min))
    })
}

/// The memory limits, in bytes, of the control groups that this process is in
fn group_limits() -> Vec<u128> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut files = vec![PathBuf::from("/sys/fs/cgroup/memory/memory.limit_in_bytes")];
    if let Some(group) = groups.lines().find_map(|line| line.strip_prefix("0::/")) {
        let folder = Path::new("/sys/fs/cgroup").join(group);
        let folders = folder.ancestors().take_while(|folder| folder.starts_with("/sys/fs/cgroup"));
        files.extend(folders.map(|folder| folder.join("memory.max")));
    }
    let read = |file: PathBuf| std::fs::read_to_string(file).ok()?.trim().parse().ok();
    files.into_iter().filter_map(read).collect()
}

/// The unused address space under the limit of `ulimit -v`; `None` if there is no limit
fn free_address_space() -> Option<u128> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u128 = line.split_whitespace().next()?.parse().ok()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let used: u128 = used.trim_end_matches("kB").trim().parse().ok()?;
    Some(limit.saturating_sub(1024 * used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_has_is_refused_and_little_is_not() {
        assert!(check(1000, String::new).is_ok());
        for bytes in [1 << 62, u128::MAX >> 8] {
            let error = check(bytes, || "all of it".to_owned()).unwrap_err();
            assert!(error.to_string().contains("all of it"), "{error}");
        }
        #[cfg(target_os = "linux")]
        assert!(machine_bytes().is_some_and(|bytes| bytes > 1 << 26));
    }
}
