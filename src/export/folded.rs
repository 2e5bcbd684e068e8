//! Models without the layers that only training needs: batch normalisation becomes part of the weights, and dropout nothing

use crate::data::saved_model::SavedModel;
use crate::nn::layers::{BatchNorm, Layer, LayerNorm, Linear};
use crate::nn::matrix::Matrix;
use crate::nn::mlp::Mlp;

/// The model in which each batch normalisation is folded into the linear layer before it; `None` if there is nothing to fold
///
/// With `s = γ / √(σ² + ε)` of the running averages, `γ (x W + b − μ) / √(σ² + ε) + β` is `x (W s) + (b − μ) s + β`: each
/// column of W is multiplied by its element of s. The indices of layers are those of the layers that are left.
///
/// # Errors
/// If a batch normalisation does not follow a linear layer.
pub fn folded(saved: &SavedModel<f64>) -> Result<Option<SavedModel<f64>>, String> {
    let layers = saved.model.layers();
    if !layers.iter().any(|layer| matches!(layer, Layer::BatchNorm(_) | Layer::Dropout(_))) {
        return Ok(None);
    }
    let mut left: Vec<Layer<f64>> = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        match layer {
            Layer::BatchNorm(norm) => match left.last_mut() {
                Some(Layer::Linear(linear)) => fold(norm, linear),
                _ => return Err(format!("layer {at}, `{layer}`, does not follow a linear layer")),
            },
            Layer::Dropout(_) => {}
            Layer::Linear(linear) => left.push(Layer::Linear(copy(linear))),
            Layer::LayerNorm(norm) => {
                let mut copy = LayerNorm::new(norm.width());
                (copy.gamma, copy.beta) = (norm.gamma.clone(), norm.beta.clone());
                left.push(Layer::LayerNorm(copy));
            }
            Layer::Activation(activation) => left.push(Layer::Activation(*activation)),
        }
    }
    let SavedModel { dtype, signature, id_columns, target_column, metadata, imported, .. } = saved;
    Ok(Some(SavedModel {
        model: Mlp::from_layers(saved.model.features(), left)?,
        dtype: *dtype,
        signature: signature.clone(),
        id_columns: id_columns.clone(),
        target_column: target_column.clone(),
        metadata: metadata.clone(),
        imported: imported.clone(),
    }))
}

fn copy(linear: &Linear<f64>) -> Linear<f64> {
    let mut copy = Linear::new(linear.w.clone());
    copy.b.clone_from(&linear.b);
    copy
}

fn fold(norm: &BatchNorm<f64>, linear: &mut Linear<f64>) {
    let (scale, shift) = norm.evaluation_line();
    let (rows, cols) = linear.w.shape();
    linear.w = Matrix::from_fn(rows, cols, |i, j| linear.w.row(i)[j] * scale[j]);
    linear.b.iter_mut().enumerate().for_each(|(j, b)| *b = *b * scale[j] + shift[j]);
}
