//! What a net has beside its linear layers

use std::fmt;

use chainrule_kernels::Scalar;

use crate::nn::layers::{Activation, BatchNorm, Dropout, Layer, LayerNorm, Norm};

/// The layers beside the linear ones: a hidden layer is linear layer → norm → activation → dropout
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Design {
    /// Activation after each linear layer except the last
    pub activation: Activation,
    /// Norm between a linear layer and its activation
    pub norm: Norm,
    /// Share of the hidden units that are dropped in training
    pub dropout: f64,
    /// Share of the inputs that are dropped in training
    pub input_dropout: f64,
}

impl From<Activation> for Design {
    fn from(activation: Activation) -> Self {
        Self { activation, ..Self::default() }
    }
}

impl Design {
    /// The layers before the first linear layer
    pub fn of_input<T: Scalar>(self) -> Vec<Layer<T>> {
        dropout(self.input_dropout).collect()
    }

    /// The layers after a linear layer that has `width` outputs and is not the last
    pub fn of_hidden<T: Scalar>(self, width: usize) -> Vec<Layer<T>> {
        let norm = match self.norm {
            Norm::None => None,
            Norm::Batch => Some(Layer::BatchNorm(BatchNorm::new(width))),
            Norm::Layer => Some(Layer::LayerNorm(LayerNorm::new(width))),
        };
        norm.into_iter().chain([Layer::Activation(self.activation)]).chain(self.of_units()).collect()
    }

    /// The layers after an activation
    pub fn of_units<T: Scalar>(self) -> impl Iterator<Item = Layer<T>> {
        dropout(self.dropout)
    }
}

/// A layer that drops this share; none for 0
fn dropout<T: Scalar>(share: f64) -> impl Iterator<Item = Layer<T>> {
    (share > 0.0).then(|| Layer::Dropout(Dropout::new(share))).into_iter()
}

impl fmt::Display for Design {
    /// As `relu, batch norm, dropout 0.5, input dropout 0.2`, without what is not there
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { activation, norm, dropout, input_dropout } = *self;
        write!(f, "{activation}")?;
        if norm != Norm::None {
            write!(f, ", {norm} norm")?;
        }
        for (name, share) in [("dropout", dropout), ("input dropout", input_dropout)] {
            if share > 0.0 {
                write!(f, ", {name} {share}")?;
            }
        }
        Ok(())
    }
}
