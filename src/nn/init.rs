//! Initial weights

use chainrule_kernels::Scalar;

use crate::nn::layers::Activation;
use crate::nn::matrix::Matrix;
use crate::random::Random;

/// Weights of a layer d_in × d_out, uniform in [−a, a): He's `a = √(6 / d_in)` with ReLU, Xavier's
/// `a = √(6 / (d_in + d_out))` with any other activation
///
/// They are uniform rather than normal because that takes only exactly rounded operations: the same seed gives
/// the same weights on every machine. They are drawn in f64, row by row; an f32 net starts from the rounded values.
///
/// Sources: He, Zhang, Ren, Sun, *Delving Deep into Rectifiers* (2015); Glorot and Bengio, *Understanding the
/// difficulty of training deep feedforward neural networks* (2010).
pub fn weights<T: Scalar>(
    d_in: usize,
    d_out: usize,
    activation: Activation,
    random: &mut Random,
) -> Matrix<T> {
    let limit = match activation {
        Activation::Relu => (6.0 / d_in as f64).sqrt(),
        _ => (6.0 / (d_in + d_out) as f64).sqrt(),
    };
    Matrix::from_fn(d_in, d_out, |_, _| T::from_f64(random.symmetric(limit)))
}
