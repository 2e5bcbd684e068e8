//! The widths of a net, and the memory and multiply-adds that follow from them

use std::fmt;
use std::str::FromStr;

use super::evaluate::BATCH_ROWS;
use crate::config::Dtype;
use crate::error::separated;
use crate::nn::design::Design;
use crate::nn::layers::Norm;
use crate::nn::optimizer::Kept;

/// The largest width; a larger one needs more memory than any machine has, so it is probably a typing error
const WIDTH_MAX: usize = 10_000_000;

/// Widths of a net, from its features through the hidden layers to its classes, as `784-128-64-10`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dims(pub Vec<usize>);

/// What training keeps of each parameter beside its value
#[derive(Clone, Copy, Debug, Default)]
pub struct Copies {
    /// What the optimizer keeps
    pub kept: Kept,
    /// The value after the best epoch
    pub best: bool,
    /// The average of its values
    pub average: bool,
}

impl Dims {
    /// Number of weights and biases
    pub fn parameters(&self) -> u128 {
        self.0.windows(2).map(|pair| (pair[0] as u128 + 1) * pair[1] as u128).sum()
    }

    /// Number of bytes that training needs, including the evaluation and the saving of its state after each epoch
    ///
    /// * `batch`: rows of a batch in training
    /// * `evaluated`: rows of all batches that are evaluated at the same time
    pub fn training_bytes(&self, dtype: Dtype, copies: Copies, batch: usize, evaluated: usize) -> u128 {
        let pairs = match dtype {
            Dtype::F32 | Dtype::F64 => 0,
            Dtype::Bf16 => {
                let batches = evaluated.div_ceil(BATCH_ROWS) as u128;
                self.pairs_bytes(batch) + batches * self.pairs_bytes(BATCH_ROWS)
            }
        };
        // Parameters and what is kept of each: those in use, in a state that is being saved and in one that waits; and as many
        // elements as parameters for scratch.
        let others = u128::from(copies.best) + u128::from(copies.average);
        let copies = 1 + 3 * (1 + copies.kept.names().len() as u128 + others);
        // In training, each hidden output has a gradient, and the input and gradients of a layer are packed into scratch.
        let (batch, rows) = (batch as u128, 2 * batch as u128 + evaluated as u128);
        let elements = copies * self.parameters() + rows * self.sum() + 3 * batch * self.widest();
        pairs + elements * dtype.bytes() as u128
    }

    /// Number of bytes that training needs in addition for the norms, the dropout and the activations of a design
    ///
    /// The other parameters are those of [`Self::training_bytes`].
    pub fn design_bytes(
        &self,
        design: Design,
        dtype: Dtype,
        copies: Copies,
        batch: usize,
        evaluated: usize,
    ) -> u128 {
        let hidden = self.hidden();
        // Running averages have no velocities.
        let saved = 1 + 3 * (1 + u128::from(copies.best) + u128::from(copies.average));
        let kept = 3 * copies.kept.names().len() as u128;
        let (trained, running) = (saved + kept + 1, saved + 1);
        let norms = if design.norm == Norm::None { 0 } else { 2 * (trained + running) * hidden };
        // A layer that is not fused with the one before has an output and a gradient of its own.
        let steps = [design.norm != Norm::None, design.dropout > 0.0, design.activation.fused().is_none()];
        let steps: u128 = steps.map(u128::from).iter().sum();
        let rows = 2 * batch as u128 + evaluated as u128;
        (norms + steps * rows * hidden) * dtype.bytes() as u128
    }

    /// Number of trained elements of the norms of the hidden layers
    pub fn norm_parameters(&self, norm: Norm) -> u128 {
        if norm == Norm::None { 0 } else { 2 * self.hidden() }
    }

    /// Number of hidden units
    fn hidden(&self) -> u128 {
        let ends = [0, self.0.len().saturating_sub(1)].map(|at| self.0.get(at).map_or(0, |&n| n as u128));
        self.sum().saturating_sub(ends[0] + ends[1])
    }

    /// Number of bytes for the pairs of bf16 that a workspace keeps: the operands of the layer that has most
    ///
    /// * `rows`: rows of a batch
    fn pairs_bytes(&self, rows: usize) -> u128 {
        let operands = |pair: &[usize]| {
            let (m, k, n) = (rows as u128 + 1, pair[0] as u128 + 1, pair[1] as u128 + 1);
            // Forward X and W; backward X, W, and dY in two orders
            2 * (m * k + k * n + 2 * m * n)
        };
        self.0.windows(2).map(operands).max().unwrap_or(0)
    }

    /// Number of bytes that the gradient check needs for a batch of `rows` rows, in f64
    pub fn gradient_check_bytes(&self, rows: usize) -> u128 {
        // Parameters, and as many elements for gradients, for scratch and for the indices of a tensor's elements.
        let (parameters, rows) = (4 * self.parameters(), rows as u128);
        // Inputs, outputs, gradients, the side of the kink of each unit, and copies of the inputs and logits.
        8 * (parameters + rows * (3 * self.sum() + 4 * self.widest()))
    }

    /// Number of bytes for the largest product that is measured, with operands and scratch
    ///
    /// * `dtype`: f32 or bf16
    pub fn products_bytes(&self, dtype: Dtype, batch: usize) -> u128 {
        let operands = |pair: &[usize]| {
            let (m, k, n) = (batch as u128, pair[0] as u128, pair[1] as u128);
            4 * 3 * (m * k + k * n + m * n)
        };
        let pairs = if dtype == Dtype::Bf16 { self.pairs_bytes(batch) } else { 0 };
        pairs + self.0.windows(2).map(operands).max().unwrap_or(0)
    }

    fn sum(&self) -> u128 {
        self.0.iter().map(|&width| width as u128).sum()
    }

    fn widest(&self) -> u128 {
        self.0.iter().map(|&width| width as u128).max().unwrap_or(0)
    }

    /// Number of multiply-adds in the forward pass of one row: `Σ d_in·d_out`
    pub fn forward_multiply_adds(&self) -> f64 {
        multiply_adds(&self.0)
    }

    /// Number of multiply-adds for one row in a training step: forward, ∂L/∂W, and ∂L/∂X in every layer but the first
    pub fn step_multiply_adds(&self) -> f64 {
        2.0 * multiply_adds(&self.0) + multiply_adds(&self.0[1..])
    }
}

fn multiply_adds(widths: &[usize]) -> f64 {
    widths.windows(2).map(|pair| pair[0] as f64 * pair[1] as f64).sum()
}

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("-"))
    }
}

impl FromStr for Dims {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let width = |part: &str| part.trim().parse().ok().filter(|width| (1..=WIDTH_MAX).contains(width));
        let widths: Option<Vec<usize>> = text.split('-').map(width).collect();
        let problem = || {
            format!(
                "`{text}` is not a net: expected widths from features to classes, as 784-128-64-10, each at most {}",
                separated(WIDTH_MAX)
            )
        };
        widths.filter(|w| w.len() >= 2 && w[w.len() - 1] >= 2).map(Self).ok_or_else(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::Activation;
    use crate::nn::mlp::Mlp;

    #[test]
    fn dims_are_read_and_written_alike() {
        assert_eq!("784-128-64-10".parse::<Dims>().unwrap().to_string(), "784-128-64-10");
        for bad in
            ["", "784", "784-", "784-0-10", "784-x-10", "784-1", "784-10000001-10", "18446744073709551615-10"]
        {
            assert!(bad.parse::<Dims>().is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_and_multiply_adds_are_counted() {
        let dims = Dims(vec![784, 128, 64, 10]);
        assert_eq!(dims.parameters(), 109_184 + 128 + 64 + 10);
        assert_eq!(dims.forward_multiply_adds(), 109_184.0);
        // 109,184 each for forward and ∂L/∂W, and 8,832 for ∂L/∂X.
        assert_eq!(dims.step_multiply_adds(), 2.0 * 109_184.0 + 8_832.0);
        assert_eq!(Dims(vec![784, 10]).step_multiply_adds(), 2.0 * 7_840.0);
        // Two of each hidden output in training, and one in evaluation, of 4 bytes
        let design = Design::from(Activation::Gelu);
        let bytes = dims.design_bytes(design, Dtype::Bf16, Copies::default(), 10, 100);
        assert_eq!(bytes, 120 * (128 + 64) * 4);
    }

    #[test]
    fn norms_and_dropout_are_counted_for_hidden_units_alone() {
        let (dims, none) = (Dims(vec![784, 128, 64, 10]), Dims(vec![784, 10]));
        let model = |dims: &Dims, design: Design| {
            Mlp::<f32>::new(dims.0[0], &dims.0[1..dims.0.len() - 1], 10, design, 1).parameter_count() as u128
        };
        let of = |norm, dropout| Design { norm, dropout, ..Design::default() };
        for dims in [&dims, &none] {
            for norm in [Norm::None, Norm::Batch] {
                let expected = dims.parameters() + dims.norm_parameters(norm);
                assert_eq!(model(dims, of(norm, 0.5)), expected);
            }
        }
        let bytes = |dims: &Dims, design| dims.design_bytes(design, Dtype::F32, Copies::default(), 64, 0);
        assert_eq!(bytes(&none, of(Norm::Batch, 0.5)), 0);
        assert_eq!(bytes(&dims, of(Norm::None, 0.0)), 0);
        assert_eq!(bytes(&dims, of(Norm::None, 0.5)), 4 * 2 * 64 * 192);
        assert_eq!(bytes(&dims, of(Norm::Batch, 0.0)), 4 * (2 * 64 * 192 + 2 * (5 + 5) * 192));
    }
}
