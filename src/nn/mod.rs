//! Dense neural networks: matrix, layers, loss, model, optimizers, gradient check and model file

pub mod adamw;
pub mod design;
pub mod gradient_check;
pub mod initial_weights;
pub mod layers;
pub mod loss;
pub mod matrix;
mod metadata;
pub mod mlp;
pub mod model_file;
pub mod model_header;
pub mod optimizer;
pub mod parameter;
pub mod sgd;
pub mod state_dict;
pub mod step;
pub mod stored;
pub mod tensor_file;
pub mod workspace;

pub use metadata::Metadata;
