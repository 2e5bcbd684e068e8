//! burn: the same net on two of its CPU devices

use anyhow::Result;
use burn::module::{Initializer, Module};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{LEARNING_RATE, MOMENTUM, Net};

#[derive(Module, Debug)]
struct Layers {
    linear: Vec<Linear>,
}

impl Layers {
    fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        for (l, layer) in self.linear.iter().enumerate() {
            x = layer.forward(x);
            if l + 1 < self.linear.len() {
                x = relu(x);
            }
        }
        x
    }
}

pub struct Mlp {
    device: Device,
    /// Each step takes it out and puts it back, since burn's optimizer consumes it
    layers: Option<Layers>,
    optimiser: ModuleOptimizer,
}

impl Mlp {
    pub fn flex(dims: &[usize]) -> Self {
        Self::new(dims, Device::flex())
    }

    #[expect(
        deprecated,
        reason = "burn would rather have its flex device used, which is timed beside this one"
    )]
    pub fn ndarray(dims: &[usize]) -> Self {
        Self::new(dims, Device::ndarray())
    }

    fn new(dims: &[usize], device: Device) -> Self {
        let autodiff = device.clone().autodiff();
        let he = Initializer::KaimingUniform { gain: 2f64.sqrt(), fan_out_only: false };
        let layer =
            |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).with_initializer(he.clone()).init(&autodiff);
        let momentum = MomentumConfig::new().with_momentum(MOMENTUM).with_dampening(0.0);
        Self {
            layers: Some(Layers { linear: dims.windows(2).map(layer).collect() }),
            optimiser: SgdConfig::new().with_momentum(Some(momentum)).init(),
            device,
        }
    }
}

impl Net for Mlp {
    fn step(&mut self, images: Vec<f32>, labels: &[u8]) -> Result<()> {
        let device = self.device.clone().autodiff();
        let shape = [labels.len(), images.len() / labels.len()];
        let x = Tensor::<2>::from_data(TensorData::new(images, shape), &device);
        let labels: Vec<i64> = labels.iter().map(|&l| i64::from(l)).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(labels, [shape[0]]), &device);
        let layers = self.layers.take().expect("each step puts the layers back");
        let loss = CrossEntropyLossConfig::new().init(&device).forward(layers.forward(x), targets);
        let grads = GradientsParams::from_grads(loss.backward(), &layers);
        self.layers = Some(self.optimiser.step(LEARNING_RATE, layers, grads));
        Ok(())
    }

    fn predict(&self, images: Vec<f32>, rows: usize) -> Result<Vec<u8>> {
        let shape = [rows, images.len() / rows];
        let x = Tensor::<2>::from_data(TensorData::new(images, shape), &self.device);
        let layers = self.layers.as_ref().expect("each step puts the layers back").valid();
        let classes = layers.forward(x).argmax(1).into_data().convert::<i64>();
        Ok(classes.try_to_vec::<i64>()?.into_iter().map(|c| c as u8).collect())
    }
}
