//! Programs that some tests need

use crate::left_out::left_out;

/// Whether all of these programs are installed; if not, the calling test is reported as left out
///
/// # Panics
/// If one is missing and `CI` is true.
pub fn installed(programs: &[&str]) -> bool {
    let absent: Vec<_> = programs.iter().copied().filter(|program| !is_in_path(program)).collect();
    if !absent.is_empty() {
        missing(&format!("{} not installed", absent.join(", ")));
    }
    absent.is_empty()
}

/// Reports that the calling test is left out
///
/// # Panics
/// If `CI` is true: `.ci/run` installs what the tests need.
pub fn missing(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "with CI=true {test} must run, but {why}");
    left_out(test, why);
}

fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
