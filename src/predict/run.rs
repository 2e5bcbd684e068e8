//! Predicting all rows of an input

use std::io::Write;
use std::path::Path;

use chainrule_kernels::Scalar;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::agreement::check_agreement;
use super::answers::{Answers, Columns};
use super::block_reader::{AnyBlockReader, BlockReader};
use super::copies::{Copies, CopiesChoice};
use super::input::{Block, Input, KeptColumns};
use super::mean::{self, Mean, most_probable};
use crate::config::Dtype;
use crate::data::options::TableOptions;
use crate::data::preprocessing::Preprocessing;
use crate::data::saved_model::AnyModel;
use crate::error::{Error, Result};
use crate::train::evaluate::BATCH_ROWS;

/// What to predict, and how
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The models with their names for messages, at least one; the predictions are the mean of theirs
    pub models: &'a [(&'a Path, &'a AnyModel)],
    /// A table, or an IDX, .npy or .npz file; `-` is a table, or an IDX or .npy array, on standard input
    pub input: &'a str,
    /// The array of an .npz; `None` for one of a usual name
    pub x: Option<&'a str>,
    /// How a table is read; only `header`, `separator` and `decimal` count
    pub table: &'a TableOptions,
    /// The copies of each image whose predictions are averaged
    pub copies: CopiesChoice,
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
    /// A warning for each column with values that the model does not know, and for copies of images that it was not made for
    pub warnings: Vec<String>,
}

/// Predicts each row and writes its line to `out`, in the order of the rows
///
/// It needs memory for a few blocks of rows, however many there are. A row of standard input is answered before the next
/// is read. The results do not depend on the number of threads of `pool`.
///
/// Of several models, probabilities, or targets in their units, are averaged in f64 in the order of the models; of copies of an
/// image, those of each model before.
///
/// # Errors
/// If the input can't be read, has no rows or does not fit the model, the models do not fit each other, copies are asked for of
/// rows that are no images, or `out` can't be written to.
///
/// # Panics
/// If there is no model.
pub fn predict(request: &Request<'_>, pool: &ThreadPool, out: &mut dyn Write) -> Result<Outcome> {
    check_agreement(request.models)?;
    let mut input = open(request)?;
    let (_, first) = request.models[0];
    let (outputs, has_bytes) = (&first.signature().outputs, input.has_bytes());
    let copies = Copies::new(request.copies, preprocessings(request), input.dims())?;
    match request.models {
        [(_, AnyModel::Single(model))] if copies.is_none() => {
            let answers = Answers::new(outputs, request.columns)?;
            run(One { answers, reader: BlockReader::new(model, has_bytes)? }, &mut input, request, pool, out)
        }
        [(_, AnyModel::Double(model))] if copies.is_none() => {
            let answers = Answers::new(outputs, request.columns)?;
            run(One { answers, reader: BlockReader::new(model, has_bytes)? }, &mut input, request, pool, out)
        }
        models => {
            let readers = models.iter().map(|(_, model)| AnyBlockReader::new(model, has_bytes));
            let readers = readers.collect::<Result<_>>()?;
            let answers = Answers::new(&mean::outputs(outputs), request.columns)?;
            run(Several { answers, readers, copies, width: outputs.len() }, &mut input, request, pool, out)
        }
    }
}

/// The preprocessing of each model
fn preprocessings<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a Preprocessing> {
    request.models.iter().map(|(_, model)| &model.signature().preprocessing)
}

/// Opens the input as the models read it; if one of them is f64, numbers are read as f64
fn open(request: &Request<'_>) -> Result<Input> {
    let models = || request.models.iter().map(|(_, model)| *model);
    let mut ids: Vec<String> = Vec::new();
    for id in models().flat_map(AnyModel::id_columns) {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    let kept = KeptColumns { ids: &ids, asked: &request.columns.keep };
    let (_, first) = request.models[0];
    let dtype = if models().any(|model| model.dtype() == Dtype::F64) { Dtype::F64 } else { first.dtype() };
    Input::open((request.input, request.x), &first.signature().preprocessing, kept, request.table, dtype)
}

fn run(
    mut predictor: impl Predictor,
    input: &mut Input,
    request: &Request<'_>,
    pool: &ThreadPool,
    out: &mut dyn Write,
) -> Result<Outcome> {
    let (_, first) = request.models[0];
    let preprocessing = &first.signature().preprocessing;
    let mut write = |lines: &[Vec<u8>]| -> Result<()> {
        lines.iter().try_for_each(|lines| out.write_all(lines)).map_err(Error::writing(request.output))?;
        out.flush().map_err(Error::writing(request.output))
    };
    let mut header = Some(predictor.answers().header(&input.kept)?);
    let next = |input: &mut Input| input.next_block(preprocessing);
    let (is_live, mut rows) = (input.is_live, 0);
    // A table on standard input may pause between two lines, so its next block is read only after the answers to this.
    let mut block = pool.install(|| next(input))?;
    while let Some(this) = block {
        rows += this.rows as u64;
        let (lines, following) = if is_live {
            (pool.install(|| predictor.lines(&this)), None)
        } else {
            pool.install(|| rayon::join(|| predictor.lines(&this), || Some(next(input))))
        };
        write(&header.take().into_iter().collect::<Vec<_>>())?;
        write(&lines)?;
        block = following.unwrap_or_else(|| pool.install(|| next(input)))?;
    }
    if rows == 0 {
        return Err(input.no_rows());
    }
    let mut warnings = input.unknown.warnings(preprocessing);
    warnings.extend(request.copies.warning(preprocessings(request)));
    Ok(Outcome { rows, warnings })
}

/// Predicts blocks of rows
trait Predictor: Send {
    /// How lines are written
    fn answers(&self) -> &Answers;
    /// The lines of a block, batch by batch
    fn lines(&mut self, block: &Block) -> Vec<Vec<u8>>;
}

/// One model
struct One<'a, T> {
    answers: Answers,
    reader: BlockReader<'a, T>,
}

impl<T: Scalar> Predictor for One<'_, T> {
    fn answers(&self) -> &Answers {
        &self.answers
    }

    fn lines(&mut self, block: &Block) -> Vec<Vec<u8>> {
        let Self { answers, reader } = self;
        reader.outputs(block, |start, predicted, outputs| answers.lines(block, start, predicted, outputs))
    }
}

/// The mean of several models, or of copies of each image
struct Several<'a> {
    answers: Answers,
    readers: Vec<AnyBlockReader<'a>>,
    copies: Option<Copies>,
    /// Number of outputs
    width: usize,
}

impl Predictor for Several<'_> {
    fn answers(&self) -> &Answers {
        &self.answers
    }

    fn lines(&mut self, block: &Block) -> Vec<Vec<u8>> {
        let Self { answers, readers, copies, width } = self;
        let mut mean = Mean::default();
        readers.iter_mut().for_each(|reader| mean.add(&reader.values(block, copies.as_ref())));
        let (answers, width) = (&*answers, *width);
        let lines = |(at, means): (usize, &[f64])| {
            answers.lines(block, at * BATCH_ROWS, &most_probable(means, width), means)
        };
        mean.finish().par_chunks(BATCH_ROWS * width).enumerate().map(lines).collect()
    }
}
