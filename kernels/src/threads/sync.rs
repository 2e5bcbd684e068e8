//! What threads of a team share: the standard library's types, or `loom`'s when the protocol is model-checked

#[cfg(not(all(test, loom)))]
mod implementation {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::thread::{sleep, yield_now};

    /// Shares of a loop's tasks: threads beyond this number have none of their own
    pub(crate) const MAX_SHARES: usize = 64;
}

#[cfg(all(test, loom))]
mod implementation {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::thread::{yield_now, yield_now as spin_loop};

    /// Few, since every atomic of a model is tracked
    pub(crate) const MAX_SHARES: usize = 3;

    /// In a model, a thread that sleeps lets the others run
    pub(crate) fn sleep(_: std::time::Duration) {
        yield_now();
    }
}

pub(crate) use implementation::*;
