//! candle: `Linear` layers on the CPU; candle's SGD has no momentum, so this file keeps the velocities

use anyhow::{Context, Result};
use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::loss::cross_entropy;

use crate::{LEARNING_RATE, MOMENTUM, Net};

pub struct Mlp {
    /// W (in × out) and b of each layer
    layers: Vec<(Var, Var)>,
    /// A velocity for each W and b, in the order of the layers
    velocities: Vec<Tensor>,
}

impl Mlp {
    pub fn new(dims: &[usize]) -> Result<Self> {
        let (mut layers, mut velocities) = (Vec::new(), Vec::new());
        for pair in dims.windows(2) {
            let limit = (6.0 / pair[0] as f32).sqrt();
            let weight = Var::rand(-limit, limit, (pair[0], pair[1]), &Device::Cpu)?;
            let bias = Var::zeros(pair[1], DType::F32, &Device::Cpu)?;
            velocities.extend([weight.zeros_like()?, bias.zeros_like()?]);
            layers.push((weight, bias));
        }
        Ok(Self { layers, velocities })
    }

    fn logits(&self, images: Vec<f32>, rows: usize) -> Result<Tensor> {
        let features = images.len() / rows;
        let mut x = Tensor::from_vec(images, (rows, features), &Device::Cpu)?;
        for (l, (weight, bias)) in self.layers.iter().enumerate() {
            x = x.matmul(weight)?.broadcast_add(bias)?;
            if l + 1 < self.layers.len() {
                x = x.relu()?;
            }
        }
        Ok(x)
    }
}

impl Net for Mlp {
    fn step(&mut self, images: Vec<f32>, labels: &[u8]) -> Result<()> {
        let labels_u32 = labels.iter().map(|&l| u32::from(l)).collect();
        let targets = Tensor::from_vec(labels_u32, labels.len(), &Device::Cpu)?;
        let mut grads = cross_entropy(&self.logits(images, labels.len())?, &targets)?.backward()?;
        let params = self.layers.iter().flat_map(|(weight, bias)| [weight, bias]);
        for (param, velocity) in params.zip(&mut self.velocities) {
            let grad = grads.remove(param).context("a parameter has no gradient")?;
            *velocity = ((&*velocity * MOMENTUM)? + grad)?;
            param.set(&(param.as_tensor() - (&*velocity * LEARNING_RATE)?)?)?;
        }
        Ok(())
    }

    fn predict(&self, images: Vec<f32>, rows: usize) -> Result<Vec<u8>> {
        let classes = self.logits(images, rows)?.detach().argmax(D::Minus1)?.to_vec1::<u32>()?;
        Ok(classes.into_iter().map(|class| class as u8).collect())
    }
}
