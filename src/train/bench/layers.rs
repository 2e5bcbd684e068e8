//! Measurements of the products of each layer of a net, and of the other loops of a training step

use chainrule_kernels::{self as kernels, Backend, DenseKernels, Gradient, SgdRule, SgdStep, View, ViewMut};

use super::measure::Measurements;
use super::{Kind, Net};
use crate::nn::matrix::Matrix;
use crate::random::{Purpose, Random};
use crate::tables::BenchRow;

/// An update rule with a step so small that it hardly changes the weights
const RULE: SgdRule<f32> = SgdRule { eta: 1e-12, mu: 0.9, lambda: 0.0, nesterov: false };

/// Measures the forward pass of each layer of a net, and its backward pass with the SGD step
///
/// Each is measured once with operands without zeros, and once with half of the elements 0, about as in images and
/// after a ReLU.
pub fn products(to: &mut Measurements<'_>, net: &Net, backend: Backend) {
    for zeros in [false, true] {
        for layer in 0..net.dims.0.len() - 1 {
            product(to, net, layer, backend, zeros);
        }
    }
}

fn product(to: &mut Measurements<'_>, net: &Net, l: usize, backend: Backend, zeros: bool) {
    let (m, k, n) = (net.batch_size, net.dims.0[l], net.dims.0[l + 1]);
    let is_last = l + 2 == net.dims.0.len();
    let f = if is_last { kernels::Activation::Identity } else { kernels::Activation::Relu };
    let (mut x, mut w, mut y, mut dx) = (wave(m, k, 1), wave(k, n, 2), wave(m, n, 3), wave(m, k, 4));
    let mut dy = wave(m, n, 5);
    if zeros {
        halve(&mut x, 1);
        // The gradient of the loss has no zeros.
        if !is_last {
            halve(&mut dy, 5);
        }
    }
    let (mut b, mut vw, mut vb) = (vec![0.0; n], Matrix::<f32>::zeros(k, n), vec![0.0; n]);
    let mut dense = DenseKernels::new(backend);
    let row = |operation: &str| BenchRow {
        kind: Kind::Product.name(),
        name: format!("{operation} {m}x{k}x{n}{}", if zeros { " half zeros" } else { "" }),
        net: net.dims.to_string(),
        batch_size: Some(m),
        operation: operation.to_owned(),
        m: Some(m),
        k: Some(k),
        n: Some(n),
        ..BenchRow::default()
    };
    let gflop = 2e-9 * (m * k * n) as f64;
    let forward = to.effort.in_team(|| {
        let w = View::new(w.data(), k, n);
        dense.affine(x.view(), w, &b, f, ViewMut::new(y.data_mut(), m, n));
    });
    let skipped_x = dense.skipped(x.view(), n);
    to.flops(row("forward"), forward, gflop, Some(skipped_x));
    let backward = to.effort.in_team(|| {
        let sgd = SgdStep { rule: RULE, bias_rule: RULE, vw: vw.data_mut(), vb: &mut vb };
        let step = Gradient::Sgd { b: &mut b, step: sgd };
        let dx = (l > 0).then(|| (dx.data_mut(), kernels::Activation::Relu.into()));
        dense.affine_backward(x.view(), dy.view(), w.data_mut(), dx, step);
    });
    // The backward pass computes ∂L/∂W with the SGD step and, in every layer except the first, ∂L/∂X.
    let (products, skipped) =
        if l > 0 { (2.0, (skipped_x + dense.skipped(dy.view(), k)) / 2.0) } else { (1.0, skipped_x) };
    to.flops(row("backward"), backward, products * gflop, Some(skipped));
}

/// Measures the loops of a training step that are not products, at sizes like those of 784-128-64-10 with batches of 64
pub fn loops(to: &mut Measurements<'_>) {
    const ROWS: usize = 64;
    let wide = ROWS * 1024;
    let mut time = |operation: &str, shape: String, bytes: usize, call: &mut (dyn FnMut() + Send)| {
        let times = to.effort.in_team(call);
        let (kind, name) = (Kind::Loop.name(), format!("{operation} {shape}"));
        to.bytes(
            BenchRow { kind, name, operation: operation.to_owned(), ..BenchRow::default() },
            times,
            bytes,
        );
    };
    let mut x = wave(ROWS, 1024, 1);
    for (f, name) in [(kernels::Activation::Relu, "relu"), (kernels::Activation::Sigmoid, "sigmoid")] {
        time(name, wide.to_string(), 8 * wide, &mut || f.forward(x.data_mut()));
    }
    let (mut z, mut max, mut log_sum) = (wave(ROWS, 10, 2), vec![0.0; ROWS], vec![0.0; ROWS]);
    time("softmax", format!("{ROWS}x10"), 8 * 10 * ROWS, &mut || {
        kernels::softmax_rows(z.data_mut(), 10, &mut max, &mut log_sum);
    });
    let (features, images) = (784, 10_000);
    let bytes: Vec<u8> = (0..images * features).map(|i| (i % 251) as u8).collect();
    let rows: Vec<u32> = (0..ROWS).map(|i| (i * 7919 % images) as u32).collect();
    let mut batch = Matrix::<f32>::zeros(ROWS, features);
    time("gather", format!("{ROWS}x{features}"), 5 * ROWS * features, &mut || {
        kernels::scale_rows(&bytes, &rows, &[], batch.data_mut(), features);
    });
    let (mut w, mut v, g) = (wave(784, 128, 3), Matrix::<f32>::zeros(784, 128), wave(784, 128, 4));
    time("sgd", "784x128".to_owned(), 20 * 784 * 128, &mut || {
        kernels::sgd(RULE, w.data_mut(), v.data_mut(), g.data());
    });
}

/// A matrix with elements in [−1, 1], the same in every call
fn wave(rows: usize, cols: usize, salt: usize) -> Matrix<f32> {
    Matrix::from_fn(rows, cols, |i, j| ((i * 31 + j * 17 + salt * 7) % 101) as f32 / 50.5 - 1.0)
}

/// Sets about half of the elements to 0, chosen at random
fn halve(x: &mut Matrix<f32>, salt: u64) {
    let mut random = Random::new(salt, Purpose::BenchImages);
    x.data_mut().iter_mut().filter(|_| random.below(2) == 0).for_each(|x| *x = 0.0);
}
