//! Parallel loops, which run on the team that this thread leads, or else on the current `rayon` pool

use rayon::prelude::*;

use crate::threads::team::Loops;

/// Number of multiply-adds from which waking the pool's threads pays (docs/engine.md, row "waking the pool")
const MIN_WORK_TO_WAKE: usize = 1 << 21;
/// Number of multiply-adds from which sharing them with a waiting team pays (docs/engine.md, row "last layer on one
/// thread")
const MIN_WORK_TO_SHARE: usize = 1 << 15;

/// Calls `f(0)` to `f(tasks − 1)`, each once, on the available threads; returns when all are done
///
/// # Panics
/// If one of the calls does.
pub(crate) fn parallel_for(tasks: usize, f: impl Fn(usize) + Sync) {
    parallel_for_work(tasks, usize::MAX, f);
}

/// The same as [`parallel_for`], for tasks of `work` multiply-adds in total: with too little work, the caller's thread
/// runs all of them
///
/// Outside a team, threads have to be woken, so sharing pays only for more work.
pub(crate) fn parallel_for_work(tasks: usize, work: usize, f: impl Fn(usize) + Sync) {
    match Loops::current() {
        Loops::Team(team) if tasks > 1 && work >= MIN_WORK_TO_SHARE => team.run(tasks, &f),
        Loops::Pool if tasks > 1 && work >= MIN_WORK_TO_WAKE && rayon::current_num_threads() > 1 => {
            run_on_pool(tasks, &f);
        }
        _ => (0..tasks).for_each(f),
    }
}

/// Calls `f(0)` to `f(tasks − 1)` on the current pool: not generic, since each copy of rayon's loops takes long to compile
fn run_on_pool(tasks: usize, f: &(dyn Fn(usize) + Sync)) {
    (0..tasks).into_par_iter().with_max_len(1).for_each(f);
}

/// Calls `f(i, chunk)` for each chunk of `len` elements of `data`; the last chunk may be shorter
///
/// # Panics
/// If `len` is 0, or one of the calls does.
pub(crate) fn for_each_chunk<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    assert!(len > 0, "chunks of 0 elements");
    let (total, start) = (data.len(), SendPtr(data.as_mut_ptr()));
    parallel_for(total.div_ceil(len), |i| {
        let from = i * len;
        // SAFETY: `from < total`, so the chunk lies inside `data`, which is borrowed mutably until all tasks are done.
        // Each i is called once, and chunks of different i don't overlap.
        f(i, unsafe { std::slice::from_raw_parts_mut(start.get().add(from), len.min(total - from)) });
    });
}

/// The same as [`for_each_chunk`], for two slices of the same length, which are divided alike
///
/// # Panics
/// If the lengths differ, `len` is 0, or one of the calls panics.
pub(crate) fn for_each_chunk2<T: Send>(
    a: &mut [T],
    b: &mut [T],
    len: usize,
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    assert!(a.len() == b.len(), "slices of {} and {} elements", a.len(), b.len());
    let (total, b) = (b.len(), SendPtr(b.as_mut_ptr()));
    for_each_chunk(a, len, |i, a| {
        let from = i * len;
        debug_assert!(from + a.len() <= total);
        // SAFETY: as in `for_each_chunk`: `a` is chunk i of a slice of the same length, divided alike.
        f(i, a, unsafe { std::slice::from_raw_parts_mut(b.get().add(from), a.len()) });
    });
}

/// The same as [`for_each_chunk`], with a part of `scratch` for each chunk: `f(i, chunk, part)`, each part `part_len` long
///
/// # Panics
/// If `scratch` has fewer parts than there are chunks, `len` is 0, or one of the calls panics.
pub(crate) fn for_each_chunk_with<T: Send>(
    data: &mut [T],
    len: usize,
    (scratch, part_len): (&mut [T], usize),
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    let chunks = data.len().div_ceil(len);
    let is_enough = chunks.checked_mul(part_len).is_some_and(|needed| needed <= scratch.len());
    assert!(is_enough, "scratch of {} elements for {chunks} chunks", scratch.len());
    let scratch = SendPtr(scratch.as_mut_ptr());
    for_each_chunk(data, len, |i, chunk| {
        // SAFETY: part i lies inside `scratch`, which has as many parts as there are chunks and is borrowed mutably until
        // all tasks are done. Each i is called once, and parts of different i don't overlap.
        f(i, chunk, unsafe { std::slice::from_raw_parts_mut(scratch.get().add(i * part_len), part_len) });
    });
}

/// The same as [`for_each_chunk2`], for three slices
///
/// # Panics
/// As [`for_each_chunk2`].
pub(crate) fn for_each_chunk3<T: Send>(
    a: &mut [T],
    b: &mut [T],
    c: &mut [T],
    len: usize,
    f: impl Fn(usize, &mut [T], &mut [T], &mut [T]) + Sync,
) {
    assert!(a.len() == c.len(), "slices of {} and {} elements", a.len(), c.len());
    let (total, c) = (c.len(), SendPtr(c.as_mut_ptr()));
    for_each_chunk2(a, b, len, |i, a, b| {
        let from = i * len;
        debug_assert!(from + a.len() <= total);
        // SAFETY: as in `for_each_chunk`: `a` is chunk i of a slice of the same length, divided alike.
        f(i, a, b, unsafe { std::slice::from_raw_parts_mut(c.get().add(from), a.len()) });
    });
}

/// A pointer that can be sent to other threads; every use says why that is sound
pub(crate) struct SendPtr<T>(pub(crate) *mut T);
// SAFETY: only an address is sent; every place that dereferences it says why it may.
unsafe impl<T: Send> Send for SendPtr<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SendPtr<T> {}

impl<T> SendPtr<T> {
    /// The pointer
    ///
    /// A closure that used the field instead would capture the bare pointer, which can't be sent to other threads.
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::threads::team::{run_serial, scope};

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn chunks_cover_the_slice_and_know_their_number() {
        for threads in [1, 3] {
            let (mut a, mut b, mut c) = (vec![0; 103], vec![0; 103], vec![0; 103]);
            pool(threads).install(|| {
                scope(|| {
                    for_each_chunk3(&mut a, &mut b, &mut c, 10, |i, a, b, c| {
                        a.fill(i);
                        b.fill(10 * i);
                        c.fill(7 * i);
                    });
                });
            });
            assert!(a.iter().enumerate().all(|(at, &i)| i == at / 10));
            assert!(b.iter().enumerate().all(|(at, &i)| i == at / 10 * 10));
            assert!(c.iter().enumerate().all(|(at, &i)| i == at / 10 * 7));
        }
    }

    #[test]
    fn each_chunk_has_its_own_part_of_the_scratch() {
        for threads in [1, 3] {
            let (mut a, mut scratch) = (vec![0; 103], vec![99; 3 * 11 + 2]);
            pool(threads).install(|| {
                scope(|| {
                    for_each_chunk_with(&mut a, 10, (&mut scratch, 3), |i, a, part| {
                        a.fill(i);
                        part.fill(i);
                    });
                });
            });
            assert!(a.iter().enumerate().all(|(at, &i)| i == at / 10));
            assert!(scratch[..33].iter().enumerate().all(|(at, &i)| i == at / 3));
            assert_eq!(scratch[33..], [99, 99]);
            for (len, part_len) in [(9, 3), (10, 4), (1, usize::MAX)] {
                let call = || for_each_chunk_with(&mut a, len, (&mut scratch, part_len), |_, _, _| {});
                assert!(std::panic::catch_unwind(AssertUnwindSafe(call)).is_err(), "{len} {part_len}");
            }
        }
    }

    #[test]
    fn every_index_is_called_once_for_any_number_of_threads_and_tasks() {
        for (threads, rounds) in [(1, 300), (2, 300), (3, 300), (8, 300), (70, 5)] {
            pool(threads).install(|| {
                scope(|| {
                    for round in 0..rounds {
                        for n in [0, 1, 2, 5, 63, 64, 65, 200] {
                            let calls: Vec<_> = (0..n).map(|_| AtomicUsize::new(0)).collect();
                            parallel_for(n, |i| {
                                calls[i].fetch_add(1, Ordering::Relaxed);
                            });
                            let all = calls.iter().all(|c| c.load(Ordering::Relaxed) == 1);
                            assert!(all, "{threads} threads, round {round}, {n} indices");
                        }
                    }
                });
            });
        }
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_the_pool_lives_on() {
        let pool = pool(3);
        for culprit in [0, 17, 63] {
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
                pool.install(|| scope(|| parallel_for(64, |i| assert!(i != culprit, "planted"))));
            }));
            assert!(result.is_err());
        }
        assert_eq!(pool.install(|| scope(|| 7)), 7);
    }

    #[test]
    fn run_serial_keeps_loops_on_the_thread_until_it_ends() {
        pool(3).install(|| {
            let here = std::thread::current().id();
            run_serial(|| parallel_for(50, |_| assert_eq!(std::thread::current().id(), here)));
            assert!(matches!(Loops::current(), Loops::Pool));
        });
    }

    #[test]
    fn loops_and_scopes_inside_a_task_and_a_scope_inside_a_scope_still_finish() {
        let count = AtomicUsize::new(0);
        pool(2).install(|| {
            scope(|| {
                scope(|| {
                    parallel_for(4, |_| {
                        scope(|| {
                            parallel_for(5, |_| {
                                count.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    });
                });
            });
        });
        assert_eq!(count.into_inner(), 20);
    }
}
