//! The threads that loops use outside of a pool of their own

use rayon::ThreadPoolBuilder;

use super::thread_count::cores;
use crate::error::{Error, Result};

/// Starts the threads that loops use outside of a pool of their own; does nothing if they have started
///
/// Without this, a system that can't start them would end the process when the first loop needs them.
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
