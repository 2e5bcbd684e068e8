//! Parallel loops over the current `rayon` pool, and teams whose threads stay in step by spinning
//!
//! A fork-join of a sleeping pool costs 30 µs, and a training step of a small net has a dozen of them in
//! 200 µs. So a caller that is about to run many short loops opens a [`scope`]: the pool's threads enter
//! it together, the first runs the caller's code, and the others spin for the next loop, which then
//! starts within a fraction of a microsecond. Outside a scope the same loops are `rayon`'s own.
//!
//! A loop's pieces are cut by its shape. Each thread first takes its own share of them, so that data stay
//! in that core's cache from loop to loop, then any that are left. So a thread that the operating system
//! has set aside delays nobody unless it was in the middle of a piece, and who computes a piece does not
//! change its bits.
//!
//! A cache line that another core wrote last takes 50 to 500 ns to come, as long as a piece of a small net. So what
//! threads share in a loop is few lines: the signal, a count for each share of pieces, and one of those that are done.

use std::cell::Cell;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rayon::prelude::*;

/// Pieces that one loop hands out at most; longer loops hand out runs of indices
const PIECES_MAX: usize = 64;
/// Turns of a spin loop before the thread offers its core to others: about 100 µs, the length of the
/// serial stretches of a training step
const SPINS: u32 = 4000;
/// Offers of the core before a waiting thread sleeps a little each time: some milliseconds without work
const YIELDS: u32 = 4000;
/// Multiply-adds that are worth waking the pool's threads for: some 60 µs, twice what waking costs
const WORTH_WAKING: usize = 1 << 21;
const NAP: Duration = Duration::from_micros(100);

thread_local! {
    /// The team whose leader this thread is, unless it is inside a piece of a loop
    static LEADS: Cell<*const Team> = const { Cell::new(ptr::null()) };
}

/// Runs `body` with the threads of the current `rayon` pool standing by for its parallel loops
///
/// The body runs on the pool's first thread. With a pool of one thread, and inside another scope, it just
/// runs. One scope at a time: a second one on the same pool waits for the first to end.
///
/// # Panics
/// If the body does, or a piece of one of its loops.
pub fn scope<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    let size = rayon::current_num_threads();
    if size == 1 || !LEADS.get().is_null() {
        return body();
    }
    let team = Team::new(size);
    let body = Mutex::new(Some(body));
    let results = rayon::broadcast(|thread| {
        if thread.index() > 0 {
            team.follow(thread.index());
            return None;
        }
        let _stop = StopOnDrop(&team);
        let _lead = Lead::enter(&team);
        let body = body.lock().ok().and_then(|mut body| body.take());
        body.map(|body| body())
    });
    // The first thread always finds the body: nobody else takes it, and the lock is never held while it runs.
    results.into_iter().flatten().next().unwrap_or_else(|| unreachable!("the body ran"))
}

/// Calls `f(0)` to `f(pieces − 1)`, each once, on the threads at hand; returns when all are done
///
/// # Panics
/// If one of the calls does.
pub fn parallel_for(pieces: usize, f: impl Fn(usize) + Sync) {
    let team = LEADS.get();
    if pieces <= 1 {
        (0..pieces).for_each(f);
    } else if !team.is_null() {
        // SAFETY: `LEADS` is non-null only between `Lead::enter` and its drop, during which `scope` keeps
        // the team alive.
        unsafe { &*team }.run(pieces, &f);
    } else if rayon::current_num_threads() > 1 {
        (0..pieces).into_par_iter().with_max_len(1).for_each(&f);
    } else {
        (0..pieces).for_each(f);
    }
}

/// As [`parallel_for`], for pieces that are `work` multiply-adds in all: outside a scope, where other threads
/// have to be woken, small work stays on the caller's thread
pub(crate) fn parallel_for_work(pieces: usize, work: usize, f: impl Fn(usize) + Sync) {
    if work < WORTH_WAKING && LEADS.get().is_null() {
        (0..pieces).for_each(f);
    } else {
        parallel_for(pieces, f);
    }
}

/// Calls `f(i, piece)` for the pieces of `len` numbers (the last may be shorter) that `data` is cut into
///
/// # Panics
/// If `len` is 0, or one of the calls does.
pub fn for_each_chunk<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
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
pub fn for_each_chunk2<T: Send>(
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

/// One loop: what to call, and how its indices are bundled into pieces
struct Job<'a> {
    f: &'a (dyn Fn(usize) + Sync),
    indices: usize,
    per_piece: usize,
}

impl Job<'_> {
    fn run(&self, piece: usize) {
        let from = piece * self.per_piece;
        (from..(from + self.per_piece).min(self.indices)).for_each(self.f);
    }
}

/// What has a cache line of its own
#[repr(align(64))]
struct Line<T>(T);

/// What followers wait for, and the leader writes once a loop
struct Signal {
    /// Number of the present loop · 2⁸ + its pieces, or [`STOP`]
    word: AtomicU64,
    /// The present loop; valid while one of its pieces is claimed and not done
    job: AtomicPtr<Job<'static>>,
}

/// What the leader and its followers share
struct Team {
    size: usize,
    /// More threads than cores: whoever waits gives its core away at once
    crowded: bool,
    panicked: AtomicBool,
    signal: Line<Signal>,
    /// For each share of the pieces: the number of the last loop in which one was claimed · 2¹⁶ + how many then by
    /// the share's thread · 2⁸ + how many by others
    claims: [Line<AtomicU64>; PIECES_MAX],
    done: Line<AtomicUsize>,
}

const PIECE_BITS: u32 = 8;
/// The scope is over
const STOP: u64 = u64::MAX;

impl Team {
    fn new(size: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            size,
            crowded: size > cores,
            panicked: AtomicBool::new(false),
            signal: Line(Signal { word: AtomicU64::new(0), job: AtomicPtr::new(ptr::null_mut()) }),
            claims: [const { Line(AtomicU64::new(0)) }; PIECES_MAX],
            done: Line(AtomicUsize::new(0)),
        }
    }

    /// The leader's side of a loop
    fn run(&self, indices: usize, f: &(dyn Fn(usize) + Sync)) {
        let per_piece = indices.div_ceil(PIECES_MAX);
        let pieces = indices.div_ceil(per_piece);
        let job = Job { f, indices, per_piece };
        let _outside = Lead::leave();
        let Signal { word, job: place } = &self.signal.0;
        place.store(ptr::from_ref(&job).cast::<Job<'static>>().cast_mut(), Ordering::Relaxed);
        self.done.0.store(0, Ordering::Relaxed);
        let next = (((word.load(Ordering::Relaxed) >> PIECE_BITS) + 1) << PIECE_BITS) | pieces as u64;
        // Whatever happens below, `job` must outlive the followers' use of it.
        let finish = FinishOnDrop { team: self, word: next, pieces };
        word.store(next, Ordering::Release);
        self.take_pieces(next, 0);
        drop(finish);
        if self.panicked.load(Ordering::Relaxed) {
            panic!("a piece of a parallel loop panicked on another thread");
        }
    }

    /// A follower's life: wait for a loop, help with it, until the scope ends
    fn follow(&self, me: usize) {
        let (mut seen, mut wait) = (0, Wait::new(self.crowded));
        loop {
            let word = self.signal.0.word.load(Ordering::Acquire);
            if word == STOP {
                return;
            } else if word == seen {
                wait.a_little(true);
            } else {
                seen = word;
                self.take_pieces(word, me);
                wait = Wait::new(self.crowded);
            }
        }
    }

    /// Claims pieces of the loop `word`, own share first, and runs them
    fn take_pieces(&self, word: u64, me: usize) {
        let mut done = DoneOnDrop { team: self, count: 0 };
        while let Some(piece) = self.claim(word, me) {
            // Counted when this thread has no more of them: one line that goes to another core instead of many.
            done.count += 1;
            // SAFETY: the claim succeeded, so piece `piece` of the loop `word` was not done before, and is not until
            // `done` drops. The leader leaves `run`, where the job lives, and stores another job only after all pieces
            // are done (`FinishOnDrop`). The job of this loop was stored before `word` was released, which this
            // thread has acquired or written itself.
            let job = unsafe { &*self.signal.0.job.load(Ordering::Relaxed) };
            job.run(piece);
        }
    }

    /// A piece of the loop `word` that nobody has claimed before: the first of the thread's own share, or else the last
    /// of another's
    ///
    /// A thread that is late, with the word of a loop that is over, finds all its pieces claimed in that
    /// loop or a later one, and gets none.
    fn claim(&self, word: u64, me: usize) -> Option<usize> {
        const COUNT: u64 = (1 << PIECE_BITS) - 1;
        let (number, pieces) = (word >> PIECE_BITS, (word & COUNT) as usize);
        let shares = self.size.min(PIECES_MAX);
        let start = |share: usize| share * pieces / shares;
        for share in (0..shares).map(|i| (me + i) % shares) {
            let (start, end) = (start(share), start(share + 1));
            let (own, claims) = (share == me, &self.claims[share].0);
            let mut last = claims.load(Ordering::Relaxed);
            while last >> (2 * PIECE_BITS) <= number {
                let fresh = last >> (2 * PIECE_BITS) < number;
                let taken = if fresh { 0 } else { last };
                let (first, others) = ((taken >> PIECE_BITS & COUNT) as usize, (taken & COUNT) as usize);
                if first + others >= end - start {
                    break;
                }
                let base = if fresh { number << (2 * PIECE_BITS) } else { last };
                let next = base + if own { 1 << PIECE_BITS } else { 1 };
                match claims.compare_exchange_weak(last, next, Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(_) => return Some(if own { start + first } else { end - 1 - others }),
                    Err(now) => last = now,
                }
            }
        }
        None
    }
}

/// Waiting that costs nothing at first and gives way more and more
struct Wait {
    turns: u32,
    crowded: bool,
}

impl Wait {
    fn new(crowded: bool) -> Self {
        Self { turns: 0, crowded }
    }

    fn a_little(&mut self, may_sleep: bool) {
        let spins = if self.crowded { 0 } else { SPINS };
        self.turns = self.turns.saturating_add(1);
        if self.turns <= spins {
            std::hint::spin_loop();
        } else if may_sleep && self.turns > spins + YIELDS {
            std::thread::sleep(NAP);
        } else {
            std::thread::yield_now();
        }
    }
}

/// Counts a thread's pieces as done, also when the last of them panics
struct DoneOnDrop<'a> {
    team: &'a Team,
    count: usize,
}
impl Drop for DoneOnDrop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.team.panicked.store(true, Ordering::Relaxed);
        }
        if self.count > 0 {
            self.team.done.0.fetch_add(self.count, Ordering::Release);
        }
    }
}

/// Waits until every piece is done; after a panic of the leader it first claims, unrun, those that are left
struct FinishOnDrop<'a> {
    team: &'a Team,
    word: u64,
    pieces: usize,
}
impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let unrun = std::iter::from_fn(|| self.team.claim(self.word, 0)).count();
            self.team.done.0.fetch_add(unrun, Ordering::Release);
        }
        let mut wait = Wait::new(self.team.crowded);
        while self.team.done.0.load(Ordering::Acquire) < self.pieces {
            wait.a_little(false);
        }
    }
}

/// Lets the followers go when the scope's body ends, also by a panic
struct StopOnDrop<'a>(&'a Team);
impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.signal.0.word.store(STOP, Ordering::Release);
    }
}

/// Sets which team this thread leads, and puts back what was there before
struct Lead(*const Team);
impl Lead {
    fn enter(team: &Team) -> Self {
        Self(LEADS.replace(team))
    }
    /// Inside a piece of a loop: loops in there must not use the team
    fn leave() -> Self {
        Self(LEADS.replace(ptr::null()))
    }
}
impl Drop for Lead {
    fn drop(&mut self) {
        LEADS.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn every_index_is_called_once_for_any_number_of_threads_and_pieces() {
        for threads in [1, 2, 3, 8] {
            pool(threads).install(|| {
                scope(|| {
                    for round in 0..300 {
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
    fn a_panic_in_a_piece_reaches_the_caller_and_the_pool_lives_on() {
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
    fn chunks_cover_the_slice_and_know_their_number() {
        for threads in [1, 3] {
            let (mut a, mut b) = (vec![0; 103], vec![0; 103]);
            pool(threads).install(|| {
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

    #[test]
    fn a_loop_inside_a_piece_and_a_scope_inside_a_scope_still_finish() {
        let count = AtomicUsize::new(0);
        pool(2).install(|| {
            scope(|| {
                scope(|| {
                    parallel_for(4, |_| {
                        parallel_for(5, |_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                });
            });
        });
        assert_eq!(count.into_inner(), 20);
    }
}
