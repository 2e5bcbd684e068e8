//! Model checks of the protocol by which the kernels' threads share tasks, by `loom`
//!
//! The protocol is compiled from the kernels' own files, with `loom`'s atomics in place of the standard library's
//! (`kernels/src/threads/sync.rs`). It is a package of its own so that the checks need not compile the kernels again:
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p chainrule-models
//! ```
#![cfg(all(test, loom))]

#[path = "../../src/threads"]
mod threads {
    pub(crate) mod protocol;
    mod sync;
}
