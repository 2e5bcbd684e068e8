//! Layers have the same bits for any number of threads, and those of bf16 on every processor

use chainrule_kernels::{
    Activation, AdamWRule, Backend, DenseKernels, Gradient, LayerAdamW, SgdRule, SgdStep, ViewMut, team,
};

use crate::{backends, half_zeros, matrix, numbers};

/// Where a layer is in its net: dX is computed only if it is not the first
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Inner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Optimizer {
    Sgd,
    AdamW,
}

/// Y, dX, and W, its velocities, or first and second moments, and b after a step, of a layer of m samples, k inputs and n
/// outputs
fn layer(
    (place, optimizer): (Place, Optimizer),
    backend: Backend,
    threads: usize,
    zeros: bool,
    (m, k, n): (usize, usize, usize),
) -> [Vec<f32>; 6] {
    let make = if zeros { half_zeros } else { numbers };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (x, dy, b) = (make(m * k, 1), make(m * n, 2), numbers::<f32>(n, 3));
    let (mut w, mut y, mut dx) = (numbers::<f32>(k * n, 4), vec![f32::NAN; m * n], vec![f32::NAN; m * k]);
    let (mut db, mut first, mut bias_moments) = (b.clone(), vec![0.5; k * n], [(); 2].map(|()| vec![0.0; n]));
    let mut second = if optimizer == Optimizer::AdamW { vec![0.5; k * n] } else { Vec::new() };
    let mut kernels = DenseKernels::new(backend);
    pool.install(|| {
        team::scope(|| {
            let y = ViewMut::new(&mut y, m, n);
            kernels.affine(matrix(&x, m, k), matrix(&w, k, n), &b, Activation::Relu, y);
            let rule = SgdRule { eta: 0.1, mu: 0.9, lambda: 0.0, nesterov: false };
            let constants = AdamWRule { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }.step(1, 0.1, 0.01);
            let step = match optimizer {
                Optimizer::Sgd => Gradient::Sgd {
                    b: &mut db,
                    step: SgdStep { rule, bias_rule: rule, vw: &mut first, vb: &mut [] },
                },
                Optimizer::AdamW => Gradient::AdamW {
                    b: &mut db,
                    step: LayerAdamW {
                        constants,
                        bias_constants: constants,
                        moments: [&mut first, &mut second],
                        bias_moments: bias_moments.each_mut().map(|moments| &mut moments[..]),
                    },
                },
            };
            let to = (place == Place::Inner).then_some((&mut dx[..], Activation::Relu.into()));
            kernels.affine_backward(matrix(&x, m, k), matrix(&dy, m, n), &mut w, to, step);
        });
    });
    [y, dx, w, first, second, db]
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for backend in backends::<f32>() {
        for shape in
            [(64, 784, 128), (64, 128, 64), (512, 784, 128), (64, 64, 10), (33, 700, 97), (128, 512, 512)]
        {
            for zeros in [false, true] {
                for optimizer in [Optimizer::Sgd, Optimizer::AdamW] {
                    let all = |threads| layer((Place::Inner, optimizer), backend, threads, zeros, shape);
                    let one = all(1);
                    for threads in [2, 3, 5, 8] {
                        let same = all(threads) == one;
                        assert!(
                            same,
                            "{backend:?} {optimizer:?} {threads} threads, {shape:?}, zeros: {zeros}"
                        );
                    }
                }
            }
        }
    }
}

/// Without dX, the gradient of a narrow layer is divided by its columns, too.
#[test]
fn a_first_layer_makes_the_same_step_as_an_inner_one_for_any_number_of_threads() {
    for backend in backends::<f32>() {
        for shape in [(256, 28, 128), (64, 784, 128), (33, 28, 97), (16, 5, 40)] {
            for optimizer in [Optimizer::Sgd, Optimizer::AdamW] {
                let mut inner = layer((Place::Inner, optimizer), backend, 1, false, shape);
                inner[1].clear();
                for threads in [1, 2, 3, 8] {
                    let mut first = layer((Place::First, optimizer), backend, threads, false, shape);
                    first[1].clear();
                    assert!(first == inner, "{backend:?} {optimizer:?} {threads} threads, {shape:?}");
                }
            }
        }
    }
}

/// The same hashes with AVX512-BF16, AVX-512, AVX2 and without: `scripts/test.sh` runs this test with each
/// `CHAINRULE_SIMD`
#[test]
fn products_of_bf16_have_the_same_bits_on_every_processor() {
    let hash = |zeros: bool, shape: (usize, usize, usize)| {
        let all = layer((Place::Inner, Optimizer::Sgd), Backend::Bf16, 2, zeros, shape).concat();
        // FNV-1a
        all.iter().flat_map(|x| x.to_bits().to_le_bytes()).fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let shapes = [
        (false, (64, 784, 128)),
        (true, (64, 784, 128)),
        (true, (33, 701, 97)),
        (false, (7, 130, 1030)),
        (true, (64, 128, 10)),
    ];
    let hashes = shapes.map(|(zeros, shape)| format!("{:016x}", hash(zeros, shape)));
    let expected =
        ["bc1753d7834c9ef4", "16bc269a2460cf7b", "085cd09b935baa13", "9368cc8b312b5d7b", "8bf4df7952ccc856"];
    assert_eq!(hashes, expected);
}
