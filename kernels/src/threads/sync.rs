//! The types and functions of a team's protocol: the standard library's, or `loom`'s when `loom` checks the models

#[cfg(not(all(test, loom)))]
mod implementation {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::thread::{sleep, yield_now};

    /// Largest number of shares into which the tasks of a loop are divided; further threads have none of their own
    pub(crate) const MAX_SHARES: usize = 64;
}

#[cfg(all(test, loom))]
mod implementation {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::thread::{yield_now, yield_now as spin_loop};

    /// Few, since `loom` tracks every atomic of a model
    pub(crate) const MAX_SHARES: usize = 3;

    /// In a model, a thread that sleeps lets the others run
    pub(crate) fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

pub(crate) use implementation::*;
