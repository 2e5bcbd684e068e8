//! Whole training epochs, without evaluation, on images of Fashion-MNIST's size
//!
//! One item is one training sample.

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use std::sync::atomic::AtomicBool;

use chainrule::config::Settings;
use chainrule::data::Dataset;
use chainrule::trainer::Trainer;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// What it is called, hidden layers, batch size
const NETS: &[(&str, &str, usize)] = &[("softmax", "none", 64), ("tiny", "32", 16), ("small", "128x64", 64)];

#[divan::bench(args = NETS, consts = [1, 2], sample_count = 5, sample_size = 1)]
fn epoch<const THREADS: usize>(bencher: Bencher<'_, '_>, &(_, hidden, batch): &(&str, &str, usize)) {
    let data = Dataset::load(Some("synthetic")).unwrap();
    let settings = Settings {
        hidden_dims: Some(vec![hidden.parse().unwrap()]),
        batch_size: Some(batch),
        ..Settings::default()
    };
    let config = settings.resolve().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap();
    let mut trainer = Trainer::<f32>::new(&config, &data).unwrap();
    let (stop, mut epoch) = (AtomicBool::new(false), 0);
    bencher.counter(ItemsCount::new(data.train.len())).bench_local(|| {
        epoch += 1;
        pool.install(|| trainer.run_epoch(epoch, &stop, &mut |_, _| {}))
    });
}
