//! Using a model that was trained: predictions for rows that stream through, and the metrics of labelled rows

mod answers;
mod evaluation;
mod input;
mod run;
mod text_cell;

pub use answers::Columns;
pub use evaluation::{Evaluation, Part, evaluate};
pub use run::{Outcome, Request, predict};
