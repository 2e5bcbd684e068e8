//! Matrix products against a plain loop in f64

#![allow(clippy::unwrap_used, reason = "a test or bench that can't go on may stop")]

use chainrule_kernels::{Scalar, View, ViewMut, gemm, matmul, team};

/// Around a vector, a tile, a piece and a block
const SHAPES: [(usize, usize, usize); 16] = [
    (0, 3, 2),
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
];

/// In [−1, 1], not symmetric, with no two rows alike
fn numbers<T: Scalar>(len: usize, salt: usize) -> Vec<T> {
    (0..len).map(|i| T::from_f64(((i * 7919 + salt * 104_729) % 2003) as f64 / 1001.0 - 1.0)).collect()
}

/// `A[i,p]` of a matrix stored as it is or transposed
fn at<T: Scalar>(data: &[T], rows: usize, cols: usize, transposed: bool, i: usize, j: usize) -> f64 {
    data[if transposed { j * rows + i } else { i * cols + j }].to_f64()
}

fn view<T>(data: &[T], rows: usize, cols: usize, transposed: bool) -> View<'_, T> {
    if transposed { View::new(data, cols, rows).t() } else { View::new(data, rows, cols) }
}

/// Calls `multiply` for all shapes and transposes and holds its result against the plain loop
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

#[test]
fn a_layer_s_product_agrees_with_the_plain_loop() {
    check::<f32>(|a, b, bias, c| matmul(a, b, Some(bias), c, &mut Vec::new()));
    check::<f64>(|a, b, bias, c| matmul(a, b, Some(bias), c, &mut Vec::new()));
}

#[test]
fn gemm_agrees_with_the_plain_loop_for_every_combination_of_transposes() {
    fn with_bias<T: Scalar>(a: View<'_, T>, b: View<'_, T>, bias: &[T], mut c: ViewMut<'_, T>) {
        let (m, n) = c.shape();
        // β = 0 first, over NaN; then 2 A B − (A B − 1 bᵀ) by way of α and β.
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

#[test]
fn without_a_bias_the_product_starts_from_zero() {
    let (a, b) = (numbers::<f32>(20 * 300, 1), numbers::<f32>(300 * 70, 2));
    let (mut with, mut without) = (vec![f32::NAN; 20 * 70], vec![f32::NAN; 20 * 70]);
    let (a, b) = (View::new(&a, 20, 300), View::new(&b, 300, 70));
    matmul(a, b, Some(&[0.0; 70]), ViewMut::new(&mut with, 20, 70), &mut Vec::new());
    matmul(a, b, None, ViewMut::new(&mut without, 20, 70), &mut Vec::new());
    assert_eq!(with, without);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let run = |threads: usize, (m, k, n): (usize, usize, usize)| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (a, b) = (numbers::<f32>(m * k, 1), numbers::<f32>(k * n, 2));
        let mut results = vec![vec![f32::NAN; m * n]; 3];
        let (first, rest) = results.split_at_mut(1);
        pool.install(|| {
            team::scope(|| {
                let (a_v, b_v) = (View::new(&a, m, k), View::new(&b, k, n));
                matmul(a_v, b_v, None, ViewMut::new(&mut first[0], m, n), &mut Vec::new());
                let a_t = View::new(&a, k, m).t();
                matmul(a_t, b_v, None, ViewMut::new(&mut rest[0], m, n), &mut Vec::new());
                let b_t = View::new(&b, n, k).t();
                matmul(a_v, b_t, None, ViewMut::new(&mut rest[1], m, n), &mut Vec::new());
            });
        });
        results
    };
    for shape in [(64, 784, 128), (784, 64, 128), (64, 128, 64), (512, 784, 128), (64, 64, 10), (33, 700, 97)]
    {
        let one = run(1, shape);
        for threads in [2, 3, 5, 8] {
            assert!(run(threads, shape) == one, "{threads} threads, {shape:?}");
        }
    }
}

#[test]
#[should_panic(expected = "matmul: 2×3 by 4×5")]
fn shapes_that_don_t_fit_panic() {
    let mut c = [0.0f32; 10];
    matmul(
        View::new(&[0.0; 6], 2, 3),
        View::new(&[0.0; 20], 4, 5),
        None,
        ViewMut::new(&mut c, 2, 5),
        &mut Vec::new(),
    );
}
