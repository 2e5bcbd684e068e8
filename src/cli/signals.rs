//! The signals that ask a run to stop

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Handlers of Ctrl-C, SIGTERM, SIGUSR1 and SIGHUP
///
/// Until [`Self::let_save`] is called, as while data are read, a signal ends the process, which has nothing to save. Then,
/// the first signal asks to stop after the batch, and the second ends the process.
///
/// SIGUSR1, which Slurm can send before a time limit, and SIGHUP, which comes when the terminal is closed, count as
/// SIGTERM. Under `nohup`, SIGHUP stays ignored.
pub struct Signals {
    /// Set by the first signal
    pub stop: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
    /// Whether the next signal ends the process: a flag of its own, since a sweep also sets `stop`, at the first failure
    /// with --fail-fast
    is_last: Arc<AtomicBool>,
}

impl Signals {
    pub fn register() -> Result<Self> {
        let (stop, number) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let is_last = Arc::new(AtomicBool::new(true));
        let mut meanings = vec![(SIGINT, SIGINT), (SIGTERM, SIGTERM)];
        #[cfg(unix)]
        {
            meanings.push((signal_hook::consts::SIGUSR1, SIGTERM));
            if !is_ignored(signal_hook::consts::SIGHUP) {
                meanings.push((signal_hook::consts::SIGHUP, SIGTERM));
            }
        }
        for (signal, meaning) in meanings {
            // The order counts: the second signal finds `is_last` set, the first does not.
            flag::register_conditional_shutdown(signal, 128 + meaning, Arc::clone(&is_last))?;
            flag::register_usize(signal, Arc::clone(&number), meaning as usize)?;
            flag::register(signal, Arc::clone(&is_last))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop, number, is_last })
    }

    /// Makes the next signal ask to stop, so that the state is saved
    pub fn let_save(&self) {
        self.is_last.store(false, Ordering::Relaxed);
    }

    /// Number of the signal that was received; 0 if none was
    pub fn which(&self) -> u8 {
        u8::try_from(self.number.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

/// Whether the process was started with `signal` ignored; `true` where the system does not say
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Makes a write beyond the file-size limit (`ulimit -f`) return an error
///
/// Without a handler, the system ends the process by SIGXFSZ, without a message.
pub fn outlive_file_size_limit() {
    #[cfg(unix)]
    // Where no handler can be set, the system's default stays.
    let _ = flag::register(signal_hook::consts::signal::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}
