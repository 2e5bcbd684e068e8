//! A thread that saves the state of a training while the training goes on

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Error, Result};

/// What is to be saved: a function that writes it
pub type Job = Box<dyn FnOnce() -> Result<()> + Send>;

/// Saves one state at a time; a state that still waits is replaced by a newer one
#[derive(Debug)]
pub struct Saver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Default)]
struct Slot {
    waiting: Option<Job>,
    is_busy: bool,
    is_closed: bool,
    /// How the first job failed that did; `Err`: its panic
    failure: Option<std::thread::Result<Error>>,
}

impl Slot {
    /// # Errors
    /// The first error of the jobs since the last call.
    ///
    /// # Panics
    /// With the panic of a job, which is a bug.
    fn take_failure(&mut self) -> Result<()> {
        match self.failure.take() {
            None => Ok(()),
            Some(Ok(error)) => Err(error),
            Some(Err(panic)) => resume_unwind(panic),
        }
    }
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, slot: MutexGuard<'a, Slot>) -> MutexGuard<'a, Slot> {
        self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves what comes, until the saver is dropped
    fn work(&self) {
        let mut slot = self.slot();
        loop {
            let Some(job) = slot.waiting.take() else {
                if slot.is_closed {
                    return;
                }
                slot = self.wait(slot);
                continue;
            };
            slot.is_busy = true;
            drop(slot);
            let saved = catch_unwind(AssertUnwindSafe(job));
            slot = self.slot();
            slot.is_busy = false;
            let failure = saved.map(Result::err).transpose();
            slot.failure = slot.failure.take().or(failure);
            self.changed.notify_all();
        }
    }
}

impl Saver {
    /// Starts the thread
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("saver".to_owned()).spawn(move || own.work());
        let thread = thread.map_err(|e| Error::Threads { threads: 1, problem: e.to_string() })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Hands a job over, in place of one that still waits
    ///
    /// # Errors
    /// The first error of the jobs before.
    ///
    /// # Panics
    /// If a job before panicked.
    pub fn save(&self, job: Job) -> Result<()> {
        let mut slot = self.shared.slot();
        slot.take_failure()?;
        slot.waiting = Some(job);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Drops a job that still waits, so that its memory is free for the next one
    pub fn drop_waiting(&self) {
        let waiting = self.shared.slot().waiting.take();
        drop(waiting);
    }

    /// Waits until everything is saved
    ///
    /// # Errors
    /// The first error of the jobs.
    ///
    /// # Panics
    /// If a job panicked.
    pub fn finish(&self) -> Result<()> {
        let mut slot = self.shared.slot();
        while slot.is_busy || slot.waiting.is_some() {
            slot = self.shared.wait(slot);
        }
        slot.take_failure()
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.shared.slot().is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It catches the panics of its jobs.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_last_state_is_saved_and_states_that_wait_are_replaced() {
        let saver = Saver::start().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let saved = Arc::new(Mutex::new(vec![]));
        let job = |n: u32| -> Job {
            let saved = Arc::clone(&saved);
            Box::new(move || {
                saved.lock().unwrap().push(n);
                Ok(())
            })
        };
        let slow = job(0);
        let first: Job = Box::new(move || {
            begun.send(()).unwrap();
            may_go.recv().unwrap();
            slow()
        });
        saver.save(first).unwrap();
        has_begun.recv().unwrap();
        (1..=5).for_each(|n| saver.save(job(n)).unwrap());
        saver.drop_waiting();
        saver.save(job(5)).unwrap();
        go.send(()).unwrap();
        saver.finish().unwrap();
        assert_eq!(*saved.lock().unwrap(), [0, 5]);
    }

    #[test]
    fn a_panic_of_a_job_is_not_waited_for() {
        let saver = Saver::start().unwrap();
        saver.save(Box::new(|| std::panic::resume_unwind(Box::new("a bug")))).unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| saver.finish())).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
        saver.finish().unwrap();
    }

    #[test]
    fn an_error_comes_with_the_next_state_or_at_the_end() {
        let saver = Saver::start().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let failing = || -> Job {
            let begun = begun.clone();
            Box::new(move || {
                begun.send(()).unwrap();
                Err(Error::Usage("full".to_owned()))
            })
        };
        saver.save(failing()).unwrap();
        assert!(saver.finish().is_err() && saver.finish().is_ok());
        has_begun.recv().unwrap();
        // A job that has begun is not replaced.
        saver.save(failing()).unwrap();
        has_begun.recv().unwrap();
        while saver.save(Box::new(|| Ok(()))).is_ok() {
            std::thread::yield_now();
        }
    }
}
