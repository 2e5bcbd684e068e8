//! Backpropagation against central differences in f64

use chainrule::nn::design::Design;
use chainrule::nn::gradient_check::{Check, TOLERANCE, central_difference, relative_error};
use chainrule::nn::layers::{Activation, Layer, Linear, Norm, Place};
use chainrule::nn::loss::{BatchLabels, ErrorFunction, Loss};
use chainrule::nn::matrix::Matrix;
use chainrule_kernels::{self as kernels, DenseKernels};
use clap::ValueEnum;

use crate::numbers::Numbers;

const NETS: [&[usize]; 7] =
    [&[6, 3], &[1, 2], &[7, 5, 3], &[3, 1, 2], &[5, 7, 4, 3], &[9, 3, 5, 7, 4], &[11, 13, 9, 7, 5]];

/// A matrix of random elements in [−1, 1)
fn random(rows: usize, cols: usize, seed: u64) -> Matrix<f64> {
    let mut numbers = Numbers::new(seed);
    Matrix::from_fn(rows, cols, |_, _| numbers.symmetric())
}

/// The loss `Σ weights · y`, whose gradient by y is `weights`
fn weighted(y: &Matrix<f64>, weights: &Matrix<f64>) -> f64 {
    y.data().iter().zip(weights.data()).map(|(y, w)| y * w).sum()
}

/// The losses: of classes, and of numbers
const LOSSES: [Option<ErrorFunction>; 4] =
    [None, Some(ErrorFunction::Mse), Some(ErrorFunction::Mae), Some(ErrorFunction::Huber)];

#[test]
fn whole_nets_have_the_right_gradients() {
    for &activation in Activation::value_variants() {
        for dims in NETS {
            for (batch, seed) in [(1, 1), (4, 3), (7, 3)] {
                for loss in LOSSES {
                    let what = format!("{dims:?} {activation} {loss:?} batch {batch}");
                    let checks = Check::new(dims, activation, batch, loss, seed).run(usize::MAX);
                    for check in &checks {
                        assert!(check.passed(), "{what}: {check:?}");
                    }
                    let at_kink: usize = checks.iter().map(|check| check.at_kink).sum();
                    let checked: usize = checks.iter().map(|check| check.checked).sum();
                    assert!(at_kink <= checked / 4, "{what}: {checks:?}");
                }
            }
        }
    }
}

#[test]
fn nets_with_norms_and_dropout_have_the_right_gradients() {
    for activation in [Activation::Relu, Activation::Sigmoid] {
        for norm in [Norm::None, Norm::Batch, Norm::Layer] {
            for (dropout, input_dropout) in [(0.0, 0.0), (0.4, 0.0), (0.3, 0.2)] {
                let design = Design { activation, norm, dropout, input_dropout };
                for (dims, batch) in [(&[6, 3][..], 4), (&[7, 5, 3], 9), (&[5, 7, 6, 3], 6)] {
                    let checks = Check::new(dims, design, batch, None, 3).run(usize::MAX);
                    // Weight decay makes the check one of a step, in which each layer updates its parameters itself.
                    let steps = Check::new(dims, design, batch, LOSSES[1], 4).with_weight_decay(0.1).run(50);
                    let (mut at_kink, mut checked) = (0, 0);
                    for check in checks.iter().chain(&steps) {
                        assert!(check.passed(), "{dims:?} {design} batch {batch}: {check:?}");
                        at_kink += check.at_kink;
                        checked += check.checked;
                    }
                    assert!(at_kink <= checked / 4, "{dims:?} {design}: {at_kink} of {checked}");
                }
            }
        }
    }
}

#[test]
fn norms_and_dropout_have_the_right_gradients_by_their_inputs() {
    let design = |norm| Design { norm, dropout: 0.3, ..Activation::Relu.into() };
    for (batch, cols) in [(1, 4), (5, 7), (9, 70)] {
        let (x, dy) = (random(batch, cols, 1), random(batch, cols, 2));
        let layers = [Norm::Batch, Norm::Layer].map(|norm| design(norm).of_hidden::<f64>(cols));
        for mut layer in layers.into_iter().flatten().filter(|layer| layer.activation().is_none()) {
            for (salt, tensor) in
                layer.tensors_mut(0).into_iter().filter(|t| t.gradient.is_some()).enumerate()
            {
                tensor.data.copy_from_slice(random(1, cols, 3 + salt as u64).data());
            }
            let (mut y, mut dx) = (Matrix::zeros(batch, cols), Matrix::zeros(batch, cols));
            let (mut engine, identity) = (DenseKernels::default(), kernels::Activation::Identity.into());
            layer.start_step(Place::default(), 1);
            layer.forward_training(&x, identity, &mut y, &mut engine);
            layer.backward((&x, &y), &dy, Some((&mut dx, identity)), None, &mut engine);
            assert!(batch == 1 || !matches!(layer, Layer::Dropout(_)) || y.data().contains(&0.0));
            for at in 0..batch * cols {
                let numeric = central_difference(|h| {
                    let mut x = x.clone();
                    x.data_mut()[at] += h;
                    layer.forward_training(&x, identity, &mut y, &mut engine);
                    weighted(&y, &dy)
                });
                let found = dx.data()[at];
                assert!(relative_error(found, numeric) < TOLERANCE, "{layer} at {at}: {found}, {numeric}");
            }
        }
    }
}

#[test]
fn a_gradient_that_is_one_percent_too_large_is_found_in_any_tensor() {
    for &activation in Activation::value_variants() {
        let tensors = 1 + 2 * 3;
        for planted in 0..tensors {
            let mut checks = Check::new(&[5, 7, 4, 3], activation, 4, LOSSES[planted % 4], 2);
            let checks = checks.run_on(usize::MAX, |mut gradients| {
                gradients[planted].iter_mut().for_each(|g| *g *= 1.01);
                gradients
            });
            for (t, check) in checks.iter().enumerate() {
                assert_eq!(check.passed(), t != planted, "{activation}, planted in {planted}: {check:?}");
            }
        }
    }
}

#[test]
fn a_wrong_gradient_of_a_single_element_is_found() {
    let checks =
        Check::new(&[5, 4, 3], Activation::Sigmoid, 4, None, 2).run_on(usize::MAX, |mut gradients| {
            gradients[1][7] *= 1.01;
            gradients
        });
    assert!(!checks[1].passed());
}

#[test]
fn a_linear_layer_has_the_right_gradient_by_its_input() {
    for (batch, d_in, d_out) in [(1, 1, 1), (3, 5, 2), (4, 7, 9)] {
        let (x, dy) = (random(batch, d_in, 1), random(batch, d_out, 2));
        let mut layer = Linear::new(random(d_in, d_out, 3));
        let (mut y, mut dx) = (Matrix::zeros(batch, d_out), Matrix::zeros(batch, d_in));
        let mut engine = DenseKernels::default();
        layer.backward(&x, &dy, Some((&mut dx, kernels::Activation::Identity.into())), None, &mut engine);
        for at in 0..batch * d_in {
            let numeric = central_difference(|h| {
                let mut x = x.clone();
                x.data_mut()[at] += h;
                layer.forward(&x, kernels::Activation::Identity, &mut y, &mut engine);
                weighted(&y, &dy)
            });
            assert!(relative_error(dx.data()[at], numeric) < TOLERANCE);
        }
    }
}

#[test]
fn activation_layers_have_the_right_gradients() {
    // No input is within 0.004 of a kink, which is twice the longest step.
    let (x, dy) = (random(5, 7, 1), random(5, 7, 2));
    assert!(x.data().iter().all(|x| x.abs() > 0.004));
    for &activation in Activation::value_variants() {
        let mut layer = Layer::<f64>::Activation(activation);
        let (mut y, mut dx, mut engine) = (Matrix::zeros(5, 7), Matrix::zeros(5, 7), DenseKernels::default());
        layer.forward(&x, kernels::Activation::Identity, &mut y, &mut engine);
        layer.backward(
            (&x, &y),
            &dy,
            Some((&mut dx, kernels::Activation::Identity.into())),
            None,
            &mut engine,
        );
        for at in 0..35 {
            let numeric = central_difference(|h| {
                let mut x = x.clone();
                x.data_mut()[at] += h;
                layer.forward(&x, kernels::Activation::Identity, &mut y, &mut engine);
                weighted(&y, &dy)
            });
            assert!(relative_error(dx.data()[at], numeric) < TOLERANCE, "{activation} at {at}");
        }
    }
}

/// Outputs of each shape with labels, and each loss of them
fn losses() -> impl Iterator<Item = (Matrix<f64>, BatchLabels<f64>, Loss<f64>)> {
    let shapes = [(1, 2), (3, 10), (7, 3), (4, 1)];
    shapes.into_iter().flat_map(|shape| LOSSES.map(|loss| (shape, loss))).filter_map(
        |((batch, cols), loss)| {
            let outputs = random(batch, cols, 4);
            Some(match loss {
                None if cols == 1 => return None,
                None => {
                    let labels = (0..batch as u32).map(|i| i * 7 % cols as u32).collect();
                    (outputs, BatchLabels::Classes(labels), Loss::of_classes())
                }
                Some(function) => {
                    // Some errors are larger than 1, where Huber's loss has its kinks, and none is close to 0 or to 1.
                    let mut labels = random(batch, cols, 5);
                    labels.data_mut().iter_mut().for_each(|y| *y *= 2.0);
                    let loss = Loss::of_numbers(function, vec![3.0; cols]);
                    (outputs, BatchLabels::Numbers(labels), loss)
                }
            })
        },
    )
}

/// Outputs of each shape with classes whose labels are smoothed, mixed, or both
fn smoothed_and_mixed() -> impl Iterator<Item = (Matrix<f64>, BatchLabels<f64>, Loss<f64>)> {
    let shapes = [(1, 2), (3, 10), (7, 3)];
    shapes
        .into_iter()
        .flat_map(|shape| [(0.1, false), (0.0, true), (0.4, true)].map(|case| (shape, case)))
        .map(|((batch, cols), (smoothing, is_mixed))| {
            let classes = (0..batch as u32).map(|i| i * 7 % cols as u32).collect();
            let labels = BatchLabels::Classes(classes);
            let mut labels = if is_mixed { labels.into_mixed(batch) } else { labels };
            if is_mixed {
                labels.mix(&(0..batch).map(|i| [0.3, 1.0, 0.5, 0.0][i % 4]).collect::<Vec<_>>());
            }
            (random(batch, cols, 6), labels, Loss::of_smoothed_classes(smoothing))
        })
}

#[test]
fn losses_have_the_right_gradients_with_and_without_weights() {
    for (z, labels, mut loss) in losses().chain(smoothed_and_mixed()) {
        let batch = z.rows();
        let all: Vec<f64> = (0..batch).map(|i| [2.5, 0.0, 0.3, 1.0][i % 4]).collect();
        for weights in [None, Some(&all[..])] {
            let mut dz = z.clone();
            let mut mean = |z: &mut Matrix<f64>, is_gradient: bool| {
                loss.forward(z, &labels);
                let mut gradient = z.clone();
                loss.backward(&mut gradient, &labels);
                weights.into_iter().for_each(|weights| loss.weigh(&mut gradient, weights));
                if is_gradient {
                    *z = gradient;
                }
                loss.sum().loss / batch as f64
            };
            mean(&mut dz, true);
            for at in 0..z.data().len() {
                let numeric = central_difference(|h| {
                    let mut z = z.clone();
                    z.data_mut()[at] += h;
                    mean(&mut z, false)
                });
                assert!(relative_error(dz.data()[at], numeric) < TOLERANCE, "{labels:?} at {at}");
            }
        }
    }
}
