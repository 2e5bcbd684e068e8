//! Products, layers and their gradients against plain loops in f64

use chainrule_kernels::{
    Activation, AdamWRule, Backend, DenseKernels, Gradient, LayerAdamW, Scalar, SgdRule, SgdStep, View,
    ViewMut, adamw, gemm, sgd,
};

use crate::{backends, half_zeros, matrix, numbers};

/// Sides around a vector, a tile, a task and a block
const SHAPES: [(usize, usize, usize); 20] = [
    (0, 3, 2),
    (0, 784, 5),
    (3, 784, 0),
    (1, 0, 1),
    (1, 1, 1),
    (2, 3, 0),
    (7, 13, 5),
    (8, 16, 32),
    (9, 17, 33),
    (63, 65, 67),
    (64, 784, 128),
    (784, 64, 128),
    (64, 128, 10),
    (130, 10, 70),
    (5, 300, 40),
    (100, 600, 31),
    (513, 20, 64),
    (3, 2100, 65),
    (33, 70, 1030),
    (40, 1050, 37),
];

/// Element (i, j) of a matrix that is stored as it is or transposed
fn at<T: Scalar>(data: &[T], rows: usize, cols: usize, transposed: bool, i: usize, j: usize) -> f64 {
    data[if transposed { j * rows + i } else { i * cols + j }].to_f64()
}

fn view<T>(data: &[T], rows: usize, cols: usize, transposed: bool) -> View<'_, T> {
    if transposed { View::new(data, cols, rows).t() } else { View::new(data, rows, cols) }
}

/// Compares `multiply` with the plain loop, for all shapes and transposes
fn check<T: Scalar>(multiply: impl Fn(View<'_, T>, View<'_, T>, &[T], ViewMut<'_, T>)) {
    for (m, k, n) in SHAPES {
        for (a_t, b_t) in [(false, false), (true, false), (false, true), (true, true)] {
            let (a, b, bias) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2), numbers::<T>(n, 3));
            // The old content must not be read.
            let mut c = vec![T::from_f64(f64::NAN); m * n];
            multiply(view(&a, m, k, a_t), view(&b, k, n, b_t), &bias, ViewMut::new(&mut c, m, n));
            // Higham 2002, section 3.1: |error| ≤ γₖ₊₁ Σ|aᵢₚbₚⱼ| ≤ (k + 2)² ε for entries in [−1, 1].
            let tolerance = ((k + 2) * (k + 2)) as f64 * T::EPSILON;
            for i in 0..m {
                for j in 0..n {
                    let exact: f64 = (0..k).map(|p| at(&a, m, k, a_t, i, p) * at(&b, k, n, b_t, p, j)).sum();
                    let (want, got) = (exact + bias[j].to_f64(), c[i * n + j].to_f64());
                    assert!(
                        (want - got).abs() <= tolerance,
                        "{m}×{k}×{n} {a_t} {b_t} [{i}, {j}]: {got}, not {want}"
                    );
                }
            }
        }
    }
}

/// The value with which a backend multiplies: rounded to 8 bits, ties to even, for bf16
fn operand<T: Scalar>(backend: Backend, x: T) -> f64 {
    let x = x.to_f64();
    if backend != Backend::Bf16 || x == 0.0 {
        return x;
    }
    let unit = (x.abs().log2().floor() - 7.0).exp2();
    (x / unit).round_ties_even() * unit
}

/// A B by the plain loop, for A: m × k and B: k × n, row by row
fn product(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for (i, p) in (0..m).flat_map(|i| (0..k).map(move |p| (i, p))) {
        let (c, b) = (&mut c[i * n..][..n], &b[p * n..][..n]);
        c.iter_mut().zip(b).for_each(|(c, b)| *c += a[i * k + p] * b);
    }
    c
}

fn transposed(a: &[f64], cols: usize) -> Vec<f64> {
    let rows = a.len().checked_div(cols).unwrap_or(0);
    (0..cols).flat_map(|j| (0..rows).map(move |i| a[i * cols + j])).collect()
}

const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::Relu,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::LeakyRelu,
    Activation::Selu,
];
/// λ and λ α of SELU
const SELU: [f64; 2] = [1.050_700_987_355_480_5, 1.758_099_340_847_376_8];

/// Compares forward products with the plain loop, for every activation
fn check_affine<T: Scalar>(backend: Backend) {
    let mut kernels = DenseKernels::<T>::new(backend);
    let of = |x: &[T]| -> Vec<f64> { x.iter().map(|&x| operand(backend, x)).collect() };
    for ((m, k, n), zeros) in SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let x = if zeros { half_zeros::<T>(m * k, 1) } else { numbers(m * k, 1) };
        let (w, b) = (numbers::<T>(k * n, 2), numbers::<T>(n, 3));
        let products = product(&of(&x), &of(&w), (m, k, n));
        for f in ACTIVATIONS {
            // The old content must not be read.
            let mut y = vec![T::from_f64(f64::NAN); m * n];
            kernels.affine(matrix(&x, m, k), matrix(&w, k, n), &b, f, ViewMut::new(&mut y, m, n));
            // As in `check`; the activations' slopes are at most 1.76, and their own errors at most 8 ε times the larger
            // of 1 and |z|.
            let tolerance = 2.0 * (((k + 2) * (k + 2)) as f64 + 8.0 * (k + 1) as f64) * T::EPSILON;
            for (at, got) in y.iter().enumerate() {
                let (i, j) = (at / n, at % n);
                let z = products[at] + b[j].to_f64();
                let want = match f {
                    Activation::Identity => z,
                    Activation::Relu => z.max(0.0),
                    Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
                    Activation::Tanh => z.tanh(),
                    Activation::LeakyRelu => z.max(0.01 * z),
                    Activation::Selu if z > 0.0 => SELU[0] * z,
                    Activation::Selu => SELU[1] * z.exp_m1(),
                };
                let got = got.to_f64();
                assert!(
                    (want - got).abs() <= tolerance,
                    "{backend:?} {f:?} {m}×{k}×{n} [{i}, {j}]: {got}, not {want}"
                );
            }
        }
    }
}

/// First and second moments of AdamW
fn moments<T: Scalar>(len: usize) -> [Vec<T>; 2] {
    [numbers(len, 5), numbers::<T>(len, 6).into_iter().map(|x| x * x).collect()]
}

/// Compares all three gradients with plain loops, and a step with stored gradients and `sgd` or `adamw`
fn check_backward<T: Scalar>(backend: Backend) {
    let (mut kernels, nan) = (DenseKernels::<T>::new(backend), T::from_f64(f64::NAN));
    let of = |x: &[T]| -> Vec<f64> { x.iter().map(|&x| operand(backend, x)).collect() };
    for ((m, k, n), zeros) in SHAPES.into_iter().flat_map(|shape| [(shape, false), (shape, true)]) {
        let make = if zeros { half_zeros::<T> } else { numbers::<T> };
        let (x, dy, w) = (make(m * k, 1), make(m * n, 2), numbers::<T>(k * n, 3));
        let want_dx = product(&of(&dy), &transposed(&of(&w), n), (m, n, k));
        let want_dw = product(&transposed(&of(&x), k), &of(&dy), (k, m, n));
        for f in ACTIVATIONS {
            let (mut dx, mut dw, mut db, mut same) =
                (vec![nan; m * k], vec![nan; k * n], vec![nan; n], w.clone());
            let store = Gradient::Store { dw: &mut dw, db: &mut db };
            kernels.affine_backward(
                matrix(&x, m, k),
                matrix(&dy, m, n),
                &mut same,
                Some((&mut dx, f.into())),
                store,
            );
            assert_eq!(same, w);
            let tolerance = |len: usize| ((len + 4) * (len + 2)) as f64 * T::EPSILON;
            for at in 0..m * k {
                let (sum, y) = (want_dx[at], x[at].to_f64());
                let want = match f {
                    Activation::Identity => sum,
                    Activation::Relu => {
                        if y > 0.0 {
                            sum
                        } else {
                            0.0
                        }
                    }
                    Activation::Sigmoid => sum * y * (1.0 - y),
                    Activation::Tanh => sum * (1.0 - y * y),
                    Activation::LeakyRelu => sum * if y > 0.0 { 1.0 } else { 0.01 },
                    Activation::Selu => sum * if y > 0.0 { SELU[0] } else { y + SELU[1] },
                };
                // The slopes are at most 2 for y in [−1, 1].
                assert!(
                    (want - dx[at].to_f64()).abs() <= 2.0 * tolerance(n),
                    "{backend:?} {f:?} dx {m}×{k}×{n}"
                );
            }
            for (want, dw) in want_dw.iter().zip(&dw) {
                assert!((want - dw.to_f64()).abs() <= tolerance(m), "{backend:?} dw {m}×{k}×{n}");
            }
            for j in 0..n {
                let want: f64 = (0..m).map(|p| dy[p * n + j].to_f64()).sum();
                assert!((want - db[j].to_f64()).abs() <= tolerance(m), "{backend:?} db {m}×{k}×{n}");
            }
            for (mu, lambda, nesterov) in [
                (0.0, 0.01, false),
                (0.9, 0.01, false),
                (0.9, 0.0, false),
                (0.9, 0.01, true),
                (0.9, 0.0, true),
                (0.0, 0.01, true),
            ] {
                let [eta, mu, lambda] = [0.1, mu, lambda].map(T::from_f64);
                let rule = SgdRule { eta, mu, lambda, nesterov };
                let bias_rule = SgdRule { lambda: T::ZERO, ..rule };
                let start = if mu > T::ZERO { numbers::<T>((k + 1) * n, 5) } else { Vec::new() };
                let (mut w1, mut b1, mut v1) = (w.clone(), numbers::<T>(n, 4), start.clone());
                let (mut w2, mut b2, mut v2) = (w1.clone(), b1.clone(), start);
                let weights = v1.len().saturating_sub(n);
                let (vw, vb) = v1.split_at_mut(weights);
                sgd(rule, &mut w1, vw, &dw);
                sgd(bias_rule, &mut b1, vb, &db);
                let (vw, vb) = v2.split_at_mut(weights);
                let mut dx2 = vec![nan; m * k];
                let step = Gradient::Sgd { b: &mut b2, step: SgdStep { rule, bias_rule, vw, vb } };
                let to = Some((&mut dx2[..], f.into()));
                kernels.affine_backward(matrix(&x, m, k), matrix(&dy, m, n), &mut w2, to, step);
                assert!(
                    w1 == w2 && b1 == b2 && v1 == v2 && dx == dx2,
                    "{backend:?} step, μ = {mu}, Nesterov {nesterov}, {m}×{k}×{n}"
                );
            }
            let rule = AdamWRule { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
            let [constants, bias_constants] = [0.01, 0.0].map(|lambda| rule.step::<T>(3, 0.1, lambda));
            let start = || (w.clone(), numbers::<T>(n, 4), moments::<T>(k * n), moments::<T>(n));
            let (mut w1, mut b1, [mut m1, mut v1], [mut bias_m1, mut bias_v1]) = start();
            adamw(constants, &mut w1, &mut m1, &mut v1, &dw);
            adamw(bias_constants, &mut b1, &mut bias_m1, &mut bias_v1, &db);
            let (mut w2, mut b2, mut moments, mut bias_moments) = start();
            let mut dx2 = vec![nan; m * k];
            let layer = LayerAdamW {
                constants,
                bias_constants,
                moments: moments.each_mut().map(|moments| &mut moments[..]),
                bias_moments: bias_moments.each_mut().map(|moments| &mut moments[..]),
            };
            let to = (f != Activation::Identity).then_some((&mut dx2[..], f.into()));
            let step = Gradient::AdamW { b: &mut b2, step: layer };
            kernels.affine_backward(matrix(&x, m, k), matrix(&dy, m, n), &mut w2, to, step);
            assert!(
                w1 == w2 && b1 == b2 && [m1, v1] == moments && [bias_m1, bias_v1] == bias_moments,
                "{backend:?} {f:?} step of AdamW, {m}×{k}×{n}"
            );
            assert!(f == Activation::Identity || dx == dx2, "{backend:?} {f:?} dx, {m}×{k}×{n}");
        }
    }
}

#[test]
fn affine_maps_agree_with_the_plain_loop() {
    backends::<f32>().into_iter().for_each(check_affine::<f32>);
    backends::<f64>().into_iter().for_each(check_affine::<f64>);
}

#[test]
fn gradients_agree_with_the_plain_loop_and_steps_with_stored_gradients() {
    backends::<f32>().into_iter().for_each(check_backward::<f32>);
    backends::<f64>().into_iter().for_each(check_backward::<f64>);
}

#[test]
fn steps_inside_products_drop_the_same_small_velocities_as_sgd() {
    fn check<T: Scalar + PartialEq>() {
        let (m, k, n) = (3, 20, 45);
        let small = |x: T| x * T::NEGLIGIBLE;
        let x = numbers::<T>(m * k, 1);
        let dy: Vec<T> = numbers(m * n, 2).into_iter().map(small).collect();
        let [eta, mu, lambda] = [0.1, 0.9, 0.0].map(T::from_f64);
        let rule = SgdRule { eta, mu, lambda, nesterov: false };
        for backend in backends::<T>() {
            let mut kernels = DenseKernels::<T>::new(backend);
            let (mut w, mut dw, mut db) = (vec![T::ZERO; k * n], vec![T::ZERO; k * n], vec![T::ZERO; n]);
            let store = Gradient::Store { dw: &mut dw, db: &mut db };
            kernels.affine_backward(matrix(&x, m, k), matrix(&dy, m, n), &mut w, None, store);
            let start: Vec<T> = numbers(k * n, 3).into_iter().map(small).collect();
            let (mut v1, mut v2, mut w1, mut w2) = (start.clone(), start, w.clone(), w);
            sgd(rule, &mut w1, &mut v1, &dw);
            let (mut b, mut vb) = (vec![T::ZERO; n], vec![T::ZERO; n]);
            let sgd = SgdStep { rule, bias_rule: rule, vw: &mut v2, vb: &mut vb };
            let step = Gradient::Sgd { b: &mut b, step: sgd };
            kernels.affine_backward(matrix(&x, m, k), matrix(&dy, m, n), &mut w2, None, step);
            assert!(v1 == v2 && w1 == w2, "{backend:?}");
            let dropped = v1.iter().filter(|&&v| v == T::ZERO).count();
            assert!(dropped > 50 && dropped < k * n - 50, "{dropped} of {} are 0", k * n);
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn gemm_agrees_with_the_plain_loop_for_every_combination_of_transposes() {
    fn with_bias<T: Scalar>(a: View<'_, T>, b: View<'_, T>, bias: &[T], mut c: ViewMut<'_, T>) {
        let (m, n) = c.shape();
        // First A B with β = 0, over NaN; then 2 A B − (A B − 1 bᵀ) with α = 2 and β = −1.
        let mut product = vec![T::from_f64(f64::NAN); m * n];
        gemm(T::ONE, a, b, T::ZERO, ViewMut::new(&mut product, m, n));
        let mut sum: Vec<T> = product.iter().enumerate().map(|(at, &x)| x - bias[at % n.max(1)]).collect();
        gemm(T::ONE + T::ONE, a, b, -T::ONE, ViewMut::new(&mut sum, m, n));
        copy(&sum, &mut c);
    }
    fn copy<T: Scalar>(from: &[T], to: &mut ViewMut<'_, T>) {
        to.data_mut().copy_from_slice(from);
    }
    check::<f32>(with_bias);
    check::<f64>(with_bias);
}

/// An operand without elements, in a product whose other sides are divided into blocks
#[test]
fn products_over_no_inner_dimension_are_the_bias() {
    for backend in backends::<f32>() {
        let (b, mut y) = (numbers::<f32>(1100, 3), vec![f32::NAN; 2 * 1100]);
        let mut kernels = DenseKernels::new(backend);
        let to = ViewMut::new(&mut y, 2, 1100);
        kernels.affine(matrix(&[], 2, 0), matrix(&[], 0, 1100), &b, Activation::Identity, to);
        assert!(y.chunks(1100).all(|row| row == b), "{backend:?}");
        let (mut w, before) = (numbers::<f32>(784 * 1030, 4), numbers::<f32>(784 * 1030, 4));
        let (mut b, mut vw, mut vb) = (vec![1.0; 1030], vec![0.0; 784 * 1030], vec![0.0; 1030]);
        let rule = SgdRule { eta: 0.1, mu: 0.9, lambda: 0.0, nesterov: false };
        let sgd = SgdStep { rule, bias_rule: rule, vw: &mut vw, vb: &mut vb };
        let step = Gradient::Sgd { b: &mut b, step: sgd };
        kernels.affine_backward(matrix(&[], 0, 784), matrix(&[], 0, 1030), &mut w, None, step);
        assert!(w == before && b.iter().all(|&b| b == 1.0), "{backend:?}");
    }
}
