//! Kernels at the shapes that training gives them
//!
//! In a product, one item is one flop, so that Gitem/s is GFLOP/s; elsewhere, one item is one element.

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

#[path = "../../tests/support/numbers.rs"]
mod numbers;

use chainrule_kernels as kernels;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box_drop};
use kernels::{
    Activation, AdamWRule, Backend, DenseKernels, Distortion, Gradient, ImageShape, Move, NonMonotonic,
    SgdRule, SgdStep, View, ViewMut, team,
};

fn main() {
    divan::main();
}

/// Which layer of a standard net (README.md) or of the preset `best` it is, m = batch, k = d_in, n = d_out
type Layer = (&'static str, usize, usize, usize);
const LAYERS: &[Layer] = &[
    ("small, first layer", 64, 784, 128),
    ("small, second layer", 64, 128, 64),
    ("small, last layer", 64, 64, 10),
    ("tiny, first layer", 16, 784, 32),
    ("wide, first layer", 128, 784, 512),
    ("wide, second layer", 128, 512, 512),
    ("best, first layer", 256, 784, 768),
    ("best, second layer", 256, 768, 768),
    ("1,024 wide, second layer", 256, 1024, 1024),
];

/// Calls of a kernel in one scope of a team, since entering the scope takes as long as several calls
const CALLS: usize = 200;

/// Times `CALLS` calls in a row with a team of `threads`, as in an epoch; one call has `items` items
fn in_team(bencher: Bencher<'_, '_>, threads: usize, items: usize, mut call: impl FnMut() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    bencher.counter(ItemsCount::new(CALLS * items)).bench_local(|| {
        pool.install(|| team::scope(|| (0..CALLS).for_each(|_| call())));
    });
}

/// Random numbers in [−1, 1]
fn numbers(len: usize) -> Vec<f32> {
    numbers::numbers(len, 1, |x| x as f32)
}

/// Random numbers in [−1, 1], about half of which are 0, as in images and after a ReLU
fn half_zeros(len: usize) -> Vec<f32> {
    numbers::sparse(len, 1, 0.5, |x| x as f32)
}

fn forward<const THREADS: usize>(
    bencher: Bencher<'_, '_>,
    backend: Backend,
    x: fn(usize) -> Vec<f32>,
    &(_, m, k, n): &Layer,
) {
    let (x, w, b, mut y) = (x(m * k), numbers(k * n), numbers(n), numbers(m * n));
    let mut layer = DenseKernels::new(backend);
    in_team(bencher, THREADS, 2 * m * k * n, || {
        layer.affine(
            View::new(&x, m, k),
            View::new(&w, k, n),
            &b,
            Activation::Relu,
            ViewMut::new(&mut y, m, n),
        );
    });
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn forward_fused<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    forward::<THREADS>(bencher, Backend::auto(), numbers, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn forward_fused_half_zeros<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    forward::<THREADS>(bencher, Backend::auto(), half_zeros, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn forward_bf16<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    forward::<THREADS>(bencher, Backend::Bf16, numbers, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn forward_bf16_half_zeros<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    forward::<THREADS>(bencher, Backend::Bf16, half_zeros, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn forward_matrixmultiply<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    forward::<THREADS>(bencher, Backend::Matrixmultiply, numbers, layer);
}

/// dX, dW and the step with momentum
fn backward<const THREADS: usize>(
    bencher: Bencher<'_, '_>,
    backend: Backend,
    x: fn(usize) -> Vec<f32>,
    &(_, m, k, n): &Layer,
) {
    let (x, dy, mut dx) = (x(m * k), x(m * n), numbers(m * k));
    let (mut w, mut b, mut v) = (numbers(k * n), numbers(n), numbers((k + 1) * n));
    let mut layer = DenseKernels::new(backend);
    let rule = SgdRule { eta: 1e-9, mu: 0.9, lambda: 0.0, nesterov: false };
    in_team(bencher, THREADS, 4 * m * k * n, || {
        let (vw, vb) = v.split_at_mut(k * n);
        let step = Gradient::Sgd { b: &mut b, step: SgdStep { rule, bias_rule: rule, vw, vb } };
        let to = Some((&mut dx[..], Activation::Relu.into()));
        layer.affine_backward(View::new(&x, m, k), View::new(&dy, m, n), &mut w, to, step);
    });
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn backward_fused<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    backward::<THREADS>(bencher, Backend::auto(), numbers, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn backward_fused_half_zeros<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    backward::<THREADS>(bencher, Backend::auto(), half_zeros, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn backward_bf16<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    backward::<THREADS>(bencher, Backend::Bf16, numbers, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn backward_bf16_half_zeros<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    backward::<THREADS>(bencher, Backend::Bf16, half_zeros, layer);
}

#[divan::bench(args = LAYERS, consts = [1, 2], sample_size = 1)]
fn backward_matrixmultiply<const THREADS: usize>(bencher: Bencher<'_, '_>, layer: &Layer) {
    backward::<THREADS>(bencher, Backend::Matrixmultiply, numbers, layer);
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn sgd<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    let (mut w, mut v, g) = (numbers(784 * 128), numbers(784 * 128), numbers(784 * 128));
    let rule = SgdRule { eta: 1e-9, mu: 0.9, lambda: 0.0, nesterov: false };
    in_team(bencher, THREADS, 784 * 128, || kernels::sgd(rule, &mut w, &mut v, &g));
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn adamw<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    let [mut w, mut m, g] = [(); 3].map(|()| numbers(784 * 128));
    let mut v = vec![0.5; 784 * 128];
    let step = AdamWRule { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }.step(1, 1e-9, 0.0);
    in_team(bencher, THREADS, 784 * 128, || kernels::adamw(step, &mut w, &mut m, &mut v, &g));
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn gather<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    let bytes: Vec<u8> = (0..10_000 * 784).map(|i| (i % 251) as u8).collect();
    let rows: Vec<u32> = (0..64).map(|i| i * 7919 % 10_000).collect();
    let mut x = numbers(64 * 784);
    in_team(bencher, THREADS, 64 * 784, || kernels::scale_rows(&bytes, &rows, &[], &mut x, 784));
}

/// A batch of grey images of 28 x 28 bytes, each flipped or not, shifted by a pixel, and with some distortion if `map` is not 0
fn move_images<const THREADS: usize>(bencher: Bencher<'_, '_>, map: i32) {
    let bytes: Vec<u8> = (0..10_000 * 784).map(|i| (i % 251) as u8).collect();
    let rows: Vec<u32> = (0..64).map(|i| i * 7919 % 10_000).collect();
    let by = |i: i32| {
        let sign = 1 - 2 * (i / 2 % 2);
        let distortion = Distortion { xx: map, xy: sign * map, yx: map, yy: -sign * map };
        Move { flip: i % 2 == 0, down: i % 3 - 1, right: i / 3 % 3 - 1, distortion, ..Move::default() }
    };
    let moves: Vec<Move> = (0..64).map(by).collect();
    let shape = ImageShape { planes: 1, height: 28, width: 28, channels: 1 };
    let mut scratch = vec![0; kernels::move_images_scratch(shape, 64).unwrap()];
    let mut out = vec![0; 64 * 784];
    in_team(bencher, THREADS, 64 * 784, || {
        kernels::move_images(&bytes, shape, (&rows, &moves), &[], &mut scratch, &mut out);
    });
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn flip_and_shift<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    move_images::<THREADS>(bencher, 0);
}

#[divan::bench(consts = [1, 2], sample_size = 1)]
fn distort<const THREADS: usize>(bencher: Bencher<'_, '_>) {
    move_images::<THREADS>(bencher, Distortion::ONE / 20);
}

#[divan::bench(args = [("hidden layer", 64 * 128), ("wide", 128 * 512)])]
fn relu(bencher: Bencher<'_, '_>, &(_, len): &(&str, usize)) {
    let mut x = numbers(len);
    bencher.counter(ItemsCount::new(len)).bench_local(|| Activation::Relu.forward(&mut x));
}

#[divan::bench(args = [("hidden layer", 64 * 128), ("wide", 128 * 512)])]
fn sigmoid(bencher: Bencher<'_, '_>, &(_, len): &(&str, usize)) {
    let mut x = numbers(len);
    bencher.counter(ItemsCount::new(len)).bench_local(|| Activation::Sigmoid.forward(&mut x));
}

#[divan::bench(args = [Activation::Tanh, Activation::LeakyRelu, Activation::Selu])]
fn other_activations(bencher: Bencher<'_, '_>, f: Activation) {
    let mut x = numbers(128 * 512);
    bencher.counter(ItemsCount::new(x.len())).bench_local(|| f.forward(&mut x));
}

#[divan::bench(args = [NonMonotonic::Gelu, NonMonotonic::Silu])]
fn non_monotonic(bencher: Bencher<'_, '_>, f: NonMonotonic) {
    let (x, mut y) = (numbers(128 * 512), numbers(128 * 512));
    bencher.counter(ItemsCount::new(x.len())).bench_local(|| f.forward(&x, &mut y));
}

#[divan::bench(args = [NonMonotonic::Gelu, NonMonotonic::Silu])]
fn non_monotonic_backward(bencher: Bencher<'_, '_>, f: NonMonotonic) {
    let (x, dy, mut dx) = (numbers(128 * 512), numbers(128 * 512), numbers(128 * 512));
    bencher.counter(ItemsCount::new(x.len())).bench_local(|| f.backward(&x, &dy, &mut dx));
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
