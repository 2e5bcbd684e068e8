//! Batches after the first allocate nothing but the packing buffers of `matrixmultiply`

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::sync::atomic::AtomicBool;

use chainrule::config::{OptimizerChoice, TrainConfig};
use chainrule::data::run_data::RunData;
use chainrule::data::{Cells, Dataset, Inputs, Labels, Split, Task};
use chainrule::nn::layers::{Activation, Norm};
use chainrule::train::trainer::Trainer;

#[path = "support/counting.rs"]
mod counting;

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
        inputs: Inputs::of_array(&[28, 28]),
        task: Task::Classify(classes),
        task_note: None,
        train: split.clone(),
        test: split,
        row_weights: None,
        warnings: Vec::new(),
        undivided_hash: None,
    };
    let plain = |activation| TrainConfig { activation, no_shuffle: true, ..TrainConfig::default() };
    // GELU is not fused with the layer before it.
    let [relu, gelu] = [Activation::Relu, Activation::Gelu].map(plain);
    let moved = TrainConfig { flip: true, shift: 1, distort: 0.1, erase: 9, ..relu.clone() };
    let augmented = TrainConfig { mixup: 0.2, label_smoothing: 0.1, ..moved };
    let design = TrainConfig { norm: Norm::Batch, dropout: 0.3, input_dropout: 0.1, ..relu.clone() };
    let adamw = TrainConfig { optimizer: OptimizerChoice::AdamW, ..design.clone() };
    let configs = [relu, gelu, augmented, design, adamw];
    for (config, threads) in configs.iter().flat_map(|config| [(config, 1), (config, 2)]) {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            // The pool's threads allocate as they start.
            rayon::broadcast(|_| ());
            let run_data = RunData::new(config, &data).unwrap();
            let mut trainer = Trainer::<f32>::new(config, &run_data).unwrap();
            // The first of 8 batches may allocate, the last is shorter. On a busy machine a thread may have no part in the
            // first batches, and a thread's first part may allocate, too.
            let mut counts = [0; 8];
            for epoch in 1..=3 {
                trainer.run_epoch(epoch, &AtomicBool::new(false), &mut |batch, _| {
                    counts[batch - 1] = counting::calls();
                });
            }
            assert_eq!(counts, [counts[0]; 8], "{config:?}, {threads} threads");
        });
    }
}
