//! The rows of an array file, read block by block, so that the array may be larger than memory

use std::io::Read;
use std::path::Path;

use super::array::{Array, Elements, Use};
use super::elements::Layout;
use super::source::Source;
use super::source_kind::Kind;
use super::{Cells, idx, npy};
use crate::error::Result;

/// Most rows of a block
const ROWS: usize = 1 << 14;

/// Most bytes of a block in memory, unless one row is longer
const BYTES: usize = 1 << 24;

/// The rows of an IDX or NPY file, of an array of an NPZ file, or of a stream
///
/// An array in Fortran order that is compressed or comes from a stream can't be read row by row, so it is read whole, and so is
/// one of an NPZ file.
pub struct ArrayStream {
    dims: Vec<usize>,
    done: usize,
    rows: Rows,
}

enum Rows {
    InFile { source: Source<'static>, layout: Layout, for_use: Use },
    InMemory(Elements),
}

impl ArrayStream {
    /// Opens an IDX or NPY file and reads its header
    ///
    /// # Errors
    /// If the file can't be read, its header is damaged, or a plain file is longer or shorter than the header states.
    pub fn open(path: &Path, kind: Kind, for_use: Use) -> Result<Self> {
        Self::of(Source::open_owned(path.to_owned())?, kind, for_use)
    }

    /// Reads the header of an IDX or NPY array that comes from a stream; messages call it `name`
    ///
    /// # Errors
    /// If it can't be read, or its header is damaged.
    pub fn from_stream(
        name: &str,
        stream: impl Read + Send + 'static,
        kind: Kind,
        for_use: Use,
    ) -> Result<Self> {
        Self::of(Source::stream(name, stream), kind, for_use)
    }

    /// The rows of an array in memory
    pub fn in_memory(array: Array) -> Self {
        Self { dims: array.dims, done: 0, rows: Rows::InMemory(array.elements) }
    }

    fn of(mut source: Source<'static>, kind: Kind, for_use: Use) -> Result<Self> {
        let layout = if kind == Kind::Idx { idx::header(&mut source)? } else { npy::header(&mut source)? };
        let dims = layout.dims.clone();
        let rows = if layout.is_in_rows() || source.is_plain() {
            layout.check_len(&source)?;
            Rows::InFile { source, layout, for_use }
        } else {
            let elements = layout.elements(&mut source, for_use)?;
            Rows::InMemory(elements)
        };
        Ok(Self { dims, done: 0, rows })
    }

    /// The dimensions of the array; the first one counts the rows
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Whether the elements are bytes, such as those of images
    pub fn has_bytes(&self) -> bool {
        match &self.rows {
            Rows::InFile { layout, .. } => layout.has_bytes(),
            Rows::InMemory(elements) => matches!(elements, Elements::Bytes(_)),
        }
    }

    /// The next rows and how many they are; `None` after the last
    ///
    /// # Errors
    /// If the file can't be read, or an element is not valid.
    pub fn next_block(&mut self) -> Result<Option<(usize, Cells)>> {
        let columns: usize = self.dims[1..].iter().product();
        let fitting = BYTES / (columns * size_of::<f64>());
        let rows = (self.dims[0] - self.done).min(fitting.clamp(1, ROWS));
        if rows == 0 {
            return Ok(None);
        }
        let range = self.done..self.done + rows;
        self.done += rows;
        let elements = match &mut self.rows {
            Rows::InFile { source, layout, for_use } => layout.rows(source, range, *for_use)?,
            Rows::InMemory(elements) => part(elements, range.start * columns, rows * columns),
        };
        Ok(Some((rows, Cells::from(elements))))
    }
}

/// Some of the elements
fn part(elements: &Elements, start: usize, len: usize) -> Elements {
    let range = start..start + len;
    match elements {
        Elements::Bytes(bytes) => Elements::Bytes(bytes[range].to_vec()),
        Elements::Single(numbers) => Elements::Single(numbers[range].to_vec()),
        Elements::Double(numbers) => Elements::Double(numbers[range].to_vec()),
        Elements::Integers(integers) => Elements::Integers(integers[range].to_vec()),
    }
}
