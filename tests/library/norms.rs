//! Nets with norms and dropout: steps against PyTorch's, and a training that goes on within an epoch
//!
//! norms/torch.txt has PyTorch's figures, which tests/outside/torch/norms.py made.

use std::sync::atomic::{AtomicBool, Ordering};

use chainrule::config::{Dtype, HiddenDims, TrainConfig};
use chainrule::data::Dataset;
use chainrule::data::run_data::RunData;

use chainrule::nn::design::Design;
use chainrule::nn::layers::{Activation, Norm, Place};
use chainrule::nn::loss::SoftmaxCrossEntropy;
use chainrule::nn::mlp::Mlp;
use chainrule::nn::parameter::Shape;
use chainrule::nn::sgd::Sgd;
use chainrule::nn::step::Steps;
use chainrule::train::trainer::Trainer;
use chainrule_kernels::{Backend, Scalar};

const FIGURES: &str = include_str!("norms/torch.txt");
const DIMS: [usize; 4] = [5, 8, 6, 3];
const ROWS: usize = 48;
const BATCH: usize = 16;
const STEPS: usize = 100;

/// Numbers from −1/2 to 1/2
fn wave(at: usize, salt: usize) -> f64 {
    ((at * 37 + salt * 11) % 101) as f64 / 101.0 - 0.5
}

/// The numbers in the line of a norm and a name
fn figures(norm: Norm, name: &str) -> Vec<f64> {
    let start = format!("{norm} {name} ");
    let line = FIGURES.lines().find_map(|line| line.strip_prefix(&start)).unwrap();
    line.split(' ').map(|number| number.parse().unwrap()).collect()
}

#[track_caller]
fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{what}: {found}, expected {expected}");
    }
}

#[test]
fn a_hundred_steps_of_sgd_give_the_tensors_of_pytorch() {
    for norm in [Norm::Batch, Norm::Layer] {
        let design = Design { norm, ..Activation::Relu.into() };
        let mut model = Mlp::<f64>::new(DIMS[0], &DIMS[1..3], DIMS[3], design, 1);
        for (salt, tensor) in model.parameters_mut().enumerate() {
            let is_scale = tensor.kind == "weight" && matches!(tensor.shape, Shape::Vector(_));
            let center = if is_scale { 1.0 } else { 0.0 };
            // PyTorch has the weights of linear layers transposed.
            for (at, stored) in tensor.shape.stored_order().zip(0..) {
                tensor.data[at] = wave(stored, salt) + center;
            }
        }
        let mut ws = model.workspace(BATCH, Backend::auto());
        let mut sgd = Sgd::new(model.parameters_mut(), 0.05, 0.9, 0.01);
        let mut losses = Vec::new();
        for step in 0..STEPS {
            let first = step * BATCH % ROWS;
            for (at, x) in ws.input_mut().data_mut().iter_mut().enumerate() {
                *x = 3.0 * wave(first * DIMS[0] + at, 20);
            }
            let labels: Vec<u32> = (first..first + BATCH).map(|row| (row * 7 % 5 % 3) as u32).collect();
            model.forward_training(&mut ws, Place::default());
            let mut loss = SoftmaxCrossEntropy::default();
            let sums = loss.forward(ws.output_mut(), &labels);
            losses.push(sums.loss / BATCH as f64);
            loss.backward(ws.output_mut(), &labels);
            model.backward(&mut ws, Some(Steps::Sgd(&mut sgd)));
        }
        assert_close(&format!("{norm} losses"), &losses, &figures(norm, "loss"));
        for tensor in model.tensors() {
            let found: Vec<f64> = tensor.shape.stored_order().map(|at| tensor.data[at]).collect();
            assert_close(&format!("{norm} {}", tensor.name()), &found, &figures(norm, &tensor.name()));
        }
    }
}

/// Two epochs of training, stopped after each of these batches of the first and then restored into a new trainer
fn trained<T: Scalar>(config: &TrainConfig, set: &Dataset, stops: &[usize]) -> Vec<u64> {
    let data = RunData::new(config, set).unwrap();
    let mut trainer = Trainer::<T>::new(config, &data).unwrap();
    for &stop in stops {
        let is_over = AtomicBool::new(false);
        trainer.run_epoch(1, &is_over, &mut |batch, _| is_over.store(batch == stop, Ordering::Relaxed));
        assert_eq!(trainer.progress().batches, stop);
        let state = trainer.state();
        trainer = Trainer::to_restore(config, &data).unwrap();
        trainer.restore(&state);
    }
    for epoch in [1, 2] {
        trainer.run_epoch(epoch, &AtomicBool::new(false), &mut |_, _| {});
    }
    trainer.state().tensors.concat().into_iter().map(|x| x.to_f64().to_bits()).collect()
}

#[test]
fn a_training_that_goes_on_within_an_epoch_has_the_bits_of_one_that_never_stopped() {
    let mut set = Dataset::synthetic();
    // The last batch has a single row.
    set.train = set.train.rows(&(0..161).collect::<Vec<_>>());
    for (norm, activation, dtype) in [
        (Norm::Batch, Activation::Relu, Dtype::F32),
        (Norm::Batch, Activation::Sigmoid, Dtype::F64),
        (Norm::Layer, Activation::Relu, Dtype::Bf16),
        (Norm::None, Activation::Relu, Dtype::F32),
    ] {
        let config = TrainConfig {
            hidden_dims: HiddenDims(vec![30, 20]),
            batch_size: 16,
            activation,
            norm,
            dropout: 0.5,
            input_dropout: 0.2,
            dtype,
            ..TrainConfig::default()
        };
        let bits = |config: &TrainConfig, stops: &[usize]| match config.dtype {
            Dtype::F64 => trained::<f64>(config, &set, stops),
            _ => trained::<f32>(config, &set, stops),
        };
        let whole = bits(&config, &[]);
        assert!(whole.iter().all(|&x| f64::from_bits(x).is_finite()));
        assert!(bits(&config, &[1]) == whole && bits(&config, &[3, 7, 10]) == whole, "{norm} {dtype:?}");
        // Each of the settings has an effect.
        for other in [
            TrainConfig { norm: Norm::None, ..config.clone() },
            TrainConfig { dropout: 0.4, ..config.clone() },
            TrainConfig { input_dropout: 0.0, ..config.clone() },
        ] {
            assert!(other == config || bits(&other, &[]) != whole, "{norm} {dtype:?}");
        }
    }
}
