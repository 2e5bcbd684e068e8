//! The default pool: the threads that loops use if they run in no other pool

use rayon::ThreadPoolBuilder;

use super::thread_count::cores;
use crate::error::{Error, Result};

/// Starts the threads of the default pool; does nothing if they have already been started
///
/// Without this call, the first loop starts them, and a failure to start them ends the process.
///
/// # Errors
/// If the system can't start them.
pub fn start_default_pool() -> Result<()> {
    match ThreadPoolBuilder::new().build_global() {
        Err(e) if std::error::Error::source(&e).is_some() => {
            Err(Error::Threads { threads: cores(), problem: e.to_string() })
        }
        _ => Ok(()),
    }
}
