//! Whole epochs of training, and predictions

use std::sync::atomic::AtomicBool;

use super::measure::{Measurements, median, seconds};
use super::{Bench, Net};
use crate::config::{HiddenDims, TrainConfig};
use crate::data::{Dataset, Split};
use crate::error::Result;
use crate::random::{Purpose, Random};
use crate::train::evaluate::Evaluator;
use crate::train::trainer::Trainer;

/// Measures epochs of training, prediction of the test set, and of one image at a time
pub fn measure(to: &mut Measurements<'_>, net: &Net, data: &Dataset, bench: &Bench) -> Result<()> {
    let widths = &net.dims.0;
    let config = TrainConfig {
        hidden_dims: HiddenDims(widths[1..widths.len() - 1].to_vec()),
        batch_size: net.batch_size,
        engine: bench.engine,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::<f32>::new(&config, data)?;
    let stop = AtomicBool::new(false);
    let mut epoch = |epoch: u32| trainer.run_epoch(epoch, &stop, &mut |_, _| {}).seconds;
    epoch(1);
    let median_s = median((0..bench.epochs).map(|e| epoch(2 + e)));
    let gflop = |multiply_adds: f64| 2e-9 * multiply_adds;
    let images = data.train.len() as f64;
    let work = images * gflop(net.dims.step_multiply_adds());
    to.flops("epoch", net.to_string(), median_s, work, Some(images));

    let (model, engine) = (trainer.model(), bench.engine.kind()?);
    let forward = gflop(net.dims.forward_multiply_adds());
    let (mut evaluator, test) = (Evaluator::new(engine), &data.test);
    let rows: Vec<u32> = (0..).take(test.len()).collect();
    evaluator.predict(model, test, &rows);
    let test_s = to.effort.median(|| seconds(|| evaluator.predict(model, test, &rows)));
    let images = test.len() as f64;
    to.flops("predict", format!("{images} images, {net}"), test_s, images * forward, Some(images));
    let mut one = model.forward_workspace(1, engine);
    one.input_mut().data_mut().fill(0.5);
    let one_s = to.effort.repeat(|| model.forward(&mut one));
    to.flops("predict", format!("one image, {net}"), one_s, forward, Some(1.0));
    Ok(())
}

/// The synthetic set if it fits the net, otherwise `images` random training and test images with random labels
pub fn dataset(net: &Net, images: (usize, usize)) -> Dataset {
    let (features, classes) = net.ends();
    let mut data = Dataset::synthetic();
    if (features, classes) == (data.features(), data.classes.len()) {
        return data;
    }
    let mut random = Random::new(0, Purpose::BenchImages);
    let mut split = |images: usize| Split {
        images: (0..images * features).map(|_| random.below(256) as u8).collect(),
        labels: (0..images).map(|_| random.below(classes as u32)).collect(),
        features,
    };
    (data.train, data.test) = (split(images.0), split(images.1));
    data.image_dims = vec![features];
    data.classes = (0..classes).map(|class| class.to_string()).collect();
    data
}
