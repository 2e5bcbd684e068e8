//! Model checks of the protocol by which the kernels' threads share tasks, by `loom`
//!
//! The protocol is compiled from the kernels' own files, with `loom`'s atomics in place of the standard library's
//! (`kernels/src/threads/sync.rs`). The checks, `team.rs`, are a child module of the protocol, whose private fields they
//! read. They are a package of their own so that they need not compile all kernels:
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
