//! Reading, parsing and collecting chunks on all threads of the pool
//!
//! Each thread in turn reads a chunk while it holds the source, parses it, and hands it to the collector. While one
//! thread reads or unpacks, the others parse, and no thread waits for a chunk that another one has not yet read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cell::Real;
use super::chunk::Parsed;
use super::collect::{Collector, Failure};
use super::fault::{Fault, Problem};
use super::head::Head;
use super::layout::Layout;
use super::source::{Chunk, Source};
use super::table::Table;
use crate::error::Result;

/// How much of a table is read at once
#[derive(Clone, Copy, Debug)]
pub struct Portion {
    /// Bytes of a chunk
    pub chunk: usize,
    /// Number of bytes after which no further chunk is read; `None`: all
    pub bytes: Option<u64>,
}

/// The source of chunks, which one thread at a time holds
struct Feed<'a> {
    source: &'a mut Source,
    /// Number of the next chunk
    number: usize,
    /// Bytes that may still be read
    left: u64,
}

/// Reads a table from the line `line` on, or a portion of it; returns it with the line after it
///
/// # Errors
/// The first one in the order of the file.
pub fn run<T: Real>(
    source: &mut Source,
    head: &Head,
    layout: &Layout,
    line: u64,
    portion: Portion,
) -> Result<(Table, u64)> {
    let offset = source.offset();
    let left = source.size().map(|size| size.saturating_sub(offset));
    let size = left.map(|left| left.min(portion.bytes.unwrap_or(left)));
    let once = source.is_live() && portion.bytes.is_some();
    let collector = Mutex::new(Collector::<T>::new(head, layout, line, offset, size));
    let feed = Mutex::new(Feed { source, number: 0, left: portion.bytes.unwrap_or(u64::MAX) });
    let work = || work(&feed, &collector, layout, portion.chunk, once);
    let threads = rayon::current_num_threads();
    if once || threads == 1 {
        work();
    } else {
        rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| work())));
    }
    collector.into_inner().unwrap_or_else(PoisonError::into_inner).table()
}

/// Reads, parses and collects chunks until none are left or one has failed
fn work<T: Real>(
    feed: &Mutex<Feed<'_>>,
    collector: &Mutex<Collector<'_, T>>,
    layout: &Layout,
    chunk: usize,
    once: bool,
) {
    let (mut buffer, mut cells) = (Vec::new(), Vec::new());
    loop {
        let (number, len, outcome) = {
            let mut feed = lock(feed);
            if feed.left == 0 {
                return;
            }
            let outcome = feed.source.next(&mut buffer, chunk, layout.separator, once);
            let number = feed.number;
            feed.number += 1;
            match outcome {
                Ok(Chunk::Records(len)) => {
                    feed.left = if once { 0 } else { feed.left.saturating_sub(len as u64) };
                    (number, len, Ok(()))
                }
                Ok(Chunk::End) => {
                    feed.left = 0;
                    return;
                }
                Ok(Chunk::TooLong) => {
                    feed.left = 0;
                    let problem = Problem::TooLong { most: feed.source.most() };
                    (number, 0, Err(Failure::Fault(Fault { problem, line: 0, byte: 0, column: None })))
                }
                Err(error) => {
                    feed.left = 0;
                    (number, 0, Err(Failure::Read(error)))
                }
            }
        };
        let free = std::mem::take(&mut cells);
        let outcome =
            outcome.and_then(|()| Parsed::parse(&buffer[..len], layout, free).map_err(Failure::Fault));
        if outcome.is_err() {
            lock(feed).left = 0;
        }
        let mut collector = lock(collector);
        cells = collector.take(number, len, outcome);
        if collector.has_failed() {
            drop(collector);
            lock(feed).left = 0;
        }
    }
}

/// Locks; a thread that panicked while it held the lock ends the program with the scope, so its state is not used
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
