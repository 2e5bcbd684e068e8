//! Teams of threads that wait for the next parallel loop by spinning
//!
//! To wake a sleeping pool for each parallel loop would take longer than a training step of a small net
//! (docs/engine.md, row "starting a loop"). A caller that is about to run many short loops opens a [`scope`]: the
//! pool's threads enter it together, the first runs the caller's code, and the others spin until the next loop starts.
//! Outside a scope the same loops are `rayon`'s own.
//!
//! `protocol.rs` says how the threads of a team share the tasks of a loop.

use std::cell::Cell;
use std::sync::Mutex;

use crate::threads::protocol::{StopOnDrop, Team};

/// Which threads run the parallel loops of a thread
#[derive(Clone, Copy)]
pub(crate) enum Loops {
    /// Those of the current `rayon` pool
    Pool,
    /// Those of the team that this thread leads
    Team(TeamHandle),
    /// This thread alone: inside [`run_serial`], and on a team's threads inside a task of a loop
    Serial,
}

thread_local! {
    static LOOPS: Cell<Loops> = const { Cell::new(Loops::Pool) };
}

impl Loops {
    /// Which threads run the loops of this thread now
    pub(crate) fn current() -> Self {
        LOOPS.get()
    }

    /// Sets which threads run the loops of this thread, until the guard drops
    fn set(self) -> RestoreOnDrop {
        RestoreOnDrop(LOOPS.replace(self))
    }
}

struct RestoreOnDrop(Loops);
impl Drop for RestoreOnDrop {
    fn drop(&mut self) {
        LOOPS.set(self.0);
    }
}

/// Runs `body` while the threads of the current `rayon` pool wait for its parallel loops
///
/// The body runs on the pool's first thread. With a pool of one thread, inside another scope and inside [`run_serial`],
/// it runs on the caller's thread. A second scope on the same pool waits for the first to end.
///
/// # Panics
/// If the body panics, or a task of one of its loops.
pub fn scope<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    let size = rayon::current_num_threads();
    if size == 1 || !matches!(Loops::current(), Loops::Pool) {
        return body();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let team = Team::new(size, size > cores);
    let body = Mutex::new(Some(body));
    let results = rayon::broadcast(|thread| {
        if thread.index() > 0 {
            let _serial = Loops::Serial.set();
            team.follow(thread.index());
            return None;
        }
        let _stop = StopOnDrop(&team);
        let _lead = Loops::Team(TeamHandle(&team)).set();
        let body = body.lock().ok().and_then(|mut body| body.take());
        body.map(|body| body())
    });
    // The first thread always finds the body: no other thread takes it, and the lock is not held while it runs.
    results.into_iter().flatten().next().unwrap_or_else(|| unreachable!("the body ran"))
}

/// Runs `body` with all of its loops on this thread: for callers that divide larger tasks among threads themselves
pub fn run_serial<R>(body: impl FnOnce() -> R) -> R {
    let _serial = Loops::Serial.set();
    body()
}

/// The team that this thread leads
#[derive(Clone, Copy)]
pub(crate) struct TeamHandle(*const Team);

impl TeamHandle {
    /// Calls `f(0)` to `f(indices − 1)`, each once, on the team's threads; returns when all are done
    pub(crate) fn run(self, indices: usize, f: &(dyn Fn(usize) + Sync)) {
        let _serial = Loops::Serial.set();
        // SAFETY: a handle is in `LOOPS` only while `scope` keeps its team alive. It cannot leave the thread, and
        // callers do not keep it.
        unsafe { &*self.0 }.run(indices, f);
    }
}
