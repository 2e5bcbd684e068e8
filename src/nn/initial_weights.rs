//! Where the initial weights and biases of linear layers are drawn from

use crate::nn::layers::Activation;

/// The ranges of the random initial weights and biases of a linear layer
///
/// Both are uniform, since uniform numbers need only exactly rounded operations: the same seed gives the same weights on
/// every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialWeights {
    /// Weights within the limit of the activation ([`Activation::weight_limit`]), biases 0
    ByActivation(Activation),
    /// Weights and biases within `1/√d_in`, as in PyTorch's `Linear`
    ///
    /// With biases, the kinks of the units are spread over the inputs from the start, and the smaller weights let the
    /// first layer learn more. On tables this is as accurate as scikit-learn's initial weights, where larger weights are
    /// worse (docs/maths.md, section "Initial weights").
    ByInputs,
}

impl InitialWeights {
    /// The limits of the weights and of the biases of a d_in × d_out layer
    pub fn limits(self, d_in: usize, d_out: usize) -> [f64; 2] {
        match self {
            Self::ByActivation(activation) => [activation.weight_limit(d_in, d_out), 0.0],
            Self::ByInputs => [1.0 / (d_in as f64).sqrt(); 2],
        }
    }
}
