//! Loops over the numbers of slices: activations, softmax, reductions and the SGD update

pub(crate) mod activation;
pub(crate) mod exp;
pub(crate) mod reduce;
pub(crate) mod sgd;
pub(crate) mod softmax;
