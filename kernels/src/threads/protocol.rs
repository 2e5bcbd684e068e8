//! How the threads of a team share the tasks of a loop, and wait for the next one
//!
//! The tasks of a loop depend on its shape. Each thread first claims the tasks of its own share, so that their data stay
//! in that core's cache from loop to loop, and then any that are left. So a thread that the operating system has
//! suspended delays the others only if it is inside a task. Which thread computes a task does not change the bits of
//! its result.
//!
//! Reading a cache line that another core wrote last takes as long as a task of a small net (docs/engine.md, row "line
//! of another core"). So threads share few lines in a loop: the signal, a counter for each share of tasks, and the
//! number of tasks that are done.
//!
//! `kernels/models/src/team.rs` checks this protocol with `loom`.

use std::ptr;
use std::time::Duration;

use crate::threads::sync::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, MAX_SHARES, Ordering, sleep, spin_loop, yield_now,
};

/// Largest number of tasks of a loop; in a longer loop, a task has several indices
const MAX_TASKS: usize = 64;
/// Iterations of a spin loop before a waiting thread yields its core: as long as the serial parts of a training step
/// (docs/engine.md, row "waiting")
const SPINS: u32 = 4000;
/// Yields before a waiting thread sleeps in each iteration (docs/engine.md, row "waiting")
const YIELDS: u32 = 4000;
/// How long a thread that has waited for long sleeps in each iteration
const NAP: Duration = Duration::from_micros(100);

/// One parallel loop: the function to call, and how its indices are grouped into tasks
struct Job<'a> {
    f: &'a (dyn Fn(usize) + Sync),
    indices: usize,
    per_task: usize,
}

impl Job<'_> {
    fn run(&self, task: usize) {
        let from = task * self.per_task;
        (from..(from + self.per_task).min(self.indices)).for_each(self.f);
    }
}

/// A value with a cache line of its own
#[repr(align(64))]
struct Line<T>(T);

/// What followers wait for; the leader writes it once in each loop
struct Signal {
    /// The number of the current loop · 2⁸ + the number of its tasks, or [`STOP`]
    word: AtomicU64,
    /// The current loop; valid while one of its tasks is claimed and not done
    job: AtomicPtr<Job<'static>>,
}

/// What the leader and its followers share
pub(crate) struct Team {
    size: usize,
    /// Whether there are more threads than cores: then a thread that waits yields its core at once
    crowded: bool,
    panicked: AtomicBool,
    signal: Line<Signal>,
    /// For each share of the tasks: the number of the last loop in which a task was claimed · 2¹⁶ + the number that the
    /// share's own thread claimed in it · 2⁸ + the number that others claimed
    claims: [Line<AtomicU64>; MAX_SHARES],
    done: Line<AtomicUsize>,
}

const COUNT_BITS: u32 = 8;
/// The bits of a number of tasks
const COUNT: u64 = (1 << COUNT_BITS) - 1;
/// The signal that the scope is over
const STOP: u64 = u64::MAX;

impl Team {
    /// A team of `size` threads, the leader included; `crowded`: whether there are fewer cores
    pub(crate) fn new(size: usize, crowded: bool) -> Self {
        Self {
            size,
            crowded,
            panicked: AtomicBool::new(false),
            signal: Line(Signal { word: AtomicU64::new(0), job: AtomicPtr::new(ptr::null_mut()) }),
            claims: std::array::from_fn(|_| Line(AtomicU64::new(0))),
            done: Line(AtomicUsize::new(0)),
        }
    }

    /// The leader's side of a loop: calls `f(0)` to `f(indices − 1)`, each once; returns when all are done
    ///
    /// The caller sees to it that no task starts a loop of this team.
    ///
    /// # Panics
    /// If one of the calls does.
    pub(crate) fn run(&self, indices: usize, f: &(dyn Fn(usize) + Sync)) {
        let per_task = indices.div_ceil(MAX_TASKS);
        let tasks = indices.div_ceil(per_task);
        let job = Job { f, indices, per_task };
        let Signal { word, job: place } = &self.signal.0;
        place.store(ptr::from_ref(&job).cast::<Job<'static>>().cast_mut(), Ordering::Relaxed);
        self.done.0.store(0, Ordering::Relaxed);
        let next = (((word.load(Ordering::Relaxed) >> COUNT_BITS) + 1) << COUNT_BITS) | tasks as u64;
        // `job` must outlive the followers' use of it, even if a task panics.
        let finish = FinishOnDrop { team: self, word: next, tasks };
        word.store(next, Ordering::Release);
        self.run_tasks(next, 0);
        drop(finish);
        if self.panicked.load(Ordering::Relaxed) {
            panic!("a task of a parallel loop panicked on another thread");
        }
    }

    /// The follower's side of a scope: waits for a loop and runs its tasks, until the scope ends
    pub(crate) fn follow(&self, me: usize) {
        let (mut seen, mut wait) = (0, Wait::new(self.crowded));
        loop {
            let word = self.signal.0.word.load(Ordering::Acquire);
            if word == STOP {
                return;
            } else if word == seen {
                wait.once(true);
            } else {
                seen = word;
                self.run_tasks(word, me);
                wait = Wait::new(self.crowded);
            }
        }
    }

    /// Claims and runs tasks of the loop `word`, those of this thread's own share first
    fn run_tasks(&self, word: u64, me: usize) {
        let shares = self.shares();
        if me < shares {
            self.run_share(word, me, true);
        }
        let others = (1..=shares).map(|i| (me + i) % shares).filter(|&share| share != me);
        others.for_each(|share| self.run_share(word, share, false));
    }

    /// Claims and runs the tasks of a share that are left
    fn run_share(&self, word: u64, share: usize, own: bool) {
        // All of them are counted as done at once: the counter's cache line moves between cores once, not for each task.
        let mut done = DoneOnDrop { team: self, count: 0 };
        while let Some(task) = self.claim(word, share, own) {
            done.count += 1;
            // SAFETY: the claim succeeded, so task `task` of the loop `word` was not done before, and does not count as
            // done until `done` drops. The leader leaves `run`, where the job lives, and stores another job only after
            // all tasks are done (`FinishOnDrop`). The job of this loop was stored before `word` was released, and this
            // thread has acquired `word` or written it itself.
            let job = unsafe { &*self.signal.0.job.load(Ordering::Relaxed) };
            job.run(task);
        }
    }

    /// The number of shares into which the tasks of a loop are divided; further threads have none of their own
    fn shares(&self) -> usize {
        self.size.min(MAX_SHARES)
    }

    /// Claims a task of a share in the loop `word`: the share's own thread gets the first one that is left, other
    /// threads get the last
    ///
    /// A thread that comes late, with the word of a loop that is over, finds all tasks claimed in that loop or a later
    /// one, and gets `None`.
    fn claim(&self, word: u64, share: usize, own: bool) -> Option<usize> {
        let (number, tasks) = (word >> COUNT_BITS, (word & COUNT) as usize);
        let (start, end) = (share * tasks / self.shares(), (share + 1) * tasks / self.shares());
        let claims = &self.claims[share].0;
        let mut last = claims.load(Ordering::Relaxed);
        while last >> (2 * COUNT_BITS) <= number {
            // Counts of an earlier loop mean 0.
            let current = last.max(number << (2 * COUNT_BITS));
            let (first, others) = ((current >> COUNT_BITS & COUNT) as usize, (current & COUNT) as usize);
            if first + others >= end - start {
                return None;
            }
            let next = current + if own { 1 << COUNT_BITS } else { 1 };
            match claims.compare_exchange_weak(last, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(if own { start + first } else { end - 1 - others }),
                Err(now) => last = now,
            }
        }
        None
    }
}

/// The state of a waiting thread: it spins, then yields its core, then sleeps
struct Wait {
    iterations: u32,
    crowded: bool,
}

impl Wait {
    fn new(crowded: bool) -> Self {
        Self { iterations: 0, crowded }
    }

    fn once(&mut self, may_sleep: bool) {
        let spins = if self.crowded { 0 } else { SPINS };
        self.iterations = self.iterations.saturating_add(1);
        if self.iterations <= spins {
            spin_loop();
        } else if may_sleep && self.iterations > spins + YIELDS {
            sleep(NAP);
        } else {
            yield_now();
        }
    }
}

/// Counts the tasks of a thread as done when it drops, also if the last of them panics
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

/// Waits, when it drops, until every task is done; after a panic of the leader, it first claims the tasks that are left,
/// without running them
struct FinishOnDrop<'a> {
    team: &'a Team,
    word: u64,
    tasks: usize,
}
impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let not_run: usize = (0..self.team.shares())
                .map(|share| std::iter::from_fn(|| self.team.claim(self.word, share, false)).count())
                .sum();
            self.team.done.0.fetch_add(not_run, Ordering::Release);
        }
        let mut wait = Wait::new(self.team.crowded);
        while self.team.done.0.load(Ordering::Acquire) < self.tasks {
            wait.once(false);
        }
    }
}

/// Lets the followers return when it drops, which is when the scope's body ends, also by a panic
pub(crate) struct StopOnDrop<'a>(pub(crate) &'a Team);
impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.signal.0.word.store(STOP, Ordering::Release);
    }
}

#[cfg(all(test, loom))]
#[path = "../../models/src/team.rs"]
mod model;
