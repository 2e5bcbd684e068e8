//! What the fuzz targets share: the cases, which an ordinary test of the program also runs

#[path = "../../tests/support/fuzz_cases.rs"]
pub mod fuzz_cases;
#[allow(dead_code, reason = "other tests use all of it")]
#[path = "../../tests/support/zip_files.rs"]
mod zip_files;

/// Lets all work be done by the calling thread: one process fuzzes on one core
///
/// # Panics
/// If the pool of threads exists already.
pub fn one_thread() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()
        .expect("no thread has used the pool yet");
}
