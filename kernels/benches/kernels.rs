//! Kernels at the shapes that training the default net (784-128-64-10, batch 64) gives them
//!
//! For products one item is one flop, so that Gitem/s reads as GFLOP/s; elsewhere one item is one number.

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use chainrule_kernels as kernels;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box_drop};
use kernels::{View, ViewMut, team};

fn main() {
    divan::main();
}

/// What it is in the network, m, k, n, whether A and B are transposed
type Product = (&'static str, usize, usize, usize, bool, bool);
const PRODUCTS: &[Product] = &[
    ("first layer, forward", 64, 784, 128, false, false),
    ("first layer, dW", 784, 64, 128, true, false),
    ("second layer, forward", 64, 128, 64, false, false),
    ("second layer, dW", 128, 64, 64, true, false),
    ("second layer, dX", 64, 64, 128, false, true),
    ("last layer, forward", 64, 64, 10, false, false),
    ("evaluation, first layer", 512, 784, 128, false, false),
];

/// Calls of a kernel in one region of a team: entering it costs as much as some of them
const CALLS: usize = 200;

/// Times `CALLS` calls in a row with a team of `threads`, as an epoch makes them; `items` is that of one call
fn in_team(bencher: Bencher<'_, '_>, threads: usize, items: usize, mut call: impl FnMut() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    bencher.counter(ItemsCount::new(CALLS * items)).bench_local(|| {
        pool.install(|| team::scope(|| (0..CALLS).for_each(|_| call())));
    });
}

fn operand(rows: usize, cols: usize, transposed: bool, data: &[f32]) -> View<'_, f32> {
    if transposed { View::new(data, cols, rows).t() } else { View::new(data, rows, cols) }
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i % 101) as f32 / 50.5 - 1.0).collect()
}

#[divan::bench(args = PRODUCTS, consts = [1, 2], sample_size = 1)]
fn matmul<const THREADS: usize>(bencher: Bencher<'_, '_>, &(_, m, k, n, a_t, b_t): &Product) {
    let (a, b, mut c, mut scratch) = (numbers(m * k), numbers(k * n), numbers(m * n), Vec::new());
    let (a, b) = (operand(m, k, a_t, &a), operand(k, n, b_t, &b));
    in_team(bencher, THREADS, 2 * m * k * n, || {
        kernels::matmul(a, b, None, ViewMut::new(&mut c, m, n), &mut scratch);
    });
}

#[divan::bench(args = PRODUCTS, consts = [1, 2], sample_size = 1)]
fn gemm<const THREADS: usize>(bencher: Bencher<'_, '_>, &(_, m, k, n, a_t, b_t): &Product) {
    let (a, b, mut c) = (numbers(m * k), numbers(k * n), numbers(m * n));
    let (a, b) = (operand(m, k, a_t, &a), operand(k, n, b_t, &b));
    in_team(bencher, THREADS, 2 * m * k * n, || kernels::gemm(1.0, a, b, 0.0, ViewMut::new(&mut c, m, n)));
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn sgd_momentum<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    let (mut w, mut v, g) = (numbers(784 * 128), numbers(784 * 128), numbers(784 * 128));
    in_team(bencher, THREADS, 784 * 128, || kernels::sgd_momentum(&mut w, &mut v, &g, 128, 1e-9, 0.9, 0.0));
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn gather<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    let bytes: Vec<u8> = (0..10_000 * 784).map(|i| (i % 251) as u8).collect();
    let rows: Vec<u32> = (0..64).map(|i| i * 7919 % 10_000).collect();
    let mut x = numbers(64 * 784);
    in_team(bencher, THREADS, 64 * 784, || kernels::scale_rows(&bytes, &rows, &mut x, 784));
}

#[divan::bench(args = [("hidden layer", 64 * 128), ("wide", 128 * 512)])]
fn relu(bencher: Bencher<'_, '_>, &(_, len): &(&str, usize)) {
    let mut x = numbers(len);
    bencher.counter(ItemsCount::new(len)).bench_local(|| kernels::relu(&mut x));
}

#[divan::bench(args = [("hidden layer", 64 * 128), ("wide", 128 * 512)])]
fn sigmoid(bencher: Bencher<'_, '_>, &(_, len): &(&str, usize)) {
    let mut x = numbers(len);
    bencher.counter(ItemsCount::new(len)).bench_local(|| kernels::sigmoid(&mut x));
}

#[divan::bench]
fn softmax(bencher: Bencher<'_, '_>) {
    let (z, mut max, mut log_sum) = (numbers(640), vec![0.0; 64], vec![0.0; 64]);
    bencher.counter(ItemsCount::new(640usize)).bench_local(|| {
        let mut p = z.clone();
        kernels::softmax_rows(&mut p, 10, &mut max, &mut log_sum);
        black_box_drop(p);
    });
}
