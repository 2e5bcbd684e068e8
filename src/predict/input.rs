//! The rows that a model predicts: blocks of a table or of an array

use std::collections::HashSet;
use std::io::stdin;
use std::path::{Path, PathBuf};

use crate::config::Dtype;
use crate::data::array::Use;
use crate::data::array_stream::ArrayStream;
use crate::data::csv::{self, Blocks, Kept};
use crate::data::model_cells::{self, Origin, UnknownValues};
use crate::data::model_columns::{ModelColumns, is_category};
use crate::data::options::TableOptions;
use crate::data::preprocessing::Preprocessing;
use crate::data::source_kind::{self, Kind};
use crate::data::table_set::STDIN;
use crate::data::{Cells, Inputs, numpy_set, table_set};
use crate::error::{Error, Result, separated};

/// Rows that are predicted at once
#[derive(Debug)]
pub struct Block {
    /// Number of rows
    pub rows: usize,
    /// The number of the first row, counted from 1
    pub first_row: u64,
    /// What the columns are
    pub inputs: Inputs,
    /// The cells in the order and the type that the model reads
    pub cells: Cells,
    /// The columns that are copied, in the order in which they are asked for
    pub kept: Vec<Kept>,
}

/// Which columns of the input are copied
#[derive(Clone, Copy, Debug)]
pub struct KeptColumns<'a> {
    /// Columns that named the rows in training; those that the input has are copied
    pub ids: &'a [String],
    /// Columns that a person asks for, which must be there
    pub asked: &'a [String],
}

/// The rows of a file or of standard input
pub struct Input {
    source: Source,
    path: PathBuf,
    /// Names of the columns that are copied
    pub kept: Vec<String>,
    /// Whether rows may come later than others, so that each block is answered before the next is read
    pub is_live: bool,
    next_row: u64,
    /// Values of categories that the model does not know
    pub unknown: UnknownValues,
}

enum Source {
    Table {
        blocks: Box<Blocks>,
        columns: ModelColumns,
        /// The index among the kept columns of each that is asked for
        kept: Vec<usize>,
    },
    Array(ArrayStream),
}

impl Input {
    /// Opens a table, an IDX, .npy or .npz file; `-` is standard input, from which come tables, and IDX and .npy arrays
    ///
    /// * `x`: the array of an .npz; without it, one of a usual name
    ///
    /// # Errors
    /// If it can't be read, is of another kind, or lacks columns of the model or of `keep`.
    pub fn open(
        (path, x): (&str, Option<&str>),
        model: &Preprocessing,
        keep: KeptColumns<'_>,
        options: &TableOptions,
        dtype: Dtype,
    ) -> Result<Self> {
        // The model says what replaces a missing number.
        let for_use = Use::FeaturesOrNan(dtype);
        let (file, is_live) = if path == "-" { (STDIN.as_ref(), true) } else { (Path::new(path), false) };
        let expected = |found: &str| {
            let problem = format!("is {found}, expected a table, or an IDX, .npy or .npz file of inputs");
            Err(Error::content(file, problem))
        };
        if is_live {
            let (kind, stream) = source_kind::of_stream(stdin()).map_err(Error::reading(file))?;
            return match kind {
                Kind::Idx | Kind::Npy => {
                    let array = ArrayStream::from_stream(STDIN, stream, kind, for_use)?;
                    Self::array(file, array, model, keep)
                }
                Kind::Npz => Err(Error::content(
                    file,
                    "is an .npz, whose directory is at its end; save it to a file, and name that",
                )),
                Kind::Table | Kind::Folder | Kind::Model => {
                    let reader = table_set::open_stream(stream, options, &model.names)?;
                    Self::table(reader, is_live, model, keep, dtype)
                }
            };
        }
        match source_kind::kind(file)? {
            Kind::Table => {
                Self::table(table_set::open(path, options, &model.names)?, is_live, model, keep, dtype)
            }
            kind @ (Kind::Idx | Kind::Npy) => {
                Self::array(file, ArrayStream::open(file, kind, for_use)?, model, keep)
            }
            Kind::Npz => {
                let array = numpy_set::inputs(file, x, for_use)?;
                Self::array(file, ArrayStream::in_memory(array), model, keep)
            }
            Kind::Folder => expected("a folder"),
            Kind::Model => expected("a model"),
        }
    }

    fn table(
        reader: csv::Reader,
        is_live: bool,
        model: &Preprocessing,
        keep: KeptColumns<'_>,
        dtype: Dtype,
    ) -> Result<Self> {
        let head = reader.head().clone();
        let mut columns = ModelColumns::of(&head, model, &[], &[])?;
        let is_there = |name: &&String| head.names.contains(name);
        let ids = keep.ids.iter().filter(is_there).map(|name| head.column(name, "the model copies"));
        let asked = keep.asked.iter().map(|name| table_set::column(&head, name, "--keep"));
        let mut asked = ids.chain(asked).collect::<Result<Vec<_>>>()?;
        let mut known = HashSet::new();
        asked.retain(|&column| known.insert(column));
        let mut in_file = asked.clone();
        in_file.sort_unstable();
        in_file.dedup();
        let mut also_kept = vec![];
        for &column in &in_file {
            match &mut columns.roles[column] {
                role @ csv::Role::Skip => *role = csv::Role::Keep,
                _ => also_kept.push(column),
            }
        }
        let kept = asked.iter().map(|column| in_file.binary_search(column).unwrap_or_default()).collect();
        let names = asked.iter().map(|&column| head.names[column].clone()).collect();
        let blocks = reader.blocks_keeping(&columns.roles, &also_kept, dtype);
        let source = Source::Table { blocks: Box::new(blocks), columns, kept };
        let unknown = UnknownValues::default();
        Ok(Self { source, path: head.path, kept: names, is_live, next_row: 1, unknown })
    }

    fn array(path: &Path, array: ArrayStream, model: &Preprocessing, keep: KeptColumns<'_>) -> Result<Self> {
        let error = |problem: String| Err(Error::content(path, problem));
        if !keep.asked.is_empty() {
            return error("is an array, whose columns have no names; --keep is for tables".to_owned());
        }
        if (0..model.columns()).any(|column| is_category(model, column)) {
            return error(
                "is an array, but the model has columns of categories, expected a table".to_owned(),
            );
        }
        let (rows, dims) = array.dims().split_first().map_or((0, &[][..]), |(&rows, dims)| (rows, dims));
        let found: usize = dims.iter().product();
        if dims.is_empty() && model.columns() != 1 || found != model.columns() {
            let found = dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
            let found = if dims.is_empty() { "1 number, as labels have".to_owned() } else { found };
            let expected = model.dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
            let rows = separated(rows);
            return error(format!(
                "has {rows} rows of {found}, expected rows of {expected}, as the model reads"
            ));
        }
        let (source, unknown) = (Source::Array(array), UnknownValues::default());
        let path = path.to_owned();
        Ok(Self { source, path, kept: Vec::new(), is_live: false, next_row: 1, unknown })
    }

    /// The dimensions of a row of an array; empty for a table
    pub fn dims(&self) -> &[usize] {
        match &self.source {
            Source::Table { .. } => &[],
            Source::Array(array) => array.dims().get(1..).unwrap_or_default(),
        }
    }

    /// Whether the cells are bytes, such as those of images
    pub fn has_bytes(&self) -> bool {
        matches!(&self.source, Source::Array(array) if array.has_bytes())
    }

    /// The error for a table without rows
    pub fn no_rows(&self) -> Error {
        Error::content(&self.path, "has only a header, expected rows after it")
    }

    /// The next rows; `None` after the last
    ///
    /// # Errors
    /// If a line is malformed, or a cell is not what the model reads.
    pub fn next_block(&mut self, model: &Preprocessing) -> Result<Option<Block>> {
        let Self { source, path, next_row, unknown, .. } = self;
        let first_row = *next_row;
        let block = match source {
            Source::Table { blocks, columns, kept } => {
                let Some(table) = blocks.next_block()? else { return Ok(None) };
                let place = |row: usize| format!("line {}", table.lines.line(row));
                let origin = Origin { path, place: &place };
                let cells = match table.cells {
                    csv::Cells::Single(cells) => Cells::Single(cells),
                    csv::Cells::Double(cells) => Cells::Double(cells),
                };
                let cells = model_cells::fit(model, cells, columns.places.as_deref(), origin)?;
                let (dims, names) = (model.dims.clone(), model.names.clone());
                let categories = columns.categories(table.categories);
                let inputs = Inputs { dims, names, categories, ..Inputs::default() };
                unknown.count(model, &inputs, &cells, place);
                let kept = kept.iter().map(|&at| table.kept[at].clone()).collect();
                Block { rows: table.rows, first_row, inputs, cells, kept }
            }
            Source::Array(array) => {
                let Some((rows, cells)) = array.next_block()? else { return Ok(None) };
                let place = |row: usize| format!("row {}", first_row + row as u64);
                let cells = model_cells::fit(model, cells, None, Origin { path, place: &place })?;
                Block { rows, first_row, inputs: Inputs::of_array(&model.dims), cells, kept: Vec::new() }
            }
        };
        *next_row += block.rows as u64;
        Ok(Some(block))
    }
}
