//! Dense neural networks: matrix, layers, loss, model, optimizer, gradient check and model file

pub mod class_name;
pub mod gradient_check;
pub mod layers;
pub mod loss;
pub mod matrix;
pub mod mlp;
pub mod model_file;
mod model_header;
pub mod parameter;
pub mod sgd;
pub mod workspace;
