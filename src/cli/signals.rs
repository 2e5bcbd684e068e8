//! The signals that ask a run to stop

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Handlers of Ctrl-C, SIGTERM and SIGUSR1: the first signal asks to stop after the batch, the second ends the process
///
/// SIGUSR1, which Slurm can send before a time limit, counts as SIGTERM.
pub struct Signals {
    /// Set by the first signal
    pub stop: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    pub fn register() -> Result<Self> {
        let (stop, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        // Not `stop` itself, which a sweep also sets at the first failure with --fail-fast.
        let came = Arc::new(AtomicBool::new(false));
        let mut meanings = vec![(SIGINT, SIGINT), (SIGTERM, SIGTERM)];
        #[cfg(unix)]
        meanings.push((signal_hook::consts::SIGUSR1, SIGTERM));
        for (signal, meaning) in meanings {
            // In this order: the second signal finds `came` set, the first does not.
            flag::register_conditional_shutdown(signal, 128 + meaning, Arc::clone(&came))?;
            flag::register_usize(signal, Arc::clone(&number), meaning as usize)?;
            flag::register(signal, Arc::clone(&came))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop, number })
    }

    /// Number of the signal that was received; 0 if none was
    pub fn which(&self) -> u8 {
        u8::try_from(self.number.load(Ordering::Relaxed)).unwrap_or(0)
    }
}
