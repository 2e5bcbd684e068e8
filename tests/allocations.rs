//! Batches after the first allocate nothing but the packing buffers of `matrixmultiply`

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chainrule::config::TrainConfig;
use chainrule::data::run_data::RunData;
use chainrule::data::{Cells, Dataset, Inputs, Labels, Split, Task};
use chainrule::train::trainer::Trainer;

/// The smallest alignment of `matrixmultiply`'s packing buffers; our own allocations have a smaller one
const PACKING_ALIGNMENT: usize = 32;

struct Counting;
static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system allocator unchanged; counting writes only an atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(usize::from(layout.align() < PACKING_ALIGNMENT), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is that of `System`, too.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is that of `System`, too.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn batches_after_the_first_allocate_nothing() {
    // In the first three batches no pixel is 0, later half of them are, so both product kernels run.
    let pixel = |at: usize| if at > 3 * 64 * 784 && at.is_multiple_of(2) { 0 } else { 7 };
    let images = (0..500 * 784).map(pixel).collect();
    let labels = Labels::Classes((0..500).map(|i| i % 10).collect());
    let split = Split { cells: Cells::Bytes(images), labels, columns: 784 };
    let classes = (0..10).map(|class| class.to_string()).collect();
    let source = String::new();
    let data = Dataset {
        source,
        inputs: Inputs::of_array(&[784]),
        task: Task::Classify(classes),
        task_note: None,
        train: split.clone(),
        test: split,
        row_weights: None,
        warnings: Vec::new(),
        undivided_hash: None,
    };
    let config = TrainConfig { no_shuffle: true, ..TrainConfig::default() };
    for threads in [1, 2] {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            // The pool's threads allocate as they start.
            rayon::broadcast(|_| ());
            let run_data = RunData::new(&config, &data).unwrap();
            let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
            // The first of 8 batches may allocate, the last is shorter.
            let mut counts = [0; 8];
            trainer.run_epoch(1, &AtomicBool::new(false), &mut |batch, _| {
                counts[batch - 1] = COUNT.load(Ordering::Relaxed);
            });
            assert_eq!(counts, [counts[0]; 8], "{threads} threads");
        });
    }
}
