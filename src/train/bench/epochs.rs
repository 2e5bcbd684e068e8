//! Measurements of whole epochs of training, and of predictions

use std::sync::atomic::AtomicBool;

use chainrule_kernels::{Backend, DenseKernels};

use super::measure::{Measurements, Times, seconds};
use super::{Bench, Kind, Net};
use crate::config::{HiddenDims, TrainConfig};
use crate::data::encoder::Encoder;
use crate::data::run_data::RunData;
use crate::data::{Cells, Dataset, Inputs, Labels, Split, Task};
use crate::error::Result;
use crate::nn::mlp::Mlp;
use crate::random::{Purpose, Random};
use crate::tables::BenchRow;
use crate::train::evaluate::Evaluator;
use crate::train::trainer::Trainer;

/// Measures what `bench` asks for: epochs of training, and predictions of the test set and of one image
pub fn measure(to: &mut Measurements<'_>, net: &Net, set: &Dataset, bench: &Bench) -> Result<()> {
    let widths = &net.dims.0;
    let config = TrainConfig {
        hidden_dims: HiddenDims(widths[1..widths.len() - 1].to_vec()),
        batch_size: net.batch_size,
        engine: bench.engine,
        dtype: bench.dtype,
        ..TrainConfig::default()
    };
    let row = |kind: Kind, name: String, images: usize, times: Times| BenchRow {
        kind: kind.name(),
        name,
        net: net.dims.to_string(),
        batch_size: (kind == Kind::Epoch).then_some(net.batch_size),
        operation: if kind == Kind::Epoch { "train" } else { "predict" }.to_owned(),
        images_per_s: Some(images as f64 / times.median),
        ..BenchRow::default()
    };
    let data = RunData::new(&config, set)?;
    let encoder = Encoder::new(&data.preprocessing, &set.inputs);
    let mut trainer = Trainer::<f32>::new(&config, &data)?;
    let stop = AtomicBool::new(false);
    let mut epoch = |epoch: u32| trainer.run_epoch(epoch, &stop, &mut |_, _| {}).seconds;
    epoch(1);
    let gflop = |multiply_adds: f64| 2e-9 * multiply_adds;
    let backend = bench.engine.backend(bench.dtype)?;
    if bench.measures(Kind::Epoch) {
        let times = Times::of((0..bench.epochs).map(|e| epoch(2 + e)));
        let images = set.train.len();
        let work = images as f64 * gflop(net.dims.step_multiply_adds());
        let (_, skipped) = skipped(trainer.model(), net, (&encoder, &set.train), backend);
        to.flops(row(Kind::Epoch, net.to_string(), images, times), times, work, Some(skipped));
    }
    if !bench.measures(Kind::Predict) {
        return Ok(());
    }
    let model = trainer.model();
    let forward = gflop(net.dims.forward_multiply_adds());
    let (mut evaluator, test) = (Evaluator::new(backend, data.outputs.clone()), &set.test);
    let rows: Vec<u32> = (0..).take(test.len()).collect();
    evaluator.predict(model, &encoder, &test.cells, &rows);
    let times = to.effort.times(|| seconds(|| evaluator.predict(model, &encoder, &test.cells, &rows)));
    let (images, (skipped, _)) = (test.len(), skipped(model, net, (&encoder, test), backend));
    let name = format!("{} {images} images", net.dims);
    to.flops(row(Kind::Predict, name, images, times), times, images as f64 * forward, Some(skipped));
    let mut one = model.forward_workspace(1, backend);
    one.input_mut().data_mut().fill(0.5);
    let times = to.effort.repeat(|| model.forward(&mut one));
    to.flops(row(Kind::Predict, format!("{} 1 image", net.dims), 1, times), times, forward, None);
    Ok(())
}

/// The shares of the multiply-adds that the backend skips in a forward pass and in a training step
///
/// They are counted on the first batch of `split`. The gradient of a hidden layer is 0 where ReLU's output is 0.
fn skipped(
    model: &Mlp<f32>,
    net: &Net,
    (encoder, split): (&Encoder<f32>, &Split),
    backend: Backend,
) -> (f64, f64) {
    let (kernels, widths) = (DenseKernels::<f32>::new(backend), &net.dims.0);
    let batch: Vec<u32> = (0..).take(net.batch_size.min(split.len())).collect();
    let mut workspace = model.forward_workspace(batch.len(), backend);
    encoder.gather(&split.cells, &batch, &[], workspace.input_mut());
    let first = kernels.skipped(workspace.input_mut().view(), widths[1]);
    model.forward(&mut workspace);
    let work = |layer: usize| widths[layer] as f64 * widths[layer + 1] as f64;
    let (mut forward, mut gradients) = (first * work(0), 0.0);
    for (i, (_, y)) in workspace.hidden().enumerate() {
        forward += kernels.skipped(y.view(), widths[i + 2]) * work(i + 1);
        // ∂L/∂X of layer i, which is not computed for the first layer
        gradients += if i > 0 { kernels.skipped(y.view(), widths[i]) * work(i) } else { 0.0 };
    }
    let dims = &net.dims;
    (forward / dims.forward_multiply_adds(), (2.0 * forward + gradients) / dims.step_multiply_adds())
}

/// The synthetic set if it fits the net, otherwise `images` random training and test images with random labels
pub fn dataset(net: &Net, images: (usize, usize)) -> Dataset {
    let (features, classes) = net.ends();
    let mut data = Dataset::synthetic();
    if (features, classes) == (data.features(), data.task.outputs()) {
        return data;
    }
    let mut random = Random::new(0, Purpose::BenchImages);
    let mut split = |images: usize| Split {
        cells: Cells::Bytes((0..images * features).map(|_| random.below(256) as u8).collect()),
        labels: Labels::Classes((0..images).map(|_| random.below(classes as u32)).collect()),
        columns: features,
    };
    (data.train, data.test) = (split(images.0), split(images.1));
    data.source = "random".to_owned();
    data.inputs = Inputs::of_array(&[features]);
    data.task = Task::Classify((0..classes).map(|class| class.to_string()).collect());
    data
}
