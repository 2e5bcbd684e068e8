//! Epochs of training, without evaluation, on images of Fashion-MNIST's size
//!
//! One item is one training sample.

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::sync::atomic::AtomicBool;

use chainrule::config::{EngineChoice, TrainConfig};
use chainrule::data::Dataset;
use chainrule::data::run_data::RunData;
use chainrule::train::trainer::Trainer;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// Name, hidden layers, batch size
type Net = (&'static str, &'static str, usize);
const NETS: &[Net] =
    &[("softmax", "none", 64), ("tiny", "32", 16), ("small", "128x64", 64), ("wide", "512x512", 128)];

fn epochs(bencher: Bencher<'_, '_>, threads: usize, engine: EngineChoice, &(_, hidden, batch): &Net) {
    let data = Dataset::synthetic();
    let config = TrainConfig {
        hidden_dims: hidden.parse().unwrap(),
        batch_size: batch,
        engine,
        ..TrainConfig::default()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let run_data = RunData::new(&config, &data).unwrap();
    let mut trainer = Trainer::<f32>::new(&config, &run_data).unwrap();
    let (stop, mut epoch) = (AtomicBool::new(false), 0);
    bencher.counter(ItemsCount::new(data.train.len())).bench_local(|| {
        epoch += 1;
        pool.install(|| trainer.run_epoch(epoch, &stop, &mut |_, _| {}))
    });
}

#[divan::bench(args = NETS, consts = [1, 2], sample_count = 5, sample_size = 1)]
fn epoch<const THREADS: usize>(bencher: Bencher<'_, '_>, net: &Net) {
    epochs(bencher, THREADS, EngineChoice::Auto, net);
}

/// The same by the other backend, for comparison
#[divan::bench(args = NETS, consts = [1, 2], sample_count = 5, sample_size = 1)]
fn epoch_matrixmultiply<const THREADS: usize>(bencher: Bencher<'_, '_>, net: &Net) {
    epochs(bencher, THREADS, EngineChoice::Matrixmultiply, net);
}
