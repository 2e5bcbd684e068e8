//! Scaled exponential linear unit, `y = λ x` where x > 0, else `λ α (eˣ − 1)`, element by element
//!
//! λ = 1.0507… and α = 1.6733… are those for which mean 0 and variance 1 of the inputs of a layer stay so in its outputs.
//!
//! Source: Klambauer, Unterthiner, Mayr, Hochreiter, *Self-Normalizing Neural Networks* (2017).

use chainrule_kernels::{self as kernels, Scalar};

use crate::nn::matrix::Matrix;

/// The kernel that a linear layer applies to its product; [`forward`] runs the same loop
pub const FUSED: kernels::Activation = kernels::Activation::Selu;

/// `Y ← λ X` where X > 0, else `λ α (e^X − 1)`
pub fn forward<T: Scalar>(x: &Matrix<T>, y: &mut Matrix<T>) {
    y.data_mut().copy_from_slice(x.data());
    FUSED.forward(y.data_mut());
}

/// `dX ← dY ∘ (λ where Y > 0, else Y + λ α)`, since y > 0 exactly where x > 0
pub fn backward<T: Scalar>(y: &Matrix<T>, dy: &Matrix<T>, dx: &mut Matrix<T>) {
    dx.data_mut().copy_from_slice(dy.data());
    FUSED.backward(dx.data_mut(), y.data());
}

#[cfg(test)]
mod tests {
    use chainrule_kernels::Backend;

    use crate::nn::layers::Activation;
    use crate::nn::mlp::Mlp;
    use crate::random::{Purpose, Random};

    #[test]
    fn outputs_of_mean_0_and_variance_1_stay_so_through_the_layers_of_a_new_net() {
        let (rows, width) = (100, 300);
        let model = Mlp::<f64>::new(width, &[width; 6], 2, Activation::Selu, 1);
        let mut ws = model.layer_by_layer(rows, Backend::auto());
        let mut random = Random::new(1, Purpose::GradientCheck);
        // The variance of uniform numbers in [−a, a) is a²/3.
        ws.input_mut().data_mut().iter_mut().for_each(|x| *x = random.symmetric(3f64.sqrt()));
        model.forward(&mut ws);
        for (layer, y) in ws.hidden().filter(|(layer, _)| model.layers()[*layer].activation().is_some()) {
            let count = (rows * width) as f64;
            let mean = y.data().iter().sum::<f64>() / count;
            let variance = y.data().iter().map(|y| (y - mean).powi(2)).sum::<f64>() / count;
            assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.15, "layer {layer}: {mean} {variance}");
        }
    }
}
