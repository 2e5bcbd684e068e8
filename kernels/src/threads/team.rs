//! Teams whose threads stay in step by spinning
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

/// Pieces that one loop hands out at most; longer loops hand out runs of indices
const PIECES_MAX: usize = 64;
/// Turns of a spin loop before the thread offers its core to others: about 100 µs, the length of the
/// serial stretches of a training step
const SPINS: u32 = 4000;
/// Offers of the core before a waiting thread sleeps a little each time: some milliseconds without work
const YIELDS: u32 = 4000;
const NAP: Duration = Duration::from_micros(100);

thread_local! {
    /// The team whose leader this thread is, unless it is inside a piece of a loop
    static LEADS: Cell<*const Team> = const { Cell::new(ptr::null()) };
    /// Whether loops of this thread stay on it
    static ALONE: Cell<bool> = const { Cell::new(false) };
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

/// Runs `body` with all of its loops on this thread: for callers that share out larger pieces themselves
pub fn run_serial<R>(body: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _back = Back(ALONE.replace(true));
    body()
}

/// Whether this thread's loops are its own affair: see [`run_serial`]
pub(crate) fn is_alone() -> bool {
    ALONE.get()
}

/// The team that this thread leads, unless it is inside a piece of a loop
pub(crate) fn led() -> Option<Led> {
    let team = LEADS.get();
    (!team.is_null()).then_some(Led(team))
}

/// A team, for the thread that leads it
pub(crate) struct Led(*const Team);
impl Led {
    /// Calls `f(0)` to `f(pieces − 1)`, each once, on the team's threads; returns when all are done
    pub(crate) fn run(&self, pieces: usize, f: &(dyn Fn(usize) + Sync)) {
        // SAFETY: `LEADS` is non-null only between `Lead::enter` and its drop, during which `scope` keeps
        // the team alive; a `Led` can't leave the thread, and is not kept.
        unsafe { &*self.0 }.run(pieces, f);
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
/// The bits of a number of pieces
const COUNT: u64 = (1 << PIECE_BITS) - 1;
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
        let shares = self.shares();
        if me < shares {
            self.take_share(word, me, true);
        }
        let others = (1..=shares).map(|i| (me + i) % shares).filter(|&share| share != me);
        others.for_each(|share| self.take_share(word, share, false));
    }

    /// Claims what is left of a share and runs it
    fn take_share(&self, word: u64, share: usize, own: bool) {
        let mut done = DoneOnDrop { team: self, count: 0 };
        while let Some(piece) = self.claim(word, share, own) {
            // Told when there are no more of them: one line that goes to another core instead of many.
            done.count += 1;
            // SAFETY: the claim succeeded, so piece `piece` of the loop `word` was not done before, and is not until
            // `done` drops. The leader leaves `run`, where the job lives, and stores another job only after all pieces
            // are done (`FinishOnDrop`). The job of this loop was stored before `word` was released, which this
            // thread has acquired or written itself.
            let job = unsafe { &*self.signal.0.job.load(Ordering::Relaxed) };
            job.run(piece);
        }
    }

    /// Shares that a loop's pieces are divided into; threads beyond have none
    fn shares(&self) -> usize {
        self.size.min(PIECES_MAX)
    }

    /// A piece of a share in the loop `word` that nobody has claimed before: the first for the share's own thread, the
    /// last for others
    ///
    /// A thread that is late, with the word of a loop that is over, finds all its pieces claimed in that
    /// loop or a later one, and gets none.
    fn claim(&self, word: u64, share: usize, own: bool) -> Option<usize> {
        let (number, pieces) = (word >> PIECE_BITS, (word & COUNT) as usize);
        let (start, end) = (share * pieces / self.shares(), (share + 1) * pieces / self.shares());
        let claims = &self.claims[share].0;
        let mut last = claims.load(Ordering::Relaxed);
        while last >> (2 * PIECE_BITS) <= number {
            // Of an earlier loop, nothing counts.
            let present = last.max(number << (2 * PIECE_BITS));
            let (first, others) = ((present >> PIECE_BITS & COUNT) as usize, (present & COUNT) as usize);
            if first + others >= end - start {
                return None;
            }
            let next = present + if own { 1 << PIECE_BITS } else { 1 };
            match claims.compare_exchange_weak(last, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(if own { start + first } else { end - 1 - others }),
                Err(now) => last = now,
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
            let unrun: usize = (0..self.team.shares())
                .map(|share| std::iter::from_fn(|| self.team.claim(self.word, share, false)).count())
                .sum();
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
    use crate::threads::parallel::parallel_for;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn every_index_is_called_once_for_any_number_of_threads_and_pieces() {
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
    fn alone_keeps_loops_on_the_thread_until_it_ends() {
        pool(3).install(|| {
            let here = std::thread::current().id();
            run_serial(|| parallel_for(50, |_| assert_eq!(std::thread::current().id(), here)));
            assert!(!is_alone());
        });
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
