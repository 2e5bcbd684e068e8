//! The outputs of one model for blocks of rows

use chainrule_kernels::Scalar;

use super::copies::Copies;
use super::input::Block;
use super::mean::values;
use crate::config::EngineChoice;
use crate::data::encoder::Encoder;
use crate::data::saved_model::{AnyModel, SavedModel};
use crate::data::{Cells, Inputs};
use crate::error::Result;
use crate::train::evaluate::Evaluator;

/// A model with what it needs to compute its outputs for blocks of rows
#[derive(Debug)]
pub struct BlockReader<'a, T> {
    model: &'a SavedModel<T>,
    evaluator: Evaluator<T>,
    /// The encoder of blocks without categories
    encoder: Encoder<T>,
    /// 0, 1, 2, …
    row_numbers: Vec<u32>,
}

impl<'a, T: Scalar> BlockReader<'a, T> {
    /// A reader of blocks for a model
    ///
    /// * `has_bytes`: whether the cells are bytes, such as those of images
    ///
    /// # Errors
    /// If this processor can't compute with the model.
    pub fn new(model: &'a SavedModel<T>, has_bytes: bool) -> Result<Self> {
        let outputs = model.signature.outputs.clone();
        Ok(Self {
            model,
            evaluator: Evaluator::new(EngineChoice::Auto.backend(model.dtype)?, outputs),
            encoder: Encoder::new(model.preprocessing(has_bytes), &Inputs::default()),
            row_numbers: Vec::new(),
        })
    }

    /// What `each` returns for each batch of a block, as [`Evaluator::outputs`] says
    pub fn outputs<R: Send>(
        &mut self,
        block: &Block,
        each: impl Fn(usize, &[u32], &[T]) -> R + Sync,
    ) -> Vec<R> {
        self.outputs_of(block, (&block.cells.of_dtype(self.model.dtype), block.rows), each)
    }

    /// The outputs of a block as they are averaged: batch by batch, or of all its rows their means over the copies
    fn values(&mut self, block: &Block, copies: Option<&Copies>) -> Vec<Vec<f64>> {
        let cells = block.cells.of_dtype(self.model.dtype);
        let outputs = &self.model.signature.outputs;
        let mut of =
            |cells: &Cells, rows| self.outputs_of(block, (cells, rows), |_, _, batch| values(outputs, batch));
        match copies {
            None => of(&cells, block.rows),
            Some(copies) => vec![copies.means(&cells, outputs.len(), of)],
        }
    }

    /// What `each` returns for each batch of the first `rows` rows of `cells`
    ///
    /// * `cells`: those of `block`, or of moved copies of its rows
    fn outputs_of<R: Send>(
        &mut self,
        block: &Block,
        (cells, rows): (&Cells, usize),
        each: impl Fn(usize, &[u32], &[T]) -> R + Sync,
    ) -> Vec<R> {
        let Self { model, evaluator, encoder, row_numbers } = self;
        // The indices of categories are those of the block.
        let own = (!block.inputs.categories.is_empty())
            .then(|| Encoder::new(&model.signature.preprocessing, &block.inputs));
        let encoder = own.as_ref().unwrap_or(encoder);
        row_numbers.extend(row_numbers.len() as u32..rows.max(row_numbers.len()) as u32);
        evaluator.outputs(&model.model, encoder, cells, &row_numbers[..rows], each)
    }
}

/// A reader of blocks for a model in the element type of its file
#[derive(Debug)]
pub enum AnyBlockReader<'a> {
    /// Of a model in f32, or with products of bf16
    Single(BlockReader<'a, f32>),
    /// Of a model in f64
    Double(BlockReader<'a, f64>),
}

impl<'a> AnyBlockReader<'a> {
    /// A reader of blocks for a model
    ///
    /// # Errors
    /// As [`BlockReader::new`].
    pub fn new(model: &'a AnyModel, has_bytes: bool) -> Result<Self> {
        Ok(match model {
            AnyModel::Single(model) => Self::Single(BlockReader::new(model, has_bytes)?),
            AnyModel::Double(model) => Self::Double(BlockReader::new(model, has_bytes)?),
        })
    }

    /// The outputs of a block as they are averaged: batch by batch, or of all its rows their means over the copies
    pub fn values(&mut self, block: &Block, copies: Option<&Copies>) -> Vec<Vec<f64>> {
        match self {
            Self::Single(reader) => reader.values(block, copies),
            Self::Double(reader) => reader.values(block, copies),
        }
    }
}
