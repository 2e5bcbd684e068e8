//! Using models that were trained: predictions for rows that stream through, and metrics of labelled rows; of one model, or of
//! the mean of several

mod agreement;
mod answers;
mod block_reader;
mod copies;
mod ensemble;
mod evaluation;
mod input;
mod mean;
mod row_metrics;
mod run;
mod text_cell;
mod top;
mod trained_rows;

pub use answers::Columns;
pub use copies::CopiesChoice;
pub use ensemble::{ENSEMBLE, EnsembleEvaluation, evaluate_ensemble};
pub use evaluation::{Evaluation, Part, evaluate};
pub use run::{Outcome, Request, predict};
pub use trained_rows::trained_rows_warning;
