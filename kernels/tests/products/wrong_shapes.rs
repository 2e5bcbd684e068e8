//! Operands whose shapes don't fit each other are refused

use std::panic::{AssertUnwindSafe, catch_unwind};

use chainrule_kernels::{Activation, AdamWRule, DenseKernels, Gradient, LayerAdamW, ViewMut};

use crate::matrix;

#[test]
#[should_panic(expected = "affine: 2×3 by 4×5")]
fn shapes_that_don_t_fit_panic() {
    let (x, w, mut y) = ([0.0f32; 6], [0.0; 20], [0.0; 10]);
    let y = ViewMut::new(&mut y, 2, 5);
    DenseKernels::default().affine(matrix(&x, 2, 3), matrix(&w, 4, 5), &[0.0; 5], Activation::Relu, y);
}

#[test]
#[should_panic(expected = "don't fit 3×5")]
fn gradients_that_don_t_fit_panic() {
    let (x, dy, mut w) = ([0.0f32; 6], [0.0; 10], [0.0; 15]);
    let store = Gradient::Store { dw: &mut [0.0; 14], db: &mut [0.0; 5] };
    DenseKernels::default().affine_backward(matrix(&x, 2, 3), matrix(&dy, 2, 5), &mut w, None, store);
}

#[test]
fn moments_that_don_t_fit_panic() {
    for short in 0..4 {
        let lens = [15, 15, 5, 5].iter().enumerate();
        let mut all: Vec<Vec<f32>> =
            lens.map(|(at, len)| vec![0.0; len - usize::from(at == short)]).collect();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let [m, v, bias_m, bias_v] = &mut all[..] else { unreachable!() };
            let (x, dy, mut w) = ([0.0f32; 6], [0.0; 10], [0.0; 15]);
            let constants = AdamWRule { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }.step(1, 0.1, 0.01);
            let (moments, bias_moments) = ([&mut m[..], v], [&mut bias_m[..], bias_v]);
            let step = LayerAdamW { constants, bias_constants: constants, moments, bias_moments };
            let step = Gradient::AdamW { b: &mut [0.0; 5], step };
            DenseKernels::default().affine_backward(matrix(&x, 2, 3), matrix(&dy, 2, 5), &mut w, None, step);
        }));
        let message = result.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("moments don't fit 3×5"), "{short}: {message}");
    }
}
