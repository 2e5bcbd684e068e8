//! The reader of a table: its head first, then all rows or one block after another

use std::fmt;
use std::io::Read;
use std::path::Path;

use super::head::Head;
use super::layout::Layout;
use super::options::Options;
use super::pipeline::{self, Portion};
use super::role::Role;
use super::source::Source;
use super::start::{self, Start};
use super::table::Table;
use crate::config::Dtype;
use crate::error::{Error, Result};

/// Bytes of a chunk, which one thread parses; larger ones are no faster and take more memory (docs/engine.md, row "chunk
/// of a table")
const CHUNK: usize = 1 << 20;
/// Chunks of a block of a file
const CHUNKS: usize = 16;

/// A table whose head has been read
pub struct Reader {
    source: Source,
    start: Start,
    chunk: usize,
}

/// The rows of a table, block by block
pub struct Blocks {
    source: Source,
    head: Head,
    layout: Layout,
    dtype: Dtype,
    /// The line of the next block, counted from 1
    line: u64,
    chunk: usize,
}

impl Reader {
    /// Opens a table, plain or gzip, and reads its head
    ///
    /// # Errors
    /// If the file can't be read, or is empty, or its first lines are not those of a table, or don't show whether there
    /// is a header.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        Self::open_for(path, options, &[])
    }

    /// As [`Self::open`]; a first line that has all columns `wanted` is a header, even if no row follows
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_for(path: &Path, options: Options, wanted: &[String]) -> Result<Self> {
        Self::with_chunks(Source::open(path)?, options, wanted, CHUNK)
    }

    /// Reads the head of a table from a stream, such as standard input; messages call it `name`
    ///
    /// It waits for no more lines than it needs: one if separator and header are known, usually two otherwise.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_stream(name: &str, stream: impl Read + Send + 'static, options: Options) -> Result<Self> {
        Self::from_stream_for(name, stream, options, &[])
    }

    /// As [`Self::from_stream`]; a first line that has all columns `wanted` is a header, even if no row follows
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_stream_for(
        name: &str,
        stream: impl Read + Send + 'static,
        options: Options,
        wanted: &[String],
    ) -> Result<Self> {
        Self::with_chunks(Source::of(Path::new(name), stream)?, options, wanted, CHUNK)
    }

    /// As [`Self::open`], with another size of chunks, which tests make small
    ///
    /// # Errors
    /// As [`Self::open`].
    #[doc(hidden)]
    pub fn open_with_chunks(path: &Path, options: Options, chunk: usize) -> Result<Self> {
        Self::with_chunks(Source::open(path)?, options, &[], chunk)
    }

    fn with_chunks(mut source: Source, options: Options, wanted: &[String], chunk: usize) -> Result<Self> {
        let start = start::read(&mut source, options, wanted, chunk)?;
        Ok(Self { source, start, chunk })
    }

    /// The head of the table
    pub fn head(&self) -> &Head {
        &self.start.head
    }

    /// Reads all rows; `roles` has the role of each column
    ///
    /// # Errors
    /// If a line has another number of cells, a cell is not what its role expects, there are no rows, or the table
    /// doesn't fit into memory.
    ///
    /// # Panics
    /// If `roles` has another length than the names of the head.
    #[track_caller]
    pub fn read(self, roles: &[Role], dtype: Dtype) -> Result<Table> {
        let mut blocks = self.blocks(roles, dtype);
        let table = blocks.portion(None)?;
        if table.rows == 0 {
            return Err(Error::content(&blocks.head.path, "has only a header, expected rows after it"));
        }
        Ok(table)
    }

    /// The rows, block by block, in bounded memory; `roles` has the role of each column
    ///
    /// # Panics
    /// If `roles` has another length than the names of the head.
    #[track_caller]
    pub fn blocks(self, roles: &[Role], dtype: Dtype) -> Blocks {
        self.blocks_keeping(roles, &[], dtype)
    }

    /// As [`Self::blocks`], and the texts of the columns `also_kept`, which have other roles than [`Role::Keep`], are kept
    ///
    /// # Panics
    /// As [`Self::blocks`], or if there is no such column.
    #[track_caller]
    pub fn blocks_keeping(self, roles: &[Role], also_kept: &[usize], dtype: Dtype) -> Blocks {
        let Self { source, start: Start { head, line }, chunk } = self;
        assert_eq!(roles.len(), head.names.len(), "a role for each column");
        let layout = Layout::new(roles, head.separator, head.decimal).keeping(also_kept);
        Blocks { source, head, layout, dtype, line, chunk }
    }
}

impl Blocks {
    /// The head of the table
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Reads the next block of rows, with categories and codes of its own; `None` after the last row
    ///
    /// From a stream, a block holds the whole lines of one read, so each line is answered at once.
    ///
    /// # Errors
    /// As [`Reader::read`], except that a table may have no rows. After an error, the block is lost.
    pub fn next_block(&mut self) -> Result<Option<Table>> {
        loop {
            let before = self.source.offset();
            let table = self.portion(Some((self.chunk * CHUNKS) as u64))?;
            if table.rows > 0 {
                return Ok(Some(table));
            }
            // Blank lines are not the end.
            if self.source.offset() == before {
                return Ok(None);
            }
        }
    }

    /// Reads about as many bytes as given, or all
    fn portion(&mut self, bytes: Option<u64>) -> Result<Table> {
        let Self { source, head, layout, line, chunk, .. } = self;
        let portion = Portion { chunk: *chunk, bytes };
        let table;
        (table, *line) = match self.dtype {
            Dtype::F32 | Dtype::Bf16 => pipeline::run::<f32>(source, head, layout, *line, portion)?,
            Dtype::F64 => pipeline::run::<f64>(source, head, layout, *line, portion)?,
        };
        Ok(table)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("start", &self.start).finish_non_exhaustive()
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("head", &self.head).field("line", &self.line).finish_non_exhaustive()
    }
}
