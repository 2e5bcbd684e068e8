//! Parallel loops: by the team that this thread leads, or else by the current `rayon` pool

use rayon::prelude::*;

use crate::threads::team::{is_alone, led};

/// Multiply-adds that are worth waking the pool's threads for: some 60 µs, twice what waking costs
const WORTH_WAKING: usize = 1 << 21;
/// Multiply-adds that are worth sharing with threads that stand by: with the last layer's backward pass on one thread,
/// an epoch of tiny on two takes 0.97 of the time
const WORTH_SHARING: usize = 1 << 15;

/// Calls `f(0)` to `f(pieces − 1)`, each once, on the threads at hand; returns when all are done
///
/// # Panics
/// If one of the calls does.
pub(crate) fn parallel_for(pieces: usize, f: impl Fn(usize) + Sync) {
    if pieces <= 1 || is_alone() {
        (0..pieces).for_each(f);
    } else if let Some(team) = led() {
        team.run(pieces, &f);
    } else if rayon::current_num_threads() > 1 {
        (0..pieces).into_par_iter().with_max_len(1).for_each(&f);
    } else {
        (0..pieces).for_each(f);
    }
}

/// As [`parallel_for`], for pieces that are `work` multiply-adds in all: little work stays on the caller's thread, and
/// outside a scope, where other threads have to be woken, also some more
pub(crate) fn parallel_for_work(pieces: usize, work: usize, f: impl Fn(usize) + Sync) {
    if work < if led().is_some() { WORTH_SHARING } else { WORTH_WAKING } {
        (0..pieces).for_each(f);
    } else {
        parallel_for(pieces, f);
    }
}

/// Calls `f(i, piece)` for the pieces of `len` numbers (the last may be shorter) that `data` is cut into
///
/// # Panics
/// If `len` is 0, or one of the calls does.
pub(crate) fn for_each_chunk<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    assert!(len > 0, "pieces of 0 numbers");
    let (total, start) = (data.len(), SendPtr::new(data.as_mut_ptr()));
    parallel_for(total.div_ceil(len), |i| {
        let from = i * len;
        // SAFETY: `from < total`, so the piece lies inside `data`, which is borrowed mutably until all
        // pieces are done. Each i is called once, and pieces of different i don't overlap.
        f(i, unsafe { std::slice::from_raw_parts_mut(start.get().add(from), len.min(total - from)) });
    });
}

/// As [`for_each_chunk`], for two slices of one length that are cut alike
///
/// # Panics
/// If the lengths differ, `len` is 0, or one of the calls panics.
pub(crate) fn for_each_chunk2<T: Send>(
    a: &mut [T],
    b: &mut [T],
    len: usize,
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    assert!(a.len() == b.len(), "slices of {} and {} numbers", a.len(), b.len());
    let (total, b) = (b.len(), SendPtr::new(b.as_mut_ptr()));
    for_each_chunk(a, len, |i, a| {
        let from = i * len;
        debug_assert!(from + a.len() <= total);
        // SAFETY: as in `for_each_chunk`: `a` is piece i of a slice of the same length, cut alike.
        f(i, a, unsafe { std::slice::from_raw_parts_mut(b.get().add(from), a.len()) });
    });
}

/// A pointer that may go to other threads; whoever uses it argues why that is sound
pub(crate) struct SendPtr<T>(*mut T);
// SAFETY: it is only an address; every place that follows it has its own argument.
unsafe impl<T: Send> Send for SendPtr<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SendPtr<T> {}

impl<T> SendPtr<T> {
    pub(crate) fn new(p: *mut T) -> Self {
        Self(p)
    }
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::team::scope;

    #[test]
    fn chunks_cover_the_slice_and_know_their_number() {
        for threads in [1, 3] {
            let (mut a, mut b) = (vec![0; 103], vec![0; 103]);
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                scope(|| {
                    for_each_chunk2(&mut a, &mut b, 10, |i, a, b| {
                        a.fill(i);
                        b.fill(10 * i);
                    });
                });
            });
            assert!(a.iter().enumerate().all(|(at, &i)| i == at / 10));
            assert!(b.iter().enumerate().all(|(at, &i)| i == at / 10 * 10));
        }
    }
}
