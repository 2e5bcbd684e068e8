//! Predicting all rows of an input

use std::io::Write;
use std::path::Path;

use chainrule_kernels::Scalar;
use rayon::ThreadPool;

use super::answers::{Answers, Columns};
use super::input::{Block, Input, KeptColumns};
use crate::config::EngineChoice;
use crate::data::Inputs;
use crate::data::encoder::Encoder;
use crate::data::options::TableOptions;
use crate::data::saved_model::{AnyModel, SavedModel};
use crate::error::{Error, Result};
use crate::train::evaluate::Evaluator;

/// What to predict, and how
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The model
    pub model: &'a AnyModel,
    /// A table, or an IDX, .npy or .npz file; `-` is a table, or an IDX or .npy array, on standard input
    pub input: &'a str,
    /// The array of an .npz; `None` for one of a usual name
    pub x: Option<&'a str>,
    /// How a table is read; only `header`, `separator` and `decimal` count
    pub table: &'a TableOptions,
    /// The columns of the predictions
    pub columns: &'a Columns,
    /// The name of the output, for messages
    pub output: &'a Path,
}

/// What was predicted
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Number of rows
    pub rows: u64,
    /// A warning for each column with values that the model does not know
    pub warnings: Vec<String>,
}

/// Predicts each row and writes its line to `out`, in the order of the rows
///
/// It needs memory for a few blocks of rows, however many there are. A row of standard input is answered before the next
/// is read. The results do not depend on the number of threads of `pool`.
///
/// # Errors
/// If the input can't be read, has no rows or does not fit the model, or `out` can't be written to.
pub fn predict(request: &Request<'_>, pool: &ThreadPool, out: &mut dyn Write) -> Result<Outcome> {
    match request.model {
        AnyModel::Single(model) => run(model, request, pool, out),
        AnyModel::Double(model) => run(model, request, pool, out),
    }
}

fn run<T: Scalar>(
    model: &SavedModel<T>,
    request: &Request<'_>,
    pool: &ThreadPool,
    out: &mut dyn Write,
) -> Result<Outcome> {
    let (signature, columns, dtype) = (&model.signature, request.columns, model.dtype);
    let kept = KeptColumns { ids: &model.id_columns, asked: &columns.keep };
    let mut input =
        Input::open((request.input, request.x), &signature.preprocessing, kept, request.table, dtype)?;
    let mut predictor = Predictor {
        model,
        answers: Answers::new(&signature.outputs, columns)?,
        evaluator: Evaluator::new(EngineChoice::Auto.backend(dtype)?, signature.outputs.clone()),
        encoder: Encoder::new(model.preprocessing(input.has_bytes()), &Inputs::default()),
        row_numbers: Vec::new(),
    };
    let mut write = |lines: &[Vec<u8>]| -> Result<()> {
        lines.iter().try_for_each(|lines| out.write_all(lines)).map_err(Error::writing(request.output))?;
        out.flush().map_err(Error::writing(request.output))
    };
    let mut header = Some(predictor.answers.header(&input.kept)?);
    let next = |input: &mut Input| input.next_block(&signature.preprocessing);
    let (is_live, mut rows) = (input.is_live, 0);
    // A table on standard input may pause between two lines, so its next block is read only after the answers to this.
    let mut block = pool.install(|| next(&mut input))?;
    while let Some(this) = block {
        rows += this.rows as u64;
        let (lines, following) = if is_live {
            (pool.install(|| predictor.lines(&this)), None)
        } else {
            pool.install(|| rayon::join(|| predictor.lines(&this), || Some(next(&mut input))))
        };
        write(&header.take().into_iter().collect::<Vec<_>>())?;
        write(&lines)?;
        block = following.unwrap_or_else(|| pool.install(|| next(&mut input)))?;
    }
    if rows == 0 {
        return Err(input.no_rows());
    }
    Ok(Outcome { rows, warnings: input.unknown.warnings(&signature.preprocessing) })
}

/// A model with what it needs to predict blocks of rows
struct Predictor<'a, T> {
    model: &'a SavedModel<T>,
    answers: Answers,
    evaluator: Evaluator<T>,
    /// The encoder of blocks without categories
    encoder: Encoder<T>,
    /// 0, 1, 2, …
    row_numbers: Vec<u32>,
}

impl<T: Scalar> Predictor<'_, T> {
    /// The lines of a block, batch by batch
    fn lines(&mut self, block: &Block) -> Vec<Vec<u8>> {
        let Self { model, answers, evaluator, encoder, row_numbers } = self;
        // The indices of categories are those of the block.
        let own = (!block.inputs.categories.is_empty())
            .then(|| Encoder::new(&model.signature.preprocessing, &block.inputs));
        let encoder = own.as_ref().unwrap_or(encoder);
        row_numbers.extend(row_numbers.len() as u32..block.rows.max(row_numbers.len()) as u32);
        let rows = &row_numbers[..block.rows];
        evaluator.outputs(&model.model, encoder, &block.cells, rows, |start, predicted, outputs| {
            answers.lines(block, start, predicted, outputs)
        })
    }
}
