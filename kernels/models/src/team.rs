//! Models of a team's protocol: `loom` runs them with all interleavings of a few preemptions, and with all reorderings
//! that the atomics allow
//!
//! At least one model fails if the signal or the done counter gets a weaker ordering, if the stop signal is missing, if
//! a claim is not one compare-exchange or does not refuse late threads, or if the leader does not wait.
//!
//! [`Counts`] are not atomic: `loom` reports two accesses that the protocol does not order.

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

use super::{Ordering, StopOnDrop, Team};

/// One count for each index of a loop, written by the thread that runs the index
struct Counts(Vec<UnsafeCell<usize>>);
// SAFETY: `loom` checks that no two accesses are concurrent.
unsafe impl Sync for Counts {}

impl Counts {
    fn new(indices: usize) -> Self {
        Self((0..indices).map(|_| UnsafeCell::new(0)).collect())
    }

    fn add_one(&self, index: usize) {
        // SAFETY: `loom` checks that no two accesses are concurrent.
        self.0[index].with_mut(|count| unsafe { *count += 1 });
    }

    fn each_is(&self, expected: usize) -> bool {
        // SAFETY: as above.
        self.0.iter().all(|count| count.with(|count| unsafe { *count } == expected))
    }
}

/// Explores the runs of a leader with `body` and followers, up to a number of preemptions
fn check(size: usize, preemptions: usize, body: fn(&Team)) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let team = Arc::new(Team::new(size, true));
        let followers: Vec<_> = (1..size)
            .map(|me| {
                let team = Arc::clone(&team);
                thread::spawn(move || team.follow(me))
            })
            .collect();
        {
            let _stop = StopOnDrop(&team);
            body(&team);
        }
        followers.into_iter().for_each(|follower| follower.join().unwrap());
    });
}

#[test]
fn every_index_runs_once_and_the_leader_sees_what_it_wrote() {
    check(2, 3, |team| {
        let counts = Counts::new(3);
        team.run(3, &|i| counts.add_one(i));
        assert!(counts.each_is(1));
    });
}

#[test]
fn tasks_see_what_the_leader_wrote_before_the_loop() {
    check(2, 3, |team| {
        let (input, output) = (Counts::new(1), Counts::new(2));
        input.add_one(0);
        team.run(2, &|i| {
            assert!(input.each_is(1));
            output.add_one(i);
        });
        // The tasks' reads are over, too.
        input.add_one(0);
        assert!(input.each_is(2) && output.each_is(1));
    });
}

#[test]
fn a_late_thread_runs_no_task_of_a_loop_that_is_over() {
    check(2, 3, |team| {
        // Fewer tasks the second time, so that tasks of the first loop would not fit it.
        for indices in [3, 1] {
            let counts = Counts::new(indices);
            team.run(indices, &|i| counts.add_one(i));
            assert!(counts.each_is(1));
        }
    });
}

#[test]
fn a_follower_returns_from_a_scope_without_loops() {
    check(2, 3, |_| ());
}

/// The two followers look at the signal only once, since `loom` can't explore two threads that wait in loops
#[test]
fn three_threads_claim_no_task_twice() {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let team = Arc::new(Team::new(3, true));
        let followers: Vec<_> = (1..3)
            .map(|me| {
                let team = Arc::clone(&team);
                thread::spawn(move || {
                    let word = team.signal.0.word.load(Ordering::Acquire);
                    if word != 0 {
                        team.run_tasks(word, me);
                    }
                })
            })
            .collect();
        let counts = Counts::new(3);
        team.run(3, &|i| counts.add_one(i));
        assert!(counts.each_is(1));
        followers.into_iter().for_each(|follower| follower.join().unwrap());
    });
}
